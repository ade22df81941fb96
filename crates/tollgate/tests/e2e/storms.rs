//! Retry storms on the wire: what the record says of each request, what is counted, what the log says once. The verdicts themselves
//! are tables in `limits`; the clock here is an upstream that takes its time.

use crate::support::{gateway, get, until};
use serde_json::{Value, json};
use std::time::Duration;
use testkit::gateway::Gateway;
use testkit::upstream::{Misbehaviour, echo, fixed, misbehaving};

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

/// The ID of one request. Its log line is read later: waiting for it would be a gap.
async fn send(gateway: &Gateway, target: &str, key: &str) -> String {
    let response = gateway.send(&get(target, &[&format!("x-api-key: {key}")])).await;
    response.header("x-request-id").unwrap().to_owned()
}

async fn retry(gateway: &Gateway, id: &str) -> Value {
    gateway.log_line(id).await["retry"].clone()
}

/// `retry` of so many of them in a row.
async fn retries(gateway: &Gateway, target: &str, key: &str, count: usize) -> Vec<Value> {
    let mut ids = Vec::new();
    for _ in 0..count {
        ids.push(send(gateway, target, key).await);
    }
    let mut found = Vec::new();
    for id in ids {
        found.push(retry(gateway, &id).await);
    }
    found
}

async fn wait(gateway: &Gateway, ticks: u32) {
    for _ in 0..ticks {
        assert_eq!(gateway.send(&get("/clock", &[])).await.status, 200);
    }
}

async fn metric(gateway: &Gateway, name: &str, labels: &[(&str, &str)], expected: f64) {
    let what = format!("{name} {labels:?} of {expected}");
    until(&what, async || ((gateway.metric(name, labels).await - expected).abs() < 1e-9).then_some(())).await;
}

/// More than a storm needs: on a busy machine a gap may happen to look like patience.
const MANY: usize = 16;

#[tokio::test]
async fn who_loops_is_called_so_and_told_once() {
    let gateway = start().await;
    // The first is admitted and the second refused; not before the fifth is it clear.
    let found = retries(&gateway, "/limited/a?x=1", "acme", MANY).await;
    assert!(
        found.iter().take(2).all(Value::is_null) && found.iter().take(4).all(|retry| *retry != "looping"),
        "{found:?}"
    );
    assert_eq!(found.last(), Some(&json!("looping")), "{found:?}");
    metric(&gateway, "tollgate_retry_storms_total", &[("route", "limited")], 1.0).await;
    metric(&gateway, "tollgate_retry_storms_active", &[], 1.0).await;
    let looping = found.iter().filter(|retry| **retry == "looping").fold(0.0, |sum, _| sum + 1.0);
    metric(&gateway, "tollgate_retries_total", &[("route", "limited"), ("habit", "looping")], looping).await;
    let began = |said: &str| said.matches("retry storm began").count();
    let said = gateway.said();
    assert_eq!(began(&said), 1, "{said}");
    let line = said.lines().find(|line| line.contains("retry storm began")).unwrap();
    assert!(line.contains("acme") && line.contains("/limited/a") && !line.contains("x=1"), "{line}");
    // Others and other requests are judged for themselves.
    assert_eq!(retries(&gateway, "/limited/b", "acme", 1).await, [Value::Null]);
    assert_eq!(retries(&gateway, "/limited/a", "other", 2).await, [Value::Null, Value::Null]);
    assert_eq!(retries(&gateway, "/limited/a", "acme", 1).await, [json!("looping")]);
    assert_eq!(began(&gateway.said()), 1);
}

#[tokio::test]
async fn a_caller_without_a_name_is_its_address() {
    let gateway = start().await;
    let found = retries(&gateway, "/open", "", MANY).await;
    assert_eq!(found.last(), Some(&json!("looping")), "{found:?}");
    let said = gateway.said();
    assert!(said.lines().any(|line| line.contains("retry storm began") && line.contains("127.0.0.1")), "{said}");
}

#[tokio::test]
async fn who_waits_longer_each_time_backs_off() {
    let gateway = start().await;
    let mut ids = vec![send(&gateway, "/broken", "acme").await];
    for ticks in [1, 4] {
        wait(&gateway, ticks).await;
        ids.push(send(&gateway, "/broken", "acme").await);
    }
    assert_eq!(retry(&gateway, &ids[0]).await, Value::Null);
    assert_eq!(retry(&gateway, &ids[1]).await, "backingOff");
    assert_eq!(retry(&gateway, &ids[2]).await, "backingOff");
    metric(&gateway, "tollgate_retries_total", &[("route", "broken"), ("habit", "backingOff")], 2.0).await;
    metric(&gateway, "tollgate_retry_storms_total", &[], 0.0).await;
    assert!(!gateway.said().contains("retry storm"), "{}", gateway.said());
}

#[tokio::test]
async fn a_storm_ends_with_two_patient_retries() {
    let gateway = start().await;
    for _ in 0..MANY {
        send(&gateway, "/broken", "acme").await;
    }
    wait(&gateway, 1).await;
    let first = send(&gateway, "/broken", "acme").await;
    wait(&gateway, 4).await;
    let second = send(&gateway, "/broken", "acme").await;
    assert_eq!(retry(&gateway, &first).await, "looping");
    assert_eq!(retry(&gateway, &second).await, "backingOff");
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
    let mut ids = vec![send(&gateway, "/busy", "acme").await];
    for _ in 0..3 {
        wait(&gateway, 7).await;
        ids.push(send(&gateway, "/busy", "acme").await);
    }
    for id in ids.iter().skip(1) {
        assert_eq!(retry(&gateway, id).await, "backingOff");
    }
}
