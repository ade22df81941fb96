//! A client's connection as the HTTP/2 library sees it, with the deadlines that the library does not know: for a head that does not come
//! to its end, and for a client that reads nothing.

use super::frames::Frames;
use super::traffic::{Control, Traffic};
use crate::intake::IntakeLimits;
use crate::intake::closing::linger_while_heard;
use bytes::{Buf, Bytes};
use limits::clock;
use limits::gauge::Entered;
use pingora::protocols::Stream;
use std::future::Future as _;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

pub(super) struct Wire {
    /// Taken out only to be closed.
    stream: Option<Stream>,
    /// Read already, and still to be read.
    ahead: Bytes,
    frames: Frames,
    control: Control,
    traffic: Arc<Traffic>,
    header_timeout: Duration,
    write_timeout: Duration,
    /// Runs while a head is not whole.
    head: Option<Pin<Box<Sleep>>>,
    /// Runs while a write makes no headway.
    stall: Option<Pin<Box<Sleep>>>,
    /// The client will send nothing more.
    ended: bool,
    /// The connection counts as long as somebody has this.
    entered: Arc<Entered>,
}

impl Wire {
    pub(super) fn new(
        stream: Stream,
        ahead: Bytes,
        entered: Arc<Entered>,
        traffic: Arc<Traffic>,
        limits: &IntakeLimits,
    ) -> Self {
        Self {
            stream: Some(stream),
            ahead,
            frames: Frames::new(),
            control: Control::default(),
            traffic,
            header_timeout: limits.header_timeout,
            write_timeout: limits.pace.write_timeout,
            head: None,
            stall: None,
            ended: false,
            entered,
        }
    }

    /// Nothing came: a head that has begun may take no longer than its time in all.
    fn wait_for_head(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.frames.in_fields() {
            return Poll::Pending;
        }
        let timeout = self.header_timeout;
        ready!(self.head.get_or_insert_with(|| Box::pin(sleep(timeout))).as_mut().poll(context));
        // The library hands on no more of an error than its text.
        self.traffic.be_late();
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the fields of a request did not come to their end")))
    }

    fn follow(&mut self, bytes: &[u8]) {
        let now = clock::now();
        let ended = self.frames.follow(bytes);
        if ended || !self.frames.in_fields() {
            self.head = None;
        }
        self.traffic.arrived(self.frames.data(), now);
        self.traffic.count_fields(self.frames.blocks());
        self.control.count(self.frames.take_control(), &self.traffic, now);
    }

    fn settle<T>(&mut self, context: &mut Context<'_>, written: Poll<Result<T>>) -> Poll<Result<T>> {
        if written.is_ready() {
            self.stall = None;
            return written;
        }
        let timeout = self.write_timeout;
        ready!(self.stall.get_or_insert_with(|| Box::pin(sleep(timeout))).as_mut().poll(context));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client does not read")))
    }
}

fn closed<T>() -> Poll<Result<T>> {
    Poll::Ready(Err(ErrorKind::NotConnected.into()))
}

impl Drop for Wire {
    /// Closing while the client still sends would make its kernel throw away what it has not read, so the rest is read for a while.
    fn drop(&mut self) {
        if let (false, Some(stream), Ok(runtime)) =
            (self.ended, self.stream.take(), tokio::runtime::Handle::try_current())
        {
            runtime.spawn(linger_while_heard(stream, Arc::clone(&self.entered), self.write_timeout));
        }
    }
}

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let wire = self.get_mut();
        let before = buffer.filled().len();
        if wire.ahead.is_empty() {
            let Some(stream) = wire.stream.as_mut() else { return closed() };
            let Poll::Ready(read) = Pin::new(stream).poll_read(context, buffer) else {
                return wire.wait_for_head(context);
            };
            wire.ended = read.is_err() || buffer.filled().len() == before;
            read?;
        } else {
            let count = wire.ahead.len().min(buffer.remaining());
            buffer.put_slice(wire.ahead.get(..count).unwrap_or_default());
            wire.ahead.advance(count);
        }
        wire.follow(buffer.filled().get(before..).unwrap_or_default());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let wire = self.get_mut();
        let Some(stream) = wire.stream.as_mut() else { return closed() };
        let written = Pin::new(stream).poll_write(context, bytes);
        wire.settle(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let wire = self.get_mut();
        let Some(stream) = wire.stream.as_mut() else { return closed() };
        let written = Pin::new(stream).poll_write_vectored(context, parts);
        wire.settle(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let wire = self.get_mut();
        let Some(stream) = wire.stream.as_mut() else { return closed() };
        let flushed = Pin::new(stream).poll_flush(context);
        wire.settle(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let wire = self.get_mut();
        let Some(stream) = wire.stream.as_mut() else { return closed() };
        let shut = Pin::new(stream).poll_shutdown(context);
        wire.settle(context, shut)
    }
}
