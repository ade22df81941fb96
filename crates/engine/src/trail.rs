//! What each step said. Fixed size and no heap, so that every request can afford one; `explain`, the access log and dry run all
//! read the same trail.

use crate::denial::Denial;
use crate::names::PolicyId;
use crate::reason::Reason;
use arrayvec::ArrayVec;

/// How many steps one request can take; the compiler of the config refuses a route that would need more.
pub const STEPS_MAX: usize = 32;

/// The rooms of the chain, in the order in which they are entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Step {
    Route,
    Cors,
    IpAccess,
    Deprecation,
    AddressThrottle,
    Identity,
    Access,
    Concurrency,
    Throttle,
    Parameters,
    Payload,
    Quota,
    Body,
}

impl Step {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Route => "route",
            Self::Cors => "cors",
            Self::IpAccess => "ipAccess",
            Self::Deprecation => "deprecation",
            Self::AddressThrottle => "addressThrottle",
            Self::Identity => "identity",
            Self::Access => "access",
            Self::Concurrency => "concurrency",
            Self::Throttle => "throttle",
            Self::Parameters => "parameters",
            Self::Payload => "payload",
            Self::Quota => "quota",
            Self::Body => "body",
        }
    }
}

/// Whether a policy's refusal counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Enforce,
    /// Decides with its own state and is recorded, but changes nothing.
    DryRun,
    Off,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Pass,
    Deny(Reason),
    /// A policy in dry run would have refused.
    WouldDeny(Reason),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    pub step: Step,
    /// None for what is no policy of the config: routing itself.
    pub policy: Option<PolicyId>,
    pub mode: Mode,
    pub verdict: Verdict,
}

/// The steps of one request so far.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    entries: ArrayVec<Entry, STEPS_MAX>,
    without_store: bool,
}

impl Trail {
    /// Records what a policy said and lets a refusal through only if the policy is enforced. Dry run lives here and nowhere else.
    pub fn judge<T>(
        &mut self,
        step: Step,
        policy: Option<PolicyId>,
        mode: Mode,
        result: Result<T, Denial>,
    ) -> Result<Option<T>, Denial> {
        match (result, mode) {
            (Ok(value), Mode::Enforce | Mode::DryRun | Mode::Off) => {
                self.push(Entry { step, policy, mode, verdict: Verdict::Pass });
                Ok(Some(value))
            }
            (Err(denial), Mode::Enforce) => {
                self.push(Entry { step, policy, mode, verdict: Verdict::Deny(denial.reason) });
                Err(match policy {
                    Some(policy) => denial.by(policy),
                    None => denial,
                })
            }
            (Err(denial), Mode::DryRun | Mode::Off) => {
                self.push(Entry { step, policy, mode, verdict: Verdict::WouldDeny(denial.reason) });
                Ok(None)
            }
        }
    }

    /// Past the end nothing is recorded: a route that needs more steps is refused at load.
    pub fn push(&mut self, entry: Entry) {
        let _ = self.entries.try_push(entry);
    }

    /// A shared limit was decided on without the store.
    pub const fn note_without_store(&mut self) {
        self.without_store = true;
    }

    #[must_use]
    pub const fn without_store(&self) -> bool {
        self.without_store
    }

    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter()
    }

    /// The refusals of policies in dry run.
    pub fn would_deny(&self) -> impl Iterator<Item = (Option<PolicyId>, Reason)> + '_ {
        self.entries().filter_map(|entry| match entry.verdict {
            Verdict::WouldDeny(reason) => Some((entry.policy, reason)),
            Verdict::Pass | Verdict::Deny(_) => None,
        })
    }
}
