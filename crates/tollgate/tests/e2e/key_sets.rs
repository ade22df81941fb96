//! Key sets that are fetched: a provider that rotates, dies and comes back, and what its tokens meet.

use crate::support::{gateway, until};
use serde_json::{Value, json};
use testkit::client::{Client, Response};
use testkit::gateway::{Builder, Gateway};
use testkit::idp::IdentityProvider;
use testkit::tokens::{Algorithm, Signer};
use testkit::upstream::{Misbehaviour, echo};

const ISSUER: &str = "https://idp.example.com/";
const FUTURE: u64 = 4_102_444_800;

/// One route for tokens of one provider, whose set is fetched with these options.
pub fn config(url: &str, options: &str) -> String {
    let keys = format!("keys: [{{ jwksUrl: \"{url}\", {options} }}]");
    with_keys(ISSUER, &keys)
}

pub fn with_keys(issuer: &str, keys: &str) -> String {
    format!(
        r#"
upstreams: {{ echo: {{ endpoints: ["{{{{upstream}}}}"] }} }}
jwtProviders: {{ main: {{ issuer: "{issuer}", algorithms: [ES256], {keys} }} }}
routes: [{{ name: profile, paths: [/profile], upstream: echo, auth: {{ jwt: {{ provider: main }} }} }}]
"#
    )
}

pub fn url(provider: &IdentityProvider) -> String {
    format!("{}/jwks.json", provider.issuer())
}

pub fn signer(kid: &str) -> Signer {
    Signer::generated(Algorithm::ES256, Some(kid))
}

fn claims() -> Value {
    json!({"iss": ISSUER, "sub": "ada", "exp": FUTURE})
}

pub fn token(signer: &Signer) -> String {
    signer.token(&claims())
}

/// One that no cache has seen.
fn new_token(signer: &Signer) -> String {
    signer.token(&json!({"iss": ISSUER, "sub": "ada", "exp": FUTURE, "jti": signer.sign(b"nonce")}))
}

pub async fn send(gateway: &Gateway, token: &str) -> Response {
    gateway.get("/profile").header("Authorization", &format!("Bearer {token}")).send().await
}

async fn expect_denial(gateway: &Gateway, token: &str, reason: &str) -> Response {
    gateway.get("/profile").header("Authorization", &format!("Bearer {token}")).expect_denial(reason).await
}

fn building(provider: &IdentityProvider, options: &str) -> Builder {
    gateway(&config(&url(provider), options)).upstream(echo())
}

async fn outcomes(gateway: &Gateway, outcome: &str) -> f64 {
    gateway.metric("tollgate_key_set_fetches_total", &[("provider", "main"), ("outcome", outcome)]).await
}

#[tokio::test]
async fn a_rotation_refuses_no_valid_token_and_costs_one_fetch() {
    let (old, new) = (signer("old"), signer("new"));
    let provider = IdentityProvider::start(&[&old]);
    let gateway = building(&provider, "refetchInterval: 1h").start().await;
    let before = token(&old);
    assert_eq!(send(&gateway, &before).await.status, 200);
    assert_eq!(send(&gateway, &before).await.status, 200);
    provider.publish(&[&new]);
    // Fifty at once, each another token: all of them wait for the one fetch.
    let tokens: Vec<String> = (0..50).map(|_| new_token(&new)).collect();
    let mut sending = tokio::task::JoinSet::new();
    for token in tokens {
        let client = gateway.client();
        sending.spawn(async move {
            client.get("/profile").header("Authorization", &format!("Bearer {token}")).send().await
        });
    }
    while let Some(response) = sending.join_next().await {
        let response = response.unwrap();
        assert_eq!(response.status, 200, "{response}");
    }
    assert_eq!(provider.fetches(), 2, "the first one and one for the rotation");
    // The key that vanished opens nothing any more, though the cache has its token.
    expect_denial(&gateway, &before, "signing_key_unknown").await;
    assert_eq!(provider.fetches(), 2);
    let said = gateway.said();
    for line in ["signing key appeared", "signing key vanished"] {
        assert!(said.contains(line), "{line}: {said}");
    }
}

#[tokio::test]
async fn a_flood_of_invented_keys_costs_one_fetch() {
    let good = signer("good");
    let provider = IdentityProvider::start(&[&good]);
    let gateway = building(&provider, "refetchInterval: 1h").start().await;
    let stranger = signer("stranger");
    let mut sending = tokio::task::JoinSet::new();
    for sender in 0..8 {
        let client = gateway.client();
        let tokens: Vec<String> = (0..40)
            .map(|number| stranger.token_with(&json!({"kid": format!("{sender}-{number}")}), &claims()))
            .collect();
        sending.spawn(async move {
            for token in tokens {
                let response = client.get("/profile").header("Authorization", &format!("Bearer {token}")).send().await;
                assert_eq!(response.status, 401, "{response}");
            }
        });
    }
    sending.join_all().await;
    assert_eq!(provider.fetches(), 2, "the first one and one for the flood");
    assert_eq!(send(&gateway, &token(&good)).await.status, 200);
    let count = async |name: &str| gateway.metric(name, &[("provider", "main")]).await;
    assert!((count("tollgate_key_set_unknown_keys_total").await - 320.0).abs() < 1e-9);
    // Those of the first moment waited for the fetch; all others were told at once.
    let suppressed = count("tollgate_key_set_refetches_suppressed_total").await;
    assert!((312.0..320.0).contains(&suppressed), "{suppressed}");
}

#[tokio::test]
async fn a_token_that_no_key_could_save_costs_nothing() {
    let good = signer("good");
    let provider = IdentityProvider::start(&[&good]);
    let gateway = building(&provider, "refetchInterval: 1s").start().await;
    let stranger = signer("stranger");
    for claims in [
        json!({"iss": ISSUER, "sub": "ada", "exp": 1_000_000_000}),
        json!({"iss": ISSUER, "sub": "ada", "exp": FUTURE, "nbf": FUTURE}),
        json!({"iss": "https://other.example/", "sub": "ada", "exp": FUTURE}),
        json!({"iss": ISSUER, "sub": "ada"}),
    ] {
        expect_denial(&gateway, &stranger.token(&claims), "signing_key_unknown").await;
    }
    assert_eq!(provider.fetches(), 1);
}

#[tokio::test]
async fn the_last_good_set_serves_for_a_while_and_then_no_more() {
    let key = signer("a");
    let provider = IdentityProvider::start(&[&key]);
    let gateway = building(&provider, "refresh: 1s, staleFor: 2s").start().await;
    assert_eq!(send(&gateway, &token(&key)).await.status, 200);
    let address = provider.address();
    drop(provider);
    until("a fetch that fails", async || (outcomes(&gateway, "connection_refused").await > 0.0).then_some(())).await;
    // It is down, and nobody notices.
    assert_eq!(send(&gateway, &new_token(&key)).await.status, 200);
    let refused = until("the end of the stale time", async || {
        let response = send(&gateway, &new_token(&key)).await;
        (response.status != 200).then_some(response)
    });
    let refused = refused.await;
    assert_eq!((refused.status, refused.json()["code"].as_str()), (503, Some("jwks_unavailable")), "{refused}");
    assert!(refused.header("retry-after").is_some(), "{refused}");
    // A token that was verified before is no exception.
    expect_denial(&gateway, &token(&key), "jwks_unavailable").await;
    assert!((gateway.metric("tollgate_key_set_keys", &[("provider", "main")]).await).abs() < 1e-9);
    until("a line that says so", async || gateway.said().contains("key set too old").then_some(())).await;
    let _back = IdentityProvider::start_at(address, &[&key]);
    until("the set again", async || (send(&gateway, &token(&key)).await.status == 200).then_some(())).await;
    until("a line that says so", async || gateway.said().contains("key set fetched again").then_some(())).await;
}

#[tokio::test]
async fn readiness_waits_for_the_first_set() {
    let key = signer("a");
    let provider = IdentityProvider::start(&[&key]);
    let (address, url) = (provider.address(), url(&provider));
    drop(provider);
    let gate = gateway(&config(&url, "refresh: 1s")).upstream(echo()).start_unready().await;
    let probe = Client::new(gate.address("telemetry"));
    let not_ready = until("listening", async || {
        let response = probe.get("/readyz").send().await;
        response.text().contains("main").then_some(response)
    });
    let not_ready = not_ready.await;
    assert_eq!((not_ready.status, not_ready.text().as_str()), (503, "not ready: no key set yet of main\n"));
    // It does serve those who come all the same.
    expect_denial(&gate, &token(&key), "jwks_unavailable").await;
    let _provider = IdentityProvider::start_at(address, &[&key]);
    until("readiness", async || (probe.get("/readyz").send().await.status == 200).then_some(())).await;
    assert_eq!(send(&gate, &token(&key)).await.status, 200);

    // And not if it is told not to: this comes back at once.
    let dead = "http://127.0.0.1:1/jwks.json";
    let gate = gateway(&config(dead, "gatesReadiness: false")).upstream(echo()).start().await;
    expect_denial(&gate, &token(&key), "jwks_unavailable").await;
}

#[tokio::test]
async fn a_reload_keeps_the_keys_of_the_same_place() {
    let key = signer("a");
    let provider = IdentityProvider::start(&[&key]);
    let gate = building(&provider, "refresh: 10m").start().await;
    assert_eq!(send(&gate, &token(&key)).await.status, 200);
    let url = url(&provider);
    drop(provider);
    let renamed = |url: &str| config(url, "refresh: 5m").replace("name: profile", "name: other");
    gate.reload_with(&renamed(&url)).await;
    assert_eq!(send(&gate, &new_token(&key)).await.status, 200);
    // Another place is another set, and readiness, once there, is not taken away.
    gate.reload_with(&renamed("http://127.0.0.1:1/jwks.json")).await;
    expect_denial(&gate, &new_token(&key), "jwks_unavailable").await;
    Client::new(gate.address("telemetry")).get("/readyz").expect(200).await;
}

#[tokio::test]
async fn who_waits_for_a_key_is_throttled_once() {
    let (old, new) = (signer("old"), signer("new"));
    let provider = IdentityProvider::start(&[&old]);
    let limit = "rateLimit: { requestsPerSecond: 0.001, burst: 2, key: ip }, auth:";
    let config = config(&url(&provider), "refresh: 10m").replace("auth:", limit);
    let gate = gateway(&config).upstream(echo()).start().await;
    provider.publish(&[&new]);
    // It waits for the fetch, and is one request all the same.
    assert_eq!(send(&gate, &token(&new)).await.status, 200);
    assert_eq!(send(&gate, &token(&new)).await.status, 200);
    expect_denial(&gate, &token(&new), "throttling_limit_reached").await;
}

/// A provider that hangs holds nobody up for longer than a moment, and nobody up whose key is known.
#[tokio::test]
async fn a_provider_that_hangs_costs_a_moment() {
    let (known, new) = (signer("known"), signer("new"));
    let provider = IdentityProvider::start(&[&known]);
    let gate = building(&provider, "timeout: 1m").start().await;
    provider.misbehave(Misbehaviour::Never);
    let waiting = {
        let request = gate.client().get("/profile").header("Authorization", &format!("Bearer {}", token(&new)));
        tokio::spawn(request.send())
    };
    until("a fetch that hangs", async || (provider.fetches() == 2).then_some(())).await;
    assert_eq!(send(&gate, &token(&known)).await.status, 200);
    let refused = waiting.await.unwrap();
    assert_eq!((refused.status, refused.header("retry-after")), (503, Some("1")), "{refused}");
    assert_eq!(provider.fetches(), 2);
}
