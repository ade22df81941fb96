//! An endpoint with everything built that a connection to it would otherwise build.

use crate::resolve::{Resolved, Resolver};
use engine::upstream::{Address, Endpoint, Tls};
use pingora::upstreams::peer::HttpPeer;
use pingora::utils::tls::WrappedX509;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

pub(crate) struct PreparedEndpoint {
    pub(crate) peer: HttpPeer,
    name: Option<Arc<Resolved>>,
}

impl PreparedEndpoint {
    /// A name that has not been answered yet is waited for, `within` at most.
    pub(crate) async fn peer(&self, within: Duration) -> Option<Box<HttpPeer>> {
        let Self { peer, name } = self;
        // Boxed where it is made: it is large, and Pingora wants it so.
        let mut peer = Box::new(peer.clone());
        if let Some(name) = name {
            peer._address = pingora::protocols::l4::socket::SocketAddr::Inet(name.address(within).await?);
        }
        Some(peer)
    }
}

/// Where it is and how its certificate is checked; no time-outs yet.
pub(crate) fn bare_endpoint(
    endpoint: &Endpoint,
    tls: Option<&Tls>,
    owner: &str,
    resolver: &Resolver,
) -> PreparedEndpoint {
    let (address, name) = match &endpoint.address {
        Address::Socket(address) => (*address, None),
        // Replaced by the resolved address before each use.
        Address::Name { host, port } => {
            (SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port)), Some(resolver.name(host, *port)))
        }
    };
    let server_name = tls.map(|tls| tls.server_name.to_string()).unwrap_or_default();
    let mut peer = HttpPeer::new(address, tls.is_some(), server_name);
    // The pool's own key has neither authorities nor time-outs: two upstreams never share a connection.
    peer.group_key = group_key(owner, tls);
    if let Some(tls) = tls
        && !tls.authorities.is_empty()
    {
        let authorities: Vec<WrappedX509> = tls.authorities.iter().map(|der| wrapped(der)).collect();
        peer.options.ca = Some(Arc::from(authorities));
    }
    PreparedEndpoint { peer, name }
}

fn wrapped(der: &[u8]) -> WrappedX509 {
    WrappedX509::new(der.to_vec(), pingora::utils::tls::parse_x509)
}

fn group_key(owner: &str, tls: Option<&Tls>) -> u64 {
    let mut hasher = DefaultHasher::new();
    owner.hash(&mut hasher);
    if let Some(tls) = tls {
        tls.server_name.hash(&mut hasher);
        tls.authorities.hash(&mut hasher);
    }
    hasher.finish()
}
