//! `jwtProviders`, `apiKeys`, `identityHeaders`: who calls, and how the upstream learns it.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Discovery;
use crate::text::{Duration, HeaderName, Regex};

/// An issuer of JWTs and how its tokens are checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtProvider {
    /// The `iss` that tokens must have, to the character. Without it any issuer that has the key is accepted.
    #[schemars(length(min = 1))]
    pub issuer: Option<String>,
    /// The `aud` of a token must have one of these. Without it the audience is not checked.
    #[serde(default)]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub audiences: Vec<String>,
    /// The signature algorithms that are accepted. A token cannot choose another one.
    #[schemars(length(min = 1))]
    pub algorithms: Vec<Algorithm>,
    /// The keys that tokens are verified with. Two at once are how keys are rotated by hand. Not needed with `discovery`.
    #[serde(default)]
    #[schemars(length(min = 1))]
    pub keys: Vec<JwtKey>,
    /// Fetches the key set that the issuer's own metadata names: `true`, or a map with the bounds of fetching. Takes `issuer`.
    pub discovery: Option<Discovery>,
    /// How far the issuer's clock may be off when `exp` and `nbf` are checked, in whole seconds. 0s to 5m.
    #[serde(default = "clock_skew")]
    #[schemars(extend("x-range" = ["0s", "5m"]))]
    pub clock_skew: Duration,
    /// Where the token is. In the `Authorization` header after `Bearer` by default.
    pub location: Option<Location>,
    /// What the token's claims must be.
    #[serde(default)]
    pub claims: Vec<ClaimRule>,
    /// Whether a token without `exp` is refused.
    #[serde(default = "yes")]
    pub require_expiry: bool,
    /// The claim that names the consumer; a token without it is refused. Not given, `sub` names the consumer where it is there.
    #[schemars(length(min = 1))]
    pub consumer_claim: Option<String>,
    /// The claim that names the consumer's plan. Without it tokens have no plan.
    #[schemars(length(min = 1))]
    pub plan_claim: Option<String>,
    /// How many verified tokens are remembered, so that their signatures are not computed again. 0 turns it off; at most 1000000.
    #[serde(default = "token_cache")]
    #[schemars(range(max = 1_000_000))]
    pub token_cache: u32,
}

const fn clock_skew() -> Duration {
    Duration::of_seconds(10)
}

const fn yes() -> bool {
    true
}

const fn token_cache() -> u32 {
    10_000
}

/// A signature algorithm of RFC 7518 or RFC 8037.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Deserialize, Serialize, JsonSchema)]
pub enum Algorithm {
    RS256,
    RS384,
    RS512,
    PS256,
    ES256,
    ES384,
    #[serde(rename = "EdDSA")]
    EdDsa,
    /// With a shared secret. The gateway could then sign tokens itself.
    HS256,
}

/// A key, or a set of keys. Exactly one of `pemFile`, `jwksFile`, `jwksUrl` and `secret`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["pemFile"]}, {"required": ["jwksFile"]}, {"required": ["jwksUrl"]}, {"required": ["secret"]},
]))]
pub struct JwtKey {
    /// PEM file with one public key or certificate. Relative to this config file.
    #[schemars(length(min = 1))]
    pub pem_file: Option<String>,
    /// JSON file with a key set (RFC 7517). Relative to this config file.
    #[schemars(length(min = 1))]
    pub jwks_file: Option<String>,
    /// Where the identity provider publishes its key set (RFC 7517): `https://…`, or `http://` on loopback. One a provider.
    #[schemars(length(min = 1, max = 2048))]
    pub jwks_url: Option<String>,
    /// The longest time between two fetches of `jwksUrl`; a shorter lifetime of the response counts instead. 1s to 7d.
    #[serde(default = "refresh")]
    #[schemars(extend("x-range" = ["1s", "7d"]))]
    pub refresh: Duration,
    /// How long the last good set of `jwksUrl` serves after it should have been renewed. 0s to 30d.
    #[serde(default = "stale_for")]
    #[schemars(extend("x-range" = ["0s", "30d"]))]
    pub stale_for: Duration,
    /// A token with an unknown key makes the gateway fetch `jwksUrl` at once, but only once in this time. 1s to 1h.
    #[serde(default = "refetch_interval")]
    #[schemars(extend("x-range" = ["1s", "1h"]))]
    pub refetch_interval: Duration,
    /// How long one fetch of `jwksUrl` may take, all in all. 100ms to 1m.
    #[serde(default = "fetch_timeout")]
    #[schemars(extend("x-range" = ["100ms", "1m"]))]
    pub timeout: Duration,
    /// PEM file with the authorities that may vouch for `jwksUrl`; those of the system by default. Relative to this config file.
    #[schemars(length(min = 1))]
    pub ca_file: Option<String>,
    /// Whether `/readyz` says no until `jwksUrl` has been fetched for the first time. On by default.
    #[serde(default = "yes")]
    pub gates_readiness: bool,
    /// The shared secret of HS256. Write a placeholder: `"${JWT_SECRET}"` or `"${file:/run/secrets/jwt}"`.
    #[schemars(length(min = 1))]
    pub secret: Option<String>,
    /// The key's ID. Tokens with this `kid` are verified with this key; without it any token may be.
    #[schemars(length(min = 1))]
    pub kid: Option<String>,
}

impl std::fmt::Debug for JwtKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let secret = self.secret.as_ref().map(|_| "hidden");
        let mut shown = formatter.debug_struct("JwtKey");
        shown
            .field("pem_file", &self.pem_file)
            .field("jwks_file", &self.jwks_file)
            .field("jwks_url", &self.jwks_url)
            .field("secret", &secret)
            .field("kid", &self.kid)
            .finish_non_exhaustive()
    }
}

const fn refresh() -> Duration {
    Duration::of_seconds(10 * 60)
}

const fn stale_for() -> Duration {
    Duration::of_seconds(24 * 60 * 60)
}

const fn refetch_interval() -> Duration {
    Duration::of_seconds(30)
}

const fn fetch_timeout() -> Duration {
    Duration::of_seconds(5)
}

/// How the key set of an issuer is found and fetched.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct DiscoveryDetails {
    /// The longest time between two fetches; a shorter lifetime of the response counts instead. 1s to 7d.
    #[schemars(extend("x-range" = ["1s", "7d"]))]
    pub refresh: Duration,
    /// How long the last good set serves after it should have been renewed. 0s to 30d.
    #[schemars(extend("x-range" = ["0s", "30d"]))]
    pub stale_for: Duration,
    /// A token with an unknown key makes the gateway fetch the set at once, but only once in this time. 1s to 1h.
    #[schemars(extend("x-range" = ["1s", "1h"]))]
    pub refetch_interval: Duration,
    /// How long one fetch may take, metadata and set together. 100ms to 1m.
    #[schemars(extend("x-range" = ["100ms", "1m"]))]
    pub timeout: Duration,
    /// PEM file with the authorities that may vouch for the issuer and its key set; those of the system by default. Relative to this
    /// config file.
    #[schemars(length(min = 1))]
    pub ca_file: Option<String>,
    /// Whether `/readyz` says no until the set has been fetched for the first time.
    pub gates_readiness: bool,
}

impl Default for DiscoveryDetails {
    fn default() -> Self {
        Self {
            refresh: refresh(),
            stale_for: stale_for(),
            refetch_interval: refetch_interval(),
            timeout: fetch_timeout(),
            ca_file: None,
            gates_readiness: true,
        }
    }
}

/// Where a credential is. Exactly one of the three.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["header"]}, {"required": ["cookie"]}, {"required": ["query"]}]))]
pub struct Location {
    /// The header's name.
    pub header: Option<HeaderName>,
    /// The cookie's name.
    #[schemars(length(min = 1))]
    pub cookie: Option<String>,
    /// The query parameter's name. URLs end up in logs and histories: prefer a header.
    #[schemars(length(min = 1))]
    pub query: Option<String>,
}

/// What one claim must be. Exactly one of `required`, `equals`, `anyOf` and `matches`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["required"]}, {"required": ["equals"]}, {"required": ["anyOf"]}, {"required": ["matches"]},
]))]
pub struct ClaimRule {
    /// The claim's name.
    #[schemars(length(min = 1))]
    pub name: String,
    /// The claim is there, whatever it is.
    #[schemars(extend("const" = true))]
    pub required: Option<bool>,
    /// The claim is this text, number or boolean, or a list that has it.
    pub equals: Option<ClaimValue>,
    /// The claim is one of these, or a list that has one of them.
    #[schemars(length(min = 1))]
    pub any_of: Option<Vec<ClaimValue>>,
    /// The claim is text in which this pattern is found. Anchor it with `^` and `$` to mean all of it.
    pub matches: Option<Regex>,
}

/// A text, number or boolean that a claim is compared with.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct ClaimValue(pub serde_json::Value);

impl JsonSchema for ClaimValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "ClaimValue".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": ["string", "number", "boolean"] })
    }
}

/// Where API keys are looked for.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct ApiKeys {
    /// Where the key is. In the `x-api-key` header by default.
    pub location: Option<Location>,
    /// Whether the key is taken out before the request goes on.
    pub hide_from_upstream: bool,
}

impl Default for ApiKeys {
    fn default() -> Self {
        Self { location: None, hide_from_upstream: true }
    }
}

/// How user names and passwords are dealt with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Passwords {
    /// How long a verified password need not be verified again; verifying takes tens of milliseconds. 0s to 1h.
    #[schemars(extend("x-range" = ["0s", "1h"]))]
    pub remember_for: Duration,
    /// How many wrong passwords one address may send in a minute, and at once. Beyond them it is refused unheard. 1 to 100000.
    #[schemars(range(min = 1, max = 100_000))]
    pub failures_per_minute: u32,
    /// Whether `Authorization` is taken out before the request goes on, if its user is one of the config's.
    pub hide_from_upstream: bool,
}

impl Default for Passwords {
    fn default() -> Self {
        Self { remember_for: Duration::of_seconds(300), failures_per_minute: 20, hide_from_upstream: true }
    }
}

/// Headers that tell the upstream who calls: names that nothing else uses. IDs and plans that no header can carry are refused.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IdentityHeaders {
    /// The header with the consumer's ID.
    pub consumer: Option<HeaderName>,
    /// The header with the plan's name.
    pub plan: Option<HeaderName>,
    /// Headers with claims of a verified token: claim to header.
    #[serde(default)]
    pub claims: BTreeMap<String, HeaderName>,
}
