//! Two cases beside each other, round by round: what both rounds had of the machine's weather cancels out.

use super::{Median, Report};
use crate::measure::Sample;
use serde::Serialize;

#[derive(Copy, Clone)]
enum Comparison {
    /// (first - second) / second, in per cent.
    More,
    /// first - second, in microseconds.
    Difference,
}

#[derive(Clone, Debug, Serialize)]
pub(super) struct Ratio {
    pub(super) says: &'static str,
    pub(super) first: &'static str,
    pub(super) second: &'static str,
    pub(super) unit: &'static str,
    pub(super) value: Median,
    /// The least of the first case beside the least of the second: what a busy machine blurs least.
    pub(super) of_least: f64,
    /// What the project has set itself: at most this.
    pub(super) target: Option<f64>,
}

const COMPARISONS: [(&str, &str, &str, Comparison, Option<f64>); 9] = [
    (
        "everything, over a bare Pingora that gets the same requests",
        "tollgate-full",
        "bare-token-header",
        Comparison::More,
        Some(20.0),
    ),
    (
        "everything, over a bare Pingora that gets short requests",
        "tollgate-full",
        "bare-plain",
        Comparison::More,
        Some(20.0),
    ),
    ("nothing, over a bare Pingora", "tollgate-plain", "bare-plain", Comparison::More, None),
    ("a token seen before, over an API key", "tollgate-jwt", "tollgate-key", Comparison::Difference, Some(1.5)),
    ("1,000 routes, over one", "tollgate-routes", "tollgate-plain", Comparison::Difference, None),
    (
        "a token verified anew, over one seen before",
        "tollgate-jwt-uncached",
        "tollgate-jwt",
        Comparison::Difference,
        None,
    ),
    ("the token in the head, to a bare Pingora", "bare-token-header", "bare-plain", Comparison::Difference, None),
    ("everything, over nginx", "tollgate-full", "nginx-full", Comparison::More, None),
    ("everything, over HAProxy", "tollgate-full", "haproxy-full", Comparison::More, None),
];

/// Those of which both cases were measured.
pub(super) fn ratios(report: &Report) -> Vec<Ratio> {
    COMPARISONS
        .into_iter()
        .filter_map(|(says, first, second, comparison, target)| {
            let (firsts, seconds) = (report.samples(first)?, report.samples(second)?);
            let compare = |first: f64, second: f64| match comparison {
                Comparison::More => (first - second) / second * 100.0,
                Comparison::Difference => first - second,
            };
            let values = firsts.iter().zip(seconds).map(|(first, second)| compare(first.cpu_us, second.cpu_us));
            let least = |samples: &[Sample]| Some(Median::of(samples.iter().map(|sample| sample.cpu_us))?.least);
            let of_least = compare(least(firsts)?, least(seconds)?);
            let unit = match comparison {
                Comparison::More => "%",
                Comparison::Difference => "us",
            };
            Some(Ratio { says, first, second, unit, value: Median::of(values)?, of_least, target })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::CASES;

    #[test]
    fn every_comparison_is_of_two_cases() {
        for (says, first, second, ..) in COMPARISONS {
            for name in [first, second] {
                assert!(CASES.iter().any(|case| case.name == name), "{says}: {name}");
            }
        }
    }
}
