//! What a caller can ask about itself: its own identity and limits, nobody else's, and without using any of them up.

use crate::support::{gateway, get, request, with_echo};
use serde_json::{Value, json};
use testkit::client::Response;
use testkit::gateway::Gateway;
use testkit::tokens::{Algorithm, Signer};
use testkit::upstream::echo;

const PATH: &str = "/.well-known/tollgate/whoami";
const KEY: &str = "x-api-key: good";

const CONFIG: &str = r#"
whoami: { enabled: true }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
jwtProviders:
  first: { issuer: "https://first.example.com/", algorithms: [EdDSA], keys: [{ pemFile: ed.pem, kid: a }] }
  second: { issuer: "https://second.example.com/", algorithms: [EdDSA], keys: [{ pemFile: ed.pem, kid: a }] }
plans:
  free:
    routes: [orders, pool, tenants, tokens, trial]
    rateLimit: { requestsPerSecond: 0.01, burst: 5 }
    quota: { limit: 10, per: month }
  secret-plan: { routes: ["*"] }
consumers:
  - { id: acme, plan: free, apiKeys: [{ value: good, label: ci }] }
  - { id: rival, plan: free, apiKeys: [{ value: other }] }
  - { id: gone, disabled: true, apiKeys: [{ value: gone }] }
throttles:
  - { name: rivals-own, when: { consumers: [rival] }, rateLimit: { requestsPerSecond: 1 } }
defaults: { upstream: echo, auth: { apiKey: {} } }
routes:
  - { name: orders, paths: [/orders], quota: { limit: 100, per: day } }
  - { name: pool, paths: [/pool], rateLimit: { requestsPerSecond: 50, key: route } }
  - { name: tenants, paths: [/tenants], rateLimit: { requestsPerSecond: 50, key: "header:X-Tenant" } }
  - { name: trial, paths: [/trial], rateLimit: { requestsPerSecond: 50, mode: dryRun } }
  - { name: tokens, paths: [/tokens], auth: { jwt: { provider: second, scopes: [read] } }, rateLimit: { requestsPerSecond: 0.5, burst: 7, key: token } }
  - { name: staff, paths: [/staff], rateLimit: { requestsPerSecond: 9 } }
"#;

async fn start(config: &str) -> Gateway {
    let signer = Signer::fixed(Algorithm::EdDSA, Some("a"));
    gateway(config).upstream(echo()).file("ed.pem", signer.public_pem()).start().await
}

fn bearer(issuer: &str, more: &Value) -> String {
    let mut claims =
        json!({ "iss": issuer, "sub": "ada", "exp": 4_102_444_800_u64, "iat": 1_700_000_000, "scope": "read write" });
    claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    format!("Authorization: Bearer {}", Signer::fixed(Algorithm::EdDSA, Some("a")).token(&claims))
}

async fn ask(gateway: &Gateway, fields: &[&str]) -> Response {
    gateway.send(&get(PATH, fields)).await
}

fn limit<'a>(answer: &'a Value, name: &str) -> &'a Value {
    answer["limits"].as_array().unwrap().iter().find(|limit| limit["name"] == name).unwrap_or(&Value::Null)
}

fn names(answer: &Value) -> Vec<&str> {
    answer["limits"].as_array().unwrap().iter().map(|limit| limit["name"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn off_by_default() {
    let gateway = with_echo("upstreams: { echo: { endpoints: [\"{{upstream}}\"] } }\nroutes: []\nconsumers: [{ id: acme, apiKeys: [{ value: good }] }]").await;
    let response = ask(&gateway, &[KEY]).await;
    assert_eq!((response.status, &response.json()["code"]), (404, &json!("route_not_found")), "{response}");
}

#[tokio::test]
async fn a_caller_is_told_its_own() {
    let gateway = start(CONFIG).await;
    let response = ask(&gateway, &[KEY, "Date: Sun, 06 Nov 1994 08:49:37 GMT"]).await;
    assert_eq!(response.status, 200, "{response}");
    assert_eq!(response.header("cache-control"), Some("no-store"), "{response}");
    assert_eq!(response.header("content-type"), Some("application/json"), "{response}");
    let answer = response.json();
    assert_eq!(
        (&answer["consumer"], &answer["plan"], &answer["scopes"]),
        (&json!("acme"), &json!("free"), &Value::Null)
    );
    assert_eq!(answer["credentials"], json!([{ "kind": "apiKey", "label": "ci" }]));
    // Not what all callers share or a header chooses, not dry run, not another's, not a route that the plan or the key does not open.
    assert_eq!(names(&answer), ["plans.free.rateLimit", "plans.free.quota", "routes.orders.quota"]);
    assert_eq!(
        *limit(&answer, "plans.free.rateLimit"),
        json!({ "kind": "throttle", "name": "plans.free.rateLimit", "requestsPerSecond": 0.01, "burst": 5, "remaining": 5, "resetSeconds": 0 })
    );
    let quota = limit(&answer, "plans.free.quota");
    assert_eq!((&quota["limit"], &quota["used"], &quota["remaining"]), (&json!(10), &json!(0), &json!(10)));
    assert!(quota["resetsAt"].as_str().unwrap().ends_with("-01T00:00:00Z"), "{quota}");
    assert!(quota["resetSeconds"].as_u64().is_some_and(|seconds| seconds <= 31 * 86_400), "{quota}");
    assert!(answer["clock"]["dateAheadSeconds"].as_i64().is_some_and(|ahead| ahead < -900_000_000), "{answer}");
    let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!(
        (&line["status"], &line["consumer"], &line["plan"]),
        (&json!(200), &json!("acme"), &json!("free")),
        "{line}"
    );
    assert!(line["route"].is_null() && line["kind"].is_null() && line["upstream"].is_null(), "{line}");
    let text = response.text();
    for secret in ["rival", "gone", "secret", "staff", "second", "good", "pool", "tenants"] {
        assert!(!text.contains(secret), "{secret} in {text}");
    }
}

#[tokio::test]
async fn asking_uses_nothing_up() {
    let gateway = start(CONFIG).await;
    for _ in 0..10 {
        let answer = ask(&gateway, &[KEY]).await.json();
        assert_eq!(limit(&answer, "plans.free.rateLimit")["remaining"], 5);
        assert_eq!(limit(&answer, "plans.free.quota")["remaining"], 10);
    }
    for _ in 0..2 {
        assert_eq!(gateway.send(&get("/orders", &[KEY])).await.status, 200);
    }
    // Whom others are, and how much they use, changes nothing.
    assert_eq!(gateway.send(&get("/orders", &["x-api-key: other"])).await.status, 200);
    let answer = ask(&gateway, &[KEY]).await.json();
    assert_eq!(limit(&answer, "plans.free.rateLimit")["remaining"], 3, "{answer}");
    assert!(
        limit(&answer, "plans.free.rateLimit")["resetSeconds"]
            .as_u64()
            .is_some_and(|reset| (190..=200).contains(&reset))
    );
    for name in ["plans.free.quota", "routes.orders.quota"] {
        assert_eq!(limit(&answer, name)["used"], 2, "{answer}");
    }
    let standing = gateway.send(&get("/orders", &[KEY])).await;
    let told = standing.headers("ratelimit");
    assert!(told.iter().any(|field| field.starts_with("\"plans.free.rateLimit\";r=2;")), "{standing}");
}

#[tokio::test]
async fn asking_is_bounded_by_address() {
    let gateway = start(CONFIG).await;
    let client = gateway.client();
    let mut refused = None;
    for _ in 0..200 {
        let response = client.get(PATH).header("x-api-key", "guessed").send().await;
        if response.status == 429 {
            refused = Some(response);
            break;
        }
        assert_eq!(response.status, 401, "{response}");
    }
    let refused = refused.unwrap();
    assert_eq!(refused.header("retry-after"), Some("1"), "{refused}");
    let line = gateway.log_line(refused.header("x-request-id").unwrap()).await;
    assert_eq!((&line["policy"], &line["reason"]), (&json!("whoami.rateLimit"), &json!("throttling_limit_reached")));
    assert_eq!(gateway.send(&get("/orders", &[KEY])).await.status, 200);
}

#[tokio::test]
async fn every_credential_that_is_sent_has_to_be_good() {
    let gateway = start(CONFIG).await;
    let good = bearer("https://second.example.com/", &json!({}));
    let expired = bearer("https://second.example.com/", &json!({ "exp": 1 }));
    let stranger = bearer("https://third.example.com/", &json!({}));
    let check = async |fields: &[&str], status: u16, code: &str| {
        let response = ask(&gateway, fields).await;
        assert_eq!(
            (response.status, response.json()["code"].as_str().unwrap_or("")),
            (status, code),
            "{fields:?}: {response}"
        );
        response
    };
    let nothing = check(&[], 401, "api_key_missing").await;
    assert_eq!(nothing.headers("www-authenticate"), ["ApiKey realm=\"tollgate\"", "Bearer realm=\"tollgate\""]);
    check(&["Authorization: Basic YTpi"], 401, "api_key_missing").await;
    check(&["x-api-key: nobody"], 401, "api_key_invalid").await;
    check(&["x-api-key: gone"], 403, "api_key_forbidden").await;
    let refused = check(&[&expired], 401, "jwt_claim_value_invalid").await;
    assert!(refused.header("www-authenticate").unwrap().contains("invalid_token"), "{refused}");
    let line = gateway.log_line(refused.header("x-request-id").unwrap()).await;
    assert_eq!((&line["reason"], &line["policy"]), (&json!("token_expired"), &json!("whoami.auth")), "{line}");
    check(&[&stranger], 401, "jwt_claim_value_invalid").await;
    check(&[KEY, &expired], 401, "jwt_claim_value_invalid").await;
    check(&["x-api-key: nobody", &good], 401, "api_key_invalid").await;
    check(&[KEY, &good], 200, "").await;
}

#[tokio::test]
async fn a_token_of_any_provider_will_do() {
    let gateway = start(CONFIG).await;
    let token = bearer("https://second.example.com/", &json!({}));
    let answer = ask(&gateway, &[&token]).await.json();
    assert_eq!(
        (&answer["consumer"], &answer["plan"], &answer["scopes"]),
        (&json!("ada"), &Value::Null, &json!(["read", "write"]))
    );
    let credential = &answer["credentials"][0];
    assert_eq!((&credential["kind"], &credential["provider"]), (&json!("token"), &json!("second")));
    assert_eq!(credential["expiresAt"], "2100-01-01T00:00:00Z");
    assert_eq!(answer["clock"]["tokenIssuedAt"], "2023-11-14T22:13:20Z");
    assert_eq!(names(&answer), ["routes.tokens.rateLimit"]);
    assert_eq!(gateway.send(&get("/tokens", &[&token])).await.status, 200);
    assert_eq!(limit(&ask(&gateway, &[&token]).await.json(), "routes.tokens.rateLimit")["remaining"], 6);
    let less = bearer("https://second.example.com/", &json!({ "scope": "write" }));
    assert_eq!(ask(&gateway, &[&less]).await.json()["limits"], json!([]));
    let first = bearer("https://first.example.com/", &json!({}));
    assert_eq!(ask(&gateway, &[&first]).await.json()["credentials"][0]["provider"], "first");
}

#[tokio::test]
async fn at_its_hosts_and_by_get_alone() {
    let gateway = start(&CONFIG.replace("{ enabled: true }", "{ enabled: true, hosts: [\"*.example.com\"] }")).await;
    assert_eq!(ask(&gateway, &[KEY]).await.status, 404);
    assert_eq!(ask(&gateway, &[KEY, "Host: api.example.com"]).await.status, 200);
    let send = async |method| gateway.send(&request(method, PATH, &[KEY, "Host: api.example.com"], "")).await;
    let head = send("HEAD").await;
    assert!(head.status == 200 && head.body.is_empty(), "{head}");
    let post = send("POST").await;
    assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD")), "{post}");
    let other = gateway.send(&get(&format!("{PATH}/x"), &[KEY, "Host: api.example.com"])).await;
    assert_eq!(other.status, 404);
    // Its normal form is what counts.
    let odd = gateway.send(&get("/.well-known//tollgate/./who%61mi", &[KEY, "Host: api.example.com"])).await;
    assert_eq!(odd.status, 200, "{odd}");
}
