//! The connection to the store: opening it, and one call over it. Everything here has a deadline. It does not mend itself: whoever
//! finds it broken opens another one.

use super::scripts::Call;
use crate::shared::settings::{RedisSettings, RedisTls};
use crate::shared::watch::Failed;
use redis::aio::{ConnectionLike, MultiplexedConnection};
use redis::cluster::ClusterClientBuilder;
use redis::cluster_async::ClusterConnection;
use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ConnectionInfo, ErrorKind, IntoConnectionInfo,
    RedisConnectionInfo, RedisResult, ServerErrorKind, TlsCertificates,
};
use std::time::Duration;
use tokio::time::timeout;

/// For a new connection, handshakes included, and for the answer to a probe.
pub(super) const OPEN_TIMEOUT: Duration = Duration::from_secs(1);

/// Shared by all requests at once; a clone is a handle.
#[derive(Clone)]
pub(super) enum Link {
    One(MultiplexedConnection),
    Cluster(ClusterConnection),
}

/// Why a call came to nothing. The texts are the server's or the system's; they hold no secret of ours.
#[derive(Debug, thiserror::Error)]
pub(super) enum Fault {
    #[error("no answer in time")]
    Timeout,
    #[error("{0}")]
    Connection(String),
    /// The server answered, but not with what was asked for.
    #[error("{0}")]
    Answer(String),
}

impl Fault {
    pub(super) const fn kind(&self) -> Failed {
        match self {
            Self::Timeout => Failed::Timeout,
            Self::Connection(_) => Failed::Connection,
            Self::Answer(_) => Failed::Answer,
        }
    }
}

impl From<redis::RedisError> for Fault {
    fn from(error: redis::RedisError) -> Self {
        if error.is_timeout() {
            Self::Timeout
        } else if matches!(error.kind(), ErrorKind::Server(_) | ErrorKind::Extension | ErrorKind::UnexpectedReturnType)
        {
            Self::Answer(error.to_string())
        } else {
            Self::Connection(error.to_string())
        }
    }
}

impl Link {
    pub(super) async fn open(settings: &RedisSettings) -> Result<Self, Fault> {
        let opening = async { if settings.cluster { open_cluster(settings).await } else { open_one(settings).await } };
        timeout(OPEN_TIMEOUT, opening).await.map_err(|_elapsed| Fault::Timeout)?.map_err(Fault::from)
    }

    /// Runs a script. Once: what was not answered may have been done.
    pub(super) async fn call(&self, call: &Call<'_>, within: Duration) -> Result<Vec<i64>, Fault> {
        let both = async {
            match self.query(&call.by_hash()).await {
                // Not run at all, so it may be sent again.
                Err(error) if error.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                    self.query(&call.by_text()).await
                }
                answer => answer,
            }
        };
        timeout(within, both).await.map_err(|_elapsed| Fault::Timeout)?.map_err(Fault::from)
    }

    async fn query(&self, command: &Cmd) -> RedisResult<Vec<i64>> {
        async fn over(mut connection: impl ConnectionLike, command: &Cmd) -> RedisResult<Vec<i64>> {
            command.query_async(&mut connection).await
        }
        match self.clone() {
            Self::One(connection) => over(connection, command).await,
            Self::Cluster(connection) => over(connection, command).await,
        }
    }
}

async fn open_one(settings: &RedisSettings) -> RedisResult<Link> {
    let Some(server) = settings.servers.first() else {
        return Err((ErrorKind::InvalidClientConfig, "no server is named").into());
    };
    let info = connection_info(settings, server)?;
    let client = match &settings.tls {
        Some(tls) => Client::build_with_tls(info, certificates(tls))?,
        None => Client::open(info)?,
    };
    // Ours is the tighter deadline, and it is set for each call.
    let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(Some(OPEN_TIMEOUT));
    client.get_multiplexed_async_connection_with_config(&config).await.map(Link::One)
}

async fn open_cluster(settings: &RedisSettings) -> RedisResult<Link> {
    let seeds: RedisResult<Vec<ConnectionInfo>> =
        settings.servers.iter().map(|server| connection_info(settings, server)).collect();
    let mut builder = ClusterClientBuilder::new(seeds?)
        .connection_timeout(OPEN_TIMEOUT)
        .response_timeout(OPEN_TIMEOUT)
        // For keys that move to another server of the cluster; those commands were not run.
        .retries(2);
    if let Some(tls) = &settings.tls {
        builder = builder.certs(certificates(tls));
    }
    builder.build()?.get_async_connection().await.map(Link::Cluster)
}

fn certificates(tls: &RedisTls) -> TlsCertificates {
    TlsCertificates { client_tls: None, root_cert: tls.authorities.clone() }
}

fn connection_info(settings: &RedisSettings, (host, port): &(String, u16)) -> RedisResult<ConnectionInfo> {
    let address = match settings.tls {
        Some(_) => ConnectionAddr::TcpTls { host: host.clone(), port: *port, insecure: false, tls_params: None },
        None => ConnectionAddr::Tcp(host.clone(), *port),
    };
    let mut redis = RedisConnectionInfo::default().set_db(i64::from(settings.database)).set_skip_set_lib_name();
    if let Some(username) = &settings.username {
        redis = redis.set_username(username);
    }
    if let Some(password) = &settings.password {
        redis = redis.set_password(password);
    }
    Ok(address.into_connection_info()?.set_redis_settings(redis))
}
