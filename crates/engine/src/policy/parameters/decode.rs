//! From how a value is spelled on the wire to the text that is meant. To the letter: a spelling that is broken has no meaning.

use crate::percent::{self, Plus};
use std::borrow::Cow;

/// A segment of a path in normal form (RFC 3986, 2.1): a `+` is a plus.
pub(super) fn path(raw: &str) -> Option<Cow<'_, str>> {
    percent::strict(raw, Plus::Itself)
}

/// A name or value of a query, as forms write it (WHATWG URL, 5.1): a `+` is a space.
pub(super) fn query(raw: &str) -> Option<Cow<'_, str>> {
    percent::strict(raw, Plus::Space)
}

/// A header's value, or an item of one: nothing is escaped, spaces around it do not belong to it.
#[expect(clippy::unnecessary_wraps, reason = "one of several ways to decode")]
pub(super) fn header(raw: &str) -> Option<Cow<'_, str>> {
    Some(raw.trim_matches([' ', '\t']).into())
}

/// Whether a query's name, as it is spelled, means this one. Allocates only for one that is escaped.
pub(super) fn is_name(raw: &str, name: &str) -> bool {
    raw == name || (raw.bytes().any(|byte| matches!(byte, b'%' | b'+')) && query(raw).is_some_and(|text| text == name))
}

#[cfg(test)]
mod tests {
    use super::{header, is_name, path, query};

    #[test]
    fn spellings_mean_what_the_standards_say() {
        let check = |raw: &str, in_path: Option<&str>, in_query: Option<&str>| {
            assert_eq!((path(raw).as_deref(), query(raw).as_deref()), (in_path, in_query), "{raw}");
        };
        check("", Some(""), Some(""));
        check("a-b", Some("a-b"), Some("a-b"));
        check("a+b", Some("a+b"), Some("a b"));
        check("a%20b", Some("a b"), Some("a b"));
        check("a%2Bb", Some("a+b"), Some("a+b"));
        check("%c3%A9", Some("é"), Some("é"));
        check("%C3", None, None);
        check("%", None, None);
        check("%4", None, None);
        check("%zz", None, None);
        check("%2%30", None, None);
        assert_eq!(header(" a%20+\t").as_deref(), Some("a%20+"));
    }

    #[test]
    fn an_encoded_name_is_the_same_name() {
        assert!(is_name("limit", "limit") && is_name("l%69mit", "limit") && is_name("a+b", "a b"));
        assert!(!is_name("Limit", "limit") && !is_name("limit%", "limit") && !is_name("limit[]", "limit"));
    }
}
