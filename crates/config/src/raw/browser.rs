//! `cors`: which pages of other origins may call.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Mode;
use crate::text::Duration;

/// Which pages of other origins may call, and what of the answers their scripts may read. Preflights are answered by the gateway,
/// before it asks who calls; an upstream's own `Access-Control-*` headers are replaced.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Cors {
    /// The origins, as browsers send them: `https://app.example.com`, port included if it is not the scheme's own.
    /// `https://*.example.com` is every name below it; `"*"` alone is every origin, `"null"` pages without one.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub allow_origins: Vec<String>,
    /// The methods. The route's own by default; `"*"` is every method, never with credentials.
    #[schemars(length(min = 1), inner(length(min = 1)))]
    pub allow_methods: Option<Vec<String>>,
    /// The headers that scripts may send beside those that any form could send: Authorization, Content-Type for JSON, `x-api-key`. None
    /// by default; `"*"` is every header but Authorization, never with credentials.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub allow_headers: Vec<String>,
    /// The headers of answers that scripts may read, beside those of the gateway itself (the request's ID, Retry-After, rate limits,
    /// WWW-Authenticate, and those of `errors.headers`), which they always may. `"*"` is every header, never with credentials.
    #[serde(default)]
    #[schemars(inner(length(min = 1)))]
    pub expose_headers: Vec<String>,
    /// Whether cookies, client certificates and passwords that the browser keeps may come along. Off by default.
    #[serde(default)]
    pub allow_credentials: bool,
    /// How long browsers remember a preflight's answer, in whole seconds. Up to 30d; by default they do for 5 seconds.
    #[schemars(extend("x-range" = ["0s", "30d"]))]
    pub max_age: Option<Duration>,
    /// What becomes of a request, not a preflight, from another origin: `forward` (default) or `refuse`.
    #[serde(default)]
    pub on_denied: OnDenied,
    /// `enforce` (default), `dryRun` or `off`.
    #[serde(default)]
    pub mode: Mode,
}

/// What becomes of a request, not a preflight, from an origin that is not permitted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnDenied {
    /// It goes on, and the browser keeps the answer from the script.
    #[default]
    Forward,
    /// 403 `cors_origin_denied`. Pages of the gateway's own origin have to be listed, too.
    Refuse,
}
