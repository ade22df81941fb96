//! Keys as an identity provider publishes them.

use engine::credential::Location;
use engine::policy::jwks::KeySet;
use engine::policy::jwt::{Algorithm, ConsumerClaim, Provider, ProviderRules};
use engine::policy::token_cache::TokenCache;
use http::header::AUTHORIZATION;
use limits::clock::Now;
use limits::keyed::Keyer;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use testkit::tokens::{Algorithm as Signs, Signer};

/// Signed by a key that no set of the corpus is allowed to hold.
static STRANGER: LazyLock<Vec<String>> = LazyLock::new(|| {
    let algorithms = [Signs::ES256, Signs::EdDSA];
    algorithms.map(|algorithm| Signer::generated(algorithm, None).token(&json!({}))).into()
});

/// The input is a key set, as a file has it and as it is fetched, or one key in PEM. What is accepted holds no private key and no secret, is the same in any order, and
/// verifies nobody else's signature.
pub fn jwks(data: &[u8]) {
    if let Ok(set) = KeySet::from_jwks(data) {
        let parsed: Value = serde_json::from_slice(data).expect("a key set of JSON");
        let entries = parsed["keys"].as_array().expect("a list");
        assert!(entries.iter().all(|entry| entry.get("d").is_none() && entry["kty"] != "oct"), "{parsed}");
        assert!(set.notes().len() < entries.len());
        for note in set.notes() {
            assert!(!note.chars().any(char::is_control), "{note:?}");
        }
        let backwards = json!({"keys": entries.iter().rev().collect::<Vec<_>>()}).to_string();
        let backwards = KeySet::from_jwks(backwards.as_bytes()).expect("the order does not matter");
        assert_eq!(backwards.fingerprint(), set.fingerprint());
        verifies_no_stranger(&set);
    }
    if let Ok(set) = KeySet::from_fetched(data) {
        let parsed: Value = serde_json::from_slice(data).expect("a key set of JSON");
        assert!((1..=128).contains(&parsed["keys"].as_array().map_or(0, Vec::len)), "{parsed}");
        assert!(set.facts().iter().all(|facts| facts.thumbprint.is_some()), "a secret was published");
        let kids: Vec<_> = set.facts().into_iter().filter_map(|facts| facts.kid).collect();
        assert_eq!(kids.iter().collect::<std::collections::HashSet<_>>().len(), kids.len(), "two keys of one name");
        assert!(set.notes().iter().all(|note| !note.chars().any(char::is_control)), "{:?}", set.notes());
        // What a file may hold may be published: nothing is lost on the way.
        if let Ok(file) = KeySet::from_jwks(data) {
            assert_eq!(file.fingerprint(), set.fingerprint());
        }
        verifies_no_stranger(&set);
    }
    for kid in [None, Some("a"), Some("")] {
        match KeySet::from_pem(data, kid) {
            Ok(set) => {
                assert_ne!(kid, Some(""));
                assert!(!data.windows(16).any(|part| part == b"PRIVATE KEY-----"), "a private key is accepted");
                verifies_no_stranger(&set);
            }
            Err(fault) => assert!(!fault.to_string().is_empty()),
        }
    }
}

fn verifies_no_stranger(set: &KeySet) {
    assert!(!format!("{set:?}").is_empty());
    let doubled = KeySet::merge(vec![set.clone(), set.clone()]);
    assert!(doubled.map_or(true, |doubled| doubled.fingerprint() != set.fingerprint()));
    for algorithm in Algorithm::ALL {
        let rules = ProviderRules {
            issuer: None,
            audiences: Vec::new(),
            algorithms: vec![*algorithm],
            clock_skew_s: 0,
            require_expiry: false,
            claims: Vec::new(),
            consumer_claim: ConsumerClaim::IfPresent("sub".into()),
            plan_claim: None,
            location: Location::Header(AUTHORIZATION),
        };
        let (cache, keyer) = (Arc::new(TokenCache::new(4)), Keyer::new());
        let Ok(provider) = Provider::new("a".into(), rules, set.clone(), cache, &keyer) else { continue };
        assert_ne!(*algorithm, Algorithm::HS256, "a published key serves as a secret");
        for token in STRANGER.iter() {
            assert!(provider.check_token(token, Now::at_unix_seconds(0)).is_err(), "{token}");
        }
    }
}
