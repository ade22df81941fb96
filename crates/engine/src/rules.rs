//! All that one route asks of a request, defaults already merged in. `chain` takes it apart without `..`.

use crate::compression::Compression;
use crate::names::{Name, Place, PolicyId};
use crate::policy::concurrency::Concurrency;
use crate::policy::cors::Cors;
use crate::policy::deprecation::Deprecation;
use crate::policy::ip_access::IpAccess;
use crate::policy::parameters::Parameters;
use crate::policy::payload::Payload;
use crate::policy::quota::Quota;
use crate::policy::reading::Reading;
use crate::policy::throttle::Throttle;
use crate::response::ResponseRules;
use crate::target::Target;
use crate::transform::Transform;
use std::sync::Arc;

/// A route's own rules, in the order in which they are asked. What few routes have is boxed: among thousands of routes, the lines of
/// memory that a request reads of its own are cold.
#[derive(Debug)]
pub struct Rules {
    pub cors: Option<Arc<Cors>>,
    pub ip_access: Option<Box<IpAccess>>,
    pub deprecation: Option<Arc<Deprecation>>,
    /// Throttles that count by address: they need no identity and so stand before it.
    pub throttles_before_identity: Vec<Throttle>,
    pub auth: Auth,
    /// The policy under which the auth step is recorded.
    pub auth_policy: PolicyId,
    pub concurrency: Vec<Concurrency>,
    pub throttles: Vec<Throttle>,
    pub parameters: Option<Box<Parameters>>,
    pub payload: Option<Payload>,
    pub quota: Option<Quota>,
    /// What is read of the body itself, when all others have agreed.
    pub reading: Option<Box<Reading>>,
}

/// How much a plan grants to each of its consumers.
#[derive(Debug)]
pub struct PlanLimits {
    pub concurrency: Option<Concurrency>,
    pub throttles: Vec<Throttle>,
    pub quota: Option<Quota>,
}

/// Who may call.
#[derive(Clone, Debug)]
pub enum Auth {
    /// Anybody: `none: {}`, said in so many words.
    Open,
    ApiKey,
    /// A user and a password of the config.
    Basic,
    /// The place in [`crate::snapshot::Snapshot::auth_services`].
    Forward(usize),
    Jwt {
        /// The place in [`crate::snapshot::Snapshot::providers`].
        provider: usize,
        scopes: Vec<Box<str>>,
    },
    /// The first that lets the caller in.
    Any(Vec<Auth>),
    /// All of them.
    All(Vec<Auth>),
}

impl Auth {
    /// Whether the gateway may have to ask somebody, or to work for long, before it knows.
    #[must_use]
    pub fn asks(&self) -> bool {
        match self {
            Self::Basic | Self::Forward(_) => true,
            Self::Open | Self::ApiKey | Self::Jwt { .. } => false,
            Self::Any(ways) | Self::All(ways) => ways.iter().any(Self::asks),
        }
    }
}

/// One route of the snapshot.
#[derive(Debug)]
pub struct Route {
    pub name: Name,
    pub place: Place,
    pub target: Target,
    pub rules: Rules,
    /// What is put on every answer; none for most routes.
    pub response: Option<Box<ResponseRules>>,
    /// Boxed: rare, and asked for by every request.
    pub transform: Option<Box<Transform>>,
    pub compression: Option<Box<Compression>>,
}
