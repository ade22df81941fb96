//! A refusal on its way to the client. What the client reads comes from the reason; what the operator reads is [`Detail`].

mod facts;

use crate::names::{Name, PolicyId};
use crate::reason::{Kind, Reason};
use crate::violation::Violation;
use http::{HeaderName, HeaderValue};
use std::sync::Arc;
use std::time::Duration;

/// Why a request ends here.
#[derive(Clone, Debug, PartialEq)]
pub struct Denial {
    pub reason: Reason,
    /// The policy that decided; none for what HTTP itself forbids.
    pub policy: Option<PolicyId>,
    /// When trying again is worth it.
    pub retry_after: Option<Duration>,
    pub detail: Detail,
}

/// The facts behind a refusal, for the operator and for the reply's headers. Never secret.
#[derive(Clone, Debug, Default, PartialEq)]
pub enum Detail {
    #[default]
    None,
    /// One sentence with the values that were compared.
    Text(Box<str>),
    /// 405: the methods that are known here, as the `Allow` field has them.
    Allow(Box<str>),
    /// 415: the types that are accepted, as the `Accept` field has them.
    Accept(Box<str>),
    /// 403: the scopes that the route asks for, separated by spaces.
    Scopes(Box<str>),
    /// 401: nothing was sent, and an API key or a token would do.
    NoCredential,
    /// 429 of a throttle.
    Throttle { limit: Name },
    /// The same by a throttle that counts this caller together with others, because there are too many: what remains is not known.
    CrowdedThrottle { limit: Name },
    /// 429 of a quota.
    Quota { limit: u64, resets_unix_s: u64 },
    /// 422: what the body or a parameter did against its schema; at least one, in the order in which they were found.
    Invalid(Box<[Violation]>),
    /// An auth service's own answer, which the client gets unless the operator has words of its own.
    Passed(Arc<Passed>),
}

/// What an auth service said, as far as it is passed on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Passed {
    pub service: Name,
    pub status: u16,
    /// Those that are let through, Content-Type aside.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    pub body: Option<PassedBody>,
}

/// Not empty, and as large as it is allowed to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PassedBody {
    pub content_type: HeaderValue,
    pub bytes: Vec<u8>,
}

impl Denial {
    #[must_use]
    pub const fn new(reason: Reason) -> Self {
        Self { reason, policy: None, retry_after: None, detail: Detail::None }
    }

    #[must_use]
    pub fn by(mut self, policy: PolicyId) -> Self {
        self.policy = Some(policy);
        self
    }

    #[must_use]
    pub fn because(mut self, text: impl Into<Box<str>>) -> Self {
        self.detail = Detail::Text(text.into());
        self
    }

    #[must_use]
    pub fn with(mut self, detail: Detail) -> Self {
        self.detail = detail;
        self
    }

    #[must_use]
    pub fn retry_after(mut self, wait: Duration) -> Self {
        self.retry_after = Some(wait);
        self
    }

    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.reason.kind()
    }
}
