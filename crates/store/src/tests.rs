//! Through the interface that the gateway uses.

use std::sync::Barrier;
use std::sync::atomic::{AtomicU64, Ordering};

use limits::clock::Now;
use limits::keyed::Key;
use limits::window::Period;

use crate::{CHARGES_MAX, Charged, Counters, QuotaCharge};

const NOW: Now = Now::at_unix_seconds(1_700_000_000);

fn quota(number: u128, limit: u64) -> QuotaCharge {
    QuotaCharge { counter: Key::from_u128(number), window: Period::Day.window(NOW), limit }
}

fn used(counters: &Counters, number: u128) -> u64 {
    let QuotaCharge { counter, window, .. } = quota(number, 0);
    counters.used(counter, window)
}

/// Charges once and compares the answer, then what counters 1, 2 and 3 hold.
fn check(counters: &Counters, charges: &[QuotaCharge], expected: Charged, left: [u64; 3]) {
    assert_eq!(counters.charge(charges, NOW), expected);
    assert_eq!([1, 2, 3].map(|number| used(counters, number)), left);
}

#[test]
fn all_or_none() {
    let counters = Counters::embedded(10);
    let three = [quota(1, 9), quota(2, 2), quota(3, 9)];
    check(&counters, &three, Charged::Granted { used: [1, 1, 1, 0] }, [1, 1, 1]);
    check(&counters, &[quota(1, 9)], Charged::Granted { used: [2, 0, 0, 0] }, [2, 1, 1]);
    check(&counters, &three, Charged::Granted { used: [3, 2, 2, 0] }, [3, 2, 2]);
    check(&counters, &three, Charged::Exceeded { index: 1, used: 2 }, [3, 2, 2]);
    check(&counters, &[quota(1, 9), quota(3, 9), quota(2, 1)], Charged::Exceeded { index: 2, used: 2 }, [3, 2, 2]);
    check(&counters, &[quota(1, 0)], Charged::Exceeded { index: 0, used: 3 }, [3, 2, 2]);
    check(&counters, &[], Charged::Granted { used: [0; CHARGES_MAX] }, [3, 2, 2]);
}

#[test]
fn refunds_undo_a_charge() {
    let counters = Counters::embedded(10);
    let two = [quota(1, 1), quota(2, 1)];
    check(&counters, &two, Charged::Granted { used: [1, 1, 0, 0] }, [1, 1, 0]);
    check(&counters, &two, Charged::Exceeded { index: 0, used: 1 }, [1, 1, 0]);
    counters.refund(&two);
    assert!(counters.is_empty());
    check(&counters, &two, Charged::Granted { used: [1, 1, 0, 0] }, [1, 1, 0]);
}

#[test]
fn a_full_store_is_unavailable_and_keeps_nothing_of_the_call() {
    let counters = Counters::embedded(2);
    check(&counters, &[quota(1, 9)], Charged::Granted { used: [1, 0, 0, 0] }, [1, 0, 0]);
    check(&counters, &[quota(1, 9), quota(2, 9), quota(3, 9)], Charged::Unavailable, [1, 0, 0]);
    assert_eq!(counters.len(), 1);
    check(&counters, &[quota(1, 9), quota(3, 9)], Charged::Granted { used: [2, 1, 0, 0] }, [2, 0, 1]);
}

#[test]
fn more_charges_than_can_be_answered_are_not_made() {
    let counters = Counters::embedded(10);
    let most = [quota(1, 9); CHARGES_MAX];
    check(&counters, &most, Charged::Granted { used: [1, 2, 3, 4] }, [4, 0, 0]);
    check(&counters, &[quota(1, 9); CHARGES_MAX + 1], Charged::Unavailable, [4, 0, 0]);
}

#[test]
fn the_next_window_starts_from_zero() {
    let counters = Counters::embedded(10);
    check(&counters, &[quota(1, 1)], Charged::Granted { used: [1, 0, 0, 0] }, [1, 0, 0]);
    let window = Period::Day.window(Now::at_unix_seconds(quota(1, 1).window.end_unix_s));
    let next = QuotaCharge { window, ..quota(1, 1) };
    let later = Now::at_unix_seconds(window.start_unix_s);
    assert_eq!(counters.charge(&[next], later), Charged::Granted { used: [1, 0, 0, 0] });
    counters.refund(&[quota(1, 1)]);
    assert_eq!(counters.used(next.counter, window), 1);
}

/// Runs on sixteen threads at once, each `rounds` times, and counts the grants.
fn in_parallel(rounds: u64, charge: impl Fn() -> Charged + Sync) -> u64 {
    let (granted, start) = (AtomicU64::new(0), Barrier::new(16));
    std::thread::scope(|scope| {
        for _ in 0..16 {
            scope.spawn(|| {
                start.wait();
                for _ in 0..rounds {
                    if matches!(charge(), Charged::Granted { .. }) {
                        granted.fetch_add(1, Ordering::Relaxed);
                    }
                }
            });
        }
    });
    granted.into_inner()
}

#[test]
fn sixteen_threads_are_granted_exactly_the_limit() {
    let counters = Counters::embedded(10);
    let charges = [quota(1, 100_000), quota(2, 3_000), quota(3, 100_000)];
    assert_eq!(in_parallel(500, || counters.charge(&charges, NOW)), 3_000);
    assert_eq!([1, 2, 3].map(|number| used(&counters, number)), [3_000; 3]);
}

#[test]
fn sixteen_threads_that_give_back_leave_nothing() {
    let counters = Counters::embedded(10);
    let charges = [quota(1, 4), quota(2, 2)];
    let granted = in_parallel(500, || {
        let answer = counters.charge(&charges, NOW);
        if let Charged::Granted { used: [first, second, ..] } = answer {
            assert!(first <= 4 && second <= 2);
            counters.refund(&charges);
        }
        answer
    });
    assert!(granted > 0);
    assert!(counters.is_empty());
}
