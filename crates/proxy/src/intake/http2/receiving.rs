//! The body of one request, as its stream brings it: read under the same bounds as over HTTP/1.

#![expect(clippy::unnecessary_box_returns, reason = "Pingora hands errors on in boxes")]

use super::traffic::Traffic;
use crate::alarm::Alarm;
use crate::intake::Pace;
use crate::intake::pace::Progress;
use bytes::Bytes;
use h2::RecvStream;
use limits::clock;
use pingora::protocols::http::body_buffer::FixedBuffer;
use pingora::{Error, ErrorType, Result};
use std::fmt;
use std::future::Future as _;
use std::io::{self, ErrorKind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// What Pingora keeps of a body that may have to be sent again, as it does over HTTP/1.
const REPLAYED_BYTES_MAX: usize = 64 * 1024;

pub(super) struct Receiving {
    stream: RecvStream,
    ended: bool,
    bytes: usize,
    pub(super) pace: Pace,
    progress: Progress,
    /// Runs while nothing comes.
    silence: Option<Pin<Box<Sleep>>>,
    traffic: Arc<Traffic>,
    replayed: Option<FixedBuffer>,
}

impl Receiving {
    pub(super) fn new(stream: RecvStream, pace: Pace, traffic: Arc<Traffic>) -> Self {
        Self {
            ended: stream.is_end_stream(),
            stream,
            traffic,
            bytes: 0,
            pace,
            progress: Progress::default(),
            silence: None,
            replayed: None,
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn is_empty(&self) -> bool {
        self.bytes == 0 && self.is_done()
    }

    pub(super) fn is_done(&self) -> bool {
        self.ended || self.stream.is_end_stream()
    }

    pub(super) fn replay(&mut self) {
        self.replayed.get_or_insert_with(|| FixedBuffer::new(REPLAYED_BYTES_MAX));
    }

    pub(super) fn replayed(&self) -> Option<Bytes> {
        self.replayed.as_ref().filter(|kept| !kept.is_truncated()).and_then(FixedBuffer::get_buffer)
    }

    pub(super) fn is_replay_truncated(&self) -> bool {
        self.replayed.as_ref().is_some_and(FixedBuffer::is_truncated)
    }

    /// The next piece, never an empty one; none at the end. Keeps nothing between two calls that a dropped future would lose.
    pub(super) fn poll(&mut self, context: &mut Context<'_>, alarm: &mut Alarm) -> Poll<Result<Option<Bytes>>> {
        loop {
            if self.is_done() {
                return Poll::Ready(Ok(None));
            }
            let Poll::Ready(piece) = self.stream.poll_data(context) else { return self.wait(context, alarm) };
            self.silence = None;
            let piece = match piece {
                Some(Ok(piece)) => piece,
                Some(Err(error)) => return Poll::Ready(Err(of_stream(error))),
                None => {
                    self.ended = true;
                    // Trailers are of no use to anybody here: they are taken, and forgotten.
                    let _ = self.stream.poll_trailers(context);
                    return Poll::Ready(Ok(None));
                }
            };
            // Asked for only when there is room for it, so the client may send as much again. Fails where the stream has ended.
            let _ = self.stream.flow_control().release_capacity(piece.len());
            self.bytes = self.bytes.saturating_add(piece.len());
            if let Err(slow) = self.progress.arrived(piece.len(), &self.pace, clock::now) {
                return Poll::Ready(Err(failed(io::Error::new(ErrorKind::TimedOut, slow))));
            }
            if piece.is_empty() {
                continue;
            }
            if let Some(replayed) = &mut self.replayed {
                replayed.write_to_buffer(&piece);
            }
            return Poll::Ready(Ok(Some(piece)));
        }
    }

    fn wait(&mut self, context: &mut Context<'_>, alarm: &mut Alarm) -> Poll<Result<Option<Bytes>>> {
        self.progress.wait(clock::now);
        if alarm.poll(context).is_ready() {
            return Poll::Ready(Err(deadline_passed()));
        }
        let within = self.pace.read_timeout;
        loop {
            ready!(self.silence.get_or_insert_with(|| Box::pin(tokio::time::sleep(within))).as_mut().poll(context));
            // The library hands over whole frames only: one that is under way is no silence.
            let now = clock::now();
            let partial = self.traffic.partial(self.stream.stream_id().as_u32());
            let since = partial.map(|partial| Duration::from_nanos(now.monotonic_ns.saturating_sub(partial.last_ns)));
            let Some(left) = since.and_then(|since| within.checked_sub(since)).filter(|left| !left.is_zero()) else {
                let text = format!("nothing of the body came for {within:?}");
                return Poll::Ready(Err(Error::explain(ErrorType::ReadTimedout, text).into_down()));
            };
            let bytes = partial.map_or(0, |partial| partial.bytes);
            if let Err(slow) = self.progress.is_under_way(bytes, &self.pace, now) {
                return Poll::Ready(Err(failed(io::Error::new(ErrorKind::TimedOut, slow))));
            }
            self.silence = Some(Box::pin(tokio::time::sleep(left)));
        }
    }
}

/// The request has waited long enough.
pub(super) fn deadline_passed() -> Box<Error> {
    failed(io::Error::new(ErrorKind::TimedOut, "the request's deadline has passed"))
}

pub(super) fn gone(what: impl fmt::Display) -> Box<Error> {
    Error::explain(ErrorType::ConnectionClosed, format!("the client ended the stream: {what}")).into_down()
}

/// A body that breaks the protocol (a length that is not the one that was told, for example) is told apart from a client that leaves.
fn of_stream(error: h2::Error) -> Box<Error> {
    if error.is_library() && error.is_reset() {
        return failed(io::Error::new(ErrorKind::InvalidData, error));
    }
    gone(error)
}

fn failed(error: io::Error) -> Box<Error> {
    Error::because(ErrorType::ReadError, "when reading a body", error).into_down()
}
