//! The answer on one stream. Its head goes out with the first of its body, so that an answer without one is a single frame; and it is
//! kept as long as the request says so ([`Hold`](crate::hold::Hold)).

use super::receiving::gone;
use crate::connection::Connection;
use crate::hold::{Substitute, Will};
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header::{self, HeaderName};
use http::{HeaderMap, Response};
use limits::clock;
use pingora::http::ResponseHeader;
use pingora::protocols::http::date::get_cached_date;
use pingora::{Error, ErrorType, Result};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

/// Of body bytes that are kept. An answer that goes beyond is let go, as over HTTP/1.
const KEPT_BYTES_MAX: usize = 256 * 1024;

/// Fields of an HTTP/1 connection (RFC 9113, 8.2.2).
static CONNECTION_SPECIFIC: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

pub(super) struct Answer {
    respond: SendResponse<Bytes>,
    /// There once the head has gone out.
    stream: Option<SendStream<Bytes>>,
    head: Option<Box<ResponseHeader>>,
    /// Said, and not sent yet.
    pieces: VecDeque<Bytes>,
    /// Nothing more will be said.
    is_whole: bool,
    /// There is an end of it that nobody will say.
    is_broken: bool,
    /// Everything has gone out.
    is_ended: bool,
    bytes: usize,
    pub(super) write_timeout: Duration,
    connection: Arc<Connection>,
}

impl Answer {
    pub(super) fn new(respond: SendResponse<Bytes>, write_timeout: Duration, connection: Arc<Connection>) -> Self {
        Self {
            respond,
            stream: None,
            head: None,
            pieces: VecDeque::new(),
            is_whole: false,
            is_broken: false,
            is_ended: false,
            bytes: 0,
            write_timeout,
            connection,
        }
    }

    pub(super) fn head(&self) -> Option<&ResponseHeader> {
        self.head.as_deref()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Ready when the client has left the stream.
    pub(super) fn poll_left(&mut self, context: &mut Context<'_>) -> Poll<Box<Error>> {
        let left = match &mut self.stream {
            Some(stream) => stream.poll_reset(context),
            None => self.respond.poll_reset(context),
        };
        Poll::Ready(match ready!(left) {
            Ok(reason) => gone(reason),
            Err(error) => gone(error),
        })
    }

    /// An interim head goes out at once: a client may be waiting for it before it sends its body. Of final ones there is one.
    pub(super) fn say_head(&mut self, mut head: Box<ResponseHeader>) -> Result<()> {
        if self.head.is_some() || self.is_ended {
            return Ok(());
        }
        for name in &CONNECTION_SPECIFIC {
            head.remove_header(name);
        }
        if head.status.is_informational() {
            return self.respond.send_informational(response(&head)).map_err(lost);
        }
        head.insert_header(header::DATE, get_cached_date())?;
        self.head = Some(head);
        Ok(())
    }

    /// Upstream has not said all of it. A head that was said and did not go out must not be taken for the whole.
    pub(super) fn breaks_off(&mut self) {
        self.is_broken = self.head.is_some();
    }

    pub(super) async fn say_piece(&mut self, piece: Bytes, ends: bool) -> Result<()> {
        self.is_whole |= ends;
        if !piece.is_empty() {
            self.pieces.push_back(piece);
        }
        self.go().await
    }

    pub(super) async fn say_end(&mut self) -> Result<()> {
        self.is_whole = true;
        self.go().await
    }

    pub(super) async fn say_trailers(&mut self, trailers: HeaderMap) -> Result<()> {
        self.go().await?;
        if let (false, Some(stream)) = (self.is_ended, &mut self.stream) {
            stream.send_trailers(trailers).map_err(lost)?;
            self.is_ended = true;
        }
        Ok(())
    }

    /// Sends what may go out of what was said.
    pub(super) async fn go(&mut self) -> Result<()> {
        if self.is_ended || !self.may_go().await? {
            return Ok(());
        }
        self.send_head()?;
        while let Some(piece) = self.pieces.pop_front() {
            let ends = self.is_whole && self.pieces.is_empty();
            self.send_piece(piece, ends).await?;
        }
        if let (true, false, Some(stream)) = (self.is_whole, self.is_ended, &mut self.stream) {
            stream.send_data(Bytes::new(), true).map_err(lost)?;
            self.is_ended = true;
        }
        Ok(())
    }

    async fn may_go(&mut self) -> Result<bool> {
        if self.connection.hold.is_open() {
            return Ok(true);
        }
        let kept: usize = self.pieces.iter().map(Bytes::len).sum();
        if kept > KEPT_BYTES_MAX {
            self.connection.hold.let_go();
        }
        match self.connection.hold.will() {
            Will::Open => {}
            Will::LetGo => self.connection.hold.open(),
            Will::Keep => return Ok(false),
            Will::Replace => {
                if let Some(instead) = self.connection.hold.take_instead() {
                    self.replace(*instead).await?;
                }
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// What was said before is forgotten, and nothing is heard any more.
    async fn replace(&mut self, instead: Substitute) -> Result<()> {
        let Substitute { mut head, body } = instead;
        self.pieces.clear();
        for name in &CONNECTION_SPECIFIC {
            head.remove_header(name);
        }
        let stream = self.respond.send_response(response(&head), body.is_empty()).map_err(lost)?;
        self.stream = Some(stream);
        if body.is_empty() {
            self.is_ended = true;
            return Ok(());
        }
        self.send_piece(body, true).await
    }

    fn send_head(&mut self) -> Result<()> {
        let (None, Some(head)) = (&self.stream, &self.head) else { return Ok(()) };
        let ends = self.is_whole && self.pieces.is_empty();
        self.stream = Some(self.respond.send_response(response(head), ends).map_err(lost)?);
        self.is_ended = ends;
        Ok(())
    }

    async fn send_piece(&mut self, mut piece: Bytes, ends: bool) -> Result<()> {
        while !piece.is_empty() {
            let room = self.room(piece.len()).await?;
            let Some(stream) = &mut self.stream else { return Err(Error::explain(ErrorType::WriteError, "no head")) };
            let part = piece.split_to(room.min(piece.len()));
            self.bytes = self.bytes.saturating_add(part.len());
            stream.send_data(part, ends && piece.is_empty()).map_err(lost)?;
        }
        self.is_ended = ends;
        Ok(())
    }

    /// How much the client takes at the moment, at least one byte. What it takes to do so is not upstream's delay.
    async fn room(&mut self, wanted: usize) -> Result<usize> {
        let Some(stream) = &mut self.stream else { return Err(Error::explain(ErrorType::WriteError, "no head")) };
        stream.reserve_capacity(wanted);
        if stream.capacity() > 0 {
            return Ok(stream.capacity());
        }
        let since = clock::now();
        let granted = poll_fn(|context| {
            loop {
                match ready!(stream.poll_capacity(context)) {
                    Some(Ok(0)) => {}
                    granted => return Poll::Ready(granted),
                }
            }
        });
        let granted = tokio::time::timeout(self.write_timeout, granted).await;
        self.connection.deadline.put_off(clock::now().since(since));
        match granted {
            Ok(Some(Ok(room))) => Ok(room),
            Ok(Some(Err(error))) => Err(lost(error)),
            Ok(None) => Err(gone("it is closed")),
            Err(_) => Err(Error::explain(ErrorType::WriteTimedout, "the client does not read").into_down()),
        }
    }

    /// The end, whole or not: what was put in its place goes out, or the client is told that the answer is none.
    pub(super) async fn abandon(&mut self) {
        // A client that is gone needs to be told nothing.
        let replaced = self.connection.hold.will() == Will::Replace && self.go().await.is_ok();
        if !(replaced && self.is_ended) {
            self.reset();
        }
    }

    fn reset(&mut self) {
        if self.is_ended {
            return;
        }
        match &mut self.stream {
            Some(stream) => stream.send_reset(Reason::INTERNAL_ERROR),
            None => self.respond.send_reset(Reason::INTERNAL_ERROR),
        }
        self.is_ended = true;
    }
}

impl Drop for Answer {
    /// Pingora drops a session behind an answer that ends its connection without a word. A head that nothing followed is a whole answer.
    fn drop(&mut self) {
        let is_head_alone = self.stream.is_none() && self.pieces.is_empty() && !self.is_broken;
        if is_head_alone && self.connection.hold.is_open() && !self.is_ended {
            self.is_whole = true;
            // Fails where the client is gone.
            let _ = self.send_head();
        }
        self.reset();
    }
}

pub(super) fn response(head: &ResponseHeader) -> Response<()> {
    Response::from_parts(head.as_owned_parts(), ())
}

#[expect(clippy::unnecessary_box_returns, reason = "Pingora hands errors on in boxes")]
fn lost(error: h2::Error) -> Box<Error> {
    Error::because(ErrorType::WriteError, "when writing to the client", error).into_down()
}
