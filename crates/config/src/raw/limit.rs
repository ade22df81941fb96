//! `plans`, `consumers`, `throttles`, `rateLimit`, `quota`, `concurrency`: how much who may call.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{ErrorResponse, Scope, Sync};
use crate::text::{CountingKey, Moment, Sha256Hex};

/// Whether a policy refuses, only reports, or rests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// It refuses.
    #[default]
    Enforce,
    /// It decides and reports what it would have refused; the response stays as it is.
    DryRun,
    /// It does nothing.
    Off,
}

/// How many requests a second, and how many at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RateLimit {
    /// The sustained rate. 0.001 to 1000000; 0.1 is one request in ten seconds.
    #[schemars(range(min = 0.001, max = 1_000_000))]
    pub requests_per_second: f64,
    /// How many requests may come at once. 1 to 1000000; the sustained rate of one second by default, at least 1.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub burst: Option<u32>,
    /// What to count by: `consumerId`, `apiKey`, `ip`, `token`, `route`, `header:NAME` or `claim:NAME`. `consumerId` by default.
    pub key: Option<CountingKey>,
    /// Whose requests it counts: `node` (default) or `cluster`, all nodes together.
    #[serde(default)]
    pub scope: Scope,
    /// With `scope: cluster`, how a node takes from it: `lease` (default) or `exact`.
    pub sync: Option<Sync>,
    /// `enforce` (default), `dryRun` or `off`.
    #[serde(default)]
    pub mode: Mode,
}

/// How many requests at once.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Concurrency {
    /// How many requests of one key may be in flight: from their admission to the last byte of the answer. 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub max: u32,
    /// What to count by, as in `rateLimit`. `consumerId` by default.
    pub key: Option<CountingKey>,
    /// `enforce` (default), `dryRun` or `off`.
    #[serde(default)]
    pub mode: Mode,
}

/// How many requests in a calendar period.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quota {
    /// How many requests a period. At least 1.
    #[schemars(range(min = 1, max = 1_000_000_000_000_u64))]
    pub limit: u64,
    /// The period, in UTC; weeks begin on Monday.
    pub per: QuotaPeriod,
    /// What to count by, as in `rateLimit`. `consumerId` by default.
    pub key: Option<CountingKey>,
    /// Which headers tell the client where it stands.
    #[serde(default)]
    pub headers: QuotaHeaders,
    /// Whose requests it counts: `node` (default) or `cluster`, all nodes together.
    #[serde(default)]
    pub scope: Scope,
    /// With `scope: cluster`, how a node takes from it: `lease` (default) or `exact`.
    pub sync: Option<Sync>,
    /// `enforce` (default), `dryRun` or `off`.
    #[serde(default)]
    pub mode: Mode,
}

/// A period of the UTC calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
pub enum QuotaPeriod {
    #[serde(rename = "hour")]
    Hour,
    #[serde(rename = "6h")]
    SixHours,
    #[serde(rename = "12h")]
    TwelveHours,
    #[serde(rename = "day")]
    Day,
    #[serde(rename = "week")]
    Week,
    #[serde(rename = "month")]
    Month,
}

/// Which headers tell a client where it stands with its quota.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct QuotaHeaders {
    /// `X-RateLimit-Limit`: the quota.
    pub limit: bool,
    /// `X-RateLimit-Remaining`: what is left of it.
    pub remaining: bool,
    /// `X-RateLimit-Next`: when it begins anew (RFC 3339).
    pub next: bool,
}

/// What consumers of one plan may use, and how much.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Plan {
    /// The routes that the plan may use, by name; `"*"` is all. On any other its consumers get `api_key_forbidden`.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub routes: Vec<String>,
    /// How many requests a second, over all routes of the plan.
    pub rate_limit: Option<RateLimit>,
    /// How many requests at once, over all routes of the plan.
    pub concurrency: Option<Concurrency>,
    /// How many requests a period, over all routes of the plan.
    pub quota: Option<Quota>,
}

/// Somebody who calls.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Consumer {
    /// The name in logs, counters and headers. Of JWT callers: what the provider's `consumerClaim` says.
    #[schemars(length(min = 1, max = 256))]
    pub id: String,
    /// The plan's name. Without one the consumer may use every route, limited by the routes alone.
    #[schemars(length(min = 1))]
    pub plan: Option<String>,
    /// Shuts the consumer out: its calls get `consumer_disabled`.
    #[serde(default)]
    pub disabled: bool,
    /// The consumer's API keys. Two at once are how keys are rotated.
    #[serde(default)]
    pub api_keys: Vec<ApiKey>,
    /// The consumer's users, for routes with `auth: { basic: {} }`.
    #[serde(default)]
    pub passwords: Vec<User>,
}

/// One API key. Exactly one of `sha256` and `value`.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["sha256"]}, {"required": ["value"]}]))]
pub struct ApiKey {
    /// The key's SHA-256 as `tollgate key new` prints it.
    pub sha256: Option<Sha256Hex>,
    /// The key itself, hashed when the config is read. Write a placeholder: `"${ACME_KEY}"`.
    #[schemars(length(min = 1))]
    pub value: Option<String>,
    /// For people: whose key, what for.
    #[schemars(length(min = 1, max = 256))]
    pub label: Option<String>,
    /// From when on the key is refused. A day means its first second in UTC.
    pub expires: Option<Moment>,
    /// Refuses the key, and says so in log and metrics.
    #[serde(default)]
    pub revoked: bool,
}

impl std::fmt::Debug for ApiKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { sha256: _, value: _, label, expires, revoked } = self;
        let mut shown = formatter.debug_struct("ApiKey");
        shown.field("label", label).field("expires", expires).field("revoked", revoked).finish_non_exhaustive()
    }
}

/// A user name and its password.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct User {
    /// The user's name, without a colon. One name belongs to one consumer.
    #[schemars(length(min = 1, max = 256))]
    pub user: String,
    /// The password's argon2id hash as `tollgate password hash` prints it.
    #[schemars(length(min = 1, max = 512))]
    pub argon2id: String,
}

impl std::fmt::Debug for User {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { user, argon2id: _ } = self;
        formatter.debug_struct("User").field("user", user).finish_non_exhaustive()
    }
}

/// A throttling counter with a name and, if wanted, an error of its own. Exactly one of `rateLimit` and `concurrency`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [{"required": ["rateLimit"]}, {"required": ["concurrency"]}]))]
pub struct Throttle {
    /// The name in logs and metrics. Names that begin with `routes.` or `plans.` are those of their limits.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// Which requests it counts. All by default.
    #[serde(default)]
    pub when: ThrottleWhen,
    /// How many requests a second, and how many at once.
    pub rate_limit: Option<RateLimit>,
    /// How many requests in flight.
    pub concurrency: Option<Concurrency>,
    /// What a refused client gets instead of the usual error.
    pub error: Option<ErrorResponse>,
    /// `enforce` (default), `dryRun` or `off`.
    #[serde(default)]
    pub mode: Mode,
}

/// Which requests a throttle counts: those that fit one name of each list that is given.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ThrottleWhen {
    /// Names of routes.
    #[serde(default)]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub routes: Vec<String>,
    /// Names of plans.
    #[serde(default)]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub plans: Vec<String>,
    /// IDs of consumers.
    #[serde(default)]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub consumers: Vec<String>,
}

/// Header names to texts, as several sections have them.
pub(super) type HeaderTexts = BTreeMap<String, String>;
