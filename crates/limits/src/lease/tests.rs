//! One lease, step by step. What many of them come to is in `tests/leases.rs`.

use super::*;
use crate::bucket::Rate;
use crate::window::Period;

const MS: u64 = 1_000_000;
const START: u64 = 1_000_000 * MS;

fn rate() -> Limit {
    Limit::Rate(Rate::new(1_000_000, 1_000).expect("within bounds"))
}

fn count(limit: u64) -> Limit {
    Limit::Count { limit, period: Period::Day }
}

fn answer(granted: u64, remaining: u64, retry_ms: u64, epoch: u64) -> Answer {
    Answer {
        granted,
        remaining,
        retry_after: Duration::from_millis(retry_ms),
        reset_after: Duration::from_secs(10),
        epoch,
    }
}

fn dry(leased: Leased) -> Ask {
    match leased {
        Leased::Dry(Some(ask)) => ask,
        Leased::Dry(None) | Leased::Settled(..) => panic!("{leased:?}"),
    }
}

fn is_granted(leased: Leased) -> bool {
    matches!(leased, Leased::Settled(Take::Granted(_), _))
}

#[test]
fn the_first_one_asks_and_the_others_wait_for_its_answer() {
    let mut lease = Lease::default();
    let ask = dry(lease.take(rate(), Touch::First, START));
    assert_eq!(ask.want, 1);
    assert_eq!(lease.take(rate(), Touch::First, START), Leased::Dry(None));
    assert_eq!(lease.take(rate(), Touch::First, START), Leased::Dry(None));
    assert!(lease.answered(ask, answer(1, 999, 0, 0), START + MS));
    assert!(is_granted(lease.take(rate(), Touch::Again, START + MS)));
}

#[test]
fn a_chunk_is_what_fifty_milliseconds_use_and_never_more_than_a_twentieth() {
    for (every_us, want) in [(100_000, 1), (5_000, 9), (2_000, 24), (1_000, 49), (100, 50)] {
        let mut lease = Lease::default();
        let mut last = 0;
        for step in 0..(1_000_000 / every_us) {
            let now = START + step * every_us * 1_000;
            let leased = lease.take(rate(), Touch::First, now);
            if let Leased::Dry(Some(ask)) | Leased::Settled(_, Some(ask)) = leased {
                last = ask.want;
                assert!(lease.answered(ask, answer(ask.want, 500, 0, 0), now));
            }
        }
        assert_eq!(last, want, "every {every_us} microseconds");
    }
}

#[test]
fn nobody_waits_once_requests_come_steadily() {
    let mut lease = Lease::default();
    let (mut pending, mut waits) = (None::<(Ask, u64)>, 0);
    for step in 0..2_000 {
        let now = START + step * MS;
        // Answers take three milliseconds.
        if let Some((ask, at)) = pending.take_if(|(_, at)| now >= *at + 3 * MS) {
            assert!(lease.answered(ask, answer(ask.want, 500, 0, 0), now), "asked at {at}");
        }
        match lease.take(rate(), Touch::First, now) {
            Leased::Settled(Take::Granted(_), ask) => pending = pending.or(ask.map(|ask| (ask, now))),
            Leased::Dry(ask) => {
                waits += 1;
                pending = pending.or(ask.map(|ask| (ask, now)));
            }
            refused @ Leased::Settled(Take::Refused { .. }, _) => panic!("{refused:?}"),
        }
    }
    assert!(waits < 20, "{waits} of 2000 waited, all at the beginning");
}

#[test]
fn a_refusal_is_remembered_and_says_when_to_come_back() {
    let mut lease = Lease::default();
    let ask = dry(lease.take(rate(), Touch::First, START));
    assert!(lease.answered(ask, answer(0, 0, 700, 0), START));
    for (ms, left) in [(0, 700), (1, 699), (699, 1)] {
        let refused = Take::Refused { retry_after: Duration::from_millis(left) };
        assert_eq!(lease.take(rate(), Touch::First, START + ms * MS), Leased::Settled(refused, None));
    }
    dry(lease.take(rate(), Touch::First, START + 700 * MS));
}

#[test]
fn a_far_refusal_is_asked_again_every_second_and_a_near_one_after_five_milliseconds() {
    let mut lease = Lease::default();
    let ask = dry(lease.take(rate(), Touch::First, START));
    assert!(lease.answered(ask, answer(0, 0, 60_000, 0), START));
    assert!(!is_granted(lease.take(rate(), Touch::First, START + 999 * MS)));
    let ask = dry(lease.take(rate(), Touch::First, START + 1_000 * MS));
    assert!(lease.answered(ask, answer(0, 0, 1, 0), START));
    assert!(matches!(lease.take(rate(), Touch::First, START + 4 * MS), Leased::Settled(Take::Refused { .. }, None)));
}

#[test]
fn part_of_a_chunk_is_used_up_and_then_the_refusal_holds() {
    let mut lease = Lease::default();
    let first = dry(lease.take(rate(), Touch::First, START));
    for _ in 0..9 {
        assert_eq!(lease.take(rate(), Touch::First, START), Leased::Dry(None));
    }
    assert!(lease.answered(first, answer(1, 0, 0, 0), START));
    let Leased::Settled(Take::Granted(_), Some(second)) = lease.take(rate(), Touch::Again, START) else {
        panic!("nine wait, and nobody asks for them")
    };
    assert_eq!(second.want, 9);
    assert!(lease.answered(second, answer(3, 0, 40, 0), START));
    for _ in 0..3 {
        let taken = lease.take(rate(), Touch::Again, START + MS);
        assert!(matches!(taken, Leased::Settled(Take::Granted(_), None)), "{taken:?}");
    }
    let refused = Take::Refused { retry_after: Duration::from_millis(39) };
    assert_eq!(lease.take(rate(), Touch::Again, START + MS), Leased::Settled(refused, None));
}

#[test]
fn a_lost_answer_is_lost_and_a_late_one_is_not_taken() {
    let mut lease = Lease::default();
    let first = dry(lease.take(rate(), Touch::First, START));
    lease.failed(first);
    let second = dry(lease.take(rate(), Touch::First, START + MS));
    assert!(!lease.answered(first, answer(50, 900, 0, 0), START + 2 * MS));
    assert!(lease.answered(second, answer(1, 900, 0, 0), START + 2 * MS));
    assert!(is_granted(lease.take(rate(), Touch::Again, START + 2 * MS)));
    // Nobody said how this one went: after five seconds it does not stand in the way any more.
    let third = lease.take(rate(), Touch::First, START + 10_000 * MS);
    assert!(matches!(third, Leased::Dry(Some(_))), "{third:?}");
    assert_eq!(lease.take(rate(), Touch::First, START + 14_999 * MS), Leased::Dry(None));
    dry(lease.take(rate(), Touch::First, START + 15_000 * MS));
}

#[test]
fn what_was_granted_lapses_and_a_period_takes_its_grants_with_it() {
    for (reset_after, usable, gone) in [(10_000, 1_999, 2_000), (1_500, 1_499, 1_500)] {
        for (now, expected) in [(usable, true), (gone, false)] {
            let mut lease = Lease::default();
            let ask = dry(lease.take(count(1_000), Touch::First, START));
            let answer = Answer { reset_after: Duration::from_millis(reset_after), ..answer(5, 900, 0, 86_400) };
            assert!(lease.answered(ask, answer, START));
            assert_eq!(is_granted(lease.take(count(1_000), Touch::First, START + now * MS)), expected, "{now}");
        }
    }
}

#[test]
fn the_next_period_does_not_use_the_grants_of_the_last() {
    let mut lease = Lease::default();
    let ask = dry(lease.take(count(1_000), Touch::First, START));
    assert!(lease.answered(ask, answer(1, 900, 0, 86_400), START));
    let Leased::Settled(Take::Granted(_), Some(ask)) = lease.take(count(1_000), Touch::First, START + MS) else {
        panic!("no ask ahead")
    };
    assert!(lease.put_back(START + MS, START + MS));
    assert!(lease.answered(ask, answer(1, 999, 0, 172_800), START + 2 * MS));
    assert_eq!(lease.surrender(START + 3 * MS), Some(Unused { requests: 1, epoch: 172_800 }));
    assert!(!lease.put_back(START, START + 3 * MS), "it was taken of the period before");
    assert!(lease.put_back(START + MS, START + 3 * MS));
}

#[test]
fn the_end_of_a_quota_is_handed_out_in_small_pieces() {
    let mut lease = Lease::default();
    let ask = dry(lease.take(count(1_000), Touch::First, START));
    assert!(lease.answered(ask, answer(1, 16, 0, 86_400), START));
    let mut wants = Vec::new();
    for step in 0..100 {
        let now = START + step * MS / 10;
        if let Leased::Settled(_, Some(ask)) | Leased::Dry(Some(ask)) = lease.take(count(1_000), Touch::First, now) {
            wants.push(ask.want);
            assert!(lease.answered(ask, answer(ask.want, 16, 0, 86_400), now));
        }
    }
    assert_eq!(wants.iter().max(), Some(&2));
}

#[test]
fn a_caller_who_comes_seldom_is_not_provided_for() {
    let mut lease = Lease::default();
    for step in 0..5 {
        let now = START + step * 60_000 * MS;
        let ask = dry(lease.take(rate(), Touch::First, now));
        assert_eq!(ask.want, 1);
        assert!(lease.answered(ask, answer(1, 900, 0, 0), now));
        let taken = lease.take(rate(), Touch::Again, now);
        assert!(matches!(taken, Leased::Settled(Take::Granted(_), None)), "{taken:?}");
        assert_eq!(lease.idle(now + 2_000 * MS), None);
        assert!(lease.is_blank(now + 2_000 * MS));
    }
}
