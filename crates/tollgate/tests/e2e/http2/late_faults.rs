//! What comes out only when an answer's body is here: refused over HTTP/2 as over HTTP/1.1, on a stream of its own.

use super::{as_http2, check_refusal, logged};
use crate::late_faults::{CONFIG, get, upstream};
use crate::support::{gateway, until};
use engine::reason::Reason;
use std::sync::Arc;
use testkit::client::Response;
use testkit::gateway::Gateway;
use testkit::http2::{Code, Connection};
use tokio::sync::Semaphore;

struct Late {
    gateway: Gateway,
    connection: Connection,
    permits: Arc<Semaphore>,
}

async fn late() -> Late {
    let (address, permits) = upstream().await;
    let gateway = gateway(&CONFIG.replace("LATE", &address)).http2().start().await;
    let connection = gateway.http2().await;
    Late { gateway, connection, permits }
}

impl Late {
    async fn is_held(&self) {
        let held = async || (self.gateway.metric("tollgate_held_body_bytes", &[]).await > 0.0).then_some(());
        until("the first half is held", held).await;
    }

    /// The answer to a request whose upstream goes on once its first half is held.
    async fn answer(&self, target: &str, fields: &[&str]) -> Response {
        let answering = self.connection.ask(&as_http2(&get(target, fields))).await.unwrap();
        self.is_held().await;
        self.permits.add_permits(1);
        answering.read().await.unwrap()
    }
}

#[tokio::test]
async fn a_late_fault_is_a_whole_refusal() {
    let late = late().await;
    for (name, reason) in [
        ("broken", Reason::ResponseUnreadable),
        ("absent", Reason::ResponseValueMissing),
        ("large", Reason::ResponseUnreadable),
        ("closed", Reason::UpstreamReset),
        ("reset", Reason::UpstreamReset),
        ("chunks", Reason::UpstreamProtocolError),
    ] {
        let response = late.answer(&format!("/edited/{name}"), &[]).await;
        check_refusal(&late.gateway, &response, reason).await;
        for (field, value) in [
            ("content-type", Some("application/problem+json")),
            ("cache-control", Some("no-store")),
            ("x-help", Some("https://docs.example.com")),
            ("connection", None),
            // Upstream's own.
            ("retry-after", None),
            ("set-cookie", None),
        ] {
            assert_eq!(response.header(field), value, "{name}: {field}: {response}");
        }
        let line = logged(&late.gateway, &response).await;
        assert_eq!((&line["upstreamStatus"], &line["bytesOut"]), (&200.into(), &response.body.len().into()), "{line}");
    }
    // One connection carried them all.
    let good = late.answer("/edited/good", &[]).await;
    assert_eq!((good.status, good.text().as_str(), good.cut.as_ref()), (200, r#"{"a":{},"ident":1}"#, None), "{good}");
    assert_eq!(good.header("retry-after"), Some("60"));
}

#[tokio::test]
async fn an_upstream_that_falls_silent_in_its_body_is_a_timeout() {
    let late = late().await;
    let response = late.connection.send(&as_http2(&get("/hasty/good", &[]))).await;
    check_refusal(&late.gateway, &response, Reason::IdleTimeout).await;
}

#[tokio::test]
async fn an_answer_that_finds_no_more_room_is_refused() {
    let late = late().await;
    let response = late.answer("/roomy/flood", &[]).await;
    check_refusal(&late.gateway, &response, Reason::BodyBufferFull).await;
    assert_eq!(response.headers("retry-after"), ["1"], "{response}");
}

/// A client cannot see when the fault was found, nor what it would have been told over HTTP/1.1.
#[tokio::test]
async fn a_late_refusal_is_told_as_an_early_one() {
    let late = late().await;
    let told = |response: &Response| {
        let id = response.header("x-request-id").unwrap();
        let aside = ["date", "connection", "x-request-id"];
        let fields = response.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.replace(id, "ID")));
        let mut fields: Vec<_> = fields.filter(|(name, _)| !aside.contains(&name.as_str())).collect();
        fields.sort();
        (response.status, fields, response.text().replace(id, "ID").replace("packed", "broken"))
    };
    for (status, fields) in [
        (502, ["Accept: application/json", "Origin: https://app.example.com"].as_slice()),
        (500, &["Accept: text/html"]),
        (502, &["Accept-Encoding: gzip"]),
    ] {
        let early = late.gateway.send(&get("/edited/packed", fields)).await;
        let found = late.answer("/edited/broken", fields).await;
        assert_eq!(found.status, status, "{found}");
        assert_eq!(told(&early), told(&found), "{fields:?}");
    }
}

/// Several are held at once; each ends as it must, whatever becomes of the others.
#[tokio::test]
async fn answers_are_held_side_by_side() {
    let late = late().await;
    let mut open = Vec::new();
    for name in ["good", "broken", "good", "absent"] {
        open.push((name, late.connection.ask(&as_http2(&get(&format!("/edited/{name}"), &[]))).await.unwrap()));
    }
    late.is_held().await;
    late.permits.add_permits(open.len());
    for (name, answering) in open {
        let response = answering.read().await.unwrap();
        assert_eq!(response.status, if name == "good" { 200 } else { 502 }, "{name}: {response}");
    }
}

#[tokio::test]
async fn a_client_that_leaves_meanwhile_was_told_nothing() {
    let late = late().await;
    let mut stream = late.connection.begin(&as_http2(&get("/edited/good", &[]))).await.unwrap();
    stream.sending.write(b"", true).await.unwrap();
    late.is_held().await;
    stream.sending.reset(Code::CANCEL);
    let line = until("the log", async || late.gateway.log_lines().pop()).await;
    assert_eq!((&line["status"], &line["reason"]), (&499.into(), &"client_closed_request".into()), "{line}");
    assert_eq!((&line["upstreamStatus"], &line["bytesOut"]), (&200.into(), &0.into()), "{line}");
}

/// It belongs to no answer, and somebody may be waiting for it.
#[tokio::test]
async fn an_interim_answer_does_not_wait() {
    let late = late().await;
    let mut answering = late.connection.ask(&as_http2(&get("/edited/early/broken", &[]))).await.unwrap();
    assert_eq!(answering.interim().await.unwrap(), Some(103));
    late.is_held().await;
    late.permits.add_permits(1);
    assert_eq!(answering.read().await.unwrap().status, 502);
}

/// What may pass goes on from where that is known.
#[tokio::test]
async fn what_may_pass_is_let_go() {
    let late = late().await;
    let response = late.answer("/passed/broken", &[]).await;
    assert_eq!((response.status, response.text().as_str()), (200, r#"{"a":{"b":1},x}"#), "{response}");
}
