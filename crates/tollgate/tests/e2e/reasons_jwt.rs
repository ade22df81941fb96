//! Refusals of callers with tokens: what a hostile client could send instead of a genuine one.

use crate::support::{Scenario, Steps, gateway, get, play};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::reason::Reason;
use serde_json::{Value, json};
use testkit::tokens::{Algorithm, RSA_B, Signer, unsigned, with_signature};
use testkit::upstream::echo;

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
jwtProviders:
  main:
    issuer: https://idp.example.com/
    audiences: [orders-api]
    algorithms: [ES256, RS256]
    keys: [{ pemFile: ec.pem, kid: ec }, { pemFile: rsa.pem, kid: rsa }]
    claims: [{ name: tier, anyOf: [gold, silver] }, { name: tenant, required: true }]
    consumerClaim: sub
    planClaim: plan
plans: { free: { routes: [profile] } }
consumers: [{ id: gone, disabled: true }]
defaults: { upstream: echo }
routes:
  - { name: profile, paths: [/profile], auth: { jwt: { provider: main } } }
  - { name: orders, paths: [/orders], auth: { jwt: { provider: main, scopes: ["orders:read", "orders:write"] } } }
"#;

const FUTURE: u64 = 4_102_444_800;
const PAST: u64 = 1_000_000_000;

fn claims() -> Value {
    json!({
        "iss": "https://idp.example.com/", "aud": "orders-api", "sub": "ada", "exp": FUTURE, "tier": "gold",
        "tenant": "t1", "scope": "orders:read",
    })
}

fn claims_with(name: &str, value: Value) -> Value {
    let mut claims = claims();
    if value.is_null() {
        claims.as_object_mut().unwrap().remove(name);
    } else {
        claims[name] = value;
    }
    claims
}

fn ec() -> Signer {
    Signer::fixed(Algorithm::ES256, Some("ec"))
}

fn bearer(token: &str) -> String {
    format!("Authorization: Bearer {token}")
}

fn profile(reason: Reason, what: &'static str, fields: &[&str]) -> Scenario {
    Scenario::new(reason, what, Steps::Send(get("/profile", fields))).on("profile").by("routes.profile.auth")
}

fn token(reason: Reason, what: &'static str, token: &str) -> Scenario {
    profile(reason, what, &[&bearer(token)])
}

pub fn scenarios() -> Vec<Scenario> {
    let mut all = vec![
        profile(Reason::JwtMissing, "none", &[]),
        profile(Reason::JwtMissing, "another scheme", &["Authorization: Basic YTpi"]),
        profile(Reason::JwtMissing, "a scheme alone", &["Authorization: Bearer"]),
    ];
    all.extend(unreadable());
    all.extend(forged());
    all.extend(untimely());
    all.extend(other_claims());
    all.extend(forbidden());
    all
}

fn unreadable() -> Vec<Scenario> {
    let good = ec().token(&claims());
    let two = [bearer(&good), bearer(&good)];
    let large = format!("{}.{}.{}", "a".repeat(8_000), "b".repeat(190), "c".repeat(10));
    let mut all = vec![
        token(Reason::JwsUnreadable, "two parts", "e30.e30"),
        token(Reason::JwsUnreadable, "four parts", &format!("{good}.e30")),
        token(Reason::JwsUnreadable, "no base64url", "e30=.e30=.e30="),
        token(Reason::JwsUnreadable, "no JSON", &unsigned(b"{", b"{}", b"x")),
        token(Reason::JwsUnreadable, "no object", &unsigned(b"[]", b"{}", b"x")),
        token(Reason::JwsUnreadable, "a member twice", &ec().token_of(br#"{"alg":"ES256","alg":"none"}"#, b"{}")),
        token(Reason::JwsUnreadable, "claims that are a list", &ec().token_of(br#"{"alg":"ES256","kid":"ec"}"#, b"[]")),
        profile(Reason::JwsUnreadable, "two tokens", &[&two[0], &two[1]]),
        token(Reason::TokenTooLarge, "8202 bytes", &large),
    ];
    for (what, member) in [
        ("crit", json!({"crit": ["exp"], "exp": FUTURE})),
        ("b64", json!({"b64": false})),
        ("zip", json!({"zip": "DEF"})),
        ("jwk", json!({"jwk": ec().jwk()})),
        ("jku", json!({"jku": "https://evil.example/keys"})),
        ("x5u", json!({"x5u": "https://evil.example/certificate"})),
        ("x5c", json!({"x5c": ["AA=="]})),
    ] {
        let sent = ec().token_with(&member, &claims());
        all.push(token(Reason::CriticalHeaderUnsupported, what, &sent));
    }
    all
}

fn forged() -> Vec<Scenario> {
    let good = ec().token(&claims());
    let rsa = Signer::fixed(Algorithm::RS256, Some("rsa"));
    let (head, payload) = (ec().header(), claims_with("sub", json!("admin")).to_string());
    let signature = good.rsplit_once('.').map(|(_, signature)| signature).unwrap();
    let parts: Vec<&str> = good.split('.').collect();
    let swapped = format!("{}.{}.{}", parts[0], URL_SAFE_NO_PAD.encode(&payload), signature);
    let stranger = Signer::generated(Algorithm::ES256, Some("ec"));
    let other_rsa = Signer::from_pem(Algorithm::RS256, Some("rsa"), RSA_B);
    let public = Signer::secret(Algorithm::HS256, Some("rsa"), rsa.public_pem().as_bytes());
    let none = |alg: &str| unsigned(json!({"alg": alg, "kid": "ec"}).to_string().as_bytes(), payload.as_bytes(), b"");
    let mismatch = Reason::SignatureMismatch;
    let algorithm = Reason::AlgorithmNotAllowed;
    let header = Value::Object(head).to_string();
    vec![
        token(mismatch, "other claims under the same signature", &swapped),
        token(mismatch, "a stranger's key", &stranger.token(&claims())),
        token(mismatch, "another RSA key", &other_rsa.token(&claims())),
        token(Reason::JwsUnreadable, "no signature", &unsigned(header.as_bytes(), payload.as_bytes(), b"")),
        token(mismatch, "a signature of zeros", &with_signature(&good, &[0; 64])),
        token(mismatch, "a short signature", &with_signature(&good, &[1; 63])),
        token(Reason::SigningKeyUnknown, "another kid", &ec().token_with(&json!({"kid": "old"}), &claims())),
        token(algorithm, "none", &none("none")),
        token(algorithm, "None", &none("None")),
        token(algorithm, "the public key as a secret", &public.token(&claims())),
        token(
            algorithm,
            "one that the provider does not list",
            &Signer::fixed(Algorithm::ES384, Some("ec")).token(&claims()),
        ),
        token(algorithm, "one that the key is not for", &ec().token_with(&json!({"kid": "rsa"}), &claims())),
    ]
}

fn untimely() -> Vec<Scenario> {
    let with = |reason, what, name, value| token(reason, what, &ec().token(&claims_with(name, value)));
    vec![
        with(Reason::TokenExpired, "long ago", "exp", json!(PAST)),
        with(Reason::TokenExpired, "exp as text", "exp", json!("4102444800")),
        with(Reason::TokenNotYetValid, "far ahead", "nbf", json!(FUTURE)),
        with(Reason::TokenNotYetValid, "nbf as text", "nbf", json!("0")),
    ]
}

fn other_claims() -> Vec<Scenario> {
    let with = |reason, what, name, value| token(reason, what, &ec().token(&claims_with(name, value)));
    vec![
        with(Reason::IssuerMismatch, "another issuer", "iss", json!("https://evil.example/")),
        with(Reason::IssuerMismatch, "the issuer without its slash", "iss", json!("https://idp.example.com")),
        with(Reason::AudienceMismatch, "another audience", "aud", json!("billing")),
        with(Reason::AudienceMismatch, "other audiences", "aud", json!(["billing", "orders"])),
        with(Reason::ClaimMissing, "no tenant", "tenant", Value::Null),
        with(Reason::ClaimMissing, "no exp", "exp", Value::Null),
        with(Reason::ClaimMissing, "no sub", "sub", Value::Null),
        with(Reason::ClaimMismatch, "another tier", "tier", json!("iron")),
        with(Reason::ClaimMismatch, "a tier of another type", "tier", json!({"gold": true})),
        with(Reason::ClaimMismatch, "a plan that there is not", "plan", json!("platinum")),
    ]
}

fn forbidden() -> Vec<Scenario> {
    let orders = |reason, what, claims: &Value| {
        Scenario::new(reason, what, Steps::Send(get("/orders", &[&bearer(&ec().token(claims))]))).on("orders")
    };
    let scopes = claims_with("scope", json!("orders:read orders:write"));
    let mut free = scopes.clone();
    free["plan"] = json!("free");
    let mut gone = scopes;
    gone["sub"] = json!("gone");
    vec![
        orders(Reason::ScopeInsufficient, "one scope of two", &claims()).by("routes.orders.auth"),
        orders(Reason::PlanExcludesRoute, "the token's plan has other routes", &free).by("plans.free"),
        orders(Reason::ConsumerDisabled, "the token's consumer is shut out", &gone).by("consumers.gone"),
    ]
}

pub fn builder() -> testkit::gateway::Builder {
    gateway(CONFIG)
        .upstream(echo())
        .file("ec.pem", ec().public_pem())
        .file("rsa.pem", Signer::fixed(Algorithm::RS256, None).public_pem())
}

#[tokio::test]
async fn tokens() {
    let gateway = builder().start().await;
    play(&gateway, &scenarios()).await;
    assert_eq!(gateway.upstream(0).count(), 0, "no hostile token got through");
    for genuine in [ec().token(&claims()), Signer::fixed(Algorithm::RS256, Some("rsa")).token(&claims())] {
        let response = gateway.get("/profile").header("Authorization", &format!("Bearer {genuine}")).expect(200).await;
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert!(line["kind"].is_null() && line["route"] == "profile", "{line}");
    }
    let text = std::fs::read_to_string(gateway.directory().join("access.log")).unwrap() + &gateway.said();
    assert!(!text.contains("eyJ"), "a token is in the logs");
}

/// RFC 6750, 3: no `error` where nothing was sent; the scopes where they are what is missing.
#[tokio::test]
async fn challenges() {
    let gateway = gateway(CONFIG)
        .upstream(echo())
        .file("ec.pem", ec().public_pem())
        .file("rsa.pem", Signer::fixed(Algorithm::RS256, None).public_pem())
        .start()
        .await;
    let challenge = async |target: &str, token: Option<&str>, status: u16| {
        let mut request = gateway.get(target);
        if let Some(token) = token {
            request = request.header("Authorization", &format!("Bearer {token}"));
        }
        request.expect(status).await.header("www-authenticate").unwrap_or_default().to_owned()
    };
    let absent = challenge("/profile", None, 401).await;
    assert!(absent.starts_with("Bearer") && !absent.contains("error"), "{absent}");
    let expired = challenge("/profile", Some(&ec().token(&claims_with("exp", json!(PAST)))), 401).await;
    assert!(expired.contains("error=\"invalid_token\""), "{expired}");
    let narrow = challenge("/orders", Some(&ec().token(&claims())), 403).await;
    assert!(
        narrow.contains("error=\"insufficient_scope\"") && narrow.contains("scope=\"orders:read orders:write\""),
        "{narrow}"
    );
}
