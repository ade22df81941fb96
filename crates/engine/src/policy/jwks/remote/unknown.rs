//! Keys that tokens named and that the provider does not have: remembered for a while, so that a client which sends the same token
//! again and again costs no fetch. Bounded: a flood of invented names pushes out its own.

use limits::clock::Now;
use limits::keyed::Key;
use std::collections::{HashMap, VecDeque};
use std::time::Duration;

pub(super) const UNKNOWN_MAX: usize = 4096;

#[derive(Default)]
pub(super) struct Unknown {
    until_ns: HashMap<Key, u64>,
    /// In the order in which they were remembered.
    order: VecDeque<Key>,
}

impl Unknown {
    pub(super) fn has(&self, missing: Key, now: Now) -> bool {
        self.until_ns.get(&missing).is_some_and(|until| now.monotonic_ns < *until)
    }

    pub(super) fn remember(&mut self, missing: Key, how_long: Duration, now: Now) {
        let until = now.monotonic_ns.saturating_add(super::nanoseconds(how_long));
        if self.until_ns.insert(missing, until).is_none() {
            self.order.push_back(missing);
        }
        while self.order.len() > UNKNOWN_MAX {
            if let Some(oldest) = self.order.pop_front() {
                self.until_ns.remove(&oldest);
            }
        }
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.until_ns.len().max(self.order.len())
    }
}
