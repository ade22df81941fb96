//! The normal form of a path.

use engine::path::{PathFault, normal_form, without_parameters};
use std::borrow::Cow;

/// The input is a path; a slash is put before it if it has none. What is not refused is equal to what RFC 3986 makes of it, is its
/// own normal form, and holds nothing that two servers read differently.
pub fn path_normal_form(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let slashed = if text.starts_with('/') {
        text.to_owned()
    } else {
        assert_eq!(normal_form(text), Err(PathFault::NotAbsolute));
        format!("/{text}")
    };
    let Ok(normal) = normal_form(&slashed) else { return };
    assert_eq!(*normal, reference(&slashed));
    if *normal == *slashed {
        assert!(matches!(normal, Cow::Borrowed(_)), "copied for nothing");
    }
    assert!(matches!(normal_form(&normal), Ok(Cow::Borrowed(again)) if again == normal), "{normal} is not normal");
    is_harmless(&normal);
    let bare = without_parameters(&normal);
    is_harmless(&bare);
    assert!(!bare.contains(';'), "{bare}");
    assert_eq!(without_parameters(&bare), bare);
}

fn is_harmless(path: &str) {
    assert!(path.starts_with('/') && !path.contains("//"), "{path}");
    assert!(path.split('/').all(|segment| segment != "." && segment != ".."), "{path}");
    assert!(path.bytes().all(|byte| byte.is_ascii_graphic() && !b"\\#?\"<>^`{|}[]".contains(&byte)), "{path}");
    for (at, _) in path.match_indices('%') {
        let digits = path.get(at + 1..at + 3).expect("two digits");
        assert!(digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'A'..=b'F')), "{path}");
        let byte = u8::from_str_radix(digits, 16).expect("hexadecimal digits");
        assert!(!byte.is_ascii_control() && byte != b'/' && byte != b'\\' && !is_unreserved(byte), "{path}");
    }
}

/// RFC 3986, 6.2.2 in the simplest words; the path has no faults.
fn reference(path: &str) -> String {
    let pieces: Vec<String> = path.split('/').skip(1).map(spelled).collect();
    let mut segments: Vec<&str> = Vec::new();
    for (index, piece) in pieces.iter().enumerate() {
        let directory = match piece.as_str() {
            "." => true,
            ".." => {
                segments.pop();
                true
            }
            name => {
                segments.push(name);
                false
            }
        };
        if directory && index + 1 == pieces.len() {
            segments.push("");
        }
    }
    let mut merged = format!("/{}", segments.join("/"));
    while merged.contains("//") {
        merged = merged.replace("//", "/");
    }
    merged
}

fn spelled(segment: &str) -> String {
    let mut out = String::new();
    let mut parts = segment.split('%');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let (digits, rest) = part.split_at(2);
        match u8::from_str_radix(digits, 16) {
            Ok(byte) if is_unreserved(byte) => out.push(char::from(byte)),
            Ok(_) | Err(_) => out.extend(["%", &digits.to_ascii_uppercase()]),
        }
        out.push_str(rest);
    }
    out
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}
