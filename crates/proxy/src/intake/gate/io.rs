//! The traits that make a [`Gate`] one of Pingora's streams. What is not about reading or writing goes to the stream inside.

use super::kept::Way;
use super::{Gate, Stall};
use async_trait::async_trait;
use limits::clock;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType,
};
use std::future::Future;
use std::io::{Error, ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

impl AsyncRead for Gate {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let gate = self.get_mut();
        let read = if gate.body.is_done() {
            gate.watch(context)
        } else if gate.ahead.is_empty() {
            gate.read_body(context, buffer)
        } else {
            Poll::Ready(gate.hand_on(buffer))
        };
        if read.is_pending() {
            ready!(gate.alarm.poll(context));
            return Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the request's deadline has passed")));
        }
        read
    }
}

impl Gate {
    /// Lets a write that makes no headway fail once `write_timeout` is over. What the client takes for it is not upstream's delay: while
    /// it reads nothing, nobody reads what upstream sends. But the end of the whole exchange is the end of that, too.
    pub(super) fn settle<T>(&mut self, context: &mut Context<'_>, written: Poll<Result<T>>) -> Poll<Result<T>> {
        if written.is_pending() {
            let (timeout, deadline) = (self.pace.write_timeout, &self.alarm.connection.deadline);
            let begin = || {
                let since = clock::now();
                let within = deadline.left(since.monotonic_ns).min(timeout);
                Stall { since, sleep: Box::pin(tokio::time::sleep(within)) }
            };
            ready!(self.stall.get_or_insert_with(begin).sleep.as_mut().poll(context));
        }
        if let Some(stall) = self.stall.take() {
            self.alarm.connection.deadline.put_off(clock::now().since(stall.since));
        }
        match written {
            Poll::Ready(written) => Poll::Ready(written),
            Poll::Pending => Poll::Ready(Err(Error::new(ErrorKind::TimedOut, "the client does not read"))),
        }
    }
}

fn closed<T>() -> Poll<Result<T>> {
    Poll::Ready(Err(ErrorKind::NotConnected.into()))
}

impl AsyncWrite for Gate {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        let gate = self.get_mut();
        if !gate.is_open() {
            match ready!(gate.poll_way(context, bytes.len()))? {
                Way::Out => {}
                Way::Kept => {
                    gate.kept.push(bytes);
                    return Poll::Ready(Ok(bytes.len()));
                }
                Way::Nowhere => return Poll::Ready(Ok(bytes.len())),
            }
        }
        let Some(stream) = gate.stream.as_mut() else { return closed() };
        gate.answered = true;
        let written = Pin::new(stream).poll_write(context, bytes);
        gate.settle(context, written)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        if !self.is_open() {
            let first = parts.iter().find(|part| !part.is_empty());
            return self.poll_write(context, first.map_or(&[], |part| part));
        }
        let gate = self.get_mut();
        let Some(stream) = gate.stream.as_mut() else { return closed() };
        gate.answered = true;
        let written = Pin::new(stream).poll_write_vectored(context, parts);
        gate.settle(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.as_ref().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let gate = self.get_mut();
        if !gate.is_open() {
            gate.kept.let_interim_go();
            // What is kept is flushed when it goes.
            if ready!(gate.poll_way(context, 0))? == Way::Kept && !gate.answered {
                return Poll::Ready(Ok(()));
            }
        }
        let Some(stream) = gate.stream.as_mut() else { return closed() };
        let flushed = Pin::new(stream).poll_flush(context);
        gate.settle(context, flushed)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        let gate = self.get_mut();
        // What is still kept was not to go out.
        if !gate.is_open() {
            ready!(gate.poll_way(context, 0))?;
        }
        let Some(stream) = gate.stream.as_mut() else { return closed() };
        let shut = Pin::new(stream).poll_shutdown(context);
        gate.settle(context, shut)
    }
}

#[async_trait]
impl Shutdown for Gate {
    async fn shutdown(&mut self) {
        // Through the gate's own write side, so that the time is bounded. An error means that the client is gone already.
        let _ = tokio::io::AsyncWriteExt::shutdown(self).await;
    }
}

impl UniqueID for Gate {
    fn id(&self) -> UniqueIDType {
        self.stream.as_ref().map_or(-1, |stream| stream.id())
    }
}

impl Ssl for Gate {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.stream.as_ref()?.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.stream.as_ref()?.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.stream.as_ref()?.selected_alpn_proto()
    }
}

impl GetTimingDigest for Gate {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        // Nobody asks for it, and it would be an allocation on every request.
        Vec::new()
    }

    fn get_read_pending_time(&self) -> Duration {
        self.stream.as_ref().map(|stream| stream.get_read_pending_time()).unwrap_or_default()
    }

    fn get_write_pending_time(&self) -> Duration {
        self.stream.as_ref().map(|stream| stream.get_write_pending_time()).unwrap_or_default()
    }
}

impl GetProxyDigest for Gate {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.stream.as_ref()?.get_proxy_digest()
    }
}

impl GetSocketDigest for Gate {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.stream.as_ref()?.get_socket_digest()
    }
}

/// Nothing is peeked at behind the gate: the head was read already.
impl Peek for Gate {}
