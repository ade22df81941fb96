//! One caller's rate: a leaky-bucket meter. Each request pours one in, the level drains at the sustained rate, and a request
//! that would overflow the burst is refused. The same as a token bucket, but what is stored is what was consumed: neither rate
//! nor burst is part of the state, so a changed limit keeps the consumption.
//!
//! Integers only. A request is 10^12 units, because a rate in thousandths of a request per second times nanoseconds is a number
//! of 10^-12 requests: the drain is exact and nothing is lost however often somebody asks.
//!
//! Does not know whose meter it is, nor the time of day.

use std::time::Duration;

pub(crate) const REQUEST_UNITS: u64 = 1_000_000_000_000;

/// Sustained rate and burst, within bounds that keep all arithmetic in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    milli_per_second: u64,
    burst: u64,
}

impl Rate {
    /// 10^6 requests per second.
    pub const MILLI_PER_SECOND_MAX: u64 = 1_000_000_000;
    pub const BURST_MAX: u64 = 1_000_000;

    /// `None` unless the rate is 0.001 to 10^6 requests per second and the burst 1 to 10^6 requests.
    #[must_use]
    pub const fn new(milli_requests_per_second: u64, burst: u64) -> Option<Self> {
        if milli_requests_per_second == 0 || milli_requests_per_second > Self::MILLI_PER_SECOND_MAX {
            return None;
        }
        if burst == 0 || burst > Self::BURST_MAX {
            return None;
        }
        Some(Self { milli_per_second: milli_requests_per_second, burst })
    }

    /// Requests that may come at once.
    #[must_use]
    pub const fn burst(self) -> u64 {
        self.burst
    }

    /// Thousandths of a request per second.
    #[must_use]
    pub const fn milli_per_second(self) -> u64 {
        self.milli_per_second
    }

    pub(crate) const fn burst_units(self) -> u64 {
        self.burst.saturating_mul(REQUEST_UNITS)
    }

    /// Nanoseconds until `units` have drained, rounded up.
    const fn drain_ns(self, units: u64) -> u64 {
        units.div_ceil(self.milli_per_second)
    }
}

/// What is left after a granted request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    /// Whole requests that could follow at once.
    pub remaining: u64,
    /// Until the whole burst is there again.
    pub reset_after: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    Granted(Taken),
    /// Nothing was consumed. Who comes back after `retry_after`, and is the only one on this meter, is granted; a nanosecond
    /// earlier is too early.
    Refused {
        retry_after: Duration,
    },
}

/// What was consumed and has not drained yet. A new one is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Meter {
    /// At most 10^18: the largest burst.
    level_units: u64,
    /// When `level_units` was true. Never goes back: a thread that read its clock before it got the lock drains nothing.
    at_ns: u64,
}

impl Meter {
    /// One that holds what was counted elsewhere; at most the burst.
    pub(crate) fn holding(level_units: u64, rate: Rate, now_ns: u64) -> Self {
        Self { level_units: level_units.min(rate.burst_units()), at_ns: now_ns }
    }

    /// Takes one request if it fits. The time since the last call drains at the rate of *this* call.
    pub fn take(&mut self, rate: Rate, now_ns: u64) -> Take {
        self.drain(rate, now_ns);
        let filled_units = self.level_units.saturating_add(REQUEST_UNITS);
        let Some(free_units) = rate.burst_units().checked_sub(filled_units) else {
            let excess_units = filled_units.saturating_sub(rate.burst_units());
            return Take::Refused { retry_after: self.until_drained(excess_units, rate, now_ns) };
        };
        self.level_units = filled_units;
        Take::Granted(Taken {
            remaining: free_units / REQUEST_UNITS,
            reset_after: self.until_drained(filled_units, rate, now_ns),
        })
    }

    /// What a request that takes nothing would be told: how many could follow at once, and when the whole burst is there again.
    #[must_use]
    pub fn peek(mut self, rate: Rate, now_ns: u64) -> Taken {
        self.drain(rate, now_ns);
        let free_units = rate.burst_units().saturating_sub(self.level_units);
        Taken { remaining: free_units / REQUEST_UNITS, reset_after: self.until_drained(self.level_units, rate, now_ns) }
    }

    /// Undoes one granted take. Never makes more than the burst.
    pub fn give_back(&mut self, rate: Rate, now_ns: u64) {
        self.drain(rate, now_ns);
        self.level_units = self.level_units.saturating_sub(REQUEST_UNITS);
    }

    /// Nothing consumed is left at `now_ns`: a new meter would answer the same.
    #[must_use]
    pub fn is_empty(&self, rate: Rate, now_ns: u64) -> bool {
        now_ns >= self.empty_at_ns(rate)
    }

    /// From when on [`Meter::is_empty`], if nothing more is taken.
    #[must_use]
    pub(crate) fn empty_at_ns(&self, rate: Rate) -> u64 {
        self.at_ns.saturating_add(rate.drain_ns(self.level_units))
    }

    /// The latest time that any call has brought.
    #[must_use]
    pub(crate) const fn used_at_ns(&self) -> u64 {
        self.at_ns
    }

    fn drain(&mut self, rate: Rate, now_ns: u64) {
        let passed_ns = now_ns.saturating_sub(self.at_ns);
        // Saturates above every possible level, so the result is still exact.
        self.level_units = self.level_units.saturating_sub(passed_ns.saturating_mul(rate.milli_per_second));
        self.at_ns = self.at_ns.max(now_ns);
    }

    /// From `now_ns`, which may lie before the time that the level is true for.
    fn until_drained(&self, units: u64, rate: Rate, now_ns: u64) -> Duration {
        let behind_ns = self.at_ns.saturating_sub(now_ns);
        Duration::from_nanos(rate.drain_ns(units).saturating_add(behind_ns))
    }
}

#[cfg(test)]
#[path = "bucket/tests.rs"]
mod tests;
