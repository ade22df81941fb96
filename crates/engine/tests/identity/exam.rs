//! The exam of a token and the gateway's own check say the same: one list of checks serves both.

use super::{Algorithm, claims, keys, now, provider, rules, verdict};
use engine::policy::jwt::{Answer, Check, ClaimRule, ClaimTest, Provider};
use serde_json::{Value, json};
use testkit::tokens::{self, Algorithm as Alg, Signer};

fn signer() -> Signer {
    Signer::fixed(Alg::EdDSA, Some("a"))
}

fn gate() -> Provider {
    let mut rules = rules(&[Algorithm::EdDSA]);
    rules.claims =
        vec![ClaimRule { name: "tier".into(), test: ClaimTest::AnyOf(vec![json!("gold"), json!("silver")]) }];
    provider(rules, keys(&[&signer()]))
}

fn good(members: &Value) -> Value {
    let mut claims = claims(json!({ "tier": "gold" }));
    for (name, value) in members.as_object().unwrap() {
        claims[name] = value.clone();
    }
    claims
}

/// The exam's first refusal is the gateway's refusal, to the letter; without one, the gateway accepts.
#[track_caller]
fn agree(gate: &Provider, token: &str) -> &'static str {
    let (exam, _) = gate.examine(token, None, now());
    let checked = gate.check_token(token, now());
    assert_eq!(exam.refusal(), checked.as_ref().err(), "{token}");
    assert!(checked.is_err() || !exam.left_out(), "{token}");
    verdict(&checked)
}

#[test]
fn the_exam_and_the_gateway_agree() {
    let (gate, signer) = (gate(), signer());
    let other = Signer::fixed(Alg::ES256, Some("a"));
    let good_token = signer.token(&good(&json!({})));
    let tokens = [
        (good_token.clone(), "ok"),
        (signer.token(&good(&json!({ "exp": 1 }))), "token_expired"),
        (signer.token(&good(&json!({ "exp": 1, "nbf": "x", "iat": [], "iss": 1 }))), "token_expired"),
        (signer.token(&good(&json!({ "nbf": u64::MAX }))), "token_not_yet_valid"),
        (signer.token(&good(&json!({ "iat": "x" }))), "claim_mismatch"),
        (signer.token(&good(&json!({ "iss": "x", "aud": "x" }))), "issuer_mismatch"),
        (signer.token(&good(&json!({ "aud": "x", "tier": "x" }))), "audience_mismatch"),
        (signer.token(&good(&json!({ "tier": "x", "sub": 1 }))), "claim_mismatch"),
        (signer.token(&good(&json!({ "sub": "" }))), "claim_mismatch"),
        (
            signer.token_with(&json!({ "crit": ["x"], "kid": 5, "alg": "x" }), &good(&json!({}))),
            "critical_header_unsupported",
        ),
        (signer.token_with(&json!({ "kid": 5, "alg": "x" }), &good(&json!({}))), "jws_unreadable"),
        (signer.token_with(&json!({ "kid": "b" }), &good(&json!({}))), "signing_key_unknown"),
        (other.token(&good(&json!({}))), "algorithm_not_allowed"),
        (tokens::with_signature(&good_token, &[0; 64]), "signature_mismatch"),
        (tokens::with_signature(&good_token, &[0; 5]), "signature_mismatch"),
        (signer.token_of(br#"{"alg":"EdDSA","kid":"a"}"#, b"[]"), "jws_unreadable"),
        ("a.b.c.d.e".to_owned(), "critical_header_unsupported"),
        ("x".repeat(9_000), "token_too_large"),
    ];
    for (token, expected) in tokens {
        assert_eq!(agree(&gate, &token), expected, "{token}");
    }
    // Any letter replaced, any end cut off.
    for at in (0..good_token.len()).step_by(3) {
        for letter in [".", "A", "_", " ", "="] {
            let mut broken = good_token.clone();
            broken.replace_range(at..=at, letter);
            agree(&gate, &broken);
        }
        agree(&gate, good_token.get(..at).unwrap_or_default());
    }
}

#[test]
fn an_exam_goes_on_after_a_refusal() {
    let said = good(&json!({ "exp": 1, "aud": "x", "tier": "x", "plan": "free", "scope": "a b" }));
    let token = tokens::with_signature(&signer().token(&said), &[0; 64]);
    let (exam, said) = gate().examine(&token, None, now());
    let refused: Vec<String> = exam
        .findings
        .iter()
        .filter_map(|finding| match &finding.answer {
            Answer::Refuse(denial) => Some(format!("{} {}", finding.facts.check, denial.reason.code())),
            Answer::Pass | Answer::Unasked(_) => None,
        })
        .collect();
    let expected =
        ["signature signature_mismatch", "exp token_expired", "aud audience_mismatch", "claim tier claim_mismatch"];
    assert_eq!(refused, expected);
    let said = said.unwrap();
    assert_eq!((said.consumer.as_deref(), said.plan.as_deref()), (Some("acme"), Some("free")));
    assert_eq!(said.scopes.iter().map(|scope| &**scope).collect::<Vec<_>>(), ["a", "b"]);
}

#[test]
fn other_keys_may_stand_in() {
    let stranger = Signer::generated(Alg::EdDSA, Some("a"));
    let token = stranger.token(&good(&json!({})));
    let gate = gate();
    assert_eq!(agree(&gate, &token), "signature_mismatch");
    let (exam, _) = gate.examine(&token, Some(&keys(&[&stranger])), now());
    assert_eq!(exam.refusal(), None);
    // Nothing of an exam stays behind.
    assert_eq!(agree(&gate, &token), "signature_mismatch");
    let checks: Vec<Check> = exam.findings.into_iter().map(|finding| finding.facts.check).collect();
    assert!(checks.contains(&Check::Signature) && checks.contains(&Check::Claim("tier".into())));
}
