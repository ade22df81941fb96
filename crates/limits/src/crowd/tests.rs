use std::sync::Barrier;
use std::time::Duration;

use super::*;
use crate::keyed::Keyer;

const START: Now = Now::at_unix_seconds(1_000);

fn key(keyer: &Keyer, number: usize) -> Key {
    keyer.key(&[&number.to_ne_bytes()])
}

fn rate(milli: u64, burst: u64) -> Rate {
    Rate::new(milli, burst).expect("within bounds")
}

/// Everybody in `crowd` makes all requests that the limit allows: a burst, then one whenever one has drained. Every other one saves up
/// for a burst now and then. How many were refused, how many were sketched, of how many.
fn all_at_their_rate(crowd: &Crowd, keys: &[Key], seconds: usize) -> (usize, usize, usize) {
    let limit = rate(1_000, 2);
    let (mut refused, mut sketched, mut sent) = (0, 0, 0);
    for second in 0..seconds {
        for (number, key) in keys.iter().enumerate() {
            let requests = match (second, number % 2) {
                (0, _) => 2,
                (_, 0) => 1,
                (_, _) => 2 * (1 - second % 2),
            };
            let phase = Duration::from_nanos(1_000_000_000 * number as u64 / keys.len() as u64);
            let now = START.plus(Duration::from_secs(100 + second as u64) + phase);
            for _ in 0..requests {
                let (take, counting) = crowd.take(*key, limit, now);
                refused += usize::from(matches!(take, Take::Refused { .. }));
                sketched += usize::from(counting != Counting::Exact);
                sent += 1;
            }
        }
    }
    (refused, sketched, sent)
}

/// Fills every place with somebody whose meter takes an hour to drain.
fn fill(crowd: &Crowd, keyer: &Keyer, keys_max: usize) {
    for number in 0..2 * keys_max + 3_000 {
        crowd.take(key(keyer, 10_000_000 + number), rate(1, 4), START);
    }
}

#[test]
fn as_many_as_it_is_sized_for_are_not_refused() {
    let (crowd, keyer) = (Crowd::new(100_000), Keyer::new());
    let keys: Vec<Key> = (0..100_000).map(|number| key(&keyer, number)).collect();
    let (refused, sketched, sent) = all_at_their_rate(&crowd, &keys, 4);
    println!("100,000 callers at the size: {sent} sent, {sketched} sketched, {refused} refused");
    assert_eq!(refused, 0);
    // The luck of the shards: the fullest ones overflow a little.
    assert!(sketched < sent / 20, "{sketched} of {sent} were sketched");
    assert!(crowd.len() <= 100_000 + SHARDS_MAX);
}

#[test]
fn as_many_again_are_refused_less_than_once_in_a_thousand() {
    let (crowd, keyer) = (Crowd::new(100_000), Keyer::new());
    fill(&crowd, &keyer, 100_000);
    let keys: Vec<Key> = (0..100_000).map(|number| key(&keyer, number)).collect();
    let (refused, sketched, sent) = all_at_their_rate(&crowd, &keys, 3);
    println!("100,000 callers in the sketch: {sent} sent, {refused} refused");
    assert_eq!(sketched, sent, "somebody found room in a full crowd");
    // Some of the strangers were, too.
    assert!(usize::try_from(crowd.take_sketched()).is_ok_and(|counted| counted >= sketched));
    assert_eq!(crowd.take_sketched(), 0);
    assert!(refused * 1_000 < sent, "{refused} of {sent} were refused");
}

#[test]
fn a_flood_of_callers_who_come_once_hurts_nobody_who_was_there() {
    let (crowd, keyer) = (Crowd::new(10_000), Keyer::new());
    let (limit, mut strangers) = (rate(1_000, 3), 0);
    let mut exact = 0;
    for round in 0_u32..40 {
        for number in 0..1_000 {
            let now = START.plus(Duration::from_millis(u64::from(round) * 1_000 + number as u64));
            let takes = if round == 0 { 3 } else { 1 };
            for _ in 0..takes {
                let (take, counting) = crowd.take(key(&keyer, number), limit, now);
                assert!(matches!(take, Take::Granted(_)), "caller {number} in round {round}");
                exact += u32::from(counting == Counting::Exact);
            }
            // Twenty times as many as there is room for, in all; some of them with limits that take hours to drain.
            for _ in 0..5 {
                strangers += 1;
                let slow = rate(if strangers % 2 == 0 { 1 } else { 1_000 }, 1);
                crowd.take(key(&keyer, 1_000_000 + strangers), slow, now);
            }
        }
    }
    assert_eq!(exact, 42_000, "somebody who was there lost its meter");
    assert!(crowd.len() <= 10_000 + SHARDS_MAX);
}

/// Past all that it is sized for, newcomers are refused, not admitted without limit.
#[test]
fn beyond_its_size_it_refuses() {
    let (crowd, keyer) = (Crowd::new(1_000), Keyer::new());
    fill(&crowd, &keyer, 1_000);
    let limit = rate(1_000, 2);
    let granted = (0..200_000)
        .filter(|number| matches!(crowd.take(key(&keyer, *number), limit, START).0, Take::Granted(_)))
        .count();
    // 3,000 slots of at most four, six times over, shared by all.
    assert!(granted < 200_000 / 5, "{granted} were admitted");
}

#[test]
fn a_caller_in_the_sketch_is_limited_and_keeps_its_debts_when_it_moves() {
    let (crowd, keyer) = (Crowd::new(640), Keyer::new());
    fill(&crowd, &keyer, 640);
    let (caller, limit) = (key(&keyer, 1), rate(100, 4));
    let granted = |now| (0..100).filter(|_| matches!(crowd.take(caller, limit, now).0, Take::Granted(_))).count();
    let first = granted(START);
    assert!((4..=12).contains(&first), "{first}");
    // The strangers have drained: there is room, but the bursts are used up.
    let later = START.plus(Duration::from_secs(4_100));
    assert!(granted(later) <= 12);
    let crowded = Crowd::new(640);
    crowded.hold(640);
    fill(&crowded, &keyer, 640);
    while let (Take::Granted(_), Counting::Sketched { .. }) = crowded.take(caller, limit, START) {}
    crowded.hold(6_400);
    let (take, counting) = crowded.take(caller, limit, START);
    assert!(matches!(take, Take::Refused { .. }), "moving has paid its debts: {take:?}");
    assert_eq!(counting, Counting::Exact);
}

#[test]
fn what_is_given_back_can_be_taken_again() {
    for is_full in [false, true] {
        let (crowd, keyer) = (Crowd::new(640), Keyer::new());
        if is_full {
            fill(&crowd, &keyer, 640);
        }
        let (caller, limit) = (key(&keyer, 1), rate(1, 1));
        let mut last = None;
        while let (Take::Granted(_), counting) = crowd.take(caller, limit, START) {
            last = Some(counting);
        }
        let counting = last.expect("one at least");
        assert_eq!(counting != Counting::Exact, is_full);
        crowd.give_back(caller, limit, counting, START);
        assert!(matches!(crowd.take(caller, limit, START).0, Take::Granted(_)));
        assert!(matches!(crowd.take(caller, limit, START).0, Take::Refused { .. }));
    }
}

#[test]
fn a_smaller_crowd_forgets_nobody_and_a_larger_one_has_room() {
    let (crowd, keyer) = (Crowd::new(6_400), Keyer::new());
    let limit = rate(1, 2);
    let take = |number: usize| crowd.take(key(&keyer, number), limit, START);
    for number in 0..2_000 {
        assert_eq!(take(number).1, Counting::Exact);
    }
    crowd.hold(1_000);
    for number in 0..2_000 {
        assert!(matches!(take(number), (Take::Granted(taken), Counting::Exact) if taken.remaining == 0));
    }
    assert_ne!(take(5_000).1, Counting::Exact);
    crowd.hold(6_400);
    assert_eq!(take(6_000).1, Counting::Exact);
    assert_eq!(crowd.len(), 2_001);
}

#[test]
fn an_empty_crowd_takes_no_memory_for_those_who_may_come() {
    let crowd = Crowd::new(1_000_000);
    assert!(crowd.is_empty());
    let shard = crowd.shards.lock(Key::from_u128(0));
    assert!(shard.sketches.iter().all(Option::is_none));
}

#[test]
fn sixteen_threads_share_one_burst() {
    for is_full in [false, true] {
        let (crowd, keyer) = (Crowd::new(6_400), Keyer::new());
        if is_full {
            fill(&crowd, &keyer, 6_400);
        }
        let (granted, start) = (AtomicU64::new(0), Barrier::new(16));
        let limit = rate(1_000, 600);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    start.wait();
                    for _ in 0..200 {
                        if matches!(crowd.take(key(&keyer, 0), limit, START).0, Take::Granted(_)) {
                            granted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        // A burst, and in the sketch what a window of 1024 s sustains.
        assert_eq!(granted.into_inner(), if is_full { 600 + 1_024 } else { 600 });
    }
}
