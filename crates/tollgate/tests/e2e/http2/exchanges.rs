//! One request and its answer: what upstream gets, what the client gets, what the log says.

use super::{OPEN, as_http2, get, logged, with_echo};
use crate::support::{self, gateway, request, told, told_all};
use serde_json::Value;
use testkit::client::Response;
use testkit::http2::Request;
use testkit::upstream::{Answer, Behaviour, echo};

/// What differs from request to request, and what says how a request came.
const OF_THE_WAY: [&str; 4] = ["x-request-id", "traceparent", "tracestate", "via"];

/// Method, target, version and body as upstream got them, and the fields in an order of their own.
fn arrived(response: &Response) -> (Value, Vec<String>) {
    let mut seen = response.json();
    let fields = seen["headers"].take();
    let text = |field: &Value| format!("{}: {}", field[0], field[1]).to_ascii_lowercase();
    let mut fields: Vec<String> = fields.as_array().unwrap().iter().map(text).collect();
    fields.retain(|field| !OF_THE_WAY.iter().any(|name| field.starts_with(&format!("\"{name}\""))));
    fields.sort();
    (seen, fields)
}

#[tokio::test]
async fn upstream_cannot_tell_how_a_request_came() {
    let gateway = with_echo(&format!("trustedProxies: [127.0.0.1]\n{OPEN}")).await;
    let connection = gateway.http2().await;
    let claims = [
        "Host: api.example.com:8080",
        "X-Forwarded-For: 192.0.2.1",
        "X-Forwarded-Proto: https",
        "Forwarded: for=192.0.2.1;proto=https",
        "Accept: */*",
        "User-Agent: a test",
        "X-Twice: a",
        "X-Twice: b",
        "X-Empty:",
        "X-High: caf\u{e9}",
    ];
    for sent in [
        support::get("/a/../b%7e?q=%20&r", &[]),
        support::get("/", &claims),
        request("POST", "/upload", &claims, "a body"),
        request("PUT", "/upload", &["Content-Type: text/plain", "Content-Length: 0"], ""),
        request("DELETE", "/x", &["TE: trailers"], ""),
    ] {
        let one = gateway.send(&sent).await;
        let other = connection.send(&as_http2(&sent)).await;
        assert_eq!((one.status, other.status), (200, 200), "{other}");
        assert_eq!(arrived(&one), arrived(&other), "{}", sent.escape_ascii());
        assert_eq!(told(&one, "via").as_deref(), Some("1.1 tollgate"));
        assert_eq!(told(&other, "via").as_deref(), Some("2.0 tollgate"));
        assert_eq!(told(&other, "x-request-id").as_deref(), other.header("x-request-id"), "{other}");
    }
}

/// What a client says of its own way is no more than a word.
#[tokio::test]
async fn a_scheme_makes_no_connection_safe() {
    let gateway = with_echo(OPEN).await;
    let response = gateway.http2().await.send(&get("/", &[]).with(":scheme", "https")).await;
    assert_eq!(told(&response, "x-forwarded-proto").as_deref(), Some("http"), "{response}");
    assert_eq!(
        told(&response, "forwarded").as_deref(),
        Some("for=127.0.0.1;host=\"a.example\";proto=http"),
        "{response}"
    );
}

#[tokio::test]
async fn a_body_without_a_length_arrives_in_chunks() {
    let gateway = with_echo(OPEN).await;
    let response =
        gateway.http2().await.send(&Request::new("POST", "a.example", "/").pieces(["a", "b", "", "c"])).await;
    assert_eq!(response.json()["body"], "abc", "{response}");
    assert_eq!(told(&response, "transfer-encoding").as_deref(), Some("chunked"));
    assert_eq!(told(&response, "content-length"), None);
    let nothing = gateway.http2().await.send(&Request::new("POST", "a.example", "/").pieces([""])).await;
    assert_eq!((nothing.status, &nothing.json()["body"]), (200, &"".into()), "{nothing}");
}

/// RFC 9113, 8.2.2: an answer has no fields of a connection, and says nothing of the reason phrase.
#[tokio::test]
async fn a_client_gets_nothing_that_belongs_to_a_connection() {
    let gateway = with_echo(OPEN).await;
    let connection = gateway.http2().await;
    let headers = [("Connection", "X-Hop, close"), ("X-Hop", "1"), ("Keep-Alive", "timeout=5"), ("X-End", "Kept")];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    gateway.upstream(0).behave(Behaviour::Fixed(Answer { status: 203, headers, body: b"x".to_vec() }));
    for target in ["/", "/__misbehave/chunked", "/__misbehave/close", "/a%2fb"] {
        let response = connection.send(&get(target, &[])).await;
        for name in ["connection", "keep-alive", "transfer-encoding", "proxy-connection", "upgrade", "x-hop"] {
            assert_eq!(response.header(name), None, "{target}: {response}");
        }
        assert!(response.headers.iter().all(|(name, _)| *name == name.to_ascii_lowercase()), "{target}: {response}");
        assert_eq!(response.headers("date").len(), 1, "{target}: {response}");
        assert_eq!(response.headers("x-request-id").len(), 1, "{target}: {response}");
    }
    let response = connection.send(&get("/", &[])).await;
    assert_eq!((response.status, response.text().as_str(), response.header("x-end")), (203, "x", Some("Kept")));
}

#[tokio::test]
async fn answers_of_every_framing_pass() {
    let gateway = with_echo(OPEN).await;
    let connection = gateway.http2().await;
    for (target, text) in [
        ("/__misbehave/chunked", "part and parts"),
        ("/__misbehave/trickle/1", "late"),
        ("/__misbehave/length-too-short", "long"),
        ("/__misbehave/delay-body/20", "halfrest"),
        ("/__misbehave/interim", "late"),
    ] {
        let response = connection.send(&get(target, &[])).await;
        assert_eq!((response.status, response.text().as_str(), response.cut.as_ref()), (200, text, None), "{target}");
    }
    for status in [204, 304, 404, 500, 599] {
        gateway.upstream(0).behave(Behaviour::Fixed(Answer { status, headers: vec![], body: b"theirs".to_vec() }));
        let response = connection.send(&get("/", &[])).await;
        let expected = if status < 400 { "" } else { "theirs" };
        assert_eq!((response.status, response.text().as_str(), response.cut.as_ref()), (status, expected, None));
    }
}

#[tokio::test]
async fn head_gets_the_fields_and_no_body() {
    let gateway = with_echo(OPEN).await;
    let connection = gateway.http2().await;
    for target in ["/", "/a%2fb", "/__misbehave/close"] {
        let by_get = connection.send(&get(target, &[])).await;
        let by_head = connection.send(&as_http2(&request("HEAD", target, &[], ""))).await;
        assert_eq!((by_head.status, by_head.body.len(), by_head.cut.as_ref()), (by_get.status, 0, None), "{target}");
        assert_eq!(by_head.header("content-type"), by_get.header("content-type"), "{target}");
    }
}

/// RFC 9113, 8.2.3: a client may send its cookies in as many fields as it likes; upstream gets one.
#[tokio::test]
async fn crumbs_of_a_cookie_are_put_together() {
    const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
apiKeys: { location: { cookie: key } }
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
defaults: { upstream: echo }
routes:
  - { name: open, paths: [/open], auth: { none: {} } }
  - { name: keyed, paths: [/keyed], auth: { apiKey: {} } }
"#;
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    let crumbs = |path: &str, crumbs: &[&str]| {
        crumbs.iter().fold(Request::get("a.example", path), |request, crumb| request.field("cookie", crumb))
    };
    for sent in [&["a=1", "b=2", "c=3"][..], &["a=1; b=2", "c=3"], &["a=1; b=2; c=3"]] {
        let response = connection.send(&crumbs("/open", sent)).await;
        assert_eq!(told_all(&response, "cookie"), ["a=1; b=2; c=3"], "{sent:?}");
    }
    let whole = gateway.send(&support::get("/keyed", &["Cookie: a=1; key=good; b=2"])).await;
    for sent in [&["a=1", "key=good", "b=2"][..], &["a=1; key=good", "b=2"], &["a=1", "key=good; b=2"]] {
        let response = connection.send(&crumbs("/keyed", sent)).await;
        assert_eq!(told_all(&response, "cookie"), told_all(&whole, "cookie"), "{sent:?}: {response}");
        assert_eq!(logged(&gateway, &response).await["consumer"], "acme", "{sent:?}");
    }
    assert_eq!(connection.send(&crumbs("/keyed", &["a=1", "b=2"])).await.status, 401);
    let twice = connection.send(&crumbs("/keyed", &["key=good", "key=bad"])).await;
    let whole = gateway.send(&support::get("/keyed", &["Cookie: key=good; key=bad"])).await;
    assert_eq!(twice.status, whole.status, "{twice}");
}

#[tokio::test]
async fn the_log_says_what_came_and_how() {
    let gateway = with_echo(OPEN).await;
    let connection = gateway.http2().await;
    let fields = ["Host: api.example.com", "X-Request-Id: theirs"];
    let response = connection.send(&as_http2(&request("POST", "/a?b=c", &fields, "a body"))).await;
    let line = logged(&gateway, &response).await;
    for (name, value) in [("method", "POST"), ("host", "api.example.com"), ("path", "/a"), ("client", "127.0.0.1")] {
        assert_eq!(line[name], value, "{line}");
    }
    assert_eq!((&line["status"], &line["upstreamStatus"]), (&200.into(), &200.into()), "{line}");
    assert_eq!((&line["bytesIn"], &line["bytesOut"]), (&6.into(), &response.body.len().into()), "{line}");
    let counted = gateway.metric("tollgate_requests_total", &[("route", "all"), ("status", "200")]).await;
    assert!((counted - 1.0).abs() < 1e-9, "{counted}");
}

/// An answer that was packed by the gateway is the same over both.
#[tokio::test]
async fn an_answer_is_packed_for_those_who_want_it() {
    let config = OPEN.replace("auth:", "compression: { bytesMin: 1B }, auth:");
    let gateway = gateway(&config).http2().upstream(echo()).start().await;
    let body = b"many words, many words, many words".repeat(50);
    let headers = vec![("Content-Type".to_owned(), "text/plain".to_owned())];
    gateway.upstream(0).behave(Behaviour::Fixed(Answer { status: 200, headers, body: body.clone() }));
    let response = gateway.http2().await.send(&get("/", &["Accept-Encoding: gzip"])).await;
    assert_eq!(response.header("content-encoding"), Some("gzip"), "{response}");
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&response.body[..]), &mut text).unwrap();
    assert_eq!((text, response.cut), (body, None));
}
