//! Refusals of bodies, by their head or as they arrive.

use crate::support::{Doing, Scenario, Seen, Steps, get, play, request, until, with_echo};
use engine::reason::Reason;
use testkit::client::{Connection, Response};
use testkit::gateway::Gateway;

pub const CONFIG: &str = r#"
limits: { bodyTimeout: 200ms }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - { name: small, paths: [/small], body: { bytesMax: 16B } }
  - { name: typed, paths: [/typed], body: { contentTypes: [application/json, "text/*"] } }
  - { name: sized, paths: [/sized], body: { requireLength: true } }
  - { name: open, paths: [/open] }
"#;

const CHUNKED: &str = "Transfer-Encoding: chunked";

fn chunked(target: &str, body: &str) -> Vec<u8> {
    let mut bytes = request("POST", target, &[CHUNKED], "");
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

pub fn scenarios() -> Vec<Scenario> {
    let send = |reason, what, bytes| Scenario::new(reason, what, Steps::Send(bytes));
    let typed = |reason, what, fields: &[&str]| {
        send(reason, what, request("POST", "/typed", fields, "{}")).on("typed").by("routes.typed.body")
    };
    vec![
        send(Reason::BodyTooLarge, "by its length", request("POST", "/small", &[], &"x".repeat(17)))
            .on("small")
            .by("routes.small.body"),
        send(Reason::BodyTooLarge, "by count", chunked("/small", "11\r\n12345678901234567\r\n0\r\n\r\n"))
            .on("small")
            .by("routes.small.body"),
        Scenario::new(Reason::BodyTooLarge, "chunk by chunk", Steps::Do(chunk_by_chunk))
            .on("small")
            .by("routes.small.body"),
        typed(Reason::ContentTypeUnsupported, "another type", &["Content-Type: application/xml"]),
        typed(Reason::ContentTypeMissing, "no type", &[]),
        typed(
            Reason::ContentTypeMalformed,
            "two types",
            &["Content-Type: application/json", "Content-Type: text/plain"],
        ),
        typed(Reason::ContentTypeMalformed, "a list of types", &["Content-Type: application/json, text/plain"]),
        send(Reason::LengthRequired, "in chunks", chunked("/sized", "1\r\nx\r\n0\r\n\r\n"))
            .on("sized")
            .by("routes.sized.body"),
        send(Reason::BodyMalformed, "a chunk size that is none", chunked("/open", "zz\r\nx\r\n0\r\n\r\n")).on("open"),
        send(Reason::BodyMalformed, "a chunk that is longer than it says", chunked("/open", "1\r\nxyz\r\n0\r\n\r\n"))
            .on("open"),
        Scenario::new(Reason::BodyMalformed, "an early end", Steps::Do(early_end)).on("open"),
        Scenario::new(Reason::BodyMalformed, "an early end in chunks", Steps::Do(early_end_in_chunks)).on("open"),
        Scenario::new(Reason::BodyTimeout, "half a body", Steps::Do(half_a_body)).on("open"),
        Scenario::new(Reason::BodyTimeout, "half a chunk", Steps::Do(half_a_chunk)).on("open"),
    ]
}

async fn open(gateway: &Gateway) -> Connection {
    Connection::open(gateway.address("listen")).await.unwrap()
}

/// Nothing is too large in it but the sum.
fn chunk_by_chunk(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move {
        let mut connection = open(gateway).await;
        connection.write(&chunked("/small", "")).await.unwrap();
        for _ in 0..17 {
            if connection.write(b"1\r\nx\r\n").await.is_err() {
                break;
            }
        }
        Seen::Refusal(connection.read("POST").await.unwrap())
    })
}

fn early_end(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move {
        let mut connection = open(gateway).await;
        connection.write(&request("POST", "/open", &["Content-Length: 10"], "")).await.unwrap();
        connection.write(b"12345").await.unwrap();
        connection.finish().await.unwrap();
        Seen::Refusal(connection.read("POST").await.unwrap())
    })
}

fn early_end_in_chunks(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move {
        let mut connection = open(gateway).await;
        connection.write(&chunked("/open", "5\r\n12345\r\n")).await.unwrap();
        connection.finish().await.unwrap();
        Seen::Refusal(connection.read("POST").await.unwrap())
    })
}

fn half_a_body(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move { Seen::Refusal(stuck(gateway, &request("POST", "/open", &["Content-Length: 10"], "")).await) })
}

fn half_a_chunk(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move { Seen::Refusal(stuck(gateway, &chunked("/open", "a\r\n")).await) })
}

async fn stuck(gateway: &Gateway, head: &[u8]) -> Response {
    let mut connection = open(gateway).await;
    connection.write(head).await.unwrap();
    connection.write(b"12345").await.unwrap();
    let response = connection.read("POST").await.unwrap();
    assert!(connection.closed().await);
    response
}

#[tokio::test]
async fn bodies() {
    let gateway = with_echo(CONFIG).await;
    play(&gateway, &scenarios()).await;
    let whole = gateway.upstream(0).received().into_iter().filter(|received| received.fault.is_none()).count();
    assert_eq!(whole, 0, "no refused body reached upstream whole");
}

#[tokio::test]
async fn bodies_that_are_good() {
    let gateway = with_echo(CONFIG).await;
    for (target, fields, body) in [
        ("/small", [].as_slice(), "1234567890123456"),
        ("/typed", &["Content-Type: Application/JSON; charset=utf-8"], "{}"),
        ("/typed", &["Content-Type: text/csv"], "a,b"),
        ("/sized", &[], "x"),
    ] {
        let response = gateway.send(&request("POST", target, fields, body)).await;
        assert_eq!((response.status, &response.json()["body"]), (200, &body.into()), "{target}: {response}");
    }
    for (target, body) in
        [("/small", "10\r\n1234567890123456\r\n0\r\n\r\n"), ("/open", "1;a=b\r\nx\r\n0\r\nX-T: 1\r\n\r\n")]
    {
        assert_eq!(gateway.send(&chunked(target, body)).await.status, 200, "{target}");
    }
    assert_eq!(gateway.send(&get("/sized", &[])).await.status, 200, "nothing has no length");
    assert_eq!(gateway.send(&get("/typed", &[])).await.status, 200, "nothing has no type");
}

/// 415 says what would do, 413 comes before the body is asked for.
#[tokio::test]
async fn what_the_head_tells_is_answered_at_once() {
    let gateway = with_echo(CONFIG).await;
    let xml = gateway.post("/typed", "<a/>").header("Content-Type", "application/xml").expect(415).await;
    assert_eq!(xml.header("accept"), Some("application/json, text/*"));
    let large = request("POST", "/small", &["Content-Length: 1000000", "Expect: 100-continue"], "");
    let response = gateway.send(&large).await;
    assert_eq!((response.status, response.interim), (413, vec![]));
    until("the log", async || (gateway.log_lines().len() == 2).then_some(())).await;
    assert_eq!(gateway.upstream(0).connections(), 0);
}
