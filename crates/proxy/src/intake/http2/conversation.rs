//! A connection from its first stream to its last: who is served, what ends it, and how long that may take.

use super::exchange::Exchange;
use super::line::Line;
use super::wire::Wire;
use super::{PROTOCOL, STREAMS_MAX};
use crate::connection::CONNECTION;
use crate::intake::closing::stopped;
use crate::intake::{Intake, Refusal};
use bytes::Bytes;
use engine::denial::Denial;
use engine::reason::Reason;
use h2::server::{Connection as Streams, SendResponse};
use h2::{Reason as Code, RecvStream};
use http::Request;
use limits::clock;
use pingora::apps::HttpServerApp;
use pingora::connectors::http::custom;
use pingora::protocols::http::ServerSession;
use pingora::server::ShutdownWatch;
use pingora_proxy::ProxyHttp;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

/// Refused heads on one connection, less those that were good, behind which it ends in good order: over HTTP/1 each of them ends it.
const REFUSED_MAX: u32 = 16;
/// Streams beyond those that may be open. An honest client keeps to what it was told.
const EXCESS_MAX: u32 = 100;
/// Once a connection is to end, how long the client may still begin streams, and how long it may take to end without any.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);
/// Between two looks at whether all that was handed over has gone out.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

pub(super) struct Conversation<G: ProxyHttp, C: custom::Connector> {
    intake: Arc<Intake<G, C>>,
    streams: Streams<Wire, Bytes>,
    line: Arc<Line>,
    shutdown: ShutdownWatch,
    /// The requests under way.
    open: JoinSet<()>,
    life: Life,
    /// Without requests under way since then.
    idle_since: Instant,
    refused: u32,
    excess: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    Open,
    /// The client has been told to begin no more streams.
    Ending {
        since: Instant,
    },
}

impl<G, C> Conversation<G, C>
where
    G: ProxyHttp + Send + Sync + 'static,
    G::CTX: Send + Sync,
    C: custom::Connector,
{
    pub(super) fn new(
        intake: Arc<Intake<G, C>>,
        streams: Streams<Wire, Bytes>,
        line: Arc<Line>,
        shutdown: &ShutdownWatch,
    ) -> Self {
        Self {
            intake,
            streams,
            line,
            shutdown: shutdown.clone(),
            open: JoinSet::new(),
            life: Life::Open,
            idle_since: Instant::now(),
            refused: 0,
            excess: 0,
        }
    }

    pub(super) async fn hold(mut self) {
        let mut stopping = pin!(stopped(self.shutdown.clone()));
        let mut is_stopping = false;
        loop {
            let is_idle = self.open.is_empty();
            let look_at = self.look_at();
            tokio::select! {
                biased;
                () = stopping.as_mut(), if !is_stopping => {
                    is_stopping = true;
                    self.end();
                }
                () = self.line.traffic.flood() => self.calm_down("too much of what is no request came"),
                Some(ended) = self.open.join_next(), if !is_idle => self.ended(ended),
                taken = self.streams.accept() => match taken {
                    Some(Ok((request, respond))) => self.take(request, respond),
                    Some(Err(error)) => {
                        self.broken(&error);
                        break;
                    }
                    None => break,
                },
                () = sleep_until(look_at), if is_idle => if self.look().is_break() {
                    break;
                }
            }
        }
        // Each of them finds out by itself, and is logged.
        self.open.detach_all();
    }

    /// How long the connection may be without requests under way. What was handed over by then goes out as the client takes it.
    fn idle_end(&self) -> Instant {
        let limits = self.intake.door.gateway.limits();
        let (since, within) = match self.life {
            _ if self.streams.has_streams() => (self.idle_since, limits.pace.write_timeout),
            Life::Open => (self.idle_since, limits.idle_timeout),
            Life::Ending { since } => (since.max(self.idle_since), CLOSE_TIMEOUT),
        };
        since.checked_add(within).unwrap_or(since)
    }

    /// When to look whether it has been for long enough. Nobody tells when the last of an answer has gone out.
    fn look_at(&self) -> Instant {
        let soon = Instant::now().checked_add(LOOK_INTERVAL).filter(|_| self.streams.has_streams());
        let end = self.idle_end();
        soon.map_or(end, |soon| soon.min(end))
    }

    fn look(&mut self) -> ControlFlow<()> {
        if Instant::now() < self.idle_end() {
            return ControlFlow::Continue(());
        }
        if self.life == Life::Open && !self.streams.has_streams() {
            self.end();
            return ControlFlow::Continue(());
        }
        ControlFlow::Break(())
    }

    /// In good order: what is under way gets its answers.
    fn end(&mut self) {
        if self.life == Life::Open {
            self.life = Life::Ending { since: Instant::now() };
            self.streams.graceful_shutdown();
        }
    }

    fn take(&mut self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        self.line.traffic.take();
        self.idle_since = Instant::now();
        let too_late = matches!(self.life, Life::Ending { since } if since.elapsed() > CLOSE_TIMEOUT);
        let too_many = self.open.len() >= usize::try_from(STREAMS_MAX).unwrap_or(usize::MAX);
        if too_late || too_many {
            // Nothing was done: the client may send it again (RFC 9113, 8.7).
            respond.send_reset(Code::REFUSED_STREAM);
            self.excess = self.excess.saturating_add(1);
            // Once.
            if self.excess == EXCESS_MAX {
                self.calm_down("streams were begun and given up faster than they could end");
            }
            return;
        }
        match self.intake.open(request, respond, &self.line) {
            Some(exchange) => {
                self.refused = self.refused.saturating_sub(1);
                self.open.spawn(serve(Arc::clone(&self.intake), exchange, self.shutdown.clone()));
            }
            None => self.refused = self.refused.saturating_add(1),
        }
        if self.refused >= REFUSED_MAX {
            self.end();
        }
    }

    fn ended(&mut self, ended: Result<(), JoinError>) {
        self.idle_since = Instant::now();
        if ended.is_err_and(|error| error.is_panic()) {
            // Its own words are in the program log; the client has got a reset.
            self.refuse(Denial::new(Reason::InternalError).because("a request ended in a panic"));
        }
    }

    /// Of a flood: nothing of it is answered any more.
    fn calm_down(&mut self, why: &str) {
        self.refuse(Denial::new(Reason::ProtocolViolated).because(why.to_owned()));
        self.life = Life::Ending { since: Instant::now() };
        self.streams.abrupt_shutdown(Code::ENHANCE_YOUR_CALM);
    }

    /// The connection has come to a bad end, by the client's doing or by nobody's.
    fn broken(&mut self, error: &h2::Error) {
        if self.line.traffic.is_late() {
            self.refuse(Denial::new(Reason::HeadTimeout).because("the fields of a request did not come to their end"));
        } else if error.is_library() {
            self.refuse(Denial::new(Reason::ProtocolViolated).because(error.to_string()));
        }
    }

    /// A refusal like every other, but there is nobody to tell.
    fn refuse(&self, denial: Denial) {
        let (peer, started) = (self.line.peer, clock::now());
        let refusal = Refusal { denial, peer, head: &[], started, protocol: PROTOCOL, is_told: false };
        self.intake.door.gateway.refuse(refusal);
    }
}

async fn serve<G, C>(intake: Arc<Intake<G, C>>, exchange: Exchange, shutdown: ShutdownWatch)
where
    G: ProxyHttp + Send + Sync + 'static,
    G::CTX: Send + Sync,
    C: custom::Connector,
{
    let connection = Arc::clone(&exchange.alarm.connection);
    // Until the request is recorded.
    let line = Arc::clone(&exchange.line);
    let session = ServerSession::new_custom(Box::new(exchange));
    // A stream is used once: what comes back is nothing.
    let _ = CONNECTION.scope(connection, intake.proxy.process_new_http(session, &shutdown)).await;
    drop(line);
}
