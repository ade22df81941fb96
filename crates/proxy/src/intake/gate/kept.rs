//! What Pingora has written and the client has not got: the head of an answer whose body is still to be judged. It goes out, or a
//! refusal does, as the request says ([`Hold`](crate::hold::Hold)).

use super::Gate;
use crate::hold::{Substitute, Will};
use bytes::{Buf, BufMut, BytesMut};
use std::io::{ErrorKind, Result};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::AsyncWrite;

/// Of bytes that are kept. Upstream's head has 64 KiB at most, and what a route adds comes on top. An answer that goes beyond is let go:
/// what is found wrong with it then is told by its end, as with every answer that is passed on piece by piece.
pub(super) const KEPT_BYTES_MAX: usize = 256 * 1024;

/// How an interim head begins, whichever 1.x it is.
const INTERIM: (&[u8], &[u8]) = (b"HTTP/1.", b" 1");
const HEAD_END: &[u8] = b"\r\n\r\n";

#[derive(Debug, Default)]
pub(super) struct Kept {
    bytes: BytesMut,
    /// How many of them are on their way out. They can no longer be thrown away.
    due: usize,
}

/// Where a write goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Way {
    Out,
    Kept,
    /// Something else has gone out: it is as good as written.
    Nowhere,
}

impl Kept {
    pub(super) fn is_full(&self, more: usize) -> bool {
        self.bytes.len().saturating_add(more) > KEPT_BYTES_MAX
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Interim heads are no part of the answer (RFC 9110, 15.2): a client may be waiting for one before it sends its body. Pingora
    /// flushes behind each of them.
    pub(super) fn let_interim_go(&mut self) {
        while let Some(length) = self.bytes.get(self.due..).and_then(interim_length) {
            self.due = self.due.saturating_add(length);
        }
    }

    fn let_go(&mut self) {
        self.due = self.bytes.len();
    }

    /// Written as Pingora would.
    fn replace(&mut self, instead: &Substitute) {
        let Substitute { head, body } = instead;
        self.bytes.truncate(self.due);
        self.bytes.put_slice(b"HTTP/1.1 ");
        self.bytes.put_slice(head.status.as_str().as_bytes());
        self.bytes.put_u8(b' ');
        self.bytes.put_slice(head.get_reason_phrase().unwrap_or_default().as_bytes());
        self.bytes.put_slice(b"\r\n");
        head.header_to_h1_wire(&mut self.bytes);
        self.bytes.put_slice(b"\r\n");
        self.bytes.put_slice(body);
        self.let_go();
    }
}

/// Of the whole interim head that these bytes begin with.
fn interim_length(bytes: &[u8]) -> Option<usize> {
    let (version, status) = INTERIM;
    // Behind the version's last digit.
    let begins = bytes.starts_with(version) && bytes.get(version.len().saturating_add(1)..)?.starts_with(status);
    let end = bytes.windows(HEAD_END.len()).position(|window| begins && window == HEAD_END)?;
    Some(end.saturating_add(HEAD_END.len()))
}

impl Gate {
    pub(super) fn is_open(&self) -> bool {
        self.alarm.connection.hold.is_open()
    }

    /// Where a write of so many bytes goes, once that which goes before it has gone. Asked only while the gate [is not
    /// open](Self::is_open).
    pub(super) fn poll_way(&mut self, context: &mut Context<'_>, bytes: usize) -> Poll<Result<Way>> {
        if self.kept.is_full(bytes) {
            self.alarm.connection.hold.let_go();
        }
        let way = match self.alarm.connection.hold.will() {
            Will::Open => return Poll::Ready(Ok(Way::Out)),
            Will::Keep => Way::Kept,
            Will::LetGo => {
                self.kept.let_go();
                Way::Out
            }
            Will::Replace => {
                if let Some(instead) = self.alarm.connection.hold.take_instead() {
                    self.kept.replace(&instead);
                }
                Way::Nowhere
            }
        };
        ready!(self.poll_due(context))?;
        if way == Way::Out {
            self.kept = Kept::default();
            self.alarm.connection.hold.open();
        }
        Poll::Ready(Ok(way))
    }

    fn poll_due(&mut self, context: &mut Context<'_>) -> Poll<Result<()>> {
        while self.kept.due > 0 {
            let Some(stream) = self.stream.as_mut() else { return Poll::Ready(Err(ErrorKind::NotConnected.into())) };
            self.answered = true;
            let due = self.kept.bytes.get(..self.kept.due).unwrap_or_default();
            let written = Pin::new(stream).poll_write(context, due);
            let count = ready!(self.settle(context, written))?.min(self.kept.due);
            if count == 0 {
                return Poll::Ready(Err(ErrorKind::WriteZero.into()));
            }
            self.kept.bytes.advance(count);
            self.kept.due = self.kept.due.saturating_sub(count);
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests;
