//! How a refusal is worded: the rule, its section, and the byte as `\xNN`. Bytes of the client are never shown unescaped.

use super::class::TOKEN;
use super::class::is;
use crate::denial::Denial;
use crate::reason::Reason;

/// `section` is the whole reference: `RFC 9112, 5.1`.
#[cold]
#[inline(never)]
pub(super) fn refuse(reason: Reason, rule: &str, section: &str, byte: Option<u8>) -> Denial {
    let text = match byte {
        Some(byte) => format!("{rule}: \\x{byte:02x} ({section})"),
        None => format!("{rule} ({section})"),
    };
    Denial::new(reason).because(text)
}

#[cold]
pub(super) fn malformed(rule: &str, section: &str, byte: Option<u8>) -> Denial {
    refuse(Reason::HeaderMalformed, rule, section, byte)
}

/// A name for a text: only if it is a short token, so that it cannot hide anything.
#[cold]
pub(super) fn shown(name: &[u8]) -> &str {
    match std::str::from_utf8(name) {
        Ok(name) if name.len() <= 64 && name.bytes().all(|byte| is(byte, TOKEN)) => name,
        Ok(_) | Err(_) => "a field",
    }
}
