//! `routes` and `defaults`: which requests go where, and what they must satisfy.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    CacheControl, Compression, Concurrency, Cors, Deprecation, ErrorTemplate, Mode, Parameters, PathEntry, Quota,
    RateLimit, Redirect, RequestTransform, Respond, ResponseTransform,
};
use crate::text::{Cidr, MediaType, Method, Size};

/// Which requests go where.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("not" = {"required": ["host", "hosts"]}))]
pub struct Route {
    /// The name in logs, metrics and other sections of the config.
    #[schemars(length(min = 1, max = 128))]
    pub name: String,
    /// The host: `api.example.com`, or `"*.example.com"` for every name below it. Any host by default.
    #[schemars(length(min = 1))]
    pub host: Option<String>,
    /// Several hosts.
    #[serde(default)]
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub hosts: Vec<String>,
    /// The paths: `/v1/orders` exact, `/v1/orders/{id}` one segment, `/v1/files/*` that path and all below it, `{ regex: "^/v\\d+/x$" }`.
    #[schemars(length(min = 1))]
    pub paths: Vec<PathEntry>,
    /// The methods. Every method by default; GET includes HEAD.
    #[schemars(length(min = 1))]
    pub methods: Option<Vec<Method>>,
    /// Headers and query parameters that the request must have.
    #[serde(rename = "match")]
    pub conditions: Option<Conditions>,
    /// Whether `/a/` is `/a`: `strict` (default), `ignore` or `redirect`.
    pub trailing_slash: Option<TrailingSlash>,
    /// The upstream's name. Required, unless there is `redirect` or `respond`.
    #[schemars(length(min = 1))]
    pub upstream: Option<String>,
    /// Sends callers elsewhere. In place of `upstream` and `respond`.
    pub redirect: Option<Redirect>,
    /// A fixed response. In place of `upstream` and `redirect`.
    pub respond: Option<Respond>,
    /// Who may call. Required, here or in `defaults`; `{ none: {} }` opens the route to everybody.
    pub auth: Option<Auth>,
    /// Which pages of other origins may call.
    pub cors: Option<Cors>,
    /// From which addresses.
    pub ip_access: Option<IpAccess>,
    /// How many requests a second, and how many at once.
    pub rate_limit: Option<RateLimit>,
    /// How many requests in flight.
    pub concurrency: Option<Concurrency>,
    /// How many requests in a calendar period.
    pub quota: Option<Quota>,
    /// What the parts of the path, the query and the headers may be.
    pub parameters: Option<Parameters>,
    /// What a request may carry.
    pub body: Option<Body>,
    /// What becomes of a request before upstream gets it.
    pub request: Option<RequestTransform>,
    /// What becomes of upstream's answer before the client gets it.
    pub response: Option<ResponseTransform>,
    /// Which answers are compressed. None by default.
    pub compression: Option<Compression>,
    /// That the route is on its way out.
    pub deprecation: Option<Deprecation>,
    /// `Cache-Control` of its answers: directives such as `max-age=60` to set, or `{ default: … }` for where upstream says nothing. Not of
    /// refusals, which are `no-store`; of errors only if it has `no-store`.
    pub cache_control: Option<CacheControl>,
    /// Errors in words of this route's own. They go before those of the whole config.
    pub errors: Option<Vec<ErrorTemplate>>,
}

/// What every route asks unless it says otherwise, key by key.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Defaults {
    /// The methods of routes that name none.
    #[schemars(length(min = 1))]
    pub methods: Option<Vec<Method>>,
    /// Headers and query parameters that requests must have.
    #[serde(rename = "match")]
    pub conditions: Option<Conditions>,
    /// Whether `/a/` is `/a`: `strict` (default), `ignore` or `redirect`.
    pub trailing_slash: Option<TrailingSlash>,
    /// The upstream's name.
    #[schemars(length(min = 1))]
    pub upstream: Option<String>,
    /// Sends callers elsewhere. In place of `upstream` and `respond`.
    pub redirect: Option<Redirect>,
    /// A fixed response. In place of `upstream` and `redirect`.
    pub respond: Option<Respond>,
    /// Who may call.
    pub auth: Option<Auth>,
    /// Which pages of other origins may call.
    pub cors: Option<Cors>,
    /// From which addresses.
    pub ip_access: Option<IpAccess>,
    /// How many requests a second, and how many at once, on each route.
    pub rate_limit: Option<RateLimit>,
    /// How many requests in flight, on each route.
    pub concurrency: Option<Concurrency>,
    /// How many requests in a calendar period, on each route.
    pub quota: Option<Quota>,
    /// What the parts of the path, the query and the headers may be.
    pub parameters: Option<Parameters>,
    /// What a request may carry.
    pub body: Option<Body>,
    /// What becomes of a request before upstream gets it.
    pub request: Option<RequestTransform>,
    /// What becomes of upstream's answer before the client gets it.
    pub response: Option<ResponseTransform>,
    /// Which answers are compressed. None by default.
    pub compression: Option<Compression>,
    /// That the route is on its way out.
    pub deprecation: Option<Deprecation>,
    /// `Cache-Control` of its answers: directives such as `max-age=60` to set, or `{ default: … }` for where upstream says nothing. Not of
    /// refusals, which are `no-store`; of errors only if it has `no-store`.
    pub cache_control: Option<CacheControl>,
    /// Errors of all routes that have none of their own.
    pub errors: Option<Vec<ErrorTemplate>>,
}

/// What else a request must have for the route to be meant.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Conditions {
    /// Headers and the values they must have.
    #[serde(default)]
    #[schemars(extend("propertyNames" = {"format": "tollgate-header-name"}))]
    pub headers: BTreeMap<String, String>,
    /// Query parameters and the values they must have.
    #[serde(default)]
    pub query: BTreeMap<String, String>,
}

/// What a slash at the end of a path means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum TrailingSlash {
    /// Another path.
    Strict,
    /// The same path.
    Ignore,
    /// The client is sent to the spelling that the route has.
    Redirect,
}

/// Who may call. Exactly one of these.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("oneOf" = [
    {"required": ["apiKey"]}, {"required": ["basic"]}, {"required": ["jwt"]}, {"required": ["forwardAuth"]}, {"required": ["any"]}, {"required": ["all"]}, {"required": ["none"]},
]))]
pub struct Auth {
    /// Consumers with an API key.
    pub api_key: Option<ApiKeyAuth>,
    /// Users with a password.
    pub basic: Option<BasicAuth>,
    /// Bearers of a JWT.
    pub jwt: Option<JwtAuth>,
    /// Whom an auth service lets in.
    pub forward_auth: Option<ForwardAuth>,
    /// Whoever satisfies one of these; they are tried in order, `basic` and `forwardAuth` last.
    #[schemars(length(min = 1))]
    pub any: Option<Vec<Auth>>,
    /// Who satisfies all of these; the first names the consumer.
    #[schemars(length(min = 1))]
    pub all: Option<Vec<Auth>>,
    /// Everybody.
    pub none: Option<NoAuth>,
}

/// Consumers with an API key. Written `{}`: where keys are is said by `apiKeys`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ApiKeyAuth {}

/// Users with a password (RFC 7617). Written `{}`: the users are the consumers' `passwords`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BasicAuth {}

/// Whom an auth service lets in.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ForwardAuth {
    /// The service's name in `authServices`.
    #[schemars(length(min = 1))]
    pub service: String,
}

/// Everybody. Written `{}`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct NoAuth {}

/// Bearers of a JWT.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct JwtAuth {
    /// The provider's name in `jwtProviders`.
    #[schemars(length(min = 1))]
    pub provider: String,
    /// Scopes that the token must all have (`scope` or `scp`).
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub scopes: Vec<String>,
}

/// From which addresses a route may be used. The address is the client's, as far as `trustedProxies` vouch for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct IpAccess {
    /// The networks that may call; if there are any, nobody else may.
    #[serde(default)]
    pub allow: Vec<Cidr>,
    /// The networks that may not call, also where `allow` has them.
    #[serde(default)]
    pub deny: Vec<Cidr>,
    /// `enforce` (default), `dryRun` or `off`.
    #[serde(default)]
    pub mode: Mode,
}

/// What a request may carry.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[schemars(extend("not" = {"required": ["schema", "schemaFile"]}))]
pub struct Body {
    /// The largest body, announced or counted; above it 413. Up to 1TiB by unit; unlimited if not given. With a schema up to 64MiB, and 1MiB if
    /// not given.
    pub bytes_max: Option<Size>,
    /// The media types that are taken; another one gets 415. `text/*` is every subtype.
    #[schemars(length(min = 1))]
    pub content_types: Option<Vec<MediaType>>,
    /// Whether a body without Content-Type is taken where `contentTypes` names some: `refuse` (default) or `allow`.
    #[serde(default)]
    pub content_type_missing: ContentTypeMissing,
    /// Refuses a body without Content-Length with 411.
    #[serde(default)]
    pub require_length: bool,
    /// What the body has to look like: a JSON Schema of draft 4, 6, 7, 2019-09 or 2020-12 (the default), by its `$schema`. The body has to be JSON
    /// then, whatever its Content-Type says, and is held until it has been read; what does not match gets 422.
    pub schema: Option<SchemaDocument>,
    /// The same in a file of its own, relative to this one.
    #[schemars(length(min = 1))]
    pub schema_file: Option<String>,
    /// Takes `format` in the schema for a rule instead of a remark.
    #[serde(default)]
    pub format: bool,
    /// How deep lists and objects of a body that is read may be nested. 1 to 127; 64 by default.
    #[schemars(range(min = 1, max = 127))]
    pub depth_max: Option<u32>,
    /// The largest body that is read, its Content-Encoding (gzip, deflate, br, zstd) undone; above it 413. Up to 64MiB; as `bytesMax` if not
    /// given.
    pub decompressed_bytes_max: Option<Size>,
    /// `enforce` (default), `dryRun` or `off`.
    #[serde(default)]
    pub mode: Mode,
}

/// What becomes of a body that does not say what it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum ContentTypeMissing {
    /// It gets 415.
    #[default]
    Refuse,
    /// It is taken.
    Allow,
}

/// A JSON Schema, written as YAML.
#[derive(Debug, Deserialize)]
#[serde(transparent)]
pub struct SchemaDocument(serde_json::Value);

impl SchemaDocument {
    #[must_use]
    pub const fn get(&self) -> &serde_json::Value {
        &self.0
    }
}

impl JsonSchema for SchemaDocument {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SchemaDocument".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "object", "additionalProperties": true, "description": "A JSON Schema." })
    }
}
