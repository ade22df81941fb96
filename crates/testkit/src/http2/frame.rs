//! Frames and field blocks as bytes (RFC 9113, 4 and 6; RFC 7541, 6.2.2). Writes whatever it is told to, right or wrong.

use super::Code;

/// What a client begins with (RFC 9113, 3.4).
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The nine bytes before each payload.
pub(super) const HEAD: usize = 9;

/// The number of a kind of frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub u8);

impl Kind {
    pub const DATA: Self = Self(0);
    pub const HEADERS: Self = Self(1);
    pub const RST_STREAM: Self = Self(3);
    pub const SETTINGS: Self = Self(4);
    pub const PING: Self = Self(6);
    pub const GOAWAY: Self = Self(7);
    pub const WINDOW_UPDATE: Self = Self(8);
    pub const CONTINUATION: Self = Self(9);
}

/// Bits that mean different things in different kinds of frame.
pub struct Flags;

impl Flags {
    pub const END_STREAM: u8 = 0x1;
    /// In SETTINGS and PING.
    pub const ACK: u8 = 0x1;
    pub const END_HEADERS: u8 = 0x4;
    pub const PADDED: u8 = 0x8;
    pub const PRIORITY: u8 = 0x20;
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    pub kind: Kind,
    pub flags: u8,
    pub stream: u32,
    pub payload: Vec<u8>,
}

impl Frame {
    #[must_use]
    pub fn new(kind: Kind, flags: u8, stream: u32, payload: impl Into<Vec<u8>>) -> Self {
        Self { kind, flags, stream, payload: payload.into() }
    }

    /// Pairs of a setting's number and its value.
    #[must_use]
    pub fn settings(settings: &[(u16, u32)]) -> Self {
        let bytes = |(name, value): &(u16, u32)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat();
        Self::new(Kind::SETTINGS, 0, 0, settings.iter().flat_map(bytes).collect::<Vec<_>>())
    }

    /// A whole block, and whether the request ends with it.
    #[must_use]
    pub fn headers(stream: u32, block: &[u8], ends: bool) -> Self {
        Self::new(Kind::HEADERS, Flags::END_HEADERS | u8::from(ends), stream, block)
    }

    /// The first part of a block. `ends` is said here, even though the block goes on.
    #[must_use]
    pub fn headers_begun(stream: u32, part: &[u8], ends: bool) -> Self {
        Self::new(Kind::HEADERS, u8::from(ends), stream, part)
    }

    /// Another part of a block, and whether it is the last one.
    #[must_use]
    pub fn continuation(stream: u32, part: &[u8], last: bool) -> Self {
        Self::new(Kind::CONTINUATION, if last { Flags::END_HEADERS } else { 0 }, stream, part)
    }

    #[must_use]
    pub fn data(stream: u32, bytes: &[u8], ends: bool) -> Self {
        Self::new(Kind::DATA, u8::from(ends), stream, bytes)
    }

    /// With so many bytes behind it that mean nothing.
    #[must_use]
    pub fn padded_data(stream: u32, bytes: &[u8], padding: u8, ends: bool) -> Self {
        let payload = [&[padding], bytes, &vec![0; padding.into()]].concat();
        Self::new(Kind::DATA, Flags::PADDED | u8::from(ends), stream, payload)
    }

    #[must_use]
    pub fn reset(stream: u32, code: Code) -> Self {
        Self::new(Kind::RST_STREAM, 0, stream, u32::from(code).to_be_bytes())
    }

    #[must_use]
    pub fn ping(opaque: [u8; 8]) -> Self {
        Self::new(Kind::PING, 0, 0, opaque)
    }

    #[must_use]
    pub fn goaway(last: u32, code: Code) -> Self {
        Self::new(Kind::GOAWAY, 0, 0, [last.to_be_bytes(), u32::from(code).to_be_bytes()].concat())
    }

    #[must_use]
    pub fn window_update(stream: u32, increment: u32) -> Self {
        Self::new(Kind::WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
    }

    #[must_use]
    pub const fn has(&self, flag: u8) -> bool {
        self.flags & flag != 0
    }

    /// As it goes over the wire.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let length = u32::try_from(self.payload.len()).unwrap_or(u32::MAX).to_be_bytes();
        let stream = self.stream.to_be_bytes();
        [length.get(1..).unwrap_or_default(), &[self.kind.0, self.flags], &stream, &self.payload].concat()
    }

    /// The frame that these bytes begin with and its length on the wire; none if it is not whole.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (head, rest) = bytes.split_first_chunk::<HEAD>()?;
        let [high, middle, low, kind, flags, stream @ ..] = *head;
        let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).ok()?;
        let payload = rest.get(..length)?.to_vec();
        let stream = u32::from_be_bytes(stream) & 0x7fff_ffff;
        Some((Self { kind: Kind(kind), flags, stream, payload }, HEAD + length))
    }

    /// What a DATA frame carries, without its padding.
    #[must_use]
    pub fn content(&self) -> &[u8] {
        if !self.has(Flags::PADDED) {
            return &self.payload;
        }
        let Some((padding, rest)) = self.payload.split_first() else { return &[] };
        rest.get(..rest.len().saturating_sub(usize::from(*padding))).unwrap_or_default()
    }

    /// The number at this place of the payload.
    #[must_use]
    pub fn number(&self, at: usize) -> Option<u32> {
        let bytes = self.payload.get(at..)?.first_chunk::<4>()?;
        Some(u32::from_be_bytes(*bytes))
    }
}

/// A block of literal fields, neither indexed nor packed: the name and the value stand there byte for byte.
#[must_use]
pub fn block(fields: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields {
        block.push(0);
        for text in [name.as_ref(), value.as_ref()] {
            length(text.len(), &mut block);
            block.extend_from_slice(text);
        }
    }
    block
}

/// An integer with a prefix of seven bits (RFC 7541, 5.1).
fn length(length: usize, out: &mut Vec<u8>) {
    const PREFIX: usize = 0x7f;
    let Some(mut rest) = length.checked_sub(PREFIX) else {
        return out.push(length.to_le_bytes()[0]);
    };
    out.push(0x7f);
    while rest >= 0x80 {
        out.push(rest.to_le_bytes()[0] | 0x80);
        rest >>= 7;
    }
    out.push(rest.to_le_bytes()[0]);
}

/// The status that a response's block begins with. Needs a peer that was told to keep no table of fields.
pub(super) fn status(block: &[u8]) -> Option<u16> {
    match *block {
        // A change of the table's size comes first.
        [size, ref rest @ ..] if size & 0xe0 == 0x20 => status(rest),
        [indexed @ 0x88..=0x8e, ..] => {
            [200, 204, 206, 304, 400, 404, 500].into_iter().nth(usize::from(indexed.saturating_sub(0x88)))
        }
        // A literal whose name is one of those seven.
        [0x48..=0x4e | 0x08..=0x0e | 0x18..=0x1e, length, ref rest @ ..] => {
            let text = rest.get(..usize::from(length & 0x7f))?;
            let digits = if length & 0x80 == 0 { text.to_vec() } else { unpacked(text)? };
            std::str::from_utf8(&digits).ok()?.parse().ok()
        }
        _ => None,
    }
}

/// Three digits in Huffman's code (RFC 7541, Appendix B): five bits up to 2, six for the others.
fn unpacked(text: &[u8]) -> Option<Vec<u8>> {
    let bits: Vec<u8> = text.iter().flat_map(|byte| (0..8_u32).rev().map(move |bit| byte >> bit & 1)).collect();
    let mut rest = bits.as_slice();
    let mut digits = Vec::new();
    while digits.len() < 3 {
        let number = |bits: &[u8]| bits.iter().fold(0_u8, |number, bit| number << 1 | bit);
        let short = number(rest.get(..5)?);
        let (digit, taken) = if short < 3 { (short, 5) } else { (number(rest.get(..6)?).checked_sub(0x16)?, 6) };
        digits.push((digit < 10).then_some(b'0' + digit)?);
        rest = rest.get(taken..)?;
    }
    Some(digits)
}
