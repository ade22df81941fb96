//! Which refusals leave the connection as it is, and what HEAD gets.

use crate::support::{get, request, with_echo};
use testkit::client::Connection;

pub const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - { name: open, paths: [/open], methods: [GET, POST] }
  - { name: keyed, paths: [/keyed], auth: { apiKey: {} } }
  - { name: small, paths: [/small], body: { bytesMax: 4B, contentTypes: [text/plain] } }
  - { name: busy, paths: [/busy], rateLimit: { requestsPerSecond: 0.001, burst: 1, key: ip } }
"#;

#[tokio::test]
async fn a_refusal_does_not_cost_the_connection() {
    let gateway = with_echo(CONFIG).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let steps = [
        ("unknown path", 404, get("/nowhere", &[])),
        ("unknown path with a body", 404, request("POST", "/nowhere", &[], "a body that nobody reads")),
        ("no key", 401, get("/keyed", &[])),
        ("no key with a body", 401, request("POST", "/keyed", &[], "a body that nobody reads")),
        ("wrong method", 405, request("DELETE", "/open", &[], "")),
        ("large body whose rest is small", 413, request("POST", "/small", &["Content-Type: text/plain"], "12345")),
        ("wrong type", 415, request("POST", "/small", &[], "1234")),
        ("the last of the burst", 200, get("/busy", &[])),
        ("throttled", 429, get("/busy", &[])),
        ("malformed path", 400, get("/a%2fb", &[])),
    ];
    for (what, status, bytes) in steps {
        let response = connection.send(&bytes).await;
        assert_eq!(
            (response.status, response.header("connection")),
            (status, Some("keep-alive")),
            "{what}: {response}"
        );
        let next = connection.send(&get("/open", &[])).await;
        assert_eq!(next.status, 200, "the request after {what}: {next}");
    }
    let open = gateway.metric("tollgate_connections_open", &[]).await;
    assert!((open - 1.0).abs() < 1e-9, "{open}");
}

#[tokio::test]
async fn a_client_that_asks_for_the_end_gets_it() {
    let gateway = with_echo(CONFIG).await;
    for target in ["/open", "/nowhere"] {
        let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
        let response = connection.send(&get(target, &["Connection: close"])).await;
        assert_eq!(response.header("connection"), Some("close"), "{target}: {response}");
        assert!(connection.closed().await, "{target}");
    }
}

/// Each gets its own answer, in order, and a refusal between them mixes nothing up.
#[tokio::test]
async fn requests_may_be_sent_ahead() {
    let gateway = with_echo(CONFIG).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let sent = [
        get("/open?first", &[]),
        get("/nowhere", &[]),
        request("POST", "/keyed", &[], "refused"),
        request("POST", "/open?second", &[], "taken"),
        get("/open?third", &[]),
    ];
    connection.write(&sent.concat()).await.unwrap();
    let mut answers = Vec::new();
    for _ in &sent {
        let response = connection.read("GET").await.unwrap();
        let target = if response.status == 200 { response.json()["target"].to_string() } else { String::new() };
        answers.push((response.status, target));
    }
    let expected =
        [(200, "\"/open?first\""), (404, ""), (401, ""), (200, "\"/open?second\""), (200, "\"/open?third\"")];
    assert_eq!(answers, expected.map(|(status, target)| (status, target.to_owned())));
}

/// A body or a forgotten byte would be read as the next answer.
#[tokio::test]
async fn head_gets_the_fields_and_no_body() {
    let gateway = with_echo(CONFIG).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    for (target, status) in [("/nowhere", 404), ("/keyed", 401), ("/open", 200), ("/a%2fb", 400)] {
        let by_get = connection.send(&get(target, &[])).await;
        let by_head = connection.send(&request("HEAD", target, &[], "")).await;
        assert_eq!((by_head.status, by_head.body.len()), (status, 0), "{target}: {by_head}");
        assert_eq!(by_head.header("content-type"), by_get.header("content-type"), "{target}");
        if status != 200 {
            assert_eq!(by_head.header("content-length"), by_get.header("content-length"), "{target}");
        }
    }
}
