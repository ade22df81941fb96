//! How much in a calendar period: which counter a request is charged to. Charging itself is the store's work, because counts are
//! kept and shared there; this module says what to charge and what a full count means.

use crate::counted::{self, Caller, CountBy, LimitName};
use crate::denial::{Denial, Detail};
use crate::names::{Name, PolicyId};
use crate::naming::Naming;
use crate::reason::Reason;
use crate::standing::QuotaHeaders;
use crate::trail::Mode;
use limits::clock::Now;
use limits::counts::{CounterName, Population, QuotaCharge};
use limits::shared::{Charge, Limit, Scope, Sync};
use limits::window::Period;
use std::time::Duration;

/// One quota, on a route or on a plan.
#[derive(Debug)]
pub struct Quota {
    pub policy: PolicyId,
    pub name: Name,
    /// The name under which its counts are kept: same name, same counts, also over a reload. Holds the period's name, as a count
    /// belongs to one kind of period.
    pub counter: LimitName,
    pub limit: u64,
    pub period: Period,
    pub by: CountBy,
    pub mode: Mode,
    pub headers: QuotaHeaders,
    pub scope: Scope,
}

impl Quota {
    /// What this request is to be charged to.
    #[must_use]
    pub fn charge(&self, caller: Caller<'_>, now: Now) -> QuotaCharge {
        let found = self.by.find(Naming::Durable, &self.counter, caller);
        let population = match found.population {
            counted::Population::Listed => Population::Listed,
            counted::Population::Values | counted::Population::Crowd => Population::MadeUp,
        };
        QuotaCharge { counter: found.key, window: self.period.window(now), limit: self.limit, population }
    }

    /// The same, of a quota that all nodes share.
    #[must_use]
    pub fn shared_charge(&self, caller: Caller<'_>, sync: Sync) -> Charge {
        let limit = Limit::Count { limit: self.limit, period: self.period };
        let counter = self.by.counter(Naming::Durable, &self.counter, caller);
        Charge { counter, limit, sync: limit.sync(sync) }
    }

    /// The same, of a consumer that is known by name only. None if the quota is not shared, or does not count by consumer.
    #[must_use]
    pub fn shared_count_of(&self, consumer: &str) -> Option<Charge> {
        let Scope::Cluster(sync) = self.scope else { return None };
        let limit = Limit::Count { limit: self.limit, period: self.period };
        let counter = self.by.of_consumer(&self.counter, consumer)?;
        Some(Charge { counter, limit, sync: limit.sync(sync) })
    }

    /// What people call the counter of that charge. Allocates; asked once for each counter.
    #[must_use]
    pub fn counter_name(&self, caller: Caller<'_>) -> CounterName {
        self.by.name(&self.name, self.period, caller)
    }

    /// The refusal when that charge found its count full.
    #[must_use]
    pub fn exceeded(&self, charge: &QuotaCharge, now: Now) -> Denial {
        let wait = charge.window.end_unix_s.saturating_mul(1_000).saturating_sub(now.unix_ms);
        Denial::new(Reason::QuotaExceeded)
            .retry_after(Duration::from_millis(wait))
            .with(Detail::Quota { limit: self.limit, resets_unix_s: charge.window.end_unix_s })
    }

    /// The refusal when the store could not count.
    #[must_use]
    pub fn unavailable(&self) -> Denial {
        Denial::new(Reason::QuotaStoreUnavailable).because(format!("the counter of quota {} has no room", self.name))
    }
}
