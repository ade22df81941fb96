//! One connection from its first request to its last.

use super::closing::{DRAIN_BYTES_MAX, DRAIN_TIMEOUT, PROTOCOL, Stopping, answer, stopped, written};
use super::gate::Gate;
use super::preface::{Spoken, spoken};
use super::read::{Next, next_head};
use super::{Intake, Pace, Refusal};
use bytes::BytesMut;
use engine::wire::{CheckedHead, Framing};
use limits::clock::Now;
use pingora::apps::{HttpPersistentSettings, HttpServerApp};
use pingora::connectors::http::custom;
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use pingora_proxy::ProxyHttp;
use std::net::SocketAddr;
use std::pin::pin;

impl<G, C> Intake<G, C>
where
    G: ProxyHttp + Send + Sync + 'static,
    G::CTX: Send + Sync,
    C: custom::Connector,
{
    /// A connection that may speak either protocol: its first bytes tell.
    pub(super) async fn serve_either(self, mut gate: Box<Gate>, peer: Option<SocketAddr>, shutdown: &ShutdownWatch) {
        let stopping = pin!(stopped(shutdown.clone()));
        match spoken(&mut gate, &self.door.gateway.limits(), stopping).await {
            Spoken::Http1(begun) => self.serve(gate, peer, shutdown, Some(begun)).await,
            Spoken::Http2 => self.serve_http2(gate, peer, shutdown).await,
            Spoken::Nothing => {}
        }
    }

    /// `begun`: since then the first head is waited for already.
    pub(super) async fn serve(
        &self,
        mut gate: Box<Gate>,
        peer: Option<SocketAddr>,
        shutdown: &ShutdownWatch,
        mut begun: Option<Now>,
    ) {
        let mut stopping = pin!(Stopping::new(shutdown));
        let mut settings = None;
        let (mut limits, mut revision) = (None, 0);
        loop {
            // The number first: what is installed in between is looked at again.
            let newest = self.door.gateway.revision();
            if newest != revision {
                (limits, revision) = (None, newest);
            }
            let limits = limits.get_or_insert_with(|| self.door.gateway.limits());
            let (head, checked) = match next_head(&mut gate, limits, stopping.as_mut(), begun.take()).await {
                Next::Head(head, checked) => (head, checked),
                Next::Closed => return,
                Next::Refused(denial, started) => {
                    let refusal =
                        Refusal { denial, peer, head: gate.ahead(), started, protocol: PROTOCOL, is_told: true };
                    let bytes = written(&self.door.gateway.refuse(refusal));
                    if let Some((stream, entered)) = gate.into_parts() {
                        answer(stream, Some(entered), &bytes).await;
                    }
                    return;
                }
            };
            let session = session(gate, head, &checked, settings, &limits.pace);
            let Some(reused) = self.proxy.process_new_http(session, shutdown).await else { return };
            let (stream, kept) = reused.consume();
            let Ok(returned) = stream.into_any().downcast::<Gate>() else { return };
            if !checked.keep_alive || !returned.body_is_done() {
                return;
            }
            (gate, settings) = (returned, kept);
        }
    }
}

fn session(
    gate: Box<Gate>,
    head: BytesMut,
    checked: &CheckedHead,
    settings: Option<HttpPersistentSettings>,
    pace: &Pace,
) -> ServerSession {
    let mut session = ServerSession::new_http1(gate);
    if let Some(settings) = settings {
        settings.apply_to_session(&mut session);
    }
    // Pingora never sees the next request: the gate keeps it. Pipelining is ours.
    session.set_pipelined_prefix(head);
    session.set_read_timeout(Some(pace.read_timeout));
    session.set_total_drain_timeout(Some(DRAIN_TIMEOUT));
    session.set_close_on_response_before_downstream_finish(!may_drain(checked));
    session
}

/// Whether an answer that comes before the end of the body may keep the connection: only if the rest is known to be small, and the
/// client does not hold it back until it is asked for.
fn may_drain(checked: &CheckedHead) -> bool {
    match checked.framing {
        Framing::None => true,
        Framing::Length(length) => length <= DRAIN_BYTES_MAX && !checked.expect_continue,
        Framing::Chunked => false,
    }
}
