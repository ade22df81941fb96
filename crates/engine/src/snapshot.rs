//! One config, compiled: everything that decides, immutable, held by each request from its beginning to its end.

use crate::auth_service::AuthService;
use crate::denial::{Denial, Detail};
use crate::identity::{Consumer, ConsumerPlan};
use crate::names::{ByConfig, Name, Place, PlanId, PolicyId, RouteId, UpstreamId};
use crate::policy::api_key::ApiKeys;
use crate::policy::basic::Users;
use crate::policy::concurrency::Concurrency;
use crate::policy::jwt::Provider;
use crate::policy::quota::Quota;
use crate::reply::Errors;
use crate::request::RequestRules;
use crate::route::table::RouteTable;
use crate::rules::{PlanLimits, Route};
use crate::standing::{QuotaHeaders, QuotaStanding};
use crate::trail::Mode;
use crate::upstream::Upstream;
use crate::whoami::Whoami;
use http::HeaderName;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug)]
pub struct Snapshot {
    /// Names this config in logs and metrics: the beginning of the hash of its text.
    pub revision: Name,
    pub table: RouteTable,
    pub routes: Vec<Route>,
    pub policies: Vec<PolicyInfo>,
    pub api_keys: ApiKeys,
    pub users: Users,
    pub providers: Vec<Provider>,
    pub auth_services: Vec<AuthService>,
    pub consumers: ByConfig<Name, Arc<Consumer>>,
    pub plans: ByConfig<Name, Arc<ConsumerPlan>>,
    /// How much each plan grants, by [`PlanId`].
    pub plan_limits: Vec<PlanLimits>,
    pub upstreams: Vec<Upstream>,
    pub errors: Errors,
    pub request: RequestRules,
    pub intake: IntakeRules,
    /// Addresses and tokens that throttles count exactly; more are counted together.
    pub active_keys_max: usize,
    pub request_id: RequestIdRules,
    pub told: ToldUpstream,
    /// None: callers cannot ask who they are.
    pub whoami: Option<Whoami>,
}

/// A policy as the operator knows it.
#[derive(Debug)]
pub struct PolicyInfo {
    pub name: Name,
    pub place: Place,
    pub mode: Mode,
    pub rate_limit: Option<RateLimitField>,
}

/// The constant parts of a limit in `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
#[derive(Debug)]
pub struct RateLimitField {
    /// `"burst";q=100;w=60`, of which `RateLimit` repeats the beginning. In one piece: each request reads it.
    item: Box<str>,
    name_bytes: usize,
    /// The `X-RateLimit-*` fields that a quota asks for; none for a throttle.
    pub quota_headers: QuotaHeaders,
}

impl RateLimitField {
    /// For a limit of `quantity` requests in `window_s` seconds. What cannot stand in a structured field's string (RFC 9651, 3.3.3)
    /// becomes `_` in the name.
    #[must_use]
    pub fn new(name: &str, quantity: u64, window_s: u64, quota_headers: QuotaHeaders) -> Self {
        let mut item = String::from('"');
        for letter in name.chars() {
            match letter {
                '"' | '\\' => item.extend(['\\', letter]),
                ' '..='~' => item.push(letter),
                _ => item.push('_'),
            }
        }
        item.push('"');
        let name_bytes = item.len();
        // Writing to a string cannot fail.
        let _ = write!(item, ";q={quantity};w={window_s}");
        Self { item: item.into(), name_bytes, quota_headers }
    }

    /// `"burst";q=100;w=60`, for `RateLimit-Policy`.
    #[must_use]
    pub fn policy_item(&self) -> &str {
        &self.item
    }

    /// `"burst"`, for `RateLimit`.
    #[must_use]
    pub fn item_name(&self) -> &str {
        self.item.get(..self.name_bytes).unwrap_or_default()
    }
}

/// Bounds on what is read before anything is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IntakeRules {
    pub head_bytes_max: usize,
    pub head_lines_max: usize,
    pub uri_bytes_max: usize,
    /// From the first byte of a head to its last.
    pub head_timeout: Duration,
    /// Between two requests, and before the first.
    pub idle_timeout: Duration,
    /// The longest silence within a request body.
    pub body_timeout: Duration,
    pub connections_max: usize,
    pub connections_per_address_max: usize,
    /// Of all bodies that are being read, as they are held and decompressed.
    pub held_body_bytes_max: usize,
}

/// Whose request IDs are taken over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AcceptRequestId {
    Always,
    /// From `trustedProxies` only.
    Trusted,
    Never,
}

#[derive(Clone, Debug)]
pub struct RequestIdRules {
    pub header: HeaderName,
    pub accept: AcceptRequestId,
}

/// What upstream is told about the caller. A client's own fields of these names never pass, on any route.
#[derive(Clone, Debug, Default)]
pub struct ToldUpstream {
    pub consumer: Option<HeaderName>,
    pub plan: Option<HeaderName>,
    /// Claim name and field name.
    pub claims: Vec<(Box<str>, HeaderName)>,
    /// What auth services say of the caller; the values come with [`crate::identity::Vouched`].
    pub vouched: Vec<HeaderName>,
}

impl ToldUpstream {
    /// Whether a name can stand in a field as it is: visible ASCII, spaces only within it. Upstream must not see another one.
    #[must_use]
    pub fn can_say(name: &str) -> bool {
        name.trim_matches(' ') == name && name.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())
    }

    /// All field names that are ours alone.
    pub fn names(&self) -> impl Iterator<Item = &HeaderName> {
        let claims = self.claims.iter().map(|(_, name)| name);
        self.consumer.iter().chain(&self.plan).chain(claims).chain(&self.vouched)
    }
}

impl Snapshot {
    #[must_use]
    pub fn route(&self, id: RouteId) -> Option<&Route> {
        self.routes.get(id.index())
    }

    /// Every quota of the config; one of `defaults` as often as there are routes that have it.
    pub fn quotas(&self) -> impl Iterator<Item = &Quota> {
        let of_routes = self.routes.iter().filter_map(|route| route.rules.quota.as_ref());
        of_routes.chain(self.plan_limits.iter().filter_map(|plan| plan.quota.as_ref()))
    }

    /// Whether anything has to be counted beyond the life of the process.
    #[must_use]
    pub fn has_quotas(&self) -> bool {
        self.quotas().next().is_some()
    }

    #[must_use]
    pub fn upstream(&self, id: UpstreamId) -> Option<&Upstream> {
        self.upstreams.get(id.index())
    }

    /// All concurrency limits; a named one once for each route that it covers.
    pub fn concurrency(&self) -> impl Iterator<Item = &Concurrency> {
        let of_plans = self.plan_limits.iter().filter_map(|limits| limits.concurrency.as_ref());
        of_plans.chain(self.routes.iter().flat_map(|route| &route.rules.concurrency))
    }

    #[must_use]
    pub fn plan_limits(&self, id: PlanId) -> Option<&PlanLimits> {
        self.plan_limits.get(id.index())
    }

    /// What a refusal by a quota says of it.
    #[must_use]
    pub fn refused_quota(&self, denial: &Denial) -> Option<QuotaStanding> {
        let Detail::Quota { limit, resets_unix_s } = denial.detail else { return None };
        let headers = self.policy(denial.policy?)?.rate_limit.as_ref()?.quota_headers;
        Some(QuotaStanding { limit, resets_unix_s, headers })
    }

    #[must_use]
    pub fn policy(&self, id: PolicyId) -> Option<&PolicyInfo> {
        self.policies.get(id.index())
    }
}
