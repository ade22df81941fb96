//! Tokens: nothing that was not signed by a provider's key gets in.

use engine::credential::Location;
use engine::identity::VerifiedToken;
use engine::policy::jwks::KeySet;
use engine::policy::jwt::{Algorithm, ConsumerClaim, Provider, ProviderRules};
use engine::policy::token_cache::TokenCache;
use http::header::AUTHORIZATION;
use limits::clock::Now;
use limits::keyed::Keyer;
use serde_json::{Value, json};
use std::sync::{Arc, LazyLock};
use std::time::Duration;
use testkit::tokens::{Algorithm as Signs, Signer};

const NOW: Now = Now::at_unix_seconds(1_800_000_000);
const SKEW_S: u64 = 60;
const ISSUER: &str = "https://idp.example.com/";

struct World {
    /// By keys that everybody may know.
    public: Provider,
    /// By a secret.
    secret: Provider,
    secret_signer: Signer,
    /// Signs HS256 with the text of a public key of `public`.
    confused: Signer,
    /// Each with whether it is for `secret`. Made anew in each process: ECDSA signatures differ from one to the next.
    genuine: Vec<(String, bool)>,
}

static WORLD: LazyLock<World> = LazyLock::new(World::new);

impl World {
    fn new() -> Self {
        let kids = [(Signs::RS256, "r"), (Signs::ES256, "e"), (Signs::ES384, "f"), (Signs::EdDSA, "d")];
        let signers: Vec<Signer> = kids.map(|(algorithm, kid)| Signer::fixed(algorithm, Some(kid))).into();
        let keys = testkit::tokens::jwks(&signers.iter().collect::<Vec<_>>());
        let keys = KeySet::from_jwks(keys.as_bytes()).expect("good keys");
        let algorithms = vec![Algorithm::RS256, Algorithm::ES256, Algorithm::ES384, Algorithm::EdDSA];
        let secret_signer = Signer::fixed(Signs::HS256, None);
        let secret = KeySet::from_secret(secret_signer.secret_bytes(), None, Algorithm::HS256).expect("a good secret");
        let claims = json!({"iss": ISSUER, "sub": "acme", "exp": 1_800_000_600_u64, "scope": "read write"});
        let mut genuine: Vec<_> = signers.iter().map(|signer| (signer.token(&claims), false)).collect();
        genuine.push((secret_signer.token(&claims), true));
        Self {
            public: provider("public", keys, algorithms),
            secret: provider("secret", secret, vec![Algorithm::HS256]),
            confused: Signer::secret(Signs::HS256, Some("r"), signers[0].public_pem().as_bytes()),
            secret_signer,
            genuine,
        }
    }

    fn check(&self, token: &str, for_secret: bool) -> Option<Arc<VerifiedToken>> {
        let (own, other) = if for_secret { (&self.secret, &self.public) } else { (&self.public, &self.secret) };
        assert!(other.check_token(token, NOW).is_err(), "a provider takes the other's token: {token}");
        let first = own.check_token(token, NOW);
        let again = own.check_token(token, NOW);
        assert_eq!(again.as_ref().err(), first.as_ref().err(), "the second look differs: {token}");
        let (exam, _) = own.examine(token, None, NOW);
        assert_eq!(exam.refusal(), first.as_ref().err(), "the exam says something else than the gateway: {token}");
        let verified = first.ok()?;
        is_in_time(own, token, &verified);
        Some(verified)
    }
}

fn provider(name: &str, keys: KeySet, algorithms: Vec<Algorithm>) -> Provider {
    let rules = ProviderRules {
        issuer: Some(ISSUER.into()),
        audiences: Vec::new(),
        algorithms,
        clock_skew_s: SKEW_S,
        require_expiry: true,
        claims: Vec::new(),
        consumer_claim: ConsumerClaim::Required("sub".into()),
        plan_claim: Some("plan".into()),
        location: Location::Header(AUTHORIZATION),
    };
    Provider::new(name.into(), rules, keys, Arc::new(TokenCache::new(64)), &Keyer::new()).expect("a provider")
}

/// `r`: the rest is a token. `m`: a genuine token is changed, with three bytes for each change (where, where, what). `s`: header and
/// payload, separated by a NUL, are signed with the secret; `c`: the same with a public key for a secret.
pub fn jwt(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    match kind {
        b'r' => raw(rest),
        b'm' => changed(rest),
        b's' => signed(rest),
        b'c' => {
            let (header, payload) = halves(rest);
            let token = WORLD.confused.token_of(header, payload);
            assert!(WORLD.public.check_token(&token, NOW).is_err(), "a public key is taken for a secret: {token}");
        }
        _ => {}
    }
}

fn raw(token: &[u8]) {
    let token = String::from_utf8_lossy(token);
    for for_secret in [false, true] {
        let admitted = WORLD.check(&token, for_secret).is_some();
        let genuine = WORLD.genuine.iter().any(|(genuine, _)| *genuine == token);
        assert!(!admitted || genuine, "forged: {token}");
    }
}

fn changed(edits: &[u8]) {
    let Some((which, edits)) = edits.split_first() else { return };
    let (genuine, for_secret) = &WORLD.genuine[usize::from(*which) % WORLD.genuine.len()];
    let mut token = genuine.clone().into_bytes();
    for edit in edits.chunks_exact(3).take(16) {
        let at = usize::from(u16::from_le_bytes([edit[0], edit[1]]));
        match edit[2] {
            0 => token.truncate(at.max(1)),
            1 => token.push(b'A'),
            2 => drop(token.remove(at % token.len())),
            3 => token.insert(at % token.len(), b'.'),
            byte => {
                let at = at % token.len();
                token[at] = byte;
            }
        }
        if token.is_empty() {
            break;
        }
    }
    let token = String::from_utf8_lossy(&token);
    let admitted = WORLD.check(&token, *for_secret).is_some();
    assert_eq!(admitted, token == *genuine, "{token}");
}

fn signed(rest: &[u8]) {
    let (header, payload) = halves(rest);
    let token = WORLD.secret_signer.token_of(header, payload);
    let Some(verified) = WORLD.check(&token, true) else { return };
    let header: Value = serde_json::from_slice(header).expect("a header of JSON");
    assert_eq!(header["alg"], "HS256");
    for name in ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"] {
        assert_eq!(header.get(name), None, "{header}");
    }
    let claims: Value = serde_json::from_slice(payload).expect("claims of JSON");
    assert_eq!(Some(&verified.claims), claims.as_object());
    assert_eq!(claims["iss"], ISSUER);
    assert_eq!(claims["sub"].as_str(), verified.consumer.as_deref());
    assert_eq!(claims.get("plan").map(Value::as_str), verified.plan.as_deref().map(Some));
    let consumer = verified.consumer.as_deref().unwrap_or_default();
    assert!(http::HeaderValue::from_str(consumer).is_ok() && !consumer.is_empty(), "{consumer:?}");
    let expires = claims["exp"].as_f64().expect("a number");
    assert!(expires + 60.0 > 1_800_000_000.0, "expired at {expires}");
    assert!(claims["nbf"].as_f64().is_none_or(|begins| begins <= 1_800_000_060.0), "{claims}");
}

/// The same token is refused once it has expired, also when it is remembered.
fn is_in_time(provider: &Provider, token: &str, verified: &VerifiedToken) {
    let expires = verified.expires_unix_s.expect("it is required");
    let left = expires.saturating_add(SKEW_S).checked_sub(NOW.unix_seconds()).filter(|left| *left > 0);
    let left = left.expect("it is in time");
    let end = NOW.plus(Duration::from_secs(left));
    assert!(end.unix_ms == u64::MAX || provider.check_token(token, end).is_err(), "{token} outlives {expires}");
}

fn halves(bytes: &[u8]) -> (&[u8], &[u8]) {
    let mut halves = bytes.splitn(2, |byte| *byte == 0);
    (halves.next().unwrap_or_default(), halves.next().unwrap_or_default())
}
