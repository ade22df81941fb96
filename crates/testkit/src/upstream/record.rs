//! What an upstream received, kept under a bound.

use crate::http1::{self, Head, Headers};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use tokio::sync::Notify;

const BYTES_MAX: usize = 64 * 1024 * 1024;

/// One request, or what came in its place.
#[derive(Clone, Debug, Default)]
pub struct Received {
    /// The number of its connection, from 1.
    pub connection: u64,
    pub method: String,
    pub target: String,
    /// `HTTP/1.1` or another.
    pub version: String,
    pub headers: Headers,
    /// Without chunk framing.
    pub body: Vec<u8>,
    /// Every byte as it came, framing included.
    pub raw: Vec<u8>,
    /// Why it is no well-formed request; then the parts above may be empty.
    pub fault: Option<String>,
}

impl Received {
    pub(super) fn new(connection: u64, head: Head) -> Self {
        let mut parts = head.start.splitn(3, ' ').map(str::to_owned);
        let mut part = || parts.next().unwrap_or_default();
        let (method, target, version) = (part(), part(), part());
        Self { connection, method, target, version, headers: head.headers, ..Self::default() }
    }

    /// The first value of a header, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        http1::header(&self.headers, name)
    }

    /// The path of the target, without the query.
    #[must_use]
    pub fn path(&self) -> &str {
        self.target.split('?').next().unwrap_or_default()
    }
}

#[derive(Default)]
pub(super) struct Record {
    received: Mutex<Kept>,
    requests: AtomicU64,
    connections: AtomicU64,
    closed: AtomicU64,
    arrived: Notify,
}

#[derive(Default)]
struct Kept {
    received: VecDeque<Received>,
    bytes: usize,
}

impl Record {
    pub(super) fn connected(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::SeqCst).saturating_add(1)
    }

    pub(super) fn push(&self, received: Received) {
        let well_formed = received.fault.is_none();
        let mut kept = self.received.lock().unwrap_or_else(PoisonError::into_inner);
        kept.bytes = kept.bytes.saturating_add(received.raw.len());
        kept.received.push_back(received);
        while kept.bytes > BYTES_MAX {
            let Some(oldest) = kept.received.pop_front() else { break };
            kept.bytes = kept.bytes.saturating_sub(oldest.raw.len());
        }
        drop(kept);
        if well_formed {
            self.requests.fetch_add(1, Ordering::SeqCst);
        }
        self.arrived.notify_waiters();
    }

    pub(super) fn all(&self) -> Vec<Received> {
        self.received.lock().unwrap_or_else(PoisonError::into_inner).received.iter().cloned().collect()
    }

    pub(super) fn count(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    /// A connection is over on the upstream's side.
    pub(super) fn disconnected(&self) {
        self.closed.fetch_add(1, Ordering::SeqCst);
    }

    pub(super) fn closed(&self) -> u64 {
        self.closed.load(Ordering::SeqCst)
    }

    pub(super) fn connections(&self) -> u64 {
        self.connections.load(Ordering::SeqCst)
    }

    pub(super) async fn wait_for(&self, count: u64) {
        loop {
            // Enlisted before the look, so that no arrival falls in between.
            let arrival = self.arrived.notified();
            if self.count() >= count {
                return;
            }
            arrival.await;
        }
    }
}
