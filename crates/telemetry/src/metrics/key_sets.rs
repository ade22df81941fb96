//! What is counted for the key set that a provider fetches.

use super::declare::seconds;
use prometheus::{Gauge, IntCounter, IntCounterVec, IntGauge};

pub struct KeySetMetrics {
    pub(super) provider: Box<str>,
    pub(super) fetches: IntCounterVec,
    pub(super) fetched: Gauge,
    pub(super) keys: IntGauge,
    pub(super) unknown: IntCounter,
    pub(super) suppressed: IntCounter,
}

impl KeySetMetrics {
    /// A fetch has ended; `outcome` is a word from a closed list.
    pub fn ended(&self, outcome: &'static str) {
        self.fetches.with_label_values(&[&*self.provider, outcome]).inc();
    }

    /// How things stand; `unknown` and `suppressed` are counts since the process began, which never fall.
    pub fn show(&self, fetched_unix_ms: u64, keys: usize, unknown: u64, suppressed: u64) {
        self.fetched.set(seconds(fetched_unix_ms));
        self.keys.set(i64::try_from(keys).unwrap_or(i64::MAX));
        self.unknown.inc_by(unknown.saturating_sub(self.unknown.get()));
        self.suppressed.inc_by(suppressed.saturating_sub(self.suppressed.get()));
    }
}
