//! `tollgate token`, to the letter: `tests/live/token/NAME.txt` has what is said about each token of the table.
//!
//! `UPDATE_GOLDEN=1 cargo nextest run -p tollgate -E 'test(token)'` writes the texts anew; read the difference before it is committed.

use crate::program::{Folder, Ran, tollgate};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;
use testkit::tokens::{self, Algorithm, Signer};

/// 2026-11-21T14:02:11Z
const NOW: u64 = 1_795_269_731;
const AT: &str = "2026-11-21T14:02:11Z";
const ISSUER: &str = "https://idp.example.com/";

const CONFIG: &str = r#"version: 1
listeners: [{ address: "127.0.0.1:8080" }]
upstreams: { main: { endpoints: ["127.0.0.1:9"] } }
jwtProviders:
  main:
    issuer: https://idp.example.com/
    audiences: [orders-api, admin-api]
    algorithms: [EdDSA]
    keys: [{ pemFile: a.pem, kid: a }]
    clockSkew: 10s
    claims:
      - { name: tier, anyOf: [gold, silver] }
      - { name: tenant, matches: "^[a-z]+$" }
    consumerClaim: sub
    planClaim: plan
  partner:
    issuer: https://partner.example.com/
    algorithms: [EdDSA]
    keys: [{ pemFile: a.pem, kid: p }]
plans:
  free: { routes: [orders] }
  paid: { routes: ["*"] }
consumers:
  - { id: acme, plan: free }
  - { id: gone, plan: paid, disabled: true }
routes:
  - { name: orders, paths: [/orders], upstream: main, auth: { jwt: { provider: main, scopes: [orders:read] } } }
  - { name: reports, paths: [/reports], upstream: main, auth: { jwt: { provider: main } } }
  - { name: shared, paths: [/shared], upstream: main, auth: { jwt: { provider: partner } } }
"#;

fn signer() -> Signer {
    Signer::fixed(Algorithm::EdDSA, Some("a"))
}

/// Claims that everything above accepts, with these replaced; null removes one.
fn claims(members: &Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER, "aud": "orders-api", "sub": "acme", "iat": NOW - 60, "exp": NOW + 600, "tier": "gold", "tenant": "north",
        "scope": "orders:read orders:write",
    });
    let all = claims.as_object_mut().unwrap();
    for (name, value) in members.as_object().unwrap() {
        if value.is_null() {
            all.remove(name);
        } else {
            all.insert(name.clone(), value.clone());
        }
    }
    claims
}

fn token(members: &Value) -> String {
    signer().token(&claims(members))
}

fn with_header(members: &Value) -> String {
    signer().token_with(members, &claims(&json!({})))
}

/// One token, the route it is for, and the reason that the gateway gives; none if it is accepted.
struct Case {
    name: &'static str,
    token: String,
    route: &'static str,
    reason: Option<&'static str>,
}

fn case(name: &'static str, token: String, reason: &'static str) -> Case {
    Case { name, token, route: "orders", reason: Some(reason) }
}

fn cases() -> Vec<Case> {
    let on = |route, case| Case { route, ..case };
    let good = token(&json!({}));
    let stranger = Signer::from_pem(Algorithm::RS256, Some("a"), tokens::RSA_A);
    let twice = format!(r#"{{"iss":"{ISSUER}","sub":"acme","sub":"root"}}"#);
    vec![
        Case { name: "accepted", token: good.clone(), route: "orders", reason: None },
        Case {
            name: "accepted-plan-claim",
            token: token(&json!({ "plan": "paid", "sub": "new" })),
            route: "reports",
            reason: None,
        },
        case("not-a-token", "3q2-7w".into(), "jws_unreadable"),
        case("encrypted", "a.b.c.d.e".into(), "critical_header_unsupported"),
        case("too-large", token(&json!({ "note": "x".repeat(8_000) })), "token_too_large"),
        case("named-twice", signer().token_of(br#"{"alg":"EdDSA","kid":"a"}"#, twice.as_bytes()), "jws_unreadable"),
        case("padded", format!("{good}=="), "jws_unreadable"),
        case("critical-header", with_header(&json!({ "crit": ["b64"], "b64": false })), "critical_header_unsupported"),
        case("own-key", with_header(&json!({ "jwk": { "kty": "OKP" } })), "critical_header_unsupported"),
        case("algorithm-none", with_header(&json!({ "alg": "none" })), "algorithm_not_allowed"),
        case("algorithm-not-allowed", stranger.token(&claims(&json!({}))), "algorithm_not_allowed"),
        case("kid-unknown", with_header(&json!({ "kid": "b" })), "signing_key_unknown"),
        case("kid-no-string", with_header(&json!({ "kid": 7 })), "jws_unreadable"),
        case("signature", tokens::with_signature(&good, &[7; 64]), "signature_mismatch"),
        case("signature-cut", tokens::with_signature(&good, &[7; 20]), "signature_mismatch"),
        case("expired", token(&json!({ "exp": NOW - 11 })), "token_expired"),
        case("expiry-absent", token(&json!({ "exp": null })), "claim_missing"),
        case("milliseconds", token(&json!({ "exp": (NOW + 600) * 1_000, "nbf": NOW * 1_000 })), "token_not_yet_valid"),
        case("clocks-differ", token(&json!({ "iat": NOW + 43, "nbf": NOW + 43 })), "token_not_yet_valid"),
        case("issuer-slash", token(&json!({ "iss": "https://idp.example.com" })), "issuer_mismatch"),
        case("audience", token(&json!({ "aud": ["billing", "reports"] })), "audience_mismatch"),
        case("claim-absent", token(&json!({ "tier": null })), "claim_missing"),
        case("claim-mismatch", token(&json!({ "tier": ["bronze"], "tenant": "N0RTH\u{1b}[2J" })), "claim_mismatch"),
        case("consumer-absent", token(&json!({ "sub": null })), "claim_missing"),
        case("plan-unknown", token(&json!({ "plan": "gold" })), "claim_mismatch"),
        case("scope", token(&json!({ "scope": "orders:write" })), "scope_insufficient"),
        on("reports", case("plan-excludes-route", good, "plan_excludes_route")),
        on("reports", case("consumer-disabled", token(&json!({ "sub": "gone" })), "consumer_disabled")),
        on("shared", case("wrong-provider", token(&json!({})), "signing_key_unknown")),
        case(
            "everything-at-once",
            tokens::with_signature(
                &token(
                    &json!({ "exp": NOW - 100, "iss": 5, "aud": "x", "tier": 1, "tenant": "", "sub": " ", "plan": 3, "scope": 1 }),
                ),
                &[7; 64],
            ),
            "signature_mismatch",
        ),
    ]
}

fn folder() -> (Folder, String) {
    let folder = Folder::new();
    folder.with("a.pem", &signer().public_pem());
    let config = folder.with("gateway.yaml", CONFIG);
    (folder, config)
}

/// No run of the token as long as this may be shown: no part of it is, then, but what is decoded.
const SHOWN_MAX: usize = 24;

#[track_caller]
fn check_silence(ran: &Ran, token: &str) {
    for part in token.split('.').filter(|part| part.len() > SHOWN_MAX) {
        let told = part.as_bytes().windows(SHOWN_MAX).any(|run| ran.stdout.contains(std::str::from_utf8(run).unwrap()));
        assert!(!told, "a part of the token is printed back: {ran}");
    }
    assert!(!ran.stdout.contains('\u{1b}') && ran.stderr.is_empty(), "{ran}");
}

#[test]
fn every_refusal_is_explained_as_agreed() {
    let (folder, config) = folder();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/live/token");
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut stale = Vec::new();
    for Case { name, token, route, reason } in cases() {
        let file = folder.with("token", &token);
        let ran = tollgate(&["token", &file, "--config", &config, "--route", route, "--at", AT]);
        let ran = ran.expect(i32::from(reason.is_some()));
        check_silence(&ran, &token);
        let path = golden.join(format!("{name}.txt"));
        if is_update {
            fs::create_dir_all(&golden).unwrap();
            fs::write(&path, &ran.stdout).unwrap();
        } else if fs::read_to_string(&path).ok().as_deref() != Some(&*ran.stdout) {
            stale.push(format!("--- {name}\n{}", ran.stdout));
        }
    }
    assert!(stale.is_empty(), "these texts are no longer what was agreed:\n{}", stale.join("\n"));
}

/// The reason in the report is the one that `explain`, and so the gateway, gives for a request with the token.
#[test]
fn the_reason_is_the_gateways() {
    let (folder, config) = folder();
    for Case { name, token, route, reason } in cases() {
        let file = folder.with("token", &token);
        let report = tollgate(&["token", &file, "--config", &config, "--route", route, "--at", AT, "--format", "json"]);
        check_silence(&report, &token);
        let report: Value = serde_json::from_str(&report.stdout).unwrap();
        assert_eq!(report["reason"].as_str(), reason, "{name}");
        let (field, url) = (format!("Authorization: Bearer {token}"), format!("http://a.test/{route}"));
        let explained = tollgate(&["explain", "--config", &config, "--at", AT, "--format", "json", "-H", &field, &url]);
        let explained: Value = serde_json::from_str(&explained.stdout).unwrap();
        assert_eq!(report["reason"], explained["reason"], "{name}");
        assert_eq!(report["because"], explained["detail"], "{name}");
        if reason.is_none() {
            assert_eq!((&report["consumer"], &report["plan"]), (&explained["consumer"], &explained["plan"]), "{name}");
        }
    }
}

#[test]
fn without_a_config_a_token_is_only_taken_apart() {
    let (folder, _) = folder();
    let token = token(&json!({}));
    let file = folder.with("token", &format!("Authorization: Bearer {token}\r\n"));
    let ran = tollgate(&["token", &file, "--at", AT]).expect(0);
    check_silence(&ran, &token);
    assert!(ran.stdout.contains("2026-11-21T14:12:11Z, in 10 min 0 s"), "{ran}");
    assert!(ran.stdout.ends_with("not decided: there is no config to hold it against: give --config\n"), "{ran}");
}

#[test]
fn the_provider_is_found_by_its_issuer() {
    let (folder, config) = folder();
    let ask = |token: &str, more: &[&str], code: i32| {
        let file = folder.with("token", token);
        let fixed = ["token", &file, "--config", &config, "--at", AT, "--format", "json"];
        let ran = tollgate(&[&fixed, more].concat()).expect(code);
        serde_json::from_str::<Value>(&ran.stdout).unwrap()
    };
    let main = ask(&token(&json!({})), &[], 0);
    assert_eq!((&main["provider"]["name"], &main["verdict"]), (&json!("main"), &json!("accepted")));
    assert_eq!(main["otherProviders"][0]["why"], "its issuer is \"https://partner.example.com/\"");
    let partner = ask(&token(&json!({ "iss": "https://partner.example.com/" })), &[], 1);
    assert_eq!((&partner["provider"]["name"], &partner["reason"]), (&json!("partner"), &json!("signing_key_unknown")));
    let nobody = ask(&token(&json!({ "iss": "https://nobody.example.com/" })), &[], 1);
    assert_eq!((&nobody["provider"]["name"], &nobody["reason"]), (&json!("main"), &json!("issuer_mismatch")));
    let named = ask(&token(&json!({})), &["--provider", "partner"], 1);
    assert_eq!(named["provider"]["name"], "partner");
    let scopes = ask(&token(&json!({})), &["--scopes", "orders:read,orders:delete"], 1);
    assert_eq!(scopes["reason"], "scope_insufficient");
    let set = folder.with("set.json", &tokens::jwks(&[&Signer::fixed(Algorithm::EdDSA, Some("b"))]));
    let with_set = ask(&with_header(&json!({ "kid": "b" })), &["--jwks", &set], 0);
    assert_eq!(with_set["verdict"], "accepted");
}

/// Nothing is fetched here: the signature stays open, everything else is judged.
#[test]
fn keys_that_a_gateway_fetches_are_not_fetched() {
    let (folder, _) = folder();
    let url = "http://127.0.0.1:9/keys.json";
    let fetched =
        CONFIG.replacen("keys: [{ pemFile: a.pem, kid: a }]", &format!("keys: [{{ jwksUrl: \"{url}\" }}]"), 1);
    let config = folder.with("fetched.yaml", &fetched);
    let ask = |token: &str, more: &[&str]| {
        let file = folder.with("token", token);
        let fixed = ["token", &file, "--config", &config, "--route", "orders", "--at", AT];
        tollgate(&[&fixed, more].concat())
    };
    let good = token(&json!({}));
    let open = ask(&good, &[]).expect(2);
    assert!(open.stdout.contains("not decided: its signature was not checked"), "{open}");
    assert!(open.stdout.contains("give a set with --jwks"), "{open}");
    // What is refused whatever key comes is refused.
    let expired = ask(&token(&json!({ "exp": NOW - 100 })), &[]).expect(1);
    assert!(expired.stdout.contains("(token_expired)"), "{expired}");
    let set = folder.with("set.json", &tokens::jwks(&[&signer()]));
    ask(&good, &["--jwks", &set]).expect(0);
    let forged = ask(&tokens::with_signature(&good, &[7; 64]), &["--jwks", &set]).expect(1);
    assert!(forged.stdout.contains("(signature_mismatch)"), "{forged}");
}
