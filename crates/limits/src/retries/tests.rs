//! Times of requests to verdicts, on a clock that does not run.

use super::*;
use std::fmt::Write as _;

const START: Now = Now::at_unix_seconds(1_000);
/// From a request to its answer.
const TAKES: Duration = Duration::from_millis(5);

/// What a request was answered.
#[derive(Clone, Copy, Debug)]
enum Reply {
    Ok,
    /// Refused, with the seconds of `Retry-After`; 0 is without.
    No(u64),
}
use Reply::{No, Ok as Yes};

fn at(milliseconds: u64) -> Now {
    START.plus(Duration::from_millis(milliseconds))
}

fn answered(began_ms: u64, reply: Reply) -> Answered {
    let began = at(began_ms);
    let (refused, wait) = match reply {
        Yes => (false, None),
        No(0) => (true, None),
        No(seconds) => (true, Some(Duration::from_secs(seconds))),
    };
    Answered { began, ended: began.plus(TAKES), refused, wait }
}

/// `.` nothing to tell, `b` backing off, `L` looping; `<` a storm began with it, `>` one ended.
fn shown(noted: Noted) -> String {
    let mut text = String::from(match noted.habit {
        None => ".",
        Some(Habit::BackingOff) => "b",
        Some(Habit::Looping) => "L",
    });
    match noted.change {
        None => {}
        Some(Change::Began) => text.push('<'),
        Some(Change::Ended { .. }) => text.push('>'),
    }
    text
}

/// One caller, one request, at these milliseconds.
#[track_caller]
fn check(what: &str, requests: &[(u64, Reply)], expected: &str) {
    let retries = Retries::holding(16);
    let (caller, request) = (retries.mark(&[b"acme"]), retries.mark(&[b"GET /"]));
    let found: String =
        requests.iter().map(|(when, reply)| shown(retries.note(caller, request, answered(*when, *reply)))).collect();
    assert_eq!(found, expected, "{what}");
}

fn every(milliseconds: u64, count: u64, reply: Reply) -> Vec<(u64, Reply)> {
    (0..count).map(|number| (number * milliseconds, reply)).collect()
}

#[test]
fn who_waits_as_told_backs_off() {
    check("once", &[(0, No(1)), (1_005, Yes)], ".b");
    check("a little early, as timers are", &[(0, No(10)), (9_100, Yes)], ".b");
    check("again and again", &every(2_010, 6, No(2)), ".bbbbb");
    check("5xx with a wait", &every(5_100, 4, No(5)), ".bbb");
    check("and then goes on", &[(0, No(1)), (1_100, Yes), (1_200, Yes), (1_300, No(1)), (2_400, Yes)], ".b..b");
}

#[test]
fn who_waits_longer_each_time_backs_off() {
    check(
        "doubling",
        &[(0, No(0)), (200, No(0)), (600, No(0)), (1_400, No(0)), (3_000, No(0)), (6_200, Yes)],
        ".bbbbb",
    );
    check(
        "doubling, though told to wait longer",
        &[(0, No(60)), (500, No(60)), (1_500, No(60)), (3_500, No(60))],
        ".bbb",
    );
    check("at once first", &[(0, No(0)), (10, No(0)), (1_010, No(0)), (3_010, No(0)), (7_010, Yes)], "..bbb");
    check("capped", &[(0, No(0)), (8_000, No(0)), (20_000, No(0)), (32_000, No(0)), (44_000, No(0))], ".bb..");
    // Full jitter draws anything below a bound that doubles; two short draws in a row are no storm.
    check(
        "jitter",
        &[
            (0, No(0)),
            (300, No(0)),
            (900, No(0)),
            (1_100, No(0)),
            (1_250, No(0)),
            (4_000, No(0)),
            (6_000, No(0)),
            (14_000, Yes),
        ],
        ".bb..b.b",
    );
}

#[test]
fn who_sends_the_same_again_and_again_loops() {
    check("at once", &every(20, 6, No(1)), "...L<LL");
    check("every second, told nothing", &every(1_000, 6, No(0)), ".b..L<L");
    check("every second, told a minute", &every(1_000, 6, No(60)), ".b..L<L");
    check("from one millisecond to two is no growth", &[(0, No(1)), (6, No(1)), (13, No(1)), (22, No(1))], "...L<");
    check("every fifteen seconds is slow, not a storm", &every(15_000, 8, No(3_600)), ".b......");
    // At twice the limit half of it gets through; it is a loop all the same.
    let half: Vec<_> = (0..10).map(|number| (number * 50, if number % 2 == 0 { No(1) } else { Yes })).collect();
    check("at twice the limit", &half, ".....L<LLLL");
}

#[test]
fn a_storm_ends_when_its_caller_calms_down() {
    let mut calm = every(20, 5, No(1));
    calm.extend([(1_200, No(1)), (2_300, No(1)), (3_500, No(1)), (4_600, Yes)]);
    check("two patient retries", &calm, "...L<LLb>bb");
    let mut relapse = every(20, 4, No(1));
    relapse.extend([(1_200, No(1)), (1_220, No(1)), (2_400, No(1)), (3_500, No(1))]);
    check("one is not enough", &relapse, "...L<LLLb>");
    let mut pause = every(20, 5, No(1));
    pause.extend([(200_000, No(1)), (200_020, No(1))]);
    check("without a sweep a storm goes on after its pause", &pause, "...L<LLL");
}

#[test]
fn requests_at_once_are_no_retries() {
    check("all refused", &[(0, No(1)), (1, No(1)), (2, No(1)), (3, No(1)), (4, No(1))], ".....");
    check(
        "and then patient",
        &[(0, No(1)), (1, No(1)), (2, No(1)), (1_100, No(1)), (1_101, No(1)), (2_300, Yes)],
        "...b.b",
    );
    // Eight workers that each ask again at once.
    let workers: Vec<_> = (0..8).flat_map(|round| (0..8).map(move |worker| (round * 20 + worker, No(1)))).collect();
    let retries = Retries::holding(16);
    let (caller, request) = (retries.mark(&[b"acme"]), retries.mark(&[b"GET /"]));
    let last = workers.iter().map(|(when, reply)| retries.note(caller, request, answered(*when, *reply))).last();
    assert_eq!(last.and_then(|noted| noted.habit), Some(Habit::Looping));
}

#[test]
fn what_is_long_past_is_forgotten() {
    check(
        "a minute later",
        &[(0, No(0)), (20, No(0)), (40, No(0)), (70_000, No(0)), (70_020, No(0)), (70_040, No(0))],
        "......",
    );
    check("but not before the wait is over", &[(0, No(120)), (121_000, Yes)], ".b");
    check("nor is the end of the month awaited", &[(0, No(2_000_000)), (2_000_001_000, Yes)], "..");
    check("successes alone are nothing", &every(10, 20, Yes), &".".repeat(20));
}

#[test]
fn sweeping_ends_storms_and_empties_the_table() {
    let retries = Retries::holding(64);
    let request = retries.mark(&[b"GET /"]);
    let loops = retries.mark(&[b"loops"]);
    for (when, reply) in every(20, 10, No(1)) {
        retries.note(loops, request, answered(when, reply));
    }
    let ended = |when: u64| {
        let mut told = Vec::new();
        retries.sweep(at(when), |ended| told.push((ended.caller, ended.request, ended.retries)));
        told
    };
    assert!(retries.knows(loops) && !retries.is_idle());
    assert_eq!((retries.looping(), ended(20_000)), (1, vec![]));
    assert_eq!(ended(31_000), [(loops, request, 9)]);
    assert_eq!((retries.looping(), ended(32_000), retries.knows(loops)), (0, vec![], true));
    assert_eq!((ended(62_000), retries.knows(loops), retries.is_idle()), (vec![], false, true));
}

#[test]
fn callers_and_requests_are_apart() {
    let retries = Retries::holding(4_096);
    let [acme, other] = [retries.mark(&[b"acme"]), retries.mark(&[b"other"])];
    let paths: Vec<Mark> = (0..6_u8).map(|number| retries.mark(&[b"GET", &[number]])).collect();
    assert_ne!(retries.mark(&[b"ab", b"c"]), retries.mark(&[b"a", b"bc"]));
    // Two paths in turns are two loops; a caller that asks for something else each time is none.
    let mut text = String::new();
    for (round, else_each_time) in (0..5).zip(&paths) {
        for path in &paths[..2] {
            let _ = write!(text, "{}", shown(retries.note(acme, *path, answered(round * 30, No(1)))));
        }
        assert_eq!(retries.note(other, *else_each_time, answered(round * 30, No(1))), Noted::default());
    }
    assert_eq!((&*text, retries.looping()), ("......L<L<LL", 1));
    // More paths than are pursued: the storms stay.
    for path in &paths[2..] {
        retries.note(acme, *path, answered(200, No(1)));
    }
    assert_eq!(shown(retries.note(acme, paths[0], answered(220, No(1)))), "L");
}

#[test]
fn a_full_table_judges_those_it_has() {
    let retries = Retries::holding(1);
    let request = retries.mark(&[b"GET /"]);
    let [first, second] = [retries.mark(&[b"first"]), retries.mark(&[b"second"])];
    for (when, reply) in every(20, 4, No(1)) {
        retries.note(first, request, answered(when, reply));
        assert_eq!(retries.note(second, request, answered(when, reply)), Noted::default());
    }
    assert!(retries.knows(first) && !retries.knows(second));
    // A storm keeps its place however long; one that is over gives it up.
    retries.note(second, request, answered(20_000, No(1)));
    assert!(!retries.knows(second) && retries.looping() == 1);
    retries.sweep(at(31_000), |_| ());
    retries.note(second, request, answered(31_000, No(1)));
    assert!(retries.knows(second) && retries.looping() == 0);
    retries.sweep(at(200_000), |_| ());
    assert!(retries.is_idle());
}

#[test]
fn counts_are_true_whatever_comes() {
    use proptest::prelude::{ProptestConfig, any, prop, proptest};
    proptest!(ProptestConfig::with_cases(200), |(
        events in prop::collection::vec((0_u8..12, 0_u8..6, 0_u64..4_000, any::<bool>(), 0_u64..3), 1..300)
    )| {
        let retries = Retries::holding(4);
        let mut now = 0;
        for (caller, request, later, refused, wait) in events {
            now += later;
            let reply = if refused { No(wait) } else { Yes };
            retries.note(retries.mark(&[&[caller]]), retries.mark(&[&[request]]), answered(now, reply));
            if later % 7 == 0 {
                retries.sweep(at(now), |_| ());
            }
            let looping = retries.slots.iter().filter(|slot| is_looping(&slot.lock())).count();
            let pursued = retries.slots.iter().filter(|slot| slot.caller.load(Ordering::Relaxed) != 0).count();
            assert_eq!((retries.looping(), retries.pursued.load(Ordering::Relaxed)), (looping, pursued));
        }
        retries.sweep(at(now + 2_000_000), |_| ());
        assert!(retries.is_idle() && retries.looping() == 0);
    });
}

#[test]
fn how_often_and_for_how_long_is_told() {
    let retries = Retries::holding(16);
    let (caller, request) = (retries.mark(&[b"acme"]), retries.mark(&[b"GET /"]));
    let told = |when| {
        let Noted { tries, lasting, .. } = retries.note(caller, request, answered(when, No(0)));
        (tries, lasting.as_millis())
    };
    assert_eq!(told(0), (0, 0), "no retry yet");
    assert_eq!(told(40), (2, 40));
    // Sent at the same time as the one before: no retry of it.
    assert_eq!(told(41), (2, 41));
    assert_eq!(told(80), (3, 80));
    for when in (120..4_000).step_by(40) {
        told(when);
    }
    assert_eq!(told(4_000), (101, 4_000));
    // Forgotten meanwhile, but for the storm that it was.
    retries.sweep(at(40_000), |ended| assert_eq!(ended.retries, 100));
    assert_eq!(told(200_000), (0, 0));
    assert_eq!(told(200_040), (2, 40));
}
