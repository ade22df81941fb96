//! The one normal form of a path: what is matched, what is authorised and what upstream gets. RFC 3986, 6.2.2, and more refusals than
//! it asks for: whatever two servers are known to read differently has no normal form here.
//!
//! In this order: percent-encoded unreserved characters are decoded and other hex is upper-cased, dot segments are resolved
//! (5.2.4: an empty segment counts as one, `..` stops at the root), then `//` is merged. A trailing slash stays. `;parameters` of
//! a segment stay too, since upstream may want them; matching looks past them with [`without_parameters`].

use std::borrow::Cow;
use std::fmt;

/// Why a path has no normal form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PathFault {
    /// It does not begin with a slash.
    NotAbsolute,
    /// `%2F`: a slash for some servers, a letter for others.
    EncodedSlash,
    /// Raw or `%5C`: a slash for some servers.
    Backslash,
    /// NUL and other control characters, raw or encoded.
    Control(u8),
    /// `%` without two hexadecimal digits.
    Percent,
    /// `#` begins a fragment, which is never sent.
    Fragment,
    /// Neither RFC 3986's `pchar` nor a slash.
    Character(u8),
    /// `..;x`: a dot segment for the servers that drop parameters first.
    DotParameters,
    /// `/;x/`: an empty segment for the servers that drop parameters first.
    EmptyParameters,
}

impl fmt::Display for PathFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAbsolute => formatter.write_str("the path does not begin with `/`"),
            Self::EncodedSlash => formatter.write_str("the path contains an encoded slash (%2F)"),
            Self::Backslash => formatter.write_str("the path contains a backslash"),
            Self::Control(byte) => write!(formatter, "the path contains the control character 0x{byte:02X}"),
            Self::Percent => formatter.write_str("the path contains a `%` without two hexadecimal digits"),
            Self::Fragment => formatter.write_str("the path contains `#`"),
            Self::Character(byte) if byte.is_ascii() => {
                write!(formatter, "the path contains {:?}, which has to be percent-encoded", char::from(*byte))
            }
            Self::Character(byte) => {
                write!(formatter, "the path contains the byte 0x{byte:02X}, which has to be percent-encoded")
            }
            Self::DotParameters => formatter.write_str("the path contains a dot segment with `;` parameters"),
            Self::EmptyParameters => formatter.write_str("the path contains an empty segment with `;` parameters"),
        }
    }
}

impl std::error::Error for PathFault {}

/// Borrowed when `raw` is normal already. Idempotent. `raw` is a path alone, without query.
pub fn normal_form(raw: &str) -> Result<Cow<'_, str>, PathFault> {
    if is_plainly_normal(raw.as_bytes()) {
        return Ok(Cow::Borrowed(raw));
    }
    let segments = raw.strip_prefix('/').ok_or(PathFault::NotAbsolute)?;
    let mut normal = true;
    let mut segments = segments.split('/').peekable();
    while let Some(segment) = segments.next() {
        normal &= is_normal(segment, segments.peek().is_none())?;
    }
    Ok(if normal { Cow::Borrowed(raw) } else { Cow::Owned(merge_slashes(&resolve(raw))) })
}

/// What nearly every path is: unreserved characters between single slashes, no segment that begins with a dot. Such a path has no
/// other form and no faults; for any other one this says nothing.
fn is_plainly_normal(raw: &[u8]) -> bool {
    let mut after_slash = false;
    for (index, byte) in raw.iter().enumerate() {
        let slash = *byte == b'/';
        let plain = slash || (is_unreserved(*byte) && !(after_slash && *byte == b'.'));
        if !plain || (slash && after_slash) || (index == 0 && !slash) {
            return false;
        }
        after_slash = slash;
    }
    !raw.is_empty()
}

/// A normal path as routes see it: each segment up to its first `;`. Borrowed when there is none.
#[must_use]
pub fn without_parameters(path: &str) -> Cow<'_, str> {
    if !path.contains(';') {
        return Cow::Borrowed(path);
    }
    let names = path.split('/').map(|segment| segment.split(';').next().unwrap_or_default());
    let mut bare = String::with_capacity(path.len());
    for (index, name) in names.enumerate() {
        if index > 0 {
            bare.push('/');
        }
        bare.push_str(name);
    }
    Cow::Owned(bare)
}

/// The value of a hexadecimal digit.
pub(crate) const fn hex_value(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit.wrapping_sub(b'0')),
        b'a'..=b'f' => Some(digit.wrapping_sub(b'a').wrapping_add(10)),
        b'A'..=b'F' => Some(digit.wrapping_sub(b'A').wrapping_add(10)),
        _ => None,
    }
}

/// A character of a segment.
#[derive(Clone, Copy)]
enum Unit {
    Literal(u8),
    /// Unreserved, but came percent-encoded.
    Decoded(u8),
    /// Stays percent-encoded.
    Encoded {
        byte: u8,
        upper: bool,
    },
}

/// What a segment's name is, `;` parameters aside.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Shape {
    Empty,
    Dot,
    DotDot,
    Name,
}

impl Shape {
    const fn and(self, byte: u8) -> Self {
        match (self, byte) {
            (Self::Empty, b'.') => Self::Dot,
            (Self::Dot, b'.') => Self::DotDot,
            _ => Self::Name,
        }
    }
}

struct Units<'a>(std::slice::Iter<'a, u8>);

impl Iterator for Units<'_> {
    type Item = Result<Unit, PathFault>;

    fn next(&mut self) -> Option<Self::Item> {
        let byte = *self.0.next()?;
        Some(match byte {
            b'%' => self.encoded(),
            b'\\' => Err(PathFault::Backslash),
            b'#' => Err(PathFault::Fragment),
            0..=0x1F | 0x7F => Err(PathFault::Control(byte)),
            _ if is_unreserved(byte) || b"!$&'()*+,;=:@".contains(&byte) => Ok(Unit::Literal(byte)),
            _ => Err(PathFault::Character(byte)),
        })
    }
}

impl Units<'_> {
    fn encoded(&mut self) -> Result<Unit, PathFault> {
        let (Some(&high), Some(&low)) = (self.0.next(), self.0.next()) else { return Err(PathFault::Percent) };
        let (Some(tens), Some(ones)) = (hex_value(high), hex_value(low)) else { return Err(PathFault::Percent) };
        match (tens << 4) | ones {
            b'/' => Err(PathFault::EncodedSlash),
            b'\\' => Err(PathFault::Backslash),
            byte @ (0..=0x1F | 0x7F) => Err(PathFault::Control(byte)),
            byte if is_unreserved(byte) => Ok(Unit::Decoded(byte)),
            byte => {
                let upper = !high.is_ascii_lowercase() && !low.is_ascii_lowercase();
                Ok(Unit::Encoded { byte, upper })
            }
        }
    }
}

/// RFC 3986, 2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

fn is_normal(segment: &str, last: bool) -> Result<bool, PathFault> {
    let mut spelled = true;
    let mut shape = Shape::Empty;
    let mut parameters = false;
    for unit in Units(segment.as_bytes().iter()) {
        let unit = unit?;
        let (byte, normal) = match unit {
            Unit::Literal(byte) => (byte, true),
            Unit::Decoded(byte) => (byte, false),
            Unit::Encoded { byte, upper } => (byte, upper),
        };
        spelled &= normal;
        if parameters {
            continue;
        }
        // `%3B` begins no parameters, but after a dot segment nobody means well by it.
        if byte == b';' && matches!(shape, Shape::Dot | Shape::DotDot) {
            return Err(PathFault::DotParameters);
        }
        if matches!(unit, Unit::Literal(b';')) {
            if shape == Shape::Empty && !last {
                return Err(PathFault::EmptyParameters);
            }
            parameters = true;
        } else {
            shape = shape.and(byte);
        }
    }
    Ok(match shape {
        Shape::Empty => spelled && last,
        Shape::Dot | Shape::DotDot => false,
        Shape::Name => spelled,
    })
}

/// Percent-encoding and dot segments. The path has been found to be without faults.
fn resolve(raw: &str) -> String {
    let mut path = String::with_capacity(raw.len());
    let mut segments = raw.strip_prefix('/').unwrap_or_default().split('/').peekable();
    while let Some(segment) = segments.next() {
        let parent = path.len();
        path.push('/');
        let begin = path.len();
        spell(segment, &mut path);
        let directory = match path.get(begin..) {
            Some(".") => {
                path.truncate(parent);
                true
            }
            Some("..") => {
                path.truncate(parent);
                path.truncate(path.rfind('/').unwrap_or_default());
                true
            }
            _ => false,
        };
        if directory && segments.peek().is_none() {
            path.push('/');
        }
    }
    path
}

fn spell(segment: &str, out: &mut String) {
    const DIGITS: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for unit in Units(segment.as_bytes().iter()).flatten() {
        match unit {
            Unit::Literal(byte) | Unit::Decoded(byte) => out.push(char::from(byte)),
            Unit::Encoded { byte, .. } => {
                out.push('%');
                out.extend([byte >> 4, byte & 0xF].iter().filter_map(|digit| DIGITS.get(usize::from(*digit))));
            }
        }
    }
}

fn merge_slashes(path: &str) -> String {
    let mut merged = String::with_capacity(path.len());
    let mut slash = false;
    for character in path.chars() {
        if !(slash && character == '/') {
            merged.push(character);
        }
        slash = character == '/';
    }
    merged
}

#[cfg(test)]
mod tests {
    use super::{PathFault, is_normal, is_plainly_normal, normal_form, without_parameters};
    use proptest::prelude::{ProptestConfig, prop_assert, prop_assert_eq, proptest};
    use std::borrow::Cow;

    #[test]
    fn paths_have_one_normal_form() {
        let check = |raw: &str, normal: &str| assert_eq!(normal_form(raw).as_deref(), Ok(normal), "{raw}");
        check("/", "/");
        check("/a/b", "/a/b");
        check("/a/b/", "/a/b/");
        check("/%61%2d%2E%5f%7e", "/a-._~");
        check("/%c3%a9", "/%C3%A9");
        check("/a%2541", "/a%2541");
        check("/%252e%252e/a", "/%252e%252e/a");
        check("/a%20b", "/a%20b");
        check("/a/./b", "/a/b");
        check("/a/%2E/b", "/a/b");
        check("/a/../b", "/b");
        check("/a/.%2e/b", "/b");
        check("/a/%2e%2e/b", "/b");
        check("/a/..", "/");
        check("/a/b/..", "/a/");
        check("/a/.", "/a/");
        check("/../../a", "/a");
        check("/..", "/");
        check("//", "/");
        check("//a///b//", "/a/b/");
        check("/a//../b", "/a/b");
        check("/.../a", "/.../a");
        check("/..a/.b/c..", "/..a/.b/c..");
        check("/a;v=1/b;x", "/a;v=1/b;x");
        check("/a;/b", "/a;/b");
        check("/a;..", "/a;..");
        check("/;jsessionid=1", "/;jsessionid=1");
        check("/a:b@c!$&'()*+,=", "/a:b@c!$&'()*+,=");
    }

    #[test]
    fn what_servers_read_in_two_ways_is_refused() {
        let check = |raw: &str, fault: PathFault| assert_eq!(normal_form(raw), Err(fault), "{raw}");
        check("", PathFault::NotAbsolute);
        check("a", PathFault::NotAbsolute);
        check("*", PathFault::NotAbsolute);
        check("/a%2Fb", PathFault::EncodedSlash);
        check("/a%2fb", PathFault::EncodedSlash);
        check("/a\\b", PathFault::Backslash);
        check("/a%5cb", PathFault::Backslash);
        check("/a%00", PathFault::Control(0));
        check("/a\0", PathFault::Control(0));
        check("/%0d%0a", PathFault::Control(13));
        check("/%1F", PathFault::Control(31));
        check("/%7f", PathFault::Control(127));
        check("/\t", PathFault::Control(9));
        check("/%", PathFault::Percent);
        check("/%4", PathFault::Percent);
        check("/%zz", PathFault::Percent);
        check("/%4g", PathFault::Percent);
        check("/%%41", PathFault::Percent);
        check("/a#b", PathFault::Fragment);
        for byte in " \"<>^`{|}[]?".bytes() {
            check(&format!("/a{}", char::from(byte)), PathFault::Character(byte));
        }
        check("/é", PathFault::Character(0xC3));
        check("/a/..;/b", PathFault::DotParameters);
        check("/a/..;x=1", PathFault::DotParameters);
        check("/a/.;/b", PathFault::DotParameters);
        check("/a/%2e%2e;/b", PathFault::DotParameters);
        check("/a/..%3B/b", PathFault::DotParameters);
        check("/;x/a", PathFault::EmptyParameters);
    }

    #[test]
    fn parameters_are_looked_past() {
        let check = |path: &str, bare: &str| assert_eq!(without_parameters(path), bare, "{path}");
        check("/a/b", "/a/b");
        check("/a;v=1/b;x;y", "/a/b");
        check("/a/;x", "/a/");
        check("/;x", "/");
        check("/a%3Bb", "/a%3Bb");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn normal_form_is_idempotent(raw in "/([a./;]|%2[eEfF]|%4[1g]|%c3|%3[bB]|%25|\\.\\.){0,12}") {
            if let Ok(normal) = normal_form(&raw) {
                prop_assert!(matches!(normal_form(&normal), Ok(Cow::Borrowed(again)) if again == normal), "{normal}");
                prop_assert!(normal.starts_with('/') && !normal.contains("//"));
                for segment in without_parameters(&normal).split('/') {
                    prop_assert!(segment != "." && segment != "..");
                }
                if normal == raw {
                    prop_assert!(matches!(normal, Cow::Borrowed(_)));
                }
                prop_assert_eq!(without_parameters(&normal).contains("//"), false);
            }
        }

        #[test]
        fn the_short_way_finds_what_the_long_way_finds(raw in "[/a.%;-]{0,8}") {
            if is_plainly_normal(raw.as_bytes()) {
                let mut segments = raw.strip_prefix('/').unwrap().split('/').peekable();
                while let Some(segment) = segments.next() {
                    prop_assert_eq!(is_normal(segment, segments.peek().is_none()), Ok(true));
                }
            }
        }

        #[test]
        fn anything_is_refused_or_normal(raw in "\\PC{0,20}") {
            if let Ok(normal) = normal_form(&raw) {
                let refused = b"\\\"<>^`{|}[]#?";
                prop_assert!(normal.bytes().all(|byte| byte.is_ascii_graphic() && !refused.contains(&byte)));
            }
        }
    }
}
