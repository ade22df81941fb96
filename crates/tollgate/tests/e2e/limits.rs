//! Throttles and quotas as callers see them: fields, waits, refunds.

use crate::support::{gateway, get, request, until, with_echo};
use std::time::Duration;
use testkit::client::Response;
use testkit::upstream::echo;

const CONFIG: &str = r#"
upstreams:
  echo: { endpoints: ["{{upstream}}"] }
  nobody: { endpoints: ["{{listen9}}"] }
plans:
  free: { routes: ["*"], quota: { limit: 3, per: month, headers: { limit: true, remaining: true, next: true } } }
  mute: { routes: ["*"], quota: { limit: 3, per: month } }
consumers:
  - { id: acme, plan: free, apiKeys: [{ value: good }] }
  - { id: quiet, plan: mute, apiKeys: [{ value: quiet }] }
defaults: { upstream: echo, auth: { apiKey: {} } }
routes:
  - { name: open, paths: [/open] }
  - { name: dead, paths: [/dead], upstream: nobody }
  - { name: small, paths: [/small], body: { bytesMax: 4B, contentTypes: [text/plain] } }
  - { name: busy, paths: [/busy], auth: { none: {} }, rateLimit: { requestsPerSecond: 0.01, burst: 2, key: ip } }
  - { name: fast, paths: [/fast], auth: { none: {} }, rateLimit: { requestsPerSecond: 20, burst: 1, key: ip } }
"#;

const KEY: &str = "x-api-key: good";

fn field<'a>(response: &'a Response, name: &str) -> &'a str {
    response.header(name).unwrap_or_default()
}

#[tokio::test]
async fn a_quota_tells_where_a_caller_stands() {
    let gateway = with_echo(CONFIG).await;
    for remaining in ["2", "1", "0"] {
        let response = gateway.send(&get("/open", &[KEY])).await;
        assert_eq!(response.status, 200, "{response}");
        assert_eq!(field(&response, "x-ratelimit-limit"), "3");
        assert_eq!(field(&response, "x-ratelimit-remaining"), remaining);
        let next = field(&response, "x-ratelimit-next");
        assert!(next.ends_with("-01T00:00:00Z"), "{next}");
        assert!(field(&response, "ratelimit-policy").starts_with("\"plans.free.quota\";q=3;w="), "{response}");
        assert!(
            field(&response, "ratelimit").starts_with(&format!("\"plans.free.quota\";r={remaining};t=")),
            "{response}"
        );
    }
    let refused = gateway.send(&get("/open", &[KEY])).await;
    assert_eq!(refused.status, 429, "{refused}");
    assert_eq!((field(&refused, "x-ratelimit-limit"), field(&refused, "x-ratelimit-remaining")), ("3", "0"));
    assert!(field(&refused, "x-ratelimit-next").ends_with("-01T00:00:00Z"));
    assert!(field(&refused, "ratelimit").starts_with("\"plans.free.quota\";r=0;t="), "{refused}");
    assert_eq!(refused.headers("ratelimit").len(), 1, "{refused}");
    let wait: u64 = field(&refused, "retry-after").parse().unwrap();
    assert!((1..=31 * 24 * 60 * 60).contains(&wait), "{wait}");
    until("the whole quota in the metrics", async || {
        let used = gateway.metric("tollgate_quota_used_ratio", &[("plan", "free")]).await;
        ((used - 1.0).abs() < 1e-9).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_quota_may_keep_silent() {
    let gateway = with_echo(CONFIG).await;
    for status in [200, 200, 200, 429] {
        let response = gateway.send(&get("/open", &["x-api-key: quiet"])).await;
        assert_eq!(response.status, status);
        let told = response.headers.iter().find(|(name, _)| name.to_ascii_lowercase().starts_with("x-ratelimit-"));
        assert_eq!(told, None, "{response}");
        assert!(field(&response, "ratelimit").starts_with("\"plans.mute.quota\";r="), "{response}");
    }
}

#[tokio::test]
async fn what_was_not_delivered_is_not_billed() {
    let gateway = with_echo(CONFIG).await;
    let large = [
        request("POST", "/small", &[KEY, "Content-Type: text/plain", "Transfer-Encoding: chunked"], ""),
        b"5\r\n12345\r\n0\r\n\r\n".to_vec(),
    ];
    for (status, bytes) in [
        (502, get("/dead", &[KEY])),
        (413, large.concat()),
        (415, request("POST", "/small", &[KEY], "1234")),
        (404, get("/nowhere", &[KEY])),
        (405, request("TRACE", "/nowhere", &[KEY], "")),
    ] {
        for _ in 0..4 {
            let response = gateway.send(&bytes).await;
            assert!(response.status == status || (status == 405 && response.status >= 400), "{status}: {response}");
        }
    }
    let first = gateway.send(&get("/open", &[KEY])).await;
    assert_eq!(field(&first, "x-ratelimit-remaining"), "2", "{first}");
    // What upstream has answered was delivered, whatever it said.
    let answered = gateway.send(&get("/open", &[KEY])).await;
    assert_eq!(field(&answered, "x-ratelimit-remaining"), "1");
}

/// A refused call must not be billed, and one that the quota refuses must not wear the throttle out either way.
#[tokio::test]
async fn a_throttled_call_is_not_billed() {
    let config = CONFIG.replace(
        "name: open, paths: [/open]",
        "name: open, paths: [/open], rateLimit: { requestsPerSecond: 0.001, burst: 1 }",
    );
    let gateway = with_echo(&config).await;
    for status in [200, 429, 429, 429, 429] {
        assert_eq!(gateway.send(&get("/open", &[KEY])).await.status, status);
    }
    let other = gateway.send(&request("POST", "/small", &[KEY, "Content-Type: text/plain"], "1234")).await;
    assert_eq!((other.status, field(&other, "x-ratelimit-remaining")), (200, "1"), "{other}");
}

#[tokio::test]
async fn a_throttle_tells_where_a_caller_stands() {
    let gateway = with_echo(CONFIG).await;
    for (status, remaining) in [(200, 1), (200, 0), (429, 0)] {
        let response = gateway.send(&get("/busy", &[])).await;
        assert_eq!(response.status, status, "{response}");
        assert_eq!(response.headers("ratelimit-policy"), ["\"routes.busy.rateLimit\";q=2;w=200"]);
        assert!(
            field(&response, "ratelimit").starts_with(&format!("\"routes.busy.rateLimit\";r={remaining};t=")),
            "{response}"
        );
        assert_eq!(response.header("retry-after").is_some(), status == 429);
    }
}

#[tokio::test]
async fn coming_back_after_the_wait_works() {
    let gateway = with_echo(CONFIG).await;
    let client = gateway.client();
    let refused = until("a refusal", async || {
        let response = client.get("/fast").send().await;
        (response.status == 429).then_some(response)
    })
    .await;
    let wait: u64 = field(&refused, "retry-after").parse().unwrap();
    assert_eq!(wait, 1, "whole seconds, rounded up");
    let again = async {
        until("a place", async || (client.get("/fast").send().await.status == 200).then_some(())).await;
    };
    tokio::time::timeout(Duration::from_secs(wait), again).await.expect("a place within the wait that was told");
}

/// As many addresses as there is room for are told where they stand. More are limited all the same, and told nothing that could be wrong.
#[tokio::test]
async fn addresses_beyond_the_active_keys_are_counted_together() {
    let config = "upstreams: { echo: { endpoints: [\"{{upstream}}\"] } }\n\
        trustedProxies: [127.0.0.1]\n\
        limits: { activeKeys: 1000 }\n\
        routes:\n\
        \x20 - { name: ip, paths: [/ip], upstream: echo, auth: { none: {} }, rateLimit: { requestsPerSecond: 0.001, burst: 1, key: ip } }\n";
    let gateway = gateway(config).upstream(echo()).start().await;
    let mut connection = gateway.client().connect().await;
    let from = |number: u32| {
        let address = std::net::Ipv4Addr::from(0xc633_0000 + number);
        get("/ip", &[&format!("X-Forwarded-For: {address}")])
    };
    let mut told = 0;
    for number in 0..2_500 {
        let response = connection.send(&from(number)).await;
        assert_eq!(response.status, 200, "{response}");
        told += u32::from(response.header("ratelimit").is_some());
    }
    assert!((900..=1_024).contains(&told), "{told} were told where they stand");
    // Whoever was there first still is, and is refused to the request.
    let first = connection.send(&from(0)).await;
    assert_eq!((first.status, first.headers("ratelimit").len()), (429, 1), "{first}");
    // A window of 1024 s sustains another request beside the burst of one.
    let newcomer = 1_000_000;
    for status in [200, 200, 429, 429] {
        let response = connection.send(&from(newcomer)).await;
        assert_eq!(response.status, status, "{response}");
        assert!(
            response.headers("ratelimit").is_empty() && response.headers("ratelimit-policy").is_empty(),
            "{response}"
        );
        assert_eq!(response.header("retry-after").is_some(), status == 429, "{response}");
    }
    let keys = gateway.metric("tollgate_active_keys", &[]).await;
    let sketched = gateway.metric("tollgate_sketched_requests_total", &[]).await;
    assert!((keys - f64::from(told)).abs() < 1e-9, "{keys} of {told}");
    assert!((sketched - f64::from(2_500 - told + 4)).abs() < 1e-9, "{sketched}");
}

#[tokio::test]
async fn callers_are_counted_each_for_itself() {
    let config = "upstreams: { echo: { endpoints: [\"{{upstream}}\"] } }\n\
        trustedProxies: [127.0.0.1]\n\
        consumers: [{ id: a, apiKeys: [{ value: a1 }, { value: a2 }] }, { id: b, apiKeys: [{ value: b1 }] }]\n\
        defaults: { upstream: echo, auth: { apiKey: {} } }\n\
        routes:\n\
        \x20 - { name: consumer, paths: [/consumer], rateLimit: { requestsPerSecond: 0.001, burst: 1, key: consumerId } }\n\
        \x20 - { name: key, paths: [/key], rateLimit: { requestsPerSecond: 0.001, burst: 1, key: apiKey } }\n\
        \x20 - { name: ip, paths: [/ip], rateLimit: { requestsPerSecond: 0.001, burst: 1, key: ip } }\n\
        \x20 - { name: header, paths: [/header], rateLimit: { requestsPerSecond: 0.001, burst: 1, key: \"header:X-Tenant\" } }\n\
        \x20 - { name: route, paths: [/route], rateLimit: { requestsPerSecond: 0.001, burst: 1, key: route } }\n";
    let gateway = gateway(config).upstream(echo()).start().await;
    let steps = [
        ("/consumer", "a1", "", 200),
        ("/consumer", "a2", "", 429),
        ("/consumer", "b1", "", 200),
        ("/key", "a1", "", 200),
        ("/key", "a2", "", 200),
        ("/key", "a1", "", 429),
        ("/ip", "a1", "X-Forwarded-For: 192.0.2.1", 200),
        ("/ip", "a1", "X-Forwarded-For: 192.0.2.2", 200),
        ("/ip", "b1", "X-Forwarded-For: 192.0.2.1", 429),
        ("/header", "a1", "X-Tenant: 1", 200),
        ("/header", "a1", "X-Tenant: 2", 200),
        ("/header", "b1", "X-Tenant: 1", 429),
        ("/route", "a1", "X-A: 1", 200),
        ("/route", "b1", "X-A: 1", 429),
    ];
    for (target, key, extra, status) in steps {
        let key = format!("x-api-key: {key}");
        let fields: Vec<&str> = [key.as_str(), extra].into_iter().filter(|field| !field.is_empty()).collect();
        let response = gateway.send(&get(target, &fields)).await;
        assert_eq!(response.status, status, "{target} {key} {extra}: {response}");
    }
}
