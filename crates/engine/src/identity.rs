//! Who is calling, once it is known.

use crate::names::{Name, PlanId, PolicyId, RouteId};
use crate::naming::durable;
use http::{HeaderName, HeaderValue};
use limits::keyed::Key;
use serde_json::{Map, Value};
use std::sync::Arc;

/// Somebody with a name in the config.
#[derive(Debug)]
pub struct Consumer {
    pub id: Name,
    /// [`consumer_key`] of the ID.
    key: Key,
    pub plan: Option<Arc<ConsumerPlan>>,
    pub disabled: bool,
    pub policy: PolicyId,
}

impl Consumer {
    #[must_use]
    pub fn new(id: Name, plan: Option<Arc<ConsumerPlan>>, disabled: bool, policy: PolicyId) -> Self {
        let key = consumer_key(&id);
        Self { id, key, plan, disabled, policy }
    }
}

/// What consumers of one plan may use. How much is for [`crate::rules::PlanLimits`] to say.
#[derive(Debug)]
pub struct ConsumerPlan {
    pub id: PlanId,
    pub name: Name,
    pub routes: PlanRoutes,
    pub policy: PolicyId,
}

/// The routes that a plan opens.
#[derive(Debug)]
pub enum PlanRoutes {
    All,
    /// Indexed by route.
    Listed(Vec<bool>),
}

impl PlanRoutes {
    #[must_use]
    pub fn include(&self, route: RouteId) -> bool {
        match self {
            Self::All => true,
            Self::Listed(listed) => listed.get(route.index()).copied().unwrap_or(false),
        }
    }
}

/// An API key that was found in the config: who holds it, and what it is counted under. Never the key itself.
#[derive(Debug)]
pub struct ApiKeyHolder {
    pub consumer: Arc<Consumer>,
    pub label: Option<Name>,
    /// What limits with `key: apiKey` count: the same in every process.
    pub key: Key,
}

/// A token whose signature is genuine, taken apart. Time-based claims are checked anew on every request.
#[derive(Debug)]
pub struct VerifiedToken {
    pub claims: Map<String, Value>,
    /// `exp`, seconds since 1970.
    pub expires_unix_s: Option<u64>,
    /// `nbf`, seconds since 1970.
    pub not_before_unix_s: Option<u64>,
    /// The value of the provider's `consumerClaim`.
    pub consumer: Option<Name>,
    /// [`consumer_key`] of it.
    pub consumer_key: Option<Key>,
    /// The value of the provider's `planClaim`.
    pub plan: Option<Name>,
    /// From `scope` (separated by spaces) or `scp` (a list or the same).
    pub scopes: Vec<Box<str>>,
    /// What limits with `key: token` count: the same in every process.
    pub key: Key,
}

impl VerifiedToken {
    /// The claim of exactly this name; failing that, what it leads to as a JSON pointer.
    #[must_use]
    pub fn claim(&self, name: &str) -> Option<&Value> {
        find_claim(&self.claims, name)
    }
}

/// Wherever the operator names a claim: the one of exactly this name; failing that, what a JSON pointer finds.
#[must_use]
pub fn find_claim<'a>(claims: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    if let Some(value) = claims.get(name) {
        return Some(value);
    }
    let pointer = name.strip_prefix('/')?;
    let (first, rest) = pointer.find('/').and_then(|at| pointer.split_at_checked(at)).unwrap_or((pointer, ""));
    claims.get(&first.replace("~1", "/").replace("~0", "~"))?.pointer(rest)
}

/// A client's certificate that the listener has verified: signed by an authority that the operator trusts, valid now, and its key
/// proved. There is no TLS listener yet, so nobody hands one in, and no policy asks for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerCertificate {
    /// Of the whole certificate in DER.
    pub sha256: [u8; 32],
    /// The subject's common name.
    pub common_name: Option<Name>,
    /// The subject's alternative names that are DNS names or URIs, in their order.
    pub alternative_names: Vec<Name>,
}

/// Whom an auth service has let in, in its own words.
#[derive(Debug, PartialEq, Eq)]
pub struct Vouched {
    pub service: Name,
    /// The value of its `consumerHeader`.
    pub consumer: Option<Name>,
    /// [`consumer_key`] of it.
    pub consumer_key: Option<Key>,
    /// The value of its `planHeader`.
    pub plan: Option<Name>,
    /// What upstream is told of it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// All that the identity step found out. Nothing in it for a route that is open.
#[derive(Clone, Debug, Default)]
pub struct Identity {
    pub api_key: Option<Arc<ApiKeyHolder>>,
    pub token: Option<Arc<VerifiedToken>>,
    /// One for each auth service that was asked.
    pub vouched: Vec<Arc<Vouched>>,
    /// The consumer that the API key, the password, the token's consumer claim or the auth service names in the config.
    pub consumer: Option<Arc<Consumer>>,
    /// The plan: the token's plan claim or the auth service's word before the consumer's own. Where several ways in are asked for, the
    /// first of each sort.
    pub plan: Option<Arc<ConsumerPlan>>,
}

/// The key of a consumer, wherever its name comes from: the same in every process.
#[must_use]
pub fn consumer_key(id: &str) -> Key {
    durable(&[b"consumer", id.as_bytes()])
}

impl Identity {
    /// What limits with `key: consumerId` count.
    #[must_use]
    pub fn consumer_key(&self) -> Option<Key> {
        if let Some(consumer) = &self.consumer {
            return Some(consumer.key);
        }
        let of_token = self.token.as_ref().and_then(|token| token.consumer_key);
        of_token.or_else(|| self.vouched.iter().find_map(|vouched| vouched.consumer_key))
    }

    /// The caller's name, also when only a token or an auth service knows it.
    #[must_use]
    pub fn consumer_id(&self) -> Option<&Name> {
        if let Some(consumer) = &self.consumer {
            return Some(&consumer.id);
        }
        let of_token = self.token.as_ref().and_then(|token| token.consumer.as_ref());
        of_token.or_else(|| self.vouched.iter().find_map(|vouched| vouched.consumer.as_ref()))
    }
}
