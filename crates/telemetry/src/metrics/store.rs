//! What is counted of the store that nodes share.

use super::durations::Durations;
use prometheus::{IntCounter, IntCounterVec, IntGauge};
use std::time::Duration;

/// Why a call of it came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreFailure {
    /// No answer in time.
    Timeout,
    /// It cannot be reached, or the connection broke.
    Connection,
    /// It answered something else than what it was asked.
    Answer,
}

impl StoreFailure {
    const fn code(self) -> &'static str {
        match self {
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Answer => "answer",
        }
    }
}

pub struct StoreMetrics {
    pub(super) store: &'static str,
    pub(super) up: IntGauge,
    pub(super) errors: IntCounterVec,
    pub(super) call_duration: Durations,
    pub(super) bypassed: IntCounter,
    pub(super) nodes: IntGauge,
}

impl StoreMetrics {
    pub fn answered(&self, took: Duration) {
        self.call_duration.observe(took);
    }

    pub fn failed(&self, error: StoreFailure) {
        self.errors.with_label_values(&[self.store, error.code()]).inc();
    }

    pub fn reachable(&self, yes: bool) {
        self.up.set(i64::from(yes));
    }

    pub fn nodes(&self, nodes: u64) {
        self.nodes.set(i64::try_from(nodes).unwrap_or(i64::MAX));
    }

    /// A limit was decided without the store.
    pub fn bypassed(&self) {
        self.bypassed.inc();
    }
}
