//! `tollgate test --against`: the config's tests as a smoke test of what runs.

use crate::program::{BINARY, Ran, tollgate};
use testkit::gateway::{Gateway, gateway};
use testkit::upstream;

const CONFIG: &str = r#"
upstreams: { main: { endpoints: ["{{upstream}}"] } }
consumers: [{ id: acme, apiKeys: [{ value: "${ACME:-key-acme}" }] }]
defaults: { upstream: main, auth: { none: {} } }
routes:
  - { name: open, host: a.test, paths: [/open], methods: [GET, POST], body: { bytesMax: 4B } }
  - { name: keyed, host: a.test, paths: [/keyed], auth: { apiKey: {} } }
tests:
  - { name: open, request: { url: "http://a.test/open?x=1" }, expect: { status: 200, route: open, upstream: main } }
  - { name: another method, request: { method: PUT, url: "http://a.test/open" }, expect: { status: 405 } }
  - { name: a body, request: { method: POST, url: "http://a.test/open", body: abcd }, expect: { status: 200 } }
  - { name: a large body, request: { method: POST, url: "http://a.test/open", body: abcde }, expect: { status: 413, reason: body_too_large } }
  - { name: no body to HEAD, request: { method: HEAD, url: "http://a.test/open" }, expect: { status: 200 } }
  - { name: no key, request: { url: "http://a.test/keyed" }, expect: { status: 401, reason: api_key_missing } }
  - { name: a bad key, request: { url: "http://a.test/keyed", headers: { x-api-key: "${BAD:-x}" } }, expect: { status: 401, reason: key_unknown } }
  - { name: a key, request: { url: "http://a.test/keyed", headers: { x-api-key: "${ACME:-key-acme}" } }, expect: { status: 200 } }
  - { name: another host, request: { url: "http://b.test/open" }, expect: { status: 404, reason: host_unknown } }
"#;

async fn against(gateway: &Gateway, base: String) -> Ran {
    let file = gateway.directory().join("tollgate.yaml").display().to_string();
    tokio::task::spawn_blocking(move || tollgate(&["test", &file, "--against", &base])).await.unwrap()
}

#[tokio::test]
async fn the_tests_hold_on_the_running_gateway_too() {
    let gateway = gateway(BINARY, CONFIG).upstream(upstream::echo()).start().await;
    let base = format!("http://{}", gateway.address("listen"));
    let ran = against(&gateway, base.clone()).await.expect(0);
    assert!(ran.stdout.contains("9 passed, 0 failed") && ran.stderr.is_empty(), "{ran}");
    assert_eq!(gateway.upstream(0).count(), 4, "what is admitted arrives");
    against(&gateway, format!("{base}/")).await.expect(0);

    // Another config serves than the one whose tests are run.
    let text = CONFIG.replace("bytesMax: 4B", "bytesMax: 9B").replace("auth: { apiKey: {} }", "auth: { none: {} }");
    let file = gateway.directory().join("tollgate.yaml");
    let before = std::fs::read_to_string(&file).unwrap();
    gateway.reload_with(&text).await;
    std::fs::write(&file, before).unwrap();
    let ran = against(&gateway, base.clone()).await.expect(1);
    assert!(ran.stdout.contains("6 passed, 3 failed"), "{ran}");
    for line in ["FAILED  a large body", "FAILED  no key", "status: expected 401, found 200"] {
        assert!(ran.stdout.contains(line), "{line}: {ran}");
    }

    gateway.stop().await;
    let ran = against(&gateway, base).await.expect(2);
    assert!(ran.stderr.contains("no gateway answers at http://127.0.0.1:"), "{ran}");
}
