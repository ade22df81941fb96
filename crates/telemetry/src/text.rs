//! Short ASCII text in an array, so that IDs need no heap. Knows nothing of what the text means.

use std::fmt;

/// At most `N` bytes of ASCII; `N` is at most 255.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    bytes: [u8; N],
    length: u8,
}

impl<const N: usize> Text<N> {
    /// None if it is no ASCII or does not fit.
    #[must_use]
    pub fn new(text: &[u8]) -> Option<Self> {
        if !text.is_ascii() {
            return None;
        }
        let mut bytes = [0; N];
        bytes.get_mut(..text.len())?.copy_from_slice(text);
        Some(Self { bytes, length: u8::try_from(text.len()).ok()? })
    }

    /// Text that we made ourselves: never refused.
    pub(crate) fn own<const LENGTH: usize>(text: &[u8; LENGTH]) -> Self {
        const { assert!(LENGTH <= N && LENGTH <= 255, "does not fit") };
        debug_assert!(text.is_ascii(), "an ID is ASCII");
        let mut bytes = [0; N];
        for (slot, byte) in bytes.iter_mut().zip(text) {
            *slot = *byte;
        }
        Self { bytes, length: u8::try_from(LENGTH).unwrap_or(u8::MAX) }
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        // Neither default is ever taken: both ways in take ASCII that fits.
        let text = self.bytes.get(..usize::from(self.length)).unwrap_or_default();
        std::str::from_utf8(text).unwrap_or_default()
    }
}

impl<const N: usize> AsRef<str> for Text<N> {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl<const N: usize> fmt::Display for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// Writes `bytes` as lower-case hex to the front of `out`, as far as there is room.
#[inline]
pub(crate) fn hex(bytes: &[u8], out: &mut [u8]) {
    for (byte, pair) in bytes.iter().zip(out.as_chunks_mut::<2>().0) {
        *pair = [digit(byte >> 4), digit(byte & 0xf)];
    }
}

const fn digit(nibble: u8) -> u8 {
    if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_keeps_what_fits() {
        #[track_caller]
        fn check(input: &str, expected: Option<&str>) {
            let text = Text::<4>::new(input.as_bytes());
            assert_eq!(text.as_ref().map(Text::as_str), expected, "{input}");
        }
        check("", Some(""));
        check("abcd", Some("abcd"));
        check("abcde", None);
        check("é", None);
    }

    #[test]
    fn hex_is_lower_case() {
        let mut out = [0; 6];
        hex(&[0x00, 0x9a, 0xff], &mut out);
        assert_eq!(&out, b"009aff");
    }
}
