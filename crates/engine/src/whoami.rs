//! `GET /.well-known/tollgate/whoami`: a caller's own identity and what is left of its limits, and nothing about anybody else. What
//! the config says of it; the answer is made by `chain`.

use crate::names::PolicyId;
use crate::policy::throttle::Throttle;
use crate::request::RequestHead;
use crate::route::host::HostPattern;

/// Answered by the gateway itself, before any route.
pub const PATH: &str = "/.well-known/tollgate/whoami";

/// The config's `whoami`, switched on.
#[derive(Debug)]
pub struct Whoami {
    /// Empty is every host.
    pub hosts: Vec<HostPattern>,
    /// By address, before identity: its own, as asking must not consume what is asked about.
    pub throttle: Throttle,
    /// Under which the identity step is recorded.
    pub auth_policy: PolicyId,
}

impl Whoami {
    #[must_use]
    pub fn is_asked(&self, head: &RequestHead<'_>) -> bool {
        head.path == PATH && (self.hosts.is_empty() || self.hosts.iter().any(|host| host.matches(&head.host)))
    }
}
