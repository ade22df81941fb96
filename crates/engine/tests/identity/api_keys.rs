//! API keys: which open, which do not, and what the operator reads about it.

use super::{Location, NOW, now, verdict, with_head};
use engine::denial::{Denial, Detail};
use engine::identity::{ApiKeyHolder, Consumer};
use engine::names::PolicyId;
use engine::policy::api_key::{ApiKeyEntry, ApiKeys, NewKey};
use limits::keyed::Key;
use std::sync::Arc;

fn entry(text: &str, label: &str, expires_unix_s: Option<u64>, revoked: bool) -> ApiKeyEntry {
    use sha2::{Digest, Sha256};
    let consumer = Consumer::new("acme".into(), None, false, PolicyId(0));
    let label = (!label.is_empty()).then(|| label.into());
    let holder = ApiKeyHolder { consumer: Arc::new(consumer), label, key: Key::from_u128(1) };
    ApiKeyEntry { sha256: Sha256::digest(text).into(), holder: Arc::new(holder), expires_unix_s, revoked }
}

pub(super) fn keys(location: Location) -> ApiKeys {
    let entries = vec![
        entry("good", "ci", None, false),
        entry("until-then", "", Some(NOW + 1), false),
        entry("expired", "old", Some(NOW), false),
        entry("revoked", "lost", None, true),
        entry("revoked-and-expired", "", Some(1), true),
        entry(&"l".repeat(256), "long", None, false),
        entry(&"l".repeat(257), "longer", None, false),
        entry("", "empty", None, false),
        entry(&NewKey::from_entropy([1; 20]).text, "made", None, false),
    ];
    ApiKeys::new(entries, location, true)
}

#[track_caller]
fn check(headers: &[(&str, &str)], expected: &str, says: &str) -> Option<String> {
    let keys = keys(Location::Header("x-api-key".parse().unwrap()));
    judge(&with_head(headers, None, |head| keys.check(head, None, now())), expected, says)
}

#[track_caller]
fn judge(result: &Result<Arc<ApiKeyHolder>, Denial>, expected: &str, says: &str) -> Option<String> {
    assert_eq!(verdict(result), expected);
    match result {
        Ok(holder) => holder.label.as_deref().map(str::to_owned),
        Err(Denial { detail: Detail::Text(text), .. }) => {
            assert!(text.contains(says), "{text:?} does not say {says:?}");
            None
        }
        Err(other) => panic!("no text: {other:?}"),
    }
}

fn key(value: &str) -> [(&str, &str); 1] {
    [("x-api-key", value)]
}

#[test]
fn keys_in_a_header() {
    let made = NewKey::from_entropy([1; 20]).text;
    let unknown = NewKey::from_entropy([2; 20]).text;
    assert_eq!(check(&key("good"), "ok", "").as_deref(), Some("ci"));
    assert_eq!(check(&key(" good\t"), "ok", "").as_deref(), Some("ci"));
    assert_eq!(check(&key(&made), "ok", "").as_deref(), Some("made"));
    assert_eq!(check(&key("until-then"), "ok", ""), None);
    assert_eq!(check(&key(&"l".repeat(256)), "ok", "").as_deref(), Some("long"));
    check(&[], "api_key_missing", "header x-api-key is absent");
    check(&key(""), "api_key_missing", "is empty");
    check(&key("  "), "api_key_missing", "is empty");
    check(&key("Good"), "key_unknown", "no consumer has this key");
    check(&key("good,good"), "key_unknown", "no consumer");
    check(&key(&unknown), "key_unknown", "its checksum holds");
    check(&key(&made.replace("tg_", "tg_0")), "key_unknown", "mistyped or cut short");
    check(&key(&"l".repeat(257)), "key_unknown", "257 bytes");
    check(&[("x-api-key", "good"), ("x-api-key", "good")], "key_unknown", "more than once");
    check(&key("revoked"), "key_revoked", "key lost of consumer acme is revoked");
    check(&key("revoked-and-expired"), "key_revoked", "a key of consumer acme is revoked");
    check(&key("expired"), "key_expired", "key old of consumer acme has expired at 2026-11-21T14:02:11Z");
}

#[test]
fn keys_elsewhere() {
    let query = keys(Location::Query("api_key".into()));
    let at =
        |query_string| with_head(&[("x-api-key", "good")], Some(query_string), |head| query.check(head, None, now()));
    judge(&at("api_key=%67ood"), "ok", "");
    judge(&at("a=b"), "api_key_missing", "query parameter api_key is absent");
    judge(&at("api_key=good&api_key=good"), "key_unknown", "more than once");
    let cookie = keys(Location::Cookie("key".into()));
    let at = |value| with_head(&[("cookie", value)], None, |head| cookie.check(head, None, now()));
    judge(&at("key=\"good\""), "ok", "");
    judge(&at("key=a; key=b"), "key_unknown", "cookie key was sent more than once");
    let header = Location::Header("x-other".parse().unwrap());
    judge(&with_head(&[("x-other", "good")], None, |head| query.check(head, Some(&header), now())), "ok", "");
    assert!(query.hidden_from_upstream());
    assert_eq!(*query.location(), Location::Query("api_key".into()));
}
