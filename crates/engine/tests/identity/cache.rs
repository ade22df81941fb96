//! A token seen before is not verified again, and is not believed a moment longer for it.

use super::{Algorithm, NOW, TokenCache, claims, keys, now, rules, try_provider, verdict};
use engine::policy::jwt::{ClaimRule, ClaimTest, ConsumerClaim, Provider, ProviderRules};
use limits::clock::Now;
use limits::keyed::Keyer;
use serde_json::json;
use std::sync::Arc;
use testkit::tokens::{Algorithm as Alg, Signer};

struct Gates {
    cache: Arc<TokenCache>,
    keyer: Arc<Keyer>,
}

impl Gates {
    fn new(tokens_max: usize) -> Self {
        Self { cache: Arc::new(TokenCache::new(tokens_max)), keyer: Arc::default() }
    }

    fn gate(&self, signer: &Signer, change: impl FnOnce(&mut ProviderRules)) -> Provider {
        let mut rules = rules(&[Algorithm::EdDSA]);
        change(&mut rules);
        try_provider(rules, keys(&[signer]), &self.cache, &self.keyer).unwrap()
    }
}

fn signer() -> Signer {
    Signer::fixed(Alg::EdDSA, Some("a"))
}

#[test]
fn the_second_time_the_same_identity_comes_back() {
    let gates = Gates::new(100);
    let gate = gates.gate(&signer(), |_| ());
    let token = signer().token(&claims(json!({})));
    let first = gate.check_token(&token, now()).unwrap();
    let second = gate.check_token(&token, now()).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    let other_signature = format!("{}A.{}", token.rsplit_once('.').unwrap().0, token.rsplit_once('.').unwrap().1);
    assert_ne!(verdict(&gate.check_token(&other_signature, now())), "ok");

    let off = Gates::new(0);
    let gate = off.gate(&signer(), |_| ());
    let (first, second) = (gate.check_token(&token, now()).unwrap(), gate.check_token(&token, now()).unwrap());
    assert!(!Arc::ptr_eq(&first, &second) && off.cache.is_empty());
}

#[test]
fn time_is_looked_at_every_time() {
    let gates = Gates::new(100);
    let gate = gates.gate(&signer(), |_| ());
    let token = signer().token(&claims(json!({"nbf": NOW - 5, "exp": NOW + 60})));
    let judge = |second| verdict(&gate.check_token(&token, Now::at_unix_seconds(second)));
    assert_eq!(judge(NOW), "ok");
    assert_eq!(judge(NOW + 69), "ok");
    assert_eq!(gates.cache.len(), 1);
    // A clock that was set back.
    assert_eq!(judge(NOW - 16), "token_not_yet_valid");
    assert_eq!(judge(NOW + 70), "token_expired");
    assert!(gates.cache.is_empty());
    assert_eq!(judge(NOW + 71), "token_expired");
    assert!(gates.cache.is_empty());
}

#[test]
fn other_keys_or_rules_forget_what_was_accepted() {
    let gates = Gates::new(100);
    let token = signer().token(&claims(json!({})));
    let first = gates.gate(&signer(), |_| ()).check_token(&token, now()).unwrap();
    // A reload that changes nothing keeps it.
    assert!(Arc::ptr_eq(&first, &gates.gate(&signer(), |_| ()).check_token(&token, now()).unwrap()));
    let stranger = Signer::generated(Alg::EdDSA, Some("a"));
    assert_eq!(verdict(&gates.gate(&stranger, |_| ()).check_token(&token, now())), "signature_mismatch");
    let rotated = Signer::generated(Alg::EdDSA, Some("b"));
    assert_eq!(verdict(&gates.gate(&rotated, |_| ()).check_token(&token, now())), "signing_key_unknown");
    let judge = |change: fn(&mut ProviderRules)| verdict(&gates.gate(&signer(), change).check_token(&token, now()));
    assert_eq!(judge(|rules| rules.issuer = Some("other".into())), "issuer_mismatch");
    assert_eq!(judge(|rules| rules.audiences = vec!["other".into()]), "audience_mismatch");
    assert_eq!(judge(|rules| rules.consumer_claim = ConsumerClaim::Required("client_id".into())), "claim_missing");
    let required = |rules: &mut ProviderRules| {
        rules.claims = vec![ClaimRule { name: "tier".into(), test: ClaimTest::Required }];
    };
    assert_eq!(judge(required), "claim_missing");
    // What another process has verified, under another secret, is not found.
    let other = Gates { cache: Arc::clone(&gates.cache), keyer: Arc::default() };
    assert!(!Arc::ptr_eq(&first, &other.gate(&signer(), |_| ()).check_token(&token, now()).unwrap()));
}

#[test]
fn what_is_refused_is_not_kept() {
    let gates = Gates::new(100);
    let gate = gates.gate(&signer(), |_| ());
    let tokens = [
        signer().token(&claims(json!({"exp": NOW - 60}))),
        signer().token(&claims(json!({"nbf": NOW + 60}))),
        signer().token(&claims(json!({"iss": "x"}))),
        Signer::generated(Alg::EdDSA, Some("a")).token(&claims(json!({}))),
        "a.b.c".to_owned(),
    ];
    assert!(tokens.iter().all(|token| gate.check_token(token, now()).is_err()));
    assert!(gates.cache.is_empty());
}

#[test]
fn the_bound_holds_for_genuine_tokens_too() {
    let gates = Gates::new(32);
    let gate = gates.gate(&signer(), |_| ());
    for number in 0..200 {
        let token = signer().token(&claims(json!({"jti": number})));
        assert_eq!(verdict(&gate.check_token(&token, now())), "ok");
        assert!(gates.cache.len() <= 32);
    }
}
