//! What came in by substitution, kept out of messages: they show the placeholder in its place.
//!
//! Whoever words a message need not think of it: [`crate::diagnostic::Diagnostics`] passes all of them through here.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use crate::quote::quoted;
use crate::schema;

/// Values that are at least so long are found within other words; shorter ones only as a whole quotation.
const BEGIN_BYTES: usize = 4;

/// The shortest piece of a value that tells something of it.
const PIECE_BYTES_MIN: usize = 3;

/// Values and what is shown for them.
#[derive(Clone, Default)]
pub(crate) struct Concealed {
    /// By their first bytes; longer ones first.
    long: HashMap<[u8; BEGIN_BYTES], Vec<(String, Arc<str>)>>,
    short: HashMap<String, Arc<str>>,
}

impl fmt::Debug for Concealed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("(concealed)")
    }
}

impl Concealed {
    /// A word that the format itself has stays what it is: nobody learns anything by it, and messages list such words.
    pub(crate) fn add(&mut self, value: &str, shown: &str) {
        if value.is_empty() || schema::has_word(value) {
            return;
        }
        let shown: Arc<str> = shown.into();
        for needle in [value.to_owned(), inside(&quoted(value)).to_owned()] {
            match needle.first_chunk() {
                Some(begin) => {
                    let known = self.long.entry(*begin).or_default();
                    if !known.iter().any(|(other, _)| *other == needle) {
                        known.push((needle, Arc::clone(&shown)));
                        known.sort_by_key(|(needle, _)| std::cmp::Reverse(needle.len()));
                    }
                }
                None => {
                    self.short.entry(needle).or_insert_with(|| Arc::clone(&shown));
                }
            }
        }
    }

    /// The text with what is shown for each value in its place; none if it has none of them.
    pub(crate) fn without(&self, text: &str) -> Option<String> {
        if self.long.is_empty() && self.short.is_empty() {
            return None;
        }
        let mut kept = String::new();
        let mut rest = text;
        let mut is_changed = false;
        while let Some(first) = rest.chars().next() {
            let (length, shown) = match self.found(rest, kept.ends_with('`')) {
                Some((length, shown)) => (length, Some(shown)),
                None => (first.len_utf8(), None),
            };
            let (taken, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
            is_changed |= shown.is_some();
            kept.push_str(shown.unwrap_or(taken));
            rest = after;
        }
        is_changed.then_some(kept)
    }

    /// How much of the text's beginning is a value, and what is shown for it.
    fn found(&self, text: &str, is_quoted: bool) -> Option<(usize, &str)> {
        let long = text.first_chunk().and_then(|begin| self.long.get(begin)).into_iter().flatten();
        if let Some((needle, shown)) = long.into_iter().find(|(needle, _)| text.starts_with(needle.as_str())) {
            return Some((needle.len(), shown));
        }
        let word = text.split('`').next().filter(|word| is_quoted && word.len() < BEGIN_BYTES)?;
        self.short.get(word).map(|shown| (word.len(), &**shown))
    }
}

/// The text without quotations that are pieces of a value; a whole one is left to what is shown for it.
pub(crate) fn without_pieces(text: &str, value: &str) -> String {
    let mut kept = String::new();
    for (index, piece) in text.split('`').enumerate() {
        if index > 0 {
            kept.push('`');
        }
        let bare = piece.trim_end_matches('…').trim_matches('/');
        let is_piece = index % 2 == 1 && bare.len() >= PIECE_BYTES_MIN && bare != value && value.contains(bare);
        kept.push_str(if is_piece { "…" } else { piece });
    }
    kept
}

/// A quotation without its marks, as far as it goes.
fn inside(quotation: &str) -> &str {
    let bare = quotation.strip_prefix('`').and_then(|rest| rest.strip_suffix('`')).unwrap_or(quotation);
    bare.strip_suffix('…').unwrap_or(bare)
}

/// The first bytes of a text, if it has that many.
trait FirstChunk {
    fn first_chunk(&self) -> Option<&[u8; BEGIN_BYTES]>;
}

impl FirstChunk for str {
    fn first_chunk(&self) -> Option<&[u8; BEGIN_BYTES]> {
        self.as_bytes().first_chunk()
    }
}

#[cfg(test)]
mod tests {
    use super::{Concealed, without_pieces};
    use crate::quote::quoted;

    #[test]
    fn values_give_way_to_their_placeholders() {
        let mut concealed = Concealed::default();
        concealed.add("hunter2", "${PW}");
        concealed.add("hunter2-and-more", "${LONG}");
        concealed.add("ab", "${AB}");
        concealed.add("dryRun", "${MODE}");
        concealed.add("a\nb c", "${LINES}");
        concealed.add(&"x".repeat(200), "${ENDLESS}");
        let check = |text: &str, expected: &str| {
            assert_eq!(concealed.without(text).as_deref().unwrap_or(text), expected, "{text}");
        };
        check("no route is named `hunter2`", "no route is named `${PW}`");
        check("cannot read /etc/hunter2.pem", "cannot read /etc/${PW}.pem");
        check("`hunter2-and-more` and `hunter2`", "`${LONG}` and `${PW}`");
        check("`ab` is about `abc` and ab", "`${AB}` is about `abc` and ab");
        check("the modes are `dryRun`", "the modes are `dryRun`");
        check(&quoted("a\nb c"), "`${LINES}`");
        check(&quoted(&"x".repeat(200)), "`${ENDLESS}…`");
        check("nothing — of it", "nothing — of it");
        assert!(!format!("{concealed:?}").contains("hunter2"));
    }

    #[test]
    fn pieces_of_a_value_are_not_quoted() {
        let check = |text: &str, expected: &str| assert_eq!(without_pieces(text, "https://user:pass@host/x"), expected);
        check("write the name alone: `user`", "write the name alone: `…`");
        check("write the name alone: `/host`", "write the name alone: `…`");
        check("`paths` is for user", "`paths` is for user");
        check("`us` or `elsewhere`", "`us` or `elsewhere`");
    }
}
