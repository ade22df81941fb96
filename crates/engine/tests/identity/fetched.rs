//! Keys that are fetched: what a token meets before, between and after sets.

use super::{Keyer, NOW, Provider, TokenCache, claims, now, rules, text, with_head};
use engine::policy::jwks::remote::{Begin, Plan, RemoteKeys};
use engine::policy::jwks::source::{KeyPlace, KeySource, ReadyWhen};
use engine::policy::jwks::url::KeyUrl;
use engine::policy::jwks::{Algorithm, KeySet};
use engine::policy::jwt::{FetchedKeys, Keys, Patience, ProviderFault, ProviderKeys};
use limits::clock::Now;
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use testkit::tokens::{self, Signer};

const INTERVAL: u64 = 30;
const PLAN: Plan =
    Plan { due_in: Duration::from_secs(600), next_in: Duration::from_secs(540), unknown_for: Duration::from_secs(120) };

struct Gate {
    provider: Provider,
    remote: Arc<RemoteKeys>,
}

fn gate(fixed: Option<KeySet>) -> Gate {
    let remote = Arc::new(RemoteKeys::default());
    let keys = ProviderKeys { fixed, fetched: Some(FetchedKeys { source: source(), remote: Arc::clone(&remote) }) };
    let cache = Arc::new(TokenCache::new(100));
    let provider = Provider::new("main".into(), rules(&[Algorithm::ES256]), keys, cache, &Keyer::new());
    Gate { provider: provider.unwrap(), remote }
}

fn source() -> KeySource {
    KeySource {
        place: KeyPlace::Url(KeyUrl::parse("https://idp.example.com/jwks.json").unwrap()),
        refresh: Duration::from_secs(600),
        stale_for: Duration::from_secs(100),
        refetch_interval: Duration::from_secs(INTERVAL),
        timeout: Duration::from_secs(5),
        authorities: Vec::new(),
        ready: ReadyWhen::Fetched,
        algorithms: vec![Algorithm::ES256],
    }
}

impl Gate {
    fn publish(&self, signers: &[&Signer], now: Now) {
        let set = KeySet::from_fetched(tokens::jwks(signers).as_bytes()).unwrap();
        assert_eq!(self.remote.begin(now), Begin::Now);
        self.remote.succeeded(set, PLAN, now);
    }

    /// The verdict on a token, and whether keys are on their way.
    fn judge(&self, token: &str, patience: Patience, now: Now) -> (&'static str, Keys) {
        with_head(&[("authorization", &format!("Bearer {token}"))], None, |head| {
            match self.provider.judge(head, patience, now) {
                Ok(_) => ("ok", Keys::Settled),
                Err(refusal) => (refusal.denial.reason.code(), refusal.keys),
            }
        })
    }

    #[track_caller]
    fn check(&self, token: &str, second: u64, expected: &'static str, keys: Keys) {
        assert_eq!(self.judge(token, Patience::Asks, at(second)), (expected, keys));
    }
}

fn at(second: u64) -> Now {
    now().plus(Duration::from_secs(second))
}

fn signer(kid: &str) -> Signer {
    Signer::generated(tokens::Algorithm::ES256, Some(kid))
}

fn token(signer: &Signer) -> String {
    signer.token(&claims(json!({"exp": NOW + 100_000})))
}

#[test]
fn before_the_first_set_and_after_the_last_nothing_can_be_said() {
    let (gate, key) = (gate(None), signer("a"));
    let token = token(&key);
    gate.check(&token, 0, "jwks_unavailable", Keys::Coming);
    // Who has waited in vain is told to come back, and does not wait again.
    assert_eq!(gate.judge(&token, Patience::HasAsked, at(1)), ("jwks_unavailable", Keys::Coming));
    gate.publish(&[&key], at(1));
    gate.check(&token, 1, "ok", Keys::Settled);
    gate.check(&token, 700, "ok", Keys::Settled);
    // 600 s to the next set that should have come, 100 s of staleness; the cache knows the token all that time.
    gate.check(&token, 701, "jwks_unavailable", Keys::Coming);
    assert_eq!(gate.remote.begin(at(701)), Begin::Now);
    gate.remote.failed("down".into(), |_| Duration::from_secs(8), at(701));
    gate.check(&token, 702, "jwks_unavailable", Keys::Settled);
    let refused = gate.provider.check_token(&token, at(702));
    assert_eq!(text(&refused), "the key set of https://idp.example.com/jwks.json is too old to be trusted: down");
    assert_eq!(refused.unwrap_err().retry_after, Some(Duration::from_secs(7)));
}

#[test]
fn a_key_that_vanished_opens_nothing_though_its_tokens_are_remembered() {
    let (gate, old, new) = (gate(None), signer("old"), signer("new"));
    let (first, second) = (token(&old), token(&new));
    gate.publish(&[&old, &new], at(0));
    gate.check(&first, 0, "ok", Keys::Settled);
    gate.check(&second, 0, "ok", Keys::Settled);
    gate.publish(&[&new], at(540));
    gate.check(&second, 540, "ok", Keys::Settled);
    gate.check(&first, 540, "jwks_unavailable", Keys::Coming);
    gate.publish(&[&new], at(541));
    gate.check(&first, 541, "signing_key_unknown", Keys::Settled);
    // The same set again finds what it verified.
    gate.publish(&[&old, &new], at(1_100));
    gate.check(&first, 1_100, "ok", Keys::Settled);
}

#[test]
fn an_unknown_key_asks_once_and_is_then_refused() {
    let (gate, key, stranger) = (gate(None), signer("a"), signer("b"));
    gate.publish(&[&key], at(0));
    let unknown = token(&stranger);
    gate.check(&unknown, 1, "jwks_unavailable", Keys::Coming);
    gate.publish(&[&key], at(2));
    assert_eq!(gate.judge(&unknown, Patience::HasAsked, at(2)), ("signing_key_unknown", Keys::Settled));
    gate.check(&unknown, 3, "signing_key_unknown", Keys::Settled);
    // Another one is not known to be unknown, but it is too soon; then it is not.
    let another = token(&signer("c"));
    gate.check(&another, INTERVAL, "signing_key_unknown", Keys::Settled);
    gate.check(&another, INTERVAL + 1, "jwks_unavailable", Keys::Coming);
    // The first is remembered for longer than an interval.
    gate.publish(&[&key], at(INTERVAL + 1));
    gate.check(&unknown, 2 * INTERVAL + 2, "signing_key_unknown", Keys::Settled);
    gate.check(&unknown, 123, "jwks_unavailable", Keys::Coming);
}

#[test]
fn a_token_that_is_refused_anyway_asks_for_nothing() {
    let (gate, stranger) = (gate(None), signer("b"));
    gate.publish(&[&signer("a")], at(0));
    for members in [
        json!({"exp": NOW - 60}),
        json!({"exp": null}),
        json!({"nbf": NOW + 600}),
        json!({"iss": "https://other.example/"}),
        json!({"aud": "another-api"}),
    ] {
        gate.check(&stranger.token(&claims(members.clone())), 1, "signing_key_unknown", Keys::Settled);
    }
    let garbage = stranger.token_of(&serde_json::to_vec(&stranger.header()).unwrap(), b"no json");
    gate.check(&garbage, 1, "signing_key_unknown", Keys::Settled);
    // And a signature that is wrong under a key that is there is just wrong.
    let forged = tokens::with_signature(&token(&signer("a")), &[1; 64]);
    gate.check(&forged, 1, "signature_mismatch", Keys::Settled);
    assert_eq!(gate.remote.begin(at(1)), Begin::Later(Duration::from_secs(539)));
    assert_eq!(gate.remote.counts(), (0, 0));
}

#[test]
fn keys_without_names_change_unseen() {
    let unnamed = || Signer::generated(tokens::Algorithm::ES256, None);
    let (gate, old, new) = (gate(None), unnamed(), unnamed());
    gate.publish(&[&old], at(0));
    let token = token(&new);
    gate.check(&token, 1, "jwks_unavailable", Keys::Coming);
    gate.publish(&[&new], at(2));
    gate.check(&token, 2, "ok", Keys::Settled);
    // A forgery is remembered as what it is: this very token asks no more.
    let another = new.token(&claims(json!({"exp": NOW + 100_000, "jti": "2"})));
    let forged = tokens::with_signature(&another, &[1; 64]);
    gate.check(&forged, 40, "jwks_unavailable", Keys::Coming);
    gate.publish(&[&new], at(40));
    gate.check(&forged, 80, "signature_mismatch", Keys::Settled);
}

#[test]
fn the_configs_own_keys_do_not_wait_for_anything() {
    let (own, fetched) = (signer("own"), signer("fetched"));
    let gate = gate(Some(super::keys(&[&own])));
    gate.check(&token(&own), 0, "ok", Keys::Settled);
    gate.check(&token(&fetched), 0, "jwks_unavailable", Keys::Coming);
    // Nobody can publish another key under the name of ours.
    let impostor = signer("own");
    gate.publish(&[&fetched, &impostor], at(0));
    gate.check(&token(&fetched), 0, "ok", Keys::Settled);
    gate.check(&token(&own), 0, "ok", Keys::Settled);
    gate.check(&token(&impostor), 0, "signature_mismatch", Keys::Settled);
    gate.check(&token(&own), 100_000 - 60, "ok", Keys::Settled);
}

#[test]
fn a_token_seen_before_allocates_nothing_with_a_fetched_set_either() {
    let (gate, key) = (gate(None), signer("a"));
    gate.publish(&[&key], at(0));
    let bearer = format!("Bearer {}", token(&key));
    with_head(&[("authorization", &bearer)], None, |head| {
        let check = || {
            let mut passed = false;
            let counted = allocation_counter::measure(|| passed = gate.provider.check(head, at(1)).is_ok());
            assert!(passed);
            counted.count_total
        };
        assert!(check() > 0, "nothing is counted");
        assert_eq!(check(), 0);
    });
}

#[test]
fn a_secret_cannot_be_fetched() {
    let keys = ProviderKeys {
        fixed: None,
        fetched: Some(FetchedKeys { source: source(), remote: Arc::new(RemoteKeys::default()) }),
    };
    let made =
        Provider::new("main".into(), rules(&[Algorithm::HS256]), keys, Arc::new(TokenCache::new(0)), &Keyer::new());
    assert_eq!(made.err(), Some(ProviderFault::SecretFetched));
}
