//! Two cases beside each other, round by round: what both rounds had of the machine's weather cancels out.

use super::{Median, Report};
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
            let pairs = report.samples(first)?.iter().zip(report.samples(second)?);
            let values = pairs.map(|(first, second)| match comparison {
                Comparison::More => (first.cpu_us - second.cpu_us) / second.cpu_us * 100.0,
                Comparison::Difference => first.cpu_us - second.cpu_us,
            });
            let unit = match comparison {
                Comparison::More => "%",
                Comparison::Difference => "us",
            };
            Some(Ratio { says, first, second, unit, value: Median::of(values)?, target })
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
