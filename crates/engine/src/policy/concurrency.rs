//! How many at once: a slot for each request in flight, held until the request has ended, however it ends. Knows nothing of the other
//! policies; a request that one of them refuses leaves its slots by being dropped.

use crate::counted::{Applies, Caller, CountBy, LimitName};
use crate::denial::Denial;
use crate::live::Live;
use crate::names::PolicyId;
use crate::naming::Naming;
use crate::reason::Reason;
use crate::trail::Mode;
use limits::gauge::{Entered, Gauge};
use std::sync::Arc;
use std::time::Duration;

/// Requests in flight under one limit, whatever their keys. More connections than that cannot be configured.
const ALL_MAX: usize = 1_000_000;

/// Nobody can know when a slot comes free. A second is about what the slow requests take that fill such a limit, and keeps a client that
/// obeys it from asking in a loop.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// One concurrency limit, on a route, on a plan or by a name of its own.
#[derive(Debug)]
pub struct Concurrency {
    pub policy: PolicyId,
    pub name: LimitName,
    /// Requests in flight for each key.
    pub max: usize,
    pub by: CountBy,
    pub mode: Mode,
    pub applies: Applies,
    /// Of this name; the same one after a reload.
    pub gauge: Arc<Gauge>,
}

impl Concurrency {
    /// Takes a slot, which is given back when what is returned is dropped. `None` when `when:` does not cover the caller.
    pub fn check(&self, caller: Caller<'_>, live: &Live) -> Option<Result<Entered, Denial>> {
        if !self.applies.to(caller) {
            return None;
        }
        let key = self.by.counter(Naming::Secret(&live.keyer), &self.name, caller);
        // Full in all or for this key: the client can do the same about both.
        Some(self.gauge.enter(key, ALL_MAX, self.max).map_err(|_| self.refusal()))
    }

    fn refusal(&self) -> Denial {
        let text = format!("all {} requests at once that {} allows are in flight", self.max, self.name.name());
        Denial::new(Reason::ConcurrencyLimitReached).retry_after(RETRY_AFTER).because(text)
    }
}
