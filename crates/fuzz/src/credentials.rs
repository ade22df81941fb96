//! Where a credential is found in a request.

use engine::credential::{Carried, Location, is_named};
use engine::request::{RequestHead, Scheme};
use http::header::COOKIE;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::net::{IpAddr, Ipv4Addr};

/// The first line is `h`, `q` or `c` and a name; the second is the query, every other one a header line: a cookie's value, or
/// `:name=value` for another header. The place is searched as the engine does it and in the simplest words.
pub fn credential(data: &[u8]) {
    let mut lines = data.split(|byte| *byte == b'\n');
    let Some((kind, name)) = lines.next().and_then(<[u8]>::split_first) else { return };
    let Some(name) = std::str::from_utf8(name).ok().filter(|name| !name.is_empty()) else { return };
    let Ok(query) = std::str::from_utf8(lines.next().unwrap_or_default()) else { return };
    let mut headers = HeaderMap::new();
    for line in lines.take(32) {
        let (name, value) = match line.split_first() {
            Some((b':', rest)) => {
                let mut halves = rest.splitn(2, |byte| *byte == b'=');
                let Ok(name) = HeaderName::from_bytes(halves.next().unwrap_or_default()) else { continue };
                (name, halves.next().unwrap_or_default())
            }
            _ => (COOKIE, line),
        };
        if let Ok(value) = HeaderValue::from_bytes(value) {
            headers.append(name, value);
        }
    }
    let (location, expected) = match kind {
        b'h' => {
            let Ok(name) = HeaderName::try_from(name) else { return };
            let values = headers.get_all(&name).iter().map(|value| lossy(trimmed(value.as_bytes()))).collect();
            (Location::Header(name), values)
        }
        b'q' => (Location::Query(name.to_owned()), parameters(query, name)),
        b'c' => (Location::Cookie(name.to_owned()), cookies(&headers, name)),
        _ => return,
    };
    let query = Some(query).filter(|query| !query.is_empty());
    check(&location, query, &headers, expected);
    if let (Location::Query(name), Some(query)) = (&location, query) {
        let left: Vec<&str> = query.split('&').filter(|pair| !is_named(pair, name)).collect();
        check(&location, Some(&left.join("&")), &headers, Vec::new());
    }
}

fn check(location: &Location, query: Option<&str>, headers: &HeaderMap, mut expected: Vec<String>) {
    let address = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let head = RequestHead {
        method: &Method::GET,
        scheme: Scheme::Http,
        host: "a".into(),
        path: "/".into(),
        query,
        headers,
        peer: address,
        client: address,
        peer_trusted: false,
        certificate: None,
    };
    let found = location.find(&head);
    match (found, expected.pop(), expected.is_empty()) {
        (Carried::Absent, None, _) | (Carried::Several, Some(_), false) => {}
        (Carried::One(value), Some(expected), true) => assert_eq!(value, expected),
        (found, last, _) => panic!("{found:?} at {location}, expected {last:?} and {} before it", expected.len()),
    }
}

fn parameters(query: &str, name: &str) -> Vec<String> {
    if query.is_empty() {
        return Vec::new();
    }
    let pairs = query.split('&').filter(|pair| decoded(pair.split('=').next().unwrap_or_default()) == name);
    pairs.map(|pair| pair.split_once('=').map_or_else(String::new, |(_, value)| decoded(value))).collect()
}

fn cookies(headers: &HeaderMap, name: &str) -> Vec<String> {
    let lines = headers.get_all(COOKIE).iter();
    let pairs = lines.flat_map(|line| line.as_bytes().split(|byte| *byte == b';'));
    let named = pairs.filter_map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=')?;
        (trimmed(&pair[..at]) == name.as_bytes()).then(|| trimmed(&pair[at + 1..]))
    });
    let plain = |value: &[u8]| match value {
        [b'"', inner @ .., b'"'] => lossy(inner),
        other => lossy(other),
    };
    named.map(plain).collect()
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let start = bytes.iter().position(|byte| !blank(byte)).unwrap_or(bytes.len());
    let end = bytes.iter().rposition(|byte| !blank(byte)).map_or(start, |last| last + 1);
    &bytes[start..end]
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Percent-encoding alone: a plus is a plus, and `%` without two digits stands for itself.
fn decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let (mut out, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        let digits = bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit));
        let byte = digits.and_then(|digits| u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
        match byte {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    lossy(&out)
}
