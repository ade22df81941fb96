//! A limit that all nodes share: what a request takes of it, and how a node may go about taking it. Does not know where the counts
//! are kept, nor how to reach them.

use crate::bucket::Rate;
use crate::keyed::Key;
use crate::window::Period;

/// How a node takes from a shared limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Sync {
    /// In chunks ahead of need: a request does not wait for the store.
    #[default]
    Lease,
    /// One by one: each request waits for the store's answer.
    Exact,
}

/// Whose requests a limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Scope {
    /// Those of this process.
    #[default]
    Node,
    /// Those of all nodes, through the store that they share.
    Cluster(Sync),
}

/// How much all nodes together may admit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Rate(Rate),
    /// Requests in a period of the calendar, as the store's clock has it.
    Count {
        limit: u64,
        period: Period,
    },
}

/// Smaller limits are not leased: a chunk would be one request, and the requests that other nodes hold a large part of the limit.
pub const LEASED_SIZE_MIN: u64 = 20;

impl Limit {
    /// Requests that may come at once, or in the period.
    #[must_use]
    pub const fn size(self) -> u64 {
        match self {
            Self::Rate(rate) => rate.burst(),
            Self::Count { limit, .. } => limit,
        }
    }

    /// The most that a node asks for at a time: a twentieth of the limit.
    #[must_use]
    pub const fn chunk_max(self) -> u64 {
        let twentieth = self.size() / LEASED_SIZE_MIN;
        if twentieth == 0 { 1 } else { twentieth }
    }

    /// How it is really taken: what is too small to be leased is taken one by one.
    #[must_use]
    pub const fn sync(self, wished: Sync) -> Sync {
        if self.size() < LEASED_SIZE_MIN { Sync::Exact } else { wished }
    }

    /// What one of `nodes` may admit alone when nobody can be asked: its part, rounded down, but never nothing.
    #[must_use]
    pub fn share(self, nodes: u64) -> Self {
        let part = |whole: u64| whole.checked_div(nodes).unwrap_or(whole).max(1);
        match self {
            Self::Rate(rate) => {
                // A part of a sound rate, at least one of each, is a sound rate.
                Self::Rate(Rate::new(part(rate.milli_per_second()), part(rate.burst())).unwrap_or(rate))
            }
            Self::Count { limit, period } => Self::Count { limit: part(limit), period },
        }
    }
}

/// One request, to be counted against one shared limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The same on all nodes.
    pub counter: Key,
    pub limit: Limit,
    pub sync: Sync,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(milli: u64, burst: u64) -> Limit {
        Limit::Rate(Rate::new(milli, burst).expect("within bounds"))
    }

    fn count(limit: u64) -> Limit {
        Limit::Count { limit, period: Period::Day }
    }

    #[test]
    fn small_limits_are_exact_by_themselves() {
        for (limit, sync, chunk_max) in [
            (rate(1_000_000, 19), Sync::Exact, 1),
            (rate(1, 20), Sync::Lease, 1),
            (rate(1_000_000, 1_000), Sync::Lease, 50),
            (count(1), Sync::Exact, 1),
            (count(1_000_000), Sync::Lease, 50_000),
        ] {
            assert_eq!((limit.sync(Sync::Lease), limit.chunk_max()), (sync, chunk_max), "{limit:?}");
            assert_eq!(limit.sync(Sync::Exact), Sync::Exact);
        }
    }

    #[test]
    fn a_share_is_never_nothing_and_shares_never_exceed_a_large_limit() {
        assert_eq!(rate(1_000_000, 1_000).share(4), rate(250_000, 250));
        assert_eq!(count(10).share(4), count(2));
        assert_eq!((rate(1, 1).share(100), count(1).share(100)), (rate(1, 1), count(1)));
        assert_eq!((rate(5, 5).share(0), count(7).share(0)), (rate(5, 5), count(7)));
    }
}
