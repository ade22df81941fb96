//! Refusals of callers with API keys, and of callers who may not or who come too often.

use crate::support::{Scenario, Steps, get, play, with_echo};
use engine::reason::Reason;

pub const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
plans: { free: { routes: [keyed, busy, counted], rateLimit: { requestsPerSecond: 1000 } } }
consumers:
  - { id: acme, plan: free, apiKeys: [{ value: good }, { value: old, expires: 2001-01-01 }, { value: lost, revoked: true }] }
  - { id: gone, disabled: true, apiKeys: [{ value: off }] }
throttles:
  - { name: shared, when: { routes: [named] }, rateLimit: { requestsPerSecond: 0.001, burst: 2, key: ip } }
defaults: { upstream: echo, auth: { apiKey: {} } }
routes:
  - { name: keyed, paths: [/keyed] }
  - { name: paid, paths: [/paid] }
  - { name: busy, paths: [/busy], rateLimit: { requestsPerSecond: 0.001, burst: 3, key: consumerId } }
  - { name: named, paths: [/named], auth: { none: {} } }
  - { name: counted, paths: [/counted], quota: { limit: 2, per: month, key: consumerId } }
"#;

pub fn scenarios() -> Vec<Scenario> {
    let keyed = |reason, what, fields: &[&str]| {
        Scenario::new(reason, what, Steps::Send(get("/keyed", fields))).on("keyed").by("routes.keyed.auth")
    };
    let long = format!("x-api-key: {}", "k".repeat(300));
    let good = "x-api-key: good";
    vec![
        keyed(Reason::ApiKeyMissing, "none", &[]),
        keyed(Reason::ApiKeyMissing, "an empty one", &["x-api-key:"]),
        keyed(Reason::ApiKeyMissing, "in the wrong place", &["Authorization: Bearer good"]),
        keyed(Reason::KeyUnknown, "nobody's", &["x-api-key: bad"]),
        keyed(Reason::KeyUnknown, "another case", &["x-api-key: Good"]),
        keyed(Reason::KeyUnknown, "a good one twice", &[good, good]),
        keyed(Reason::KeyUnknown, "300 bytes", &[&long]),
        keyed(Reason::KeyRevoked, "a revoked one", &["x-api-key: lost"]),
        keyed(Reason::KeyExpired, "an expired one", &["x-api-key: old"]),
        Scenario::new(Reason::PlanExcludesRoute, "the plan has other routes", Steps::Send(get("/paid", &[good])))
            .on("paid")
            .by("plans.free"),
        Scenario::new(Reason::ConsumerDisabled, "shut out", Steps::Send(get("/keyed", &["x-api-key: off"])))
            .on("keyed")
            .by("consumers.gone"),
        Scenario::new(Reason::ThrottlingLimitReached, "the route's", Steps::After(3, get("/busy", &[good])))
            .on("busy")
            .by("routes.busy.rateLimit"),
        Scenario::new(Reason::ThrottlingLimitReached, "a named one", Steps::After(2, get("/named", &[])))
            .on("named")
            .by("shared"),
        Scenario::new(Reason::QuotaExceeded, "the route's", Steps::After(2, get("/counted", &[good])))
            .on("counted")
            .by("routes.counted.quota"),
    ]
}

#[tokio::test]
async fn access() {
    let gateway = with_echo(CONFIG).await;
    play(&gateway, &scenarios()).await;
    assert_eq!(gateway.upstream(0).count(), 7, "the admitted ones alone");
    let admitted = gateway.log_lines().into_iter().find(|line| line["status"] == 200 && line["route"] == "busy");
    let admitted = admitted.unwrap();
    assert_eq!((&admitted["consumer"], &admitted["plan"]), (&"acme".into(), &"free".into()));
    let text = std::fs::read_to_string(gateway.directory().join("access.log")).unwrap() + &gateway.said();
    for key in ["good", "lost", "\"off"] {
        assert!(!text.contains(key), "a key is in the logs: {key}");
    }
}
