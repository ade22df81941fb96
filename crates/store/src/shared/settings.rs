//! Where the store is that nodes share, and what to do without it.

use std::fmt;
use std::time::Duration;

/// A Redis, a Valkey or a cluster of them.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisSettings {
    /// Host and port; several are seeds of one cluster.
    pub servers: Vec<(String, u16)>,
    /// Speaks the protocol of Redis Cluster.
    pub cluster: bool,
    pub tls: Option<RedisTls>,
    pub username: Option<String>,
    pub password: Option<String>,
    pub database: u16,
    /// For one answer, on the way of a request.
    pub timeout: Duration,
    pub on_failure: OnFailure,
    /// Begins the name of every key.
    pub prefix: String,
}

#[derive(Clone, PartialEq, Eq)]
pub struct RedisTls {
    /// PEM; the system's authorities if there is none.
    pub authorities: Option<Vec<u8>>,
}

/// How a shared limit is decided on when the store cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Each node grants its part of the limit.
    #[default]
    LocalShare,
    /// Everything passes.
    Allow,
    /// Nothing passes.
    Deny,
}

impl OnFailure {
    /// The operator's word.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::LocalShare => "localShare",
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl fmt::Debug for RedisSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { servers, cluster, tls, username: _, password: _, database, timeout, on_failure, prefix } = self;
        formatter
            .debug_struct("RedisSettings")
            .field("servers", servers)
            .field("cluster", cluster)
            .field("tls", &tls.is_some())
            .field("database", database)
            .field("timeout", timeout)
            .field("on_failure", on_failure)
            .field("prefix", prefix)
            .finish_non_exhaustive()
    }
}
