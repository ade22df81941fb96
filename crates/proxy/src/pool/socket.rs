//! What a connection runs over: a socket of its own, or what Pingora has put around one for TLS.

use pingora::protocols::{Stream, UniqueIDType};
use socket2::SockRef;
use std::future::{Future as _, poll_fn};
use std::io::{ErrorKind, IoSlice, Result};
use std::mem::MaybeUninit;
use std::os::fd::AsRawFd as _;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::TcpStream;
use tokio::task::unconstrained;

#[derive(Debug)]
pub(super) enum Socket {
    Plain(TcpStream),
    Secured(Stream),
}

impl Socket {
    pub(super) fn id(&self) -> UniqueIDType {
        match self {
            Self::Plain(stream) => stream.as_raw_fd(),
            Self::Secured(stream) => stream.id(),
        }
    }

    pub(super) const fn secured(&self) -> Option<&Stream> {
        match self {
            Self::Plain(_) => None,
            Self::Secured(stream) => Some(stream),
        }
    }

    /// Whether upstream says nothing, where nobody has asked. Anything else, the end included, makes a connection useless.
    pub(super) fn is_quiet(&mut self) -> bool {
        match self {
            // The system is asked: the event loop may not have heard yet of what is there.
            Self::Plain(stream) => {
                let peeked = SockRef::from(&*stream).peek(&mut [MaybeUninit::uninit()]);
                peeked.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
            }
            // What is there may be of TLS alone, which has to be read to be known.
            Self::Secured(stream) => is_silent(stream),
        }
    }

    pub(super) async fn shutdown(&mut self) {
        match self {
            // An error means that upstream is gone already.
            Self::Plain(stream) => drop(stream.shutdown().await),
            Self::Secured(stream) => pingora::protocols::Shutdown::shutdown(&mut **stream).await,
        }
    }
}

/// Whether there is nothing to read, as far as the event loop knows.
pub(super) fn is_silent(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let reading = poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer));
    // Unconstrained: a task that has done enough for now would be told that there is nothing.
    pin!(unconstrained(reading)).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

impl AsyncRead for Socket {
    fn poll_read(self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Self::Secured(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Socket {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Self::Secured(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Self::Secured(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Plain(stream) => stream.is_write_vectored(),
            Self::Secured(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Secured(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Result<()>> {
        match self.get_mut() {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Secured(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
