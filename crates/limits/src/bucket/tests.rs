use proptest::prelude::*;

use super::*;

const SECOND: u64 = 1_000_000_000;

fn rate(milli: u64, burst: u64) -> Rate {
    Rate::new(milli, burst).expect("within bounds")
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).expect("fits")
}

/// A token bucket told the plain way, in numbers that cannot overflow. A burst that shrinks below what was consumed leaves debt.
struct Model {
    tokens: i128,
    burst: i128,
    at_ns: u64,
}

impl Model {
    fn new(rate: Rate) -> Self {
        let burst = i128::from(rate.burst()) * i128::from(REQUEST_UNITS);
        Self { tokens: burst, burst, at_ns: 0 }
    }

    fn turn(&mut self, rate: Rate, now_ns: u64) {
        let burst = i128::from(rate.burst()) * i128::from(REQUEST_UNITS);
        self.tokens += burst - self.burst;
        self.burst = burst;
        if now_ns > self.at_ns {
            self.tokens += i128::from(rate.milli_per_second()) * i128::from(now_ns - self.at_ns);
            self.at_ns = now_ns;
        }
        self.tokens = self.tokens.min(burst);
    }

    fn take(&mut self, rate: Rate, now_ns: u64) -> Option<u64> {
        self.turn(rate, now_ns);
        let left = self.tokens - i128::from(REQUEST_UNITS);
        if left < 0 {
            return None;
        }
        self.tokens = left;
        Some(u64::try_from(left / i128::from(REQUEST_UNITS)).expect("fits"))
    }

    fn give_back(&mut self, rate: Rate, now_ns: u64) {
        self.turn(rate, now_ns);
        self.tokens = (self.tokens + i128::from(REQUEST_UNITS)).min(self.burst);
    }
}

fn any_rate() -> impl Strategy<Value = Rate> {
    let milli = prop_oneof![1..=5_000_u64, 1..=Rate::MILLI_PER_SECOND_MAX];
    let burst = prop_oneof![1..=8_u64, 1..=Rate::BURST_MAX];
    (milli, burst).prop_map(|(milli, burst)| rate(milli, burst))
}

/// Low enough that a few dozen calls reach it.
fn small_rate() -> impl Strategy<Value = Rate> {
    (1..=20_000_u64, 1..=6_u64).prop_map(|(milli, burst)| rate(milli, burst))
}

fn any_step() -> impl Strategy<Value = u64> {
    prop_oneof![3 => Just(0), 3 => 0..3 * SECOND, 1 => 0..1_000_u64, 1 => 0..100_000 * SECOND]
}

#[derive(Clone, Copy, Debug)]
enum Call {
    Take,
    GiveBack,
    Change(Rate),
    /// One call with a clock that was read earlier.
    Late(u64),
}

fn any_call() -> impl Strategy<Value = Call> {
    prop_oneof![
        12 => Just(Call::Take),
        2 => Just(Call::GiveBack),
        1 => small_rate().prop_map(Call::Change),
        1 => any_rate().prop_map(Call::Change),
        1 => (0..2 * SECOND).prop_map(Call::Late),
    ]
}

/// Compares the meter with the model after every call, and tries out each `retry_after`.
fn check_take(meter: &mut Meter, model: &mut Model, rate: Rate, now_ns: u64) -> bool {
    let expected = model.take(rate, now_ns);
    match meter.take(rate, now_ns) {
        Take::Granted(taken) => {
            assert_eq!(Some(taken.remaining), expected);
            let full_ns = now_ns + ns(taken.reset_after);
            assert!(meter.is_empty(rate, full_ns) && !meter.is_empty(rate, full_ns - 1));
            true
        }
        Take::Refused { retry_after } => {
            assert_eq!(expected, None);
            let again_ns = now_ns + ns(retry_after);
            assert!(matches!({ *meter }.take(rate, again_ns - 1), Take::Refused { .. }), "a nanosecond too early");
            assert!(matches!({ *meter }.take(rate, again_ns), Take::Granted(_)), "at {again_ns}");
            false
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn behaves_as_a_token_bucket(first in small_rate(), calls in prop::collection::vec((any_step(), any_call()), 1..80)) {
        let (mut rate, mut now_ns) = (first, 7 * SECOND);
        let (mut meter, mut model) = (Meter::default(), Model::new(rate));
        for (step, call) in calls {
            now_ns += step;
            match call {
                Call::Take => { check_take(&mut meter, &mut model, rate, now_ns); }
                Call::Late(behind) => { check_take(&mut meter, &mut model, rate, now_ns.saturating_sub(behind)); }
                Call::Change(next) => rate = next,
                Call::GiveBack => {
                    meter.give_back(rate, now_ns);
                    model.give_back(rate, now_ns);
                }
            }
        }
    }

    /// Between any two grants, both included: no more than the burst and what drained meanwhile. With limits that change, the
    /// larger of each.
    #[test]
    fn admits_no_more_than_burst_and_rate(
        rates in prop::collection::vec(small_rate(), 1..4),
        steps in prop::collection::vec((0..SECOND, prop::bool::weighted(0.2)), 1..120),
    ) {
        let milli = rates.iter().map(|rate| u128::from(rate.milli_per_second())).max().expect("one");
        let burst = rates.iter().map(|rate| u128::from(rate.burst())).max().expect("one");
        let (mut meter, mut now_ns, mut grants) = (Meter::default(), 0, Vec::new());
        let turn = steps.len().div_ceil(rates.len());
        for (number, (step, pause)) in steps.into_iter().enumerate() {
            now_ns += if pause { step } else { 0 };
            if matches!(meter.take(rates[number / turn], now_ns), Take::Granted(_)) {
                grants.push(now_ns);
            }
        }
        for (first, from_ns) in grants.iter().enumerate() {
            for (last, to_ns) in grants.iter().enumerate().skip(first) {
                let admitted = (last - first + 1) as u128 * u128::from(REQUEST_UNITS);
                prop_assert!(admitted <= burst * u128::from(REQUEST_UNITS) + milli * u128::from(to_ns - from_ns));
            }
        }
    }

    #[test]
    fn a_steady_client_is_never_refused(rate in any_rate(), start in 0..SECOND, jitter in prop::collection::vec(0..=1_000_u64, 300)) {
        let period_ns = REQUEST_UNITS.div_ceil(rate.milli_per_second());
        let even = Rate::new(rate.milli_per_second(), 1).expect("within bounds");
        let uneven = Rate::new(rate.milli_per_second(), rate.burst().max(2)).expect("within bounds");
        let (mut on_time, mut unpunctual) = (Meter::default(), Meter::default());
        for (number, jitter) in (0_u64..).zip(jitter) {
            let due_ns = start + number * period_ns;
            prop_assert!(matches!(on_time.take(even, due_ns), Take::Granted(_)), "call {number}");
            let late_ns = due_ns + period_ns / 1_000 * jitter;
            prop_assert!(matches!(unpunctual.take(uneven, late_ns), Take::Granted(_)), "late call {number}");
        }
    }

    #[test]
    fn a_changed_burst_keeps_what_was_consumed(before in 1..200_u64, after in 1..200_u64, share in 0..=100_u64, milli in 1..1_000_u64) {
        let consumed = before * share / 100;
        let mut meter = Meter::default();
        for _ in 0..consumed {
            prop_assert!(matches!(meter.take(rate(milli, before), SECOND), Take::Granted(_)));
        }
        let mut left = 0;
        while let Take::Granted(taken) = meter.take(rate(milli * 7, after), SECOND) {
            left += 1;
            prop_assert_eq!(taken.remaining, after - consumed - left);
        }
        prop_assert_eq!(left, after.saturating_sub(consumed));
    }

    #[test]
    fn no_time_is_too_long(rate in any_rate(), times in prop::collection::vec(any::<u64>(), 1..20)) {
        let mut meter = Meter::default();
        let mut latest_ns = 0;
        for now_ns in times {
            let had_room = meter.is_empty(rate, now_ns);
            let taken = meter.take(rate, now_ns);
            prop_assert!(!had_room || matches!(taken, Take::Granted(_)));
            latest_ns = latest_ns.max(now_ns);
            prop_assert_eq!(meter.used_at_ns(), latest_ns);
            prop_assert!(meter.level_units <= rate.burst_units());
        }
    }
}

#[test]
fn rates_have_bounds() {
    for (milli, burst, fine) in [
        (0, 1, false),
        (1, 0, false),
        (1, 1, true),
        (1_000_000_000, 1_000_000, true),
        (1_000_000_001, 1, false),
        (1, 1_000_001, false),
        (u64::MAX, u64::MAX, false),
    ] {
        assert_eq!(Rate::new(milli, burst).is_some(), fine, "{milli} {burst}");
    }
}

#[test]
fn ten_a_second_with_a_burst_of_two() {
    let rate = rate(10_000, 2);
    let mut meter = Meter::default();
    let granted = |remaining, millis| Take::Granted(Taken { remaining, reset_after: Duration::from_millis(millis) });
    let refused = |millis| Take::Refused { retry_after: Duration::from_millis(millis) };
    for (millis, expected) in [
        (5_000, granted(1, 100)),
        (5_000, granted(0, 200)),
        (5_000, refused(100)),
        (5_050, refused(50)),
        (5_000, refused(100)),
        (5_100, granted(0, 200)),
        (5_150, refused(50)),
        (5_310, granted(1, 100)),
    ] {
        assert_eq!(meter.take(rate, millis * 1_000_000), expected, "at {millis} ms");
    }
}
