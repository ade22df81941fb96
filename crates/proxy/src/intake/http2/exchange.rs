//! One stream as Pingora sees it: a session of a protocol that Pingora does not know, because what it knows of HTTP/2 has neither
//! deadlines nor interim answers, and cannot keep an answer back.

use super::answer::Answer;
use super::line::Line;
use super::receiving::{Receiving, deadline_passed};
use crate::alarm::Alarm;
use async_trait::async_trait;
use bytes::Bytes;
use engine::wire::decoded::Decoded;
use futures_core::Stream;
use http::HeaderMap;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::protocols::Digest;
use pingora::protocols::http::HttpTask;
use pingora::protocols::http::custom::CustomMessageWrite;
use pingora::protocols::http::custom::server::Session;
use pingora::protocols::l4::socket::SocketAddr;
use pingora::{Error, ErrorType, Result};
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pub(super) struct Exchange {
    pub(super) head: RequestHeader,
    pub(super) body: Receiving,
    pub(super) answer: Answer,
    /// Rings when the request has waited long enough for its upstream.
    pub(super) alarm: Alarm,
    pub(super) line: Arc<Line>,
}

type Messages = Box<dyn Stream<Item = Result<Bytes>> + Unpin + Send + Sync + 'static>;

impl Exchange {
    /// Ready with an error only: nothing more is to come from the client.
    fn poll_idle(&mut self, context: &mut Context<'_>) -> Poll<Result<Option<Bytes>>> {
        if let Poll::Ready(error) = self.answer.poll_left(context) {
            return Poll::Ready(Err(error));
        }
        ready!(self.alarm.poll(context));
        Poll::Ready(Err(deadline_passed()))
    }

    async fn say(&mut self, task: HttpTask) -> Result<bool> {
        match task {
            HttpTask::Header(head, ends) => {
                self.answer.say_head(head)?;
                Ok(ends)
            }
            HttpTask::Body(piece, ends) => {
                if let Some(piece) = piece {
                    self.answer.say_piece(piece, ends).await?;
                }
                Ok(ends)
            }
            HttpTask::Trailer(trailers) => {
                if let Some(trailers) = trailers {
                    self.answer.say_trailers(*trailers).await?;
                }
                Ok(true)
            }
            HttpTask::Done => Ok(true),
            // Upstream's own fault, and not the client's.
            HttpTask::Failed(error) => {
                self.answer.breaks_off();
                Err(error)
            }
            HttpTask::UpgradedBody(..) => Err(Error::explain(ErrorType::InternalError, "an upgrade within HTTP/2")),
        }
    }
}

#[async_trait]
impl Session for Exchange {
    fn req_header(&self) -> &RequestHeader {
        &self.head
    }

    fn req_header_mut(&mut self) -> &mut RequestHeader {
        &mut self.head
    }

    async fn read_body_bytes(&mut self) -> Result<Option<Bytes>> {
        poll_fn(|context| self.body.poll(context, &mut self.alarm)).await
    }

    /// The end of the answer tells the client to stop (RFC 9113, 8.1): nothing has to be read away.
    async fn drain_request_body(&mut self) -> Result<()> {
        Ok(())
    }

    async fn write_response_header(&mut self, head: Box<ResponseHeader>, end: bool) -> Result<()> {
        self.answer.say_head(head)?;
        if end { self.answer.say_end().await } else { Ok(()) }
    }

    async fn write_response_header_ref(&mut self, head: &ResponseHeader, end: bool) -> Result<()> {
        self.write_response_header(Box::new(head.clone()), end).await
    }

    async fn write_body(&mut self, piece: Bytes, end: bool) -> Result<()> {
        self.answer.say_piece(piece, end).await
    }

    async fn write_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.answer.say_trailers(trailers).await
    }

    async fn response_duplex_vec(&mut self, tasks: Vec<HttpTask>) -> Result<bool> {
        let mut ends = false;
        for task in tasks {
            ends |= self.say(task).await?;
        }
        // Also a head that stands alone: its body may be long in coming.
        let said = if ends { self.answer.say_end().await } else { self.answer.go().await };
        said.map(|()| ends)
    }

    fn set_read_timeout(&mut self, timeout: Option<Duration>) {
        if let Some(timeout) = timeout {
            self.body.pace.read_timeout = timeout;
        }
    }

    fn get_read_timeout(&self) -> Option<Duration> {
        Some(self.body.pace.read_timeout)
    }

    fn set_write_timeout(&mut self, timeout: Option<Duration>) {
        if let Some(timeout) = timeout {
            self.answer.write_timeout = timeout;
        }
    }

    fn get_write_timeout(&self) -> Option<Duration> {
        Some(self.answer.write_timeout)
    }

    fn set_total_drain_timeout(&mut self, _timeout: Option<Duration>) {}

    fn get_total_drain_timeout(&self) -> Option<Duration> {
        None
    }

    fn request_summary(&self) -> String {
        format!("{} {}", self.head.method, self.head.uri.path())
    }

    fn response_written(&self) -> Option<&ResponseHeader> {
        self.answer.head()
    }

    async fn shutdown(&mut self, _code: u32, _context: &str) {
        self.answer.abandon().await;
    }

    fn is_body_done(&mut self) -> bool {
        self.body.is_done()
    }

    async fn finish(&mut self) -> Result<()> {
        self.answer.say_end().await
    }

    fn is_body_empty(&mut self) -> bool {
        self.body.is_empty()
    }

    async fn read_body_or_idle(&mut self, no_body_expected: bool) -> Result<Option<Bytes>> {
        if no_body_expected || self.body.is_done() {
            return poll_fn(|context| self.poll_idle(context)).await;
        }
        self.read_body_bytes().await
    }

    fn body_bytes_sent(&self) -> usize {
        self.answer.bytes()
    }

    fn body_bytes_read(&self) -> usize {
        self.body.bytes()
    }

    fn digest(&self) -> Option<&Digest> {
        Some(&self.line.digest)
    }

    fn digest_mut(&mut self) -> Option<&mut Digest> {
        // Shared by all streams.
        None
    }

    fn client_addr(&self) -> Option<&SocketAddr> {
        self.line.digest.socket_digest.as_ref()?.peer_addr()
    }

    fn server_addr(&self) -> Option<&SocketAddr> {
        self.line.digest.socket_digest.as_ref()?.local_addr()
    }

    fn pseudo_raw_h1_request_header(&self) -> Bytes {
        let path = self.head.uri.path_and_query().map_or("", |path| path.as_str());
        let method = self.head.method.as_str();
        Decoded { method, path, scheme: None, authority: None, fields: &self.head.headers }.written_out().into()
    }

    fn enable_retry_buffering(&mut self) {
        self.body.replay();
    }

    fn retry_buffer_truncated(&self) -> bool {
        self.body.is_replay_truncated()
    }

    fn get_retry_buffer(&self) -> Option<Bytes> {
        self.body.replayed()
    }

    // Of messages beside the body there are none in HTTP.

    async fn finish_custom(&mut self) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_reader(&mut self) -> Option<Messages> {
        None
    }

    fn restore_custom_message_reader(&mut self, _reader: Messages) -> Result<()> {
        Ok(())
    }

    fn take_custom_message_writer(&mut self) -> Option<Box<dyn CustomMessageWrite>> {
        None
    }

    fn restore_custom_message_writer(&mut self, _writer: Box<dyn CustomMessageWrite>) -> Result<()> {
        Ok(())
    }
}
