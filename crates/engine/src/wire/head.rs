//! Where a head ends in a stream of bytes, and a cursor over its lines.

use super::class::{TOKEN, is};
use super::fault::malformed;
use crate::denial::Denial;

/// What [`head_end`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadEnd {
    /// More bytes are needed. The next search may begin at `resume`.
    Missing { resume: usize },
    /// The head is the first `length` bytes.
    Found { length: usize },
    /// No bytes to come can make a head of this; [`super::check_head`] says why when given the first `length` bytes.
    Broken { length: usize },
}

/// Looks for CRLF CRLF from `resume` on. A line feed without carriage return, or a first byte that begins no request, ends the search
/// early, so that nobody waits for the rest of a request that is refused anyway.
#[must_use]
pub fn head_end(bytes: &[u8], resume: usize) -> HeadEnd {
    match bytes.first() {
        None => return HeadEnd::Missing { resume: 0 },
        Some(first) if !is(*first, TOKEN) && *first != b'\r' => return HeadEnd::Broken { length: 1 },
        Some(_) => {}
    }
    let mut from = resume;
    while let Some(found) = bytes.get(from..).and_then(|rest| memchr::memchr(b'\n', rest)) {
        let length = from.saturating_add(found).saturating_add(1);
        let line = bytes.get(..length).unwrap_or_default();
        if !line.ends_with(b"\r\n") {
            return HeadEnd::Broken { length };
        }
        if line.ends_with(b"\r\n\r\n") {
            return HeadEnd::Found { length };
        }
        from = length;
    }
    HeadEnd::Missing { resume: bytes.len() }
}

/// The bytes that are still to be read.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(head: &'a [u8]) -> Self {
        Self { rest: head, at: 0 }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Takes `count` bytes; all that are left if there are fewer.
    pub(super) fn take(&mut self, count: usize) -> &'a [u8] {
        let (taken, rest) = self.rest.split_at_checked(count).unwrap_or((self.rest, &[]));
        self.rest = rest;
        self.at = self.at.saturating_add(taken.len());
        taken
    }

    pub(super) fn take_if(&mut self, byte: u8) -> bool {
        let found = self.rest.first() == Some(&byte);
        if found {
            self.take(1);
        }
        found
    }

    /// One empty line before the request line is overlooked (RFC 9112, 2.2). Says how many bytes that were.
    pub(super) fn skip_empty_line(&mut self) -> usize {
        if self.rest.starts_with(b"\r\n") {
            self.take(2);
        }
        self.at
    }

    /// Takes the end of a line, or says what stands in its place. `whose` begins the sentence.
    pub(super) fn take_line_end(&mut self, whose: &str) -> Result<(), Denial> {
        match self.rest {
            [b'\r', b'\n', ..] => {
                self.take(2);
                Ok(())
            }
            [b'\n', ..] => Err(malformed(&format!("{whose} ends with a bare line feed"), "RFC 9112, 2.2", Some(b'\n'))),
            [b'\r', ..] => {
                Err(malformed(&format!("{whose} holds a bare carriage return"), "RFC 9112, 2.2", Some(b'\r')))
            }
            [byte, ..] => Err(malformed(&format!("{whose} holds a control byte"), "RFC 9110, 5.5", Some(*byte))),
            [] => Err(malformed(&format!("{whose} is cut off"), "RFC 9112, 8", None)),
        }
    }
}
