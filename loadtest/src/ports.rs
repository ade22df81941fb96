//! Free ports on loopback, below the range that the kernel gives to outgoing connections: none is taken between its
//! choice and its use by a connection that the run itself opens.

use anyhow::{Context, Result};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};

const FIRST: u16 = 20_000;
const LAST: u16 = 32_000;

pub(crate) struct Ports {
    next: u16,
}

impl Ports {
    /// Processes that start at the same time begin at different ports.
    pub(crate) fn new() -> Self {
        let spread = u16::try_from(std::process::id() * 131 % u32::from(LAST - FIRST)).unwrap_or(0);
        Self { next: FIRST + spread }
    }

    pub(crate) fn free(&mut self) -> Result<SocketAddr> {
        (FIRST..LAST)
            .find_map(|_| {
                let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.next));
                self.next = if self.next >= LAST { FIRST } else { self.next + 1 };
                TcpListener::bind(address).is_ok().then_some(address)
            })
            .context("no free port on loopback")
    }
}
