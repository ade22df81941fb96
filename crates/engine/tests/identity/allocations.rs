//! Identity costs no memory for a caller who is known: an API key in a header, a token seen before.

use super::{Algorithm, Location, TokenCache, api_keys, claims, keys, now, rules, try_provider, with_head};
use allocation_counter::measure;
use serde_json::json;
use std::sync::Arc;
use testkit::tokens::{Algorithm as Alg, Signer};

#[test]
fn an_api_key_in_a_header_allocates_nothing() {
    let keys = api_keys::keys(Location::Header("x-api-key".parse().unwrap()));
    with_head(&[("x-api-key", "good")], None, |head| {
        let mut passed = false;
        let counted = measure(|| passed = keys.check(head, None, now()).is_ok());
        assert!(passed);
        assert_eq!(counted.count_total, 0);
    });
}

#[test]
fn a_token_seen_before_allocates_nothing() {
    let signer = Signer::fixed(Alg::EdDSA, Some("a"));
    let cache = Arc::new(TokenCache::new(100));
    let gate = try_provider(rules(&[Algorithm::EdDSA]), keys(&[&signer]), &cache, &Arc::default()).unwrap();
    let bearer = format!("Bearer {}", signer.token(&claims(json!({}))));
    with_head(&[("authorization", &bearer)], None, |head| {
        let check = || {
            let mut passed = false;
            let counted = measure(|| passed = gate.check(head, now()).is_ok());
            assert!(passed);
            counted.count_total
        };
        assert!(check() > 0, "nothing is counted");
        assert_eq!(check(), 0);
    });
}
