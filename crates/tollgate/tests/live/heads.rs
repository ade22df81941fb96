//! The corpus of malformed heads against the whole gateway: each is refused as it has to be, or arrives upstream as one request.

use crate::program::{BINARY, eventually};
use serde_json::Value;
use std::collections::HashMap;
use testkit::client::{Connection, Response};
use testkit::gateway::{Gateway, gateway};
use testkit::heads::{Expect, HeadCase, corpus};
use testkit::upstream::{self, Received};

const CONFIG: &str = r#"
upstreams: { main: { endpoints: ["{{upstream}}"] } }
routes:
  - { name: all, paths: [/*], upstream: main, auth: { none: {} } }
"#;
const GOOD: &[u8] = b"GET /good?n=1 HTTP/1.1\r\nHost: good.example\r\n\r\n";

async fn started() -> Gateway {
    gateway(BINARY, CONFIG).upstream(upstream::echo()).start().await
}

/// What a refusal has to be in the access log as, by request ID.
type Refusals = HashMap<String, (&'static str, &'static str, u16)>;

/// The method that the response is to: `HEAD` has no body.
fn method(case: &HeadCase) -> &'static str {
    let start = case.bytes.strip_prefix(b"\r\n").unwrap_or(&case.bytes);
    if start.starts_with(b"HEAD ") { "HEAD" } else { "GET" }
}

fn check_refusal(case: &HeadCase, response: &Response, status: u16) {
    let HeadCase { name, rfc, .. } = case;
    assert_eq!(response.status, status, "{name} ({rfc}): {response}");
    assert_eq!(response.header("connection"), Some("close"), "{name} ({rfc}): {response}");
    assert!(response.cut.is_none(), "{name} ({rfc}): {response}");
}

/// What came upstream is one request that means one thing.
fn check_well_formed(name: &str, received: &Received) {
    let Received { fault, method, target, version, headers, raw, .. } = received;
    assert_eq!(*fault, None, "{name}: {}", raw.escape_ascii());
    assert!(!method.is_empty() && method.bytes().all(|byte| byte.is_ascii_graphic()), "{name}: {method:?}");
    assert!(target == "*" || target.starts_with('/'), "{name}: {target:?}");
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{name}: {target:?}");
    assert_eq!(version, "HTTP/1.1", "{name}");
    let count = |wanted: &str| headers.iter().filter(|(field, _)| field.eq_ignore_ascii_case(wanted)).count();
    assert_eq!(count("host"), 1, "{name}: {headers:?}");
    assert!(count("content-length") + count("transfer-encoding") <= 1, "{name}: {headers:?}");
    for (field, value) in headers {
        let is_token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        assert!(!field.is_empty() && field.bytes().all(is_token), "{name}: {field:?}");
        assert!(
            !value.chars().any(|character| character != '\t' && character.is_control() && character.is_ascii()),
            "{name}: {value:?}"
        );
    }
}

/// New at the upstream since the last look.
struct Arrivals(usize);

impl Arrivals {
    fn since_last(&mut self, gateway: &Gateway) -> Vec<Received> {
        let mut all = gateway.upstream(0).received();
        let new = all.split_off(self.0);
        self.0 += new.len();
        new
    }
}

/// No more bytes for this connection: the gateway has made of them what it makes of them.
async fn exhausted(name: &str, connection: &mut Connection) {
    connection.finish().await.ok();
    assert!(connection.closed().await, "{name}: more than one answer, or the connection stays open");
}

#[tokio::test]
async fn each_head_is_refused_or_is_one_request() {
    let gateway = started().await;
    let mut arrivals = Arrivals(0);
    let mut refusals = Refusals::new();
    let cases = corpus();
    assert!(cases.len() >= 200);
    for case in &cases {
        let name = case.name;
        let mut connection = gateway.client().connect().await;
        connection.write(&case.bytes).await.ok();
        let read = connection.read(method(case)).await;
        let response = read.unwrap_or_else(|fault| panic!("{name} ({}): no response: {fault}", case.rfc));
        match case.expect {
            Expect::Refused(reason, status) => {
                check_refusal(case, &response, status);
                assert!(connection.closed().await, "{name}: the connection stays open");
                let came = arrivals.since_last(&gateway);
                assert!(came.is_empty(), "{name}: refused, and yet upstream heard of it: {came:?}");
                refusals.insert(response.header("x-request-id").unwrap().to_owned(), (name, reason, status));
            }
            Expect::OneRequest => {
                exhausted(name, &mut connection).await;
                let came = arrivals.since_last(&gateway);
                assert_eq!(came.len(), 1, "{name}: {response}\n{came:?}");
                check_well_formed(name, &came[0]);
            }
        }
    }
    check_log(&gateway, &refusals, cases.len()).await;
}

#[tokio::test]
async fn a_malformed_head_behind_a_good_request_is_never_merged_with_it() {
    let gateway = started().await;
    let mut arrivals = Arrivals(0);
    let mut refusals = Refusals::new();
    let cases = corpus();
    for case in &cases {
        let name = case.name;
        let mut connection = gateway.client().connect().await;
        connection.write(&[GOOD, &case.bytes].concat()).await.ok();
        let good = connection.read("GET").await.unwrap_or_else(|fault| panic!("{name}: the good request: {fault}"));
        assert!(good.status == 200 && good.json()["target"] == "/good?n=1", "{name}: {good}");
        let read = connection.read(method(case)).await;
        let second = read.unwrap_or_else(|fault| panic!("{name} ({}): no second response: {fault}", case.rfc));
        let expected = match case.expect {
            Expect::Refused(reason, status) => {
                check_refusal(case, &second, status);
                assert!(connection.closed().await, "{name}: the connection stays open");
                refusals.insert(second.header("x-request-id").unwrap().to_owned(), (name, reason, status));
                1
            }
            Expect::OneRequest => {
                exhausted(name, &mut connection).await;
                2
            }
        };
        let came = arrivals.since_last(&gateway);
        assert_eq!(came.len(), expected, "{name}: {came:?}");
        for received in &came {
            check_well_formed(name, received);
        }
        let first = &came[0];
        assert!(
            first.target == "/good?n=1" && first.body.is_empty() && first.header("host") == Some("good.example"),
            "{name}: {first:?}"
        );
    }
    check_log(&gateway, &refusals, cases.len() * 2).await;
}

/// Every refusal is in the log under the ID that the client got, and nothing is there that was not sent.
async fn check_log(gateway: &Gateway, refusals: &Refusals, lines: usize) {
    let log = eventually("a log line of each request", async || {
        let log = gateway.log_lines();
        (log.len() >= lines).then_some(log)
    })
    .await;
    assert_eq!(log.len(), lines, "more log lines than requests");
    let by_id: HashMap<&str, &Value> =
        log.iter().filter_map(|line| Some((line["requestId"].as_str()?, line))).collect();
    for (id, (name, reason, status)) in refusals {
        let line = by_id.get(id.as_str()).unwrap_or_else(|| panic!("{name}: not in the log"));
        let logged = (line["reason"].as_str(), line["status"].as_u64());
        assert_eq!(logged, (Some(*reason), Some(u64::from(*status))), "{name}: {line}");
    }
}

#[tokio::test]
async fn a_target_in_absolute_form_arrives_in_origin_form() {
    let gateway = started().await;
    let check = async |head: &str, target: &str, host: &str| {
        let response = gateway.send(format!("{head}\r\n\r\n").as_bytes()).await;
        let seen = response.json();
        assert_eq!(seen["target"], target, "{head}: {seen}");
        let hosts: Vec<_> =
            seen["headers"].as_array().unwrap().iter().filter(|pair| pair[0] == "Host" || pair[0] == "host").collect();
        assert!(hosts.len() == 1 && hosts[0][1] == host, "{head}: {seen}");
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        let logged = target.split('?').next().unwrap();
        assert_eq!((&line["path"], &line["host"]), (&logged.into(), &"a.example".into()), "{head}");
    };
    check("GET http://a.example/a HTTP/1.1\r\nHost: a.example", "/a", "a.example").await;
    check("GET http://a.example/x/../%61?q=1 HTTP/1.1\r\nHost: a.example", "/a?q=1", "a.example").await;
    check("GET HTTP://A.example:80/a HTTP/1.1\r\nHost: A.example:80", "/a", "A.example:80").await;
    check("GET http://a.example HTTP/1.1\r\nHost: a.example", "/", "a.example").await;
    check("GET http://a.example?q HTTP/1.1\r\nHost: a.example", "/?q", "a.example").await;
    check("GET http://a.example/a?b://c HTTP/1.0", "/a?b://c", "a.example").await;
    check("GET /a?b=http://c.example/ HTTP/1.1\r\nHost: a.example", "/a?b=http://c.example/", "a.example").await;
}
