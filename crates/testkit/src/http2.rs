//! HTTP/2 (RFC 9113) as test clients speak it, by prior knowledge. [`Connection`] is a well-behaved one, on the `h2` crate: many requests
//! at once, bodies in pieces, answers as [`Response`](crate::client::Response)s. [`Wire`] sends any frames whatever, for what no library
//! would send. A [`Request`] goes over both. No wait is longer than [`DEADLINE`].

mod connection;
mod frame;
mod request;
mod wire;

pub use connection::{Answering, Body, Connection, Sending, Stream};
pub use frame::{Flags, Frame, Kind, PREFACE, block};
pub use h2::Reason as Code;
pub use request::Request;
pub use wire::{Answer, End, Wire};

use crate::client::DEADLINE;
use std::fmt;
use std::future::Future;
use std::io;
use tokio::time::timeout;

/// Why there is no answer, or no more of it.
#[derive(Debug, PartialEq, Eq)]
pub enum Fault {
    /// The peer reset the stream.
    Reset(Code),
    /// The peer gave the connection up.
    GoAway(Code),
    /// The connection ended.
    Closed,
    /// What the peer sent is no HTTP/2.
    Violation(String),
    /// No well-behaved client can send this.
    Unsendable(String),
    /// Nothing came before the deadline.
    Timeout,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Reset(code) => write!(f, "the stream was reset: {code:?}"),
            Self::GoAway(code) => write!(f, "the connection was given up: {code:?}"),
            Self::Closed => f.write_str("the connection was closed"),
            Self::Violation(what) => write!(f, "the peer broke the protocol: {what}"),
            Self::Unsendable(what) => write!(f, "cannot be sent: {what}"),
            Self::Timeout => f.write_str("nothing came before the deadline"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(_: io::Error) -> Self {
        Self::Closed
    }
}

impl From<h2::Error> for Fault {
    fn from(error: h2::Error) -> Self {
        match error.reason() {
            _ if error.is_io() => Self::Closed,
            _ if error.is_library() => Self::Violation(error.to_string()),
            Some(code) if error.is_reset() => Self::Reset(code),
            Some(code) if error.is_go_away() => Self::GoAway(code),
            _ => Self::Unsendable(error.to_string()),
        }
    }
}

async fn within<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(DEADLINE, work).await.unwrap_or(Err(Fault::Timeout))
}

#[cfg(test)]
mod tests;
