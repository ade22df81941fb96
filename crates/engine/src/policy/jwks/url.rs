//! Where a key set may be fetched from: `https`, or `http` on loopback. Knows no network.

use http::Uri;
use std::fmt;
use std::net::IpAddr;

/// The longest address, in bytes.
const URL_BYTES_MAX: usize = 2048;
const HTTPS_PORT: u16 = 443;
const HTTP_PORT: u16 = 80;

/// An address that may be asked, taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyUrl {
    text: Box<str>,
    secure: bool,
    /// In lower case; an IPv6 address without its brackets.
    host: Box<str>,
    port: u16,
    /// Path and query.
    target: Box<str>,
}

/// Why an address is not asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlFault {
    TooLong,
    Unreadable,
    Scheme,
    /// `http` to another machine.
    Insecure,
    Host,
    Userinfo,
    Port,
    Fragment,
    /// A query where there must be none.
    Query,
}

impl KeyUrl {
    pub fn parse(text: &str) -> Result<Self, UrlFault> {
        if text.len() > URL_BYTES_MAX {
            return Err(UrlFault::TooLong);
        }
        // `Uri` drops a fragment without a word.
        if text.contains('#') {
            return Err(UrlFault::Fragment);
        }
        // `Uri` lets bytes above ASCII through, which no request line may have (RFC 3986, 2).
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(UrlFault::Unreadable);
        }
        let uri: Uri = text.parse().map_err(|_| UrlFault::Unreadable)?;
        let (secure, usual_port) = match uri.scheme_str() {
            Some("https") => (true, HTTPS_PORT),
            Some("http") => (false, HTTP_PORT),
            Some(_) | None => return Err(UrlFault::Scheme),
        };
        let authority = uri.authority().ok_or(UrlFault::Host)?;
        if authority.as_str().contains('@') {
            return Err(UrlFault::Userinfo);
        }
        let bare = authority.host();
        let host = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(bare).to_ascii_lowercase();
        if !is_host(&host) {
            return Err(UrlFault::Host);
        }
        let port = match (authority.port(), authority.as_str().len() > bare.len()) {
            (Some(port), _) if port.as_u16() > 0 => port.as_u16(),
            (None, false) => usual_port,
            (Some(_), _) | (None, true) => return Err(UrlFault::Port),
        };
        if !secure && !is_loopback(&host) {
            return Err(UrlFault::Insecure);
        }
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let target = if target.starts_with('/') { target.to_owned() } else { format!("/{target}") };
        Ok(Self { text: text.into(), secure, host: host.into(), port, target: target.into() })
    }

    /// An issuer that can be asked for its metadata: no query (`OpenID` Connect Discovery 1.0, 3; RFC 8414, 2).
    pub fn issuer(text: &str) -> Result<Self, UrlFault> {
        let url = Self::parse(text)?;
        if url.target.contains('?') { Err(UrlFault::Query) } else { Ok(url) }
    }

    /// The same host with another path. Only for paths that are made of this one.
    pub(super) fn at(&self, target: String) -> Self {
        let scheme = if self.secure { "https" } else { "http" };
        let text = format!("{scheme}://{}{target}", self.authority());
        Self { text: text.into(), target: target.into(), ..self.clone() }
    }

    /// As it was written. A query may hold a secret.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn without_query(&self) -> &str {
        self.text.split('?').next().unwrap_or_default()
    }

    /// Whether the connection is TLS. Without it the peer has to be on loopback.
    #[must_use]
    pub const fn is_secure(&self) -> bool {
        self.secure
    }

    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    #[must_use]
    pub fn target(&self) -> &str {
        &self.target
    }

    /// For the `Host` field.
    #[must_use]
    pub fn authority(&self) -> String {
        let usual = if self.secure { HTTPS_PORT } else { HTTP_PORT };
        let host = if self.host.contains(':') { format!("[{}]", self.host) } else { self.host.to_string() };
        if self.port == usual { host } else { format!("{host}:{}", self.port) }
    }

    #[must_use]
    pub fn is_on_loopback(&self) -> bool {
        is_loopback(&self.host)
    }
}

fn is_host(host: &str) -> bool {
    let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_');
    let is_name = !host.is_empty() && host.bytes().all(known) && !host.starts_with('.');
    is_name || host.parse::<IpAddr>().is_ok()
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

impl fmt::Debug for KeyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.without_query())
    }
}

impl fmt::Display for KeyUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.without_query())
    }
}

impl std::error::Error for UrlFault {}

impl fmt::Display for UrlFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(out, "it is longer than {URL_BYTES_MAX} bytes"),
            Self::Unreadable => out.write_str("it is no URL"),
            Self::Scheme => out.write_str("it does not begin with https://"),
            Self::Insecure => out.write_str("http is for loopback only: on the way anybody could put in a key"),
            Self::Host => out.write_str("it has no host"),
            Self::Userinfo => out.write_str("it has a user name before the host"),
            Self::Port => out.write_str("its port is no number from 1 to 65535"),
            Self::Fragment => out.write_str("it has a fragment (#), which no server ever sees"),
            Self::Query => out.write_str("it has a query (?), which an issuer must not have"),
        }
    }
}

impl UrlFault {
    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::Insecure => {
                "write `https://`; the provider's certificate is checked against the system's authorities or `caFile`"
            }
            Self::Userinfo => "leave it out: a key set is public",
            Self::TooLong
            | Self::Unreadable
            | Self::Scheme
            | Self::Host
            | Self::Port
            | Self::Fragment
            | Self::Query => {
                "write it as the identity provider's own pages do, such as `https://idp.example.com/jwks.json`"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{KeyUrl, UrlFault};

    #[test]
    fn what_may_be_asked() {
        #[track_caller]
        fn check(text: &str, expected: Result<(&str, u16, &str, &str), UrlFault>) {
            let url = KeyUrl::parse(text);
            let seen = url.as_ref().map(|url| (url.host(), url.port(), url.target(), url.authority()));
            let expected = expected.map(|(host, port, target, authority)| (host, port, target, authority.to_owned()));
            assert_eq!(seen.map_err(|fault| *fault), expected, "{text}");
        }
        check("https://idp.example.com/jwks.json", Ok(("idp.example.com", 443, "/jwks.json", "idp.example.com")));
        check("https://IdP.example.com", Ok(("idp.example.com", 443, "/", "idp.example.com")));
        check("https://a.example:8443/k?p=x", Ok(("a.example", 8443, "/k?p=x", "a.example:8443")));
        check("https://a.example?p=x", Ok(("a.example", 443, "/?p=x", "a.example")));
        check("https://[2001:DB8::1]/k", Ok(("2001:db8::1", 443, "/k", "[2001:db8::1]")));
        check("http://127.0.0.1:9000/k", Ok(("127.0.0.1", 9000, "/k", "127.0.0.1:9000")));
        check("http://[::1]:9000/k", Ok(("::1", 9000, "/k", "[::1]:9000")));
        check("http://localhost/k", Ok(("localhost", 80, "/k", "localhost")));
        check("http://localhost.evil.example/k", Err(UrlFault::Insecure));
        check("http://idp.example.com/k", Err(UrlFault::Insecure));
        check("http://10.0.0.1/k", Err(UrlFault::Insecure));
        check("http://127.0.0.1@evil.example/k", Err(UrlFault::Userinfo));
        check("https://u:p@a.example/k", Err(UrlFault::Userinfo));
        check("file:///etc/passwd", Err(UrlFault::Unreadable));
        check("ftp://a.example/k", Err(UrlFault::Scheme));
        check("//a.example/k", Err(UrlFault::Scheme));
        check("idp.example.com", Err(UrlFault::Scheme));
        check("/jwks.json", Err(UrlFault::Scheme));
        check("", Err(UrlFault::Unreadable));
        check("https://a.example/k#x", Err(UrlFault::Fragment));
        check("https://a.example:0/k", Err(UrlFault::Port));
        check("https://a.example:/k", Err(UrlFault::Port));
        check("https://a.example:99999/k", Err(UrlFault::Port));
        check("https://a.example/ä", Err(UrlFault::Unreadable));
        check("https://a example/k", Err(UrlFault::Unreadable));
        check("https://a.example/k\r\nX: y", Err(UrlFault::Unreadable));
        check(&format!("https://a.example/{}", "k".repeat(2048)), Err(UrlFault::TooLong));
        let secret = KeyUrl::parse("https://a.example/k?key=secret").unwrap();
        assert_eq!(format!("{secret} {secret:?}"), "https://a.example/k https://a.example/k");
        assert_eq!(KeyUrl::issuer("https://a.example/?t=1"), Err(UrlFault::Query));
        assert!(KeyUrl::issuer("https://a.example/t").is_ok());
    }
}
