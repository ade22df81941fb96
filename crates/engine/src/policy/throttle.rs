//! How fast: a token bucket for each counter, with a sustained rate and a burst. Knows nothing of the other policies; what it
//! took it can give back when a later one refuses.

use crate::counted::{Caller, CountBy, Counter, LimitName, Population};
use crate::denial::{Denial, Detail};
use crate::live::Live;
use crate::names::PolicyId;
use crate::naming::Naming;
use crate::reason::Reason;
use crate::trail::Mode;
use limits::bucket::{Rate, Take, Taken};
use limits::clock::Now;
use limits::crowd::Counting;

pub use crate::counted::Applies;

/// One throttle, on a route, on a plan or by a name of its own.
#[derive(Debug)]
pub struct Throttle {
    pub policy: PolicyId,
    /// The name under which its state is kept: same name, same state, also over a reload.
    pub name: LimitName,
    pub rate: Rate,
    pub by: CountBy,
    pub mode: Mode,
    pub applies: Applies,
}

/// What one throttle took from its bucket.
#[derive(Clone, Copy, Debug)]
pub struct TakenFrom {
    counter: Counter,
    rate: Rate,
    counting: Counting,
    pub taken: Taken,
}

impl TakenFrom {
    /// Whether `taken` is true to the request. It is not for a caller who is counted together with others: nothing may be told of it.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.counting == Counting::Exact
    }
}

impl Throttle {
    /// Takes one request from the caller's bucket. `None` when `when:` does not cover the caller.
    pub fn check(&self, caller: Caller<'_>, live: &Live, now: Now) -> Option<Result<TakenFrom, Denial>> {
        if !self.applies.to(caller) {
            return None;
        }
        let counter = self.by.find(Naming::Secret(&live.keyer), &self.name, caller);
        let (take, counting) = match counter.population {
            Population::Listed => (live.buckets_named.take(counter.key, self.rate, now), Counting::Exact),
            Population::Values => (live.buckets_open.take(counter.key, self.rate, now), Counting::Exact),
            Population::Crowd => live.crowd.take(counter.key, self.rate, now),
        };
        Some(match take {
            Take::Granted(taken) => Ok(TakenFrom { counter, rate: self.rate, counting, taken }),
            Take::Refused { retry_after } => Err(self.refusal(counting).retry_after(retry_after)),
        })
    }

    fn refusal(&self, counting: Counting) -> Denial {
        let limit = self.name.name().clone();
        Denial::new(Reason::ThrottlingLimitReached).with(match counting {
            Counting::Exact => Detail::Throttle { limit },
            Counting::Sketched { window: _ } => Detail::CrowdedThrottle { limit },
        })
    }
}

impl Throttle {
    /// Where the caller stands, without taking anything. `None` when `when:` does not cover the caller, or when it is one of so many
    /// that what it has left is not known.
    #[must_use]
    pub fn peek(&self, caller: Caller<'_>, live: &Live, now: Now) -> Option<Taken> {
        if !self.applies.to(caller) {
            return None;
        }
        let Counter { key, population } = self.by.find(Naming::Secret(&live.keyer), &self.name, caller);
        match population {
            Population::Listed => Some(live.buckets_named.peek(key, self.rate, now)),
            Population::Values => Some(live.buckets_open.peek(key, self.rate, now)),
            Population::Crowd => live.crowd.peek(key, self.rate, now),
        }
    }
}

/// Puts back what [`Throttle::check`] took, for a request that another throttle refused.
pub fn give_back(from: TakenFrom, live: &Live, now: Now) {
    let TakenFrom { counter: Counter { key, population }, rate, counting, taken: _ } = from;
    match population {
        Population::Listed => live.buckets_named.give_back(key, rate, now),
        Population::Values => live.buckets_open.give_back(key, rate, now),
        Population::Crowd => live.crowd.give_back(key, rate, counting, now),
    }
}
