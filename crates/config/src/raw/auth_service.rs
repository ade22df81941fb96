//! `authServices`: programs of the operator's that are asked whether a request may pass.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::text::{Duration, HeaderName, Url};

/// A service that is asked, with a GET and without the body, whether a request may pass. 2xx lets in, 401 and 403 are passed to the
/// client; any other answer, or none, refuses.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AuthService {
    /// Where it is asked. It learns the request from `X-Forwarded-Method`, `-Proto`, `-Host`, `-Uri` and `-For`.
    pub url: Url,
    /// For the whole call, from the connection to the last byte. 10ms to 1m.
    #[serde(default = "timeout")]
    #[schemars(extend("x-range" = ["10ms", "1m"]))]
    pub timeout: Duration,
    /// Calls that may be under way at once; a request beyond them is refused. 1 to 10000.
    #[serde(default = "concurrent_max")]
    #[schemars(range(min = 1, max = 10_000))]
    pub concurrent_max: u32,
    /// Headers of the request that the service gets. `Authorization` and `Cookie` if not given.
    #[serde(default = "request_headers")]
    pub request_headers: Vec<HeaderName>,
    /// Headers of an answer that lets in that the upstream gets. A client's own headers of these names are removed on every route.
    #[serde(default)]
    pub response_headers: Vec<HeaderName>,
    /// Headers of an answer that refuses that the client gets. `WWW-Authenticate`, `Location` and `Set-Cookie` if not given.
    #[serde(default = "denial_headers")]
    pub denial_headers: Vec<HeaderName>,
    /// Whether a redirect of the service's goes to the client. Off, a redirect refuses like any other unexpected answer.
    #[serde(default)]
    pub redirects: bool,
    /// The header of an answer that lets in that names the consumer. An answer without it then refuses.
    pub consumer_header: Option<HeaderName>,
    /// The header of an answer that lets in that names the plan, before the consumer's own.
    pub plan_header: Option<HeaderName>,
    /// For how long an answer holds for further requests. Not given, every request is asked about.
    pub remember: Option<RememberAnswers>,
    /// How the service's certificate is checked where the URL is https.
    pub tls: Option<ServiceTls>,
}

const fn timeout() -> Duration {
    Duration::of_seconds(2)
}

const fn concurrent_max() -> u32 {
    256
}

fn request_headers() -> Vec<HeaderName> {
    named(&[http::header::AUTHORIZATION, http::header::COOKIE])
}

fn denial_headers() -> Vec<HeaderName> {
    named(&[http::header::WWW_AUTHENTICATE, http::header::LOCATION, http::header::SET_COOKIE])
}

fn named(names: &[http::HeaderName]) -> Vec<HeaderName> {
    names.iter().cloned().map(HeaderName::of).collect()
}

/// For how long an answer holds, and for whom: for the same client address, and who sends none of `headers` is always asked about.
/// A service's `Cache-Control` can shorten the time, and an answer that sets a cookie is not remembered.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct RememberAnswers {
    /// How long. It is also how long a caller who was shut out may still get in. 1s to 10m.
    #[serde(rename = "for")]
    #[schemars(extend("x-range" = ["1s", "10m"]))]
    pub time: Duration,
    /// The request headers that have to be the same. All of `requestHeaders` if not given.
    #[schemars(length(min = 1))]
    pub headers: Option<Vec<HeaderName>>,
    /// Whether method, host, path and query have to be the same as well. Switch it off only for a service that decides by who calls
    /// and never by what is called.
    #[serde(default = "yes")]
    pub target: bool,
    /// Whether 401 and 403 are remembered, too.
    #[serde(default)]
    pub denials: bool,
    /// How many answers are remembered at once. 1 to 1000000.
    #[serde(default = "entries")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub entries: u32,
}

const fn yes() -> bool {
    true
}

const fn entries() -> u32 {
    10_000
}

/// How the certificate of an auth service is checked.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ServiceTls {
    /// The name that the certificate must have. The URL's host if not given.
    #[schemars(length(min = 1))]
    pub server_name: Option<String>,
    /// PEM file with the authorities to trust instead of the system's. Relative to this config file.
    #[schemars(length(min = 1))]
    pub ca_file: Option<String>,
}
