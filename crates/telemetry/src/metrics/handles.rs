//! Resolved series: an index and an atomic addition where a look-up by label would hash and lock.

use prometheus::{Gauge, Histogram, IntCounter, IntCounterVec};
use std::array;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const STATUS_MIN: u16 = 100;
const STATUS_MAX: u16 = 599;
/// Statuses come in clusters; a cluster's slots are made when its first status occurs.
const CLUSTER: u16 = 25;
const CLUSTERS: usize = ((STATUS_MAX + 1 - STATUS_MIN) / CLUSTER) as usize;

type Slots = Box<[OnceLock<IntCounter>; CLUSTER as usize]>;

/// What is counted for each request of one route. Only the first request with a given status allocates.
pub struct RouteMetrics {
    route: Box<str>,
    requests: IntCounterVec,
    by_status: [OnceLock<Slots>; CLUSTERS],
    duration: Histogram,
    gateway_duration: Histogram,
}

impl RouteMetrics {
    pub(super) fn new(route: &str, requests: IntCounterVec, duration: Histogram, gateway_duration: Histogram) -> Self {
        let by_status = array::from_fn(|_| OnceLock::new());
        Self { route: route.into(), requests, by_status, duration, gateway_duration }
    }

    /// A request has been answered: by which status, how long it took and how much of that was the gateway's.
    pub fn answered(&self, status: u16, duration: Duration, gateway: Duration) {
        match self.slot(status) {
            Some(counter) => counter.inc(),
            None => self.requests.with_label_values(&[&self.route, "other"]).inc(),
        }
        self.duration.observe(duration.as_secs_f64());
        self.gateway_duration.observe(gateway.as_secs_f64());
    }

    /// The name in the `route` label.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }

    /// None for what is no status of HTTP; an upstream may send it nevertheless.
    fn slot(&self, status: u16) -> Option<&IntCounter> {
        let place = status.checked_sub(STATUS_MIN)?;
        let cluster = self.by_status.get(usize::from(place / CLUSTER))?;
        let slots = cluster.get_or_init(|| Box::new(array::from_fn(|_| OnceLock::new())));
        let slot = slots.get(usize::from(place % CLUSTER))?;
        Some(slot.get_or_init(|| self.requests.with_label_values(&[&*self.route, &status.to_string()])))
    }
}

/// What is counted for each attempt at one upstream.
pub struct UpstreamMetrics {
    upstream: Box<str>,
    requests: IntCounterVec,
    success: IntCounter,
    first_byte: Histogram,
}

impl UpstreamMetrics {
    pub(super) fn new(upstream: &str, requests: IntCounterVec, first_byte: Histogram) -> Self {
        let success = requests.with_label_values(&[upstream, "success"]);
        Self { upstream: upstream.into(), requests, success, first_byte }
    }

    /// A response head came, `first_byte` after the request was sent.
    pub fn succeeded(&self, first_byte: Duration) {
        self.success.inc();
        self.first_byte.observe(first_byte.as_secs_f64());
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
    duration: Histogram,
}

impl ServiceMetrics {
    pub(super) fn new(service: &str, requests: IntCounterVec, duration: Histogram) -> Self {
        Self { service: service.into(), requests, duration }
    }

    /// `outcome` is a word from a closed list.
    pub fn answered(&self, outcome: &'static str, duration: Duration) {
        self.requests.with_label_values(&[&*self.service, outcome]).inc();
        self.duration.observe(duration.as_secs_f64());
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
