//! A request as the engine sees it: a view over what the adapter has parsed, with host and path in their one normal form.

use crate::authority::Authority;
use crate::client;
use crate::denial::Denial;
use crate::identity::PeerCertificate;
use crate::path;
use crate::reason::Reason;
use http::{HeaderMap, Method, header};
use ipnet::IpNet;
use std::borrow::Cow;
use std::net::IpAddr;

/// What the adapter (or `explain`) hands in, as it came off the wire.
#[derive(Clone, Copy, Debug)]
pub struct RequestParts<'a> {
    pub method: &'a Method,
    /// The request target: origin form, absolute form or `*`.
    pub target: &'a str,
    pub headers: &'a HeaderMap,
    /// The other end of the connection.
    pub peer: IpAddr,
    pub tls: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    Http,
    Https,
}

/// One request, ready to be decided on.
#[derive(Clone, Debug)]
pub struct RequestHead<'a> {
    pub method: &'a Method,
    pub scheme: Scheme,
    /// Lower case, without port and trailing dot; an IPv6 literal keeps its brackets.
    pub host: Cow<'a, str>,
    /// Normal form (RFC 3986, 6.2.2 and `//` merged); this is what is matched and what upstream gets.
    pub path: Cow<'a, str>,
    /// Without `?`, as it came.
    pub query: Option<&'a str>,
    pub headers: &'a HeaderMap,
    pub peer: IpAddr,
    /// The rightmost address that no trusted proxy vouches for.
    pub client: IpAddr,
    /// The peer is one of `trustedProxies`.
    pub peer_trusted: bool,
    /// The peer's own. Never read from a header, whoever sends it.
    pub certificate: Option<&'a PeerCertificate>,
}

/// What [`RequestHead::parse`] needs from the config.
#[derive(Clone, Debug)]
pub struct RequestRules {
    pub trusted_proxies: Vec<IpNet>,
    pub uri_bytes_max: usize,
}

impl<'a> RequestHead<'a> {
    /// Refuses what has no normal form: `path_malformed`, `host_missing`, `uri_too_long`.
    ///
    /// The host is the target's, if it is in absolute form, and Host has to agree; else the one Host header's. The scheme is the
    /// connection's, unless a trusted proxy forwards another one.
    pub fn parse(parts: RequestParts<'a>, rules: &RequestRules) -> Result<Self, Denial> {
        let RequestParts { method, target, headers, peer, tls } = parts;
        if target.len() > rules.uri_bytes_max {
            let text = format!("the target has {} bytes, {} are allowed", target.len(), rules.uri_bytes_max);
            return Err(Denial::new(Reason::UriTooLong).because(text));
        }
        let target = Target::parse(target, method)?;
        let host = host(&target, headers)?;
        let path = match target.path {
            ASTERISK => Cow::Borrowed(ASTERISK),
            path => path::normal_form(path).map_err(|fault| malformed(fault.to_string()))?,
        };
        let peer = peer.to_canonical();
        let peer_trusted = client::is_trusted(peer, &rules.trusted_proxies);
        let forwarded = if peer_trusted { client::forwarded_over_tls(headers) } else { None };
        Ok(Self {
            method,
            scheme: if forwarded.unwrap_or(tls) { Scheme::Https } else { Scheme::Http },
            host,
            path,
            query: target.query,
            headers,
            peer,
            client: client::client_address(headers, peer, &rules.trusted_proxies),
            peer_trusted,
            certificate: None,
        })
    }

    /// For a listener that has verified one.
    #[must_use]
    pub fn with_certificate(self, certificate: Option<&'a PeerCertificate>) -> Self {
        Self { certificate, ..self }
    }
}

/// The target taken apart, nothing normalised yet.
struct Target<'a> {
    /// Absolute form only: the scheme's default port and the authority.
    authority: Option<(u16, &'a str)>,
    path: &'a str,
    query: Option<&'a str>,
}

impl<'a> Target<'a> {
    /// RFC 9112, 3.2. The authority form belongs to CONNECT alone, which no gateway answers.
    fn parse(target: &'a str, method: &Method) -> Result<Self, Denial> {
        let options = *method == Method::OPTIONS;
        if target == ASTERISK {
            return if options {
                Ok(Self { authority: None, path: ASTERISK, query: None })
            } else {
                Err(malformed("only OPTIONS has the target `*`"))
            };
        }
        if target.starts_with('/') {
            let (path, query) = split_query(target)?;
            return Ok(Self { authority: None, path, query });
        }
        let (port, rest) = if let Some(rest) = strip_scheme(target, "http://") {
            (80, rest)
        } else if let Some(rest) = strip_scheme(target, "https://") {
            (443, rest)
        } else {
            return Err(malformed("the target is neither a path nor an http or https URI"));
        };
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at_checked(end).unwrap_or((rest, ""));
        let (path, query) = split_query(rest)?;
        let path = match path {
            // RFC 9112, 3.2.4: this is how `OPTIONS *` comes through a proxy.
            "" if options && query.is_none() => ASTERISK,
            "" => "/",
            path => path,
        };
        Ok(Self { authority: Some((port, authority)), path, query })
    }
}

/// The target of `OPTIONS *`, which is about the gateway as a whole. No route has this path.
const ASTERISK: &str = "*";

fn strip_scheme<'a>(target: &'a str, scheme: &str) -> Option<&'a str> {
    let (head, rest) = target.split_at_checked(scheme.len())?;
    head.eq_ignore_ascii_case(scheme).then_some(rest)
}

/// A query is passed on as it is, so it is only refused for what could be mistaken for something else on the way: control characters, spaces,
/// raw 8-bit bytes and `#`.
fn split_query(text: &str) -> Result<(&str, Option<&str>), Denial> {
    let mark = memchr::memchr(b'?', text.as_bytes());
    let Some((path, query)) = mark.and_then(|mark| text.split_at_checked(mark)) else { return Ok((text, None)) };
    let query = query.strip_prefix('?').unwrap_or_default();
    let stray = |byte: &u8| !matches!(*byte, b'!'..=b'~') || *byte == b'#';
    // Without an early end: so it takes many bytes at once.
    if !query.bytes().fold(false, |found, byte| found | stray(&byte)) {
        return Ok((path, Some(query)));
    }
    let byte = query.bytes().find(stray).unwrap_or_default();
    Err(malformed(format!("the query contains the byte 0x{byte:02X}, which has to be percent-encoded")))
}

fn host<'a>(target: &Target<'a>, headers: &'a HeaderMap) -> Result<Cow<'a, str>, Denial> {
    let mut lines = headers.get_all(header::HOST).iter();
    let header = match (lines.next(), lines.next()) {
        (None, _) => None,
        (Some(line), None) => {
            let text = line.to_str().map_err(|_| hostless("the Host header is not ASCII"))?;
            Some(Authority::parse(text).map_err(|fault| hostless(format!("Host header: {fault}")))?)
        }
        (Some(_), Some(_)) => return Err(hostless("there are several Host headers")),
    };
    let Some((default_port, authority)) = target.authority else {
        return header.map(|header| header.host).ok_or_else(|| hostless("there is no Host header"));
    };
    let authority = Authority::parse(authority).map_err(|fault| hostless(format!("target: {fault}")))?;
    if let Some(header) = header {
        let port = |side: &Authority<'_>| side.port.unwrap_or(default_port);
        if header.host != authority.host || port(&header) != port(&authority) {
            return Err(hostless("the Host header and the target name different hosts"));
        }
    }
    Ok(authority.host)
}

fn malformed(text: impl Into<Box<str>>) -> Denial {
    Denial::new(Reason::PathMalformed).because(text)
}

fn hostless(text: impl Into<Box<str>>) -> Denial {
    Denial::new(Reason::HostMissing).because(text)
}

#[cfg(test)]
mod tests;
