//! A connection that is one too many: it is told so, as long as not too many others are.

use super::closing::{DRAIN_TIMEOUT, PROTOCOL, answer, written};
use super::{Door, Refusal, http2, preface};
use engine::denial::Denial;
use limits::clock;
use pingora::protocols::Stream;
use std::net::SocketAddr;
use tokio::time::timeout;

impl Door {
    /// Where the listener speaks HTTP/2, the client is given a moment to show whether it does.
    pub(super) async fn turn_away(
        &self,
        mut stream: Stream,
        peer: Option<SocketAddr>,
        denial: Denial,
        speaks_http2: bool,
    ) {
        let started = clock::now();
        let refuse =
            |protocol, is_told| self.gateway.refuse(Refusal { denial, peer, head: &[], started, protocol, is_told });
        let Some(entered) = self.caps.turn_away() else {
            refuse(PROTOCOL, false);
            return;
        };
        if speaks_http2 && let Ok(Some(ahead)) = timeout(DRAIN_TIMEOUT, preface::read(&mut stream)).await {
            let told = refuse(http2::PROTOCOL, true);
            Box::pin(http2::turn_away(stream, ahead, entered, &self.gateway.limits(), told)).await;
        } else {
            answer(stream, Some(entered), &written(&refuse(PROTOCOL, true))).await;
        }
    }
}
