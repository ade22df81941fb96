//! A request that stopped before its identity, because keys are being fetched that it depends on.

use super::Limited;
use crate::names::RouteId;
use arrayvec::ArrayVec;

/// Providers that one request can wait for. A route with more ways in decides on what the others have.
pub const PROVIDERS_MAX: usize = 4;

/// What has been found out so far. Nothing can be forwarded with it.
#[derive(Debug)]
pub struct Waiting {
    pub(super) route: RouteId,
    pub(super) limited: Limited,
    pub(super) providers: ArrayVec<usize, PROVIDERS_MAX>,
}

impl Waiting {
    /// Whose keys are coming: places in [`crate::snapshot::Snapshot::providers`].
    #[must_use]
    pub fn providers(&self) -> &[usize] {
        &self.providers
    }
}
