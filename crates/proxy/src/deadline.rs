//! One deadline for what a request is waiting for, where Pingora has only a time-out for each read. The connection to the client is
//! wrapped: while a request waits for its upstream, Pingora listens to the client as well, and when the deadline passes that read
//! ends in an error. The client can still be written to, so it gets its 504.

use async_trait::async_trait;
use limits::clock::now;
use pingora::protocols::{GetProxyDigest, GetSocketDigest, GetTimingDigest, SocketDigest, TimingDigest};
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{Peek, Shutdown, Ssl, Stream, UniqueID, UniqueIDType};
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Sleep;

/// The point in time at which the connection's current request has waited long enough. Shared by the connection and its request.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    /// On the monotonic clock; 0 is none.
    at_ns: AtomicU64,
}

impl Deadline {
    pub(crate) fn set(&self, at_ns: u64) {
        // Relaxed: connection and request are polled by the same task.
        self.at_ns.store(at_ns.max(1), Ordering::Relaxed);
    }

    pub(crate) fn clear(&self) {
        self.at_ns.store(0, Ordering::Relaxed);
    }

    fn at(&self) -> Option<u64> {
        Some(self.at_ns.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }

    /// Whether it has passed.
    pub(crate) fn passed(&self, now_ns: u64) -> bool {
        self.at().is_some_and(|at| now_ns >= at)
    }
}

tokio::task_local! {
    /// The deadline of the connection that this task serves.
    pub(crate) static CONNECTION: Arc<Deadline>;
}

/// A connection whose reads fail once the deadline has passed.
#[derive(Debug)]
pub(crate) struct DeadlineStream {
    inner: Stream,
    deadline: Arc<Deadline>,
    /// Wakes the reader. Set too early rather than too often: it is only moved when it fires.
    alarm: Option<Pin<Box<Sleep>>>,
    armed_ns: u64,
}

impl DeadlineStream {
    pub(crate) fn new(inner: Stream, deadline: Arc<Deadline>) -> Self {
        Self { inner, deadline, alarm: None, armed_ns: 0 }
    }

    fn poll_deadline(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(at) = self.deadline.at() else { return Poll::Pending };
            // An alarm that is set at or before the deadline will look again when it fires.
            if let Some(alarm) = &mut self.alarm
                && self.armed_ns <= at
            {
                if alarm.as_mut().poll(context).is_pending() {
                    return Poll::Pending;
                }
                self.alarm = None;
            }
            let now_ns = now().monotonic_ns;
            if now_ns >= at {
                self.alarm = None;
                return Poll::Ready(());
            }
            self.alarm = Some(Box::pin(tokio::time::sleep(Duration::from_nanos(at.saturating_sub(now_ns)))));
            self.armed_ns = at;
        }
    }
}

impl AsyncRead for DeadlineStream {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.inner).poll_read(context, buffer) {
            Poll::Ready(result) => Poll::Ready(result),
            Poll::Pending => match self.poll_deadline(context) {
                Poll::Ready(()) => Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the request's deadline passed"))),
                Poll::Pending => Poll::Pending,
            },
        }
    }
}

impl AsyncWrite for DeadlineStream {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(context)
    }
}

#[async_trait]
impl Shutdown for DeadlineStream {
    async fn shutdown(&mut self) {
        self.inner.shutdown().await;
    }
}

impl UniqueID for DeadlineStream {
    fn id(&self) -> UniqueIDType {
        self.inner.id()
    }
}

impl Ssl for DeadlineStream {
    fn get_ssl_digest(&self) -> Option<Arc<pingora::protocols::tls::SslDigest>> {
        self.inner.get_ssl_digest()
    }
}

impl GetTimingDigest for DeadlineStream {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        self.inner.get_timing_digest()
    }
}

impl GetProxyDigest for DeadlineStream {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.inner.get_proxy_digest()
    }
}

impl GetSocketDigest for DeadlineStream {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.inner.get_socket_digest()
    }
}

#[async_trait]
impl Peek for DeadlineStream {
    async fn try_peek(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        self.inner.try_peek(buffer).await
    }
}
