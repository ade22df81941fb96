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

/// Fields that are for this connection whoever says so (RFC 9110, 7.6.1, and what RFC 2616, 13.5.1 called so), and may be named. Who
/// forwards a request has to take all of them out: nothing else sees to what is named.
pub const HOP_BY_HOP: [&[u8]; 7] =
    [b"te", b"upgrade", b"keep-alive", b"proxy-connection", b"http2-settings", b"trailer", b"trailers"];

/// Options that may name something else. Each costs a look at every field of the head.
const OTHERS_MAX: u8 = 16;

/// The Connection fields of one head.
#[derive(Clone, Copy, Default)]
pub(super) struct ConnectionFields {
    pub(super) close: bool,
    pub(super) keep_alive: bool,
    /// How many options are none that are known here: fields of the head, or nothing.
    others: u8,
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
            } else if !option.is_empty() && !is_hop_by_hop(option) {
                self.others = self.others.saturating_add(1);
            }
        }
        Ok(())
    }

    /// A field that is named here is taken out on the way: whoever judged it judged what upstream never gets. So none may be that
    /// is in the head and not known to be for this connection. `lines` are the field lines, each of which has been checked.
    pub(super) fn settle(self, lines: &[u8]) -> Result<(), Denial> {
        match self.others {
            0 => Ok(()),
            others if others > OTHERS_MAX => {
                Err(malformed(&format!("Connection has more than {OTHERS_MAX} options"), "RFC 9110, 7.6.1", None))
            }
            _ => compare(lines),
        }
    }
}

/// Rare: what clients send is `close`, `keep-alive`, `Upgrade` and `TE`.
#[cold]
fn compare(lines: &[u8]) -> Result<(), Denial> {
    let connection = fields(lines).filter(|(name, _)| name.eq_ignore_ascii_case(b"connection"));
    let options = connection.flat_map(|(_, value)| value.split(|byte| *byte == b',')).map(trim);
    for option in options.filter(|option| !is_hop_by_hop(option)) {
        if fields(lines).any(|(name, _)| name.eq_ignore_ascii_case(option)) {
            let rule = format!("Connection names {}, a field of this request", shown(option));
            return Err(malformed(&rule, "RFC 9110, 7.6.1", None));
        }
    }
    Ok(())
}

/// Name and value of each line.
fn fields(lines: &[u8]) -> impl Iterator<Item = (&[u8], &[u8])> {
    let lines = lines.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    lines.filter_map(|line| {
        let colon = line.iter().position(|byte| *byte == b':')?;
        Some((line.get(..colon)?, line.get(colon..)?.split_first()?.1))
    })
}

fn is_hop_by_hop(option: &[u8]) -> bool {
    HOP_BY_HOP.iter().any(|name| option.eq_ignore_ascii_case(name))
}

fn is_end_to_end(option: &[u8]) -> bool {
    let prefix = option.get(..END_TO_END_PREFIX.len());
    prefix.is_some_and(|prefix| prefix.eq_ignore_ascii_case(END_TO_END_PREFIX))
        || END_TO_END.iter().any(|name| option.eq_ignore_ascii_case(name))
}
