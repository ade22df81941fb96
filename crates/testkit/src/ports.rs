//! Free loopback addresses, and one that never answers.

use std::collections::HashSet;
use std::hash::{BuildHasher, RandomState};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Mutex, PoisonError};
use tokio::net::{TcpSocket, TcpStream};

/// Below the range from which Linux takes the ports of outgoing connections, so that none of those gets in between.
const FIRST: u16 = 12_000;
const COUNT: u16 = 20_000;
const TRIES: usize = 1_000;

/// An address where nothing listens now. Not given out twice by one process; another process may still be faster.
pub fn free() -> io::Result<SocketAddr> {
    static GIVEN: Mutex<Option<HashSet<u16>>> = Mutex::new(None);
    let mut given = GIVEN.lock().unwrap_or_else(PoisonError::into_inner);
    let given = given.get_or_insert_default();
    let random = RandomState::new();
    for attempt in 0..TRIES {
        let offset = random.hash_one(attempt) % u64::from(COUNT);
        let port = FIRST.saturating_add(u16::try_from(offset).unwrap_or_default());
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if !given.contains(&port) && TcpListener::bind(address).is_ok() {
            given.insert(port);
            return Ok(address);
        }
    }
    Err(io::Error::new(io::ErrorKind::AddrInUse, "no free loopback port in a thousand tries"))
}

/// An address to which connecting neither succeeds nor fails: its queue of connections is full and nobody takes one out.
pub struct BlackHole {
    address: SocketAddr,
    _listener: tokio::net::TcpListener,
    _queued: Vec<TcpStream>,
}

impl BlackHole {
    pub async fn open() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind((Ipv4Addr::LOCALHOST, 0).into())?;
        // A backlog of zero still lets one in.
        let listener = socket.listen(0)?;
        let address = listener.local_addr()?;
        let first = TcpStream::connect(address).await?;
        Ok(Self { address, _listener: listener, _queued: vec![first] })
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;
    use tokio::time::timeout;

    #[test]
    fn free_ports_are_free_and_different() {
        let ports: HashSet<SocketAddr> = (0..50).map(|_| free().unwrap()).collect();
        assert_eq!(ports.len(), 50);
        for port in ports {
            TcpListener::bind(port).unwrap();
        }
    }

    #[tokio::test]
    async fn connecting_to_a_black_hole_hangs() {
        let hole = BlackHole::open().await.unwrap();
        let connecting = timeout(Duration::from_millis(100), TcpStream::connect(hole.address())).await;
        assert!(connecting.is_err(), "{connecting:?}");
    }
}
