//! Which protocol a connection speaks: a client that speaks HTTP/2 by prior knowledge begins with its preface (RFC 9113, 3.4).

use super::IntakeLimits;
use super::gate::Gate;
use super::http2::frames::PREFACE;
use super::read::first_bytes;
use bytes::{BufMut as _, Bytes, BytesMut};
use limits::clock::{self, Now};
use pingora::protocols::Stream;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use tokio::io::AsyncReadExt as _;

pub(super) enum Spoken {
    /// Since then its first head is waited for.
    Http1(Now),
    Http2,
    /// The client went away or was idle, or the gateway stops.
    Nothing,
}

/// Whatever is read stays in the gate. A preface has as much time as a head.
pub(super) async fn spoken(
    gate: &mut Gate,
    limits: &IntakeLimits,
    stopping: Pin<&mut (impl Future<Output = ()> + Send)>,
) -> Spoken {
    if !first_bytes(gate, limits, stopping).await {
        return Spoken::Nothing;
    }
    let started = clock::now();
    gate.wait_at_most(limits.header_timeout);
    while begins_preface(gate.ahead()) {
        if gate.ahead().len() >= PREFACE.len() {
            return Spoken::Http2;
        }
        // Who reads the head finds the same end, and says why.
        if !matches!(poll_fn(|context| gate.poll_fill(context, limits.head.head_bytes_max)).await, Ok(1..)) {
            break;
        }
    }
    Spoken::Http1(started)
}

/// What a connection begins with, if that is the preface. Of one that is not to be served.
pub(super) async fn read(stream: &mut Stream) -> Option<Bytes> {
    let mut first = BytesMut::with_capacity(PREFACE.len());
    while first.len() < PREFACE.len() && begins_preface(&first) {
        let missing = PREFACE.len().saturating_sub(first.len());
        let mut part = (&mut first).limit(missing);
        stream.read_buf(&mut part).await.ok().filter(|count| *count > 0)?;
    }
    begins_preface(&first).then(|| first.freeze())
}

/// Whether these bytes are the preface, its beginning, or it and more.
pub(super) fn begins_preface(bytes: &[u8]) -> bool {
    PREFACE.iter().zip(bytes).all(|(expected, byte)| expected == byte)
}

#[cfg(test)]
mod tests {
    use super::begins_preface;

    #[test]
    fn the_first_bytes_tell() {
        let check = |bytes: &[u8], expected| assert_eq!(begins_preface(bytes), expected, "{}", bytes.escape_ascii());
        check(b"", true);
        check(b"P", true);
        check(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0", true);
        check(b"POST", false);
        check(b"PRI * HTTP/2.0\r\nHost", false);
        check(b"pri", false);
    }
}
