//! A client's connection as the HTTP/2 library sees it, with the deadlines that the library does not know: for a head that does not come
//! to its end, and for a client that reads nothing.

use super::frames::Frames;
use crate::intake::IntakeLimits;
use bytes::{Buf, Bytes};
use limits::gauge::Entered;
use pingora::protocols::Stream;
use std::future::Future as _;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

pub(super) struct Wire {
    stream: Stream,
    /// Read already, and still to be read.
    ahead: Bytes,
    frames: Frames,
    header_timeout: Duration,
    write_timeout: Duration,
    /// Runs while a head is not whole.
    head: Option<Pin<Box<Sleep>>>,
    /// Runs while a write makes no headway.
    stall: Option<Pin<Box<Sleep>>>,
    /// The connection counts as long as this is there.
    _entered: Entered,
}

impl Wire {
    pub(super) fn new(stream: Stream, ahead: Bytes, entered: Entered, limits: &IntakeLimits) -> Self {
        Self {
            stream,
            ahead,
            frames: Frames::new(),
            header_timeout: limits.header_timeout,
            write_timeout: limits.pace.write_timeout,
            head: None,
            stall: None,
            _entered: entered,
        }
    }

    /// Nothing came: a head that has begun may take no longer than its time in all.
    fn wait_for_head(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        if !self.frames.in_fields() {
            return Poll::Pending;
        }
        let timeout = self.header_timeout;
        ready!(self.head.get_or_insert_with(|| Box::pin(sleep(timeout))).as_mut().poll(context));
        Poll::Ready(Err(Error::new(ErrorKind::TimedOut, HeadTimeout)))
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

/// A head did not come to its end in time.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the fields of a request did not come to their end in time")]
pub(super) struct HeadTimeout;

impl AsyncRead for Wire {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let wire = self.get_mut();
        let before = buffer.filled().len();
        if wire.ahead.is_empty() {
            match Pin::new(&mut wire.stream).poll_read(context, buffer) {
                Poll::Ready(read) => read?,
                Poll::Pending => return wire.wait_for_head(context),
            }
        } else {
            let count = wire.ahead.len().min(buffer.remaining());
            buffer.put_slice(wire.ahead.get(..count).unwrap_or_default());
            wire.ahead.advance(count);
        }
        let ended = wire.frames.follow(buffer.filled().get(before..).unwrap_or_default());
        if ended || !wire.frames.in_fields() {
            wire.head = None;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let wire = self.get_mut();
        let written = Pin::new(&mut wire.stream).poll_write(context, bytes);
        wire.settle(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        let wire = self.get_mut();
        let written = Pin::new(&mut wire.stream).poll_write_vectored(context, parts);
        wire.settle(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let wire = self.get_mut();
        let flushed = Pin::new(&mut wire.stream).poll_flush(context);
        wire.settle(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let wire = self.get_mut();
        let shut = Pin::new(&mut wire.stream).poll_shutdown(context);
        wire.settle(context, shut)
    }
}
