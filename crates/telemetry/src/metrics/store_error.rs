//! What can go wrong with a store of counts, as a label: a closed list.

/// See `docs/runbooks/quota_store_unavailable.md` for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StoreError {
    /// An attempt to write counts down failed; they stay in memory.
    Write,
    /// Counts were in memory only for longer than promised.
    Slow,
    /// A damaged file was set aside.
    Damaged,
    /// The file was removed or replaced while the gateway ran.
    Gone,
    /// The store that nodes share did not answer in time.
    Timeout,
    /// It cannot be reached, or the connection broke.
    Connection,
    /// It answered something else than what it was asked.
    Answer,
}

impl StoreError {
    pub const ALL: [Self; 7] =
        [Self::Write, Self::Slow, Self::Damaged, Self::Gone, Self::Timeout, Self::Connection, Self::Answer];

    /// The label's value.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Slow => "slow",
            Self::Damaged => "damaged",
            Self::Gone => "gone",
            Self::Timeout => "timeout",
            Self::Connection => "connection",
            Self::Answer => "answer",
        }
    }
}
