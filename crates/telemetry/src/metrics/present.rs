//! Series that say how things are now: set when they are asked for, gone with what they are about.

use super::Metrics;
use std::collections::HashSet;
use std::sync::PoisonError;

impl Metrics {
    /// How many callers without number are counted exactly, and how many requests were not since the last time.
    pub fn show_crowd(&self, active_keys: usize, sketched_since: u64) {
        self.families.active_keys.set(i64::try_from(active_keys).unwrap_or(i64::MAX));
        self.families.sketched.inc_by(sketched_since);
    }

    /// All concurrency limits there are now, by the policy's name, and how many requests are in flight under each. A name that comes
    /// several times is one limit.
    pub fn show_concurrency<'n>(&self, in_flight: impl IntoIterator<Item = (&'n str, usize)>) {
        let family = &self.families.concurrency_in_use;
        let mut shown = self.concurrency.lock().unwrap_or_else(PoisonError::into_inner);
        let mut present = HashSet::new();
        for (policy, requests) in in_flight {
            if present.insert(policy.to_owned()) {
                family.with_label_values(&[policy]).set(i64::try_from(requests).unwrap_or(i64::MAX));
            }
        }
        for policy in shown.difference(&present) {
            // It fails only for a series that is gone already.
            family.remove_label_values(&[policy]).ok();
        }
        *shown = present;
    }
}
