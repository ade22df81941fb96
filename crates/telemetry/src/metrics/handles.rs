//! Resolved series: an index and an atomic addition where a look-up by label would hash and lock.

use super::durations::Durations;
use prometheus::{Gauge, IntCounter, IntCounterVec};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// What is counted for each attempt at one upstream.
pub struct UpstreamMetrics {
    upstream: Box<str>,
    requests: IntCounterVec,
    success: IntCounter,
    first_byte: Durations,
}

impl UpstreamMetrics {
    pub(super) fn new(upstream: &str, requests: IntCounterVec, first_byte: Durations) -> Self {
        let success = requests.with_label_values(&[upstream, "success"]);
        Self { upstream: upstream.into(), requests, success, first_byte }
    }

    /// A response head came, `first_byte` after the request was sent.
    pub fn succeeded(&self, first_byte: Duration) {
        self.success.inc();
        self.first_byte.observe(first_byte);
    }

    /// None came; `reason` is the code of what happened.
    pub fn failed(&self, reason: &'static str) {
        self.requests.with_label_values(&[&*self.upstream, reason]).inc();
    }
}

/// What is counted for each call to one auth service.
pub struct ServiceMetrics {
    service: Box<str>,
    requests: IntCounterVec,
    duration: Durations,
}

impl ServiceMetrics {
    pub(super) fn new(service: &str, requests: IntCounterVec, duration: Durations) -> Self {
        Self { service: service.into(), requests, duration }
    }

    /// `outcome` is a word from a closed list.
    pub fn answered(&self, outcome: &'static str, duration: Duration) {
        self.requests.with_label_values(&[&*self.service, outcome]).inc();
        self.duration.observe(duration);
    }
}

/// How far the keys of one plan have come in their quota.
pub struct PlanMetrics {
    used_ratio: Gauge,
    /// The start of the period that the gauge is about, in Unix seconds.
    period: AtomicU64,
}

impl PlanMetrics {
    pub(super) const fn new(used_ratio: Gauge) -> Self {
        Self { used_ratio, period: AtomicU64::new(0) }
    }

    /// One key has used `used` of `limit` in the period that began at `period_start_unix_s`. A race between two keys at the turn of a
    /// period may show the smaller one until the next request: this is a gauge to look at, not a count to bill by.
    pub fn quota_used(&self, used: u64, limit: u64, period_start_unix_s: u64) {
        #[expect(clippy::cast_precision_loss, reason = "a ratio needs no more than 52 bits")]
        let ratio = if limit == 0 { 1.0 } else { used as f64 / limit as f64 };
        let known = self.period.load(Ordering::Relaxed);
        if period_start_unix_s > known {
            self.period.store(period_start_unix_s, Ordering::Relaxed);
            self.used_ratio.set(ratio);
        } else if period_start_unix_s == known && ratio > self.used_ratio.get() {
            self.used_ratio.set(ratio);
        }
    }
}
