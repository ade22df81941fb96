//! Where a caller stands with its limits after this request: what the `RateLimit` and `X-RateLimit-*` fields say.

use crate::names::PolicyId;
use limits::bucket::Taken;
use smallvec::SmallVec;

/// Limits that are told to the client at once; more are enforced but not told.
pub const STANDINGS_MAX: usize = 8;

/// One limit, as it is after this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    pub policy: PolicyId,
    /// Requests that would still be admitted now.
    pub remaining: u64,
    /// Seconds until the limit is whole again, rounded up.
    pub reset_s: u64,
    pub quota: Option<QuotaStanding>,
}

/// What a quota adds to that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaStanding {
    pub limit: u64,
    pub resets_unix_s: u64,
    pub headers: QuotaHeaders,
}

/// The switches of the `X-RateLimit-*` fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QuotaHeaders {
    pub limit: bool,
    pub remaining: bool,
    pub next: bool,
}

impl Standing {
    #[must_use]
    pub fn of_throttle(policy: PolicyId, taken: Taken) -> Self {
        let whole = taken.reset_after.as_secs();
        let rest = u64::from(taken.reset_after.subsec_nanos() > 0);
        Self { policy, remaining: taken.remaining, reset_s: whole.saturating_add(rest), quota: None }
    }
}

/// More than these go to the heap: room for all that there can be would be copied with each request.
const USUAL: usize = 4;

/// The limits of one request, in the order in which they were asked.
#[derive(Clone, Debug, Default)]
pub struct Standings(SmallVec<[Standing; USUAL]>);

impl Standings {
    /// Past [`STANDINGS_MAX`] nothing is told.
    pub fn push(&mut self, standing: Standing) {
        if self.0.len() < STANDINGS_MAX {
            self.0.push(standing);
        }
    }

    pub fn iter(&self) -> impl Iterator<Item = &Standing> + Clone {
        self.0.iter()
    }
}
