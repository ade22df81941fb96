//! Refusals are the same documents as over HTTP/1.1, and cost one stream.

use super::{as_http2, logged, with_echo};
use crate::own_answers;
use crate::support::{get, request};
use serde_json::Value;
use testkit::client::Response;

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
plans: { free: { routes: [keyed] } }
consumers: [{ id: acme, plan: free, apiKeys: [{ value: good }] }]
defaults: { upstream: echo, auth: { none: {} } }
errors:
  headers: { X-Help: "https://docs.example.com" }
  templates: [{ on: path_unknown, accept: text/html, contentType: text/html, body: "<p>{{request.path}}</p>" }]
routes:
  - { name: open, paths: [/open], methods: [GET, POST], cors: { allowOrigins: [https://app.example.com] } }
  - { name: keyed, paths: [/keyed], auth: { apiKey: {} } }
  - { name: paid, paths: [/paid], auth: { apiKey: {} } }
  - { name: small, paths: [/small], body: { bytesMax: 4B, contentTypes: [text/plain] } }
  - { name: order, paths: [/order], body: { schema: { type: object, required: [id, items] } } }
  - { name: busy, paths: [/busy], rateLimit: { requestsPerSecond: 0.001, burst: 1, key: ip } }
"#;

/// What does not differ between two refusals for the same reason.
fn told(response: &Response) -> (u16, Vec<String>, Value) {
    let id = response.header("x-request-id").unwrap();
    let aside = ["date", "connection", "x-request-id"];
    let fields = response.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let fields = fields.filter(|(name, _)| !aside.contains(&name.as_str()));
    let mut fields: Vec<String> = fields.map(|(name, value)| format!("{name}: {value}")).collect();
    fields.sort();
    let text = response.text().replace(id, "ID");
    (response.status, fields, serde_json::from_str(&text).unwrap_or(Value::String(text)))
}

#[tokio::test]
async fn a_refusal_does_not_depend_on_the_protocol() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    let json = "Content-Type: application/json";
    for (what, status, bytes) in [
        ("unknown path", 404, get("/nowhere", &[])),
        ("unknown path, as a page", 404, get("/nowhere", &["Accept: text/html"])),
        ("unknown path, as XML", 404, get("/nowhere", &["Accept: application/xml"])),
        ("no key", 401, get("/keyed", &[])),
        ("a bad key", 401, get("/keyed", &["x-api-key: bad"])),
        ("a key of another plan", 403, get("/paid", &["x-api-key: good"])),
        ("wrong method", 405, request("DELETE", "/open", &[], "")),
        ("wrong method from another origin", 405, request("PUT", "/open", &["Origin: https://app.example.com"], "")),
        ("too large", 413, request("POST", "/small", &["Content-Type: text/plain"], "12345")),
        ("wrong type", 415, request("POST", "/small", &["Content-Type: text/html"], "1234")),
        ("malformed path", 400, get("/a%2fb", &[])),
        ("two things missing", 422, request("POST", "/order", &[json], "{}")),
        ("no JSON", 400, request("POST", "/order", &[json], "{")),
        ("a method that nobody may use", 405, request("TRACE", "/", &[], "")),
    ] {
        let (one, other) = (gateway.send(&bytes).await, connection.send(&as_http2(&bytes)).await);
        assert_eq!(other.status, status, "{what}: {other}");
        assert_eq!(told(&one), told(&other), "{what}");
        let line = logged(&gateway, &other).await;
        let theirs = gateway.log_line(one.header("x-request-id").unwrap()).await;
        for name in ["kind", "reason", "route", "policy", "status", "bytesOut"] {
            assert_eq!(line[name], theirs[name], "{what}: {name} in {line}");
        }
        let next = connection.send(&as_http2(&get("/open", &[]))).await;
        assert_eq!(next.status, 200, "the request after {what}: {next}");
    }
    let open = gateway.metric("tollgate_connections_open", &[]).await;
    assert!((1.0..=3.0).contains(&open), "one of HTTP/2, and those of HTTP/1.1 that are just ending: {open}");
}

#[tokio::test]
async fn what_else_would_do_is_told() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    let send = async |bytes: Vec<u8>| connection.send(&as_http2(&bytes)).await;
    let method = send(request("DELETE", "/open", &[], "")).await;
    assert_eq!(method.headers("allow"), ["GET, HEAD, POST"], "{method}");
    let kind = send(request("POST", "/small", &["Content-Type: text/html"], "1234")).await;
    assert_eq!(kind.header("accept"), Some("text/plain"), "{kind}");
    assert_eq!(send(get("/busy", &[])).await.status, 200);
    let busy = send(get("/busy", &[])).await;
    assert_eq!(busy.status, 429, "{busy}");
    let wait: u64 = busy.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=1_000).contains(&wait), "{busy}");
    assert!(busy.header("ratelimit").is_some() && busy.header("ratelimit-policy").is_some(), "{busy}");
    let shape = send(request("POST", "/order", &["Content-Type: application/json"], "{}")).await;
    assert_eq!(shape.json()["errors"].as_array().map(Vec::len), Some(2), "{shape}");
    let key = send(get("/keyed", &[])).await;
    assert_eq!((key.status, key.header("x-help")), (401, Some("https://docs.example.com")), "{key}");
}

/// Answers of the gateway's own that are no refusals.
#[tokio::test]
async fn what_a_route_says_itself_does_not_depend_on_the_protocol() {
    let gateway = own_answers::builder().http2().start().await;
    let connection = gateway.http2().await;
    let json = "Content-Type: application/json";
    let large = format!("{{\"id\":\"{}\"}}", "x".repeat(200_000));
    for (status, bytes) in [
        (308, get("/v1/orders/1/2?a=b", &[])),
        (308, get("/slash/?key=good", &[])),
        (203, get("/hello/you?key=good", &[])),
        (202, request("POST", "/gathered", &[json], r#"{"id":1}"#)),
        (202, request("POST", "/gathered", &[json], &large)),
        (422, request("POST", "/gathered", &[json], "{}")),
        (200, get("/page", &[])),
        (200, request("HEAD", "/page", &[], "")),
        (204, get("/nothing", &[])),
        (410, get("/ended", &[])),
    ] {
        let sent = as_http2(&bytes);
        let (one, other) = (gateway.send(&bytes).await, connection.send(&sent).await);
        assert_eq!((other.status, other.cut.as_ref()), (status, None), "{sent}: {other}");
        let aside = |mut told: (u16, Vec<String>, Value)| {
            told.1.retain(|field| !field.starts_with("x-ratelimit") && !field.starts_with("ratelimit"));
            told
        };
        assert_eq!(aside(told(&one)), aside(told(&other)), "{sent}");
    }
}

/// A browser asks first, whatever it speaks.
#[tokio::test]
async fn a_preflight_is_answered() {
    let gateway = with_echo(CONFIG).await;
    let fields = ["Origin: https://app.example.com", "Access-Control-Request-Method: POST"];
    let bytes = request("OPTIONS", "/open", &fields, "");
    let response = gateway.http2().await.send(&as_http2(&bytes)).await;
    assert_eq!(told(&response), told(&gateway.send(&bytes).await), "{response}");
    assert_eq!(response.header("access-control-allow-origin"), Some("https://app.example.com"), "{response}");
    assert_eq!(gateway.upstream(0).count(), 0);
}

#[tokio::test]
async fn a_refused_head_request_gets_no_body() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    for (target, status) in [("/nowhere", 404), ("/keyed", 401), ("/a%2fb", 400)] {
        let by_get = connection.send(&as_http2(&get(target, &[]))).await;
        let by_head = connection.send(&as_http2(&request("HEAD", target, &[], ""))).await;
        assert_eq!((by_head.status, by_head.body.len(), by_head.cut.as_ref()), (status, 0, None), "{target}");
        for name in ["content-type", "content-length"] {
            assert_eq!(by_head.header(name), by_get.header(name), "{target}: {by_head}");
        }
    }
}
