//! What a body or a parameter did against its schema, as the caller is told it: where, and what was expected there.
//!
//! Says what the rule is and of which kind the value was, never the value itself: a message may end in a log, in a page or in somebody
//! else's screen shot. Where the pointer has words of the client's (a member's name), [`Violation::new`] cuts them.

use std::fmt::{self, Write as _};

/// How many violations one refusal names. The rest is not looked for.
pub const VIOLATIONS_MAX: usize = 32;
/// Of a pointer and of a message, in bytes. The rest is cut off at a character's end.
pub const POINTER_BYTES_MAX: usize = 256;
pub const MESSAGE_BYTES_MAX: usize = 256;

/// What stands where something was cut off.
const CUT: &str = "…";

/// One rule that was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub place: Place,
    /// In a body and in a structured parameter a JSON pointer (RFC 6901), empty for the whole; else the parameter's name.
    pub pointer: Box<str>,
    /// One sentence without a full stop, such as `"quantity" is required`.
    pub message: Box<str>,
}

/// The part of a request that a rule is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Place {
    Body,
    Path,
    Query,
    Header,
}

impl Place {
    /// The name in error bodies and logs: `in` of `OpenAPI`, and `body`.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Body => "body",
            Self::Path => "path",
            Self::Query => "query",
            Self::Header => "header",
        }
    }
}

impl Violation {
    /// Pointer and message are cut to their bounds; how they are escaped is for whoever shows them.
    #[must_use]
    pub fn new(place: Place, pointer: &str, message: &str) -> Self {
        Self { place, pointer: cut(pointer, POINTER_BYTES_MAX), message: cut(message, MESSAGE_BYTES_MAX) }
    }
}

/// For log lines and terminals: `body /items/0: "quantity" is required`. Control characters are shown as escapes.
impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.place.code())?;
        if !self.pointer.is_empty() {
            f.write_char(' ')?;
            plain(&self.pointer, f)?;
        }
        f.write_str(": ")?;
        plain(&self.message, f)
    }
}

fn plain(text: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    text.chars().try_for_each(|character| {
        if character.is_control() { write!(f, "{}", character.escape_default()) } else { f.write_char(character) }
    })
}

/// The longest beginning of whole characters that fits together with the mark that something is missing.
fn cut(text: &str, bytes_max: usize) -> Box<str> {
    if text.len() <= bytes_max {
        return text.into();
    }
    let room = bytes_max.saturating_sub(CUT.len());
    let end = (0..=room).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
    format!("{}{CUT}", text.get(..end).unwrap_or_default()).into()
}

#[cfg(test)]
mod tests {
    use super::{MESSAGE_BYTES_MAX, POINTER_BYTES_MAX, Place, Violation};

    #[test]
    fn the_line_for_a_log_says_where_and_has_no_control_characters() {
        let shown = |place, pointer, message| Violation::new(place, pointer, message).to_string();
        assert_eq!(shown(Place::Body, "", "is not an object"), "body: is not an object");
        assert_eq!(shown(Place::Query, "limit", "is not a number"), "query limit: is not a number");
        assert_eq!(shown(Place::Body, "/a\n\u{1b}[0m", "é"), "body /a\\n\\u{1b}[0m: é");
    }

    #[test]
    fn what_is_short_stays_as_it_is_and_what_is_long_is_cut_at_a_characters_end() {
        let short = Violation::new(Place::Body, "/items/0", "\"quantity\" is required");
        assert_eq!((&*short.pointer, &*short.message), ("/items/0", "\"quantity\" is required"));
        let whole = Violation::new(Place::Body, &"p".repeat(POINTER_BYTES_MAX), &"m".repeat(MESSAGE_BYTES_MAX));
        assert_eq!((whole.pointer.len(), whole.message.len()), (POINTER_BYTES_MAX, MESSAGE_BYTES_MAX));
        let long = Violation::new(Place::Query, &"€".repeat(POINTER_BYTES_MAX), &"m".repeat(MESSAGE_BYTES_MAX + 1));
        assert_eq!(*long.pointer, format!("{}…", "€".repeat((POINTER_BYTES_MAX - 3) / 3)));
        assert_eq!((long.message.len(), long.message.ends_with("m…")), (MESSAGE_BYTES_MAX, true));
    }
}
