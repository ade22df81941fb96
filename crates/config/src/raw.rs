//! The mirror of the file: one type a section, one field a key, nothing else.
//!
//! The doc comments here are what editors show and what the reference page says. Serde stops here: no other module derives it.
//! Names are not resolved and sections not compared; that is `compile`.

mod answer;
mod auth_service;
mod browser;
mod choice;
mod compression;
mod errors;
mod identity;
mod limit;
mod parameters;
mod process;
mod route;
mod scenario;
mod store;
mod transform;
mod upstream;
mod whoami;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

pub use answer::{AfterSunset, CacheControl, Deprecation, Redirect, Respond};
pub use auth_service::{AuthService, RememberAnswers, ServiceTls};
pub use browser::{Cors, OnDenied};
pub use choice::{Discovery, EndpointEntry, PathEntry, TemplatePart, Threads};
pub use compression::{Compression, CompressionAlgorithm};
pub use errors::{Disclose, ErrorResponse, ErrorTemplate, Errors};
pub use identity::{
    Algorithm, ApiKeys, ClaimRule, ClaimValue, DiscoveryDetails, IdentityHeaders, JwtKey, JwtProvider, Location,
    Passwords,
};
pub use limit::{
    ApiKey, Concurrency, Consumer, Mode, Plan, Quota, QuotaHeaders, QuotaPeriod, RateLimit, Throttle, ThrottleWhen,
    User,
};
pub use parameters::{
    HeaderParameter, ParameterSchema, ParameterStyle, Parameters, PathParameter, QueryParameter, UnknownQuery,
};
pub use process::{
    AccessLog, AccessLogFormat, Limits, Listener, RequestId, RequestIdAccept, STATE_DIR, Server, Telemetry,
};
pub use route::{
    ApiKeyAuth, Auth, BasicAuth, Body, Conditions, ContentTypeMissing, Defaults, ForwardAuth, IpAccess, JwtAuth,
    NoAuth, Route, SchemaDocument, TrailingSlash,
};
pub use scenario::{Scenario, ScenarioAuthAnswer, ScenarioExpect, ScenarioRequest};
pub use store::{OnFailure, Redis, Scope, Store, Sync};
pub use transform::{
    Absent, AnyJson, BodyChange, BodyStep, HeaderChange, OnUnreadable, PathChange, PrefixChange, QueryChange,
    RequestTransform, ResponseTransform, ValueDetails, ValueEntry,
};
pub use upstream::{Balance, EndpointDetails, Keepalive, Timeouts, Upstream, UpstreamTls};
pub use whoami::Whoami;

use crate::text::Cidr;

/// The configuration of a Tollgate gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(title = "Tollgate configuration")]
pub struct RawConfig {
    /// The version of this format. The only one is 1.
    #[schemars(extend("const" = 1))]
    pub version: u32,
    /// Further files whose sections belong to this config: paths relative to this file; the last part of a path may hold `*` and `?`.
    /// Lists are joined in the order of the files, maps are merged. `version`, `server` and `listeners` stand in one file only.
    #[serde(default)]
    pub include: Vec<String>,
    /// The process itself. Changes need a restart.
    #[serde(default)]
    pub server: Server,
    /// Where clients connect. Changes need a restart.
    #[schemars(length(min = 1))]
    pub listeners: Vec<Listener>,
    /// Where `/metrics`, `/livez` and `/readyz` are served, apart from clients. Off by default.
    pub telemetry: Option<Telemetry>,
    /// One JSON line a request.
    #[serde(default)]
    pub access_log: AccessLog,
    /// Networks whose `X-Forwarded-For` is believed. None by default: the peer is the client.
    #[serde(default)]
    pub trusted_proxies: Vec<Cidr>,
    /// The name of each request, towards client, upstream and log.
    #[serde(default)]
    pub request_id: RequestId,
    /// Bounds for connections and request heads.
    #[serde(default)]
    pub limits: Limits,
    /// Where limits with `scope: cluster` are counted. Changes need a restart.
    pub store: Option<Store>,
    /// The answer to a known path with another method: 405 with `Allow` (default), or 404 to tell nothing.
    #[schemars(extend("enum" = [405, 404], "default" = 405))]
    pub method_mismatch: Option<u16>,
    /// The services behind the gateway, by name.
    #[serde(default)]
    pub upstreams: BTreeMap<String, Upstream>,
    /// Who issues JWTs and how they are checked, by name.
    #[serde(default)]
    pub jwt_providers: BTreeMap<String, JwtProvider>,
    /// Where API keys are looked for.
    #[serde(default)]
    pub api_keys: ApiKeys,
    /// How user names and passwords are dealt with.
    #[serde(default)]
    pub passwords: Passwords,
    /// Services that are asked whether a request may pass, by name.
    #[serde(default)]
    pub auth_services: BTreeMap<String, AuthService>,
    /// Headers that tell the upstream who calls. A client's own headers of these names are removed on every route.
    #[serde(default)]
    pub identity_headers: IdentityHeaders,
    /// What consumers may use and how much, by name.
    #[serde(default)]
    pub plans: BTreeMap<String, Plan>,
    /// Who may call with which API keys.
    #[serde(default)]
    pub consumers: Vec<Consumer>,
    /// Throttling counters of their own, each with its own error if wanted.
    #[serde(default)]
    pub throttles: Vec<Throttle>,
    /// Whether callers can ask who they are and what is left of their limits.
    #[serde(default)]
    pub whoami: Whoami,
    /// What clients are told when the gateway refuses.
    #[serde(default)]
    pub errors: Errors,
    /// What every route asks unless it says otherwise, key by key.
    #[serde(default)]
    pub defaults: Defaults,
    /// Which requests go where. The most specific route wins, whatever the order.
    #[serde(default)]
    pub routes: Vec<Route>,
    /// Requests and the answers they must get; `tollgate test` runs them.
    #[serde(default)]
    pub tests: Vec<Scenario>,
}
