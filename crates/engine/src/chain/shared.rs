//! Limits that all nodes share, from the chain's side: what has to be asked elsewhere is collected here, in the chain's order, and
//! judged when the answers are there. Does not know who is asked, nor how long that takes.

use crate::denial::{Denial, Detail};
use crate::names::{Name, PolicyId};
use crate::reason::Reason;
use crate::snapshot::Snapshot;
use crate::standing::{QuotaStanding, Standing, Standings};
use crate::trail::{Mode, Step, Trail};
use limits::bucket::{Take, Taken};
use limits::clock::Now;
use limits::shared::{Charge, Limit};

/// One shared limit that a request falls under.
#[derive(Clone, Copy, Debug)]
pub struct SharedCharge {
    pub step: Step,
    pub policy: PolicyId,
    pub mode: Mode,
    pub charge: Charge,
    answer: Option<SharedAnswer>,
    /// When it was answered: what is given back goes to the window of that time.
    taken: Now,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedAnswer {
    /// The store has said so, now or ahead of need.
    Counted(Take),
    /// The store could not be asked; decided here, as `onFailure` has it.
    Alone(Take),
    /// The store could not be asked, and nothing is let through without it.
    Unavailable,
    /// Not charged, or given back, because another charge of the same request was refused.
    Void,
}

impl SharedAnswer {
    #[must_use]
    pub const fn is_granted(self) -> bool {
        match self {
            Self::Counted(take) | Self::Alone(take) => matches!(take, Take::Granted(_)),
            Self::Unavailable | Self::Void => false,
        }
    }
}

impl SharedCharge {
    pub(super) const fn new(step: Step, policy: PolicyId, mode: Mode, charge: Charge) -> Self {
        Self { step, policy, mode, charge, answer: None, taken: Now::at_unix_seconds(0) }
    }

    pub const fn answer(&mut self, answer: SharedAnswer, now: Now) {
        self.answer = Some(answer);
        self.taken = now;
    }

    /// It has been given back, because another charge of the same request was refused. One in dry run is judged all the same.
    pub fn void(&mut self) {
        if self.mode == Mode::Enforce && self.answer.is_some_and(SharedAnswer::is_granted) {
            self.answer = Some(SharedAnswer::Void);
        }
    }

    /// When it was answered.
    #[must_use]
    pub const fn taken(&self) -> Now {
        self.taken
    }

    /// Whether the store has counted it, so that it is the store's to take back.
    #[must_use]
    pub const fn is_counted(&self) -> bool {
        matches!(self.answer, Some(SharedAnswer::Counted(Take::Granted(_))))
    }

    /// Whether it was granted here, without the store.
    #[must_use]
    pub const fn is_granted_alone(&self) -> bool {
        matches!(self.answer, Some(SharedAnswer::Alone(Take::Granted(_))))
    }
}

/// Judges the answers, in the order of the charges; the first enforced refusal comes back.
pub(super) fn judge(
    charges: &[SharedCharge],
    snapshot: &Snapshot,
    now: Now,
    trail: &mut Trail,
    standings: &mut Standings,
) -> Option<Denial> {
    let mut refusal = None;
    for shared in charges {
        let result = match shared.answer {
            Some(SharedAnswer::Void) => continue,
            Some(SharedAnswer::Counted(take)) => verdict(shared, take, snapshot, now),
            Some(SharedAnswer::Alone(take)) => {
                trail.note_without_store();
                verdict(shared, take, snapshot, now)
            }
            Some(SharedAnswer::Unavailable) => {
                trail.note_without_store();
                Err(Denial::new(Reason::QuotaStoreUnavailable)
                    .because("the shared store cannot be asked, and store.redis.onFailure is deny"))
            }
            None => Err(Denial::new(Reason::InternalError).because("a shared limit was not asked")),
        };
        match trail.judge(shared.step, Some(shared.policy), shared.mode, result) {
            Ok(Some(taken)) if shared.mode == Mode::Enforce => standings.push(standing(shared, taken, snapshot, now)),
            Ok(_) => {}
            Err(denial) => refusal = refusal.or(Some(denial)),
        }
    }
    refusal
}

fn verdict(shared: &SharedCharge, take: Take, snapshot: &Snapshot, now: Now) -> Result<Taken, Denial> {
    let retry_after = match take {
        Take::Granted(taken) => return Ok(taken),
        Take::Refused { retry_after } => retry_after,
    };
    let denial = match shared.charge.limit {
        Limit::Rate(_) => {
            let name = snapshot.policy(shared.policy).map_or_else(|| Name::from("-"), |policy| policy.name.clone());
            Denial::new(Reason::ThrottlingLimitReached).with(Detail::Throttle { limit: name })
        }
        Limit::Count { limit, period } => {
            let resets_unix_s = period.window(now).end_unix_s;
            Denial::new(Reason::QuotaExceeded).with(Detail::Quota { limit, resets_unix_s })
        }
    };
    Err(denial.retry_after(retry_after))
}

fn standing(shared: &SharedCharge, taken: Taken, snapshot: &Snapshot, now: Now) -> Standing {
    let mut standing = Standing::of_throttle(shared.policy, taken);
    if let Limit::Count { limit, period } = shared.charge.limit {
        let field = snapshot.policy(shared.policy).and_then(|policy| policy.rate_limit.as_ref());
        let headers = field.map(|field| field.quota_headers).unwrap_or_default();
        standing.quota = Some(QuotaStanding { limit, resets_unix_s: period.window(now).end_unix_s, headers });
    }
    standing
}
