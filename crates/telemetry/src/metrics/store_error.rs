//! What can go wrong with the file of quota counts, as a label: a closed list.

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
}

impl StoreError {
    /// The store that these are faults of, as a label.
    pub(super) const STORE: &str = "file";
    pub const ALL: [Self; 4] = [Self::Write, Self::Slow, Self::Damaged, Self::Gone];

    /// The label's value.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Write => "write",
            Self::Slow => "slow",
            Self::Damaged => "damaged",
            Self::Gone => "gone",
        }
    }
}
