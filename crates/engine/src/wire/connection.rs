//! The Connection field: what becomes of the connection, and which fields it may not name.

use super::class::{TOKEN, run, trim};
use super::fault::{malformed, shown};
use crate::denial::Denial;

/// Fields that a client may not have removed on the way by naming them in Connection (RFC 9110, 7.6.1).
const END_TO_END: [&[u8]; 8] = [
    b"host",
    b"content-length",
    b"transfer-encoding",
    b"forwarded",
    b"authorization",
    b"cookie",
    b"x-api-key",
    b"x-real-ip",
];

const END_TO_END_PREFIX: &[u8] = b"x-forwarded-";

/// The Connection fields of one head.
#[derive(Clone, Copy, Default)]
pub(super) struct ConnectionFields {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
}

impl ConnectionFields {
    /// A list of tokens; empty elements do not count (RFC 9110, 5.6.1.2).
    pub(super) fn add(&mut self, value: &[u8]) -> Result<(), Denial> {
        for option in value.split(|byte| *byte == b',').map(trim) {
            let tokens = run(option, TOKEN);
            if let Some(byte) = option.get(tokens) {
                return Err(malformed("Connection holds what is no token", "RFC 9110, 7.6.1", Some(*byte)));
            }
            if option.eq_ignore_ascii_case(b"close") {
                self.close = true;
            } else if option.eq_ignore_ascii_case(b"keep-alive") {
                self.keep_alive = true;
            } else if is_end_to_end(option) {
                let rule = format!("Connection names {}, which is for the other end", shown(option));
                return Err(malformed(&rule, "RFC 9110, 7.6.1", None));
            }
        }
        Ok(())
    }
}

fn is_end_to_end(option: &[u8]) -> bool {
    let prefix = option.get(..END_TO_END_PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(END_TO_END_PREFIX))
        || END_TO_END.iter().any(|name| option.eq_ignore_ascii_case(name))
}
