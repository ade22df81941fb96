//! `store`: where limits are counted that all nodes share.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::Duration;

/// Where limits with `scope: cluster` are counted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Store {
    /// A Redis or Valkey (6.2 or later), or a cluster of them, that all nodes reach.
    pub redis: Redis,
}

/// A Redis or Valkey that all nodes reach.
#[derive(Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Redis {
    /// `redis://HOST:PORT`, or `rediss://HOST:PORT` for TLS. An ACL user, a password and a database may stand in it:
    /// `rediss://USER:PASSWORD@HOST:PORT/0`. Several hosts, separated by commas, are seeds of one cluster.
    #[schemars(length(min = 1))]
    pub url: String,
    /// Speaks to a Redis Cluster, which the hosts of `url` belong to.
    #[serde(default)]
    pub cluster: bool,
    /// The ACL user, if it does not stand in `url`.
    #[schemars(length(min = 1))]
    pub username: Option<String>,
    /// The password, if it does not stand in `url`. Write a placeholder: `"${file:/run/secrets/redis}"`.
    #[schemars(length(min = 1))]
    pub password: Option<String>,
    /// Authorities in PEM that may have signed the server's certificate, instead of the system's. With `rediss://` only.
    #[schemars(length(min = 1))]
    pub ca_file: Option<String>,
    /// How a limit is decided while the store cannot be asked.
    #[serde(default)]
    pub on_failure: OnFailure,
    /// For one answer on the way of a request; after the first that does not come in time nobody waits any more, until the store is back. `20ms` by default; 1ms to 1s.
    #[schemars(extend("x-range" = ["1ms", "1s"]))]
    pub timeout: Option<Duration>,
    /// Begins the name of every key in the store. Gateways with the same prefix share their limits. `tollgate` by default.
    #[schemars(length(min = 1, max = 64))]
    pub prefix: Option<String>,
}

/// How a limit is decided while the store cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum OnFailure {
    /// Each node grants its part: the limit divided by the nodes that were last counted.
    #[default]
    LocalShare,
    /// Everything passes.
    Allow,
    /// Nothing passes: 503 `quota_store_unavailable`.
    Deny,
}

/// Whose requests a limit counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Scope {
    /// Those of this process.
    #[default]
    Node,
    /// Those of all nodes together; needs `store`.
    Cluster,
}

/// How a node takes from a limit that all nodes share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Sync {
    /// In chunks ahead of need: requests do not wait for the store. A limit below 20 is counted exactly all the same.
    #[default]
    Lease,
    /// One by one: each request waits for the store's answer.
    Exact,
}

impl fmt::Debug for Redis {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { url: _, cluster, username: _, password: _, ca_file, on_failure, timeout, prefix } = self;
        let mut shown = formatter.debug_struct("Redis");
        shown.field("cluster", cluster).field("caFile", ca_file).field("onFailure", on_failure);
        shown.field("timeout", timeout).field("prefix", prefix).finish_non_exhaustive()
    }
}
