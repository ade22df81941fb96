//! Which header fields have a meaning already: those that the gateway sets itself, and those that HTTP gives one. A config that made one of
//! them carry something else would break messages, or let a client say what only the gateway says.
//!
//! One list for all sections; each section says which of the meanings are in its way.

use engine::policy::forward_auth::TOLD;
use engine::reply::is_reserved;
use http::{HeaderName, header};

use super::request_id;
use crate::raw::{Location, RawConfig};
use crate::text;

/// What a field means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    /// It says where a message ends, or belongs to one connection.
    Framing,
    Host,
    /// It says what the body is.
    Content,
    /// A caller proves with it who it is, or is told how to.
    Credential,
    /// The gateway says in it where a request comes from, and of which trace it is.
    Origin,
    RequestId,
    /// The gateway says in it where callers stand with their limits.
    Limits,
    /// Clients, servers and caches read it.
    Standard,
}

impl Meaning {
    /// After the field's name.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Framing | Self::Host => "is part of how HTTP works",
            Self::Content => "says what a body is",
            Self::Credential => "is where credentials are",
            Self::Origin => "says where a request comes from",
            Self::RequestId => "carries the request's ID",
            Self::Limits => "says where callers stand with their limits",
            Self::Standard => "has a meaning of its own in HTTP",
        }
    }
}

const FRAMING: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::TE,
    header::TRAILER,
    header::EXPECT,
];
const CREDENTIAL: [HeaderName; 6] = [
    header::AUTHORIZATION,
    header::COOKIE,
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::SET_COOKIE,
    header::WWW_AUTHENTICATE,
];
const LIMITS: [&str; 5] =
    ["ratelimit", "ratelimit-policy", "x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-next"];
/// Beside those that services are told. Of the others that begin with `X-Forwarded-` some name a user: `X-Forwarded-User`.
const ORIGIN: [&str; 7] =
    ["forwarded", "via", "x-forwarded-port", "x-forwarded-server", "x-real-ip", "traceparent", "tracestate"];
const STANDARD: [&str; 30] = [
    "accept",
    "age",
    "allow",
    "alt-svc",
    "cache-control",
    "cdn-cache-control",
    "deprecation",
    "dnt",
    "early-data",
    "etag",
    "expires",
    "from",
    "last-modified",
    "link",
    "location",
    "max-forwards",
    "origin",
    "pragma",
    "priority",
    "proxy-status",
    "range",
    "referer",
    "retry-after",
    "server",
    "strict-transport-security",
    "sunset",
    "user-agent",
    "vary",
    "warning",
    "x-content-type-options",
];
const STANDARD_BEGIN: [&str; 4] = ["accept-", "access-control-", "if-", "sec-"];

/// As `engine` has it: a double with `_` reaches some servers as the same header.
fn dashed(name: &HeaderName) -> String {
    name.as_str().replace('_', "-")
}

/// Whether two names reach some servers as one.
pub(super) fn are_one(left: &HeaderName, right: &HeaderName) -> bool {
    dashed(left) == dashed(right)
}

/// What a field means whatever the config says; none for a name that is free.
pub(super) fn meaning(name: &HeaderName) -> Option<Meaning> {
    let dashed = dashed(name);
    let is = |known: &HeaderName| known.as_str() == dashed;
    if dashed == header::HOST.as_str() {
        return Some(Meaning::Host);
    }
    if FRAMING.iter().any(is) || HeaderName::from_bytes(dashed.as_bytes()).is_ok_and(|name| is_reserved(&name)) {
        return Some(Meaning::Framing);
    }
    if dashed.starts_with("content-") {
        return Some(Meaning::Content);
    }
    if CREDENTIAL.iter().any(is) {
        return Some(Meaning::Credential);
    }
    if ORIGIN.contains(&&*dashed) || TOLD.iter().any(is) {
        return Some(Meaning::Origin);
    }
    if LIMITS.contains(&&*dashed) {
        return Some(Meaning::Limits);
    }
    let is_standard = STANDARD.contains(&&*dashed) || STANDARD_BEGIN.iter().any(|begin| dashed.starts_with(begin));
    is_standard.then_some(Meaning::Standard)
}

/// The same, with what the config itself gives a meaning: the field of the request's ID, and those in which credentials come.
pub(super) fn meaning_in(name: &HeaderName, config: &RawConfig) -> Option<Meaning> {
    if are_one(name, &request_id::rules(config).header) {
        return Some(Meaning::RequestId);
    }
    credential_in(name, config)
}

/// The same without the field of the request's ID: what that one may not be.
pub(super) fn credential_in(name: &HeaderName, config: &RawConfig) -> Option<Meaning> {
    let usual = config.api_keys.location.is_none().then_some(HeaderName::from_static("x-api-key"));
    let keys = config.api_keys.location.as_ref();
    let tokens = config.jwt_providers.values().filter_map(|provider| provider.location.as_ref());
    let of_location = |location: &Location| location.header.as_ref().map(text::HeaderName::get).cloned();
    let known = keys.into_iter().chain(tokens).filter_map(of_location).chain(usual);
    meaning(name).or_else(|| known.into_iter().any(|known| are_one(name, &known)).then_some(Meaning::Credential))
}

#[cfg(test)]
mod tests {
    use super::{Meaning, are_one, meaning};
    use http::HeaderName;

    #[test]
    fn fields_have_a_meaning_or_are_free() {
        let check = |name: &str, expected: Option<Meaning>| {
            assert_eq!(meaning(&HeaderName::from_bytes(name.as_bytes()).unwrap()), expected, "{name}");
        };
        check("Host", Some(Meaning::Host));
        check("Content-Length", Some(Meaning::Framing));
        check("content_length", Some(Meaning::Framing));
        check("Keep-Alive", Some(Meaning::Framing));
        check("Content-Type", Some(Meaning::Content));
        check("Authorization", Some(Meaning::Credential));
        check("Set-Cookie", Some(Meaning::Credential));
        check("X-Forwarded-For", Some(Meaning::Origin));
        check("X_Forwarded_Proto", Some(Meaning::Origin));
        check("X-Real-IP", Some(Meaning::Origin));
        check("traceparent", Some(Meaning::Origin));
        check("RateLimit", Some(Meaning::Limits));
        check("If-None-Match", Some(Meaning::Standard));
        check("Access-Control-Allow-Origin", Some(Meaning::Standard));
        check("Location", Some(Meaning::Standard));
        for free in [
            "X-Request-Id",
            "X-Consumer-ID",
            "X-JWT-Sub",
            "Correlation-Id",
            "X-Content-Kind",
            "Iffy",
            "X-Forwarded-User",
        ] {
            check(free, None);
        }
    }

    #[test]
    fn a_dash_and_a_line_are_one() {
        let name = |name: &'static str| HeaderName::from_static(name);
        assert!(are_one(&name("x-consumer-id"), &name("x_consumer-id")));
        assert!(!are_one(&name("x-consumer-id"), &name("x-consumer")));
    }
}
