//! Bytes from anywhere as the inside of a JSON string that no terminal and no parser trips over.

/// More of one value than this is cut off, marked by an ellipsis.
pub(super) const VALUE_BYTES_MAX: usize = 8 * 1024;

/// Appends `text` without quotes. Escaped are: quote, backslash, C0 and C1 control characters, DEL, and the characters that make a
/// viewer break or reorder the line (U+2028 to U+202E, U+2066 to U+2069). Each byte that is no UTF-8 becomes U+FFFD.
pub(super) fn append(text: &[u8], out: &mut Vec<u8>) {
    let (text, cut) = match text.split_at_checked(VALUE_BYTES_MAX) {
        Some((head, rest)) if !rest.is_empty() => (head, true),
        Some(_) | None => (text, false),
    };
    if is_all_plain(text) {
        out.extend_from_slice(text);
    } else {
        for chunk in text.utf8_chunks() {
            append_str(chunk.valid(), out);
            for _ in chunk.invalid() {
                out.extend_from_slice(b"\\ufffd");
            }
        }
    }
    if cut {
        out.extend_from_slice("…".as_bytes());
    }
}

fn append_str(text: &str, out: &mut Vec<u8>) {
    for character in text.chars() {
        match character {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            '\n' => out.extend_from_slice(b"\\n"),
            '\r' => out.extend_from_slice(b"\\r"),
            '\t' => out.extend_from_slice(b"\\t"),
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                append_unicode(character, out);
            }
            _ => out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
}

/// `\uXXXX`; only for characters below U+10000.
fn append_unicode(character: char, out: &mut Vec<u8>) {
    let code = u32::from(character).to_be_bytes();
    let [_, _, low @ ..] = code;
    let mut digits = [0; 4];
    crate::text::hex(&low, &mut digits);
    out.extend_from_slice(b"\\u");
    out.extend_from_slice(&digits);
}

/// Whether nothing has to be escaped. Compares sixteen bytes at once, the last ones twice: most values are short, and nearly all plain.
fn is_all_plain(text: &[u8]) -> bool {
    match text.last_chunk() {
        Some(last) => text.as_chunks::<AT_ONCE>().0.iter().all(is_plain) && is_plain(last),
        None => is_short_plain(text),
    }
}

/// The same for less than sixteen bytes. Two words that overlap, where a copy with room to spare would have to be written first and
/// read back.
fn is_short_plain(text: &[u8]) -> bool {
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        return is_plain_word(u64::from_le_bytes(*first)) && is_plain_word(u64::from_le_bytes(*last));
    }
    if let (Some(first), Some(last)) = (text.first_chunk(), text.last_chunk()) {
        let (first, last) = (u32::from_le_bytes(*first), u32::from_le_bytes(*last));
        return is_plain_word(u64::from(first) << 32 | u64::from(last));
    }
    text.iter().all(|byte| is_plain_byte(*byte))
}

/// Eight bytes as one number. A byte below another is seen by the borrow of a subtraction; what the borrow does to the bytes above it is
/// of no account then.
const fn is_plain_word(word: u64) -> bool {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    const HIGH: u64 = ONES << 7;
    const fn below(word: u64, bound: u8) -> u64 {
        word.wrapping_sub(ONES * bound as u64) & !word
    }
    const fn holds(word: u64, byte: u8) -> u64 {
        below(word ^ (ONES * byte as u64), 1)
    }
    let found = word | below(word, b' ') | holds(word, b'"') | holds(word, b'\\') | holds(word, 0x7f);
    found & HIGH == 0
}

const AT_ONCE: usize = 16;

/// Without an early end: so the compiler compares all of it together.
fn is_plain(chunk: &[u8; AT_ONCE]) -> bool {
    chunk.iter().fold(true, |plain, byte| plain & is_plain_byte(*byte))
}

const fn is_plain_byte(byte: u8) -> bool {
    matches!(byte, b' '..=b'~') && byte != b'"' && byte != b'\\'
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn escaped(text: &[u8]) -> String {
        let mut out = Vec::new();
        append(text, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_could_do_harm_is_escaped() {
        #[track_caller]
        fn check(what: &str, text: &[u8], expected: &str) {
            assert_eq!(escaped(text), expected, "{what}");
        }
        check("plain", b"/v1/orders/42~x", "/v1/orders/42~x");
        check("quote and backslash", br#"a"b\c"#, r#"a\"b\\c"#);
        check("line ends", b"a\r\nb\tc", "a\\r\\nb\\tc");
        check("NUL and escape", b"\0\x1b[31m", "\\u0000\\u001b[31m");
        check("DEL", b"\x7f", "\\u007f");
        check("C1 as text", "\u{80}\u{9b}\u{9f}".as_bytes(), "\\u0080\\u009b\\u009f");
        check("C1 as bytes", b"\x9b", "\\ufffd");
        check("just above C1", "\u{a0}é".as_bytes(), "\u{a0}é");
        check("line separators", "\u{2028}\u{2029}".as_bytes(), "\\u2028\\u2029");
        check("reordering", "\u{202e}\u{2066}".as_bytes(), "\\u202e\\u2066");
        check("no UTF-8", b"a\xff\xfeb", "a\\ufffd\\ufffdb");
        check("cut in a character", b"a\xe2\x82", "a\\ufffd\\ufffd");
        check("surrogate", b"\xed\xa0\x80", "\\ufffd\\ufffd\\ufffd");
        check("beyond the first plane", "🦀".as_bytes(), "🦀");
    }

    #[test]
    fn one_byte_is_found_wherever_it_stands() {
        for length in 1..50 {
            for at in 0..length {
                for (byte, expected) in [(b'"', "\\\""), (b'\\', "\\\\"), (b'\n', "\\n"), (0x7f, "\\u007f")] {
                    let mut text = vec![b'a'; length];
                    text[at] = byte;
                    let expected = format!("{}{expected}{}", "a".repeat(at), "a".repeat(length - at - 1));
                    assert_eq!(escaped(&text), expected, "0x{byte:02X} at {at} of {length}");
                }
            }
        }
    }

    #[test]
    fn a_value_has_a_bound() {
        assert_eq!(escaped(&[b'a'; VALUE_BYTES_MAX]).len(), VALUE_BYTES_MAX);
        let cut = escaped(&[b'a'; VALUE_BYTES_MAX + 1]);
        assert_eq!(cut, format!("{}…", "a".repeat(VALUE_BYTES_MAX)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(512))]

        #[test]
        fn any_bytes_become_a_harmless_json_string(text in prop::collection::vec(any::<u8>(), 0..64)) {
            let escaped = escaped(&text);
            prop_assert!(!escaped.chars().any(char::is_control));
            let read: Result<String, _> = serde_json::from_str(&format!("\"{escaped}\""));
            prop_assert!(read.is_ok(), "{}", escaped);
        }

        #[test]
        fn text_is_not_changed_by_the_way(text in "\\PC{0,16}[\\x00-\\x1f\"\\\\]{0,4}\\PC{0,16}") {
            let read: String = serde_json::from_str(&format!("\"{}\"", escaped(text.as_bytes()))).unwrap();
            prop_assert_eq!(read, text);
        }
    }
}
