//! The configs that are shipped: no mistakes, their own tests pass, and each serves.

use crate::program::{BINARY, tollgate};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use testkit::gateway::gateway;
use testkit::upstream;

/// One request that each of them answers: file, host, target, API key, status.
const SERVED: &[(&str, &str, &str, &str, u16)] = &[
    ("quickstart.yaml", "localhost", "/hello", "", 200),
    ("tollgate.yaml", "any.example.org", "/health", "", 200),
    ("examples/addresses-and-concurrency.yaml", "api.example.com", "/v1/orders", "example-key-of-acme", 200),
    ("examples/bodies.yaml", "api.example.com", "/v1/customers/7", "", 200),
    // Its Redis is not there: each gateway grants its part.
    ("examples/browser.yaml", "api.example.com", "/v1/orders", "example-key-of-web", 200),
    ("examples/cluster.yaml", "api.example.com", "/v1/orders", "example-key-of-acme", 200),
    ("examples/error-templates.yaml", "api.example.com", "/v1/search", "", 200),
    ("examples/forward-auth.yaml", "shop.example.com", "/sign-in/", "", 200),
    // Its tokens are good on one day only.
    ("examples/jwt.yaml", "api.example.com", "/v1/orders", "", 401),
    ("examples/key-sets.yaml", "api.example.com", "/health", "", 200),
    ("examples/plans-and-quotas.yaml", "api.example.com", "/v1/orders", "example-key-of-acme", 200),
    ("examples/routing.yaml", "a.files.example.com", "/pub/x/y.png", "", 200),
    ("examples/transformations.yaml", "shop.example.com", "/v1/orders/17", "", 200),
    ("examples/upstreams.yaml", "api.example.com", "/v1/orders/17", "", 200),
    ("examples/versions.yaml", "api.example.com", "/v2/orders", "", 200),
];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf").canonicalize().unwrap()
}

fn yaml_files(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            yaml_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "yaml") {
            found.insert(path);
        }
    }
}

#[test]
fn each_is_in_the_table() {
    let mut found = BTreeSet::new();
    yaml_files(&folder(), &mut found);
    let table: BTreeSet<PathBuf> = SERVED.iter().map(|(file, ..)| folder().join(file)).collect();
    assert_eq!(found, table);
}

#[test]
fn each_has_no_mistake_and_passes_its_own_tests() {
    for (file, ..) in SERVED {
        let path = folder().join(file).display().to_string();
        let ran = tollgate(&["check", "--strict", &path]).expect(0);
        assert!(ran.stderr.is_empty(), "{ran}");
        let ran = tollgate(&["test", &path]).expect(0);
        assert!(ran.stderr.is_empty() && ran.stdout.contains(" passed, 0 failed"), "{ran}");
    }
}

/// With free addresses and a test upstream in the place of its own ones.
fn adapted(text: &str) -> String {
    let mut text = text.to_owned();
    let keys = folder().join("keys").display().to_string();
    for (address, place) in [
        ("127.0.0.1:8080", "{{listen}}"),
        ("127.0.0.1:9901", "{{telemetry}}"),
        ("127.0.0.1:9001", "{{upstream}}"),
        ("127.0.0.1:9002", "{{upstream}}"),
        ("127.0.0.1:9003", "{{upstream}}"),
        ("orders-1.internal:9001", "{{upstream}}"),
        ("orders-2.internal:9001", "{{upstream}}"),
        ("path: \"-\" ", "path: \"{{accessLog}}\" "),
        ("https://idp.example.com/jwks.json", "http://127.0.0.1:1/jwks.json"),
        ("https://login.example.com", "http://127.0.0.1:1"),
        ("discovery: true", "discovery: { gatesReadiness: false }"),
        ("../keys/", "keys/"),
    ] {
        text = text.replace(address, place);
    }
    let schemas = folder().join("examples/schemas").display().to_string();
    let parts = format!("file: {}/", folder().join("examples/error-templates").display());
    text.replace("keys/", &format!("{keys}/"))
        .replace("schemaFile: schemas/", &format!("schemaFile: {schemas}/"))
        .replace("file: error-templates/", &parts)
}

#[tokio::test]
async fn each_serves() {
    for (file, host, target, key, status) in SERVED {
        let text = fs::read_to_string(folder().join(file)).unwrap();
        let gateway = gateway(BINARY, &adapted(&text)).upstream(upstream::echo()).start().await;
        let mut request = gateway.get(target).header("Host", host);
        if !key.is_empty() {
            request = request.header("x-api-key", key);
        }
        let response = request.send().await;
        assert_eq!(response.status, *status, "{file}: {response}");
        let arrived = u64::from(*status == 200);
        assert_eq!(gateway.upstream(0).count(), arrived, "{file}");
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert_eq!(line["status"], *status, "{file}: {line}");
        assert_eq!(gateway.stop().await.code(), Some(0), "{file}: {}", gateway.said());
    }
}
