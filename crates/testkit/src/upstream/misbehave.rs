//! The ways in which an upstream can be wrong, each by a name that a path can select.

use super::record::Received;
use crate::http1::{Fault, Wire};
use std::future;
use std::time::Duration;
use tokio::time::sleep;

/// What becomes of the connection after an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum After {
    KeepAlive,
    Close,
    Reset,
}

/// Unless a path says otherwise.
const WAIT: Duration = Duration::from_secs(1);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Misbehaviour {
    /// Nothing for a while, then a good response.
    DelayHead(Duration),
    /// Head and half of the body, nothing for a while, then the rest.
    DelayBody(Duration),
    /// Reads the request and says nothing, for as long as the peer stays.
    Never,
    /// Ends the connection instead of answering.
    Close,
    /// Ends the connection behind a head that announces a body.
    CloseAfterHead,
    /// Resets the connection instead of answering.
    Reset,
    /// Resets the connection in the middle of the body.
    ResetInBody,
    /// Answers the first request of each connection and resets it at the second: what a pool meets on a stale connection.
    ResetReused,
    /// Answers with what is no HTTP.
    Garbage,
    /// A head of 1 MiB.
    HugeHead,
    /// 403 with a body of 1 MiB.
    HugeBody,
    /// A good response in chunks, with an extension and a trailer.
    Chunked,
    /// A chunk whose size is no number.
    BadChunk,
    /// Ends the connection before the announced length.
    LengthTooLong,
    /// Sends more than the announced length.
    LengthTooShort,
    /// Two lengths that differ.
    TwoLengths,
    /// A good response, one byte each pause.
    Trickle(Duration),
    /// A body in chunks that never ends.
    Flood,
    /// 103 and 100 ahead of a good response.
    Interim,
    /// A 101 that nobody asked for.
    Switch,
    /// A good response that promises to keep the connection, and the end of the connection at once.
    CloseIdle,
    /// A good response with this status.
    Status(u16),
}

impl Misbehaviour {
    /// By `NAME` or `NAME/NUMBER`: the name in kebab case; the number is milliseconds, or the status of `status`.
    #[must_use]
    pub fn named(text: &str) -> Option<Self> {
        let (name, number) = match text.split_once('/') {
            Some((name, number)) => (name, Some(number.parse::<u64>().ok()?)),
            None => (text, None),
        };
        let wait = number.map_or(WAIT, Duration::from_millis);
        Some(match name {
            "delay-head" => Self::DelayHead(wait),
            "delay-body" => Self::DelayBody(wait),
            "never" => Self::Never,
            "close" => Self::Close,
            "close-after-head" => Self::CloseAfterHead,
            "reset" => Self::Reset,
            "reset-in-body" => Self::ResetInBody,
            "reset-reused" => Self::ResetReused,
            "garbage" => Self::Garbage,
            "huge-head" => Self::HugeHead,
            "huge-body" => Self::HugeBody,
            "chunked" => Self::Chunked,
            "bad-chunk" => Self::BadChunk,
            "length-too-long" => Self::LengthTooLong,
            "length-too-short" => Self::LengthTooShort,
            "two-lengths" => Self::TwoLengths,
            "trickle" => Self::Trickle(number.map_or(Duration::from_millis(5), Duration::from_millis)),
            "flood" => Self::Flood,
            "interim" => Self::Interim,
            "switch" => Self::Switch,
            "close-idle" => Self::CloseIdle,
            "status" => Self::Status(u16::try_from(number?).ok().filter(|status| (200..=599).contains(status))?),
            _ => return None,
        })
    }

    /// Answers, in its way. `reused` if the connection has carried a request before.
    pub(super) async fn act(self, wire: &mut Wire, received: &Received, reused: bool) -> Result<After, Fault> {
        let good = || if received.method == "HEAD" { head_of(&plain(200, "late")) } else { plain(200, "late") };
        match self {
            Self::DelayHead(wait) => {
                sleep(wait).await;
                send(wire, &good(), After::KeepAlive).await
            }
            Self::DelayBody(wait) => {
                wire.write(b"HTTP/1.1 200 Test\r\nContent-Length: 8\r\n\r\nhalf").await?;
                sleep(wait).await;
                send(wire, b"rest", After::KeepAlive).await
            }
            Self::Never => {
                while !wire.ended().await {}
                future::ready(Ok(After::Close)).await
            }
            Self::Close => Ok(After::Close),
            Self::CloseAfterHead => send(wire, b"HTTP/1.1 200 Test\r\nContent-Length: 8\r\n\r\n", After::Close).await,
            Self::Reset => Ok(After::Reset),
            Self::ResetInBody => send(wire, b"HTTP/1.1 200 Test\r\nContent-Length: 8\r\n\r\nhalf", After::Reset).await,
            Self::ResetReused if reused => Ok(After::Reset),
            Self::ResetReused => send(wire, &good(), After::KeepAlive).await,
            Self::CloseIdle => send(wire, &good(), After::Close).await,
            Self::Status(status) => send(wire, &plain(status, "status"), After::KeepAlive).await,
            Self::Trickle(pause) => trickle(wire, &good(), pause).await,
            Self::Flood => flood(wire).await,
            Self::Garbage => send(wire, b"\x00\x01\x02 this is not HTTP\r\n\r\n", After::Close).await,
            Self::HugeHead => send(wire, &huge_head(), After::Close).await,
            Self::HugeBody => send(wire, &plain(403, &"x".repeat(1 << 20)), After::KeepAlive).await,
            Self::Chunked => send(wire, CHUNKED, After::KeepAlive).await,
            Self::BadChunk => send(wire, BAD_CHUNK, After::Close).await,
            Self::LengthTooLong => {
                send(wire, b"HTTP/1.1 200 Test\r\nContent-Length: 99\r\n\r\nshort", After::Close).await
            }
            Self::LengthTooShort => send(wire, LENGTH_TOO_SHORT, After::KeepAlive).await,
            Self::TwoLengths => {
                send(wire, b"HTTP/1.1 200 Test\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nlong!", After::Close)
                    .await
            }
            Self::Interim => {
                wire.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>; rel=preload\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n")
                    .await?;
                send(wire, &good(), After::KeepAlive).await
            }
            Self::Switch => {
                send(
                    wire,
                    b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
                    After::Close,
                )
                .await
            }
        }
    }
}

const LENGTH_TOO_SHORT: &[u8] = b"HTTP/1.1 200 Test\r\nContent-Length: 4\r\n\r\nlongHTTP/1.1 200 Forged\r\n\r\n";
const CHUNKED: &[u8] = b"HTTP/1.1 200 Test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n\
    4;name=value\r\npart\r\nA\r\n and parts\r\n0\r\nX-Sum: 14\r\n\r\n";
const BAD_CHUNK: &[u8] = b"HTTP/1.1 200 Test\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\nxyz\r\n";

async fn send(wire: &mut Wire, bytes: &[u8], after: After) -> Result<After, Fault> {
    wire.write(bytes).await?;
    Ok(after)
}

async fn trickle(wire: &mut Wire, bytes: &[u8], pause: Duration) -> Result<After, Fault> {
    for byte in bytes.chunks(1) {
        wire.write(byte).await?;
        sleep(pause).await;
    }
    Ok(After::KeepAlive)
}

/// Until the peer has had enough.
async fn flood(wire: &mut Wire) -> Result<After, Fault> {
    wire.write(b"HTTP/1.1 200 Test\r\nTransfer-Encoding: chunked\r\n\r\n").await?;
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    loop {
        wire.write(chunk.as_bytes()).await?;
    }
}

fn huge_head() -> Vec<u8> {
    let mut head = b"HTTP/1.1 200 Test\r\nContent-Length: 0\r\n".to_vec();
    for number in 0..1_024 {
        head.extend_from_slice(format!("X-{number}: {}\r\n", "x".repeat(1_010)).as_bytes());
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// A response without its body.
fn head_of(response: &[u8]) -> Vec<u8> {
    let end = response.windows(4).position(|window| window == b"\r\n\r\n").map_or(response.len(), |at| at + 4);
    response.get(..end).unwrap_or_default().to_vec()
}

/// A whole response without further headers.
pub(super) fn plain(status: u16, body: &str) -> Vec<u8> {
    format!("HTTP/1.1 {status} Test\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len())
        .into_bytes()
}
