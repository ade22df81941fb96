//! Percent-encoded text, read in the two ways there are: to the letter, or as it comes. Does not know what the text is.

use crate::path::hex_value;
use std::borrow::Cow;

/// What a `+` means: in a query forms write spaces so (WHATWG URL, 5.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plus {
    Space,
    Itself,
}

/// A spelling that is broken, or of what is not UTF-8, has no meaning. Allocates only where something is encoded.
pub(crate) fn strict(text: &str, plus: Plus) -> Option<Cow<'_, str>> {
    if !is_encoded(text, plus) {
        return Some(Cow::Borrowed(text));
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => (hex_value(rest.next()?)? << 4) | hex_value(rest.next()?)?,
            b'+' if plus == Plus::Space => b' ',
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok().map(Cow::Owned)
}

/// A `%` without two digits is taken as it is. Allocates only where something is encoded.
pub(crate) fn lenient(text: &str, plus: Plus) -> Cow<'_, [u8]> {
    if !is_encoded(text, plus) {
        return Cow::Borrowed(text.as_bytes());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let digits = (ahead.next().and_then(hex_value), ahead.next().and_then(hex_value));
        match (byte, digits) {
            (b'+', _) if plus == Plus::Space => out.push(b' '),
            (b'%', (Some(tens), Some(ones))) => {
                out.push((tens << 4) | ones);
                bytes = ahead;
            }
            (other, _) => out.push(other),
        }
    }
    Cow::Owned(out)
}

fn is_encoded(text: &str, plus: Plus) -> bool {
    text.bytes().any(|byte| byte == b'%' || (byte == b'+' && plus == Plus::Space))
}

#[cfg(test)]
mod tests {
    use super::{Plus, lenient, strict};

    #[test]
    fn both_readings_of_one_spelling() {
        let check = |text: &str, itself: Option<&str>, space: Option<&str>, as_it_comes: &str| {
            assert_eq!(strict(text, Plus::Itself).as_deref(), itself, "{text}");
            assert_eq!(strict(text, Plus::Space).as_deref(), space, "{text}");
            assert_eq!(String::from_utf8_lossy(&lenient(text, Plus::Space)), as_it_comes, "{text}");
        };
        check("", Some(""), Some(""), "");
        check("a+b", Some("a+b"), Some("a b"), "a b");
        check("a%2Bb", Some("a+b"), Some("a+b"), "a+b");
        check("%c3%A9", Some("\u{e9}"), Some("\u{e9}"), "\u{e9}");
        check("%C3", None, None, "\u{fffd}");
        check("%", None, None, "%");
        check("%4", None, None, "%4");
        check("%zz%41", None, None, "%zzA");
        check("%2%30", None, None, "%20");
    }
}
