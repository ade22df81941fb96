//! Small names for large things: what a request's record holds instead of strings.

use std::fmt;
use std::sync::Arc;

/// A name from the config, shared by everybody who shows it.
pub type Name = Arc<str>;

/// A map whose keys the config chooses and clients only look up. Its quick hash could be flooded by whoever chooses keys.
pub type ByConfig<K, V> = std::collections::HashMap<K, V, foldhash::fast::RandomState>;

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $id:ident,)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $id(pub u32);

        impl $id {
            /// The place in the snapshot's list.
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }
        }
    )+};
}

ids! {
    /// A route's place in [`crate::snapshot::Snapshot::routes`].
    RouteId,
    /// An upstream's place in [`crate::snapshot::Snapshot::upstreams`].
    UpstreamId,
    /// A policy's place in [`crate::snapshot::Snapshot::policies`].
    PolicyId,
    /// A plan's place in [`crate::snapshot::Snapshot::plan_limits`].
    PlanId,
}

/// Where in the config something was said: the file as the operator named it, line and column from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub file: Name,
    pub line: u32,
    pub column: u32,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}:{}", self.file, self.line, self.column)
    }
}
