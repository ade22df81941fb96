//! Where a route leads: to an upstream, or to an answer of its own.

use crate::names::UpstreamId;
use crate::redirect::Redirect;
use crate::reply::FixedResponse;

/// Where a route leads.
#[derive(Debug)]
pub enum Target {
    Upstream(UpstreamId),
    Redirect(Box<Redirect>),
    Respond(Box<FixedResponse>),
}

impl Target {
    #[must_use]
    pub const fn upstream(&self) -> Option<UpstreamId> {
        match self {
            Self::Upstream(id) => Some(*id),
            Self::Redirect(_) | Self::Respond(_) => None,
        }
    }
}
