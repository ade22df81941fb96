//! The answer on one stream. Its head goes out with the first of its body, so that an answer without one is a single frame; and it is
//! kept as long as the request says so ([`Hold`](crate::hold::Hold)).

use super::receiving::gone;
use crate::connection::Connection;
use crate::hold::{Substitute, Will};
use bytes::Bytes;
use engine::wire::decoded::CONNECTION_SPECIFIC;
use h2::server::SendResponse;
use h2::{Reason, SendStream};
use http::header;
use http::{HeaderMap, Response, StatusCode};
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

pub(super) struct Answer {
    respond: SendResponse<Bytes>,
    /// There once the head has gone out.
    stream: Option<SendStream<Bytes>>,
    head: Option<Box<ResponseHeader>>,
    /// Said, and not sent yet.
    pieces: VecDeque<Bytes>,
    pieces_bytes: usize,
    /// The request is one that asks for the head alone.
    is_to_head: bool,
    /// Nothing more will be said.
    is_whole: bool,
    /// Everything has gone out.
    is_ended: bool,
    bytes: usize,
    pub(super) write_timeout: Duration,
    connection: Arc<Connection>,
}

impl Answer {
    pub(super) fn new(
        respond: SendResponse<Bytes>,
        is_to_head: bool,
        write_timeout: Duration,
        connection: Arc<Connection>,
    ) -> Self {
        Self {
            respond,
            stream: None,
            head: None,
            pieces: VecDeque::new(),
            pieces_bytes: 0,
            is_to_head,
            is_whole: false,
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

    /// Upstream will not say all of it. A head that has not gone out is none: the client can still be told what went wrong.
    pub(super) fn breaks_off(&mut self) {
        if self.stream.is_none() {
            self.head = None;
            self.forget_pieces();
        } else {
            self.reset();
        }
    }

    pub(super) async fn say_piece(&mut self, piece: Bytes, ends: bool) -> Result<()> {
        self.is_whole |= ends;
        if !piece.is_empty() && self.has_body() {
            self.pieces_bytes = self.pieces_bytes.saturating_add(piece.len());
            self.pieces.push_back(piece);
        }
        self.go().await
    }

    /// RFC 9110, 6.4.1.
    fn has_body(&self) -> bool {
        let is_bare = |head: &ResponseHeader| matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        !self.is_to_head && !self.head().is_some_and(is_bare)
    }

    fn says_empty(&self) -> bool {
        self.head().and_then(|head| head.headers.get(header::CONTENT_LENGTH)).is_some_and(|length| length == "0")
    }

    fn forget_pieces(&mut self) {
        self.pieces.clear();
        self.pieces_bytes = 0;
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
            self.pieces_bytes = self.pieces_bytes.saturating_sub(piece.len());
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
        if self.pieces_bytes > KEPT_BYTES_MAX {
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
        self.forget_pieces();
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

    /// How much the client takes at the moment, at least one byte. What it takes to do so is not upstream's delay, but the end of the whole
    /// exchange is its end, too.
    async fn room(&mut self, wanted: usize) -> Result<usize> {
        let Some(stream) = &mut self.stream else { return Err(Error::explain(ErrorType::WriteError, "no head")) };
        stream.reserve_capacity(wanted);
        if stream.capacity() > 0 {
            return Ok(stream.capacity());
        }
        let since = clock::now();
        let within = self.connection.deadline.left(since.monotonic_ns).min(self.write_timeout);
        let granted = poll_fn(|context| {
            loop {
                match ready!(stream.poll_capacity(context)) {
                    Some(Ok(0)) => {}
                    granted => return Poll::Ready(granted),
                }
            }
        });
        let granted = tokio::time::timeout(within, granted).await;
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
    /// Pingora drops a session behind an answer that ends its connection without a word. A head that promises nothing is a whole answer.
    fn drop(&mut self) {
        let is_said = self.stream.is_none() && self.pieces.is_empty() && !self.is_ended;
        if is_said && self.connection.hold.is_open() && (!self.has_body() || self.says_empty()) {
            self.is_whole = true;
            // Fails where the client is gone.
            let _ = self.send_head();
        }
        self.reset();
    }
}

fn response(head: &ResponseHeader) -> Response<()> {
    Response::from_parts(head.as_owned_parts(), ())
}

#[expect(clippy::unnecessary_box_returns, reason = "Pingora hands errors on in boxes")]
fn lost(error: h2::Error) -> Box<Error> {
    Error::because(ErrorType::WriteError, "when writing to the client", error).into_down()
}
