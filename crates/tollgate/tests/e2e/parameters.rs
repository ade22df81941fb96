//! Parameters of path, query and headers against their schemas, on the wire.

use crate::support::{Scenario, Steps, get, play, until, with_echo};
use engine::reason::Reason;
use serde_json::json;

pub const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - name: order
    paths: ["/orders/{id}", "/orders/{id}/*"]
    parameters:
      path: { id: { schema: { type: integer, minimum: 1 } } }
      query:
        limit: { required: true, schema: { type: integer, maximum: 100 } }
        ids: { schema: { type: array, items: { type: integer } }, explode: false }
      header: { X-Trace: { schema: { type: string, pattern: "^[0-9a-f]+$" } } }
      unknownQuery: refuse
  - name: billed
    paths: [/billed]
    auth: { apiKey: {} }
    quota: { limit: 1, per: day, key: consumerId }
    parameters: { query: { n: { required: true, schema: { type: integer } } } }
  - { name: trial, paths: [/trial], parameters: { query: { n: { required: true } }, mode: dryRun } }
  - { name: off, paths: [/off], parameters: { query: { n: { required: true } }, mode: off } }
"#;

pub fn scenarios() -> Vec<Scenario> {
    let refused = |reason, what, target: &str, lines: &[&str]| {
        Scenario::new(reason, what, Steps::Send(get(target, lines))).on("order").by("routes.order.parameters")
    };
    vec![
        refused(Reason::ParameterMissing, "one that is required", "/orders/5", &[]),
        refused(Reason::ParameterMismatch, "a part of the path", "/orders/five?limit=1", &[]),
        refused(Reason::ParameterMismatch, "below the part of the path", "/orders/0/items?limit=1", &[]),
        refused(Reason::ParameterMismatch, "an item of a list", "/orders/5?limit=1&ids=1,x", &[]),
        refused(Reason::ParameterMismatch, "a header", "/orders/5?limit=1", &["X-Trace: zz"]),
        refused(Reason::ParameterRepeated, "one that is no list", "/orders/5?limit=1&l%69mit=1000", &[]),
        refused(Reason::ParameterUnknown, "one that nobody declared", "/orders/5?limit=1&debug=1", &[]),
    ]
}

#[tokio::test]
async fn refusals() {
    let gateway = with_echo(CONFIG).await;
    play(&gateway, &scenarios()).await;
    assert_eq!(gateway.upstream(0).count(), 0);
}

#[tokio::test]
async fn what_is_good_goes_on_as_it_came() {
    let gateway = with_echo(CONFIG).await;
    for target in ["/orders/5?limit=%31&ids=1,2", "/orders/%35/items?ids=1&limit=100", "/off", "/trial?n=1"] {
        let response = gateway.send(&get(target, &["X-Trace: 0af7"])).await;
        assert_eq!(response.status, 200, "{target}: {response}");
        let query = target.split_once('?').map_or("", |(_, query)| query);
        assert!(response.json()["target"].as_str().unwrap_or_default().ends_with(query), "{target}: {response}");
    }
}

/// Every fault at once, each with its place, and none with the value that was sent.
#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let gateway = with_echo(CONFIG).await;
    let response = gateway.send(&get("/orders/hunter2?limit=1000&ids=hunter2", &["X-Trace: hunter2"])).await;
    assert_eq!((response.status, response.header("content-type")), (422, Some("application/problem+json")));
    assert!(!response.to_string().contains("hunter2"), "{response}");
    let errors = response.json()["errors"].clone();
    let found: Vec<(&str, &str)> = errors
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["in"].as_str().unwrap(), error["pointer"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("path", "id"), ("query", "ids/0"), ("query", "limit"), ("header", "x-trace")], "{errors}");
    let line = until("the log", async || gateway.log_lines().into_iter().next()).await;
    assert_eq!((&line["kind"], &line["reason"]), (&json!("parameter_invalid"), &json!("parameter_mismatch")));
}

/// It stands before the quota: a call that is refused is not billed.
#[tokio::test]
async fn a_refusal_is_not_billed() {
    let gateway = with_echo(CONFIG).await;
    let key = ["x-api-key: good"];
    assert_eq!(gateway.send(&get("/billed?n=1", &[])).await.status, 401, "who calls comes first");
    for _ in 0..3 {
        assert_eq!(gateway.send(&get("/billed?n=x", &key)).await.status, 422);
    }
    assert_eq!(gateway.send(&get("/billed?n=1", &key)).await.status, 200);
    assert_eq!(gateway.send(&get("/billed?n=1", &key)).await.status, 429);
}

#[tokio::test]
async fn in_dry_run_it_is_only_said() {
    let gateway = with_echo(CONFIG).await;
    assert_eq!(gateway.send(&get("/trial", &[])).await.status, 200);
    let line = until("the log", async || gateway.log_lines().into_iter().next()).await;
    assert!(line["wouldDeny"].to_string().contains("parameter_missing"), "{line}");
}
