//! What upstream is told of the caller: our word and nobody else's, and never the credential.

use crate::support::{gateway, get, request, told_all, with_echo};
use serde_json::{Value, json};
use testkit::gateway::Gateway;
use testkit::tokens::{Algorithm, Signer};
use testkit::upstream::echo;

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
jwtProviders:
  main:
    algorithms: [ES256]
    keys: [{ pemFile: ec.pem }]
plans: { free: { routes: ["*"] } }
consumers:
  - { id: acme, plan: free, apiKeys: [{ value: good }] }
  - { id: lone, apiKeys: [{ value: alone }] }
identityHeaders: { consumer: X-Consumer-ID, plan: X-Consumer-Plan, claims: { sub: X-JWT-Sub, groups: X-JWT-Groups } }
apiKeys: { location: LOCATION, hideFromUpstream: HIDE }
defaults: { upstream: echo }
routes:
  - { name: open, paths: [/open], auth: { none: {} } }
  - { name: keyed, paths: [/keyed], auth: { apiKey: {} } }
  - { name: profile, paths: [/profile], auth: { jwt: { provider: main } } }
  - { name: either, paths: [/either], auth: { any: [{ jwt: { provider: main } }, { apiKey: {} }] } }
"#;

async fn start(location: &str, hide: bool) -> Gateway {
    let config = CONFIG.replace("LOCATION", location).replace("HIDE", &hide.to_string());
    let signer = Signer::fixed(Algorithm::ES256, None);
    gateway(&config).upstream(echo()).file("ec.pem", signer.public_pem()).start().await
}

const HEADER: &str = "{ header: x-api-key }";

#[tokio::test]
async fn a_callers_own_claims_never_arrive() {
    let gateway = start(HEADER, true).await;
    let lies = [
        "X-Consumer-ID: root",
        "x-consumer-id: admin",
        "X_Consumer_ID: root",
        "x-consumer_id: root",
        "X-CONSUMER-PLAN: gold",
        "X_CONSUMER_PLAN: gold",
        "X-JWT-Sub: root",
        "X_JWT_Sub: root",
        "X-Jwt_Groups: admins",
    ];
    for (target, key, consumer, plan) in [
        ("/open", "good", None, None),
        ("/either", "alone", Some("lone"), None),
        ("/keyed", "good", Some("acme"), Some("free")),
        ("/keyed", "alone", Some("lone"), None),
    ] {
        let key = format!("x-api-key: {key}");
        let fields = [lies.as_slice(), &[key.as_str()]].concat();
        let response = gateway.send(&get(target, &fields)).await;
        let text = response.text();
        for lie in ["root", "admin", "gold"] {
            assert!(!text.contains(lie), "{target}: {text}");
        }
        assert_eq!(told_all(&response, "x-consumer-id"), Vec::from_iter(consumer.map(str::to_owned)), "{target}");
        assert_eq!(told_all(&response, "x-consumer-plan"), Vec::from_iter(plan.map(str::to_owned)), "{target}");
    }
}

#[tokio::test]
async fn claims_of_a_genuine_token_arrive() {
    let gateway = start(HEADER, true).await;
    let send = async |claims: Value| {
        let token = Signer::fixed(Algorithm::ES256, None).token(&claims);
        gateway.send(&get("/profile", &[&format!("Authorization: Bearer {token}"), "X-JWT-Sub: root"])).await
    };
    let exp = 4_102_444_800_u64;
    let response = send(json!({"sub": "ada", "groups": ["a", "b"], "exp": exp})).await;
    assert_eq!(told_all(&response, "x-jwt-sub"), ["ada"]);
    assert_eq!(told_all(&response, "x-jwt-groups"), [r#"["a","b"]"#]);
    let response = send(json!({"sub": "ada", "exp": exp})).await;
    assert_eq!(told_all(&response, "x-jwt-groups"), [""; 0]);
    // What cannot stand in a field is refused: upstream must not take it for another.
    for sub in ["a\r\nX-Consumer-ID: root", "ä", "a\u{0}"] {
        let response = send(json!({"sub": sub, "exp": exp})).await;
        assert_eq!(response.status, 401, "{sub:?}: {response}");
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert_eq!(line["reason"], "claim_mismatch", "{sub:?}");
    }
}

#[tokio::test]
async fn the_key_stays_here() {
    for (location, target, field) in [
        (HEADER, "/keyed?a=1&b=2", "x-api-key: good"),
        ("{ query: key }", "/keyed?a=1&key=good&b=2", "X-None: 1"),
        ("{ cookie: key }", "/keyed?a=1&b=2", "Cookie: one=1; key=good; two=2"),
    ] {
        for hide in [true, false] {
            let gateway = start(location, hide).await;
            let response = gateway.send(&get(target, &[field])).await;
            let seen = response.json();
            assert_eq!(response.text().contains("good"), !hide, "{location}: {seen}");
            let expected = if hide { "/keyed?a=1&b=2" } else { target };
            assert_eq!(seen["target"], expected, "{location}");
            if hide && location.contains("cookie") {
                assert_eq!(told_all(&response, "cookie"), ["one=1; two=2"]);
            }
            let log = std::fs::read_to_string(gateway.directory().join("access.log")).unwrap_or_default();
            assert!(!log.contains("good"), "{log}");
        }
    }
}

/// Also on routes that ask for no key: who sends it along everywhere must not hand it out everywhere.
#[tokio::test]
async fn the_key_stays_here_on_open_routes() {
    let header = start(HEADER, true).await;
    let response = header.send(&get("/open", &["x-api-key: good"])).await;
    assert!(!response.text().contains("good"), "{response}");
    let query = start("{ query: key }", true).await;
    let response = query.send(&get("/open?key=good", &[])).await;
    assert_eq!(response.json()["target"], "/open");
    let encoded = query.send(&get("/open?k%65y=good&a=1", &[])).await;
    assert_eq!(encoded.json()["target"], "/open?a=1");
}

#[tokio::test]
async fn nothing_is_told_where_nothing_is_to_be_told() {
    let config = "upstreams: { echo: { endpoints: [\"{{upstream}}\"] } }\n\
        routes: [{ name: all, paths: [\"/*\"], upstream: echo, auth: { none: {} } }]\n";
    let gateway = with_echo(config).await;
    let response = gateway.send(&request("POST", "/x", &["X-Consumer-ID: mine", "X-Tenant_Id: 1"], "body")).await;
    assert_eq!(
        (told_all(&response, "x-consumer-id"), told_all(&response, "x-tenant_id")),
        (vec!["mine".into()], vec!["1".into()])
    );
    assert_eq!(response.json()["body"], "body");
}
