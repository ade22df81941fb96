use std::collections::HashMap;
use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::*;
use crate::window::Period;

const HOUR: u64 = 3_600;
const NOON: u64 = 1_000 * 24 * HOUR + 12 * HOUR;

fn key(number: u128) -> Key {
    Key::from_u128(number)
}

/// The hour that begins so many hours after noon.
fn hour(after_noon: u64) -> (Window, Now) {
    let now = Now::at_unix_seconds(NOON + after_noon * HOUR + 5);
    (Period::Hour.window(now), now)
}

fn charge(counts: &Counts, number: u128, after_noon: u64, limit: u64) -> Charge {
    let (window, now) = hour(after_noon);
    counts.charge(key(number), window, limit, now)
}

#[test]
fn a_limit_is_reached_and_not_passed() {
    let counts = Counts::new(10);
    for used in 1..=3 {
        assert_eq!(charge(&counts, 1, 0, 3), Charge::Granted { used });
    }
    for _ in 0..3 {
        assert_eq!(charge(&counts, 1, 0, 3), Charge::Exceeded { used: 3 });
    }
    assert_eq!(counts.used(key(1), hour(0).0), 3);
    assert_eq!(counts.used(key(2), hour(0).0), 0);
}

#[test]
fn a_changed_limit_keeps_what_was_used() {
    let counts = Counts::new(10);
    for used in 1..=3 {
        assert_eq!(charge(&counts, 1, 0, 10), Charge::Granted { used });
    }
    assert_eq!(charge(&counts, 1, 0, 2), Charge::Exceeded { used: 3 });
    assert_eq!(charge(&counts, 1, 0, 4), Charge::Granted { used: 4 });
}

#[test]
fn the_next_window_starts_from_zero() {
    let counts = Counts::new(10);
    charge(&counts, 1, 0, 1);
    assert_eq!(charge(&counts, 1, 0, 1), Charge::Exceeded { used: 1 });
    assert_eq!(counts.used(key(1), hour(1).0), 0);
    assert_eq!(charge(&counts, 1, 1, 1), Charge::Granted { used: 1 });
    assert_eq!(charge(&counts, 1, 1, 1), Charge::Exceeded { used: 1 });
}

#[test]
fn a_limit_of_zero_in_the_next_window_leaves_the_count() {
    let counts = Counts::new(10);
    charge(&counts, 1, 0, 1);
    assert_eq!(charge(&counts, 1, 1, 0), Charge::Exceeded { used: 0 });
    assert_eq!(counts.used(key(1), hour(0).0), 1);
    assert_eq!(charge(&counts, 2, 0, 0), Charge::Exceeded { used: 0 });
    assert_eq!(counts.len(), 1);
}

#[test]
fn a_clock_set_back_gives_nothing_twice() {
    let counts = Counts::new(10);
    assert_eq!(charge(&counts, 1, 1, 3), Charge::Granted { used: 1 });
    assert_eq!(charge(&counts, 1, 0, 3), Charge::Granted { used: 2 });
    assert_eq!(counts.used(key(1), hour(0).0), 2);
    assert_eq!(charge(&counts, 1, 1, 3), Charge::Granted { used: 3 });
    assert_eq!(charge(&counts, 1, 0, 3), Charge::Exceeded { used: 3 });
    assert_eq!(charge(&counts, 1, 2, 3), Charge::Granted { used: 1 });
}

#[test]
fn refunds_stay_in_their_window() {
    let counts = Counts::new(10);
    let (first, second) = (hour(0).0, hour(1).0);
    charge(&counts, 1, 0, 5);
    charge(&counts, 1, 0, 5);
    counts.refund(key(1), second);
    assert_eq!(counts.used(key(1), first), 2);
    counts.refund(key(1), first);
    assert_eq!(counts.used(key(1), first), 1);
    charge(&counts, 1, 1, 5);
    counts.refund(key(1), first);
    assert_eq!(counts.used(key(1), second), 1);
    counts.refund(key(1), second);
    assert!(counts.is_empty());
    counts.refund(key(1), second);
    assert_eq!(charge(&counts, 1, 1, 5), Charge::Granted { used: 1 });
}

#[test]
fn a_full_table_drops_what_has_ended_and_nothing_else() {
    let counts = Counts::new(4);
    assert_eq!(charge(&counts, 1, 0, 9), Charge::Granted { used: 1 });
    assert_eq!(charge(&counts, 2, 0, 9), Charge::Granted { used: 1 });
    let day = Period::Day.window(hour(0).1);
    for _ in 0..2 {
        counts.charge(key(3), day, 9, hour(0).1);
        counts.charge(key(4), day, 9, hour(0).1);
    }
    assert_eq!(charge(&counts, 5, 0, 9), Charge::Full);
    assert_eq!(charge(&counts, 1, 0, 9), Charge::Granted { used: 2 });
    assert_eq!(charge(&counts, 5, 1, 9), Charge::Granted { used: 1 });
    assert_eq!(counts.len(), 3);
    assert_eq!((counts.used(key(3), day), counts.used(key(4), day)), (2, 2));
    assert_eq!(charge(&counts, 6, 1, 9), Charge::Granted { used: 1 });
    assert_eq!(charge(&counts, 7, 1, 9), Charge::Full);
    assert_eq!(charge(&counts, 7, 1, 0), Charge::Exceeded { used: 0 });
    counts.refund(key(6), hour(1).0);
    assert_eq!(charge(&counts, 7, 1, 9), Charge::Granted { used: 1 });
}

/// The bound on the earliest end must follow entries that moved on to a later window.
#[test]
fn moved_entries_do_not_hide_room() {
    let counts = Counts::new(2);
    charge(&counts, 1, 0, 9);
    charge(&counts, 2, 0, 9);
    charge(&counts, 1, 1, 9);
    charge(&counts, 2, 1, 9);
    assert_eq!(charge(&counts, 3, 1, 9), Charge::Full);
    assert_eq!(charge(&counts, 3, 2, 9), Charge::Granted { used: 1 });
    assert_eq!(counts.len(), 1);
}

#[test]
fn no_room_at_all() {
    assert_eq!(charge(&Counts::new(0), 1, 0, 9), Charge::Full);
}

#[test]
fn never_exceeds_its_bound() {
    let counts = Counts::new(5_000);
    let full = (0..20_000).filter(|number| charge(&counts, *number, 0, 1) == Charge::Full).count();
    assert_eq!((counts.len(), full), (5_000, 15_000));
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Charge(u64),
    Refund,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Against a table without a bound, with a clock that moves both ways.
    #[test]
    fn behaves_as_a_plain_map(
        keys_max in 1..6_usize,
        calls in prop::collection::vec(
            (0..8_u128, 0..4_u64, prop_oneof![4 => (0..5_u64).prop_map(Call::Charge), 1 => Just(Call::Refund)]), 1..200),
    ) {
        let counts = Counts::new(keys_max);
        let mut plain: HashMap<u128, (u64, u64)> = HashMap::new();
        for (number, at, call) in calls {
            let stored = plain.get(&number).copied();
            match call {
                Call::Charge(limit) => {
                    let (start, used) = stored.filter(|(start, _)| *start >= at).unwrap_or((at, 0));
                    let answer = charge(&counts, number, at, limit);
                    if used >= limit {
                        prop_assert_eq!(answer, Charge::Exceeded { used });
                        continue;
                    }
                    if stored.is_none() && plain.len() >= keys_max {
                        plain.retain(|_, (start, _)| *start >= at);
                    }
                    if stored.is_none() && plain.len() >= keys_max {
                        prop_assert_eq!(answer, Charge::Full);
                        continue;
                    }
                    prop_assert_eq!(answer, Charge::Granted { used: used + 1 });
                    plain.insert(number, (start, used + 1));
                }
                Call::Refund => {
                    counts.refund(key(number), hour(at).0);
                    if stored.is_some_and(|(start, _)| start == at) {
                        plain.entry(number).and_modify(|count| count.1 -= 1);
                        plain.retain(|_, (_, used)| *used > 0);
                    }
                }
            }
            prop_assert_eq!(counts.len(), plain.len());
        }
    }
}

#[test]
fn sixteen_threads_are_granted_exactly_the_limit() {
    const LIMIT: u64 = 5_000;
    let (counts, start) = (Counts::new(100), Barrier::new(16));
    let (granted, used_sum) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..500 {
                    if let Charge::Granted { used } = charge(&counts, 1, 0, LIMIT) {
                        granted.fetch_add(1, Ordering::Relaxed);
                        used_sum.fetch_add(used, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    assert_eq!(granted.into_inner(), LIMIT);
    // Every number from 1 to the limit was told to exactly one caller.
    assert_eq!(used_sum.into_inner(), LIMIT * (LIMIT + 1) / 2);
}

#[test]
fn sixteen_threads_that_refund_leave_nothing() {
    let (counts, start) = (Counts::new(100), Barrier::new(16));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..500 {
                    if let Charge::Granted { used } = charge(&counts, 1, 0, 8) {
                        assert!(used <= 8);
                        counts.refund(key(1), hour(0).0);
                    }
                }
            });
        }
    });
    assert!(counts.is_empty());
}

#[test]
fn a_full_table_is_searched_once_per_end_of_a_window() {
    let mut shard = Shard::new(2, false);
    let of =
        |number: u128, window| QuotaCharge { counter: key(number), window, limit: 9, population: Population::Listed };
    let ((first, _), (second, now)) = (hour(0), hour(1));
    assert_eq!(shard.charge(key(1), of(1, first), NOON), Charge::Granted { used: 1 });
    assert_eq!(shard.charge(key(2), of(2, first), NOON), Charge::Granted { used: 1 });
    assert_eq!(shard.earliest_end_s, first.end_unix_s);
    shard.charge(key(1), of(1, second), now.unix_seconds());
    shard.charge(key(2), of(2, second), now.unix_seconds());
    assert_eq!(shard.charge(key(3), of(3, second), now.unix_seconds()), Charge::Full);
    assert_eq!(shard.earliest_end_s, second.end_unix_s);
}

/// Values that anybody can make up fill half of the table, and leave the other half to those that are listed.
#[test]
fn made_up_counters_leave_room_for_listed_ones() {
    let counts = Counts::journaled(10);
    let (window, now) = hour(0);
    let charge = |number: u128, population| {
        counts.charge_one(QuotaCharge { counter: key(number), window, limit: 9, population }, now)
    };
    let granted = |numbers: std::ops::Range<u128>, population| {
        numbers.filter(|number| charge(*number, population) != Charge::Full).count()
    };
    assert_eq!(granted(0..100, Population::MadeUp), 5);
    assert_eq!(charge(0, Population::MadeUp), Charge::Granted { used: 2 }, "who is in it goes on");
    assert_eq!(granted(200..300, Population::Listed), 5);
    // One leaves, another one gets its place.
    assert_eq!(charge(6, Population::MadeUp), Charge::Full);
    (0..2).for_each(|_| counts.refund(key(0), window));
    counts.take_changes(|_| {});
    assert_eq!(
        (charge(6, Population::MadeUp), charge(7, Population::MadeUp)),
        (Charge::Granted { used: 1 }, Charge::Full)
    );
    // Ended ones make room for their like.
    let (window, now) = hour(1);
    let later = QuotaCharge { counter: key(50), window, limit: 9, population: Population::MadeUp };
    assert_eq!(counts.charge_one(later, now), Charge::Granted { used: 1 });
}

/// What comes back from an earlier process counts for what its name says.
#[test]
fn restored_counters_keep_their_population() {
    let (window, now) = hour(0);
    for (by, expected) in [("consumerId", 5), ("ip", 0), ("header:x-tenant", 0), ("claim:/org/id", 0), ("token", 0)] {
        let counts = Counts::new(10);
        for number in 0..5 {
            let name = CounterName {
                policy: "q".into(),
                period: Period::Hour,
                by: by.into(),
                value: "v".into(),
                consumer: None,
            };
            counts.restore(Row { key: key(number), window, used: 1, name: Some(name.into()) });
        }
        let made_up = |number: &u128| {
            let charge = QuotaCharge { counter: key(*number), window, limit: 9, population: Population::MadeUp };
            counts.charge_one(charge, now) != Charge::Full
        };
        assert_eq!((100..200).filter(made_up).count(), expected, "{by}");
    }
}
