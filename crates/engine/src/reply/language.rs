//! What a client likes to read: the `Accept-Language` field (RFC 9110, 12.5.4), looked up as RFC 4647, 3.4 says.
//!
//! A range such as `de-AT` is answered by `de-AT` or, with its last words taken away, by `de`; never by `de-CH`, and `de` never by `de-CH`.
//! The next range has its turn only when all of the one before has been tried. Who finds nothing gets what has no language.

use super::accept::{RANGES_MAX, WHOLE, items, parameter, split, thousandths};
use arrayvec::ArrayVec;
use http::HeaderValue;
use std::cmp::Reverse;

/// A language tag (RFC 5646), as a template has it and `Content-Language` says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Language {
    tag: Box<str>,
    value: HeaderValue,
}

impl Language {
    /// None for what is no well-formed tag; wildcards are none.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        is_tag(text).then_some(())?;
        Some(Self { tag: text.into(), value: HeaderValue::from_str(text).ok()? })
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.tag.eq_ignore_ascii_case(&other.tag)
    }

    pub(super) fn value(&self) -> HeaderValue {
        self.value.clone()
    }
}

/// One request's `Accept-Language`. Absent, empty and unreadable are the same: nothing is asked for.
#[derive(Clone, Debug)]
pub(super) struct Languages<'a> {
    ranges: ArrayVec<Range<'a>, RANGES_MAX>,
}

#[derive(Clone, Copy, Debug)]
struct Range<'a> {
    tag: &'a str,
    quality: u16,
}

/// How well a language serves the client; the greatest is what the lookup finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Liking {
    quality: u16,
    /// Among equals what the client has named first.
    turn: Reverse<usize>,
    /// How much of the range is left.
    bytes: usize,
}

impl Liking {
    /// Of what has no language.
    pub(super) const NOT_ASKED: Self = Self { quality: 0, turn: Reverse(usize::MAX), bytes: 0 };
}

impl<'a> Languages<'a> {
    pub(super) fn read(lines: impl IntoIterator<Item = &'a HeaderValue>) -> Self {
        Self { ranges: items(lines).filter_map(range).take(RANGES_MAX).collect() }
    }

    /// None if the client does not ask for it, or rules it out.
    pub(super) fn liking(&self, language: &Language) -> Option<Liking> {
        let tag = &*language.tag;
        // `de;q=0` takes away `de-CH` too, unless that is named itself.
        let naming = self.ranges.iter().filter(|range| begins(tag, range.tag)).max_by_key(|range| range.tag.len());
        if naming.is_some_and(|range| range.quality == 0) {
            return None;
        }
        let asking = self.ranges.iter().enumerate().filter(|(_, range)| range.quality > 0 && begins(range.tag, tag));
        asking.map(|(turn, range)| Liking { quality: range.quality, turn: Reverse(turn), bytes: tag.len() }).max()
    }
}

/// `*` is none: in a lookup it stands for what has no language (RFC 4647, 3.4).
fn range(text: &str) -> Option<Range<'_>> {
    let mut parts = split(text, ';');
    let tag = parts.next().filter(|tag| is_tag(tag))?;
    let quality = match parts.next() {
        None => WHOLE,
        Some(weight) => {
            let (name, value) = parameter(weight)?;
            name.eq_ignore_ascii_case("q").then_some(())?;
            thousandths(value)?
        }
    };
    parts.next().is_none().then_some(Range { tag, quality })
}

/// Whether `whole` is `start`, or goes on behind it with a further word.
fn begins(whole: &str, start: &str) -> bool {
    let Some((head, rest)) = whole.split_at_checked(start.len()) else { return false };
    head.eq_ignore_ascii_case(start) && (rest.is_empty() || rest.starts_with('-'))
}

/// Words of one to eight letters and digits, the first of two letters or more (RFC 5646, 2.1; `x-` and `i-` tags are not for documents).
fn is_tag(text: &str) -> bool {
    let mut words = text.split('-');
    let is_first = |word: &str| matches!(word.len(), 2..=8) && word.bytes().all(|byte| byte.is_ascii_alphabetic());
    let is_further = |word: &str| matches!(word.len(), 1..=8) && word.bytes().all(|byte| byte.is_ascii_alphanumeric());
    words.next().is_some_and(is_first) && words.all(is_further)
}

#[cfg(test)]
mod tests {
    use super::{Language, Languages};
    use http::HeaderValue;
    use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};

    /// What the lookup finds among the languages that there are; empty for what has none.
    fn check(field: &str, there_are: &str, expected: &str) {
        let field = HeaderValue::from_str(field).unwrap();
        let languages = Languages::read([&field]);
        let found = there_are.split(' ').filter_map(|tag| {
            let language = Language::parse(tag).unwrap();
            Some((languages.liking(&language)?, tag))
        });
        assert_eq!(found.max().map_or("", |(_, tag)| tag), expected, "{field:?} among {there_are}");
    }

    #[test]
    fn a_range_gives_up_its_last_words_until_something_is_found() {
        check("de", "de fr", "de");
        check("DE", "de", "de");
        check("de-AT", "de fr", "de");
        check("de-AT", "de-CH de-AT de", "de-AT");
        check("zh-Hant-CN-x-private1-private2", "zh zh-Hant", "zh-Hant");
        // Not the other way round, and not in the middle of a word.
        check("de", "de-CH", "");
        check("de-AT", "de-CH", "");
        check("den", "de", "");
        check("de", "den", "");
        // All of one range before the next one.
        check("de-AT, fr", "fr de", "de");
        check("en, fr", "fr de", "fr");
    }

    #[test]
    fn qualities_make_the_order_and_zero_rules_out() {
        check("de;q=0.5, fr;q=0.6", "de fr", "fr");
        check("de;q=0.5,fr", "de fr", "fr");
        check("de, fr", "fr de", "de");
        check("de;q=0, fr;q=0.1", "de fr", "fr");
        check("de;q=0", "de", "");
        check("de-AT, de;q=0", "de fr", "");
        check("de;q=0, de-CH", "de-CH de", "de-CH");
        check("de-CH;q=0, de", "de-CH de", "de");
        check("da, en-gb;q=0.8, en;q=0.7", "en en-GB", "en-GB");
        check("da, en-us;q=0.8, en;q=0.7", "en en-GB", "en");
    }

    #[test]
    fn what_says_nothing_asks_for_nothing() {
        for field in ["", "*", "*, ;", "1", "de_DE", "de;q=2", "de;x=1", "de;q=1;x", "d", "abcdefghi", ";q=1", "\""] {
            check(field, "de fr", "");
        }
        check("*;q=0.1, de;q=0.05", "de fr", "de");
        check("??, fr", "de fr", "fr");
        check(&format!("{}de", "aa,".repeat(32)), "de", "");
        check(&format!("{}de", "aa,".repeat(31)), "de", "de");
    }

    #[test]
    fn tags() {
        for tag in ["de", "deu", "de-CH", "zh-Hant-TW", "sl-rozaj-biske-1994", "es-419", "de-x-easy"] {
            assert!(Language::parse(tag).is_some(), "{tag}");
        }
        for text in ["", "d", "*", "de-", "-de", "de_DE", "de-*", "de CH", "deutschland", "d1", "dé"] {
            assert!(Language::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1_000))]
        #[test]
        fn only_what_is_asked_for_is_liked(bytes in proptest::collection::vec(any::<u8>(), 0..40), text in "[a-dD*;,=q0-9. -]{0,40}") {
            let language = Language::parse("ab").unwrap();
            for field in [HeaderValue::from_bytes(&bytes), HeaderValue::from_str(&text)].into_iter().flatten() {
                if Languages::read([&field]).liking(&language).is_some() {
                    prop_assert!(field.to_str().unwrap().to_ascii_lowercase().contains("ab"), "{:?}", field);
                }
            }
        }
    }
}
