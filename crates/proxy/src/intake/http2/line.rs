//! What the streams of one connection share.

use super::traffic::Traffic;
use crate::connection::Peer;
use limits::gauge::Entered;
use pingora::protocols::{Digest, Stream};
use std::net::SocketAddr;
use std::sync::Arc;

pub(super) struct Line {
    pub(super) peer: Option<SocketAddr>,
    /// The peer as fields name it.
    pub(super) fields: Option<Arc<Peer>>,
    pub(super) digest: Digest,
    pub(super) traffic: Arc<Traffic>,
    /// The connection counts until its last request has been recorded.
    pub(super) entered: Arc<Entered>,
}

pub(super) fn digest(stream: &Stream) -> Digest {
    Digest {
        ssl_digest: stream.get_ssl_digest(),
        timing_digest: stream.get_timing_digest(),
        proxy_digest: stream.get_proxy_digest(),
        socket_digest: stream.get_socket_digest(),
    }
}
