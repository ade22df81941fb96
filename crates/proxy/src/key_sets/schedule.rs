//! When a set is fetched again. Pure: chance and results come in as arguments.

use engine::policy::jwks::remote::Plan;
use engine::policy::jwks::source::KeySource;
use std::time::Duration;

/// After the first failure.
const BACK_OFF_MIN: Duration = Duration::from_secs(1);
/// After many.
const BACK_OFF_MAX: Duration = Duration::from_secs(60);
/// A key that the set lacked is not asked for again for so many intervals.
const UNKNOWN_INTERVALS: u32 = 4;

/// After a set has come that may be kept for `lifetime`. The next fetch begins a little before the set is due, so that it is not used
/// stale while that takes, and not at the same moment on every gateway.
pub(super) fn after_success(rules: &KeySource, lifetime: Option<Duration>, chance: u64) -> Plan {
    let shortest = rules.refetch_interval.min(rules.refresh);
    let due_in = lifetime.unwrap_or(rules.refresh).clamp(shortest, rules.refresh);
    Plan { due_in, next_in: part(due_in, 80, 95, chance), unknown_for: rules.refetch_interval * UNKNOWN_INTERVALS }
}

/// After `times` failures in a row: 1, 2, 4 … up to 60 seconds, or `refresh` if that is shorter, less up to a quarter.
pub(super) fn after_failure(rules: &KeySource, times: u32, chance: u64) -> Duration {
    let doubled = BACK_OFF_MIN.saturating_mul(1 << times.saturating_sub(1).min(6));
    part(doubled.min(BACK_OFF_MAX).min(rules.refresh), 75, 100, chance)
}

/// Between `low` and `high` hundredths of it.
fn part(whole: Duration, low: u32, high: u32, chance: u64) -> Duration {
    let range = u64::from(high.saturating_sub(low)).saturating_mul(1_000);
    let thousandths = u64::from(low).saturating_mul(1_000).saturating_add(chance % range.max(1));
    whole / 100_000 * u32::try_from(thousandths).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::{after_failure, after_success};
    use engine::policy::jwks::source::{KeyPlace, KeySource, ReadyWhen};
    use engine::policy::jwks::url::KeyUrl;
    use std::time::Duration;

    fn rules(refresh_s: u64, interval_s: u64) -> KeySource {
        KeySource {
            place: KeyPlace::Url(KeyUrl::parse("https://idp.example.com/k").unwrap()),
            refresh: Duration::from_secs(refresh_s),
            stale_for: Duration::from_secs(86_400),
            refetch_interval: Duration::from_secs(interval_s),
            timeout: Duration::from_secs(5),
            authorities: Vec::new(),
            ready: ReadyWhen::Fetched,
            algorithms: Vec::new(),
        }
    }

    #[test]
    fn a_lifetime_counts_within_our_bounds() {
        #[track_caller]
        fn check(refresh_s: u64, interval_s: u64, lifetime_s: Option<u64>, due_s: u64) {
            for chance in [0, 1, 7_499, 14_999, 15_000, u64::MAX] {
                let plan = after_success(&rules(refresh_s, interval_s), lifetime_s.map(Duration::from_secs), chance);
                assert_eq!(plan.due_in.as_secs(), due_s);
                let share = plan.next_in.as_secs_f64() / plan.due_in.as_secs_f64();
                assert!((0.79..0.96).contains(&share), "{chance}: {share}");
                assert_eq!(plan.unknown_for.as_secs(), interval_s * 4);
            }
        }
        check(600, 30, None, 600);
        check(600, 30, Some(300), 300);
        check(600, 30, Some(86_400), 600);
        check(600, 30, Some(u64::MAX), 600);
        check(600, 30, Some(5), 30);
        check(10, 30, None, 10);
        check(10, 30, Some(1), 10);
    }

    #[test]
    fn failures_back_off_up_to_a_minute() {
        #[track_caller]
        fn check(refresh_s: u64, times: u32, most_s: f64) {
            for chance in [0, 12_499, 24_999, u64::MAX] {
                let wait = after_failure(&rules(refresh_s, 30), times, chance).as_secs_f64();
                assert!((most_s * 0.75 - 1e-3..=most_s).contains(&wait), "{times}, {chance}: {wait}");
            }
        }
        for (times, most) in
            [(0, 1.0), (1, 1.0), (2, 2.0), (3, 4.0), (6, 32.0), (7, 60.0), (100, 60.0), (u32::MAX, 60.0)]
        {
            check(600, times, most);
        }
        check(5, 9, 5.0);
    }
}
