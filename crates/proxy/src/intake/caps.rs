//! How many connections are open, in all and for each address.

use super::IntakeLimits;
use engine::denial::Denial;
use engine::reason::Reason;
use limits::gauge::{Entered, Full, Gauge};
use limits::keyed::{Key, Keyer};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

/// Connections that are told to come back later, at the same time. Beyond it they are closed without a word.
const TURNED_AWAY_MAX: usize = 256;

/// The open connections. One for all listeners: clones count together.
#[derive(Clone, Debug)]
pub(crate) struct Caps {
    open: Arc<Gauge>,
    turned_away: Arc<Gauge>,
    keyer: Arc<Keyer>,
}

impl Caps {
    pub(crate) fn new() -> Self {
        Self { open: Arc::new(Gauge::new()), turned_away: Arc::new(Gauge::new()), keyer: Arc::new(Keyer::new()) }
    }

    /// Connections that are open now.
    pub(crate) fn open(&self) -> usize {
        self.open.all()
    }

    pub(super) fn admit(&self, peer: Option<SocketAddr>, limits: &IntakeLimits) -> Result<Entered, Denial> {
        let (key, per_address_max) = match peer {
            Some(peer) => (self.key(peer.ip()), limits.connections_per_address_max),
            // A Unix socket: there is no address to count by.
            None => (self.keyer.key(&[]), usize::MAX),
        };
        self.open.enter(key, limits.connections_max, per_address_max).map_err(|full| match full {
            Full::All => Denial::new(Reason::ConnectionsExhausted)
                .because(format!("{} connections are open", limits.connections_max)),
            Full::Key => Denial::new(Reason::AddressConnectionsExhausted)
                .because(format!("{per_address_max} connections from this address are open")),
        })
    }

    /// A place for a connection that is refused, while it is told so.
    pub(super) fn turn_away(&self) -> Option<Entered> {
        self.turned_away.enter(self.keyer.key(&[]), TURNED_AWAY_MAX, usize::MAX).ok()
    }

    /// Who has one IPv6 address has the 2^64 around it.
    fn key(&self, address: IpAddr) -> Key {
        match address.to_canonical() {
            IpAddr::V4(address) => self.keyer.key(&[&address.octets()]),
            IpAddr::V6(address) => {
                let network = address.to_bits() >> 64;
                self.keyer.key(&[&network.to_be_bytes()])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Caps;
    use std::net::IpAddr;

    #[test]
    fn addresses_that_count_as_one() {
        let caps = Caps::new();
        let same = |a: &str, b: &str| {
            caps.key(a.parse::<IpAddr>().expect("an address")) == caps.key(b.parse::<IpAddr>().expect("an address"))
        };
        assert!(same("192.0.2.1", "::ffff:192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
        assert!(same("2001:db8::1", "2001:db8::ffff:0:0:2"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
    }
}
