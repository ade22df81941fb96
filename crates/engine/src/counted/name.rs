//! What people call a counter: for whoever lists, exports or resets counts. No part of it is a credential, nor lets one be guessed.

use super::{Caller, CountBy};
use limits::counts::CounterName;
use limits::keyed::Key;
use limits::window::Period;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

/// Bytes of a claim's value that are shown.
const CLAIM_BYTES_MAX: usize = 128;
/// Bytes of a hash that are shown: enough to tell values apart.
const HASH_BYTES: usize = 8;

impl CountBy {
    /// The operator's `key:`.
    #[must_use]
    pub fn word(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::Consumer => "consumerId",
            Self::ApiKey => "apiKey",
            Self::Address => "ip",
            Self::Token => "token",
            Self::Route => "route",
            Self::Header(name) => return Cow::Owned(format!("header:{name}")),
            Self::Claim(name) => return Cow::Owned(format!("claim:{name}")),
        })
    }

    /// The name of the counter that [`CountBy::counter`] finds for this caller. Allocates; asked once for each counter.
    #[must_use]
    pub fn name(&self, policy: &Arc<str>, period: Period, caller: Caller<'_>) -> CounterName {
        let identity = caller.identity;
        let consumer = identity.consumer_id();
        let found: Option<(Arc<str>, Option<&Arc<str>>)> = match self {
            Self::Consumer => consumer.map(|id| (Arc::clone(id), consumer)),
            Self::ApiKey => identity.api_key.as_ref().map(|holder| {
                let value = holder.label.clone().unwrap_or_else(|| short(holder.key));
                (value, Some(&holder.consumer.id))
            }),
            Self::Token => identity.token.as_ref().map(|token| (short(token.key), consumer)),
            Self::Route => Some((Arc::clone(caller.route_name), None)),
            Self::Header(name) => caller.head.headers.get(name).map(|value| (hashed(value.as_bytes()), None)),
            Self::Claim(name) => {
                let claim = identity.token.as_ref().and_then(|token| token.claim(name));
                claim.filter(|claim| !claim.is_null()).map(|claim| (shown(claim), None))
            }
            Self::Address => None,
        };
        let policy = Arc::clone(policy);
        if let Some((value, consumer)) = found {
            CounterName { policy, period, by: self.word(), value, consumer: consumer.cloned() }
        } else {
            let value = address(caller.head.client);
            CounterName { policy, period, by: Self::Address.word(), value, consumer: None }
        }
    }
}

/// Of an API key or token: a piece of its counting key, which is a hash of a hash.
fn short(key: Key) -> Arc<str> {
    let piece = u64::try_from(key.to_u128() >> 64).unwrap_or_default();
    format!("#{piece:016x}").into()
}

/// As `printf %s VALUE | sha256sum | cut -c1-16` shows it: a header may well be a secret.
fn hashed(value: &[u8]) -> Arc<str> {
    let mut text = String::from("sha256:");
    for byte in Sha256::digest(value).iter().take(HASH_BYTES) {
        let _ = write!(text, "{byte:02x}");
    }
    text.into()
}

/// A claim is what the provider says of the caller, and nobody gets in by knowing it. Cut to a length, without control characters.
fn shown(claim: &Value) -> Arc<str> {
    let text = claim.as_str().map_or_else(|| Cow::Owned(claim.to_string()), Cow::Borrowed);
    let plain = |letter: char| if letter.is_control() { '\u{fffd}' } else { letter };
    let mut bytes = 0_usize;
    let fits = |letter: &char| {
        bytes = bytes.saturating_add(letter.len_utf8());
        bytes <= CLAIM_BYTES_MAX
    };
    text.chars().map(plain).take_while(fits).collect::<String>().into()
}

fn address(client: IpAddr) -> Arc<str> {
    match client.to_canonical() {
        IpAddr::V4(address) => address.to_string().into(),
        IpAddr::V6(address) => {
            let network = std::net::Ipv6Addr::from(u128::from(address) >> 64 << 64);
            format!("{network}/64").into()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::{ApiKeyHolder, Consumer, Identity, VerifiedToken};
    use crate::names::{PolicyId, RouteId};
    use crate::request::{RequestHead, RequestParts, RequestRules};
    use http::{HeaderMap, HeaderName, HeaderValue, Method};
    use serde_json::json;

    fn identity(claims: &Value) -> Identity {
        let consumer = Arc::new(Consumer::new("acme".into(), None, false, PolicyId(0)));
        let holder = ApiKeyHolder { consumer: Arc::clone(&consumer), label: None, key: Key::from_u128(0xabcd << 64) };
        let token = VerifiedToken {
            claims: claims.as_object().cloned().unwrap_or_default(),
            expires_unix_s: None,
            not_before_unix_s: None,
            consumer: None,
            consumer_key: None,
            plan: None,
            scopes: Vec::new(),
            key: Key::from_u128(7 << 64),
        };
        Identity {
            api_key: Some(Arc::new(holder)),
            token: Some(Arc::new(token)),
            consumer: Some(consumer),
            ..Identity::default()
        }
    }

    /// `by value consumer` of the counter.
    fn check(by: &CountBy, identity: &Identity, client: [u16; 8], expected: &str) {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("a.example"));
        headers.insert("x-tenant", HeaderValue::from_static("secret"));
        let parts = RequestParts {
            method: &Method::GET,
            target: "/",
            headers: &headers,
            peer: IpAddr::from(client),
            tls: false,
        };
        let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 100 };
        let head = RequestHead::parse(parts, &rules).expect("a head");
        let caller = Caller { head: &head, identity, route: RouteId(0), route_name: &"orders".into() };
        let name = by.name(&"plans.free.quota".into(), Period::Day, caller);
        assert_eq!((&*name.policy, name.period), ("plans.free.quota", Period::Day));
        assert_eq!(format!("{} {} {}", name.by, name.value, name.consumer.as_deref().unwrap_or("-")), expected);
    }

    #[test]
    fn every_kind_has_a_name_without_a_secret() {
        const V6: [u16; 8] = [0x2001, 0xdb8, 1, 2, 3, 4, 5, 6];
        const V4: [u16; 8] = [0, 0, 0, 0, 0, 0xffff, 0x7f00, 0x0001];
        let known = identity(
            &json!({ "tenant": "a\nb", "level": 3, "org": {"id": "a"}, "none": null, "long": "ü".repeat(100) }),
        );
        let claim = |name: &str| CountBy::Claim(name.into());
        check(&CountBy::Consumer, &known, V4, "consumerId acme acme");
        check(&CountBy::ApiKey, &known, V4, "apiKey #000000000000abcd acme");
        check(&CountBy::Token, &known, V4, "token #0000000000000007 acme");
        check(&CountBy::Route, &known, V4, "route orders -");
        check(&CountBy::Address, &known, V4, "ip 127.0.0.1 -");
        check(&CountBy::Address, &known, V6, "ip 2001:db8:1:2::/64 -");
        // printf %s secret | sha256sum | cut -c1-16
        let tenant = CountBy::Header(HeaderName::from_static("x-tenant"));
        check(&tenant, &known, V4, "header:x-tenant sha256:2bb80d537b1da3e3 -");
        check(&CountBy::Header(HeaderName::from_static("x-other")), &known, V4, "ip 127.0.0.1 -");
        check(&claim("tenant"), &known, V4, "claim:tenant a\u{fffd}b -");
        check(&claim("level"), &known, V4, "claim:level 3 -");
        check(&claim("/org/id"), &known, V4, "claim:/org/id a -");
        check(&claim("none"), &known, V4, "ip 127.0.0.1 -");
        check(&claim("long"), &known, V4, &format!("claim:long {} -", "ü".repeat(64)));
        for by in [CountBy::Consumer, CountBy::ApiKey, CountBy::Token, claim("tenant")] {
            check(&by, &Identity::default(), V6, "ip 2001:db8:1:2::/64 -");
        }
    }
}
