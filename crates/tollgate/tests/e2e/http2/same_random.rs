//! Requests put together at random, sent over both protocols: the same answer to the client, the same request at the upstream, and the
//! same line in the log.

use super::as_http2;
use crate::support::{gateway, request, until};
use serde_json::Value;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use testkit::client::Response;
use testkit::gateway::Gateway;
use testkit::http2::Fault;
use testkit::upstream::{Received, echo};

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
defaults: { upstream: echo, auth: { none: {} }, cors: { allowOrigins: [https://app.example.com] } }
errors: { templates: [{ on: path_unknown, accept: text/html, contentType: text/html, body: "<p>{{request.path}} at {{request.host}}</p>" }] }
routes:
  - { name: open, paths: [/open, "/open/*"], compression: { bytesMin: 1B } }
  - { name: some, paths: [/some], methods: [GET, PUT], host: a.example }
  - { name: keyed, paths: [/keyed], auth: { apiKey: {} } }
  - { name: order, paths: [/order], body: { schema: { type: object, required: [id] } } }
  - { name: small, paths: [/small], body: { bytesMax: 8B, contentTypes: [text/plain], requireLength: true } }
  - { name: edited, paths: [/edited], request: { body: { edits: [{ remove: /id }] }, headers: { remove: [x-a], set: { X-Host: "{{request.host}}" } } } }
  - { name: hello, paths: ["/hello/{who}"], respond: { contentType: text/plain, body: "{{request.path}}" } }
"#;

const METHODS: [&str; 12] =
    ["GET", "GET", "HEAD", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "BREW"];

const TARGETS: [&str; 23] = [
    "/open",
    "/open/a/../b",
    "/open/x?y=1&y=2",
    "//open//z",
    "/%6fpen",
    "/some",
    "/some/",
    "/keyed",
    "/keyed?x-api-key=good",
    "/order",
    "/order",
    "/order?%",
    "/small",
    "/small",
    "/edited",
    "/edited",
    "/hello/you",
    "/hello/%2fyou",
    "/nowhere",
    "/nowhere'&;",
    "/a%00",
    "*",
    "/open\"",
];

const FIELDS: [&str; 32] = [
    "Host: A.EXAMPLE:80",
    "Host: b.example",
    "Host:",
    "Host: a b",
    "Accept: text/html",
    "Accept: application/xml;q=0.5, text/plain;q=0.1",
    "Accept-Encoding: gzip, br",
    "Accept-Language: de",
    "Content-Type: application/json",
    "Content-Type: application/json; charset=utf-8",
    "Content-Type: text/plain",
    "Content-Encoding: gzip",
    "x-api-key: good",
    "x-api-key: bad",
    "Authorization: Bearer a.b.c",
    "Cookie: a=b; c; =d",
    "Origin: https://app.example.com",
    "Origin: https://evil.example.com",
    "Access-Control-Request-Method: PUT",
    "X-Forwarded-For: 192.0.2.1",
    "Forwarded: for=192.0.2.1",
    "X_Forwarded_For: 192.0.2.1",
    "Content_Length: 3",
    "Expect: 100-continue",
    "Expect: nothing",
    "TE: trailers",
    "X-A: \u{e9}\u{fc}",
    "X-A:",
    "X-Request-Id: theirs",
    "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "Range: bytes=0-1",
    "Max-Forwards: 0",
];

const BODIES: [&str; 8] =
    ["", "", "{}", r#"{"id":1}"#, r#" {"id":"x","a":[1,2,3]} "#, "{", "plain", "far too much of it"];

const REQUESTS: usize = 1_500;

/// Always the same for the same number.
fn bytes(number: usize) -> Vec<u8> {
    let random = BuildHasherDefault::<DefaultHasher>::default();
    let pick = |what: &str, of: usize| usize::try_from(random.hash_one((number, what)) >> 16).unwrap() % of;
    let fields: Vec<&str> = (0..pick("count", 5)).map(|nth| FIELDS[pick(&nth.to_string(), FIELDS.len())]).collect();
    let (method, target) = (METHODS[pick("method", METHODS.len())], TARGETS[pick("target", TARGETS.len())]);
    let body = BODIES[pick("body", BODIES.len())];
    if body.is_empty() || pick("chunked", 2) == 0 {
        return request(method, target, &fields, body);
    }
    let mut bytes = request(method, target, &[&fields[..], &["Transfer-Encoding: chunked"]].concat(), "");
    for piece in body.as_bytes().chunks(1 + pick("piece", 8)) {
        bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes().iter().chain(piece).chain(b"\r\n"));
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}

/// Without what is another with each request, and what says how it came.
fn told(response: &Response) -> (u16, Vec<String>, String) {
    let id = response.header("x-request-id").unwrap_or_else(|| panic!("no request ID in {response}"));
    // An answer that was packed is not told by its length.
    let aside = ["date", "connection", "transfer-encoding", "x-request-id", "content-length"];
    let fields = response.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let fields = fields.filter(|(name, _)| !aside.contains(&name.as_str()));
    let mut fields: Vec<String> = fields.map(|(name, value)| format!("{name}: {value}")).collect();
    fields.sort();
    // What upstream echoes is compared where it came in.
    let body = if response.status == 200 { String::new() } else { response.text().replace(id, "ID") };
    (response.status, fields, body)
}

fn arrived(received: &Received) -> (String, String, Vec<String>, Vec<u8>) {
    let aside = ["x-request-id", "traceparent", "via"];
    let fields = received.headers.iter().map(|(name, value)| (name.to_ascii_lowercase(), value));
    let fields = fields.filter(|(name, _)| !aside.contains(&name.as_str()));
    let mut fields: Vec<String> = fields.map(|(name, value)| format!("{name}: {value}")).collect();
    fields.sort();
    (received.method.clone(), received.target.clone(), fields, received.body.clone())
}

fn line(mut line: Value) -> Value {
    for name in ["time", "requestId", "traceId", "protocol", "bytesOut"] {
        line[name].take();
    }
    let fields = line.as_object_mut().unwrap();
    fields.retain(|name, value| !name.ends_with("Ms") && !value.is_null());
    line
}

/// The whole requests that came since the last look. What was broken off may come to light later.
fn arrivals(gateway: &Gateway, known: &mut usize) -> Vec<Received> {
    let all = gateway.upstream(0).received().into_iter().filter(|received| received.fault.is_none());
    let new: Vec<Received> = all.skip(*known).collect();
    *known += new.len();
    new
}

#[tokio::test]
async fn nobody_can_tell_the_protocols_apart() {
    let gateway = gateway(CONFIG).http2().upstream(echo()).start().await;
    let (mut known, mut compared, mut statuses) = (0, Vec::new(), BTreeMap::new());
    let mut connection = gateway.http2().await;
    for number in 0..REQUESTS {
        let bytes = bytes(number);
        let Some(sent) = testkit::http2::Request::of_http1(&bytes) else { continue };
        let what = bytes.escape_ascii().to_string();
        let other = match connection.exchange(&sent).await {
            Ok(response) => response,
            Err(Fault::Unsendable(_)) => continue,
            // Sixteen refusals of heads were enough.
            Err(Fault::GoAway(_) | Fault::Closed) => {
                connection = gateway.http2().await;
                connection.send(&as_http2(&bytes)).await
            }
            Err(fault) => panic!("{what}: {fault}"),
        };
        let theirs = arrivals(&gateway, &mut known);
        let one = gateway.send(&bytes).await;
        let ours = arrivals(&gateway, &mut known);
        assert_eq!(told(&one), told(&other), "{what}");
        assert_eq!(
            ours.iter().map(arrived).collect::<Vec<_>>(),
            theirs.iter().map(arrived).collect::<Vec<_>>(),
            "{what}"
        );
        let id = |response: &Response| response.header("x-request-id").unwrap().to_owned();
        compared.push((what, id(&one), id(&other)));
        *statuses.entry(one.status).or_insert(0) += 1;
    }
    assert!(compared.len() > REQUESTS * 2 / 3, "{}", compared.len());
    for status in [200, 204, 400, 401, 404, 405, 411, 413, 415, 422] {
        assert!(statuses.contains_key(&status), "{status} is not among {statuses:?}");
    }
    check_log(&gateway, &compared).await;
}

/// By what was sent: the ID over HTTP/1.1 and the one over HTTP/2.
async fn check_log(gateway: &Gateway, compared: &[(String, String, String)]) {
    let all = async || {
        let lines = gateway.log_lines();
        let by_id: HashMap<String, Value> =
            lines.into_iter().map(|line| (line["requestId"].as_str().unwrap().to_owned(), line)).collect();
        compared.iter().all(|(_, one, other)| by_id.contains_key(one) && by_id.contains_key(other)).then_some(by_id)
    };
    let mut by_id = until("a line of each", all).await;
    for (what, one, other) in compared {
        let (one, other) = (by_id.remove(one).unwrap(), by_id.remove(other).unwrap());
        assert_eq!((&one["protocol"], &other["protocol"]), (&"HTTP/1.1".into(), &"HTTP/2".into()), "{what}");
        assert_eq!(line(one), line(other), "{what}");
    }
}
