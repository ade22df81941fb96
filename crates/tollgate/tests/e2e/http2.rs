//! HTTP/2 (RFC 9113) in clear text and by prior knowledge, on a listener that speaks HTTP/1.1 as well. What a request is answered does
//! not depend on how it came: where these tests do not say it themselves, they play what is played over HTTP/1.1 elsewhere.

mod bodies;
mod bodies_read;
mod connections;
mod drain;
mod exchanges;
mod garbage;
mod heads;
mod heads_corpus;
mod late_faults;
mod leaving;
mod refusals;
mod same;
mod same_random;
mod streams;

use crate::support::{self, gateway};
use engine::reason::Reason;
use serde_json::Value;
use testkit::client::Response;
use testkit::gateway::Gateway;
use testkit::http2::{Code, End, Request};
use testkit::upstream::echo;

/// Everything goes to an upstream that echoes.
const OPEN: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
routes: [{ name: all, paths: ["/*"], upstream: echo, auth: { none: {} } }]
"#;

/// With one upstream that echoes, and a listener that speaks both.
async fn with_echo(config: &str) -> Gateway {
    gateway(config).http2().upstream(echo()).start().await
}

/// The same request as HTTP/2 has it.
fn as_http2(bytes: &[u8]) -> Request {
    Request::of_http1(bytes).unwrap_or_else(|| panic!("no HTTP/2 request: {}", bytes.escape_ascii()))
}

fn get(target: &str, fields: &[&str]) -> Request {
    as_http2(&support::get(target, fields))
}

/// A POST whose body is still to come.
fn post(target: &str, fields: &[&str]) -> Request {
    as_http2(&support::request("POST", target, fields, ""))
}

/// The line of the access log about an answer, which says that it went over HTTP/2.
async fn logged(gateway: &Gateway, response: &Response) -> Value {
    let id = response.header("x-request-id").unwrap_or_else(|| panic!("no request ID in {response}"));
    let line = gateway.log_line(id).await;
    assert_eq!(line["protocol"], "HTTP/2", "{line}");
    line
}

/// A refusal for exactly this reason: to the client and in the log.
async fn check_refusal(gateway: &Gateway, response: &Response, reason: Reason) {
    assert_eq!((response.status, response.cut.as_ref()), (reason.status(), None), "{}: {response}", reason.code());
    assert_eq!(response.json()["code"], reason.kind().code(), "{response}");
    let line = logged(gateway, response).await;
    assert_eq!((&line["reason"], &line["status"]), (&reason.code().into(), &reason.status().into()), "{line}");
}

/// Whether the request was called malformed as RFC 9113 (8.1.1) has it: its stream is reset, or the whole connection given up (5.4.1).
fn is_protocol_error(end: &End) -> bool {
    match end {
        End::Reset(code, answer) => *code == Code::PROTOCOL_ERROR && answer.status == 0,
        End::GoAway(code) => *code == Code::PROTOCOL_ERROR,
        End::Answered(_) | End::Closed => false,
    }
}
