//! What a Host field or an authority may be: a DNS-like name, an IPv4 address or an IPv6 literal, and a port (RFC 9110, 7.2).
//!
//! Narrower than RFC 3986: no user information, no percent-encoding, no sub-delimiters. No name that an operator can write in a route
//! has those, and parsers disagree about them.

use super::class::{HOST, is};
use super::fault::refuse;
use super::{TargetForm, Version};
use crate::denial::Denial;
use crate::reason::Reason;
use std::net::Ipv6Addr;

/// RFC 1035, 2.3.4, without a final dot.
const NAME_BYTES_MAX: usize = 253;
const LABEL_BYTES_MAX: usize = 63;

/// Why something is no host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct HostFault {
    rule: &'static str,
    byte: Option<u8>,
}

impl HostFault {
    const fn new(rule: &'static str) -> Self {
        Self { rule, byte: None }
    }

    /// `whose` begins the sentence: "the Host field".
    #[cold]
    pub(super) fn refuse(self, whose: &str) -> Denial {
        refuse(Reason::HostMissing, &format!("{whose} {}", self.rule), "RFC 9112, 3.2", self.byte)
    }
}

/// The authority of an absolute form, which may be empty; none for any other target.
pub(super) fn authority(target: &[u8]) -> Option<&[u8]> {
    let after = |scheme: &[u8]| {
        let (head, rest) = target.split_at_checked(scheme.len())?;
        head.eq_ignore_ascii_case(scheme).then_some(rest)
    };
    let rest = after(b"http://").or_else(|| after(b"https://"))?;
    rest.split(|byte| matches!(byte, b'/' | b'?')).next()
}

/// `host [ ":" port ]`, without white space around.
pub(super) fn check(value: &[u8]) -> Result<(), HostFault> {
    if let [b'[', rest @ ..] = value {
        return check_literal(rest);
    }
    let mut halves = value.splitn(2, |byte| *byte == b':');
    check_name(halves.next().unwrap_or_default())?;
    halves.next().map_or(Ok(()), check_port)
}

fn check_literal(rest: &[u8]) -> Result<(), HostFault> {
    let mut halves = rest.splitn(2, |byte| *byte == b']');
    let (Some(address), Some(port)) = (halves.next(), halves.next()) else {
        return Err(HostFault::new("has no closing bracket"));
    };
    let address = std::str::from_utf8(address).ok().and_then(|address| address.parse::<Ipv6Addr>().ok());
    if address.is_none() {
        return Err(HostFault::new("has brackets around what is no IPv6 address"));
    }
    match port {
        [] => Ok(()),
        [b':', digits @ ..] => check_port(digits),
        [byte, ..] => Err(HostFault { rule: "goes on behind the address", byte: Some(*byte) }),
    }
}

fn check_name(name: &[u8]) -> Result<(), HostFault> {
    let name = name.strip_suffix(b".").unwrap_or(name);
    if name.is_empty() {
        return Err(HostFault::new("is empty"));
    }
    if name.len() > NAME_BYTES_MAX {
        return Err(HostFault::new("is longer than 253 bytes"));
    }
    let mut label = 0_usize;
    for byte in name {
        if !is(*byte, HOST) {
            return Err(HostFault { rule: "holds a byte that no host name has", byte: Some(*byte) });
        }
        if *byte != b'.' {
            label = label.saturating_add(1);
        } else if label == 0 {
            return Err(HostFault::new("has an empty label"));
        } else {
            label = 0;
        }
        if label > LABEL_BYTES_MAX {
            return Err(HostFault::new("has a label of more than 63 bytes"));
        }
    }
    if label == 0 {
        return Err(HostFault::new("has an empty label"));
    }
    Ok(())
}

/// 1 to 5 digits, at most 65535. RFC 3986 allows no digits at all; nobody sends that, and parsers disagree about it.
fn check_port(digits: &[u8]) -> Result<(), HostFault> {
    let mut port = 0_u32;
    for byte in digits {
        if !byte.is_ascii_digit() {
            return Err(HostFault { rule: "has a port that is no number", byte: Some(*byte) });
        }
        port = port.saturating_mul(10).saturating_add(u32::from(byte.wrapping_sub(b'0')));
    }
    match digits.len() {
        0 => Err(HostFault::new("has a colon without a port")),
        1..=5 if port <= 65_535 => Ok(()),
        _ => Err(HostFault::new("has a port above 65535")),
    }
}

/// The Host fields of one head.
#[derive(Clone, Copy, Default)]
pub(super) struct HostField<'a> {
    value: Option<&'a [u8]>,
}

impl<'a> HostField<'a> {
    pub(super) fn add(&mut self, value: &'a [u8]) -> Result<(), Denial> {
        if self.value.replace(value).is_some() {
            return Err(refuse(Reason::HostMissing, "there is more than one Host field", "RFC 9112, 3.2", None));
        }
        check(value).map_err(|fault| fault.refuse("the Host field"))
    }

    /// Exactly one on HTTP/1.1, whatever the target; the same as the target's authority, if that has one.
    pub(super) fn settle(self, version: Version, form: TargetForm, target: &[u8]) -> Result<(), Denial> {
        let Some(host) = self.value else {
            return match version {
                Version::Http10 => Ok(()),
                Version::Http11 => {
                    Err(refuse(Reason::HostMissing, "there is no Host field on HTTP/1.1", "RFC 9112, 3.2", None))
                }
            };
        };
        match form {
            TargetForm::Absolute if authority(target) != Some(host) => Err(refuse(
                Reason::HostMissing,
                "the Host field differs from the target's authority",
                "RFC 9112, 3.2.2",
                None,
            )),
            TargetForm::Absolute | TargetForm::Origin | TargetForm::Asterisk => Ok(()),
        }
    }
}
