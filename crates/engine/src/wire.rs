//! The strict reading of a raw HTTP/1 request head (RFC 9112), before any parser that forgives sees it.
//!
//! What passes here has one meaning: one request line, one Host, one body length. The check knows bytes and limits only; routes,
//! the normal form of the path and identities come later, and the bytes are not changed.

pub mod chunked;
mod class;
mod connection;
pub mod decoded;
mod fault;
mod fields;
mod framing;
mod head;
mod host;
mod line;

pub use connection::HOP_BY_HOP;
pub use head::{HeadEnd, head_end};

use crate::denial::Denial;
use crate::reason::Reason;
use fault::refuse;

/// How large a head may be. The parser behind has ceilings of its own: [`LINES_CEILING`], [`URI_BYTES_CEILING`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadLimits {
    /// The request line, all field lines and all line ends.
    pub head_bytes_max: usize,
    /// Field lines, without the request line.
    pub lines_max: usize,
    /// The request target.
    pub uri_bytes_max: usize,
}

/// More field lines the HTTP parser behind cannot hold, whatever the config says.
pub const LINES_CEILING: usize = 256;

/// A longer target the URI type behind cannot hold, whatever the config says.
pub const URI_BYTES_CEILING: usize = 65_534;

/// A part of the head, as offsets into the bytes that were checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub start: usize,
    pub end: usize,
}

impl Span {
    /// The bytes; empty if `head` is not the one that was checked.
    #[must_use]
    pub fn of(self, head: &[u8]) -> &[u8] {
        head.get(self.start..self.end).unwrap_or_default()
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    Http10,
    Http11,
}

/// RFC 9112, 3.2. The authority form belongs to CONNECT, which is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TargetForm {
    Origin,
    Absolute,
    Asterisk,
}

/// How long the body is (RFC 9112, 6.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// Neither Content-Length nor Transfer-Encoding: no body.
    None,
    /// Content-Length, at most `i64::MAX`.
    Length(u64),
    /// Transfer-Encoding, exactly `chunked`.
    Chunked,
}

/// What a head says that is needed before it is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CheckedHead {
    /// Where the request line begins: 2 behind an empty line (RFC 9112, 2.2), else 0.
    pub start: usize,
    pub method: Span,
    pub target: Span,
    pub target_form: TargetForm,
    pub version: Version,
    pub framing: Framing,
    /// The client lets the connection live on (RFC 9112, 9.3).
    pub keep_alive: bool,
    /// The client waits for `100 Continue` before it sends the body (RFC 9110, 10.1.1). Never set for HTTP/1.0.
    pub expect_continue: bool,
}

/// Checks one whole head, from its first byte to the CRLF CRLF that ends it. Does not allocate unless it refuses.
pub fn check_head(head: &[u8], limits: &HeadLimits) -> Result<CheckedHead, Denial> {
    if head.len() > limits.head_bytes_max {
        return Err(oversized(head, limits));
    }
    let mut cursor = head::Cursor::new(head);
    let start = cursor.skip_empty_line();
    let line = line::read(&mut cursor, limits)?;
    let facts = fields::read(&mut cursor, limits)?;
    let target = line.target.of(head);
    facts.host.settle(line.version, line.target_form, target)?;
    let framing = facts.framing.settle(line.version)?;
    let keep_alive = match line.version {
        Version::Http11 => !facts.connection.close,
        Version::Http10 => facts.connection.keep_alive && !facts.connection.close,
    };
    let expect_continue = facts.expect_continue && line.version == Version::Http11;
    Ok(CheckedHead {
        start,
        method: line.method,
        target: line.target,
        target_form: line.target_form,
        version: line.version,
        framing,
        keep_alive,
        expect_continue,
    })
}

/// The refusal of a head that has reached the limit and is still not whole: `uri_too_long` if the target alone is too long.
#[must_use]
pub fn oversized(part: &[u8], limits: &HeadLimits) -> Denial {
    let mut cursor = head::Cursor::new(part);
    cursor.skip_empty_line();
    let first = cursor.rest().split(|byte| *byte == b'\r').next().unwrap_or_default();
    let target = first.splitn(3, |byte| *byte == b' ').nth(1).unwrap_or_default();
    if target.len() > limits.uri_bytes_max {
        return line::too_long(limits);
    }
    let text = format!("the head is larger than {} bytes", limits.head_bytes_max);
    refuse(Reason::HeadersTooLarge, &text, "RFC 6585, 5", None)
}

#[cfg(test)]
mod tests;
