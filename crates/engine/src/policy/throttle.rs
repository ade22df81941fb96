//! How fast: a token bucket for each counter, with a sustained rate and a burst. Knows nothing of the other policies; what it
//! took it can give back when a later one refuses.

use crate::counted::{Caller, CountBy};
use crate::denial::{Denial, Detail};
use crate::live::Live;
use crate::names::{Name, PolicyId};
use crate::reason::Reason;
use crate::trail::Mode;
use limits::bucket::{Rate, Take, Taken};
use limits::buckets::Buckets;
use limits::clock::Now;
use limits::keyed::Key;

/// One throttle, on a route, on a plan or by a name of its own.
#[derive(Debug)]
pub struct Throttle {
    pub policy: PolicyId,
    /// The name under which its state is kept: same name, same state, also over a reload.
    pub name: Name,
    pub rate: Rate,
    pub by: CountBy,
    pub mode: Mode,
    pub applies: Applies,
}

/// `when:` of a named throttle, routes aside: those are settled at load. AND across kinds, OR within one.
#[derive(Debug, Default)]
pub struct Applies {
    /// None is every plan, and callers without one.
    pub plans: Option<Vec<Name>>,
    /// None is everybody.
    pub consumers: Option<Vec<Name>>,
}

impl Applies {
    fn to(&self, caller: Caller<'_>) -> bool {
        let named = |names: &Option<Vec<Name>>, name: Option<&Name>| match names {
            None => true,
            Some(names) => name.is_some_and(|name| names.contains(name)),
        };
        named(&self.plans, caller.identity.plan.as_ref().map(|plan| &plan.name))
            && named(&self.consumers, caller.identity.consumer_id())
    }
}

/// What one throttle took from its bucket.
#[derive(Clone, Copy, Debug)]
pub struct TakenFrom {
    counter: Key,
    rate: Rate,
    bounded_by_config: bool,
    pub taken: Taken,
}

impl Throttle {
    /// Takes one request from the caller's bucket. `None` when `when:` does not cover the caller.
    pub fn check(&self, caller: Caller<'_>, live: &Live, now: Now) -> Option<Result<TakenFrom, Denial>> {
        if !self.applies.to(caller) {
            return None;
        }
        let counter = self.by.counter(&live.keyer, &self.name, caller);
        let bounded_by_config = self.by.is_bounded_by_config();
        Some(match buckets(live, bounded_by_config).take(counter, self.rate, now) {
            Take::Granted(taken) => Ok(TakenFrom { counter, rate: self.rate, bounded_by_config, taken }),
            Take::Refused { retry_after } => Err(Denial::new(Reason::ThrottlingLimitReached)
                .retry_after(retry_after)
                .with(Detail::Throttle { limit: self.name.clone() })),
        })
    }
}

impl Throttle {
    /// Where the caller stands, without taking anything. `None` when `when:` does not cover the caller.
    #[must_use]
    pub fn peek(&self, caller: Caller<'_>, live: &Live, now: Now) -> Option<Taken> {
        if !self.applies.to(caller) {
            return None;
        }
        let counter = self.by.counter(&live.keyer, &self.name, caller);
        Some(buckets(live, self.by.is_bounded_by_config()).peek(counter, self.rate, now))
    }
}

/// Puts back what [`Throttle::check`] took, for a request that another throttle refused.
pub fn give_back(from: TakenFrom, live: &Live, now: Now) {
    buckets(live, from.bounded_by_config).give_back(from.counter, from.rate, now);
}

fn buckets(live: &Live, bounded_by_config: bool) -> &Buckets {
    if bounded_by_config { &live.buckets_named } else { &live.buckets_open }
}
