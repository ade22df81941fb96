//! One HTTP/2 connection: its streams are taken in one after another, and each is served by a task of its own.
//!
//! Frames, compression and flow control are the `h2` library's, with its protection against floods. What it hands over is a decoded
//! head; that is held to the rules of HTTP/1 ([`engine::wire::decoded`]) before Pingora sees it ([`exchange`]).

mod answer;
mod exchange;
pub(super) mod frames;
mod receiving;
#[cfg(test)]
mod tests;
mod wire;

use super::closing::{DRAIN_TIMEOUT, stopped};
use super::gate::Gate;
use super::{Intake, IntakeLimits, Refusal};
use crate::connection::{CONNECTION, Connection, Peer};
use crate::deadline::Alarm;
use bytes::Bytes;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::reply::Reply;
use engine::wire::decoded::{Decoded, join_cookies};
use exchange::Exchange;
use h2::server::{Builder, Connection as Streams, SendResponse};
use h2::{Reason as Code, RecvStream};
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode, Uri};
use limits::clock;
use limits::gauge::Entered;
use pingora::apps::HttpServerApp;
use pingora::http::RequestHeader;
use pingora::protocols::http::ServerSession;
use pingora::protocols::{Digest, Stream};
use pingora::server::ShutdownWatch;
use pingora_proxy::ProxyHttp;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use wire::{HeadTimeout, Wire};

/// As the access log names it.
pub(super) const PROTOCOL: &str = "HTTP/2";

/// Of one connection at the same time.
const STREAMS_MAX: u32 = 100;
/// What a client may send of one body, and of all of a connection, before it is read.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;
/// What waits of one answer until the connection takes it.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// HPACK counts so much more for each field than it has bytes (RFC 7541, 4.1), and a written-out line has 4 bytes around it.
const FIELD_OVERHEAD_BYTES: usize = 32;
/// Refused heads on one connection, behind which it ends in good order: over HTTP/1 each of them ends it.
const REFUSED_MAX: u32 = 16;
/// For the end of a connection without streams, which takes an answer of the client.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// What the streams of a connection share.
struct Line {
    peer: Option<SocketAddr>,
    fields: Option<Arc<Peer>>,
    digest: Arc<Digest>,
}

impl<G> Intake<G>
where
    G: ProxyHttp + Send + Sync + 'static,
    G::CTX: Send + Sync,
{
    /// The preface is in the gate.
    pub(super) async fn serve_http2(
        self: &Arc<Self>,
        gate: Box<Gate>,
        peer: Option<SocketAddr>,
        shutdown: &ShutdownWatch,
    ) {
        let limits = self.gateway.limits();
        let ahead = Bytes::copy_from_slice(gate.ahead());
        let fields = gate.connection().peer.clone();
        let Some((stream, entered)) = gate.into_parts() else { return };
        let line = Arc::new(Line { peer, fields, digest: Arc::new(digest(&stream)) });
        let wire = Wire::new(stream, ahead, entered, &limits);
        let Ok(Ok(streams)) = timeout(limits.header_timeout, options(&limits).handshake(wire)).await else { return };
        self.take_streams(streams, &line, shutdown).await;
    }

    async fn take_streams(
        self: &Arc<Self>,
        mut streams: Streams<Wire, Bytes>,
        line: &Arc<Line>,
        shutdown: &ShutdownWatch,
    ) {
        let mut stopping = pin!(stopped(shutdown.clone()));
        let mut open = JoinSet::new();
        let (mut refused, mut stops, mut ends) = (0, false, false);
        loop {
            let is_idle = open.is_empty();
            let patience = if ends { CLOSE_TIMEOUT } else { self.gateway.limits().idle_timeout };
            tokio::select! {
                biased;
                () = stopping.as_mut(), if !stops => {
                    (stops, ends) = (true, true);
                    streams.graceful_shutdown();
                }
                _ = open.join_next(), if !is_idle => {}
                taken = streams.accept() => match taken {
                    Some(Ok((request, respond))) => match self.open(request, respond, line) {
                        Some(exchange) => {
                            open.spawn(serve(Arc::clone(self), exchange, shutdown.clone()));
                        }
                        None => refused = u32::saturating_add(refused, 1),
                    },
                    Some(Err(error)) => {
                        self.broken(&error, line);
                        break;
                    }
                    None => break,
                },
                () = sleep(patience), if is_idle => {
                    if ends {
                        break;
                    }
                    ends = true;
                    streams.graceful_shutdown();
                }
            }
            if refused >= REFUSED_MAX && !ends {
                ends = true;
                streams.graceful_shutdown();
            }
        }
        // Each of them finds out by itself, and is logged.
        open.detach_all();
    }

    /// The session of a request that may go on; none once it has been refused.
    fn open(
        &self,
        request: Request<RecvStream>,
        respond: SendResponse<Bytes>,
        line: &Line,
    ) -> Option<(Exchange, Arc<Connection>)> {
        let started = clock::now();
        let limits = self.gateway.limits();
        let (mut parts, body) = request.into_parts();
        join_cookies(&mut parts.headers);
        let decoded = decoded(&parts);
        let head = decoded.written_out();
        if let Err(denial) = decoded.check(&head, &limits.head) {
            let refusal = Refusal { denial, peer: line.peer, head: &head, started, protocol: PROTOCOL, is_told: true };
            tell(respond, self.gateway.refuse(refusal));
            return None;
        }
        let connection = Arc::new(Connection::new(line.fields.clone()));
        connection.begin(!body.is_end_stream());
        let says_empty = parts.headers.get(header::CONTENT_LENGTH).is_some_and(|length| length.as_bytes() == b"0");
        let exchange = Exchange {
            head: session_head(parts, !body.is_end_stream()),
            body: receiving::Receiving::new(body, says_empty, limits.pace),
            answer: answer::Answer::new(respond, limits.pace.write_timeout, Arc::clone(&connection)),
            alarm: Alarm::new(Arc::clone(&connection)),
            digest: Arc::clone(&line.digest),
        };
        Some((exchange, connection))
    }

    /// The connection has come to a bad end. Where that is the client's doing it is a refusal like every other, but there is nobody to tell.
    fn broken(&self, error: &h2::Error, line: &Line) {
        let late = error.get_io().and_then(|error| error.get_ref()?.downcast_ref::<HeadTimeout>());
        let denial = match late {
            Some(late) => Denial::new(Reason::HeadTimeout).because(late.to_string()),
            None if error.is_library() => Denial::new(Reason::ProtocolViolated).because(error.to_string()),
            None => return,
        };
        let started = clock::now();
        self.gateway.refuse(Refusal {
            denial,
            peer: line.peer,
            head: &[],
            started,
            protocol: PROTOCOL,
            is_told: false,
        });
    }
}

async fn serve<G>(intake: Arc<Intake<G>>, (exchange, connection): (Exchange, Arc<Connection>), shutdown: ShutdownWatch)
where
    G: ProxyHttp + Send + Sync + 'static,
    G::CTX: Send + Sync,
{
    let session = ServerSession::new_custom(Box::new(exchange));
    // A stream is used once: what comes back is nothing.
    let _ = CONNECTION.scope(connection, intake.proxy.process_new_http(session, &shutdown)).await;
}

/// For a connection that is one too many: its first request is told so.
pub(super) async fn turn_away(stream: Stream, ahead: Bytes, entered: Entered, limits: &IntakeLimits, told: Reply) {
    let mut told = Some(told);
    let telling = async {
        let Ok(mut streams) = options(limits).handshake(Wire::new(stream, ahead, entered, limits)).await else {
            return;
        };
        while let Some(Ok((_, mut respond))) = streams.accept().await {
            match told.take() {
                Some(told) => {
                    tell(respond, told);
                    streams.graceful_shutdown();
                }
                None => respond.send_reset(Code::REFUSED_STREAM),
            }
        }
    };
    // However it ends, the connection is closed now.
    let _ = timeout(DRAIN_TIMEOUT, telling).await;
}

fn options(limits: &IntakeLimits) -> Builder {
    // Above our own bounds, so that we are the one who refuses, with a reason; far above them the library answers 431 by itself.
    let lines = limits.head.lines_max.saturating_mul(FIELD_OVERHEAD_BYTES);
    let head = limits.head.head_bytes_max.saturating_mul(2).saturating_add(lines);
    let mut options = Builder::new();
    options
        .max_concurrent_streams(STREAMS_MAX)
        .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX))
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buffer_size(SEND_BUFFER_BYTES);
    options
}

fn digest(stream: &Stream) -> Digest {
    Digest {
        ssl_digest: stream.get_ssl_digest(),
        timing_digest: stream.get_timing_digest(),
        proxy_digest: stream.get_proxy_digest(),
        socket_digest: stream.get_socket_digest(),
    }
}

fn decoded(parts: &Parts) -> Decoded<'_> {
    Decoded {
        method: parts.method.as_str(),
        path: parts.uri.path_and_query().map_or("", |path| path.as_str()),
        scheme: parts.uri.scheme_str(),
        authority: parts.uri.authority().map(http::uri::Authority::as_str),
        fields: &parts.headers,
    }
}

/// As Pingora would have parsed it over HTTP/1: a target in origin form, a Host, and a word of a body whose length is not told, without
/// which policies would take it for none.
fn session_head(mut parts: Parts, has_body: bool) -> RequestHeader {
    if has_body && !parts.headers.contains_key(header::CONTENT_LENGTH) {
        parts.headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    }
    let host = parts.uri.authority().and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(host) = host {
        parts.headers.insert(header::HOST, host);
    }
    let path = parts.uri.path_and_query().cloned();
    parts.uri = path.map_or_else(Uri::default, Uri::from);
    RequestHeader::from(parts)
}

/// A refusal goes out as one. What the client still sends is for nobody: the library tells it to stop.
fn tell(mut respond: SendResponse<Bytes>, reply: Reply) {
    let mut response = Response::new(());
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::BAD_REQUEST);
    for (name, value) in reply.headers {
        response.headers_mut().append(name, value);
    }
    // Either fails where the client is gone.
    if let Ok(mut stream) = respond.send_response(response, reply.body.is_empty())
        && !reply.body.is_empty()
    {
        let _ = stream.send_data(reply.body.into(), true);
    }
}
