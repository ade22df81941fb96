//! A set over time: due, stale, asked for, failed.

use super::unknown::{UNKNOWN_MAX, Unknown};
use super::{Asked, Begin, Changes, Missing, Plan, RemoteKeys};
use crate::policy::jwks::KeySet;
use limits::clock::Now;
use limits::keyed::Key;
use std::time::Duration;
use testkit::tokens::{Algorithm, Signer, jwks};

const START: Now = Now::at_unix_seconds(1_000_000);
const INTERVAL: Duration = Duration::from_secs(30);
const PLAN: Plan =
    Plan { due_in: Duration::from_secs(600), next_in: Duration::from_secs(540), unknown_for: Duration::from_secs(120) };

fn at(seconds: u64) -> Now {
    START.plus(Duration::from_secs(seconds))
}

fn set(kids: &[&str]) -> KeySet {
    let signers: Vec<Signer> = kids.iter().map(|kid| Signer::fixed(Algorithm::ES256, Some(kid))).collect();
    KeySet::from_fetched(jwks(&signers.iter().collect::<Vec<_>>()).as_bytes()).unwrap()
}

fn missing(number: u128) -> Key {
    Key::from_u128(number)
}

/// By a token that was held against the last set.
fn of_the_last(keys: &RemoteKeys, number: u128) -> Missing {
    Missing { key: missing(number), set: keys.set().as_ref().map_or(0, |set| set.number()) }
}

/// One that was fetched at the start.
fn fetched(kids: &[&str]) -> RemoteKeys {
    let keys = RemoteKeys::default();
    assert_eq!(keys.begin(START), Begin::Now);
    keys.succeeded(set(kids), PLAN, START);
    keys
}

/// What became of a fetch that begins and ends now.
fn fetch(keys: &RemoteKeys, kids: &[&str], now: Now) -> Changes {
    assert_eq!(keys.begin(now), Begin::Now);
    keys.succeeded(set(kids), PLAN, now)
}

fn names(changes: &[crate::policy::jwks::KeyFacts]) -> Vec<&str> {
    changes.iter().map(|facts| facts.kid.as_deref().unwrap_or_default()).collect()
}

#[test]
fn the_first_fetch_is_due_at_once_and_the_next_as_planned() {
    let keys = RemoteKeys::default();
    assert!(!keys.has_come() && !keys.is_coming());
    assert_eq!(keys.begin(START), Begin::Now);
    assert_eq!(keys.begin(START), Begin::UnderWay);
    assert!(keys.is_coming());
    let changes = keys.succeeded(set(&["a", "b"]), PLAN, START);
    assert_eq!((names(&changes.appeared), names(&changes.vanished)), (vec!["a", "b"], vec![]));
    assert!(keys.has_come() && !keys.is_coming());
    assert_eq!(keys.begin(at(539)), Begin::Later(Duration::from_secs(1)));
    assert_eq!(keys.begin(at(540)), Begin::Now);
}

#[test]
fn a_set_serves_until_it_has_been_stale_for_too_long() {
    #[track_caller]
    fn check(keys: &RemoteKeys, stale_s: u64, second: u64, serves: usize) {
        assert_eq!(keys.serving(Duration::from_secs(stale_s), at(second)), serves, "{stale_s} {second}");
        assert_eq!(keys.status(Duration::from_secs(stale_s), at(second)).serves, serves > 0);
    }
    let keys = fetched(&["a"]);
    check(&keys, 0, 599, 1);
    check(&keys, 0, 600, 0);
    check(&keys, 100, 699, 1);
    check(&keys, 100, 700, 0);
    check(&keys, u64::MAX, 1_000_000, 1);
    // A failure does not shorten it.
    assert_eq!(keys.begin(at(540)), Begin::Now);
    keys.failed("down".into(), |_| Duration::from_secs(1), at(540));
    check(&keys, 100, 699, 1);
    assert_eq!(RemoteKeys::default().serving(Duration::MAX, START), 0);
}

#[test]
fn one_fetch_in_an_interval_is_made_for_unknown_keys() {
    let keys = fetched(&["a"]);
    let asks = |number, second| keys.ask(of_the_last(&keys, number), INTERVAL, at(second));
    // However recent the planned one is: it may have come just before the rotation.
    assert_eq!(asks(1, 1), Asked::Coming);
    assert_eq!(asks(2, 1), Asked::Coming);
    fetch(&keys, &["a"], at(2));
    for second in 2..31 {
        assert_eq!(asks(u128::from(second) + 10, second), Asked::Refused, "{second}");
    }
    assert_eq!(asks(99, 31), Asked::Coming);
    assert_eq!(keys.begin(at(31)), Begin::Now);
    // Who comes while it is under way shares it.
    assert_eq!(asks(100, 31), Asked::Coming);
    keys.failed("down".into(), |_| Duration::from_secs(1), at(32));
    assert_eq!(asks(101, 32), Asked::Refused);
    let (unknown, suppressed) = keys.counts();
    assert_eq!((unknown, suppressed), (34, 30));
}

#[test]
fn what_a_fetch_did_not_bring_is_not_asked_for_again_for_a_while() {
    let keys = fetched(&["a"]);
    let asks = |number, second| keys.ask(of_the_last(&keys, number), INTERVAL, at(second));
    assert_eq!(asks(1, 1), Asked::Coming);
    assert_eq!(keys.begin(at(1)), Begin::Now);
    // This one came after the request was sent: its key may be newer than the answer.
    assert_eq!(asks(2, 2), Asked::Coming);
    keys.succeeded(set(&["a"]), PLAN, at(3));
    assert_eq!(asks(1, 40), Asked::Refused, "remembered");
    assert_eq!(asks(2, 40), Asked::Coming, "not remembered");
    fetch(&keys, &["a"], at(40));
    assert_eq!(asks(1, 122), Asked::Refused);
    assert_eq!(asks(1, 123), Asked::Coming, "forgotten");
    // A fetch that failed says nothing about a key.
    assert_eq!(keys.begin(at(123)), Begin::Now);
    keys.failed("down".into(), |_| Duration::from_secs(1), at(124));
    assert_eq!(asks(1, 154), Asked::Coming);
}

/// Between the look at a set and the question the fetch may have ended: the answer is in the set that is there now.
#[test]
fn who_looked_at_an_older_set_looks_again() {
    let keys = RemoteKeys::default();
    let before = of_the_last(&keys, 1);
    assert_eq!(keys.ask(before, INTERVAL, START), Asked::Coming);
    fetch(&keys, &["a"], START);
    assert_eq!(keys.ask(before, INTERVAL, START), Asked::Newer);
    assert_eq!(keys.ask_again(before), Asked::Newer);
    let now = of_the_last(&keys, 1);
    assert_eq!(keys.ask(now, INTERVAL, START), Asked::Refused);
    assert_eq!(keys.ask_again(now), Asked::Refused);
    // Nothing was counted for the one that only has to look again.
    assert_eq!(keys.counts(), (2, 1));
    // The same keys fetched again are another set, but one that failed is none.
    fetch(&keys, &["a"], at(540));
    assert_eq!(keys.ask_again(now), Asked::Newer);
    let now = of_the_last(&keys, 1);
    assert_eq!(keys.begin(at(1_080)), Begin::Now);
    assert_eq!(keys.ask_again(now), Asked::Coming);
    keys.failed("down".into(), |_| INTERVAL, at(1_081));
    assert_eq!(keys.ask_again(now), Asked::Refused);
}

#[test]
fn failures_are_counted_until_one_succeeds() {
    let keys = RemoteKeys::default();
    let fail = |second, why: &str| {
        assert_eq!(keys.begin(at(second)), Begin::Now);
        keys.failed(why.into(), |times| Duration::from_secs(u64::from(times)), at(second))
    };
    assert_eq!(fail(0, "down").times, 1);
    assert_eq!(keys.begin(at(0)), Begin::Later(Duration::from_secs(1)));
    let second = fail(1, "slow");
    assert_eq!((second.times, &*second.why, second.since_unix_ms), (2, "slow", START.unix_ms));
    assert_eq!(keys.begin(at(2)), Begin::Later(Duration::from_secs(1)));
    let recovered = fetch(&keys, &["a"], at(3)).recovered;
    assert_eq!(recovered.map(|failure| failure.times), Some(2));
    assert_eq!(keys.status(Duration::ZERO, at(3)).failure, None);
}

#[test]
fn keys_are_remembered_with_their_times() {
    let keys = fetched(&["a", "b"]);
    let changes = fetch(&keys, &["b", "c"], at(540));
    assert_eq!((names(&changes.appeared), names(&changes.vanished)), (vec!["c"], vec!["a"]));
    let changes = fetch(&keys, &["a", "c"], at(1_080));
    assert_eq!((names(&changes.appeared), names(&changes.vanished)), (vec!["a"], vec!["b"]));
    let seen = keys.status(Duration::ZERO, at(1_080)).keys;
    let times = |kid: &str| {
        let key = seen.iter().find(|key| key.facts.kid.as_deref() == Some(kid)).unwrap();
        let since = |unix_ms: u64| (unix_ms - START.unix_ms) / 1_000;
        (since(key.first_seen_unix_ms), since(key.last_seen_unix_ms), key.is_present)
    };
    assert_eq!((times("a"), times("b"), times("c")), ((0, 1_080, true), (0, 540, false), (540, 1_080, true)));
}

#[test]
fn keys_that_are_gone_are_remembered_within_bounds() {
    let keys = fetched(&["first"]);
    for number in 1..100 {
        fetch(&keys, &[&format!("k{number}")], at(number * 540));
        assert!(keys.status(Duration::ZERO, START).keys.len() <= 17);
    }
    let seen = keys.status(Duration::ZERO, START).keys;
    assert_eq!(seen.len(), 17);
    assert!(seen.iter().any(|key| key.facts.kid.as_deref() == Some("k98") && !key.is_present));
}

#[test]
fn a_set_has_the_same_tag_as_its_equal_and_no_other() {
    let tag = |kids: &[&str]| {
        let keys = fetched(kids);
        keys.set().as_ref().map(|set| set.tag()).unwrap()
    };
    assert_eq!(tag(&["a", "b"]), tag(&["b", "a"]));
    assert_ne!(tag(&["a", "b"]), tag(&["a"]));
}

#[test]
fn invented_names_push_out_their_own() {
    let mut unknown = Unknown::default();
    for number in 0..3 * UNKNOWN_MAX as u128 {
        unknown.remember(missing(number), INTERVAL, START);
        assert!(unknown.has(missing(number), START));
        assert!(unknown.len() <= UNKNOWN_MAX);
    }
    assert!(!unknown.has(missing(0), START));
    assert!(!unknown.has(missing(3 * UNKNOWN_MAX as u128 - 1), START.plus(INTERVAL)));
}
