//! One HTTP/2 connection: its streams are taken in one after another ([`conversation`]), and each is served by a task of its own.
//!
//! Frames, compression and flow control are the `h2` library's, with its protection against floods. What it hands over is a decoded
//! head; that is held to the rules of HTTP/1 ([`engine::wire::decoded`]) before Pingora sees it ([`exchange`]).

mod answer;
mod conversation;
mod exchange;
pub(super) mod frames;
mod line;
mod receiving;
#[cfg(test)]
mod tests;
mod traffic;
mod wire;

use super::closing::DRAIN_TIMEOUT;
use super::gate::Gate;
use super::{Intake, IntakeLimits, Pace, Refusal};
use crate::alarm::Alarm;
use crate::connection::Connection;
use answer::Answer;
use bytes::Bytes;
use conversation::Conversation;
use engine::reply::Reply;
use engine::wire::decoded::{Decoded, join_cookies};
use exchange::Exchange;
use h2::server::{Builder, SendResponse};
use h2::{Reason as Code, RecvStream};
use http::header::{self, HeaderValue};
use http::request::Parts;
use http::{Method, Request, Response, StatusCode, Uri};
use limits::clock;
use limits::gauge::Entered;
use line::{Line, digest};
use pingora::connectors::http::custom;
use pingora::http::RequestHeader;
use pingora::protocols::Stream;
use pingora::server::ShutdownWatch;
use pingora_proxy::ProxyHttp;
use receiving::Receiving;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::time::timeout;
use traffic::Traffic;
use wire::Wire;

/// As the access log names it.
pub(super) const PROTOCOL: &str = "HTTP/2";

/// Of one connection at the same time.
const STREAMS_MAX: u32 = 100;
/// What a client may send of one body before it is read. A connection has room for that on every stream: none of them can shut another out.
const STREAM_WINDOW_BYTES: u32 = 64 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = STREAMS_MAX.saturating_mul(STREAM_WINDOW_BYTES);
/// What waits of one answer until the connection takes it.
const SEND_BUFFER_BYTES: usize = 64 * 1024;
/// HPACK counts so much more for each field than it has bytes (RFC 7541, 4.1), and a written-out line has 4 bytes around it.
const FIELD_OVERHEAD_BYTES: usize = 32;

impl<G, C> Intake<G, C>
where
    G: ProxyHttp + Send + Sync + 'static,
    G::CTX: Send + Sync,
    C: custom::Connector,
{
    /// The preface is in the gate.
    pub(super) async fn serve_http2(self, gate: Box<Gate>, peer: Option<SocketAddr>, shutdown: &ShutdownWatch) {
        let limits = self.door.gateway.limits();
        let ahead = Bytes::copy_from_slice(gate.ahead());
        let fields = gate.connection().peer.clone();
        let Some((stream, entered)) = gate.into_parts() else { return };
        let (traffic, entered) = (Arc::new(Traffic::default()), Arc::new(entered));
        let line = Line { peer, fields, digest: digest(&stream), traffic, entered };
        let wire = Wire::new(stream, ahead, Arc::clone(&line.entered), Arc::clone(&line.traffic), &limits);
        // What it takes is that the client reads our settings.
        let Ok(Ok(streams)) = timeout(limits.header_timeout, options(&limits).handshake(wire)).await else { return };
        Conversation::new(Arc::new(self), streams, Arc::new(line), shutdown).hold().await;
    }

    /// The session of a request that may go on; none once it has been refused.
    fn open(&self, request: Request<RecvStream>, respond: SendResponse<Bytes>, line: &Arc<Line>) -> Option<Exchange> {
        let started = clock::now();
        let limits = self.door.gateway.limits();
        let (mut parts, body) = request.into_parts();
        join_cookies(&mut parts.headers);
        let decoded = decoded(&parts);
        let head = decoded.written_out();
        if let Err(denial) = decoded.check(&head, &limits.head) {
            let refusal = Refusal { denial, peer: line.peer, head: &head, started, protocol: PROTOCOL, is_told: true };
            tell(respond, self.door.gateway.refuse(refusal));
            return None;
        }
        let connection = Arc::new(Connection::new(line.fields.clone()));
        connection.begin(!body.is_end_stream());
        let (is_to_head, write_timeout) = (parts.method == Method::HEAD, limits.pace.write_timeout);
        Some(Exchange {
            head: session_head(parts, !body.is_end_stream()),
            body: Receiving::new(body, limits.pace, Arc::clone(&line.traffic)),
            answer: Answer::new(respond, is_to_head, write_timeout, Arc::clone(&connection)),
            alarm: Alarm::new(connection),
            line: Arc::clone(line),
        })
    }
}

/// For a connection that is one too many: its first request is told so.
pub(super) async fn turn_away(stream: Stream, ahead: Bytes, entered: Entered, limits: &IntakeLimits, told: Reply) {
    let mut told = Some(told);
    // Its place is for others, too.
    let limits = &IntakeLimits { pace: Pace { write_timeout: DRAIN_TIMEOUT, ..limits.pace }, ..*limits };
    let wire = Wire::new(stream, ahead, Arc::new(entered), Arc::default(), limits);
    let telling = async {
        let Ok(mut streams) = options(limits).handshake(wire).await else { return };
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
