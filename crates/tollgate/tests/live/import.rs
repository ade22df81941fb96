//! An OpenAPI document becomes a config, and the config does what the document says.

use crate::program::{BINARY, Folder, tollgate};
use std::fs;
use std::path::Path;
use testkit::client::Response;
use testkit::gateway::{Gateway, gateway};
use testkit::upstream;

fn document() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf/examples/openapi/orders.openapi.yml");
    path.canonicalize().unwrap().display().to_string()
}

#[test]
fn a_document_is_imported_once_and_passes_check() {
    let folder = Folder::new();
    let out = folder.path.join("gateway.yaml").display().to_string();
    let import = ["import", "openapi", &document(), "--upstream", "http://127.0.0.1:9001", "--out", &out];
    let ran = tollgate(&import).expect(0);
    assert!(ran.stdout.contains("7 routes"), "{ran}");
    assert!(ran.stderr.contains("orders.openapi.yml:39: the cookie parameter `session` is not carried over"), "{ran}");
    tollgate(&["check", &out]).expect(0);
    let first = fs::read_to_string(&out).unwrap();
    let ran = tollgate(&import).expect(2);
    assert!(ran.stderr.contains("is there already"), "{ran}");
    let ran =
        tollgate(&[&import[..], &["--force", "--strict", "--auth", "none", "--host", "b.example"]].concat()).expect(1);
    assert!(ran.stderr.contains("not as in the document"), "{ran}");
    let second = fs::read_to_string(&out).unwrap();
    assert!(first.contains("auth: { apiKey: {} }") && !second.contains("apiKey"), "{second}");
    assert!(second.contains("host: b.example") && !second.contains("host: api.example.com"), "{second}");
    let printed = tollgate(&import[..5]).expect(0);
    assert_eq!(printed.stdout, first);
}

#[test]
fn what_is_no_document_is_refused() {
    let folder = Folder::new();
    let check = |name: &str, text: &str, more: &[&str], expected: &str| {
        let path = folder.with(name, text);
        let ran = tollgate(&[&["import", "openapi", &path], more].concat()).expect(2);
        assert!(ran.stderr.contains(expected) && ran.stdout.is_empty(), "{ran}");
    };
    check("a.yaml", "routes: []", &[], "no OpenAPI document");
    check("b.yaml", "openapi: [", &[], "error[yaml-syntax]");
    check("c.json", "{\"swagger\":\"2.0\"}", &[], "version 2");
    check("d.yaml", "{openapi: 3.1.0, paths: {}}", &["--upstream", "ftp://x"], "no URL");
    check("e.yaml", "{openapi: 3.1.0, paths: {}}", &["--host", "a b"], "no host");
    let ran = tollgate(&["import", "openapi", "/nowhere/at-all.yaml"]).expect(2);
    assert!(ran.stderr.contains("cannot read /nowhere/at-all.yaml"), "{ran}");
}

/// What the operator fills in: the callers. And the places of a test.
async fn serving() -> Gateway {
    let made = tollgate(&["import", "openapi", &document(), "--upstream", "http://127.0.0.1:9001"]).expect(0).stdout;
    let text = made
        .replace("127.0.0.1:8080", "{{listen}}")
        .replace("127.0.0.1:9001", "{{upstream}}")
        .replace("discovery: true", "keys: [{ secret: \"a secret that is long enough for anybody\" }]")
        .replace("algorithms: [RS256, ES256]", "algorithms: [HS256]");
    let consumers = "consumers: [{ id: acme, apiKeys: [{ value: good }] }]\n";
    gateway(BINARY, &format!("{text}\n{consumers}")).upstream(upstream::echo()).start().await
}

async fn send(gateway: &Gateway, method: &str, target: &str, lines: &[&str], body: &str) -> Response {
    let mut text = format!("{method} {target} HTTP/1.1\r\nHost: api.example.com\r\n");
    for line in lines {
        text.extend([line, "\r\n"]);
    }
    if !body.is_empty() {
        text.extend(["Content-Type: application/json\r\nContent-Length: ", &body.len().to_string(), "\r\n"]);
    }
    gateway.send(format!("{text}\r\n{body}").as_bytes()).await
}

#[tokio::test]
async fn the_config_does_what_the_document_says() {
    let gateway = serving().await;
    let key = "X-API-Key: good";
    let once = "Idempotency-Key: 8f14e45f-ceea-467f-a0e6-5a7d1c2b3a4d";
    let order = r#"{"items":[{"sku":"ABC-1234","quantity":2,"bundle":[{"sku":"ABC-0001","quantity":1}]}],"note":null}"#;
    for (method, target, lines, body, status, code) in [
        ("GET", "/v1/health", &[][..], "", 200, ""),
        ("GET", "/v1/orders", &[], "", 401, "api_key_missing"),
        ("GET", "/v1/orders?limit=20&status=open,paid&created[from]=2026-01-31", &[key], "", 200, ""),
        ("GET", "/v1/orders?limit=0", &[key], "", 422, "parameter_invalid"),
        ("GET", "/v1/orders?status=open,lost", &[key], "", 422, "parameter_invalid"),
        ("GET", "/v1/orders?created[from]=yesterday", &[key], "", 422, "parameter_invalid"),
        ("GET", "/v1/orders/17", &[key], "", 200, ""),
        ("GET", "/v1/orders/seventeen", &[key], "", 422, "parameter_invalid"),
        ("PUT", "/v1/orders/17", &[key], "", 405, "method_not_allowed"),
        ("PATCH", "/v1/orders/17", &[key], "", 401, "jwt_missing"),
        ("POST", "/v1/orders", &[key, once], order, 200, ""),
        ("POST", "/v1/orders", &[key], order, 422, "parameter_invalid"),
        (
            "POST",
            "/v1/orders",
            &[key, once],
            r#"{"items":[{"sku":"ABC-1234","quantity":0}]}"#,
            422,
            "body_schema_mismatch",
        ),
        ("POST", "/v1/orders", &[key, once], r#"{"items":[],"extra":1}"#, 422, "body_schema_mismatch"),
        ("POST", "/v1/orders", &[key, once], "{", 400, "body_malformed"),
        ("POST", "/v1/orders", &[key, once], "", 400, "body_malformed"),
        ("GET", "/v1/orders/17/invoice.pdf", &[key], "", 200, ""),
        ("GET", "/v1/orders/17/invoices", &[key], "", 404, "route_not_found"),
        ("GET", "/orders", &[key], "", 404, "route_not_found"),
    ] {
        let response = send(&gateway, method, target, lines, body).await;
        let found =
            if response.status == 200 { String::new() } else { response.json()["code"].as_str().unwrap().to_owned() };
        assert_eq!((response.status, found.as_str()), (status, code), "{method} {target} {body}: {response}");
    }
}
