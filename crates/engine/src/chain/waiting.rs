//! A request that stopped before its identity, because keys are being fetched that it depends on.

use super::paused::Paused;
use crate::names::RouteId;
use arrayvec::ArrayVec;

/// Providers that one request can wait for. A route with more ways in decides on what the others have.
pub const PROVIDERS_MAX: usize = 4;

/// An admission that waits for keys.
#[derive(Debug)]
pub struct Waiting {
    pub(super) paused: Paused,
    pub(super) providers: ArrayVec<usize, PROVIDERS_MAX>,
}

impl Waiting {
    /// Whose keys are coming: places in [`crate::snapshot::Snapshot::providers`].
    #[must_use]
    pub fn providers(&self) -> &[usize] {
        &self.providers
    }

    #[must_use]
    pub const fn route(&self) -> RouteId {
        self.paused.route
    }
}
