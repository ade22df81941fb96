//! As much of HTTP/1.1 as a load test needs: one answer with a Content-Length, found in a buffer.

use anyhow::{Context, Result, bail};
use memchr::{memchr, memmem};

/// A head that is longer than this is not one.
const HEAD_BYTES_MAX: usize = 16 * 1024;

#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head_bytes: usize,
    pub(crate) body_bytes: usize,
}

impl Answer {
    /// None until the whole answer is in the buffer.
    pub(crate) fn find(buffer: &[u8]) -> Result<Option<Self>> {
        let Some(end) = memmem::find(buffer, b"\r\n\r\n") else {
            if buffer.len() > HEAD_BYTES_MAX {
                bail!("an answer's head has no end");
            }
            return Ok(None);
        };
        let head_bytes = end + 4;
        let head = buffer.get(..head_bytes).unwrap_or_default();
        let answer = Self { status: status(head)?, head_bytes, body_bytes: content_length(head)? };
        Ok((buffer.len() >= answer.bytes()).then_some(answer))
    }

    pub(crate) const fn bytes(self) -> usize {
        self.head_bytes + self.body_bytes
    }
}

fn status(head: &[u8]) -> Result<u16> {
    let digits = head.strip_prefix(b"HTTP/1.1 ").and_then(|rest| rest.get(..3)).context("no HTTP/1.1 status line")?;
    Ok(std::str::from_utf8(digits)?.parse()?)
}

fn content_length(head: &[u8]) -> Result<usize> {
    let mut rest = head;
    while let Some(end) = memchr(b'\n', rest) {
        rest = rest.get(end + 1..).unwrap_or_default();
        // The first letter decides quickly, whatever its case.
        if rest.first().is_some_and(|first| first | 0x20 == b'c')
            && let Some((name, value)) = rest.split_at_checked(15)
            && name.eq_ignore_ascii_case(b"content-length:")
        {
            let value = value.split(|byte| *byte == b'\r').next().unwrap_or_default();
            return Ok(std::str::from_utf8(value)?.trim().parse()?);
        }
    }
    bail!("an answer without Content-Length: {}", String::from_utf8_lossy(head))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, text: &str, expected: Option<(u16, usize)>) {
        let found = Answer::find(text.as_bytes()).unwrap();
        assert_eq!(found.map(|answer| (answer.status, answer.body_bytes)), expected, "{name}");
    }

    #[test]
    fn answers() {
        check("nothing", "", None);
        check("half a head", "HTTP/1.1 200 OK\r\nContent-Le", None);
        check("half a body", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", None);
        check("whole", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", Some((200, 3)));
        check("any case, later", "HTTP/1.1 401 x\r\nConnection: a\r\ncontent-LENGTH:2\r\n\r\nab", Some((401, 2)));
        check("more than one", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\nHTTP/1.1", Some((200, 0)));
    }

    #[test]
    fn what_is_not_an_answer() {
        for text in ["SSH-2.0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"] {
            assert!(Answer::find(text.as_bytes()).is_err(), "{text}");
        }
    }
}
