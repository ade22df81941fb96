//! What identity costs on one core: an API key, a token seen before, a token seen for the first time.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, VerificationAlgorithm,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use criterion::{Criterion, criterion_group, criterion_main};
use engine::credential::Location;
use engine::identity::{ApiKeyHolder, Consumer};
use engine::names::PolicyId;
use engine::policy::api_key::{ApiKeyEntry, ApiKeys, NewKey};
use engine::policy::jwks::remote::{Plan, RemoteKeys};
use engine::policy::jwks::source::{KeyPlace, KeySource, ReadyWhen};
use engine::policy::jwks::url::KeyUrl;
use engine::policy::jwks::{Algorithm, KeySet};
use engine::policy::jwt::{ConsumerClaim, FetchedKeys, Provider, ProviderFault, ProviderKeys, ProviderRules};
use engine::policy::token_cache::TokenCache;
use engine::request::{RequestHead, Scheme};
use http::header::{AUTHORIZATION, InvalidHeaderValue};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use jsonwebtoken::DecodingKey;
use limits::clock::Now;
use limits::keyed::Key;
use limits::keyed::Keyer;
use serde_json::json;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use testkit::tokens::{self, Algorithm as Alg, Signer};

const NOW: Now = Now::at_unix_seconds(1_795_269_731);

criterion_group!(
    benches,
    api_key,
    tokens_seen_before,
    tokens_seen_before_of_a_fetched_set,
    tokens_seen_first,
    signatures
);
criterion_main!(benches);

fn api_key(criterion: &mut Criterion) {
    let holder = |number: u32| {
        let id = format!("consumer-{number}").into();
        let consumer = Consumer::new(id, None, false, PolicyId(number));
        Arc::new(ApiKeyHolder { consumer: Arc::new(consumer), label: None, key: Key::from_u128(u128::from(number)) })
    };
    let key = |number: u32| {
        let mut entropy = [0; 20];
        entropy[..4].copy_from_slice(&number.to_be_bytes());
        NewKey::from_entropy(entropy)
    };
    let entries = (0..10_000).map(|number| ApiKeyEntry {
        sha256: key(number).sha256,
        holder: holder(number),
        expires_unix_s: None,
        revoked: false,
    });
    let name = HeaderName::from_static("x-api-key");
    let keys = ApiKeys::new(entries.collect(), Location::Header(name.clone()), true);
    let mut run = |label: &str, text: &str| {
        let headers = headers(name.clone(), text).unwrap_or_default();
        let head = head(&headers);
        criterion.bench_function(label, |bencher| bencher.iter(|| keys.check(black_box(&head), None, NOW).is_ok()));
    };
    run("api key, of 10000", &key(5_000).text);
    run("api key, unknown", &key(10_000).text);
}

fn tokens_seen_before(criterion: &mut Criterion) {
    for tokens_known in [1, 1_000] {
        let signer = Signer::fixed(Alg::RS256, Some("a"));
        let gate = provider(&signer, Algorithm::RS256, 10_000).unwrap_or_else(|fault| unreachable!("{fault}"));
        let all: Vec<_> = (0..tokens_known)
            .map(|number| headers(AUTHORIZATION, &format!("Bearer {}", token(&signer, number))).unwrap_or_default())
            .collect();
        assert!(all.iter().all(|headers| gate.check(&head(headers), NOW).is_ok()));
        let mut next = all.iter().cycle();
        criterion.bench_function(&format!("jwt seen before, of {tokens_known}"), |bencher| {
            bencher.iter(|| next.next().is_some_and(|headers| gate.check(black_box(&head(headers)), NOW).is_ok()));
        });
    }
}

/// What a set that may change at any moment adds to the first of the above.
fn tokens_seen_before_of_a_fetched_set(criterion: &mut Criterion) {
    let signer = Signer::fixed(Alg::RS256, Some("a"));
    let set = KeySet::from_fetched(tokens::jwks(&[&signer]).as_bytes()).unwrap_or_else(|fault| unreachable!("{fault}"));
    let url = KeyUrl::parse("https://idp.example.com/jwks.json").unwrap_or_else(|fault| unreachable!("{fault}"));
    let source = KeySource {
        place: KeyPlace::Url(url),
        refresh: Duration::from_secs(600),
        stale_for: Duration::from_secs(86_400),
        refetch_interval: Duration::from_secs(30),
        timeout: Duration::from_secs(5),
        authorities: Vec::new(),
        ready: ReadyWhen::Fetched,
        algorithms: vec![Algorithm::RS256],
    };
    let remote = Arc::new(RemoteKeys::default());
    let hour = Duration::from_secs(3_600);
    remote.succeeded(set, Plan { due_in: hour, next_in: hour, unknown_for: hour }, NOW);
    let keys = ProviderKeys { fixed: None, fetched: Some(FetchedKeys { source, remote }) };
    let gate =
        Provider::new("main".into(), rules(Algorithm::RS256), keys, Arc::new(TokenCache::new(10_000)), &Keyer::new())
            .unwrap_or_else(|fault| unreachable!("{fault}"));
    let known = headers(AUTHORIZATION, &format!("Bearer {}", token(&signer, 1))).unwrap_or_default();
    assert!(gate.check(&head(&known), NOW).is_ok());
    criterion.bench_function("jwt seen before, of 1, fetched set", |bencher| {
        bencher.iter(|| gate.check(black_box(&head(&known)), NOW).is_ok());
    });
}

fn tokens_seen_first(criterion: &mut Criterion) {
    for (algorithm, alg) in [
        (Algorithm::RS256, Alg::RS256),
        (Algorithm::PS256, Alg::PS256),
        (Algorithm::ES256, Alg::ES256),
        (Algorithm::ES384, Alg::ES384),
        (Algorithm::EdDSA, Alg::EdDSA),
    ] {
        let signer = Signer::fixed(alg, Some("a"));
        let gate = provider(&signer, algorithm, 0).unwrap_or_else(|fault| unreachable!("{fault}"));
        let good = token(&signer, 1);
        let forged = tokens::with_signature(&good, &vec![1; signer.sign(b"").len()]);
        for (label, token, passes) in [("", good.as_str(), true), (", forged", forged.as_str(), false)] {
            assert_eq!(gate.check_token(token, NOW).is_ok(), passes);
            criterion.bench_function(&format!("jwt {algorithm}{label}"), |bencher| {
                bencher.iter(|| gate.check_token(black_box(token), NOW).is_ok());
            });
        }
    }
}

/// docs/decisions/0002: what a key that is parsed on every call costs.
fn signatures(criterion: &mut Criterion) {
    type Read = fn(&[u8]) -> jsonwebtoken::errors::Result<DecodingKey>;
    let cases: [(Alg, &'static dyn VerificationAlgorithm, Read); 3] = [
        (Alg::RS256, &RSA_PKCS1_2048_8192_SHA256, DecodingKey::from_rsa_pem),
        (Alg::ES256, &ECDSA_P256_SHA256_FIXED, DecodingKey::from_ec_pem),
        (Alg::EdDSA, &ED25519, DecodingKey::from_ed_pem),
    ];
    for (alg, verification, read) in cases {
        let signer = Signer::fixed(alg, Some("a"));
        let token = token(&signer, 1);
        let (message, signature) = token.rsplit_once('.').unwrap_or_default();
        let key = read(signer.public_pem().as_bytes()).unwrap_or_else(|fault| unreachable!("{fault}"));
        let parsed = key.try_get_as_bytes().map(|bytes| ParsedPublicKey::new(verification, bytes));
        let Ok(Ok(parsed)) = parsed else { unreachable!("the key is good") };
        criterion.bench_function(&format!("signature {alg:?}, jsonwebtoken"), |bencher| {
            bencher.iter(|| jsonwebtoken::crypto::verify(black_box(signature), message.as_bytes(), &key, alg));
        });
        criterion.bench_function(&format!("signature {alg:?}, aws-lc with a parsed key"), |bencher| {
            bencher.iter(|| {
                let signature = URL_SAFE_NO_PAD.decode(black_box(signature)).unwrap_or_default();
                parsed.verify_sig(message.as_bytes(), &signature).is_ok()
            });
        });
    }
}

fn token(signer: &Signer, number: u32) -> String {
    signer.token(&json!({
        "iss": "https://idp.example.com/", "aud": ["orders-api"], "sub": "acme", "jti": format!("{number:032}"),
        "iat": 1_795_269_000, "exp": 1_795_272_600, "scope": "orders:read orders:write", "plan": "free",
    }))
}

fn provider(signer: &Signer, algorithm: Algorithm, tokens_max: usize) -> Result<Provider, ProviderFault> {
    let keys = KeySet::from_jwks(tokens::jwks(&[signer]).as_bytes()).unwrap_or_else(|fault| unreachable!("{fault}"));
    Provider::new("main".into(), rules(algorithm), keys, Arc::new(TokenCache::new(tokens_max)), &Keyer::new())
}

fn rules(algorithm: Algorithm) -> ProviderRules {
    ProviderRules {
        issuer: Some("https://idp.example.com/".into()),
        audiences: vec!["orders-api".into()],
        algorithms: vec![algorithm],
        clock_skew_s: 10,
        require_expiry: true,
        claims: Vec::new(),
        consumer_claim: ConsumerClaim::Required("sub".into()),
        plan_claim: Some("plan".into()),
        location: Location::Header(AUTHORIZATION),
    }
}

/// Among what a browser sends.
fn headers(name: HeaderName, value: &str) -> Result<HeaderMap, InvalidHeaderValue> {
    let mut headers = HeaderMap::new();
    for usual in ["host", "user-agent", "accept", "accept-encoding", "accept-language"] {
        headers.insert(usual, HeaderValue::from_static("something usual"));
    }
    headers.insert(name, HeaderValue::from_str(value)?);
    Ok(headers)
}

fn head(headers: &HeaderMap) -> RequestHead<'_> {
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    RequestHead {
        method: &Method::GET,
        scheme: Scheme::Http,
        host: "api.example.com".into(),
        path: "/orders/1".into(),
        query: None,
        headers,
        peer,
        client: peer,
        peer_trusted: false,
        certificate: None,
    }
}
