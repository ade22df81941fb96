//! Where a credential is carried, and how it is found there. Shared by API keys and tokens. Knows nothing of what a credential
//! means; that it came more than once is for the policy to judge.

use crate::percent::{Plus, lenient};
use crate::request::RequestHead;
use http::HeaderName;
use http::header::COOKIE;
use std::borrow::Cow;
use std::fmt;

/// The place that the config names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Header(HeaderName),
    Query(String),
    Cookie(String),
}

/// What was found at a [`Location`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carried<'a> {
    Absent,
    /// Possibly empty. Bytes that are no UTF-8 are replaced, so that they match nothing.
    One(Cow<'a, str>),
    /// Two header lines, parameters or cookies of the name, even if equal: which of them upstream would read is anybody's guess.
    Several,
}

impl Location {
    /// Looks in one place only. A header's value comes without the white space around it and with its scheme, a query parameter
    /// percent-decoded (`+` is a plus), a cookie without its quotes (RFC 6265, 4.1.1). A header allocates nothing.
    #[must_use]
    pub fn find<'a>(&self, head: &RequestHead<'a>) -> Carried<'a> {
        match self {
            Self::Header(name) => only(head.headers.get_all(name).iter().map(|value| lossy(trim(value.as_bytes())))),
            Self::Query(name) => only(parameters(head.query, name)),
            Self::Cookie(name) => {
                let lines = head.headers.get_all(COOKIE).iter();
                only(lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';')).filter_map(|pair| {
                    let (found, value) = split_at_equals(pair)?;
                    (trim(found) == name.as_bytes()).then(|| lossy(unquote(trim(value))))
                }))
            }
        }
    }
}

impl fmt::Display for Location {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Header(name) => write!(formatter, "header {name}"),
            Self::Query(name) => write!(formatter, "query parameter {name}"),
            Self::Cookie(name) => write!(formatter, "cookie {name}"),
        }
    }
}

/// Whether a `name=value` pair of a query is of that name, read as [`Location::find`] reads it.
#[must_use]
pub fn is_named(pair: &str, name: &str) -> bool {
    percent_decoded(pair.split('=').next().unwrap_or_default()) == name
}

fn only<'a>(mut found: impl Iterator<Item = Cow<'a, str>>) -> Carried<'a> {
    match (found.next(), found.next()) {
        (None, _) => Carried::Absent,
        (Some(value), None) => Carried::One(value),
        (Some(_), Some(_)) => Carried::Several,
    }
}

/// Names are compared as upstream would read them: `api%5Fkey` is `api_key`.
fn parameters<'a>(query: Option<&'a str>, name: &str) -> impl Iterator<Item = Cow<'a, str>> {
    query.into_iter().flat_map(|query| query.split('&')).filter_map(move |pair| {
        let (found, value) = pair.split_once('=').unwrap_or((pair, ""));
        (percent_decoded(found) == name).then(|| percent_decoded(value))
    })
}

fn percent_decoded(text: &str) -> Cow<'_, str> {
    match lenient(text, Plus::Itself) {
        Cow::Borrowed(_) => Cow::Borrowed(text),
        Cow::Owned(decoded) => Cow::Owned(String::from_utf8_lossy(&decoded).into_owned()),
    }
}

fn split_at_equals(pair: &[u8]) -> Option<(&[u8], &[u8])> {
    let at = pair.iter().position(|byte| *byte == b'=')?;
    let (name, value) = pair.split_at_checked(at)?;
    Some((name, value.split_first()?.1))
}

fn unquote(value: &[u8]) -> &[u8] {
    match value {
        [b'"', inner @ .., b'"'] => inner,
        plain => plain,
    }
}

/// Optional white space of RFC 9110, 5.6.3: space and tab.
fn trim(mut value: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] | [rest @ .., b' ' | b'\t'] = value {
        value = rest;
    }
    value
}

fn lossy(value: &[u8]) -> Cow<'_, str> {
    // Much faster for what is text, which is nearly all.
    std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed)
}

#[cfg(test)]
mod tests {
    use super::{Carried, Location};
    use crate::request::{RequestHead, Scheme};
    use http::{HeaderMap, HeaderName, HeaderValue, Method};
    use std::borrow::Cow;
    use std::net::{IpAddr, Ipv4Addr};

    #[track_caller]
    fn check(place: &Location, query: Option<&str>, headers: &[(&'static str, &[u8])], expected: &Carried<'_>) {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(*name, HeaderValue::from_bytes(value).unwrap());
        }
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let head = RequestHead {
            method: &Method::GET,
            scheme: Scheme::Http,
            host: "a.example".into(),
            path: "/".into(),
            query,
            headers: &map,
            peer,
            client: peer,
            peer_trusted: false,
            certificate: None,
        };
        assert_eq!(place.find(&head), *expected);
    }

    fn one(text: &str) -> Carried<'_> {
        Carried::One(Cow::Borrowed(text))
    }

    #[test]
    fn headers() {
        let place = Location::Header(HeaderName::from_static("x-api-key"));
        check(&place, Some("x-api-key=q"), &[], &Carried::Absent);
        check(&place, None, &[("x-api-key", b"abc")], &one("abc"));
        check(&place, None, &[("x-api-key", b" \t abc\t ")], &one("abc"));
        check(&place, None, &[("x-api-key", b"  ")], &one(""));
        check(&place, None, &[("x-api-key", b"a b")], &one("a b"));
        check(&place, None, &[("x-api-key", b"a\xffb")], &one("a\u{fffd}b"));
        check(&place, None, &[("x-api-key", b"same"), ("x-api-key", b"same")], &Carried::Several);
    }

    #[test]
    fn query_parameters() {
        let place = Location::Query("api_key".into());
        check(&place, None, &[], &Carried::Absent);
        check(&place, Some(""), &[], &Carried::Absent);
        check(&place, Some("api_keys=1&xapi_key=2&API_KEY=3"), &[], &Carried::Absent);
        check(&place, Some("a=1&api_key=k"), &[], &one("k"));
        check(&place, Some("api_key"), &[], &one(""));
        check(&place, Some("api_key="), &[], &one(""));
        check(&place, Some("api_key=a%2Fb%3d+c"), &[], &one("a/b=+c"));
        check(&place, Some("api_key=a%zz%4"), &[], &one("a%zz%4"));
        check(&place, Some("api_key=%ff"), &[], &one("\u{fffd}"));
        check(&place, Some("api%5Fkey=k"), &[], &one("k"));
        check(&place, Some("api_key=k&api%5fkey=k"), &[], &Carried::Several);
        check(&place, Some("api_key=a=b"), &[], &one("a=b"));
    }

    #[test]
    fn cookies() {
        let place = Location::Cookie("session".into());
        check(&place, None, &[("cookie", b"a=1; sessions=2; Session=3; session")], &Carried::Absent);
        check(&place, None, &[("cookie", b"a=1; session=k; b=2")], &one("k"));
        check(&place, None, &[("cookie", b"a=1;session=\"k\"")], &one("k"));
        check(&place, None, &[("cookie", b"session=\"k")], &one("\"k"));
        check(&place, None, &[("cookie", b"session=\"")], &one("\""));
        check(&place, None, &[("cookie", b"session=")], &one(""));
        check(&place, None, &[("cookie", b"a=1"), ("cookie", b"session=k==")], &one("k=="));
        check(&place, None, &[("cookie", b"session=1; session=2")], &Carried::Several);
        check(&place, None, &[("cookie", b"session=1"), ("cookie", b"session=1")], &Carried::Several);
    }
}
