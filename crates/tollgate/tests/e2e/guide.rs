//! The founding guide's two snippets work as they stand; `defaults` brings what they leave out.

use crate::support::{gateway, get, request, with_echo};
use testkit::upstream::echo;

/// As printed.
const ROUTES: &str = "routes:
  - name: orders-route
    host: api.example.com
    paths:
      - /v1/orders
    methods:
      - GET
      - POST
";

/// As printed.
const RATE_LIMIT: &str = r#"{
  "rateLimit": {
    "requestsPerSecond": 100,
    "burst": 200,
    "key": "consumerId"
  }
}
"#;

const REST: &str = r#"
upstreams: { orders: { endpoints: ["{{upstream}}"] } }
consumers: [{ id: acme, apiKeys: [{ value: good }] }, { id: other, apiKeys: [{ value: another }] }]
"#;

const HOST: &str = "Host: api.example.com";

#[tokio::test]
async fn the_routes_block() {
    let config = format!("{REST}defaults: {{ upstream: orders, auth: {{ none: {{}} }} }}\n{ROUTES}");
    let gateway = with_echo(&config).await;
    for (status, bytes) in [
        (200, get("/v1/orders", &[HOST])),
        (200, request("POST", "/v1/orders", &[HOST], "{}")),
        (405, request("DELETE", "/v1/orders", &[HOST], "")),
        (404, get("/v1/orders/", &[HOST])),
        (404, get("/api/v1/orders", &[HOST])),
        (404, get("/v1/orders", &["Host: www.example.com"])),
    ] {
        let response = gateway.send(&bytes).await;
        assert_eq!(response.status, status, "{}: {response}", bytes.escape_ascii());
    }
}

/// JSON is YAML: the block is a `defaults` section as it stands. The rest of that section comes from another file.
#[tokio::test]
async fn the_rate_limit_block() {
    let config = format!("include: [rest.yaml]\n{REST}defaults: {RATE_LIMIT}{ROUTES}");
    let rest = "defaults: { upstream: orders, auth: { apiKey: {} } }\n";
    let gateway = gateway(&config).file("rest.yaml", rest).upstream(echo()).start().await;
    let first = gateway.send(&get("/v1/orders", &[HOST, "x-api-key: good"])).await;
    assert_eq!(first.status, 200, "{first}");
    assert_eq!(first.header("ratelimit-policy"), Some("\"routes.orders-route.rateLimit\";q=200;w=2"));
    let other = gateway.send(&get("/v1/orders", &[HOST, "x-api-key: another"])).await;
    assert!(other.header("ratelimit").is_some_and(|field| field.contains(";r=199;")), "counted by itself: {other}");
}
