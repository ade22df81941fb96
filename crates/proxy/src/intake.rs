//! The front door: takes connections before Pingora's HTTP proxy does, and lets through only requests that mean one thing.
//!
//! A connection is counted ([`caps`]); each head is read under one deadline ([`read`]), checked by [`engine::wire`], and handed to
//! the proxy together with a stream that ends where the request's body does ([`gate`]). What Pingora sees is therefore always one
//! checked head and its body; bytes behind it wait for their own check. Where a listener speaks HTTP/2, the first bytes of a connection
//! tell ([`preface`]), and each stream becomes a session of its own behind the same check ([`http2`]). Routes and policies are not known
//! here.

mod caps;
mod closing;
mod fault;
mod gate;
mod http2;
mod pace;
mod preface;
mod read;
mod serve;
mod turn_away;

use crate::connection::Connection;
use engine::denial::Denial;
use engine::reply::Reply;
use engine::wire::HeadLimits;
use limits::clock::Now;
use pingora::connectors::http::custom;
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use pingora_proxy::{HttpProxy, ProxyHttp};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use caps::Caps;
pub(crate) use fault::body_fault;
pub(crate) use pace::Pace;

/// What may be asked of a connection. Read anew for each connection and each request, so that a reload applies to both; what the frames
/// of an HTTP/2 connection may be stays as it was when that began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct IntakeLimits {
    pub(crate) head: HeadLimits,
    /// From the first byte of a head to its last, in all.
    pub(crate) header_timeout: Duration,
    /// Until the first byte of a head, on a new connection and between requests.
    pub(crate) idle_timeout: Duration,
    pub(crate) connections_max: usize,
    /// IPv6 addresses count by their /64.
    pub(crate) connections_per_address_max: usize,
    /// How slow bodies and answers may be.
    pub(crate) pace: Pace,
}

/// A request that ends before it is one.
#[derive(Debug)]
pub(crate) struct Refusal<'a> {
    pub(crate) denial: Denial,
    /// None for a connection that has no address (a Unix socket).
    pub(crate) peer: Option<SocketAddr>,
    /// What had arrived: raw, at most a head's worth, and empty for a connection that was one too many.
    pub(crate) head: &'a [u8],
    /// When the first of these bytes was there.
    pub(crate) started: Now,
    /// As the access log names it.
    pub(crate) protocol: &'static str,
    /// Whether somebody gets the answer.
    pub(crate) is_told: bool,
}

/// The gateway as the intake sees it.
pub(crate) trait Refuse: Send + Sync + 'static {
    fn limits(&self) -> IntakeLimits;

    /// Another number once [`Self::limits`] may say something else.
    fn revision(&self) -> u64;

    /// The whole answer but what its protocol adds. Also writes log and metrics.
    fn refuse(&self, refusal: Refusal<'_>) -> Reply;
}

/// Pingora's proxy behind the checks.
pub(crate) struct Intake<G: ProxyHttp, C: custom::Connector> {
    proxy: Arc<HttpProxy<G, C>>,
    door: Arc<Door>,
}

/// What all connections come in by.
pub(crate) struct Door {
    pub(crate) gateway: Arc<dyn Refuse>,
    /// The same for all listeners.
    pub(crate) caps: Caps,
    pub(crate) listeners: Box<[Listener]>,
}

/// Where clients connect.
#[derive(Clone, Copy, Debug)]
pub struct Listener {
    pub address: SocketAddr,
    /// Clients may speak HTTP/2 in clear text, by prior knowledge (RFC 9113, 3.3), beside HTTP/1.
    pub http2: bool,
}

impl Door {
    /// Whether the listener that took this connection speaks HTTP/2.
    fn speaks_http2(&self, stream: &Stream) -> bool {
        if !self.listeners.iter().any(|listener| listener.http2) {
            return false;
        }
        let digest = stream.get_socket_digest();
        let local = digest.and_then(|digest| digest.local_addr().and_then(|local| local.as_inet().copied()));
        local.and_then(|local| taker(&self.listeners, local)).is_some_and(|listener| listener.http2)
    }
}

/// Who takes what arrives at this address: the listener that names it, or else the one for all of its family. A connection of IPv4 that
/// `[::]` has taken has an address of IPv6.
fn taker(listeners: &[Listener], local: SocketAddr) -> Option<&Listener> {
    let takes_all = |listener: &&Listener| {
        listener.address.ip().is_unspecified()
            && listener.address.port() == local.port()
            && listener.address.is_ipv4() == local.is_ipv4()
    };
    let named = listeners.iter().find(|listener| listener.address == local);
    named.or_else(|| listeners.iter().find(takes_all))
}

/// What a request shares with the connection that it has to itself.
pub(crate) fn connection_of(stream: &Stream) -> Option<Arc<Connection>> {
    (**stream).as_any().downcast_ref::<gate::Gate>().map(gate::Gate::connection)
}

impl<G, C> Intake<G, C>
where
    G: ProxyHttp + Send + Sync + 'static,
    G::CTX: Send + Sync,
    C: custom::Connector,
{
    /// The proxy's modules have been initialised.
    pub(crate) fn new(proxy: Arc<HttpProxy<G, C>>, door: Arc<Door>) -> Self {
        Self { proxy, door }
    }

    /// One connection from its first byte to its last.
    pub(crate) async fn take(self, stream: Stream, shutdown: &ShutdownWatch) {
        let digest = stream.get_socket_digest();
        let peer = digest.and_then(|digest| digest.peer_addr().and_then(|peer| peer.as_inet().copied()));
        let address = peer.map(|peer| peer.ip());
        let speaks_http2 = self.door.speaks_http2(&stream);
        match self.door.caps.admit(peer, &self.door.gateway.limits()) {
            Ok(entered) if speaks_http2 => {
                // Boxed: the others need no room for it.
                Box::pin(self.serve_either(gate::Gate::new(stream, entered, address), peer, shutdown)).await;
            }
            Ok(entered) => self.serve(gate::Gate::new(stream, entered, address), peer, shutdown, None).await,
            Err(denial) => self.door.turn_away(stream, peer, denial, speaks_http2).await,
        }
    }
}

#[cfg(test)]
mod tests;
