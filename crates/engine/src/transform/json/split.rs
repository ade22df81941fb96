//! One level of a JSON text taken apart. The text is known to be JSON: what it is not, ends the walk early and harms nobody.

use super::pointer::{Pointer, index};
use std::borrow::Cow;

/// The members of an object or the items of a list; none of anything else.
pub(super) struct Parts<'t> {
    rest: &'t str,
    is_object: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Part<'t> {
    /// With its quotes; none in a list.
    pub(super) key: Option<&'t str>,
    /// As it stands in the text.
    pub(super) value: &'t str,
}

pub(super) fn is_object(text: &str) -> bool {
    text.starts_with('{')
}

pub(super) fn is_list(text: &str) -> bool {
    text.starts_with('[')
}

impl<'t> Parts<'t> {
    pub(super) fn of(text: &'t str) -> Self {
        let rest = text.strip_prefix(['{', '[']).map_or("", blank);
        Self { rest, is_object: is_object(text) }
    }

    fn take(&mut self, end: usize) -> Option<&'t str> {
        let (taken, rest) = self.rest.split_at_checked(end)?;
        self.rest = blank(rest);
        Some(taken)
    }
}

impl<'t> Iterator for Parts<'t> {
    type Item = Part<'t>;

    fn next(&mut self) -> Option<Part<'t>> {
        if self.rest.starts_with(['}', ']']) || self.rest.is_empty() {
            return None;
        }
        let key = if self.is_object {
            let key = self.take(string_end(self.rest.as_bytes()))?;
            self.rest = blank(self.rest.strip_prefix(':')?);
            Some(key)
        } else {
            None
        };
        let value = self.take(value_end(self.rest))?;
        self.rest = blank(self.rest.strip_prefix(',').unwrap_or(self.rest));
        Some(Part { key, value })
    }
}

fn blank(text: &str) -> &str {
    text.trim_start_matches([' ', '\t', '\r', '\n'])
}

/// Behind the closing quote of the string that `bytes` begin with.
fn string_end(bytes: &[u8]) -> usize {
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate().skip(1) {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => return at.saturating_add(1),
            _ => {}
        }
    }
    bytes.len()
}

fn value_end(text: &str) -> usize {
    let bytes = text.as_bytes();
    match bytes.first() {
        Some(b'"') => string_end(bytes),
        Some(b'{' | b'[') => nested_end(bytes),
        Some(_) | None => text.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(text.len()),
    }
}

fn nested_end(bytes: &[u8]) -> usize {
    let mut depth: usize = 0;
    let mut at: usize = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => {
                at = at.saturating_add(string_end(bytes.get(at..).unwrap_or_default()));
                continue;
            }
            b'{' | b'[' => depth = depth.saturating_add(1),
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at = at.saturating_add(1);
        if depth == 0 {
            break;
        }
    }
    at
}

/// What a string with its quotes says. None for half of a surrogate pair.
pub(in super::super) fn decoded(string: &str) -> Option<Cow<'_, str>> {
    if string.contains('\\') {
        return serde_json::from_str(string).ok().map(Cow::Owned);
    }
    string.strip_prefix('"')?.strip_suffix('"').map(Cow::Borrowed)
}

pub(super) fn is_key(key: &str, token: &str) -> bool {
    decoded(key).is_some_and(|key| key == token)
}

/// What the pointer finds in a document, as it stands there. Of members of one name it is the last, as most parsers have it.
pub(in super::super) fn look_up<'t>(text: &'t str, pointer: &Pointer) -> Option<&'t str> {
    let mut found = text;
    for token in pointer.tokens() {
        found = if is_object(found) {
            Parts::of(found).filter(|part| part.key.is_some_and(|key| is_key(key, token))).last()?.value
        } else {
            Parts::of(found).nth(index(token)?)?.value
        };
    }
    Some(found)
}
