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

impl RedisSettings {
    /// `redis-1.internal:6379, redis-2.internal:6379`, for the log.
    #[must_use]
    pub fn servers_text(&self) -> String {
        let name = |(host, port): &(String, u16)| {
            // An IPv6 address.
            if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
        };
        self.servers.iter().map(name).collect::<Vec<_>>().join(", ")
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_named_as_people_write_them() {
        let settings = RedisSettings {
            servers: vec![("a.example".to_owned(), 6379), ("::1".to_owned(), 7000)],
            cluster: true,
            tls: None,
            username: None,
            password: None,
            database: 0,
            timeout: Duration::from_millis(20),
            on_failure: OnFailure::LocalShare,
            prefix: "tollgate".to_owned(),
        };
        assert_eq!(settings.servers_text(), "a.example:6379, [::1]:7000");
    }
}
