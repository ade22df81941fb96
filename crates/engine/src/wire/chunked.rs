//! Where a chunked body ends (RFC 9112, 7.1), read as strictly as the head. It follows the bytes and keeps none of them; what is in
//! the chunks, in extensions and in trailers is the business of the parser behind.

use super::class::{TOKEN, VALUE, is};
use std::fmt;

/// RFC 9112, 7.1 asks for protection against overflow: 16 digits fill 64 bits.
const SIZE_DIGITS_MAX: u8 = 16;
/// All extensions of one chunk.
const EXTENSION_BYTES_MAX: u16 = 256;
/// All trailer lines.
const TRAILER_BYTES_MAX: u16 = 8 * 1024;

/// Follows one chunked body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chunks {
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Size { size: u64, digits: u8 },
    Extension { size: u64, length: u16, named: bool },
    SizeLf { size: u64 },
    Data { left: u64 },
    DataCr,
    DataLf,
    Trailer { length: u16, part: Part },
    TrailerLf { length: u16 },
    EndLf,
    Done,
}

/// Where in a trailer line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Start,
    Name,
    Value,
}

/// The body is not what RFC 9112, 7.1 allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkFault {
    rule: &'static str,
    byte: Option<u8>,
}

impl fmt::Display for ChunkFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.rule)?;
        match self.byte {
            Some(byte) => write!(formatter, ": \\x{byte:02x} (RFC 9112, 7.1)"),
            None => formatter.write_str(" (RFC 9112, 7.1)"),
        }
    }
}

impl std::error::Error for ChunkFault {}

impl Default for Chunks {
    fn default() -> Self {
        Self { state: State::Size { size: 0, digits: 0 } }
    }
}

impl Chunks {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The final empty line has been seen.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.state == State::Done
    }

    /// How many of the bytes belong to this body: fewer than all only once it [is done](Self::is_done).
    pub fn follow(&mut self, bytes: &[u8]) -> Result<usize, ChunkFault> {
        let mut rest = bytes;
        while !self.is_done() {
            if let State::Data { left } = self.state {
                let here = usize::try_from(left).map_or(rest.len(), |left| left.min(rest.len()));
                rest = rest.get(here..).unwrap_or_default();
                let left = left.saturating_sub(u64::try_from(here).unwrap_or(u64::MAX));
                self.state = if left == 0 { State::DataCr } else { State::Data { left } };
            }
            let [byte, behind @ ..] = rest else { break };
            self.state = self.state.step(*byte)?;
            rest = behind;
        }
        Ok(bytes.len().saturating_sub(rest.len()))
    }
}

impl State {
    fn step(self, byte: u8) -> Result<Self, ChunkFault> {
        match (self, byte) {
            (Self::Size { size, digits }, _) => Self::step_size(size, digits, byte),
            (Self::Extension { size, length, named }, _) => Self::step_extension(size, length, named, byte),
            (Self::SizeLf { size: 0 }, b'\n') => Ok(Self::Trailer { length: 0, part: Part::Start }),
            (Self::SizeLf { size }, b'\n') => Ok(Self::Data { left: size }),
            (Self::DataCr, b'\r') => Ok(Self::DataLf),
            (Self::DataLf, b'\n') => Ok(Self::Size { size: 0, digits: 0 }),
            (Self::Trailer { length, part }, _) => Self::step_trailer(length, part, byte),
            (Self::TrailerLf { length }, b'\n') => Ok(Self::Trailer { length, part: Part::Start }),
            (Self::EndLf, b'\n') => Ok(Self::Done),
            (Self::DataCr | Self::DataLf, _) => Err(fault("a chunk is longer than its size", byte)),
            (Self::SizeLf { .. } | Self::TrailerLf { .. } | Self::EndLf, _) => {
                Err(fault("a carriage return stands without its line feed", byte))
            }
            // Both are taken care of by `follow`.
            (Self::Data { .. } | Self::Done, _) => Ok(self),
        }
    }

    fn step_size(size: u64, digits: u8, byte: u8) -> Result<Self, ChunkFault> {
        let digit = match byte {
            b'0'..=b'9' => byte.wrapping_sub(b'0'),
            b'a'..=b'f' => byte.wrapping_sub(b'a').saturating_add(10),
            b'A'..=b'F' => byte.wrapping_sub(b'A').saturating_add(10),
            b'\r' if digits > 0 => return Ok(Self::SizeLf { size }),
            b';' | b' ' | b'\t' if digits > 0 => return Self::step_extension(size, 0, false, byte),
            _ => return Err(fault("a chunk size is not hexadecimal", byte)),
        };
        let size = size.wrapping_shl(4) | u64::from(digit);
        if digits >= SIZE_DIGITS_MAX || i64::try_from(size).is_err() {
            return Err(fault("a chunk size does not fit in 63 bits", byte));
        }
        Ok(Self::Size { size, digits: digits.saturating_add(1) })
    }

    /// `named`: a semicolon has been seen. Before it there may be white space only (RFC 9112, 7.1.1).
    fn step_extension(size: u64, length: u16, named: bool, byte: u8) -> Result<Self, ChunkFault> {
        let named = named || byte == b';';
        match byte {
            b'\r' => Ok(Self::SizeLf { size }),
            _ if length >= EXTENSION_BYTES_MAX => {
                Err(fault("the extensions of a chunk are longer than 256 bytes", byte))
            }
            _ if !named && !matches!(byte, b' ' | b'\t') => Err(fault("a chunk size goes on behind white space", byte)),
            _ if is(byte, VALUE) => Ok(Self::Extension { size, length: length.saturating_add(1), named }),
            _ => Err(fault("a chunk extension holds a control byte", byte)),
        }
    }

    fn step_trailer(length: u16, part: Part, byte: u8) -> Result<Self, ChunkFault> {
        if length >= TRAILER_BYTES_MAX {
            return Err(fault("the trailers are longer than 8 KiB", byte));
        }
        let length = length.saturating_add(1);
        match part {
            Part::Start if byte == b'\r' => Ok(Self::EndLf),
            Part::Value if byte == b'\r' => Ok(Self::TrailerLf { length }),
            Part::Name if byte == b':' => Ok(Self::Trailer { length, part: Part::Value }),
            Part::Start | Part::Name if is(byte, TOKEN) => Ok(Self::Trailer { length, part: Part::Name }),
            Part::Start | Part::Name => Err(fault("a trailer has no name", byte)),
            Part::Value if is(byte, VALUE) => Ok(Self::Trailer { length, part }),
            Part::Value => Err(fault("a trailer holds a control byte", byte)),
        }
    }
}

const fn fault(rule: &'static str, byte: u8) -> ChunkFault {
    ChunkFault { rule, byte: Some(byte) }
}

#[cfg(test)]
mod tests {
    use super::Chunks;

    /// `Ok(n)`: the body is the first n bytes; `Err`: a part of the fault's text. None: it goes on.
    fn check(name: &str, bytes: &[u8], expected: Result<Option<usize>, &str>) {
        for step in [bytes.len().max(1), 1, 2, 3] {
            let mut chunks = Chunks::new();
            let mut taken = 0;
            let mut found = Ok(None);
            for part in bytes.chunks(step) {
                match chunks.follow(part) {
                    Ok(count) => taken += count,
                    Err(fault) => found = Err(fault.to_string()),
                }
                if chunks.is_done() {
                    found = Ok(Some(taken));
                }
                if chunks.is_done() || found.is_err() {
                    break;
                }
            }
            match (&found, expected) {
                (Ok(found), Ok(expected)) => assert_eq!(*found, expected, "{name}, {step} bytes a time"),
                (Err(found), Err(expected)) => assert!(found.contains(expected), "{name}: {found}"),
                _ => panic!("{name}, {step} bytes a time: {found:?}, not {expected:?}"),
            }
        }
    }

    #[test]
    fn bodies() {
        check("empty", b"0\r\n\r\n", Ok(Some(5)));
        check("one chunk", b"3\r\nabc\r\n0\r\n\r\n", Ok(Some(13)));
        check("the next request is left", b"1\r\na\r\n0\r\n\r\nGET /", Ok(Some(11)));
        check("hex of both cases", b"a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n", Ok(Some(35)));
        check("leading zeros", b"0001\r\na\r\n000\r\n\r\n", Ok(Some(16)));
        check("extension", b"1;a=b;c=\"d e\"\r\nx\r\n0\r\n\r\n", Ok(Some(23)));
        check("space without an extension", b"1 \t\r\nx\r\n0\r\n\r\n", Ok(Some(13)));
        check("space before the extension", b"1 ;a\r\nx\r\n0\r\n\r\n", Ok(Some(14)));
        check("trailers", b"0\r\nA: b\r\nHost: evil\r\n\r\n", Ok(Some(23)));
        check("data that looks like an end", b"7\r\n0\r\n\r\n\r\n\r\n0\r\n\r\n", Ok(Some(17)));
        check("not yet over", b"5\r\nab", Ok(None));
        check("no end line", b"0\r\n", Ok(None));
    }

    #[test]
    fn faults() {
        check("no size", b"\r\nabc", Err("not hexadecimal: \\x0d"));
        check("sign", b"+1\r\n", Err("not hexadecimal: \\x2b"));
        check("prefix", b"0x1\r\n", Err("not hexadecimal: \\x78"));
        check("line feed alone", b"1\na\r\n", Err("not hexadecimal: \\x0a"));
        check("carriage return alone", b"1\ra\r\n", Err("without its line feed"));
        check("too short a size", b"1\r\nab\r\n", Err("longer than its size: \\x62"));
        check("too long a size", b"3\r\nab\r\n0\r\n\r\n", Err("longer than its size"));
        check("line feed behind data", b"1\r\na\n0\r\n\r\n", Err("longer than its size: \\x0a"));
        check("17 digits", b"00000000000000001\r\n", Err("63 bits"));
        check("64 bits", b"ffffffffffffffff\r\n", Err("63 bits"));
        check("no semicolon before the extension", b"1 a=b\r\n", Err("behind white space: \\x61"));
        check("two sizes", b"1\t0\r\nx\r\n", Err("behind white space: \\x30"));
        check("line feed in an extension", b"1;a\nb\r\n", Err("control byte: \\x0a"));
        check("long extension", &[b"1;".as_slice(), &[b'x'; 300]].concat(), Err("256 bytes"));
        check("trailer without colon", b"0\r\nabc\r\n\r\n", Err("no name: \\x0d"));
        check("trailer with NUL", b"0\r\na: \0\r\n\r\n", Err("control byte: \\x00"));
        check("folded trailer", b"0\r\na: b\r\n c\r\n\r\n", Err("no name: \\x20"));
        check("long trailers", &[b"0\r\na: ".as_slice(), &[b'x'; 9000]].concat(), Err("8 KiB"));
    }
}
