//! Bodies that are read before they pass: no upstream hears of a bad one, and nobody is asked for what is not wanted.

use super::{as_http2, check_refusal, get, logged, post};
use crate::reading;
use crate::support::{gateway, request, until};
use engine::reason::Reason;
use testkit::gateway::Gateway;
use testkit::http2::{Code, Request};
use testkit::upstream::echo;

const GOOD: &[u8] = br#"{"orderId":"A-1","items":[1]}"#;
const JSON: &str = "Content-Type: application/json";

async fn start() -> Gateway {
    reading::builder().http2().start().await
}

#[tokio::test]
async fn a_bad_body_never_reaches_upstream() {
    let gateway = start().await;
    let connection = gateway.http2().await;
    let order = |pieces: &[&[u8]]| post("/order", &[JSON]).pieces(pieces);
    for (reason, request) in [
        (Reason::BodySchemaMismatch, post("/order", &[JSON]).body(b"{}")),
        (Reason::BodySchemaMismatch, order(&[b"{", b"}"])),
        (Reason::JsonSyntax, order(&[b"{\"orderId\":", b"\"A"])),
        (Reason::BodyMissing, order(&[b""])),
        (Reason::JsonTrailing, order(&[b"{}", b"{}"])),
        (Reason::BodyTooLarge, order(&[&[b' '; 4_000], &[b' '; 97]])),
        (Reason::ContentTypeUnsupported, post("/order", &["Content-Type: text/plain"]).body(GOOD)),
    ] {
        let response = connection.send(&request).await;
        check_refusal(&gateway, &response, reason).await;
    }
    let bomb = reading::gzip(&vec![b' '; 1_000_000]);
    for size in [bomb.len(), 100] {
        let bomb = post("/any", &["Content-Encoding: gzip"]).pieces(bomb.chunks(size));
        check_refusal(&gateway, &connection.send(&bomb).await, Reason::DecompressedBodyTooLarge).await;
    }
    assert_eq!(gateway.upstream(0).connections(), 0);
}

#[tokio::test]
async fn a_good_body_arrives_as_it_was_sent() {
    let gateway = start().await;
    let connection = gateway.http2().await;
    for size in [GOOD.len(), 1, 3] {
        for fields in [&[JSON][..], &[JSON, &format!("Content-Length: {}", GOOD.len())]] {
            let response = connection.send(&post("/order", fields).pieces(GOOD.chunks(size))).await;
            assert_eq!(response.json()["body"].as_str().map(str::as_bytes), Some(GOOD), "{size}: {response}");
        }
    }
    let packed = reading::gzip(GOOD);
    let response = connection.send(&post("/order", &[JSON, "Content-Encoding: gzip"]).pieces(packed.chunks(5))).await;
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(gateway.upstream(0).received().last().unwrap().body, packed, "upstream gets it compressed");
    for method in ["GET", "HEAD", "DELETE"] {
        let nothing = connection.send(&as_http2(&request(method, "/any", &[], ""))).await;
        assert_eq!(nothing.status, 200, "{method} needs no body");
    }
}

/// RFC 9110, 10.1.1: the word that a client waits for comes from the gateway, once, and only if the body is wanted.
#[tokio::test]
async fn a_body_is_asked_for_only_if_it_may_pass() {
    let gateway = start().await;
    let connection = gateway.http2().await;
    let expecting = |fields: &[&str], length: usize| {
        post("/order", &[fields, &["Expect: 100-continue", &format!("Content-Length: {length}")]].concat())
    };
    for (fields, length, reason) in [
        (&[JSON][..], 4_097, Reason::BodyTooLarge),
        (&["Content-Type: text/plain"], 10, Reason::ContentTypeUnsupported),
        (&[JSON, "Content-Encoding: compress"], 10, Reason::ContentCodingUnsupported),
    ] {
        let stream = connection.begin(&expecting(fields, length)).await.unwrap();
        let response = stream.answering.read().await.unwrap();
        assert!(response.interim.is_empty(), "{response}");
        check_refusal(&gateway, &response, reason).await;
    }
    for (body, status) in [(GOOD, 200), (&br#"{"orderId":"A-1","items":[] }"#[..], 422)] {
        let mut stream = connection.begin(&expecting(&[JSON], body.len())).await.unwrap();
        assert_eq!(stream.answering.interim().await.unwrap(), Some(100));
        stream.sending.write(body, true).await.unwrap();
        let response = stream.answering.read().await.unwrap();
        assert_eq!((response.status, response.interim.as_slice()), (status, &[100][..]), "{response}");
    }
    let received = gateway.upstream(0).received();
    assert_eq!((received.len(), received[0].header("expect")), (1, None));
}

/// Where the body is not read the word is upstream's to give.
#[tokio::test]
async fn upstream_is_asked_whether_it_wants_a_body() {
    let gateway = gateway(super::OPEN).http2().upstream(echo()).start().await;
    let connection = gateway.http2().await;
    let mut stream = connection.begin(&post("/", &["Expect: 100-continue", "Content-Length: 4"])).await.unwrap();
    assert_eq!(stream.answering.interim().await.unwrap(), Some(100));
    stream.sending.write(b"body", true).await.unwrap();
    let response = stream.answering.read().await.unwrap();
    assert_eq!((response.status, &response.json()["body"]), (200, &"body".into()), "{response}");
    // Who does not wait is not made to.
    let hasty = Request::new("POST", "a.example", "/").field("expect", "100-continue").body("body");
    assert_eq!(connection.send(&hasty).await.json()["body"], "body");
}

/// What is held of bodies counts together, whichever stream it came on; what ends gives back.
#[tokio::test]
async fn held_bodies_have_one_bound() {
    let config = super::OPEN.replace("auth:", "body: { schema: { type: object } }, auth:");
    let gateway = super::with_echo(&format!("limits: {{ heldBodyBytes: 1MiB }}\n{config}")).await;
    let connection = gateway.http2().await;
    let half = " ".repeat(600_000);
    let held = async || gateway.metric("tollgate_held_body_bytes", &[]).await;
    let mut first = connection.begin(&post("/", &["Content-Length: 600002"])).await.unwrap();
    first.sending.write(half.as_bytes(), false).await.unwrap();
    until("what is held", async || (held().await >= 600_000.0).then_some(())).await;
    let second = connection.send(&post("/", &[]).body(&half)).await;
    check_refusal(&gateway, &second, Reason::BodyBufferFull).await;
    first.sending.write(b"{}", true).await.unwrap();
    assert_eq!(first.answering.read().await.unwrap().status, 200);
    let mut left = connection.begin(&post("/", &["Content-Length: 600002"])).await.unwrap();
    left.sending.write(half.as_bytes(), false).await.unwrap();
    until("what is held", async || (held().await >= 600_000.0).then_some(())).await;
    left.sending.reset(Code::CANCEL);
    until("what was given back", async || (held().await < 1.0).then_some(())).await;
}

/// Two bodies are read at once on one connection, each at its own pace.
#[tokio::test]
async fn bodies_are_read_side_by_side() {
    let config = super::OPEN.replace("auth:", "body: { schema: { type: object } }, auth:");
    let gateway = super::with_echo(&config).await;
    let connection = gateway.http2().await;
    let mut open = Vec::new();
    for _ in 0..10 {
        let mut stream = connection.begin(&post("/order", &[JSON])).await.unwrap();
        stream.sending.write(&GOOD[..10], false).await.unwrap();
        open.push(stream);
    }
    assert_eq!(connection.send(&get("/other", &[])).await.status, 200);
    for mut stream in open.into_iter().rev() {
        stream.sending.write(&GOOD[10..], true).await.unwrap();
        let response = stream.answering.read().await.unwrap();
        assert_eq!(response.status, 200, "{response}");
        logged(&gateway, &response).await;
    }
}
