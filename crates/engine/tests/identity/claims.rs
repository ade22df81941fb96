//! What genuine tokens may say.

use super::{Algorithm, ISSUER, NOW, claims, keys, now, provider, rules, text, verdict};
use engine::policy::jwt::{ClaimRule, ClaimTest, ConsumerClaim, Provider, ProviderRules};
use limits::clock::Now;
use regex::Regex;
use serde_json::{Value, json};
use testkit::tokens::{Algorithm as Alg, Signer};

/// Fast to sign and to verify; what is tested here does not depend on it.
fn signer() -> Signer {
    Signer::fixed(Alg::EdDSA, Some("a"))
}

fn gate_with(change: impl FnOnce(&mut ProviderRules)) -> Provider {
    let mut rules = rules(&[Algorithm::EdDSA]);
    change(&mut rules);
    provider(rules, keys(&[&signer()]))
}

#[track_caller]
fn check(gate: &Provider, members: Value, expected: &str) {
    check_says(gate, members, expected, "");
}

#[track_caller]
fn check_says(gate: &Provider, members: Value, expected: &str, says: &str) {
    let result = gate.check_token(&signer().token(&claims(members)), now());
    assert_eq!(verdict(&result), expected, "{result:?}");
    assert!(result.is_ok() || text(&result).contains(says), "{result:?}");
}

#[test]
fn expiry() {
    let gate = gate_with(|_| ());
    check(&gate, json!({"exp": NOW + 1}), "ok");
    check(&gate, json!({"exp": NOW - 9}), "ok");
    check_says(
        &gate,
        json!({"exp": NOW - 10}),
        "token_expired",
        "exp 2026-11-21T14:02:01Z has passed 10 s ago, skew 10 s",
    );
    check(&gate, json!({"exp": 0}), "token_expired");
    check(&gate, json!({"exp": 1_795_269_721.5}), "token_expired");
    check(&gate, json!({"exp": 1_795_269_731.5}), "ok");
    check(&gate, json!({"exp": u64::MAX}), "ok");
    check(&gate, json!({"exp": 1e300}), "ok");
    check_says(&gate, json!({"exp": "1900000000"}), "token_expired", "exp is a string, expected a number");
    check(&gate, json!({"exp": -1}), "token_expired");
    check(&gate, json!({"exp": -0.5}), "token_expired");
    check(&gate, json!({"exp": true}), "token_expired");
    check(&gate, json!({"exp": [NOW + 600]}), "token_expired");
    check(&gate, json!({"exp": {}}), "token_expired");
    check_says(&gate, json!({"exp": null}), "claim_missing", "exp is absent");
    let raw = |payload: String| {
        verdict(&gate.check_token(&signer().token_of(br#"{"alg":"EdDSA"}"#, payload.as_bytes()), now()))
    };
    assert_eq!(raw(claims(json!({})).to_string().replace(&(NOW + 600).to_string(), "null")), "token_expired");
    let lenient = gate_with(|rules| rules.require_expiry = false);
    check(&lenient, json!({"exp": null}), "ok");
    check(&lenient, json!({"exp": NOW - 600}), "token_expired");
    check(&lenient, json!({"exp": "never"}), "token_expired");
}

#[test]
fn not_before_and_issued_at() {
    let gate = gate_with(|_| ());
    check(&gate, json!({"nbf": NOW}), "ok");
    check(&gate, json!({"nbf": NOW + 10}), "ok");
    check_says(
        &gate,
        json!({"nbf": NOW + 11}),
        "token_not_yet_valid",
        "nbf 2026-11-21T14:02:22Z is 11 s ahead, skew 10 s",
    );
    check(&gate, json!({"nbf": 1_795_269_741.5}), "token_not_yet_valid");
    check_says(&gate, json!({"nbf": "0"}), "token_not_yet_valid", "nbf is a string");
    check(&gate, json!({"nbf": -1}), "token_not_yet_valid");
    check(&gate, json!({"nbf": []}), "token_not_yet_valid");
    check(&gate, json!({"iat": NOW - 5}), "ok");
    check(&gate, json!({"iat": 1.5}), "ok");
    check_says(&gate, json!({"iat": "now"}), "claim_mismatch", "iat is a string");
}

#[test]
fn issuer() {
    let gate = gate_with(|_| ());
    check_says(&gate, json!({"iss": "https://evil.example/"}), "issuer_mismatch", "iss is \"https://evil.example/\"");
    check(&gate, json!({"iss": ISSUER.trim_end_matches('/')}), "issuer_mismatch");
    check(&gate, json!({"iss": ISSUER.to_uppercase()}), "issuer_mismatch");
    check(&gate, json!({"iss": [ISSUER]}), "issuer_mismatch");
    check(&gate, json!({"iss": {"0": ISSUER}}), "issuer_mismatch");
    check(&gate, json!({"iss": 1}), "issuer_mismatch");
    check_says(&gate, json!({"iss": null}), "issuer_mismatch", "iss is absent");
    check_says(&gate, json!({"iss": "\u{1b}[2J\n"}), "issuer_mismatch", r"\u{1b}[2J\n");
    let any = gate_with(|rules| rules.issuer = None);
    check(&any, json!({"iss": null}), "ok");
}

#[test]
fn audience() {
    let gate = gate_with(|_| ());
    check(&gate, json!({"aud": "admin-api"}), "ok");
    check(&gate, json!({"aud": ["x", "orders-api"]}), "ok");
    check_says(
        &gate,
        json!({"aud": "x"}),
        "audience_mismatch",
        r#"aud is "x", expected one of ["orders-api","admin-api"]"#,
    );
    check(&gate, json!({"aud": ["x", "y"]}), "audience_mismatch");
    check(&gate, json!({"aud": []}), "audience_mismatch");
    check(&gate, json!({"aud": ["orders-api", 1]}), "audience_mismatch");
    check(&gate, json!({"aud": [["orders-api"]]}), "audience_mismatch");
    check(&gate, json!({"aud": {"orders-api": true}}), "audience_mismatch");
    check(&gate, json!({"aud": "orders-api admin-api"}), "audience_mismatch");
    check(&gate, json!({"aud": true}), "audience_mismatch");
    check_says(&gate, json!({"aud": null}), "audience_mismatch", "aud is absent");
    let any = gate_with(|rules| rules.audiences = Vec::new());
    check(&any, json!({"aud": null}), "ok");
    check(&any, json!({"aud": "x"}), "ok");
}

#[test]
fn claim_rules() {
    fn rule(name: &str, test: ClaimTest) -> Provider {
        gate_with(|rules| rules.claims = vec![ClaimRule { name: name.into(), test }])
    }
    let required = rule("orders", ClaimTest::Required);
    check(&required, json!({"orders": false}), "ok");
    check_says(&required, json!({}), "claim_missing", "claim \"orders\" is absent");
    let null = signer().token_of(
        br#"{"alg":"EdDSA"}"#,
        br#"{"orders":null,"exp":1e10,"iss":"https://idp.example.com/","aud":"orders-api"}"#,
    );
    assert_eq!(verdict(&required.check_token(&null, now())), "claim_missing");

    let equals = rule("admin", ClaimTest::Equals(json!(true)));
    check(&equals, json!({"admin": true}), "ok");
    check_says(&equals, json!({"admin": "true"}), "claim_mismatch", r#"claim "admin" is "true", expected true"#);
    check(&equals, json!({"admin": [true]}), "claim_mismatch");
    check(&equals, json!({}), "claim_missing");
    let number = rule("level", ClaimTest::Equals(json!(3)));
    check(&number, json!({"level": 3.0}), "ok");
    check(&number, json!({"level": 3.1}), "claim_mismatch");
    check(&number, json!({"level": "3"}), "claim_mismatch");

    let any_of = rule("tier", ClaimTest::AnyOf(vec![json!("gold"), json!("silver"), json!(["a", "b"])]));
    check(&any_of, json!({"tier": "silver"}), "ok");
    check(&any_of, json!({"tier": ["x", "gold"]}), "ok");
    check(&any_of, json!({"tier": ["a", "b"]}), "ok");
    check(&any_of, json!({"tier": "Gold"}), "claim_mismatch");
    check(&any_of, json!({"tier": ["golden"]}), "claim_mismatch");
    check(&any_of, json!({"tier": []}), "claim_mismatch");
    check(&any_of, json!({"tier": {"gold": 1}}), "claim_mismatch");
    check(&any_of, json!({}), "claim_missing");

    let matches = rule("tenant", ClaimTest::Matches(Regex::new("^[a-z]+$").unwrap()));
    check(&matches, json!({"tenant": "abc"}), "ok");
    check(&matches, json!({"tenant": ["1", "abc"]}), "ok");
    check(&matches, json!({"tenant": "abc\n"}), "claim_mismatch");
    check(&matches, json!({"tenant": "Abc"}), "claim_mismatch");
    check(&matches, json!({"tenant": 5}), "claim_mismatch");
    check(&matches, json!({}), "claim_missing");
    let loose = rule("tenant", ClaimTest::Matches(Regex::new("b").unwrap()));
    check(&loose, json!({"tenant": "abc"}), "ok");
    let long = json!({"tenant": "X".repeat(3_000)});
    check_says(&matches, long, "claim_mismatch", &format!("\"{}\"…", "X".repeat(64)));

    let url = rule("https://example.com/role", ClaimTest::Equals(json!("r")));
    check(&url, json!({"https://example.com/role": "r"}), "ok");
    let nested = rule("/realm/roles", ClaimTest::AnyOf(vec![json!("admin")]));
    check(&nested, json!({"realm": {"roles": ["user", "admin"]}}), "ok");
    check(&nested, json!({"/realm/roles": "admin"}), "ok");
    check(&nested, json!({"/realm/roles": "user", "realm": {"roles": ["admin"]}}), "claim_mismatch");
    check(&nested, json!({"realm": {}}), "claim_missing");
    check(&nested, json!({"realm": "roles"}), "claim_missing");
    let escaped = rule("/a~1b/0/~0c", ClaimTest::Required);
    check(&escaped, json!({"a/b": [{"~c": 1}]}), "ok");
    check(&rule("a.b", ClaimTest::Required), json!({"a": {"b": 1}}), "claim_missing");
}

#[test]
fn consumer_and_plan() {
    let gate = gate_with(|_| ());
    for bad in [
        json!(""),
        json!(7),
        json!(["acme"]),
        json!("a\nb"),
        json!("ä"),
        json!(" a"),
        json!("a "),
        json!("x".repeat(257)),
    ] {
        check(&gate, json!({"sub": bad}), "claim_mismatch");
        check(&gate, json!({"plan": bad}), "claim_mismatch");
    }
    check(&gate, json!({"sub": null}), "claim_missing");
    check(&gate, json!({"sub": "auth0|a b", "plan": "x".repeat(256)}), "ok");
    let names = |members: Value| {
        let token = gate.check_token(&signer().token(&claims(members)), now()).unwrap();
        (token.consumer.as_deref().map(str::to_owned), token.plan.as_deref().map(str::to_owned))
    };
    assert_eq!(names(json!({})), (Some("acme".into()), None));
    assert_eq!(names(json!({"plan": "free"})), (Some("acme".into()), Some("free".into())));
    // A claim that nobody insisted on names the consumer when it is there, and is refused when it is no name.
    let lenient = gate_with(|rules| rules.consumer_claim = ConsumerClaim::IfPresent("sub".into()));
    let consumer =
        |members: Value| lenient.check_token(&signer().token(&claims(members)), now()).unwrap().consumer.clone();
    assert_eq!(consumer(json!({"sub": null})), None);
    assert_eq!(consumer(json!({})).as_deref(), Some("acme"));
    check(&lenient, json!({"sub": 5}), "claim_mismatch");
}

#[test]
fn scopes() {
    let gate = gate_with(|_| ());
    let scopes = |members: Value| {
        let token = gate.check_token(&signer().token(&claims(members)), now()).unwrap();
        token.scopes.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(scopes(json!({"scope": "read  write"})), ["read", "write"]);
    assert_eq!(scopes(json!({"scp": ["read", "write"]})), ["read", "write"]);
    assert_eq!(scopes(json!({"scp": "read write"})), ["read", "write"]);
    assert_eq!(scopes(json!({"scope": "read", "scp": "write"})), ["read"]);
    assert!(scopes(json!({"scope": 1})).is_empty() && scopes(json!({})).is_empty());
}

#[test]
fn a_token_is_counted_by_what_was_signed_not_by_its_signature() {
    let ec = Signer::fixed(Alg::ES256, Some("e"));
    let gate = provider(rules(&[Algorithm::ES256]), keys(&[&ec]));
    let token = ec.token(&claims(json!({})));
    let again = ec.token(&claims(json!({})));
    assert_ne!(token, again);
    let key = |token: &str| gate.check_token(token, now()).unwrap().key;
    assert_eq!(key(&token), key(&again));
    assert_ne!(key(&token), key(&ec.token(&claims(json!({"sub": "other"})))));
}

#[test]
fn the_skew_counts_on_both_sides() {
    let strict = gate_with(|rules| rules.clock_skew_s = 0);
    check(&strict, json!({"exp": NOW}), "token_expired");
    check(&strict, json!({"exp": NOW + 1}), "ok");
    check(&strict, json!({"nbf": NOW + 1}), "token_not_yet_valid");
    let endless = gate_with(|rules| rules.clock_skew_s = u64::MAX);
    check(&endless, json!({"exp": 1, "nbf": u64::MAX}), "ok");
    let token = signer().token(&claims(json!({})));
    assert_eq!(verdict(&endless.check_token(&token, Now::at_unix_seconds(NOW * 2))), "ok");
}
