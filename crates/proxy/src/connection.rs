//! What a request shares with the connection that it came over, or with its stream where many share one: the deadline it waits under,
//! whether its answer may go out yet, and its peer as fields name it.

use crate::deadline::Deadline;
use crate::fields::value_of;
use crate::hold::Hold;
use bytes::Bytes;
use http::HeaderValue;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

tokio::task_local! {
    /// Of the stream of HTTP/2 that this task serves. A whole connection is found by its session: a look at the session costs less than
    /// to set this anew with every step of the task.
    pub(crate) static CONNECTION: Arc<Connection>;
}

#[derive(Debug, Default)]
pub(crate) struct Connection {
    pub(crate) deadline: Deadline,
    pub(crate) hold: Hold,
    /// The current request was announced with a body, which may still turn out to be empty.
    announces_body: AtomicBool,
    /// None for a connection that has no address (a Unix socket).
    pub(crate) peer: Option<Arc<Peer>>,
}

/// The other end, written out once for all requests.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) address: IpAddr,
    /// As in `X-Forwarded-For`.
    text: Box<str>,
    /// As in `Forwarded`: `for=192.0.2.1`, `for="[2001:db8::1]"` (RFC 7239, 6).
    pub(crate) forwarded_for: Box<str>,
}

impl Connection {
    pub(crate) fn new(peer: Option<Arc<Peer>>) -> Self {
        Self { peer, ..Self::default() }
    }

    pub(crate) fn announces_body(&self) -> bool {
        // Relaxed: connection and request are polled by the same task.
        self.announces_body.load(Ordering::Relaxed)
    }

    pub(crate) fn begin(&self, announces_body: bool) {
        self.announces_body.store(announces_body, Ordering::Relaxed);
    }
}

impl Peer {
    pub(crate) fn new(address: IpAddr) -> Self {
        let forwarded_for = match address {
            IpAddr::V4(address) => format!("for={address}"),
            IpAddr::V6(address) => format!("for=\"[{address}]\""),
        };
        Self { address, text: address.to_string().into(), forwarded_for: forwarded_for.into() }
    }

    /// As in `X-Forwarded-For`. A copy of these few bytes costs less than to count who shares them.
    pub(crate) fn value(&self) -> HeaderValue {
        value_of(Bytes::copy_from_slice(self.text.as_bytes()))
    }
}
