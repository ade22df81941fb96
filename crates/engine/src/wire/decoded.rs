//! A head that came decoded, as HTTP/2 sends it (RFC 9113, 8.3). It is written out as HTTP/1.1 would have it and read by the same
//! check: whatever the protocol, one set of rules says what a request may be, and upstream gets nothing that these rules do not know.
//!
//! What HTTP/2 itself forbids (the order of pseudo-fields, upper-case names) is the decoder's to refuse.

use super::fault::{malformed, refuse, shown};
use super::{CheckedHead, HeadLimits, check_head};
use crate::denial::Denial;
use crate::reason::Reason;
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};

/// What came.
#[derive(Clone, Copy, Debug)]
pub struct Decoded<'a> {
    pub method: &'a str,
    /// `:path`; empty for CONNECT, which has none.
    pub path: &'a str,
    /// `:scheme`; none for CONNECT.
    pub scheme: Option<&'a str>,
    pub authority: Option<&'a str>,
    pub fields: &'a HeaderMap,
}

/// Fields of one HTTP/1 connection (RFC 9113, 8.2.2).
static CONNECTION_SPECIFIC: [HeaderName; 5] = [
    header::CONNECTION,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];

/// Room for a head of usual length.
const HEAD_BYTES: usize = 512;

impl Decoded<'_> {
    /// As HTTP/1.1 would have it. Whether there is a body is not said here: in HTTP/2 no field says so.
    #[must_use]
    pub fn written_out(&self) -> Vec<u8> {
        let mut head = Vec::with_capacity(HEAD_BYTES);
        for part in [self.method, " ", self.path, " HTTP/1.1\r\n"] {
            head.extend_from_slice(part.as_bytes());
        }
        if let Some(authority) = self.authority {
            write_field(&mut head, header::HOST.as_str(), authority.as_bytes());
        }
        for (name, value) in self.fields {
            // The same again, or refused for it.
            if *name != header::HOST || self.authority.is_none() {
                write_field(&mut head, name.as_str(), value.as_bytes());
            }
        }
        head.extend_from_slice(b"\r\n");
        head
    }

    /// Checks the head; `written_out` is what [`Self::written_out`] gave. `headerBytes` and `headers` count what is written out.
    pub fn check(&self, written_out: &[u8], limits: &HeadLimits) -> Result<CheckedHead, Denial> {
        let checked = check_head(written_out, limits)?;
        // Neither has a line end in it that made another line.
        let (method, target) = (checked.method.of(written_out), checked.target.of(written_out));
        if method != self.method.as_bytes() || target != self.path.as_bytes() {
            return Err(refuse(Reason::PathMalformed, "method or target hold a line end", "RFC 9113, 10.3", None));
        }
        if let Some(scheme) = self.scheme
            && !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return Err(refuse(Reason::PathMalformed, "the target is no http URI", "RFC 9113, 8.3.1", None));
        }
        if let Some(authority) = self.authority
            && self.fields.get_all(header::HOST).iter().any(|host| host.as_bytes() != authority.as_bytes())
        {
            let rule = "the Host field differs from :authority";
            return Err(refuse(Reason::HostMissing, rule, "RFC 9113, 8.3.1", None));
        }
        for (name, value) in self.fields {
            if CONNECTION_SPECIFIC.contains(name) {
                let rule = format!("{} is a field of HTTP/1 connections", shown(name.as_str().as_bytes()));
                return Err(malformed(&rule, "RFC 9113, 8.2.2", None));
            }
            // HTTP/1 takes the space around a value for none: who judged it with the space judged another value.
            if let [edge @ (b' ' | b'\t'), ..] | [.., edge @ (b' ' | b'\t')] = value.as_bytes() {
                let rule = format!("the value of {} begins or ends with white space", shown(name.as_str().as_bytes()));
                return Err(malformed(&rule, "RFC 9113, 8.2.1", Some(*edge)));
            }
        }
        Ok(checked)
    }
}

fn write_field(head: &mut Vec<u8>, name: &str, value: &[u8]) {
    for part in [name.as_bytes(), b": ", value, b"\r\n"] {
        head.extend_from_slice(part);
    }
}

/// One field out of the pieces that a client may have made of its cookies (RFC 9113, 8.2.3).
pub fn join_cookies(fields: &mut HeaderMap) {
    let mut crumbs = fields.get_all(header::COOKIE).iter();
    let (Some(first), Some(second)) = (crumbs.next(), crumbs.next()) else { return };
    let mut whole = first.as_bytes().to_vec();
    for crumb in std::iter::once(second).chain(crumbs) {
        whole.extend_from_slice(b"; ");
        whole.extend_from_slice(crumb.as_bytes());
    }
    // Of values there comes a value.
    if let Ok(whole) = HeaderValue::from_bytes(&whole) {
        fields.insert(header::COOKIE, whole);
    }
}

#[cfg(test)]
mod tests {
    use super::{Decoded, join_cookies};
    use crate::reason::Reason;
    use crate::wire::{HeadLimits, Version};
    use http::{HeaderMap, HeaderName, HeaderValue};
    use proptest::prelude::*;

    const LIMITS: HeadLimits = HeadLimits { head_bytes_max: 200, lines_max: 10, uri_bytes_max: 100 };

    fn fields(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))).collect()
    }

    #[track_caller]
    fn check(
        (method, path): (&str, &str),
        authority: Option<&str>,
        lines: &[(&'static str, &'static str)],
        expected: Result<(), Reason>,
    ) {
        let fields = fields(lines);
        let decoded = Decoded { method, path, scheme: Some("http"), authority, fields: &fields };
        let checked = decoded.check(&decoded.written_out(), &LIMITS);
        assert_eq!(
            checked.map(|checked| assert_eq!(checked.version, Version::Http11)).map_err(|it| it.reason),
            expected
        );
    }

    const HOST: Option<&str> = Some("a.example");
    const VALUE: &str =
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";

    #[test]
    fn a_head_is_held_to_the_rules_of_http_1() {
        check(("GET", "/orders?a=1"), HOST, &[("accept", "*/*")], Ok(()));
        check(("GET", "/"), None, &[("host", "a.example")], Ok(()));
        check(("GET", "/"), HOST, &[("host", "a.example")], Ok(()));
        check(("OPTIONS", "*"), HOST, &[], Ok(()));
        check(("GET", "/"), HOST, &[("te", "trailers")], Ok(()));
        check(("GET", "/"), None, &[], Err(Reason::HostMissing));
        check(("GET", "/"), Some(""), &[], Err(Reason::HostMissing));
        check(("GET", "/"), Some("me@a.example"), &[], Err(Reason::HostMissing));
        check(("GET", "/"), HOST, &[("host", "b.example")], Err(Reason::HostMissing));
        check(("GET", "/"), HOST, &[("host", "A.example")], Err(Reason::HostMissing));
        check(("GET", "*"), HOST, &[], Err(Reason::PathMalformed));
        check(("GET", "/a b"), HOST, &[], Err(Reason::HeaderMalformed));
        check(("GET", "/a HTTP/1.1\r\nx: y"), HOST, &[], Err(Reason::PathMalformed));
        check(("GET", "/a HTTP/1.1\r\nhost: a.example\r\n\r\nGET /b"), None, &[], Err(Reason::HeaderMalformed));
        check(("GET", "/a\\b"), HOST, &[], Err(Reason::PathMalformed));
        check(("GET", "/\r\nx: y"), HOST, &[], Err(Reason::HeaderMalformed));
        check(("\r\nGET", "/"), HOST, &[], Err(Reason::PathMalformed));
        check(("CONNECT", ""), HOST, &[], Err(Reason::MethodNotAllowed));
        check(("TRACE", "/"), HOST, &[], Err(Reason::MethodNotAllowed));
        check(("POST", "/"), HOST, &[("content-length", "+1")], Err(Reason::FramingAmbiguous));
        check(("POST", "/"), HOST, &[("content_length", "1")], Err(Reason::FramingAmbiguous));
        check(("POST", "/"), HOST, &[("transfer-encoding", "chunked")], Err(Reason::HeaderMalformed));
        check(("GET", "/"), HOST, &[("connection", "close")], Err(Reason::HeaderMalformed));
        check(("GET", "/"), HOST, &[("upgrade", "h2c")], Err(Reason::HeaderMalformed));
        check(("GET", "/"), HOST, &[("x-tier", " gold")], Err(Reason::HeaderMalformed));
        check(("GET", "/"), HOST, &[("x-tier", "gold\t")], Err(Reason::HeaderMalformed));
        check(("GET", "/"), HOST, &[("x-empty", "")], Ok(()));
    }

    #[test]
    fn only_http_is_served() {
        let check = |scheme: Option<&str>, expected: Result<(), Reason>| {
            let fields = HeaderMap::new();
            let decoded = Decoded { method: "GET", path: "/", scheme, authority: HOST, fields: &fields };
            let checked = decoded.check(&decoded.written_out(), &LIMITS);
            assert_eq!(checked.map(drop).map_err(|it| it.reason), expected, "{scheme:?}");
        };
        check(Some("http"), Ok(()));
        check(Some("https"), Ok(()));
        check(Some("HTTPS"), Ok(()));
        check(None, Ok(()));
        check(Some("ftp"), Err(Reason::PathMalformed));
        check(Some("httpx"), Err(Reason::PathMalformed));
    }

    #[test]
    fn a_head_is_held_to_the_limits() {
        let long = format!("/{}", "a".repeat(100));
        check(("GET", &long), HOST, &[], Err(Reason::UriTooLong));
        check(("GET", "/"), HOST, &[("a", VALUE), ("b", VALUE)], Err(Reason::HeadersTooLarge));
        let many: Vec<(&'static str, &'static str)> =
            ["a", "b", "c", "d", "e", "f", "g", "h", "i"].map(|name| (name, "")).into();
        check(("GET", "/"), HOST, &many, Ok(()));
        check(("GET", "/"), HOST, &[&many[..], &[("j", "")]].concat(), Err(Reason::HeadersTooLarge));
    }

    #[test]
    fn cookies_become_one_field() {
        let check = |crumbs: &[&'static str], expected: Option<&str>| {
            let mut fields: HeaderMap = HeaderMap::new();
            for crumb in crumbs {
                fields.append("cookie", HeaderValue::from_static(crumb));
            }
            join_cookies(&mut fields);
            assert!(fields.get_all("cookie").iter().count() < 2);
            assert_eq!(fields.get("cookie").map(|it| it.to_str().unwrap()), expected);
        };
        check(&[], None);
        check(&["a=1"], Some("a=1"));
        check(&["a=1; b=2"], Some("a=1; b=2"));
        check(&["a=1", "b=2", "c=3"], Some("a=1; b=2; c=3"));
    }

    /// Text that is likely to be taken for more than one thing.
    fn tricky() -> impl Strategy<Value = String> {
        let part = prop_oneof![
            Just("\r\n".to_owned()),
            Just(" HTTP/1.1".to_owned()),
            Just(": ".to_owned()),
            Just("/".to_owned()),
            Just("host".to_owned()),
            Just("a.example".to_owned()),
            "[ -~]{0,3}",
        ];
        prop::collection::vec(part, 0..5).prop_map(|parts| parts.concat())
    }

    proptest! {
        /// Who reads what passed as HTTP/1 finds what came, and nothing else.
        #[test]
        fn what_passes_has_one_reading(
            method in prop_oneof![Just("GET".to_owned()), tricky()],
            path in prop_oneof![Just("/".to_owned()), tricky().prop_map(|path| format!("/{path}"))],
            authority in prop_oneof![Just(None), Just(Some("a.example".to_owned())), tricky().prop_map(Some)],
            lines in prop::collection::vec((prop_oneof![Just("host"), Just("cookie"), Just("x-a")], tricky()), 0..4),
        ) {
            let mut fields = HeaderMap::new();
            for (name, value) in &lines {
                if let Ok(value) = HeaderValue::from_str(value) {
                    fields.append(HeaderName::from_static(name), value);
                }
            }
            let authority_text = authority.as_deref();
            let decoded =
                Decoded { method: &method, path: &path, scheme: Some("http"), authority: authority_text, fields: &fields };
            let head = decoded.written_out();
            if decoded.check(&head, &LIMITS).is_ok() {
                let head = String::from_utf8(head).unwrap();
                let mut read = head.strip_suffix("\r\n\r\n").unwrap().split("\r\n");
                prop_assert_eq!(read.next().unwrap(), format!("{method} {path} HTTP/1.1"));
                let host = authority.iter().map(|host| format!("host: {host}"));
                let others = fields.iter().filter(|(name, _)| authority.is_none() || *name != "host");
                let others = others.map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()));
                prop_assert!(read.eq(host.chain(others)), "{head}");
            }
        }
    }
}
