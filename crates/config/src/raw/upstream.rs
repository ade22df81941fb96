//! `upstreams`: the services behind the gateway.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EndpointEntry;
use crate::text::{Duration, Endpoint};

/// A service behind the gateway.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Upstream {
    /// Where the service listens. Host names are resolved while running, never while a config is checked.
    #[schemars(length(min = 1, max = 1_000))]
    pub endpoints: Vec<EndpointEntry>,
    /// How requests are spread over the endpoints.
    #[serde(default)]
    pub balance: Balance,
    /// How long the gateway waits for this service.
    #[serde(default)]
    pub timeouts: Timeouts,
    /// Connections that are kept open between requests.
    #[serde(default)]
    pub keepalive: Keepalive,
    /// Speak TLS to the service. Without it the connection is plain.
    pub tls: Option<UpstreamTls>,
}

/// An endpoint with more to say than its address.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct EndpointDetails {
    /// Host name or IP address, and port.
    pub address: Endpoint,
    /// Its share of the requests in proportion to the others. 0 (none) to 1000, default 1.
    #[serde(default = "one")]
    #[schemars(range(min = 0, max = 1_000))]
    pub weight: u32,
}

const fn one() -> u32 {
    1
}

/// How requests are spread over endpoints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Balance {
    /// In turn, by weight.
    #[default]
    RoundRobin,
}

/// How long the gateway waits for a service. When one of these ends the client gets 504.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Timeouts {
    /// For a connection, TLS handshake included. 1ms to 1m.
    #[schemars(extend("x-range" = ["1ms", "1m"]))]
    pub connect: Duration,
    /// For the first byte of the response after the request was sent. 1ms to 1h.
    #[schemars(extend("x-range" = ["1ms", "1h"]))]
    pub first_byte: Duration,
    /// Between two pieces of the response. 1ms to 1h.
    #[schemars(extend("x-range" = ["1ms", "1h"]))]
    pub idle: Duration,
    /// For the whole exchange. 1ms to 1d.
    #[schemars(extend("x-range" = ["1ms", "1d"]))]
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            connect: Duration::of_seconds(1),
            first_byte: Duration::of_seconds(15),
            idle: Duration::of_seconds(30),
            total: Duration::of_seconds(60),
        }
    }
}

/// Connections that are kept open between requests.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct Keepalive {
    /// How long an unused connection is kept. Shorter than the service keeps it. 0s (none is kept) to 1h.
    #[schemars(extend("x-range" = ["0s", "1h"]))]
    pub idle_timeout: Duration,
}

impl Default for Keepalive {
    fn default() -> Self {
        Self { idle_timeout: Duration::of_seconds(60) }
    }
}

/// TLS to a service.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct UpstreamTls {
    /// The name that the service's certificate must have; also sent as SNI.
    #[schemars(length(min = 1, max = 253))]
    pub server_name: String,
    /// PEM file with the certificates that are trusted instead of the system's. Relative to this config file.
    #[schemars(length(min = 1))]
    pub ca_file: Option<String>,
}
