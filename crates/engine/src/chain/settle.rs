//! The end of the chain: quotas, and the proof that a request may go on.

use super::shared::{self, SharedCharge};
use super::{Gathered, Limited, Room, allowance, quotas};
use crate::counted::Caller;
use crate::denial::Denial;
use crate::identity::Identity;
use crate::names::{RouteId, UpstreamId};
use crate::policy::payload::Allowance;
use crate::policy::quota::Quota;
use crate::reason::Reason;
use crate::request::RequestHead;
use crate::rules::Route;
use crate::snapshot::Snapshot;
use crate::standing::{QuotaStanding, Standing, Standings};
use crate::trail::{Mode, Step, Trail};
use arrayvec::ArrayVec;
use limits::clock::Now;
use limits::counts::{CounterName, QuotaCharge};
use limits::shared::{Limit, Scope};

/// Quotas that can bind one request: its plan's and its route's.
pub const QUOTAS_MAX: usize = 2;

/// Admitted by everything but its quotas.
#[derive(Debug)]
pub struct Pending {
    /// What [`settle`] makes of this: filled in place, because every move of it is a copy on each request.
    admission: Admission,
    charges: ArrayVec<(Mode, QuotaCharge), QUOTAS_MAX>,
}

/// What the store said of one charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counted {
    Granted {
        used: u64,
    },
    Exceeded {
        used: u64,
    },
    Unavailable,
    /// Not charged, or given back, because another charge of the same request was refused.
    Void,
}

/// The right to be forwarded, or answered by the route itself. Only [`settle`] makes one.
#[derive(Debug)]
pub struct Admission {
    route: RouteId,
    upstream: Option<UpstreamId>,
    /// The slots among it are held as long as this is: to the end of the request. Of the charges that all nodes share, those that were
    /// charged are left.
    gathered: Gathered,
    allowance: Allowance,
    charged: ArrayVec<QuotaCharge, QUOTAS_MAX>,
}

impl Pending {
    pub(super) fn new(room: Room<'_>, mut gathered: Gathered) -> Self {
        let Room { snapshot, live: _, now, id, route, head: _ } = room;
        let Gathered { identity, limited, slots: _ } = &mut gathered;
        let caller = room.caller(identity);
        let mut charges = ArrayVec::new();
        for quota in quotas(snapshot, route, identity).take(QUOTAS_MAX) {
            match quota.scope {
                Scope::Node => charges.push((quota.mode, quota.charge(caller, now))),
                Scope::Cluster(sync) => {
                    let charge = quota.shared_charge(caller, sync);
                    limited.shared.push(SharedCharge::new(Step::Quota, quota.policy, quota.mode, charge));
                }
            }
        }
        let allowance = allowance(route.rules.payload.as_ref());
        let upstream = route.target.upstream();
        let admission = Admission { route: id, upstream, gathered, allowance, charged: ArrayVec::new() };
        Self { admission, charges }
    }

    /// What has to be charged: all enforced ones or none of them, those in dry run each for itself.
    pub fn charges(&self) -> impl Iterator<Item = &(Mode, QuotaCharge)> {
        self.charges.iter()
    }

    /// Whether the store that all nodes share has to be asked.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        !self.admission.gathered.limited.shared.is_empty()
    }

    /// What has to be asked of the store that all nodes share, in this order and before [`Pending::charges`]; each wants an answer.
    pub fn shared(&mut self) -> &mut [SharedCharge] {
        &mut self.admission.gathered.limited.shared
    }

    /// What people call the counter of the `index`th charge of a request with this head. Allocates; asked once for each counter.
    #[must_use]
    pub fn counter_name(&self, index: usize, snapshot: &Snapshot, head: &RequestHead<'_>) -> Option<CounterName> {
        let (id, identity) = (self.route(), self.identity());
        let route = snapshot.route(id)?;
        let quota = of_node(snapshot, route, identity).nth(index)?;
        let caller = Caller { head, identity, route: id, route_name: &route.name };
        Some(quota.counter_name(caller))
    }

    #[must_use]
    pub const fn identity(&self) -> &Identity {
        self.admission.identity()
    }

    #[must_use]
    pub const fn route(&self) -> RouteId {
        self.admission.route
    }
}

/// Judges what the store said of the charges, in their order. On a refusal the identity comes back for the record.
pub fn settle(
    pending: Pending,
    snapshot: &Snapshot,
    counted: &[Counted],
    now: Now,
    trail: &mut Trail,
) -> Result<Admission, (Denial, Identity)> {
    let Pending { mut admission, charges } = pending;
    let Admission { route, gathered: Gathered { identity, limited, slots: _ }, charged, .. } = &mut admission;
    let Limited { standings, shared } = limited;
    let mut refusal = shared::judge(shared, snapshot, now, trail, standings);
    if let Some(rules) = snapshot.route(*route) {
        let judged = of_node(snapshot, rules, identity).zip(&charges).zip(counted);
        for ((quota, (mode, charge)), counted) in judged {
            let result = verdict(quota, charge, *counted, now);
            match trail.judge(Step::Quota, Some(quota.policy), *mode, result) {
                Ok(None) => {}
                Ok(Some(used)) => {
                    charged.push(*charge);
                    if *mode == Mode::Enforce {
                        standings.push(standing(quota, charge, used, now));
                    }
                }
                Err(denial) => refusal = refusal.or(Some(denial)),
            }
        }
    }
    if counted.len() < charges.len() {
        refusal = Some(Denial::new(Reason::InternalError).because("a quota was not charged"));
    }
    match refusal {
        None => {
            shared.retain(|shared| matches!(shared.charge.limit, Limit::Count { .. }));
            Ok(admission)
        }
        Some(denial) => Err((denial, admission.gathered.identity)),
    }
}

/// The quotas that this node counts alone, in the order of [`Pending::charges`].
fn of_node<'a>(snapshot: &'a Snapshot, route: &'a Route, identity: &Identity) -> impl Iterator<Item = &'a Quota> {
    quotas(snapshot, route, identity).filter(|quota| quota.scope == Scope::Node)
}

fn verdict(quota: &Quota, charge: &QuotaCharge, counted: Counted, now: Now) -> Result<u64, Denial> {
    match counted {
        Counted::Granted { used } => Ok(used),
        // Another quota has refused; this one had nothing against it.
        Counted::Void => Ok(charge.limit),
        Counted::Exceeded { used: _ } => Err(quota.exceeded(charge, now)),
        Counted::Unavailable => Err(quota.unavailable()),
    }
}

fn standing(quota: &Quota, charge: &QuotaCharge, used: u64, now: Now) -> Standing {
    let resets_unix_s = charge.window.end_unix_s;
    Standing {
        policy: quota.policy,
        remaining: quota.limit.saturating_sub(used),
        reset_s: resets_unix_s.saturating_sub(now.unix_seconds()),
        quota: Some(QuotaStanding { limit: quota.limit, resets_unix_s, headers: quota.headers }),
    }
}

impl Admission {
    #[must_use]
    pub const fn route(&self) -> RouteId {
        self.route
    }

    /// None where the route answers itself.
    #[must_use]
    pub const fn upstream(&self) -> Option<UpstreamId> {
        self.upstream
    }

    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.gathered.identity
    }

    #[must_use]
    pub const fn standings(&self) -> &Standings {
        &self.gathered.limited.standings
    }

    /// How many concurrency limits this request occupies a slot of.
    #[must_use]
    pub const fn slots(&self) -> usize {
        self.gathered.slots.len()
    }

    /// Counts body bytes as they arrive.
    pub const fn allowance(&mut self) -> &mut Allowance {
        &mut self.allowance
    }

    /// What has been charged, taken out: to be refunded when the gateway itself fails the request.
    pub fn take_charges(&mut self) -> ArrayVec<QuotaCharge, QUOTAS_MAX> {
        std::mem::take(&mut self.charged)
    }

    /// The same of the quotas that all nodes share.
    pub fn take_shared_charges(&mut self) -> Vec<SharedCharge> {
        std::mem::take(&mut self.gathered.limited.shared)
    }
}
