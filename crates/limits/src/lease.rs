//! One node's part of one shared limit: requests that the store has granted ahead of need. Taking one is a subtraction; when what
//! is left runs low the node asks for the next chunk while requests go on.
//!
//! A chunk is what the node's own demand uses in [`CHUNK_TIME`], and never more than a twentieth of the limit. What is not used is
//! given back or lapses; what an answer that never arrived had granted is lost. So all nodes together never admit more than the
//! store has granted, only, sometimes, a little less.
//!
//! Does not know how the store is asked, nor what is counted. Time comes in as nanoseconds of this node's own monotonic clock.

use crate::bucket::{Take, Taken};
use crate::shared::Limit;
use std::time::Duration;

/// A chunk is meant to last so long.
pub const CHUNK_TIME: Duration = Duration::from_millis(50);
/// What has not been used for so long is given back, and a caller who comes more seldom is not provided for ahead.
pub const IDLE_TIME: Duration = Duration::from_secs(1);
/// What was granted may be used for so long: a bound for a process that was halted in between.
pub const LEASE_TIME: Duration = Duration::from_secs(2);
/// After "nothing left" a node does not ask again for at least so long: what becomes free within it is granted in one answer.
const BACK_OFF_MIN: Duration = Duration::from_millis(5);
/// Nor for longer: other nodes give back what they do not use.
const BACK_OFF_MAX: Duration = Duration::from_secs(1);
/// An ask without an answer for so long is taken for lost.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(5);
/// Over which demand is averaged.
const DEMAND_TIME: Duration = Duration::from_millis(250);
/// Of a quota that comes to its end, a node asks for at most this part of what is left: the last ones must not lie about unused.
const LAST_PART: u64 = 8;

pub(crate) const fn ns(duration: Duration) -> u64 {
    // All of ours fit.
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(duration.subsec_nanos() as u64)
}

/// A chunk to be asked for. Exactly one of [`Lease::answered`] and [`Lease::failed`] is to follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// Tells asks of one lease apart.
    pub number: u64,
    pub want: u64,
    pub asked_at_ns: u64,
}

/// What the store said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    pub granted: u64,
    /// What nobody holds.
    pub remaining: u64,
    /// Until one more would be granted; zero if all that was wanted was.
    pub retry_after: Duration,
    /// Until the limit is whole again.
    pub reset_after: Duration,
    /// Which period was counted: the seconds at which it began, by the store's clock. Zero for a rate.
    pub epoch: u64,
}

/// What a request gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leased {
    /// An answer, and perhaps the next chunk to ask for.
    Settled(Take, Option<Ask>),
    /// Nothing is held and nothing is known: wait for the ask, which is under way unless it is handed out here.
    Dry(Option<Ask>),
}

/// Whether a request comes for the first time, or again after having waited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Touch {
    First,
    Again,
}

/// Unused requests on their way back to the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unused {
    pub requests: u64,
    pub epoch: u64,
}

/// How often requests come, as the level of a vessel with a leak: it holds what came within the last [`DEMAND_TIME`].
#[derive(Clone, Copy, Debug, Default)]
struct Demand {
    level_milli: u64,
    at_ns: u64,
}

impl Demand {
    /// One more request. How long ago the one before was.
    fn note(&mut self, now_ns: u64) -> u64 {
        let gap_ns = now_ns.saturating_sub(self.at_ns);
        let leaked = part(self.level_milli, gap_ns.min(ns(DEMAND_TIME)));
        self.level_milli = self.level_milli.saturating_sub(leaked).saturating_add(1_000);
        self.at_ns = self.at_ns.max(now_ns);
        gap_ns
    }

    /// How many come within [`CHUNK_TIME`].
    fn chunk(self) -> u64 {
        part(self.level_milli, ns(CHUNK_TIME)) / 1_000
    }
}

/// What part of a level belongs to a part of [`DEMAND_TIME`].
fn part(level: u64, time_ns: u64) -> u64 {
    level.saturating_mul(time_ns).checked_div(ns(DEMAND_TIME)).unwrap_or(0)
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Lease {
    held: u64,
    lapses_at_ns: u64,
    /// The period that `held` belongs to, and since when this node knows of it.
    epoch: u64,
    epoch_since_ns: u64,
    /// Nothing was left: not to be asked before, and what a client is told.
    not_before_ns: u64,
    ready_at_ns: u64,
    /// What nobody held at the last answer.
    remaining: u64,
    answered: bool,
    whole_at_ns: u64,
    asking: Option<Ask>,
    asks: u64,
    /// Requests that found nothing and wait.
    unmet: u64,
    demand: Demand,
    /// The last request came so soon after the one before that the next is worth providing for.
    steady: bool,
}

impl Lease {
    pub fn take(&mut self, limit: Limit, touch: Touch, now_ns: u64) -> Leased {
        if touch == Touch::First {
            let gap_ns = self.demand.note(now_ns);
            self.steady = gap_ns < ns(IDLE_TIME);
        }
        if now_ns >= self.lapses_at_ns {
            self.held = 0;
        }
        if let Some(left) = self.held.checked_sub(1) {
            self.held = left;
            let taken = Taken {
                remaining: self.remaining.saturating_add(left),
                reset_after: Duration::from_nanos(self.whole_at_ns.saturating_sub(now_ns)),
            };
            return Leased::Settled(Take::Granted(taken), self.ahead(limit, now_ns));
        }
        if now_ns < self.not_before_ns {
            let wait_ns = self.ready_at_ns.saturating_sub(now_ns).max(1);
            return Leased::Settled(Take::Refused { retry_after: Duration::from_nanos(wait_ns) }, None);
        }
        if touch == Touch::First {
            self.unmet = self.unmet.saturating_add(1);
        }
        Leased::Dry(self.ask(limit, now_ns))
    }

    /// Takes the store's answer in. False if the ask is not the one under way: nobody may use what was granted then.
    #[must_use]
    pub fn answered(&mut self, ask: Ask, answer: Answer, now_ns: u64) -> bool {
        if self.asking != Some(ask) {
            return false;
        }
        self.asking = None;
        let all = answer.granted >= ask.want;
        self.unmet = if all { self.unmet.saturating_sub(answer.granted) } else { 0 };
        if answer.epoch != self.epoch || !self.answered {
            self.held = 0;
            self.epoch = answer.epoch;
            self.epoch_since_ns = ask.asked_at_ns;
        }
        self.answered = true;
        if now_ns >= self.lapses_at_ns {
            self.held = 0;
        }
        self.held = self.held.saturating_add(answer.granted);
        // From the question on: the answer is older than it looks.
        let mut lapses_at_ns = ask.asked_at_ns.saturating_add(ns(LEASE_TIME));
        if answer.epoch != 0 {
            lapses_at_ns = lapses_at_ns.min(ask.asked_at_ns.saturating_add(ns(answer.reset_after)));
        }
        self.lapses_at_ns = lapses_at_ns;
        self.remaining = answer.remaining;
        self.whole_at_ns = now_ns.saturating_add(ns(answer.reset_after));
        if !all {
            self.ready_at_ns = now_ns.saturating_add(ns(answer.retry_after));
            let back_off = answer.retry_after.clamp(BACK_OFF_MIN, BACK_OFF_MAX);
            self.not_before_ns = now_ns.saturating_add(ns(back_off));
        }
        true
    }

    /// The ask came to nothing: what it may have been granted is lost.
    pub fn failed(&mut self, ask: Ask) {
        if self.asking == Some(ask) {
            self.asking = None;
            self.unmet = 0;
        }
    }

    /// A request that was granted at `taken_at_ns` is not made after all. False if it can not be kept here: it is then the
    /// store's, or lost.
    #[must_use]
    pub fn put_back(&mut self, taken_at_ns: u64, now_ns: u64) -> bool {
        let usable = self.answered && taken_at_ns >= self.epoch_since_ns && now_ns < self.lapses_at_ns;
        if usable {
            self.held = self.held.saturating_add(1);
        }
        usable
    }

    /// What to give back, if nobody has come for [`IDLE_TIME`].
    pub fn idle(&mut self, now_ns: u64) -> Option<Unused> {
        let idle_ns = now_ns.saturating_sub(self.demand.at_ns);
        if idle_ns < ns(IDLE_TIME) || self.is_asking(now_ns) { None } else { self.surrender(now_ns) }
    }

    /// What to give back now.
    pub fn surrender(&mut self, now_ns: u64) -> Option<Unused> {
        let requests = std::mem::take(&mut self.held);
        (requests > 0 && now_ns < self.lapses_at_ns).then_some(Unused { requests, epoch: self.epoch })
    }

    /// A new one would answer the same.
    #[must_use]
    pub fn is_blank(&self, now_ns: u64) -> bool {
        let idle_ns = now_ns.saturating_sub(self.demand.at_ns);
        let empty = self.held == 0 || now_ns >= self.lapses_at_ns;
        empty && idle_ns >= ns(IDLE_TIME) && now_ns >= self.not_before_ns && !self.is_asking(now_ns)
    }

    /// The next chunk, when half of this one is used.
    fn ahead(&mut self, limit: Limit, now_ns: u64) -> Option<Ask> {
        let chunk = self.chunk(limit);
        let plenty = self.held.saturating_mul(2) > chunk;
        if plenty || !self.steady || now_ns < self.not_before_ns { None } else { self.ask(limit, now_ns) }
    }

    fn ask(&mut self, limit: Limit, now_ns: u64) -> Option<Ask> {
        if self.is_asking(now_ns) {
            return None;
        }
        self.asks = self.asks.saturating_add(1);
        let ask = Ask { number: self.asks, want: self.chunk(limit), asked_at_ns: now_ns };
        self.asking = Some(ask);
        Some(ask)
    }

    fn is_asking(&self, now_ns: u64) -> bool {
        self.asking.is_some_and(|ask| now_ns.saturating_sub(ask.asked_at_ns) < ns(ANSWER_TIME_MAX))
    }

    fn chunk(&self, limit: Limit) -> u64 {
        let wanted = self.demand.chunk().max(self.unmet);
        let most = match limit {
            Limit::Count { .. } if self.answered => limit.chunk_max().min(self.remaining / LAST_PART),
            Limit::Count { .. } | Limit::Rate(_) => limit.chunk_max(),
        };
        wanted.min(most).max(1)
    }
}

#[cfg(test)]
#[path = "lease/tests.rs"]
mod tests;
