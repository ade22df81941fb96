//! What upstream and client get of requests and answers that their route changes.

use crate::support::{gateway, get, request, told, told_all, with_echo};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::io::Write as _;
use testkit::client::Connection;
use testkit::upstream::{Answer, Behaviour, Upstream, fixed};

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
identityHeaders: { consumer: X-Consumer-Id }
consumers: [{ id: acme, apiKeys: [{ value: key-of-acme }] }]
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - name: heads
    paths: ["/v1/orders/{id}"]
    auth: { apiKey: {} }
    request:
      path: { replacePrefix: { from: /v1, to: /internal } }
      query: { remove: [debug], rename: { q: query }, set: { id: "{{path.id}}" }, add: { from: gateway } }
      headers:
        remove: [X-Debug]
        rename: { X-Old: X-New }
        set: { X-Tenant: "{{consumer.id}}", X-Id: "{{path.id}}", X-Line: "{{request.query.line}}", X-Plan: { value: "{{plan.name}}", absent: { default: none } } }
        add: { X-List: "{{client.address}}" }
    response: { headers: { remove: [Content-Type], set: { X-Status: "{{response.status}}", X-Path: "{{request.path}}" } } }
  - name: open
    paths: ["/v1/open/{id}", /v1/open]
    request: { headers: { set: { X-Tenant: "{{consumer.id}}", X-Id: "{{path.id}}" } } }
  - name: template
    paths: ["/t/{a}/*"]
    request: { path: { template: "/x/{rest}/{a}" } }
  - name: bodies
    paths: [/bodies]
    request:
      body:
        bytesMax: 8MiB
        edits:
          - { set: /tenant, value: "{{request.header.x-tenant}}" }
          - { rename: /userName, to: user }
          - { remove: /debug }
  - name: judged
    paths: [/judged]
    body: { schema: { type: object, required: [id], properties: { id: { type: integer } } } }
    request: { body: { template: { order: "{{body/id}}", note: "no. {{body/id}}" } } }
  - name: passed
    paths: [/passed]
    request: { body: { edits: [{ remove: /debug }], onUnreadable: pass } }
  - name: answers
    paths: [/answers]
    response: { body: { edits: [{ remove: /headers }, { set: /seen, value: "{{response.status}}" }] } }
"#;

#[tokio::test]
async fn the_head_arrives_changed() {
    let gateway = with_echo(CONFIG).await;
    let fields = [
        "X-Api-Key: key-of-acme",
        "X-Debug: 1",
        "X-Old: old",
        "X-New: spoofed",
        "X-Tenant: spoofed",
        "X-Line: spoofed",
        "X-List: own",
    ];
    let target = "/v1/orders/7%20b;v=1?z=%7e&debug=1&q=1&q=2&line=a%0d%0ab&id=0";
    let response = gateway.send(&get(target, &fields)).await;
    let expected = "/internal/orders/7%20b;v=1?z=%7e&query=1&query=2&line=a%0d%0ab&id=7%20b&from=gateway";
    assert_eq!(response.json()["target"], expected, "{response}");
    for (name, value) in [
        ("x-consumer-id", Some("acme")),
        ("x-tenant", Some("acme")),
        ("x-id", Some("7 b")),
        ("x-debug", None),
        ("x-old", None),
        ("x-new", Some("old")),
        // What would break a line is as if it were not there.
        ("x-line", None),
        ("x-plan", Some("none")),
    ] {
        assert_eq!(told(&response, name).as_deref(), value, "{name}: {response}");
    }
    assert_eq!(told_all(&response, "x-list"), ["own", "127.0.0.1"]);
    assert_eq!(response.header("content-type"), None);
    assert_eq!((response.header("x-status"), response.header("x-path")), (Some("200"), Some("/v1/orders/7%20b;v=1")));
    // Nobody is a consumer here: what the client claims is gone all the same.
    let response = gateway.send(&get("/v1/open", &["X-Tenant: spoofed", "X-Id: spoofed"])).await;
    assert_eq!((told(&response, "x-tenant"), told(&response, "x-id")), (None, None), "{response}");
}

#[tokio::test]
async fn captures_make_a_path_and_nothing_else() {
    let gateway = with_echo(CONFIG).await;
    for (sent, expected) in [
        ("/t/1/a/b", "/x/a/b/1"),
        ("/t/1", "/x/1"),
        ("/t/1/", "/x/1"),
        ("/t/a%3Fb%23c/d%20e?f=%2F", "/x/d%20e/a%3Fb%23c?f=%2F"),
        ("/t/1/../2/x", "/x/x/2"),
    ] {
        let response = gateway.send(&get(sent, &[])).await;
        assert_eq!(response.json()["target"], expected, "{sent}: {response}");
    }
}

fn post(target: &str, fields: &[&str], body: &str) -> Vec<u8> {
    request("POST", target, &[&["Content-Type: application/json; charset=utf-8"], fields].concat(), body)
}

#[tokio::test]
async fn bodies_arrive_changed_and_whole() {
    let gateway = with_echo(CONFIG).await;
    let pad = "x".repeat(300_000);
    for (sent, expected) in [
        (r#"{"userName":"u","debug":1}"#.to_owned(), r#"{"user":"u","tenant":"acme"}"#.to_owned()),
        (r#"{ "a": [], "b": null, "n": 1.10 }"#.to_owned(), r#"{"a":[],"b":null,"n":1.10,"tenant":"acme"}"#.to_owned()),
        ("[1,2]".to_owned(), "[1,2]".to_owned()),
        (format!(r#"{{"pad":"{pad}","debug":{{"x":[]}}}}"#), format!(r#"{{"pad":"{pad}","tenant":"acme"}}"#)),
    ] {
        let response = gateway.send(&post("/bodies", &["X-Tenant: acme"], &sent)).await;
        assert_eq!(response.json()["body"].as_str(), Some(&*expected), "{}", response.status);
        let mut chunked = post("/bodies", &["X-Tenant: acme", "Transfer-Encoding: chunked"], "");
        for piece in sent.as_bytes().chunks(50_000) {
            chunked.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
            chunked.extend_from_slice(piece);
            chunked.extend_from_slice(b"\r\n");
        }
        chunked.extend_from_slice(b"0\r\n\r\n");
        let response = gateway.send(&chunked).await;
        assert_eq!(response.json()["body"].as_str(), Some(&*expected), "in chunks: {}", response.status);
    }
    let nothing = gateway.send(&request("POST", "/bodies", &["Content-Length: 0"], "")).await;
    assert_eq!((nothing.status, &nothing.json()["body"]), (200, &"".into()), "{nothing}");
    let faults: Vec<_> = gateway.upstream(0).received().into_iter().filter_map(|received| received.fault).collect();
    assert!(faults.is_empty(), "{faults:?}");
}

/// A short body is changed before upstream hears of it: a bad one never gets there, a good one comes with its length.
#[tokio::test]
async fn a_short_body_is_changed_before_upstream_is_contacted() {
    let gateway = with_echo(CONFIG).await;
    let refused = gateway.send(&post("/bodies", &[], "{\"debug\":")).await;
    assert_eq!((refused.status, gateway.upstream(0).connections()), (400, 0), "{refused}");
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    for (expects, body) in [(false, r#"{"debug":1,"a":2}"#), (false, "{}"), (true, "[]")] {
        let fields = if expects { ["Expect: 100-continue"].as_slice() } else { &[] };
        let response = connection.send(&post("/bodies", fields, body)).await;
        assert_eq!((response.status, response.interim == [100]), (200, expects), "{response}");
        let length = told(&response, "content-length").unwrap();
        assert_eq!(length, response.json()["body"].as_str().unwrap().len().to_string(), "{response}");
        assert_eq!((told(&response, "transfer-encoding"), told(&response, "expect")), (None, None), "{response}");
    }
}

/// First the schema has its say about what the client sent, then the body is changed.
#[tokio::test]
async fn a_body_is_judged_before_it_is_changed() {
    let gateway = with_echo(CONFIG).await;
    let response = gateway.send(&post("/judged", &[], r#"{"id":7}"#)).await;
    assert_eq!(response.json()["body"], r#"{"note":"no. 7","order":7}"#, "{response}");
    assert_eq!(gateway.send(&post("/judged", &[], r#"{"order":7}"#)).await.status, 422);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(br#"{"id":8}"#).unwrap();
    let zipped = encoder.finish().unwrap();
    let length = format!("Content-Length: {}", zipped.len());
    let mut bytes = post("/judged", &["Content-Encoding: gzip", &length], "");
    bytes.extend_from_slice(&zipped);
    let response = gateway.send(&bytes).await;
    assert_eq!(response.json()["body"], r#"{"note":"no. 8","order":8}"#, "{response}");
    assert_eq!(told(&response, "content-encoding"), None);
}

#[tokio::test]
async fn what_cannot_be_read_passes_where_it_may() {
    let gateway = with_echo(CONFIG).await;
    for (fields, body) in [
        (["Content-Type: application/json"].as_slice(), "{\"debug\":"),
        (&["Content-Type: text/plain"], "{\"debug\":1}"),
        (&["Content-Type: application/json", "Content-Encoding: gzip"], "no gzip"),
    ] {
        let response = gateway.send(&request("POST", "/passed", fields, body)).await;
        assert_eq!((response.status, &response.json()["body"]), (200, &body.into()), "{fields:?}");
    }
    let response = gateway.send(&post("/passed", &[], "{\"debug\":1}")).await;
    assert_eq!(response.json()["body"], "{}");
}

#[tokio::test]
async fn answers_arrive_changed() {
    let gateway = with_echo(CONFIG).await;
    let response = gateway.send(&get("/answers", &["Range: bytes=0-1", "Accept-Encoding: gzip"])).await;
    let answer = response.json();
    assert_eq!(
        (&answer["headers"], &answer["seen"], &answer["target"]),
        (&Value::Null, &json!(200), &json!("/answers"))
    );
    assert_eq!(response.header("content-length"), None);
    let received = gateway.upstream(0).received();
    let seen = received.first().unwrap();
    assert_eq!((seen.header("range"), seen.header("accept-encoding")), (None, Some("identity")));
    let head = gateway.send(&request("HEAD", "/answers", &[], "")).await;
    assert_eq!((head.status, head.header("content-length")), (200, None), "{head}");
}

const ANSWERS: &str = r#"
upstreams: { up: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: up, auth: { none: {} } }
routes:
  - name: all
    paths: ["/*"]
    response: { body: { edits: [{ remove: /secret }], onUnreadable: pass } }
"#;

#[tokio::test]
async fn only_what_is_json_is_looked_at() {
    let gateway = gateway(ANSWERS).upstream(fixed(404, &[], b"")).start().await;
    let check = async |status: u16, content_type: &str, extra: &[(&str, &str)], body: &str, expected: &str| {
        let fields = [("Content-Type", content_type), ("ETag", "\"x\"")];
        let headers =
            fields.iter().chain(extra).map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        gateway.upstream(0).behave(Behaviour::Fixed(Answer { status, headers, body: body.as_bytes().to_vec() }));
        let response = gateway.send(&get("/", &[])).await;
        assert_eq!((response.status, response.text().as_str()), (status, expected), "{content_type}: {response}");
        let is_changed = body != expected;
        assert_eq!(response.header("etag").is_none(), is_changed, "{content_type}: {response}");
    };
    check(200, "application/json", &[], r#"{"secret":1,"a":2}"#, r#"{"a":2}"#).await;
    check(404, "application/problem+json", &[], r#"{"secret":1}"#, "{}").await;
    check(500, "Application/JSON; charset=utf-8", &[], r#"{"secret":[],"a":null}"#, r#"{"a":null}"#).await;
    check(200, "text/html", &[], r#"{"secret":1}"#, r#"{"secret":1}"#).await;
    check(200, "text/event-stream", &[], "data: {}\n\n", "data: {}\n\n").await;
    check(206, "application/json", &[("Content-Range", "bytes 0-3/9")], "{\"se", "{\"se").await;
    check(200, "application/json", &[("Content-Encoding", "gzip")], "no gzip", "no gzip").await;
}

/// The same upstream twice: what is said of the bytes goes where they are changed, and only there.
#[tokio::test]
async fn an_upstream_that_is_named_in_no_change_is_passed_on_untouched() {
    let answer = Answer {
        status: 200,
        headers: vec![("ETag".to_owned(), "\"x\"".to_owned()), ("Accept-Ranges".to_owned(), "bytes".to_owned())],
        body: b"{}".to_vec(),
    };
    let config = ANSWERS.replace("    response: { body: { edits: [{ remove: /secret }], onUnreadable: pass } }\n", "");
    let upstream = Upstream::start(Behaviour::Fixed(answer)).unwrap();
    let gateway = gateway(&config).upstream(upstream).start().await;
    let response = gateway.send(&get("/", &[])).await;
    for (name, value) in [("etag", "\"x\""), ("accept-ranges", "bytes"), ("content-length", "2")] {
        assert_eq!(response.header(name), Some(value), "{response}");
    }
    assert_eq!(response.header("vary"), None);
}
