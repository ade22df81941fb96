//! The host that a request or a pattern names, in its one normal form: lower case, no trailing dot, IPv6 in its shortest spelling
//! and in brackets. Narrower than RFC 3986's `reg-name`: no percent-encoding and no sub-delimiters, as no DNS name has them.

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;

/// The longest host, in bytes.
pub const HOST_BYTES_MAX: usize = 255;

/// Why a text is no host, or no pattern for hosts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostFault {
    Empty,
    /// Longer than [`HOST_BYTES_MAX`].
    TooLong,
    /// Two dots in a row, or one at the start.
    EmptyLabel,
    Character(char),
    /// `user@host`.
    Userinfo,
    /// Not 1 to 65535, or nothing after the colon.
    Port,
    /// Between brackets there is no IPv6 address.
    Ipv6,
    /// A pattern with a port: every listener's port is meant.
    PatternPort,
    /// A `*` that is neither the whole pattern nor its first label.
    Star,
}

impl fmt::Display for HostFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => formatter.write_str("the host is empty"),
            Self::TooLong => write!(formatter, "the host is longer than {HOST_BYTES_MAX} bytes"),
            Self::EmptyLabel => formatter.write_str("the host has an empty label"),
            Self::Character(character) => {
                write!(formatter, "the host contains {character:?}; letters, digits, `-`, `.`, `_` and `~` make a host")
            }
            Self::Userinfo => formatter.write_str("the host contains `@`: user information has no place there"),
            Self::Port => formatter.write_str("the port is not a number from 1 to 65535"),
            Self::Ipv6 => formatter.write_str("between the brackets there is no IPv6 address"),
            Self::PatternPort => formatter.write_str("a host pattern has no port: a route answers on every listener"),
            Self::Star => formatter.write_str("`*` can only stand for the first labels, as in `*.example.com`"),
        }
    }
}

impl std::error::Error for HostFault {}

/// `host [ ":" port ]`, as in the Host header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Authority<'a> {
    pub host: Cow<'a, str>,
    pub port: Option<u16>,
}

impl<'a> Authority<'a> {
    /// Borrows from `text` if it is normal already.
    pub fn parse(text: &'a str) -> Result<Self, HostFault> {
        if is_plain(text) {
            return Ok(Self { host: Cow::Borrowed(text), port: None });
        }
        if text.contains('@') {
            return Err(HostFault::Userinfo);
        }
        if let Some(rest) = text.strip_prefix('[') {
            let (address, rest) = rest.split_once(']').ok_or(HostFault::Ipv6)?;
            let host = ipv6(text.get(..address.len().saturating_add(2)).unwrap_or_default(), address)?;
            let port = match rest.strip_prefix(':') {
                Some(port) => Some(port_number(port)?),
                None if rest.is_empty() => None,
                None => return Err(HostFault::Port),
            };
            return Ok(Self { host, port });
        }
        let (host, port) = match text.split_once(':') {
            Some((host, port)) => (host, Some(port_number(port)?)),
            None => (text, None),
        };
        Ok(Self { host: name(host)?, port })
    }
}

/// What most requests carry: a name that is normal already, without port. For any other text this says nothing.
fn is_plain(text: &str) -> bool {
    let mut before = b'.';
    let plain = text.bytes().all(|byte| {
        let fits = matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-') || (byte == b'.' && before != b'.');
        before = byte;
        fits
    });
    plain && before != b'.' && text.len() <= HOST_BYTES_MAX
}

fn ipv6<'a>(bracketed: &'a str, address: &str) -> Result<Cow<'a, str>, HostFault> {
    let address: Ipv6Addr = address.parse().map_err(|_| HostFault::Ipv6)?;
    let normal = format!("[{address}]");
    Ok(if normal == bracketed { Cow::Borrowed(bracketed) } else { Cow::Owned(normal) })
}

fn name(text: &str) -> Result<Cow<'_, str>, HostFault> {
    let host = text.strip_suffix('.').unwrap_or(text);
    if host.is_empty() {
        return Err(HostFault::Empty);
    }
    if host.len() > HOST_BYTES_MAX {
        return Err(HostFault::TooLong);
    }
    let mut upper = false;
    let mut empty_label = false;
    let mut before = b'.';
    for byte in host.bytes() {
        if !(byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')) {
            let allowed = |character: &char| character.is_ascii_alphanumeric() || "-._~".contains(*character);
            return Err(HostFault::Character(host.chars().find(|character| !allowed(character)).unwrap_or_default()));
        }
        upper |= byte.is_ascii_uppercase();
        empty_label |= byte == b'.' && before == b'.';
        before = byte;
    }
    if empty_label || before == b'.' {
        return Err(HostFault::EmptyLabel);
    }
    Ok(if upper { Cow::Owned(host.to_ascii_lowercase()) } else { Cow::Borrowed(host) })
}

fn port_number(digits: &str) -> Result<u16, HostFault> {
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HostFault::Port);
    }
    digits.parse().ok().filter(|port| *port > 0).ok_or(HostFault::Port)
}

#[cfg(test)]
mod tests {
    use super::{Authority, HostFault};
    use std::borrow::Cow;

    #[test]
    fn hosts_have_one_normal_form() {
        let check = |text: &str, host: &str, port: Option<u16>| {
            assert_eq!(Authority::parse(text), Ok(Authority { host: Cow::Borrowed(host), port }), "{text}");
        };
        check("api.example.com", "api.example.com", None);
        check("API.Example.com", "api.example.com", None);
        check("api.example.com.", "api.example.com", None);
        check("api.example.com.:8080", "api.example.com", Some(8080));
        check("a:1", "a", Some(1));
        check("a:65535", "a", Some(65535));
        check("127.0.0.1:80", "127.0.0.1", Some(80));
        check("[::1]", "[::1]", None);
        check("[0:0:0:0:0:0:0:1]:443", "[::1]", Some(443));
        check("[2001:DB8::A]", "[2001:db8::a]", None);
        check("a_b~c-d", "a_b~c-d", None);
        assert!(matches!(Authority::parse("api.example.com:80"), Ok(Authority { host: Cow::Borrowed(_), .. })));
        assert!(matches!(Authority::parse("[::1]:80"), Ok(Authority { host: Cow::Borrowed(_), .. })));
    }

    #[test]
    fn what_is_no_host_is_refused() {
        let check = |text: &str, fault: HostFault| assert_eq!(Authority::parse(text), Err(fault), "{text}");
        check("", HostFault::Empty);
        check(".", HostFault::Empty);
        check(":80", HostFault::Empty);
        check("a..", HostFault::EmptyLabel);
        check("a..b", HostFault::EmptyLabel);
        check(".a", HostFault::EmptyLabel);
        check("user@a", HostFault::Userinfo);
        check("user:1@a", HostFault::Userinfo);
        check("a:", HostFault::Port);
        check("a:0", HostFault::Port);
        check("a:65536", HostFault::Port);
        check("a:+80", HostFault::Port);
        check("a:80:80", HostFault::Port);
        check("a:http", HostFault::Port);
        check("a b", HostFault::Character(' '));
        check("a,b", HostFault::Character(','));
        check("a/b", HostFault::Character('/'));
        check("a%2eb", HostFault::Character('%'));
        check("*.a", HostFault::Character('*'));
        check("é", HostFault::Character('é'));
        check("::1", HostFault::Port);
        check("[::1", HostFault::Ipv6);
        check("[::1%25eth0]", HostFault::Ipv6);
        check("[127.0.0.1]", HostFault::Ipv6);
        check("[::1]80", HostFault::Port);
        check("[::1]:", HostFault::Port);
        check(&"a".repeat(256), HostFault::TooLong);
    }
}
