//! Throttle accuracy on a simulated clock: ten thousand callers at once, each at three times its limit for sixty seconds.

#![expect(clippy::expect_used, clippy::print_stdout, reason = "a test may stop, and say what it measured")]

use limits::bucket::{Rate, Take};
use limits::buckets::Buckets;
use limits::clock::Now;
use limits::crowd::Crowd;
use limits::keyed::{Key, Keyer};
use std::time::Duration;

const CALLERS: u64 = 10_000;
const SECONDS: u64 = 60;

/// What each caller may: they do not all have the same limit. A burst of one would waste what drains between two requests.
fn limit(caller: u64) -> Rate {
    let (milli, burst) = match caller % 4 {
        0 => (1_000, 5),
        1 => (1_500, 3),
        2 => (700, 20),
        _ => (2_000, 2),
    };
    Rate::new(milli, burst).expect("within bounds")
}

/// When a caller's n-th request comes: at three times the rate, each caller with a beat and a wobble of its own, in nanoseconds.
fn at_ns(caller: u64, number: u64) -> u64 {
    let beat = 1_000_000_000_000 / (3 * limit(caller).milli_per_second());
    let wobble = (caller.wrapping_mul(2_654_435_761) ^ number.wrapping_mul(0x9e37_79b9)) % (beat / 2);
    number * beat + wobble
}

/// Plays all callers at once, in the order of time to within a tenth of a second, and compares each with burst + rate × time.
fn check(what: &str, take: impl Fn(Key, Rate, Now) -> Take) {
    let keyer = Keyer::new();
    let start = Now::at_unix_seconds(1_000_000);
    let keys: Vec<Key> = (0..CALLERS).map(|caller| keyer.key(&[&caller.to_ne_bytes()])).collect();
    let mut sent = vec![0_u64; keys.len()];
    // Admitted, the time of the first request and that of the last.
    let mut seen = vec![(0_u64, None::<u64>, 0_u64); keys.len()];
    for tenth in 1..=SECONDS * 10 {
        for (caller, key) in (0..).zip(&keys) {
            let index = usize::try_from(caller).expect("small");
            let (Some(number), Some(seen)) = (sent.get_mut(index), seen.get_mut(index)) else { continue };
            while at_ns(caller, *number) < tenth * 100_000_000 {
                let at = at_ns(caller, *number);
                let granted =
                    matches!(take(*key, limit(caller), start.plus(Duration::from_nanos(at))), Take::Granted(_));
                *seen = (seen.0 + u64::from(granted), seen.1.or(Some(at)), at);
                *number += 1;
            }
        }
    }
    let mut total = (0, 0);
    for (caller, ((admitted, first, last), sent)) in (0..).zip(seen.into_iter().zip(sent)) {
        let limit = limit(caller);
        let drained = (last - first.expect("somebody who came")) * limit.milli_per_second() / 1_000_000_000_000;
        let ideal = limit.burst() + drained;
        assert!(admitted.abs_diff(ideal) <= 1, "{what}: caller {caller} got {admitted} of {sent}, {ideal} were due");
        total = (total.0 + admitted, total.1 + ideal);
    }
    println!("{what}: {} admitted, {} due, {CALLERS} callers, {SECONDS} s at three times the limit", total.0, total.1);
}

#[test]
fn buckets_are_exact_to_the_request() {
    let buckets = Buckets::new(1_000_000);
    check("buckets", |key, rate, now| buckets.take(key, rate, now));
}

#[test]
fn a_crowd_within_its_size_is_exact_to_the_request() {
    let crowd = Crowd::new(100_000);
    check("crowd", |key, rate, now| crowd.take(key, rate, now).0);
}
