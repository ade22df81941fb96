//! Who gets in: genuine tokens and keys, and everything that only looks like one.

#[cfg(test)]
mod identity {
    mod allocations;
    mod api_keys;
    mod cache;
    mod claims;
    mod exam;
    mod fetched;
    mod hostile;
    mod signatures;

    use engine::credential::Location;
    use engine::denial::{Denial, Detail};
    use engine::identity::VerifiedToken;
    use engine::policy::jwks::{Algorithm, KeySet};
    use engine::policy::jwt::{ConsumerClaim, Provider, ProviderFault, ProviderRules};
    use engine::policy::token_cache::TokenCache;
    use engine::request::{RequestHead, Scheme};
    use http::header::AUTHORIZATION;
    use http::{HeaderMap, HeaderName, HeaderValue, Method};
    use limits::clock::Now;
    use limits::keyed::Keyer;
    use serde_json::{Value, json};
    use std::net::{IpAddr, Ipv4Addr};
    use std::sync::Arc;
    use testkit::tokens::{self, Signer};

    /// 2026-11-21T14:02:11Z
    const NOW: u64 = 1_795_269_731;
    const ISSUER: &str = "https://idp.example.com/";

    fn now() -> Now {
        Now::at_unix_seconds(NOW)
    }

    fn rules(algorithms: &[Algorithm]) -> ProviderRules {
        ProviderRules {
            issuer: Some(ISSUER.into()),
            audiences: vec!["orders-api".into(), "admin-api".into()],
            algorithms: algorithms.to_vec(),
            clock_skew_s: 10,
            require_expiry: true,
            claims: Vec::new(),
            consumer_claim: ConsumerClaim::Required("sub".into()),
            plan_claim: Some("plan".into()),
            location: Location::Header(AUTHORIZATION),
        }
    }

    fn provider(rules: ProviderRules, keys: KeySet) -> Provider {
        try_provider(rules, keys, &Arc::new(TokenCache::new(0)), &Keyer::new()).unwrap()
    }

    fn try_provider(
        rules: ProviderRules,
        keys: KeySet,
        cache: &Arc<TokenCache>,
        keyer: &Keyer,
    ) -> Result<Provider, ProviderFault> {
        Provider::new("main".into(), rules, keys, Arc::clone(cache), keyer)
    }

    fn keys(signers: &[&Signer]) -> KeySet {
        KeySet::from_jwks(tokens::jwks(signers).as_bytes()).unwrap()
    }

    /// Claims that every rule above accepts, with these replaced; null removes one.
    fn claims(members: Value) -> Value {
        let mut claims = json!({"iss": ISSUER, "aud": "orders-api", "sub": "acme", "exp": NOW + 600});
        let Value::Object(members) = members else { panic!("members") };
        for (name, value) in members {
            if value.is_null() {
                claims.as_object_mut().unwrap().remove(&name);
            } else {
                claims[name] = value;
            }
        }
        claims
    }

    fn with_head<T>(headers: &[(&str, &str)], query: Option<&str>, run: impl FnOnce(&RequestHead<'_>) -> T) -> T {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap());
        }
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        run(&RequestHead {
            method: &Method::GET,
            scheme: Scheme::Http,
            host: "a.example".into(),
            path: "/".into(),
            query,
            headers: &map,
            peer,
            client: peer,
            peer_trusted: false,
            certificate: None,
        })
    }

    /// `ok`, or the reason's code.
    fn verdict<T>(result: &Result<T, Denial>) -> &'static str {
        result.as_ref().map_or_else(|denial| denial.reason.code(), |_| "ok")
    }

    fn text(result: &Result<Arc<VerifiedToken>, Denial>) -> &str {
        match result {
            Err(Denial { detail: Detail::Text(text), .. }) => text,
            other => panic!("no text: {other:?}"),
        }
    }
}
