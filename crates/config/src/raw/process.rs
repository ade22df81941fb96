//! `server`, `listeners`, `telemetry`, `accessLog`, `requestId`, `limits`: what holds for the whole process.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Threads;
use crate::text::{Duration, HeaderName, ListenAddress, Size};

/// The process itself.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Server {
    /// Worker threads: a number, or `auto` for one a core.
    pub threads: Threads,
    /// How long requests in flight may go on after the signal to stop. 0s to 1h.
    #[schemars(extend("x-range" = ["0s", "1h"]))]
    pub drain: Duration,
    /// Where the gateway keeps what is its own: the counts of quotas, which need it to be writable, and the socket that `tollgate reload` and
    /// `tollgate quota` talk to. One gateway for each. Relative to this config file.
    #[schemars(length(min = 1))]
    pub state_dir: String,
}

/// `server.stateDir` if nothing is said.
pub const STATE_DIR: &str = "state";

impl Default for Server {
    fn default() -> Self {
        Self { threads: Threads::Auto, drain: Duration::of_seconds(10), state_dir: STATE_DIR.to_owned() }
    }
}

/// One address where clients connect.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Listener {
    /// IP address and port, as in `0.0.0.0:8080` or `[::]:8080`.
    pub address: ListenAddress,
    /// Whether clients may speak HTTP/2 as well, in clear text and by prior knowledge (RFC 9113, 3.3): the first bytes of a connection tell
    /// which it is. `Upgrade: h2c` is not answered.
    #[serde(default)]
    pub http2: bool,
}

/// Where the gateway tells how it is.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Telemetry {
    /// IP address and port of `/metrics`, `/livez` and `/readyz`. Not for clients: keep it on loopback or an inner network.
    pub address: ListenAddress,
}

/// One line a request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct AccessLog {
    /// A file, `-` for standard output, or `none`. Relative to this config file.
    #[schemars(length(min = 1))]
    pub path: String,
    /// How a line is written.
    pub format: AccessLogFormat,
    /// The share of successes that is logged, from 0 to 1. Refusals and failures are always logged.
    #[schemars(range(min = 0.0, max = 1.0))]
    pub sample: f64,
}

impl Default for AccessLog {
    fn default() -> Self {
        Self { path: "-".to_owned(), format: AccessLogFormat::Json, sample: 1.0 }
    }
}

/// How a line of the access log is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AccessLogFormat {
    /// One JSON object a line.
    Json,
}

/// The name of each request.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct RequestId {
    /// The header that carries it in, on and back; none that has a meaning already, such as `Content-Length`. `X-Request-Id` by default.
    pub header: Option<HeaderName>,
    /// Whose request IDs are kept instead of being replaced by a new one.
    pub accept: RequestIdAccept,
}

impl Default for RequestId {
    fn default() -> Self {
        Self { header: None, accept: RequestIdAccept::Trusted }
    }
}

/// Whose request IDs are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum RequestIdAccept {
    /// Those that come through `trustedProxies`.
    Trusted,
    /// Everybody's. A client may then choose an ID that another request had.
    Always,
    /// Nobody's.
    Never,
}

/// Bounds for connections and request heads.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Limits {
    /// The largest request head, request line included; above it 431. 1KiB to 1MiB.
    #[schemars(extend("x-range" = ["1KiB", "1MiB"]))]
    pub header_bytes: Size,
    /// The most header lines of a request; above it 431. 10 to 256.
    #[schemars(range(min = 10, max = 256))]
    pub headers: u32,
    /// The longest request target; above it 414. 256B to 63KiB.
    #[schemars(extend("x-range" = ["256B", "63KiB"]))]
    pub uri_bytes: Size,
    /// How long a request head may take from its first byte to its last; then 408. 100ms to 5m.
    #[schemars(extend("x-range" = ["100ms", "5m"]))]
    pub header_timeout: Duration,
    /// How long a request body may stand still; then 408. 100ms to 10m.
    #[schemars(extend("x-range" = ["100ms", "10m"]))]
    pub body_timeout: Duration,
    /// How long a connection may wait for its next request before it is closed. 1s to 1h.
    #[schemars(extend("x-range" = ["1s", "1h"]))]
    pub idle_timeout: Duration,
    /// The most client connections at once. 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections: u32,
    /// The most connections at once from one address. 1 to 1000000.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub connections_per_address: u32,
    /// How many addresses and tokens throttles count exactly; more are counted together, which errs towards refusing. 1000 to 1000000.
    #[schemars(range(min = 1_000, max = 1_000_000))]
    pub active_keys: u32,
    /// The most memory for all bodies that are being read at once, as they are held and as they are decompressed; one that does not fit gets
    /// 503. 1MiB to 64GiB.
    #[schemars(extend("x-range" = ["1MiB", "64GiB"]))]
    pub held_body_bytes: Size,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            header_bytes: Size::of_kibibytes(32),
            headers: 100,
            uri_bytes: Size::of_kibibytes(8),
            header_timeout: Duration::of_seconds(10),
            body_timeout: Duration::of_seconds(30),
            idle_timeout: Duration::of_seconds(60),
            connections: 20_000,
            connections_per_address: 1_000,
            active_keys: 100_000,
            held_body_bytes: Size::of_kibibytes(256 * 1_024),
        }
    }
}
