//! How Pingora gets at the pool: by way of what it calls a custom protocol, whose connector may also bring a stream that speaks HTTP/1.

use super::checkout::Checkout;
use super::socket::{Socket, is_silent};
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
use pingora::{Error, ErrorType, OrErr as _, Result};
use std::any::Any;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::yield_now;
use tokio::time::timeout;

/// What Pingora takes for protocols are words to this connector: how sure it has to be that a kept connection still lives. No upstream is
/// told: what is asked in a handshake is HTTP/1.
const AS_HEARD: &[u8] = b"as heard";
const AS_ASKED: &[u8] = b"as asked";

/// Makes Pingora ask this connector for the peer's connections: those that the event loop has heard nothing of.
pub(crate) fn keep_at_home(peer: &mut HttpPeer) {
    peer.options.alpn = ALPN::Custom(CustomALPN::new(AS_HEARD.to_vec()));
}

/// For a request that cannot be sent again: the system is asked what has become of a connection. That is a system call.
pub(crate) fn make_sure(peer: &mut HttpPeer) {
    peer.options.alpn = ALPN::Custom(CustomALPN::new(AS_ASKED.to_vec()));
}

fn has_to_be_sure(peer: &HttpPeer) -> bool {
    matches!(&peer.options.alpn, ALPN::Custom(word) if word.protocol() == AS_ASKED)
}

pub(crate) struct Connector {
    transport: TransportConnector,
    pool: Arc<Pool>,
}

impl Connector {
    pub(crate) fn new(options: ConnectorOptions, pool: Arc<Pool>) -> Self {
        Self { transport: TransportConnector::new(Some(options)), pool }
    }

    /// Those that turn out to be of no use are closed on the way.
    pub(super) async fn kept(&self, peer: &HttpPeer, key: &Key) -> Option<Kept> {
        let sure = has_to_be_sure(peer);
        loop {
            let mut kept = self.pool.take(key, idle_timeout(peer), clock::now())?;
            if sure && matches!(kept.socket, Socket::Secured(_)) {
                // The system cannot tell what is TLS's own. The event loop gets the chance to hear that upstream has closed it.
                yield_now().await;
            }
            let lives = if sure { kept.socket.is_quiet() } else { is_silent(&mut kept.socket) };
            if lives {
                return Some(kept);
            }
        }
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
    let opened = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() };
    let socket = opened.or_err(ErrorType::InternalError, "opening a socket")?;
    let connecting = timeout(within, socket.connect(address)).await;
    let connected = connecting.map_err(|_elapsed| {
        Error::explain(ErrorType::ConnectTimedout, format!("no connection to {address} within {within:?}"))
    })?;
    let stream = connected.map_err(|error| Error::because(etype(&error), format!("connecting to {address}"), error))?;
    stream.set_nodelay(true).or_err(ErrorType::InternalError, "setting up a connection")?;
    Ok(stream)
}

/// Of a failure to connect, in Pingora's terms, which make the reason.
fn etype(error: &io::Error) -> ErrorType {
    let is = |kinds: &[ErrorKind]| kinds.contains(&error.kind());
    if is(&[ErrorKind::ConnectionRefused]) {
        ErrorType::ConnectRefused
    } else if is(&[ErrorKind::TimedOut]) {
        ErrorType::ConnectTimedout
    } else if is(&[ErrorKind::NetworkUnreachable, ErrorKind::HostUnreachable]) {
        ErrorType::ConnectNoRoute
    } else if is(&[ErrorKind::AddrNotAvailable, ErrorKind::AddrInUse, ErrorKind::PermissionDenied]) {
        // Our own machine has no port for it, or forbids it.
        ErrorType::InternalError
    } else {
        ErrorType::ConnectError
    }
}

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
        let checkout = match self.kept(peer, &key).await {
            Some(kept) => Box::new(Checkout::new(kept, &self.pool, true)),
            // Boxed: most requests need no room for it.
            None => Box::new(Checkout::new(Box::pin(self.connect(peer, key)).await?, &self.pool, false)),
        };
        // Pingora takes every stream for a new one; a request is told by its [`Usage`].
        Ok((Connection::Stream(checkout), false))
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
