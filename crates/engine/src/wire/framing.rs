//! How long the body is, if that has one answer only (RFC 9112, 6.3).

use super::fault::refuse;
use super::{Framing, Version};
use crate::denial::Denial;
use crate::reason::Reason;

/// The framing fields of one head.
#[derive(Clone, Copy, Default)]
pub(super) struct FramingFields {
    length: Option<u64>,
    chunked: bool,
}

impl FramingFields {
    pub(super) fn add_length(&mut self, value: &[u8]) -> Result<(), Denial> {
        if self.length.replace(parse_length(value)?).is_some() {
            return Err(ambiguous("there is more than one Content-Length", "RFC 9112, 6.3", None));
        }
        Ok(())
    }

    pub(super) fn add_coding(&mut self, value: &[u8]) -> Result<(), Denial> {
        if !value.eq_ignore_ascii_case(b"chunked") {
            return Err(ambiguous("Transfer-Encoding is not exactly chunked", "RFC 9112, 6.1", None));
        }
        if std::mem::replace(&mut self.chunked, true) {
            return Err(ambiguous("there is more than one Transfer-Encoding", "RFC 9112, 6.1", None));
        }
        Ok(())
    }

    pub(super) fn settle(self, version: Version) -> Result<Framing, Denial> {
        match (self.chunked, self.length, version) {
            (false, None, _) => Ok(Framing::None),
            (false, Some(length), _) => Ok(Framing::Length(length)),
            (true, Some(_), _) => {
                Err(ambiguous("there are both Content-Length and Transfer-Encoding", "RFC 9112, 6.1", None))
            }
            (true, None, Version::Http10) => {
                Err(ambiguous("there is a Transfer-Encoding on HTTP/1.0", "RFC 9112, 6.1", None))
            }
            (true, None, Version::Http11) => Ok(Framing::Chunked),
        }
    }
}

/// 1 to 19 digits, at most `i64::MAX`: no sign, no list, nothing that a parser could clamp.
fn parse_length(value: &[u8]) -> Result<u64, Denial> {
    let mut length = 0_u64;
    for byte in value {
        if !byte.is_ascii_digit() {
            return Err(ambiguous("Content-Length is not a number", "RFC 9110, 8.6", Some(*byte)));
        }
        length = length.saturating_mul(10).saturating_add(u64::from(byte.wrapping_sub(b'0')));
    }
    if value.is_empty() {
        return Err(ambiguous("Content-Length is empty", "RFC 9110, 8.6", None));
    }
    if value.len() > 19 || i64::try_from(length).is_err() {
        return Err(ambiguous("Content-Length does not fit in 63 bits", "RFC 9110, 8.6", None));
    }
    Ok(length)
}

#[cold]
pub(super) fn ambiguous(rule: &str, section: &str, byte: Option<u8>) -> Denial {
    refuse(Reason::FramingAmbiguous, rule, section, byte)
}
