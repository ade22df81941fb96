//! A request as the engine sees it: a view over what the adapter has parsed, with host and path in their one normal form.

use crate::denial::Denial;
use http::{HeaderMap, Method};
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
}

/// What [`RequestHead::parse`] needs from the config.
#[derive(Clone, Debug)]
pub struct RequestRules {
    pub trusted_proxies: Vec<IpNet>,
    pub uri_bytes_max: usize,
}

impl<'a> RequestHead<'a> {
    /// Refuses what has no normal form: `path_malformed`, `host_missing`, `uri_too_long`.
    pub fn parse(_parts: RequestParts<'a>, _rules: &RequestRules) -> Result<Self, Denial> {
        Err(Denial::new(crate::reason::Reason::PathMalformed))
    }
}
