//! Which origins are meant: byte for byte as browsers serialise them (RFC 6454, 6.2; Fetch, 3.2), or all names below a domain, label
//! by label. What a browser never sends is no pattern, and neither is a guess at what was meant.

use crate::authority::Authority;
use std::fmt;

/// One item of `allowOrigins`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginPattern {
    /// `*`
    Any,
    /// The whole origin, or `null`.
    Exact(Box<str>),
    /// `https://*.example.com:8443`
    Below(Below),
}

/// All names below a domain, however deep, with this scheme and this port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Below {
    /// With `://`.
    scheme: Box<str>,
    /// From the dot on, port included: `.example.com:8443`.
    suffix: Box<str>,
}

/// Why a text is no origin that a browser could send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OriginFault {
    /// No `scheme://`.
    Scheme,
    /// No host.
    Host,
    /// Capitals: browsers serialise in lower case.
    Case,
    /// A path, be it one slash, a query or a fragment.
    Path,
    /// A user before the host.
    User,
    /// The scheme's own port, which browsers leave out.
    DefaultPort,
    /// Not a number up to 65535 without leading zeros.
    Port,
    /// A star that is not the whole first label of an http or https origin.
    Star,
    /// Not ASCII: browsers send the punycode form.
    NotAscii,
    /// What cannot stand in a host.
    Character,
}

impl fmt::Display for OriginFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Scheme => "it has no scheme",
            Self::Host => "it has no host",
            Self::Case => "browsers send origins in lower case",
            Self::Path => "an origin ends with the host or its port",
            Self::User => "an origin has no user",
            Self::DefaultPort => "browsers leave out the scheme's own port",
            Self::Port => "the port is not a number that a browser would send",
            Self::Star => "`*` can only be the whole first label of an http or https origin",
            Self::NotAscii => "browsers send host names in ASCII",
            Self::Character => "the host contains a character that no host has",
        })
    }
}

impl std::error::Error for OriginFault {}

impl OriginPattern {
    /// Refuses what no browser serialises, as it would be a line that never does anything.
    pub fn parse(text: &str) -> Result<Self, OriginFault> {
        match text {
            "*" => return Ok(Self::Any),
            "null" => return Ok(Self::Exact(text.into())),
            _ => {}
        }
        let (scheme, rest) = text.split_once("://").ok_or(OriginFault::Scheme)?;
        shaped(scheme, rest)?;
        let default_port = match scheme {
            "http" => 80,
            "https" => 443,
            // An app's or an extension's own: what its browser makes of it is not for us to say.
            _ if rest.contains('*') => return Err(OriginFault::Star),
            _ => return Ok(Self::Exact(text.into())),
        };
        let Some(parent) = rest.strip_prefix("*.") else {
            if rest.contains('*') {
                return Err(OriginFault::Star);
            }
            serialised(rest, default_port)?;
            return Ok(Self::Exact(text.into()));
        };
        if parent.contains('*') || parent.starts_with('[') {
            return Err(OriginFault::Star);
        }
        serialised(parent, default_port)?;
        Ok(Self::Below(Below { scheme: format!("{scheme}://").into(), suffix: format!(".{parent}").into() }))
    }

    #[must_use]
    pub fn matches(&self, origin: &str) -> bool {
        match self {
            Self::Any => true,
            Self::Exact(exact) => **exact == *origin,
            Self::Below(below) => below.matches(origin),
        }
    }
}

impl Below {
    /// What is left when scheme and suffix are taken away has to be whole labels: so neither `https://evilexample.com` nor
    /// `https://a@b.example.com` is below `example.com`.
    #[must_use]
    pub fn matches(&self, origin: &str) -> bool {
        let rest = origin.strip_prefix(&*self.scheme).and_then(|rest| rest.strip_suffix(&*self.suffix));
        rest.is_some_and(|labels| labels.split('.').all(is_label))
    }

    /// Without its dot: what all the names are below of.
    #[must_use]
    pub fn parent(&self) -> &str {
        self.suffix.strip_prefix('.').unwrap_or(&self.suffix)
    }
}

impl fmt::Display for Below {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}*{}", self.scheme, self.suffix)
    }
}

/// As browsers serialise it: underscores are no letters of a domain, but of names that are in use.
fn is_label(label: &str) -> bool {
    let letter = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_');
    !label.is_empty() && label.bytes().all(letter)
}

fn shaped(scheme: &str, rest: &str) -> Result<(), OriginFault> {
    let upper = |text: &str| text.bytes().any(|byte| byte.is_ascii_uppercase());
    let begins = scheme.bytes().next().is_some_and(|byte| byte.is_ascii_alphabetic());
    let goes_on = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.');
    if !begins || !scheme.bytes().all(goes_on) {
        return Err(OriginFault::Scheme);
    }
    if rest.contains('@') {
        return Err(OriginFault::User);
    }
    if rest.contains(['/', '?', '#']) {
        return Err(OriginFault::Path);
    }
    if !rest.is_ascii() {
        return Err(OriginFault::NotAscii);
    }
    if upper(scheme) || upper(rest) {
        return Err(OriginFault::Case);
    }
    if rest.is_empty() {
        return Err(OriginFault::Host);
    }
    if rest.bytes().any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'\\' | b',' | b'"')) {
        return Err(OriginFault::Character);
    }
    Ok(())
}

/// `host[:port]` to the letter as it is serialised.
fn serialised(authority: &str, default_port: u16) -> Result<(), OriginFault> {
    let bracket = authority.rfind(']').unwrap_or_default();
    let colon = authority.rfind(':').filter(|colon| *colon >= bracket);
    let (name, written) = match colon.and_then(|colon| authority.split_at_checked(colon)) {
        Some((name, port)) => (name, port.strip_prefix(':')),
        None => (authority, None),
    };
    if name.is_empty() {
        return Err(OriginFault::Host);
    }
    if let Some(written) = written {
        let port: u16 = written.parse().map_err(|_| OriginFault::Port)?;
        if port.to_string() != written {
            return Err(OriginFault::Port);
        }
        if port == default_port {
            return Err(OriginFault::DefaultPort);
        }
    }
    let parsed = Authority::parse(name).map_err(|_| OriginFault::Character)?;
    if parsed.host == name { Ok(()) } else { Err(OriginFault::Character) }
}
