//! Bodies that are read before they pass: JSON, schemas, content codings, and who is contacted when.

use crate::support::{Doing, Scenario, Seen, Steps, get, play, request, told, until, with_echo};
use engine::reason::Reason;
use flate2::Compression;
use serde_json::{Value, json};
use std::io::Write as _;
use testkit::client::{Connection, Response};
use testkit::gateway::{Builder, Gateway};
use testkit::upstream::Misbehaviour;

const CONFIG: &str = r#"
limits: { bodyTimeout: 200ms }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
routes:
  - { name: order, paths: [/order], body: { bytesMax: 4KiB, depthMax: 8, contentTypes: [application/json], schemaFile: order.schema.json } }
  - { name: any, paths: [/any], body: { bytesMax: 4KiB, decompressedBytesMax: 8KiB, schema: { type: object } } }
  - name: billed
    paths: [/billed]
    auth: { apiKey: {} }
    quota: { limit: 2, per: month, headers: { remaining: true } }
    body: { schema: { type: object } }
"#;

/// The guide's own, as it stands there.
const ORDER: &str = r#"{
  "type": "object",
  "required": ["orderId", "items"],
  "properties": {
    "orderId": { "type": "string" },
    "items": {
      "type": "array",
      "minItems": 1
    }
  }
}
"#;

const JSON: &str = "Content-Type: application/json";

pub fn builder() -> Builder {
    crate::support::gateway(CONFIG).file("order.schema.json", ORDER).upstream(testkit::upstream::echo())
}

async fn start() -> Gateway {
    builder().start().await
}

fn post(target: &str, fields: &[&str], body: &[u8]) -> Vec<u8> {
    let length = format!("Content-Length: {}", body.len());
    let mut bytes = request("POST", target, &[fields, &[&length]].concat(), "");
    bytes.extend_from_slice(body);
    bytes
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn scenarios() -> Vec<Scenario> {
    let order = |reason, what, fields: &[&str], body: &[u8]| {
        Scenario::new(reason, what, Steps::Send(post("/order", fields, body))).on("order").by("routes.order.body")
    };
    let any = |reason, what, fields: &[&str], body: &[u8]| {
        Scenario::new(reason, what, Steps::Send(post("/any", fields, body))).on("any").by("routes.any.body")
    };
    let coded = "Content-Encoding: gzip";
    vec![
        order(Reason::BodySchemaMismatch, "an empty list", &[JSON], br#"{"orderId":"A-1","items":[]}"#),
        order(Reason::BodySchemaMismatch, "null fields", &[JSON], br#"{"orderId":null,"items":null}"#),
        order(Reason::BodyMissing, "no body", &[JSON], b""),
        order(Reason::BodyMissing, "blanks", &[JSON], b" \r\n"),
        any(Reason::JsonSyntax, "a form", &[], b"orderId=A-1"),
        any(Reason::JsonSyntax, "half of it", &[], br#"{"orderId":"#),
        any(Reason::JsonTrailing, "two of them", &[], b"{}{}"),
        any(Reason::JsonNotUtf8, "Latin-1", &[], b"{\"a\":\"\xe9\"}"),
        any(Reason::JsonByteOrderMark, "a byte order mark", &[], b"\xef\xbb\xbf{}"),
        any(Reason::JsonDuplicateName, "a name twice", &[], br#"{"a":1,"\u0061":2}"#),
        order(Reason::JsonTooDeep, "nine lists", &[JSON], b"[[[[[[[[[]]]]]]]]]"),
        any(Reason::JsonNumberOutOfRange, "1e400", &[], br#"{"a":1e400}"#),
        any(Reason::JsonNumberOutOfRange, "2^64", &[], br#"{"a":18446744073709551616}"#),
        any(Reason::CharsetUnsupported, "Latin-1, said", &["Content-Type: text/json; charset=latin1"], b"{}"),
        order(Reason::ContentTypeMissing, "no type of what is read", &[], b"{}"),
        order(Reason::ContentTypeMalformed, "a type that is none", &["Content-Type: json"], b"{}"),
        any(Reason::ContentCodingUnsupported, "compress", &["Content-Encoding: compress"], b"x"),
        any(Reason::ContentCodingUnsupported, "three steps", &["Content-Encoding: gzip, gzip, gzip"], b"x"),
        any(Reason::ContentCodingBroken, "gzip that is none", &[coded], b"{}"),
        any(Reason::DecompressedBodyTooLarge, "a bomb", &[coded], &gzip(&vec![b' '; 1_000_000])),
        any(Reason::BodyTooLarge, "longer than what is read", &[], &[b' '; 4_097]),
    ]
}

#[tokio::test]
async fn a_bad_body_never_reaches_upstream() {
    let gateway = start().await;
    play(&gateway, &scenarios()).await;
    assert_eq!(gateway.upstream(0).connections(), 0);
}

/// Many small pieces, and a connection that goes on.
#[tokio::test]
async fn good_bodies_arrive_as_they_were_sent() {
    let gateway = start().await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let bodies = [
        br#"{"orderId":"A-1","items":[1]}"#.to_vec(),
        br#" {"items" : [null,{"a":[{}],"b":[]}], "orderId":"\u00e9", "more":null} "#.to_vec(),
    ];
    for body in &bodies {
        let response =
            connection.send(&post("/order", &["Content-Type: Application/JSON; charset=\"UTF-8\""], body)).await;
        assert_eq!(
            (response.status, response.json()["body"].as_str()),
            (200, std::str::from_utf8(body).ok()),
            "{response}"
        );
        let mut chunked = request("POST", "/order", &[JSON, "Transfer-Encoding: chunked"], "");
        for piece in body.chunks(3) {
            chunked.extend(format!("{:x}\r\n", piece.len()).into_bytes().iter().chain(piece).chain(b"\r\n"));
        }
        chunked.extend(b"0\r\n\r\n");
        let response = connection.send(&chunked).await;
        assert_eq!(
            (response.status, response.json()["body"].as_str()),
            (200, std::str::from_utf8(body).ok()),
            "{response}"
        );
    }
    let bad = connection.send(&post("/order", &[JSON], b"{}")).await;
    assert_eq!((bad.status, bad.header("connection")), (422, Some("keep-alive")), "a refusal keeps the connection");
    let coded = gzip(&bodies[0]);
    let response = connection.send(&post("/order", &[JSON, "Content-Encoding: gzip"], &coded)).await;
    assert_eq!(told(&response, "content-encoding").as_deref(), Some("gzip"));
    assert_eq!(gateway.upstream(0).received().last().unwrap().body, coded, "upstream gets it compressed");
    for method in ["GET", "HEAD", "DELETE"] {
        assert_eq!(gateway.send(&request(method, "/any", &[], "")).await.status, 200, "{method} needs no body");
    }
    assert_eq!(gateway.send(&request("DELETE", "/any", &[], "[]")).await.status, 422, "but what comes is read");
}

#[tokio::test]
async fn what_else_would_do_is_told() {
    let gateway = start().await;
    let coding = gateway.send(&post("/any", &["Content-Encoding: compress"], b"x")).await;
    assert_eq!((coding.header("accept-encoding"), coding.header("accept")), (Some("gzip, deflate, br, zstd"), None));
    let missing = gateway.send(&post("/order", &[], b"{}")).await;
    assert_eq!((missing.header("accept"), missing.header("accept-encoding")), (Some("application/json"), None));
}

fn expecting(target: &str, fields: &[&str], length: usize) -> Vec<u8> {
    request("POST", target, &[fields, &["Expect: 100-continue", &format!("Content-Length: {length}")]].concat(), "")
}

/// RFC 9110, 10.1.1: whoever waits for a word before it sends its body hears it from the gateway, and only if the body is wanted.
#[tokio::test]
async fn a_body_is_asked_for_only_if_it_may_pass() {
    let gateway = start().await;
    for (fields, length, status) in [
        (&[JSON][..], 4_097, 413),
        (&["Content-Type: text/plain"], 10, 415),
        (&[JSON, "Content-Encoding: compress"], 10, 415),
    ] {
        let response = gateway.send(&expecting("/order", fields, length)).await;
        assert_eq!((response.status, response.interim.as_slice()), (status, &[][..]), "{response}");
    }
    let body = br#"{"orderId":"A-1","items":[1]}"#;
    for (body, status) in [(&body[..], 200), (&br#"{"orderId":"A-1","items":[] }"#[..], 422)] {
        let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
        connection.write(&expecting("/order", &[JSON], body.len())).await.unwrap();
        assert_eq!(connection.interim().await.unwrap(), 100);
        connection.write(body).await.unwrap();
        let response = connection.read("POST").await.unwrap();
        assert_eq!((response.status, response.header("connection")), (status, Some("keep-alive")), "{response}");
    }
    assert_eq!(gateway.upstream(0).received().len(), 1);
    assert_eq!(gateway.upstream(0).received()[0].header("expect"), None);
}

#[tokio::test]
async fn a_body_that_is_refused_is_not_billed() {
    let gateway = start().await;
    let send = async |body: &[u8]| gateway.send(&post("/billed", &["x-api-key: good"], body)).await;
    for _ in 0..5 {
        assert_eq!(send(b"[]").await.status, 422);
    }
    let remaining = async |body: &[u8]| {
        let response = send(body).await;
        (response.status, response.header("x-ratelimit-remaining").map(str::to_owned))
    };
    assert_eq!(remaining(b"{}").await, (200, Some("1".to_owned())));
    assert_eq!(send(b"{").await.status, 400);
    assert_eq!(remaining(b"{}").await, (200, Some("0".to_owned())));
    assert_eq!(send(b"[]").await.status, 429, "the quota comes first: nobody reads for who may not call");
}

/// Broken off in the middle: no upstream is contacted, and nothing is billed.
#[tokio::test]
async fn a_body_that_stops_is_given_up() {
    let gateway = start().await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    connection.write(&request("POST", "/billed", &["x-api-key: good", "Content-Length: 10"], "")).await.unwrap();
    connection.write(b"{\"a\"").await.unwrap();
    let response = connection.read("POST").await.unwrap();
    assert_eq!(response.status, 408, "{response}");
    assert_eq!(gateway.log_line(response.header("x-request-id").unwrap()).await["reason"], "body_timeout");
    assert_eq!(gateway.upstream(0).connections(), 0);
    let billed = gateway.send(&post("/billed", &["x-api-key: good"], b"{}")).await;
    assert_eq!(billed.header("x-ratelimit-remaining"), Some("1"));
}

/// The endpoint resets the connection that was kept: the same body goes over a new one, and is not judged anew.
#[tokio::test]
async fn a_body_that_is_sent_again_is_the_same() {
    let upstream = testkit::upstream::misbehaving(Misbehaviour::ResetReused);
    let gateway = crate::support::gateway(CONFIG).file("order.schema.json", ORDER).upstream(upstream).start().await;
    let put = |body: &str| request("PUT", "/any", &[], body);
    assert_eq!(gateway.send(&put(r#"{"first":1}"#)).await.status, 200);
    let second = r#"{"second":[2,2,2]}"#;
    let response = gateway.send(&put(second)).await;
    assert_eq!(response.status, 200, "{response}");
    let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!(line["attempts"], 2, "{line}");
    assert_eq!(gateway.upstream(0).received().last().unwrap().body, second.as_bytes());
}

const MEMORY: &str = r#"
limits: { heldBodyBytes: 1MiB }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes: [{ name: held, paths: [/held], body: { schema: { type: object } } }]
"#;

pub fn scenarios_of_memory() -> Vec<Scenario> {
    vec![Scenario::new(Reason::BodyBufferFull, "two at once", Steps::Do(two_at_once)).on("held").by("routes.held.body")]
}

/// The first one waits in the middle of its body, and holds what has come of it.
fn two_at_once(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move {
        let half = " ".repeat(600_000);
        let mut first = Connection::open(gateway.address("listen")).await.unwrap();
        first.write(&request("POST", "/held", &["Content-Length: 600001"], "")).await.unwrap();
        first.write(half.as_bytes()).await.unwrap();
        until("what is held", async || {
            let held = gateway.metric("tollgate_held_body_bytes", &[]).await;
            (held >= 600_000.0).then_some(())
        })
        .await;
        let second = gateway.send(&post("/held", &[], half.as_bytes())).await;
        Seen::Refusal(second)
    })
}

#[tokio::test]
async fn what_all_bodies_may_hold_is_bounded() {
    let gateway = with_echo(MEMORY).await;
    play(&gateway, &scenarios_of_memory()).await;
    until("all is given back", async || {
        let held = gateway.metric("tollgate_held_body_bytes", &[]).await;
        (held == 0.0).then_some(())
    })
    .await;
    assert_eq!(gateway.send(&post("/held", &[], b"{}")).await.status, 200);
}

const CROWDED: &str = r#"
limits: { heldBodyBytes: 1MiB }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - { name: held, paths: [/held], body: { schema: { type: object } } }
  - name: trial
    paths: [/trial]
    body: { schema: { type: object }, mode: dryRun }
    request: { body: { edits: [{ set: /b, value: "1" }] } }
"#;

/// In dry run a body that there is no room for is not judged. What changes it still gets all of it.
#[tokio::test]
async fn what_is_left_unjudged_is_changed_as_a_whole() {
    let gateway = with_echo(CROWDED).await;
    let held = async |what: &str, bytes: f64| {
        let look = async || ((gateway.metric("tollgate_held_body_bytes", &[]).await - bytes).abs() < 0.5).then_some(());
        until(what, look).await;
    };
    let mut holders = Vec::new();
    for _ in 0..2 {
        let mut holder = Connection::open(gateway.address("listen")).await.unwrap();
        holder.write(&request("POST", "/held", &[JSON, "Content-Length: 600000"], "")).await.unwrap();
        holder.write(" ".repeat(522_000).as_bytes()).await.unwrap();
        holders.push(holder);
    }
    held("no room but for 4 KiB", 1_044_000.0).await;
    let body = format!(r#"{{"a":"{}"}}"#, "y".repeat(8_992));
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    connection.write(&request("POST", "/trial", &[JSON, "Content-Length: 9000"], "")).await.unwrap();
    connection.write(&body.as_bytes()[..3_000]).await.unwrap();
    held("the first piece", 1_047_000.0).await;
    connection.write(&body.as_bytes()[3_000..6_000]).await.unwrap();
    held("a piece too many", 1_044_000.0).await;
    connection.write(&body.as_bytes()[6_000..]).await.unwrap();
    let response = connection.read("POST").await.unwrap();
    assert_eq!(response.status, 200, "{response}");
    let sent: Value = serde_json::from_str(response.json()["body"].as_str().unwrap()).unwrap();
    assert_eq!(sent, json!({ "a": "y".repeat(8_992), "b": "1" }));
    let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!(line["wouldDeny"], json!(["body_buffer_full"]), "{line}");
}

const TRIAL: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes: [{ name: trial, paths: [/trial], body: { bytesMax: 100KiB, contentTypes: [application/json], schema: { required: [a] }, mode: dryRun } }]
"#;

/// Whatever is wrong with a body, in dry run it arrives, and what would have been said is recorded.
#[tokio::test]
async fn in_dry_run_no_byte_changes() {
    let gateway = with_echo(TRIAL).await;
    let large = |length: usize| [b"{}".to_vec(), vec![b' '; length]].concat();
    for (fields, body, expected) in [
        (&[JSON][..], br#"{"a":1}"#.to_vec(), Value::Null),
        (&[JSON], b"{}".to_vec(), json!(["body_schema_mismatch"])),
        (&[JSON], b"{".to_vec(), json!(["json_syntax"])),
        (&[JSON, "Content-Encoding: gzip"], b"{}".to_vec(), json!(["content_coding_broken"])),
        (&[JSON, "Content-Encoding: compress"], b"{}".to_vec(), json!(["content_coding_unsupported"])),
        (&["Content-Type: text/plain"], b"{}".to_vec(), json!(["content_type_unsupported", "body_schema_mismatch"])),
        (&[JSON], large(90_000), json!(["body_schema_mismatch"])),
    ] {
        let response = gateway.send(&post("/trial", fields, &body)).await;
        check_trial(&gateway, &response, &body, &expected).await;
    }
    for (length, expected) in [
        (30_000, json!(["body_schema_mismatch"])),
        (90_000, json!(["body_schema_mismatch"])),
        (300_000, json!(["body_too_large"])),
    ] {
        let body = large(length);
        for size in [1_000, 40_000, 65_536, 100_000] {
            let response = gateway.send(&chunked("/trial", &[JSON], &body, size)).await;
            check_trial(&gateway, &response, &body, &expected).await;
        }
    }
    let too_large = gateway.send(&post("/trial", &[JSON], &large(200_000))).await;
    check_trial(&gateway, &too_large, &large(200_000), &json!(["body_too_large"])).await;
    assert_eq!(gateway.send(&get("/trial", &[])).await.status, 200);
}

async fn check_trial(gateway: &Gateway, response: &Response, body: &[u8], expected: &Value) {
    assert_eq!(response.status, 200, "{response}");
    let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!(&line["wouldDeny"], expected, "{line}");
    assert!(line["kind"].is_null(), "{line}");
    let received = gateway.upstream(0).received().pop().unwrap();
    assert!(received.body == body, "{} bytes sent, {} arrived", body.len(), received.body.len());
}

pub fn chunked(target: &str, fields: &[&str], body: &[u8], size: usize) -> Vec<u8> {
    let mut bytes = request("POST", target, &[fields, &["Transfer-Encoding: chunked"]].concat(), "");
    for piece in body.chunks(size) {
        bytes.extend(format!("{:x}\r\n", piece.len()).into_bytes());
        bytes.extend_from_slice(piece);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"0\r\n\r\n");
    bytes
}
