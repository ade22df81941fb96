//! Who is told of what becomes of the store.

/// Why a call of the store came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failed {
    /// No answer in time.
    Timeout,
    /// No connection, or it broke.
    Connection,
    /// It answered something else than what it was asked.
    Answer,
}

/// Told of what becomes of the store, for metrics.
pub trait Watch: Send + Sync {
    /// A call was answered.
    fn answered(&self, took: std::time::Duration);
    /// A call came to nothing.
    fn failed(&self, why: Failed);
    /// The store can be asked from now on, or not any more.
    fn reachable(&self, yes: bool);
    /// How many nodes there are, by the last count.
    fn nodes(&self, nodes: u64);
    /// A limit was decided on without the store.
    fn decided_alone(&self);
}
