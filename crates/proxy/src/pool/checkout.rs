//! A kept connection in the hands of one exchange, as Pingora's stream for it.
//!
//! Pingora decides whether a connection may serve again. Where it may not, Pingora shuts the stream down or drops it. Where it may, the
//! last thing it does is to ask for one byte without waiting, as a sign of life, before its own pool would take the stream. Here that
//! question is answered with the end, so that Pingora lets go, and the connection goes home. As a question for one byte could also be
//! the rest of an answer, it counts only once the whole answer has been seen from above ([`Usage::answered`]).

use super::{Kept, Pool, Socket};
use async_trait::async_trait;
use limits::clock;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::tls::{SslDigest, TlsRef};
use pingora::protocols::{
    ALPN, GetProxyDigest, GetSocketDigest, GetTimingDigest, Peek, Shutdown, SocketDigest, Ssl, TimingDigest, UniqueID,
    UniqueIDType,
};
use std::io::{ErrorKind, IoSlice, Result};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What an exchange and its connection tell each other.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    was_kept: AtomicBool,
    is_answered: AtomicBool,
}

impl Usage {
    /// Whether the connection has served an earlier request.
    pub(crate) fn was_kept(&self) -> bool {
        self.was_kept.load(Ordering::Relaxed)
    }

    /// The answer is there to its last byte.
    pub(crate) fn answered(&self) {
        self.is_answered.store(true, Ordering::Relaxed);
    }
}

/// What Pingora tells a request of its connection may also tell this. None for a connection that is not from our pool.
pub(crate) fn usage(digest: &ProxyDigest) -> Option<&Usage> {
    digest.user_data.as_ref()?.downcast_ref()
}

#[derive(Debug)]
pub(super) struct Checkout {
    /// Taken out only at the end.
    kept: Option<Kept>,
    home: Arc<Pool>,
    /// Pingora has let go of it.
    released: bool,
}

impl Checkout {
    pub(super) fn new(kept: Kept, home: &Arc<Pool>, was_kept: bool) -> Self {
        if let Some(usage) = usage(&kept.digest) {
            usage.was_kept.store(was_kept, Ordering::Relaxed);
            usage.is_answered.store(false, Ordering::Relaxed);
        }
        Self { kept: Some(kept), home: Arc::clone(home), released: false }
    }

    fn socket(&self) -> Option<&Socket> {
        self.kept.as_ref().map(|kept| &kept.socket)
    }

    /// For everything but the sign of life: who still has something to say has not let go.
    fn in_use(&mut self) -> Result<Pin<&mut Socket>> {
        self.released = false;
        let kept = self.kept.as_mut().ok_or(ErrorKind::NotConnected)?;
        Ok(Pin::new(&mut kept.socket))
    }

    fn is_answered(&self) -> bool {
        let usage = self.kept.as_ref().and_then(|kept| usage(&kept.digest));
        usage.is_some_and(|usage| usage.is_answered.load(Ordering::Relaxed))
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        if let Some(kept) = self.kept.take().filter(|_| self.released) {
            self.home.put(kept, clock::now());
        }
    }
}

impl AsyncRead for Checkout {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        let checkout = self.get_mut();
        let read = checkout.in_use()?.poll_read(context, buffer);
        if read.is_pending() && buffer.remaining() == 1 && checkout.is_answered() {
            checkout.released = true;
            return Poll::Ready(Ok(()));
        }
        read
    }
}

impl AsyncWrite for Checkout {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        self.get_mut().in_use()?.poll_write(context, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.get_mut().in_use()?.poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.socket().is_some_and(AsyncWrite::is_write_vectored)
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().in_use()?.poll_flush(context)
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        self.get_mut().in_use()?.poll_shutdown(context)
    }
}

#[async_trait]
impl Shutdown for Checkout {
    async fn shutdown(&mut self) {
        self.released = false;
        if let Some(kept) = &mut self.kept {
            kept.socket.shutdown().await;
        }
    }
}

impl UniqueID for Checkout {
    fn id(&self) -> UniqueIDType {
        self.socket().map_or(-1, Socket::id)
    }
}

impl Ssl for Checkout {
    fn get_ssl(&self) -> Option<&TlsRef> {
        self.socket()?.secured()?.get_ssl()
    }

    fn get_ssl_digest(&self) -> Option<Arc<SslDigest>> {
        self.socket()?.secured()?.get_ssl_digest()
    }

    fn selected_alpn_proto(&self) -> Option<ALPN> {
        self.socket()?.secured()?.selected_alpn_proto()
    }
}

impl GetTimingDigest for Checkout {
    fn get_timing_digest(&self) -> Vec<Option<TimingDigest>> {
        // Nobody asks for it, and it would be an allocation on every request.
        Vec::new()
    }
}

impl GetProxyDigest for Checkout {
    fn get_proxy_digest(&self) -> Option<Arc<ProxyDigest>> {
        self.kept.as_ref().map(|kept| Arc::clone(&kept.digest))
    }
}

impl GetSocketDigest for Checkout {
    fn get_socket_digest(&self) -> Option<Arc<SocketDigest>> {
        self.socket()?.secured()?.get_socket_digest()
    }
}

/// Nobody peeks at what an upstream says.
impl Peek for Checkout {}
