//! Retry storms on the wire: what the record says of each request, what is counted, what the log says once. The verdicts themselves
//! are tables in `limits`; the clock here is an upstream that takes its time.

use crate::support::{gateway, get, until};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::client::Connection;
use testkit::gateway::Gateway;
use testkit::upstream::{Misbehaviour, echo, fixed, misbehaving};
use tokio::time::Instant;

const CONFIG: &str = r#"
upstreams:
  echo: { endpoints: ["{{upstream1}}"] }
  broken: { endpoints: ["{{upstream2}}"] }
  busy: { endpoints: ["{{upstream3}}"] }
  clock: { endpoints: ["{{upstream4}}"] }
consumers:
  - { id: acme, apiKeys: [{ value: acme }] }
  - { id: other, apiKeys: [{ value: other }] }
defaults: { upstream: echo, auth: { apiKey: {} } }
routes:
  - { name: limited, paths: [/limited/*], rateLimit: { requestsPerSecond: 0.01, burst: 1 } }
  - { name: open, paths: [/open], auth: { none: {} }, rateLimit: { requestsPerSecond: 0.01, burst: 1, key: ip } }
  - { name: broken, paths: [/broken], upstream: broken }
  - { name: busy, paths: [/busy], upstream: busy }
  - { name: clock, paths: [/clock], auth: { none: {} }, upstream: clock }
"#;

/// How long the upstream of `/clock` takes: longer than any gap that is no growth.
const TICK: Duration = Duration::from_millis(150);

async fn start() -> Gateway {
    let upstreams = [
        echo(),
        fixed(503, &[], b"broken"),
        fixed(503, &[("Retry-After", "1")], b"busy"),
        misbehaving(Misbehaviour::DelayHead(TICK)),
    ];
    upstreams.into_iter().fold(gateway(CONFIG), testkit::gateway::Builder::upstream).start().await
}

/// One request of a connection that is kept: its ID. A request is judged after its answer has gone out, and only on one connection is
/// the next one sure to be judged later. Its log line is read at the end, because waiting for it would be a gap.
async fn send(connection: &mut Connection, target: &str, key: &str) -> String {
    let response = connection.send(&get(target, &[&format!("x-api-key: {key}")])).await;
    response.header("x-request-id").unwrap().to_owned()
}

async fn called(gateway: &Gateway, id: &str) -> Value {
    gateway.log_line(id).await["retry"].clone()
}

/// What so many of them in a row were called.
async fn retries(gateway: &Gateway, target: &str, key: &str, count: usize) -> Vec<Value> {
    let mut connection = gateway.client().connect().await;
    let mut found = Vec::new();
    for _ in 0..count {
        let id = send(&mut connection, target, key).await;
        found.push(called(gateway, &id).await);
    }
    found
}

/// Sends without a pause until that must be called looping. How many it takes is not fixed, because on a busy machine a gap may be as
/// long as patience is.
async fn looping(gateway: &Gateway, target: &str, key: &str) -> Vec<Value> {
    /// Below what counts as growing.
    const HASTE: Duration = Duration::from_millis(90);
    /// The first may be admitted, the second is the refusal, and three hasty retries are a storm.
    const STORM: usize = 5;
    let mut connection = gateway.client().connect().await;
    let (mut ids, mut hasty, mut last) = (Vec::new(), 0, Instant::now());
    while hasty < STORM {
        assert!(ids.len() < 1_000, "this machine does not send {STORM} requests in {HASTE:?} each");
        let began = Instant::now();
        ids.push(send(&mut connection, target, key).await);
        // From before the request in front of it: no shorter than the gap that the gateway sees.
        hasty = if last.elapsed() < HASTE { hasty + 1 } else { 0 };
        last = began;
    }
    let mut found = Vec::new();
    for id in ids {
        found.push(called(gateway, &id).await);
    }
    assert_eq!(found.last(), Some(&json!("looping")), "{found:?}");
    found
}

/// Lets so much time pass, by an upstream that takes its own.
async fn wait(gateway: &Gateway, at_least: Duration) {
    let began = Instant::now();
    while began.elapsed() < at_least {
        assert_eq!(gateway.send(&get("/clock", &[])).await.status, 200);
    }
}

/// Comes back once, clearly later than `gap` after the last time; how long it was, at most.
async fn come_back(gateway: &Gateway, target: &str, gap: Duration) -> (Value, Duration) {
    let began = Instant::now();
    wait(gateway, gap * 2).await;
    let retry = retries(gateway, target, "acme", 1).await.remove(0);
    (retry, began.elapsed() + gap)
}

async fn metric(gateway: &Gateway, name: &str, labels: &[(&str, &str)], expected: f64) {
    let what = format!("{name} {labels:?} of {expected}");
    until(&what, async || ((gateway.metric(name, labels).await - expected).abs() < 1e-9).then_some(())).await;
}

#[tokio::test]
async fn who_loops_is_called_so_and_told_once() {
    let gateway = start().await;
    // The first is admitted and the second refused; not before the fifth is it clear.
    let found = looping(&gateway, "/limited/a?x=1", "acme").await;
    assert!(
        found.iter().take(2).all(Value::is_null) && found.iter().take(4).all(|retry| *retry != "looping"),
        "{found:?}"
    );
    metric(&gateway, "tollgate_retry_storms_total", &[("route", "limited")], 1.0).await;
    metric(&gateway, "tollgate_retry_storms_active", &[], 1.0).await;
    let looped = found.iter().filter(|retry| **retry == "looping").fold(0.0, |sum, _| sum + 1.0);
    metric(&gateway, "tollgate_retries_total", &[("route", "limited"), ("habit", "looping")], looped).await;
    let began = |said: &str| said.matches("retry storm began").count();
    let said = gateway.said();
    assert_eq!(began(&said), 1, "{said}");
    let line = said.lines().find(|line| line.contains("retry storm began")).unwrap();
    assert!(line.contains("acme") && line.contains("/limited/a") && !line.contains("x=1"), "{line}");
    // Others and other requests are judged for themselves.
    assert_eq!(retries(&gateway, "/limited/b", "acme", 1).await, [Value::Null]);
    assert_eq!(retries(&gateway, "/limited/a", "other", 2).await, [Value::Null, Value::Null]);
    // One patient retry ends no storm.
    assert_eq!(retries(&gateway, "/limited/a", "acme", 1).await, [json!("looping")]);
    assert_eq!(began(&gateway.said()), 1);
}

#[tokio::test]
async fn a_caller_without_a_name_is_its_address() {
    let gateway = start().await;
    looping(&gateway, "/open", "").await;
    let said = gateway.said();
    assert!(said.lines().any(|line| line.contains("retry storm began") && line.contains("127.0.0.1")), "{said}");
}

#[tokio::test]
async fn who_waits_longer_each_time_backs_off() {
    let gateway = start().await;
    assert_eq!(retries(&gateway, "/broken", "acme", 1).await, [Value::Null]);
    let (retry, gap) = come_back(&gateway, "/broken", TICK / 2).await;
    assert_eq!(retry, "backingOff");
    let (retry, _) = come_back(&gateway, "/broken", gap).await;
    assert_eq!(retry, "backingOff");
    metric(&gateway, "tollgate_retries_total", &[("route", "broken"), ("habit", "backingOff")], 2.0).await;
    metric(&gateway, "tollgate_retry_storms_total", &[], 0.0).await;
    assert!(!gateway.said().contains("retry storm"), "{}", gateway.said());
}

#[tokio::test]
async fn a_storm_ends_with_two_patient_retries() {
    let gateway = start().await;
    let began = Instant::now();
    looping(&gateway, "/broken", "acme").await;
    // No single gap was longer than all of them.
    let (retry, gap) = come_back(&gateway, "/broken", began.elapsed().max(TICK / 2)).await;
    assert_eq!(retry, "looping");
    let (retry, _) = come_back(&gateway, "/broken", gap).await;
    assert_eq!(retry, "backingOff");
    metric(&gateway, "tollgate_retry_storms_active", &[], 0.0).await;
    let said = gateway.said();
    assert_eq!(said.matches("retry storm ended").count(), 1, "{said}");
    let line = said.lines().find(|line| line.contains("retry storm ended")).unwrap();
    assert!(line.contains("acme") && line.contains("broken"), "{line}");
}

/// A second is enough where upstream asks for one, though it is no longer than the one before.
#[tokio::test]
async fn what_upstream_asks_for_is_heard() {
    let gateway = start().await;
    retries(&gateway, "/busy", "acme", 1).await;
    for _ in 0..3 {
        wait(&gateway, Duration::from_secs(1)).await;
        assert_eq!(retries(&gateway, "/busy", "acme", 1).await, [json!("backingOff")]);
    }
}
