//! A client's connection as Pingora sees it while one request is served: it ends where the request's body does.
//!
//! What arrives behind the body stays here, up to a head's worth, and becomes the next request's head after its own check. A client
//! that goes away is still noticed. The gate also sees what Pingora does not measure: a body that only drips, a client that does not
//! read, and a body that is still arriving when the connection is closed. And it keeps the head of an answer that may not go out yet.

mod io;
mod kept;

use super::closing::linger;
use super::pace::{Pace, Progress};
use crate::alarm::Alarm;
use crate::connection::{Connection, Peer};
use bytes::{Buf, BufMut, BytesMut};
use engine::wire::Framing;
use engine::wire::chunked::Chunks;
use kept::Kept;
use limits::clock::{self, Now};
use limits::gauge::Entered;
use pingora::protocols::Stream;
use std::future::Future as _;
use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::time::Sleep;

/// Asked of the socket at once. Most heads are smaller.
const READ_BYTES: usize = 2 * 1024;

#[derive(Debug)]
pub(super) struct Gate {
    /// Taken out only to be closed.
    stream: Option<Stream>,
    entered: Option<Entered>,
    /// Arrived, and handed to nobody yet.
    ahead: BytesMut,
    ahead_bytes_max: usize,
    /// The client will send nothing more.
    ended: bool,
    /// Some of an answer was written since the last head.
    answered: bool,
    body: Body,
    pace: Pace,
    progress: Progress,
    /// Runs while a write makes no headway.
    stall: Option<Stall>,
    /// Written, and not to go out yet.
    kept: Kept,
    /// Rings when the request has waited long enough for its upstream.
    alarm: Alarm,
}

#[derive(Debug)]
struct Stall {
    since: Now,
    sleep: Pin<Box<Sleep>>,
}

/// What of the request's body is still to come.
#[derive(Clone, Copy, Debug)]
enum Body {
    Length(u64),
    Chunked(Chunks),
}

impl Body {
    fn is_done(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.is_done(),
        }
    }

    /// How many of the bytes belong to the body.
    fn follow(&mut self, bytes: &[u8]) -> Result<usize> {
        match self {
            Self::Length(left) => {
                let here = usize::try_from(*left).map_or(bytes.len(), |left| left.min(bytes.len()));
                *left = left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
                Ok(here)
            }
            Self::Chunked(chunks) => chunks.follow(bytes).map_err(|fault| Error::new(ErrorKind::InvalidData, fault)),
        }
    }
}

impl Gate {
    pub(super) fn new(stream: Stream, entered: Entered, peer: Option<IpAddr>) -> Box<Self> {
        Box::new(Self {
            stream: Some(stream),
            entered: Some(entered),
            ahead: BytesMut::new(),
            ahead_bytes_max: 0,
            ended: false,
            answered: false,
            body: Body::Length(0),
            pace: Pace::DEFAULT,
            progress: Progress::default(),
            stall: None,
            kept: Kept::default(),
            alarm: Alarm::new(Arc::new(Connection::new(peer.map(|peer| Arc::new(Peer::new(peer)))))),
        })
    }

    /// What has arrived of the next request.
    pub(super) fn ahead(&self) -> &[u8] {
        &self.ahead
    }

    /// What is waited for next ends `within` from now.
    pub(super) fn wait_at_most(&self, within: Duration) {
        self.alarm.connection.deadline.set(clock::now().plus(within).monotonic_ns);
    }

    /// Reads more of the next head, up to `bytes_max` in all. 0: the client has ended. `TimedOut` once the wait is over.
    pub(super) fn poll_fill(&mut self, context: &mut Context<'_>, bytes_max: usize) -> Poll<Result<usize>> {
        let room = bytes_max.saturating_sub(self.ahead.len());
        let Some(stream) = self.stream.as_mut().filter(|_| !self.ended) else { return Poll::Ready(Ok(0)) };
        self.ahead.reserve(room.min(READ_BYTES));
        let mut part = (&mut self.ahead).limit(room);
        // The future keeps nothing: dropped while pending, it has read nothing.
        let Poll::Ready(count) = pin!(stream.read_buf(&mut part)).poll(context) else {
            ready!(self.alarm.poll(context));
            return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the wait is over")));
        };
        let count = count?;
        self.ended = count == 0;
        Poll::Ready(Ok(count))
    }

    /// Takes the head that is `length` bytes long, and opens the gate for the body that follows it.
    pub(super) fn open(&mut self, length: usize, framing: Framing, pace: Pace, ahead_bytes_max: usize) -> BytesMut {
        self.body = match framing {
            Framing::None => Body::Length(0),
            Framing::Length(length) => Body::Length(length),
            Framing::Chunked => Body::Chunked(Chunks::new()),
        };
        // The request's own waits begin with its upstream.
        self.alarm.connection.deadline.begin_anew();
        self.alarm.connection.begin(!self.body.is_done());
        if !self.is_open() {
            self.kept = Kept::default();
            self.alarm.connection.hold.open();
        }
        self.answered = false;
        self.progress = Progress::default();
        self.pace = pace;
        self.ahead_bytes_max = ahead_bytes_max;
        self.ahead.split_to(length.min(self.ahead.len()))
    }

    pub(super) fn connection(&self) -> Arc<Connection> {
        Arc::clone(&self.alarm.connection)
    }

    pub(super) fn body_is_done(&self) -> bool {
        self.body.is_done()
    }

    /// Takes the connection out, to be closed by hand or served in another way.
    pub(super) fn into_parts(mut self) -> Option<(Stream, Entered)> {
        Some((self.stream.take()?, self.entered.take()?))
    }

    /// Behind the body: keeps what arrives for the next head, and tells only whether the client has gone.
    fn watch(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Ok(())) };
        // Small: it is looked at with every step of a request, and there is hardly ever anything.
        let mut chunk = [0; 256];
        loop {
            let room = self.ahead_bytes_max.saturating_sub(self.ahead.len()).min(chunk.len());
            if self.ended || room == 0 {
                break;
            }
            let mut part = ReadBuf::new(chunk.get_mut(..room).unwrap_or_default());
            ready!(Pin::new(&mut *stream).poll_read(context, &mut part))?;
            self.ended = part.filled().is_empty();
            self.ahead.extend_from_slice(part.filled());
        }
        // With requests still to be answered, an end is no sign that the client has lost interest.
        if self.ended && self.ahead.is_empty() { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Body bytes that came with the head.
    fn hand_on(&mut self, buffer: &mut ReadBuf<'_>) -> Result<()> {
        let room = buffer.remaining().min(self.ahead.len());
        let count = self.body.follow(self.ahead.get(..room).unwrap_or_default())?;
        buffer.put_slice(self.ahead.get(..count).unwrap_or_default());
        self.ahead.advance(count);
        self.keep_pace(count)
    }

    fn read_body(&mut self, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Ok(())) };
        let before = buffer.filled().len();
        let Poll::Ready(read) = Pin::new(stream).poll_read(context, buffer) else {
            self.progress.wait(clock::now);
            return Poll::Pending;
        };
        read?;
        let arrived = buffer.filled().get(before..).unwrap_or_default();
        if arrived.is_empty() {
            self.ended = true;
            // Told as an error of its own: a client that has only closed its sending side still reads why.
            return Poll::Ready(Err(Error::new(ErrorKind::UnexpectedEof, "the connection ended inside the body")));
        }
        let count = self.body.follow(arrived)?;
        self.ahead.extend_from_slice(arrived.get(count..).unwrap_or_default());
        buffer.set_filled(before.saturating_add(count));
        Poll::Ready(self.keep_pace(count))
    }

    fn keep_pace(&mut self, bytes: usize) -> Result<()> {
        let kept = self.progress.arrived(bytes, &self.pace, clock::now);
        kept.map_err(|slow| Error::new(ErrorKind::TimedOut, slow))
    }
}

impl Drop for Gate {
    /// Closing while the client still sends would make its kernel throw the answer away, so the rest is read for a moment.
    fn drop(&mut self) {
        let sending = !self.ended && (!self.body.is_done() || !self.ahead.is_empty());
        if !(self.answered && sending) {
            return;
        }
        if let (Some(stream), Ok(runtime)) = (self.stream.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(linger(stream, self.entered.take()));
        }
    }
}

#[cfg(test)]
mod tests;
