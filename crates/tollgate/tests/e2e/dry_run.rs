//! Policies in dry run: they decide and report, and no byte of the answer changes.

use crate::support::{get, request, with_echo};
use testkit::client::Response;
use testkit::gateway::Gateway;

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
defaults: { upstream: echo, auth: { apiKey: {} } }
routes:
  - name: trial
    paths: [/trial]
    rateLimit: { requestsPerSecond: 0.001, burst: 1, mode: MODE }
    quota: { limit: 1, per: month, headers: { limit: true, remaining: true, next: true }, mode: MODE }
    body: { bytesMax: 4B, contentTypes: [text/plain], mode: MODE }
throttles:
  - { name: shared, rateLimit: { requestsPerSecond: 0.001, burst: 1, key: ip }, mode: MODE, error: { status: 503, body: no } }
"#;

/// What does not differ from request to request.
fn bytes(response: &Response) -> String {
    let id = response.header("x-request-id").unwrap_or_default();
    let mut text: Vec<String> =
        String::from_utf8_lossy(&response.raw).replace(id, "ID").lines().map(str::to_owned).collect();
    text.retain(|line| !line.to_ascii_lowercase().starts_with("date:"));
    text.join("\n")
}

async fn answers(gateway: &Gateway) -> Vec<Response> {
    let small = get("/trial", &["x-api-key: good"]);
    let large = request("POST", "/trial", &["x-api-key: good"], "a body that is too large and of no type");
    vec![gateway.send(&small).await, gateway.send(&small).await, gateway.send(&large).await]
}

#[tokio::test]
async fn no_byte_changes_and_all_is_recorded() {
    let off = with_echo(&CONFIG.replace("MODE", "off")).await;
    let trial = with_echo(&CONFIG.replace("MODE", "dryRun")).await;
    let (expected, found) = (answers(&off).await, answers(&trial).await);
    for (expected, found) in expected.iter().zip(&found) {
        assert_eq!(found.status, 200);
        // The address is another one, the rest is the same.
        let address = |gateway: &Gateway| gateway.address("listen").to_string();
        assert_eq!(
            bytes(expected).replace(&address(&off), "ADDRESS"),
            bytes(found).replace(&address(&trial), "ADDRESS")
        );
    }
    let mut would_deny = Vec::new();
    for response in &found {
        let line = trial.log_line(response.header("x-request-id").unwrap()).await;
        assert!(line["kind"].is_null() && line["reason"].is_null(), "{line}");
        would_deny.push(line["wouldDeny"].to_string());
    }
    assert_eq!(
        would_deny,
        [
            "null",
            r#"["throttling_limit_reached","throttling_limit_reached","quota_exceeded"]"#,
            r#"["throttling_limit_reached","throttling_limit_reached","body_too_large","quota_exceeded"]"#,
        ]
    );
    for (policy, reason, expected) in [
        ("shared", "throttling_limit_reached", 2.0),
        ("routes.trial.rateLimit", "throttling_limit_reached", 2.0),
        ("routes.trial.quota", "quota_exceeded", 2.0),
        ("routes.trial.body", "body_too_large", 1.0),
    ] {
        let labels = [("route", "trial"), ("policy", policy), ("reason", reason)];
        let counted = trial.metric("tollgate_would_denials_total", &labels).await;
        assert!((counted - expected).abs() < 1e-9, "{policy}: {counted}");
    }
    let denied = trial.metric("tollgate_denials_total", &[]).await;
    assert!(denied.abs() < 1e-9, "{denied}");
}

#[tokio::test]
async fn the_same_policies_in_force_refuse() {
    let gateway = with_echo(&CONFIG.replace("MODE", "enforce")).await;
    let answers = answers(&gateway).await;
    assert_eq!(answers.iter().map(|response| response.status).collect::<Vec<_>>(), [200, 503, 503]);
}

/// A call that is refused costs nothing, in dry run neither: three of the route's quota are left when the plan has refused three.
#[tokio::test]
async fn a_call_that_is_refused_is_not_counted_in_dry_run() {
    let gateway = with_echo(
        r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
plans: { free: { routes: ["*"], quota: { limit: 2, per: month } } }
consumers:
  - { id: acme, plan: free, apiKeys: [{ value: good }] }
  - { id: bob, apiKeys: [{ value: other }] }
defaults: { upstream: echo, auth: { apiKey: {} } }
routes:
  - { name: trial, paths: [/trial], quota: { limit: 3, per: month, key: route, mode: dryRun } }
"#,
    )
    .await;
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(gateway.send(&get("/trial", &["x-api-key: good"])).await.status);
    }
    assert_eq!(statuses, [200, 200, 429, 429, 429]);
    for expected in ["null", r#"["quota_exceeded"]"#] {
        let response = gateway.send(&get("/trial", &["x-api-key: other"])).await;
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert_eq!(line["wouldDeny"].to_string(), expected, "{line}");
    }
}
