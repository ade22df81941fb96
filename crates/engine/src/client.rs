//! Who is at the other end: the address that limits and logs use. Forwarding headers count only as far as trusted proxies vouch for
//! them; everything left of that anybody can have written. `X-Real-IP` and the like are not read.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use ipnet::IpNet;
use std::borrow::Cow;
use std::net::{IpAddr, SocketAddr};
use std::ops::ControlFlow;

/// So many entries of X-Forwarded-For or Forwarded are looked at, from the right.
pub const ENTRIES_MAX: usize = 32;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// Whether `address` is a proxy that the operator trusts. An IPv4 address in IPv6 clothes is an IPv4 address.
#[must_use]
pub fn is_trusted(address: IpAddr, trusted_proxies: &[IpNet]) -> bool {
    let address = address.to_canonical();
    trusted_proxies.iter().any(|net| net.contains(&address))
}

/// The rightmost address of X-Forwarded-For (or, in its absence, of Forwarded) that is no trusted proxy. If all are trusted, the
/// leftmost of the first [`ENTRIES_MAX`]; an entry that is no address (`unknown`, `_hidden`, garbage) ends the search at the last
/// good one. `peer` itself unless it is trusted.
#[must_use]
pub fn client_address(headers: &HeaderMap, peer: IpAddr, trusted_proxies: &[IpNet]) -> IpAddr {
    let peer = peer.to_canonical();
    if !is_trusted(peer, trusted_proxies) {
        return peer;
    }
    let mut walk = Walk { client: peer, left: ENTRIES_MAX, trusted_proxies };
    let walked = if headers.contains_key(X_FORWARDED_FOR) {
        from_right(headers, &X_FORWARDED_FOR, |value| {
            value.rsplit(',').try_for_each(|entry| walk.step(address(entry.trim())))
        })
    } else {
        from_right(headers, &header::FORWARDED, |value| {
            elements_from_right(value).try_for_each(|element| walk.step(parameter(element, "for").and_then(node)))
        })
    };
    let (ControlFlow::Continue(()) | ControlFlow::Break(())) = walked;
    walk.client
}

/// Whether the client spoke TLS to the first trusted proxy, if the one nearest to us says so: X-Forwarded-Proto with exactly one
/// value, or the last element of Forwarded. To be asked only of a trusted peer.
#[must_use]
pub fn forwarded_over_tls(headers: &HeaderMap) -> Option<bool> {
    let mut values = headers.get_all(X_FORWARDED_PROTO).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => is_https(value.to_str().ok()?.trim()),
        (Some(_), Some(_)) => None,
        (None, _) => {
            let value = text(headers.get_all(header::FORWARDED).iter().next_back()?);
            is_https(parameter(elements_from_right(&value).next()?, "proto")?)
        }
    }
}

fn is_https(scheme: &str) -> Option<bool> {
    match scheme {
        _ if scheme.eq_ignore_ascii_case("https") => Some(true),
        _ if scheme.eq_ignore_ascii_case("http") => Some(false),
        _ => None,
    }
}

struct Walk<'a> {
    client: IpAddr,
    left: usize,
    trusted_proxies: &'a [IpNet],
}

impl Walk<'_> {
    fn step(&mut self, entry: Option<IpAddr>) -> ControlFlow<()> {
        let Some(address) = entry else { return ControlFlow::Break(()) };
        self.client = address;
        self.left = self.left.saturating_sub(1);
        if self.left > 0 && is_trusted(address, self.trusted_proxies) {
            ControlFlow::Continue(())
        } else {
            ControlFlow::Break(())
        }
    }
}

/// The values of a header, last line first.
fn from_right(
    headers: &HeaderMap,
    name: &HeaderName,
    mut visit: impl FnMut(&str) -> ControlFlow<()>,
) -> ControlFlow<()> {
    headers.get_all(name).iter().rev().try_for_each(|value| visit(&text(value)))
}

/// Bytes that are no text spoil their own entry only: in one line with what a client wrote stands what a trusted proxy has added.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    String::from_utf8_lossy(value.as_bytes())
}

/// An entry of X-Forwarded-For: an address, perhaps with a port, IPv6 perhaps in brackets.
fn address(text: &str) -> Option<IpAddr> {
    let parsed = match text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        Some(inner) => inner.parse().ok().map(IpAddr::V6),
        None => text.parse().ok().or_else(|| text.parse().ok().map(|socket: SocketAddr| socket.ip())),
    };
    parsed.map(|address| address.to_canonical())
}

/// RFC 7239, 6: as [`address`], but IPv6 only in brackets.
fn node(text: &str) -> Option<IpAddr> {
    address(text).filter(|address| address.is_ipv4() || text.starts_with('['))
}

/// The elements of a Forwarded header (RFC 7239, 4), last first. A comma between quotes separates nothing. Escapes between quotes
/// have no use in addresses and schemes; an element with one fails to parse, whatever it was cut into.
fn elements_from_right(value: &str) -> impl Iterator<Item = &str> {
    let mut quoted = false;
    value.rsplit(move |character| {
        quoted ^= character == '"';
        character == ',' && !quoted
    })
}

/// The one parameter of that name in an element, without its quotes; none if it is there twice or not a well-formed pair.
fn parameter<'a>(element: &'a str, name: &str) -> Option<&'a str> {
    let mut quoted = false;
    let pairs = element.split(move |character| {
        quoted ^= character == '"';
        character == ';' && !quoted
    });
    let mut found = None;
    for pair in pairs {
        let (key, value) = pair.trim().split_once('=')?;
        if key.eq_ignore_ascii_case(name) && found.replace(value).is_some() {
            return None;
        }
    }
    let value = found?;
    let value = match value.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?,
        None => value,
    };
    (!value.contains(['"', '\\'])).then_some(value)
}

#[cfg(test)]
mod tests {
    use super::{client_address, forwarded_over_tls, is_trusted};
    use http::{HeaderMap, HeaderName, HeaderValue};
    use ipnet::IpNet;
    use std::net::IpAddr;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let name = |text: &str| HeaderName::try_from(text).unwrap();
        lines.iter().map(|(key, value)| (name(key), HeaderValue::from_bytes(value.as_bytes()).unwrap())).collect()
    }

    fn trusted() -> Vec<IpNet> {
        ["10.0.0.0/8", "2001:db8::/32"].map(|net| net.parse().unwrap()).into()
    }

    #[track_caller]
    fn check(peer: &str, lines: &[(&str, &str)], client: &str) {
        let peer: IpAddr = peer.parse().unwrap();
        assert_eq!(client_address(&headers(lines), peer, &trusted()).to_string(), client, "{lines:?}");
    }

    const XFF: &str = "x-forwarded-for";

    #[test]
    fn x_forwarded_for_counts_from_the_right_as_far_as_it_is_trusted() {
        check("192.0.2.1", &[(XFF, "198.51.100.1")], "192.0.2.1");
        check("10.0.0.1", &[], "10.0.0.1");
        check("10.0.0.1", &[(XFF, "198.51.100.1")], "198.51.100.1");
        check("::ffff:10.0.0.1", &[(XFF, "198.51.100.1")], "198.51.100.1");
        check("10.0.0.1", &[(XFF, "203.0.113.9, 198.51.100.1")], "198.51.100.1");
        check("10.0.0.1", &[(XFF, "203.0.113.9, 198.51.100.1,10.9.9.9")], "198.51.100.1");
        check("10.0.0.1", &[(XFF, "203.0.113.9"), (XFF, "198.51.100.1"), (XFF, "10.9.9.9")], "198.51.100.1");
        check("10.0.0.1", &[(XFF, "10.0.0.3, 10.0.0.2")], "10.0.0.3");
        check("10.0.0.1", &[(XFF, "198.51.100.1:4711")], "198.51.100.1");
        check("10.0.0.1", &[(XFF, "[2001:db9::1]:4711, 2001:db8::2")], "2001:db9::1");
        check("10.0.0.1", &[(XFF, "[2001:db9::1]")], "2001:db9::1");
        check("10.0.0.1", &[(XFF, "::ffff:198.51.100.1")], "198.51.100.1");
        check("10.0.0.1", &[(XFF, "198.51.100.1"), ("forwarded", "for=203.0.113.9")], "198.51.100.1");
    }

    #[test]
    fn a_malformed_entry_ends_the_walk() {
        check("10.0.0.1", &[(XFF, "203.0.113.9, garbage, 10.0.0.2")], "10.0.0.2");
        check("10.0.0.1", &[(XFF, "203.0.113.9, , 10.0.0.2")], "10.0.0.2");
        check("10.0.0.1", &[(XFF, "203.0.113.9,")], "10.0.0.1");
        check("10.0.0.1", &[(XFF, "203.0.113.9"), (XFF, "\u{e9}"), (XFF, "10.0.0.2")], "10.0.0.2");
        check("10.0.0.1", &[(XFF, "unknown")], "10.0.0.1");
        check("10.0.0.1", &[(XFF, "300.0.0.1")], "10.0.0.1");
        check("10.0.0.1", &[(XFF, "unknown"), ("forwarded", "for=203.0.113.9")], "10.0.0.1");
    }

    #[test]
    fn bytes_that_are_no_text_hide_nothing_that_a_proxy_has_added() {
        let check = |name: &'static str, value: &[u8], client: &str| {
            let headers =
                HeaderMap::from_iter([(HeaderName::from_static(name), HeaderValue::from_bytes(value).unwrap())]);
            let peer = "10.0.0.1".parse().unwrap();
            assert_eq!(client_address(&headers, peer, &trusted()).to_string(), client, "{}", value.escape_ascii());
            headers
        };
        check(XFF, b"\xff, 198.51.100.1", "198.51.100.1");
        check(XFF, b"203.0.113.9, \xff, 10.0.0.2", "10.0.0.2");
        check(XFF, b"203.0.113.9, 198.51.100.1\xff", "10.0.0.1");
        let headers = check("forwarded", b"for=\xff, for=198.51.100.1;proto=https", "198.51.100.1");
        assert_eq!(forwarded_over_tls(&headers), Some(true));
    }

    #[test]
    fn the_walk_is_bounded() {
        let far = format!("203.0.113.9{}", ", 10.0.0.2".repeat(32));
        check("10.0.0.1", &[(XFF, &far)], "10.0.0.2");
        let near = format!("203.0.113.9{}", ", 10.0.0.2".repeat(31));
        check("10.0.0.1", &[(XFF, &near)], "203.0.113.9");
    }

    #[test]
    fn forwarded_is_read_in_its_place() {
        let check = |value: &str, client: &str| check("10.0.0.1", &[("forwarded", value)], client);
        check("for=198.51.100.1", "198.51.100.1");
        check("for=203.0.113.9, For=198.51.100.1;proto=https;by=10.0.0.1, for=10.0.0.2", "198.51.100.1");
        check("for=\"[2001:db9::1]:4711\"", "2001:db9::1");
        check("for=\"198.51.100.1:80\";host=\"a,b;c\"", "198.51.100.1");
        check("for=203.0.113.9, for=unknown, for=10.0.0.2", "10.0.0.2");
        check("for=203.0.113.9, for=_hidden", "10.0.0.1");
        check("for=203.0.113.9, proto=https", "10.0.0.1");
        check("for=203.0.113.9;for=203.0.113.8", "10.0.0.1");
        check("for=\"2001:db9::1\"", "10.0.0.1");
        check("for=203.0.113.9, for=\"198.51.100.1", "10.0.0.1");
        check("for=203.0.113.9, for=\"198.51.100.1\\\"\"", "10.0.0.1");
    }

    #[test]
    fn the_scheme_comes_from_the_nearest_proxy() {
        let check = |lines: &[(&str, &str)], tls: Option<bool>| assert_eq!(forwarded_over_tls(&headers(lines)), tls);
        check(&[], None);
        check(&[("x-forwarded-proto", "https")], Some(true));
        check(&[("x-forwarded-proto", "HTTP")], Some(false));
        check(&[("x-forwarded-proto", "https, http")], None);
        check(&[("x-forwarded-proto", "https"), ("x-forwarded-proto", "http")], None);
        check(&[("forwarded", "for=a;proto=http, for=b;proto=https")], Some(true));
        check(&[("forwarded", "for=a;proto=https, for=b")], None);
        check(&[("forwarded", "for=a;proto=gopher")], None);
    }

    #[test]
    fn mapped_addresses_are_ipv4() {
        assert!(is_trusted("::ffff:10.1.1.1".parse().unwrap(), &trusted()));
        assert!(!is_trusted("::ffff:11.1.1.1".parse().unwrap(), &trusted()));
    }
}
