//! What a journaled table tells of its changes: taken together, they are the table.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

const NOON: u64 = 1_000 * 24 * 3_600 + 12 * 3_600;

fn key(number: u128) -> Key {
    Key::from_u128(number)
}

fn hour(after_noon: u64) -> (Window, Now) {
    let now = Now::at_unix_seconds(NOON + after_noon * 3_600);
    (Period::Hour.window(now), now)
}

fn charge(counts: &Counts, number: u128, after_noon: u64) -> Charge {
    let (window, now) = hour(after_noon);
    counts.charge(key(number), window, 100, now)
}

fn name(value: &str) -> CounterName {
    CounterName {
        policy: "plans.free.quota".into(),
        period: Period::Hour,
        by: Cow::Borrowed("consumerId"),
        value: value.into(),
        consumer: Some(value.into()),
    }
}

/// Key and count of each change, in the order of the keys.
fn changes(counts: &Counts) -> Vec<(u128, u64)> {
    let mut told = Vec::new();
    counts.take_changes(|row| told.push((row.key.to_u128(), row.used)));
    told.sort_unstable();
    told
}

#[test]
fn a_change_is_told_once_with_the_newest_count() {
    let counts = Counts::journaled(10);
    for number in [1, 2, 1, 1] {
        charge(&counts, number, 0);
    }
    assert_eq!(changes(&counts), [(1, 3), (2, 1)]);
    assert_eq!(changes(&counts), []);
    charge(&counts, 2, 0);
    counts.charge(key(1), hour(0).0, 3, hour(0).1);
    assert_eq!(changes(&counts), [(2, 2)], "what was refused changes nothing");
}

#[test]
fn a_count_of_zero_is_told_and_then_gone() {
    let counts = Counts::journaled(10);
    charge(&counts, 1, 0);
    changes(&counts);
    counts.refund(key(1), hour(0).0);
    assert_eq!((counts.used(key(1), hour(0).0), counts.len()), (0, 1));
    assert_eq!(changes(&counts), [(1, 0)]);
    assert!(counts.is_empty());
    charge(&counts, 1, 0);
    assert_eq!(changes(&counts), [(1, 1)]);
}

#[test]
fn a_reset_says_what_was_used() {
    let counts = Counts::journaled(10);
    charge(&counts, 1, 0);
    charge(&counts, 1, 0);
    changes(&counts);
    assert_eq!(counts.reset(key(1)).map(|row| (row.used, row.window)), Some((2, hour(0).0)));
    assert_eq!(counts.reset(key(1)), None, "nothing is used any more");
    assert_eq!(counts.reset(key(2)), None);
    counts.refund(key(1), hour(0).0);
    assert_eq!(charge(&counts, 1, 0), Charge::Granted { used: 1 });
    assert_eq!(changes(&counts), [(1, 1)]);
}

#[test]
fn what_is_restored_is_no_change_and_counts_on() {
    let counts = Counts::journaled(2);
    let row = Row { key: key(1), window: hour(0).0, used: 7, name: Some(Arc::new(name("acme"))) };
    counts.restore(row.clone());
    assert_eq!(changes(&counts), []);
    assert_eq!(charge(&counts, 1, 0), Charge::Granted { used: 8 });
    counts.restore(row.clone());
    assert_eq!(counts.used(key(1), hour(0).0), 8, "an older count does not replace a newer one");
    for number in 2..=5 {
        counts.restore(Row { key: key(number), ..row.clone() });
    }
    assert_eq!(counts.len(), 5, "what was used is not forgotten for want of room");
    assert_eq!(charge(&counts, 5, 0), Charge::Granted { used: 8 });
    assert_eq!(charge(&counts, 6, 0), Charge::Full);
}

#[test]
fn a_name_is_given_once_and_told() {
    let counts = Counts::journaled(10);
    charge(&counts, 1, 0);
    changes(&counts);
    counts.name(key(1), || name("acme"));
    counts.name(key(1), || unreachable!("it has one"));
    counts.name(key(2), || unreachable!("there is no such counter"));
    let mut told = Vec::new();
    counts.take_changes(|row| told.push(row));
    assert_eq!(told, [Row { key: key(1), window: hour(0).0, used: 1, name: Some(Arc::new(name("acme"))) }]);
    assert_eq!(counts.rows(0, |_| true), Some(told));
    assert_eq!(counts.rows(0, |row| row.used > 1), Some(Vec::new()));
    assert_eq!(counts.rows(1, |_| true), None, "a small table has one part");
}

#[test]
fn all_can_be_told_again() {
    let counts = Counts::journaled(10);
    for number in 1..=5 {
        charge(&counts, number, 0);
    }
    assert_eq!(changes(&counts).len(), 5);
    counts.change_all();
    charge(&counts, 1, 0);
    assert_eq!(changes(&counts), [(1, 2), (2, 1), (3, 1), (4, 1), (5, 1)]);
}

#[test]
fn a_table_that_is_not_journaled_notes_nothing() {
    let counts = Counts::new(10);
    charge(&counts, 1, 0);
    counts.change_all();
    assert_eq!(changes(&counts), []);
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Charge,
    Refund,
    Reset,
    Take,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    /// Whoever writes every change down has the table, whenever it looks after a complete take.
    #[test]
    fn the_journal_is_the_table(
        calls in prop::collection::vec(
            (0..6_u128, 0..4_u64, prop_oneof![
                5 => Just(Call::Charge), 2 => Just(Call::Refund), 1 => Just(Call::Reset), 2 => Just(Call::Take)
            ]), 1..200),
    ) {
        let counts = Counts::journaled(4);
        let mut written: HashMap<u128, (u64, u64)> = HashMap::new();
        let write = |written: &mut HashMap<u128, (u64, u64)>| counts.take_changes(|row| {
            if row.used == 0 {
                written.remove(&row.key.to_u128());
            } else {
                written.insert(row.key.to_u128(), (row.window.start_unix_s, row.used));
            }
        });
        let mut latest = NOON;
        for (number, at, call) in calls {
            match call {
                Call::Charge => {
                    latest = latest.max(hour(at).1.unix_seconds());
                    charge(&counts, number, at);
                }
                Call::Refund => counts.refund(key(number), hour(at).0),
                Call::Reset => drop(counts.reset(key(number))),
                Call::Take => write(&mut written),
            }
        }
        write(&mut written);
        let table: BTreeMap<u128, (u64, u64)> = counts.rows(0, |_| true).unwrap_or_default().into_iter()
            .map(|row| (row.key.to_u128(), (row.window.start_unix_s, row.used))).collect();
        for (number, row) in &table {
            prop_assert_eq!(written.get(number), Some(row));
        }
        // What a full table has dropped at the end of its window is still written; nothing else is.
        for (number, (start, _)) in written {
            prop_assert!(table.contains_key(&number) || start + 3_600 <= latest);
        }
    }
}
