use proptest::prelude::*;

use super::*;
use crate::bucket::Meter;

const KEYS: usize = 1_000;
const SECOND: u64 = 1_000_000_000;
/// Somewhere in a window.
const START: u64 = 86_400_777 * 1_000_000;

fn key(number: u128) -> Key {
    // As a keyed hash would spread them.
    Key::from_u128(number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn rate(milli: u64, burst: u64) -> Rate {
    Rate::new(milli, burst).expect("within bounds")
}

fn sketch(rate: Rate) -> Sketch {
    Sketch::new(window_of(rate), KEYS)
}

fn is_granted(sketch: &mut Sketch, key: Key, rate: Rate, now_ns: u64) -> bool {
    matches!(sketch.take(key, rate, KEYS, now_ns).0, Take::Granted(_))
}

#[test]
fn a_window_is_one_to_two_drains_long() {
    let check = |milli, burst, window_s: u64| {
        let window_ns = sketch(rate(milli, burst)).window_ns;
        assert_eq!(window_ns, window_s * SECOND, "{milli} {burst}");
    };
    check(1_000_000_000, 1, 1);
    check(10_000, 10, 1);
    check(10_000, 11, 2);
    check(1_000, 60, 64);
    check(1_000, 64, 64);
    check(1_000, 65, 128);
    check(1, 1_000_000, 1 << 18);
}

/// A single caller who does everything that a meter allows, and more often than that.
fn greedy(limit: Rate, gap_ns: u64, seconds: u64) -> Vec<u64> {
    let (mut sketch, mut granted) = (sketch(limit), Vec::new());
    for now_ns in (START..START + seconds * SECOND).step_by(usize::try_from(gap_ns).unwrap()) {
        if is_granted(&mut sketch, key(1), limit, now_ns) {
            granted.push(now_ns);
        }
    }
    granted
}

#[test]
fn the_greedy_get_three_bursts_and_twice_the_rate_at_most() {
    for (milli, burst) in [(10_000, 10), (10_000, 15), (2_000, 7), (1_000, 1), (500, 40)] {
        let limit = rate(milli, burst);
        let granted = greedy(limit, SECOND / 50, 600);
        let at_once = granted.iter().take_while(|at| **at < START + SECOND / 10).count();
        assert!(at_once as u64 <= 3 * burst, "{milli} {burst}: {at_once} at once");
        // The first bursts aside.
        let most = 3 * burst + 2 * 600 * milli / 1_000;
        assert!(granted.len() as u64 <= most, "{milli} {burst}: {} of {most}", granted.len());
        let least = 600 * milli / 1_000;
        assert!(granted.len() as u64 >= least, "{milli} {burst}: {} of {least}", granted.len());
    }
}

#[test]
fn a_short_burst_is_a_burst_and_a_second() {
    let limit = rate(100_000, 5);
    let granted = greedy(limit, SECOND / 1_000, 60).len();
    assert!((6_000..=105 * 60 + 105).contains(&granted), "{granted}");
    let at_once = greedy(limit, 1_000, 1).iter().take_while(|at| **at < START + SECOND / 100).count();
    assert_eq!(at_once, 105);
}

#[test]
fn what_is_refused_counts_for_nobody() {
    let limit = rate(1_000, 4);
    let mut sketch = sketch(limit);
    let granted = (0..1_000).filter(|_| is_granted(&mut sketch, key(1), limit, START)).count();
    assert_eq!((granted, sketch.present.of(key(1))), (8, 8));
}

#[test]
fn two_windows_on_all_is_forgotten_and_a_late_clock_turns_nothing_back() {
    let limit = rate(1_000, 4);
    let mut sketch = sketch(limit);
    while is_granted(&mut sketch, key(1), limit, START) {}
    assert!(!is_granted(&mut sketch, key(1), limit, START - 60 * SECOND));
    assert!(is_granted(&mut sketch, key(1), limit, START + 8 * SECOND));
    assert!(!is_granted(&mut sketch, key(2), rate(1, 1), 0) || sketch.number > 0);
    let number = sketch.number;
    sketch.take(key(3), limit, KEYS, START);
    assert_eq!(sketch.number, number);
}

#[test]
fn what_is_given_back_is_gone_and_given_back_once_kept() {
    let limit = rate(1_000, 1);
    let mut sketch = sketch(limit);
    let (_, window) = sketch.take(key(1), limit, KEYS, START);
    sketch.give_back(key(1), window);
    assert_eq!(sketch.present.of(key(1)), 0);
    let (_, window) = sketch.take(key(1), limit, KEYS, START);
    sketch.turn(KEYS, START + SECOND);
    assert_eq!(sketch.before.of(key(1)), 1);
    sketch.give_back(key(1), window);
    assert_eq!(sketch.before.of(key(1)), 0);
    // Long gone: it must not be taken from somebody else.
    sketch.turn(KEYS, START + 5 * SECOND);
    sketch.give_back(key(1), window);
    assert_eq!((sketch.present.counts.get(key(1).to_u128()), sketch.before.counts.get(key(1).to_u128())), (0, 0));
}

#[test]
fn another_size_holds_from_the_next_window_on() {
    let limit = rate(1_000, 1);
    let mut sketch = sketch(limit);
    sketch.take(key(1), limit, KEYS, START);
    sketch.take(key(1), limit, 10 * KEYS, START + SECOND);
    assert_eq!((sketch.present.slots, sketch.before.slots), (30 * KEYS, 3 * KEYS));
    assert_eq!(sketch.before.of(key(1)), 1);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    /// The one thing that must hold: alone in the sketch, who keeps to the limit is never refused.
    #[test]
    fn whoever_a_meter_admits_is_admitted(
        milli in 1_u64..200_000,
        burst in 1_u64..60,
        start_ns in 0_u64..200_000_000_000,
        gaps in prop::collection::vec(0_u64..40_000, 1..300),
    ) {
        let limit = rate(milli, burst);
        let (mut sketch, mut meter, mut now_ns) = (sketch(limit), Meter::default(), start_ns);
        for gap in gaps {
            // In thousandths of the time in which one request drains.
            now_ns += gap * (1_000_000_000_000 / milli) / 10_000;
            if let Take::Granted(_) = meter.take(limit, now_ns) {
                prop_assert!(is_granted(&mut sketch, key(7), limit, now_ns), "at {now_ns}");
            }
        }
    }

    #[test]
    fn coming_back_after_the_wait_works(
        milli in 1_u64..200_000,
        burst in 1_u64..60,
        start_ns in 0_u64..200_000_000_000,
        gaps in prop::collection::vec(0_u64..10_000, 1..200),
    ) {
        let limit = rate(milli, burst);
        let (mut sketch, mut now_ns) = (sketch(limit), start_ns);
        for gap in gaps {
            now_ns += gap * (1_000_000_000_000 / milli) / 20_000;
            if let (Take::Refused { retry_after }, _) = sketch.take(key(7), limit, KEYS, now_ns) {
                let wait_ns = u64::try_from(retry_after.as_nanos()).unwrap();
                prop_assert!(wait_ns <= 2 * sketch.window_ns);
                prop_assert!(is_granted(&mut sketch, key(7), limit, now_ns + wait_ns), "{now_ns} + {wait_ns}");
                now_ns += wait_ns;
            }
        }
    }

    /// What a caller takes along is no more than a meter would hold, and enough that nobody gets a second burst by moving.
    #[test]
    fn a_level_is_never_above_a_meters(
        milli in 100_u64..200_000,
        burst in 1_u64..60,
        gaps in prop::collection::vec(0_u64..30_000, 1..200),
    ) {
        let limit = rate(milli, burst);
        let (mut sketch, mut meter, mut now_ns) = (sketch(limit), Meter::default(), START);
        for gap in gaps {
            now_ns += gap * (1_000_000_000_000 / milli) / 10_000;
            if let Take::Granted(taken) = meter.take(limit, now_ns) {
                is_granted(&mut sketch, key(7), limit, now_ns);
                let level = sketch.level_units(key(7), limit, KEYS, now_ns) / REQUEST_UNITS;
                prop_assert!(level <= burst - taken.remaining, "{level} above {}", burst - taken.remaining);
            }
        }
    }
}
