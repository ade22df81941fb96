//! How Pingora gets at the pool: by way of what it calls a custom protocol, whose connector may also bring a stream that speaks HTTP/1.

use super::lease::Lease;
use super::socket::Socket;
use super::{Kept, Key, Pool, Usage};
use async_trait::async_trait;
use limits::clock;
use pingora::connectors::http::custom::{self, Connection};
use pingora::connectors::{ConnectorOptions, TransportConnector};
use pingora::http::ResponseHeader;
use pingora::protocols::ALPN;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::CustomALPN;
use pingora::upstreams::peer::{HttpPeer, Peer};
use pingora::{Error, ErrorType, Result};
use std::any::Any;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Makes Pingora ask this connector for the peer's connections.
pub(crate) fn keep_at_home(peer: &mut HttpPeer) {
    // A name of our own that no upstream is told: what is asked in the handshake is HTTP/1.
    peer.options.alpn = ALPN::Custom(CustomALPN::new(b"pool".to_vec()));
}

pub(crate) struct Connector {
    transport: TransportConnector,
    pool: Arc<Pool>,
}

impl Connector {
    pub(crate) fn new(options: ConnectorOptions, pool: Arc<Pool>) -> Self {
        Self { transport: TransportConnector::new(Some(options)), pool }
    }

    async fn connect(&self, peer: &HttpPeer, key: Key) -> Result<Kept> {
        let socket = if peer.is_tls() {
            let mut peer = peer.clone();
            peer.options.alpn = ALPN::H1;
            Socket::Secured(self.transport.new_stream(&peer).await?)
        } else {
            Socket::Plain(connect(key.address, peer.options.connection_timeout).await?)
        };
        let no_answer = Box::new(ResponseHeader::build_no_case(200, Some(0))?);
        let digest = Arc::new(ProxyDigest::new(no_answer, Some(Box::new(Usage::default()))));
        Ok(Kept { socket, digest, key, idle_timeout: idle_timeout(peer) })
    }
}

async fn connect(address: SocketAddr, within: Option<Duration>) -> Result<TcpStream> {
    let within = within.unwrap_or(CONNECT_TIMEOUT);
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        Ok(stream)
    };
    match timeout(within, connecting).await {
        Ok(connected) => {
            connected.map_err(|error| Error::because(etype(&error), format!("connecting to {address}"), error))
        }
        Err(_elapsed) => {
            Error::e_explain(ErrorType::ConnectTimedout, format!("no connection to {address} within {within:?}"))
        }
    }
}

/// In Pingora's terms, which make the reason.
fn etype(error: &io::Error) -> ErrorType {
    let is = |kinds: &[ErrorKind]| kinds.contains(&error.kind());
    if is(&[ErrorKind::ConnectionRefused]) {
        ErrorType::ConnectRefused
    } else if is(&[ErrorKind::TimedOut]) {
        ErrorType::ConnectTimedout
    } else if is(&[ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable]) {
        ErrorType::ConnectNoRoute
    } else if is(&[ErrorKind::AddrNotAvailable, ErrorKind::AddrInUse, ErrorKind::PermissionDenied])
        || error.raw_os_error().is_some_and(|number| OUT_OF_DESCRIPTORS.contains(&number))
    {
        // Our own machine has no port, no right or no descriptor left for it.
        ErrorType::InternalError
    } else {
        ErrorType::ConnectError
    }
}

/// `ENFILE` and `EMFILE`, as Linux numbers them.
const OUT_OF_DESCRIPTORS: [i32; 2] = [23, 24];

/// Of a peer that says none.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
fn idle_timeout(peer: &HttpPeer) -> Duration {
    /// Of a peer that says none.
    const DEFAULT: Duration = Duration::from_secs(60);
    peer.options.idle_timeout.unwrap_or(DEFAULT)
}

#[async_trait]
impl custom::Connector for Connector {
    /// Only streams come from here.
    type Session = ();

    async fn get_http_session<P: Peer + Send + Sync + 'static>(&self, peer: &P) -> Result<(Connection<()>, bool)> {
        let peer: Option<&HttpPeer> = (peer as &dyn Any).downcast_ref();
        let Some((peer, key)) = peer.and_then(|peer| Some((peer, Key::of(peer)?))) else {
            return Error::e_explain(ErrorType::InternalError, "a peer that has no connections of this kind");
        };
        let lease = match self.pool.take(&key, idle_timeout(peer), clock::now()) {
            Some(kept) => Box::new(Lease::new(kept, &self.pool, true)),
            // Boxed: most requests need no room for it.
            None => Box::new(Lease::new(Box::pin(self.connect(peer, key)).await?, &self.pool, false)),
        };
        // Pingora takes every stream for a new one; a request is told by its [`Usage`].
        Ok((Connection::Stream(lease), false))
    }

    async fn reused_http_session<P: Peer + Send + Sync + 'static>(&self, _peer: &P) -> Option<()> {
        None
    }

    async fn release_http_session<P: Peer + Send + Sync + 'static>(
        &self,
        _session: (),
        _peer: &P,
        _idle_timeout: Option<Duration>,
    ) {
    }
}

#[cfg(test)]
mod tests {
    use super::{connect, etype};
    use pingora::ErrorType;
    use std::io::{self, ErrorKind};
    use std::net::{Ipv4Addr, TcpListener};

    #[test]
    fn what_the_system_says_becomes_a_kind_of_error() {
        let check = |error: io::Error, expected: ErrorType| assert_eq!(etype(&error), expected, "{error}");
        check(ErrorKind::ConnectionRefused.into(), ErrorType::ConnectRefused);
        check(ErrorKind::TimedOut.into(), ErrorType::ConnectTimedout);
        check(ErrorKind::HostUnreachable.into(), ErrorType::ConnectNoRoute);
        check(ErrorKind::NetworkUnreachable.into(), ErrorType::ConnectNoRoute);
        check(ErrorKind::AddrNotAvailable.into(), ErrorType::InternalError);
        check(io::Error::from_raw_os_error(24), ErrorType::InternalError);
        check(ErrorKind::ConnectionReset.into(), ErrorType::ConnectError);
    }

    #[tokio::test]
    async fn nobody_there_is_told_with_the_address() {
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap();
        let error = connect(address, None).await.unwrap_err();
        assert_eq!(error.etype(), &ErrorType::ConnectRefused);
        assert!(crate::fault::shown(&error).starts_with(&format!("connecting to {address}: Connection refused")));
    }
}
