//! Quotas outlive the process: restarts, reloads, kills; and what `tollgate quota` says of them.

mod commands;
mod file;
mod kill;
mod shared;

use crate::program::{BINARY, Ran, tollgate};
use serde_json::Value;
use testkit::gateway::{Builder, Gateway, gateway};
use testkit::upstream;

const CONFIG: &str = r#"
upstreams: { main: { endpoints: ["{{upstream}}"] } }
plans: { free: { routes: ["*"], quota: { limit: 1000000, per: month } } }
consumers:
  - { id: acme, plan: free, apiKeys: [{ value: key-of-acme }] }
  - { id: bolt, plan: free, apiKeys: [{ value: key-of-bolt }] }
defaults: { upstream: main, auth: { apiKey: {} } }
routes:
  - { name: open, paths: [/open] }
  - { name: tenant, paths: [/tenant], auth: { none: {} }, quota: { limit: 3, per: month, key: "header:X-Tenant" } }
"#;

fn built(config: &str) -> Builder {
    gateway(BINARY, config).upstream(upstream::echo())
}

async fn call(gateway: &Gateway, consumer: &str, times: u32) {
    for _ in 0..times {
        gateway.get("/open").header("x-api-key", &format!("key-of-{consumer}")).expect(200).await;
    }
}

/// `tollgate quota ARGUMENTS… --config FILE`
fn quota(gateway: &Gateway, arguments: &[&str]) -> Ran {
    let config = gateway.directory().join("tollgate.yaml").display().to_string();
    tollgate(&[&["quota"], arguments, &["--config", &config]].concat())
}

/// What the running gateway has counted for a consumer; 0 if nothing.
fn used(gateway: &Gateway, consumer: &str) -> u64 {
    let listed = quota(gateway, &["list", "--consumer", consumer, "--format", "json"]).expect(0);
    let counters: Vec<Value> = serde_json::from_str(&listed.stdout).unwrap();
    counters.iter().map(|counter| counter["used"].as_u64().unwrap()).sum()
}

#[tokio::test]
async fn counts_go_on_after_a_stop_and_a_limit_that_was_reached_stays_reached() {
    let gateway = built(CONFIG).start().await;
    call(&gateway, "acme", 3).await;
    for status in [200, 200, 200, 429] {
        gateway.get("/tenant").header("x-tenant", "one").expect(status).await;
    }
    for _ in 0..2 {
        assert_eq!(gateway.stop().await.code(), Some(0));
        gateway.start_again().await;
        assert_eq!((used(&gateway, "acme"), used(&gateway, "bolt")), (3, 0));
        gateway.get("/tenant").header("x-tenant", "one").expect(429).await;
    }
    gateway.get("/tenant").header("x-tenant", "two").expect(200).await;
}

/// INT does not wait for requests, but for the counts.
#[tokio::test]
async fn an_interrupt_loses_no_count() {
    let gateway = built(CONFIG).start().await;
    call(&gateway, "acme", 2).await;
    gateway.signal(testkit::gateway::Signal::SIGINT);
    gateway.ended().await;
    gateway.start_again().await;
    assert_eq!(used(&gateway, "acme"), 2);
}

#[tokio::test]
async fn a_reload_keeps_what_was_used_and_so_does_the_next_process() {
    let gateway = built(CONFIG).start().await;
    for status in [200, 200, 200, 429] {
        gateway.get("/tenant").header("x-tenant", "one").expect(status).await;
    }
    let raised = CONFIG.replace("limit: 3", "limit: 5");
    gateway.reload_with(&raised).await;
    gateway.get("/tenant").header("x-tenant", "one").expect(200).await;
    gateway.stop().await;
    gateway.start_again().await;
    for status in [200, 429] {
        gateway.get("/tenant").header("x-tenant", "one").expect(status).await;
    }
}

/// A call that is given back is given back on the disk too.
#[tokio::test]
async fn refunds_survive() {
    let config = CONFIG.replace("/open]", "/open], body: { bytesMax: 4B }");
    let gateway = built(&config).start().await;
    call(&gateway, "acme", 2).await;
    let chunked = b"POST /open HTTP/1.1\r\nHost: a\r\nx-api-key: key-of-acme\r\nTransfer-Encoding: chunked\r\n\r\n\
        5\r\n12345\r\n0\r\n\r\n";
    assert_eq!(gateway.send(chunked).await.status, 413);
    gateway.stop().await;
    gateway.start_again().await;
    assert_eq!(used(&gateway, "acme"), 2);
}
