//! How a value becomes harmless in the text around it. Knows nothing of where values come from.

use super::{HEADER_TEXT_BYTES_MAX, TEXT_BYTES_MAX};

/// How much of one value is shown, in bytes before escaping. The rest is cut off at a character's end.
pub const VALUE_BYTES_MAX: usize = 1_024;
/// The same for a value in a header line.
pub const HEADER_VALUE_BYTES_MAX: usize = 256;

/// What a template's text is, and so what its values must not break.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Escape {
    /// Values stand inside of JSON strings. JavaScript counts as JSON, and with variables it has to be that.
    Json,
    /// Values stand in character data or in quoted attributes.
    Xml,
    /// The same for HTML; never in scripts, style sheets or handlers.
    Html,
    /// One value stays on one line: control characters become U+FFFD.
    Text,
    /// A header line: visible ASCII and space; every other byte is percent-encoded.
    Header,
}

impl Escape {
    /// By the media type alone; parameters do not matter. What is not known is text.
    #[must_use]
    pub fn for_content_type(content_type: &str) -> Self {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
        let suffix = subtype.rsplit_once('+').map_or(subtype, |(_, suffix)| suffix);
        match (essence.as_str(), suffix) {
            ("text/html", _) => Self::Html,
            (_, "json" | "javascript" | "ecmascript" | "json5" | "x-ndjson" | "ndjson" | "jsonl") => Self::Json,
            (_, "xml") => Self::Xml,
            _ => Self::Text,
        }
    }

    /// How long a template's own text may be, with all parts that it includes.
    pub(super) const fn text_bytes_max(self) -> usize {
        match self {
            Self::Json | Self::Xml | Self::Html | Self::Text => TEXT_BYTES_MAX,
            Self::Header => HEADER_TEXT_BYTES_MAX,
        }
    }

    /// Appends `value`, cut and escaped, so that it stays a value.
    pub fn push(self, value: &str, out: &mut Vec<u8>) {
        Encoding::from(self).push(value, out);
    }
}

/// How one variable is written: as its template's [`Escape`] says, with the quotes of a header's quoted-string in mind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    Json,
    Markup,
    Text,
    Header,
    /// Between the double quotes of a header line.
    HeaderQuoted,
}

impl From<Escape> for Encoding {
    fn from(escape: Escape) -> Self {
        match escape {
            Escape::Json => Self::Json,
            Escape::Xml | Escape::Html => Self::Markup,
            Escape::Text => Self::Text,
            Escape::Header => Self::Header,
        }
    }
}

impl Encoding {
    pub(super) fn push(self, value: &str, out: &mut Vec<u8>) {
        match self {
            Self::Json => cut(value, VALUE_BYTES_MAX).chars().for_each(|character| json(character, out)),
            Self::Markup => cut(value, VALUE_BYTES_MAX).chars().for_each(|character| markup(character, out)),
            Self::Text => cut(value, VALUE_BYTES_MAX).chars().for_each(|character| text(character, out)),
            Self::Header => cut(value, HEADER_VALUE_BYTES_MAX).bytes().for_each(|byte| match byte {
                b' '..=b'~' => out.push(byte),
                0..=0x1f | 0x7f..=0xff => percent(byte, out),
            }),
            Self::HeaderQuoted => cut(value, HEADER_VALUE_BYTES_MAX).bytes().for_each(|byte| match byte {
                b' ' | b'!' | b'#'..=b'[' | b']'..=b'~' => out.push(byte),
                0..=0x1f | b'"' | b'\\' | 0x7f..=0xff => percent(byte, out),
            }),
        }
    }
}

/// The longest beginning of whole characters that is not longer than `bytes_max`.
fn cut(value: &str, bytes_max: usize) -> &str {
    let end = (0..=bytes_max.min(value.len())).rev().find(|end| value.is_char_boundary(*end)).unwrap_or_default();
    value.get(..end).unwrap_or_default()
}

/// RFC 8259, 7. Also hides what would end a script in a page that the JSON is pasted into.
fn json(character: char, out: &mut Vec<u8>) {
    match character {
        '"' => out.extend_from_slice(b"\\\""),
        '\\' => out.extend_from_slice(b"\\\\"),
        '\n' => out.extend_from_slice(b"\\n"),
        '\r' => out.extend_from_slice(b"\\r"),
        '\t' => out.extend_from_slice(b"\\t"),
        '\0'..='\u{1f}' | '\u{7f}' | '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => {
            let code = u32::from(character);
            out.extend_from_slice(b"\\u");
            for shift in [12, 8, 4, 0] {
                out.push(hex(code.wrapping_shr(shift)));
            }
        }
        other => push_char(other, out),
    }
}

/// For character data and quoted attributes alike. What XML 1.0 (2.2) forbids even as a reference is left out.
fn markup(character: char, out: &mut Vec<u8>) {
    match character {
        '&' => out.extend_from_slice(b"&amp;"),
        '<' => out.extend_from_slice(b"&lt;"),
        '>' => out.extend_from_slice(b"&gt;"),
        '"' => out.extend_from_slice(b"&quot;"),
        '\'' => out.extend_from_slice(b"&#39;"),
        // As references they survive the normalisation of line ends and attributes.
        '\t' => out.extend_from_slice(b"&#9;"),
        '\n' => out.extend_from_slice(b"&#10;"),
        '\r' => out.extend_from_slice(b"&#13;"),
        '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => {}
        other => push_char(other, out),
    }
}

fn text(character: char, out: &mut Vec<u8>) {
    // Line and paragraph separators, and what turns the direction of a whole line, count as control characters here.
    let control = character.is_control()
        || matches!(character, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    push_char(if control { char::REPLACEMENT_CHARACTER } else { character }, out);
}

fn push_char(character: char, out: &mut Vec<u8>) {
    out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
}

fn percent(byte: u8, out: &mut Vec<u8>) {
    out.extend_from_slice(&[
        b'%',
        hex(u32::from(byte >> 4)).to_ascii_uppercase(),
        hex(u32::from(byte)).to_ascii_uppercase(),
    ]);
}

/// The lowest four bits as a digit.
fn hex(bits: u32) -> u8 {
    char::from_digit(bits & 0xf, 16).map_or(b'0', |digit| u8::try_from(digit).unwrap_or(b'0'))
}

#[cfg(test)]
mod tests {
    use super::{Escape, HEADER_VALUE_BYTES_MAX, VALUE_BYTES_MAX};

    fn pushed(escape: Escape, value: &str) -> String {
        let mut out = Vec::new();
        escape.push(value, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn content_types() {
        for (content_type, expected) in [
            ("application/json", Escape::Json),
            ("application/problem+json", Escape::Json),
            ("Application/JSON; charset=utf-8", Escape::Json),
            ("text/json", Escape::Json),
            ("text/javascript", Escape::Json),
            ("application/xml", Escape::Xml),
            ("text/xml ; charset=utf-8", Escape::Xml),
            ("application/problem+xml", Escape::Xml),
            ("application/xhtml+xml", Escape::Xml),
            ("image/svg+xml", Escape::Xml),
            ("text/html; charset=utf-8", Escape::Html),
            ("TEXT/HTML", Escape::Html),
            ("text/plain", Escape::Text),
            ("application/yaml", Escape::Text),
            ("json", Escape::Text),
            ("", Escape::Text),
        ] {
            assert_eq!(Escape::for_content_type(content_type), expected, "{content_type}");
        }
    }

    #[test]
    fn values_are_escaped() {
        for (escape, value, expected) in [
            (Escape::Json, "a\"b\\c\n\u{1}</script>\u{2028}é", "a\\\"b\\\\c\\n\\u0001\\u003c/script\\u003e\\u2028é"),
            (
                Escape::Xml,
                "<a b=\"c\" d='e'>&]]>\0\u{b}\u{ffff}\n",
                "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;]]&gt;&#10;",
            ),
            (Escape::Html, "<script>\u{1b}", "&lt;script&gt;"),
            (Escape::Text, "a\r\nb\u{85}\u{202e}c", "a\u{fffd}\u{fffd}b\u{fffd}\u{fffd}c"),
            (Escape::Header, "a\r\nSet-Cookie: x=1\té\"", "a%0D%0ASet-Cookie: x=1%09%C3%A9\""),
        ] {
            assert_eq!(pushed(escape, value), expected, "{escape:?}");
        }
    }

    #[test]
    fn long_values_are_cut_at_a_characters_end() {
        for escape in [Escape::Json, Escape::Xml, Escape::Html, Escape::Text] {
            assert_eq!(pushed(escape, &"x".repeat(VALUE_BYTES_MAX)).len(), VALUE_BYTES_MAX);
            assert_eq!(pushed(escape, &"x".repeat(VALUE_BYTES_MAX + 1)).len(), VALUE_BYTES_MAX);
            assert_eq!(pushed(escape, &"€".repeat(VALUE_BYTES_MAX)), "€".repeat(VALUE_BYTES_MAX / 3));
        }
        assert_eq!(pushed(Escape::Header, &"x".repeat(9_000)).len(), HEADER_VALUE_BYTES_MAX);
    }
}
