//! The field lines: `name ":" OWS value OWS CRLF`, no folding, and what the few fields that matter for the connection say.

use super::class::{TOKEN, run, trim, value_run};
use super::connection::ConnectionFields;
use super::fault::{malformed, refuse, shown};
use super::framing::{FramingFields, ambiguous};
use super::head::Cursor;
use super::host::HostField;
use super::{HeadLimits, LINES_CEILING};
use crate::denial::Denial;
use crate::reason::Reason;

/// The name type behind cannot hold longer ones.
const NAME_BYTES_MAX: usize = 65_535;

/// What the field lines said, before it is put together.
#[derive(Clone, Copy, Default)]
pub(super) struct Facts<'a> {
    pub(super) host: HostField<'a>,
    pub(super) framing: FramingFields,
    pub(super) connection: ConnectionFields,
    pub(super) expect_continue: bool,
}

pub(super) fn read<'a>(cursor: &mut Cursor<'a>, limits: &HeadLimits) -> Result<Facts<'a>, Denial> {
    let mut facts = Facts::default();
    let all = cursor.rest();
    let mut lines = 0_usize;
    loop {
        match cursor.rest().first() {
            Some(b'\r') => {
                finish(cursor)?;
                facts.connection.settle(all)?;
                return Ok(facts);
            }
            Some(byte @ (b' ' | b'\t')) => {
                return Err(malformed("a line begins with white space", "RFC 9112, 5.2", Some(*byte)));
            }
            Some(_) => {}
            None => return Err(malformed("the head has no end", "RFC 9112, 8", None)),
        }
        lines = lines.saturating_add(1);
        if lines > limits.lines_max.min(LINES_CEILING) {
            return Err(too_many(limits));
        }
        let name = cursor.take(run(cursor.rest(), TOKEN));
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !cursor.take_if(b':') {
            return Err(refuse_name(cursor, name));
        }
        let value = cursor.take(value_run(cursor.rest()));
        if let [b'\r', b'\n', ..] = cursor.rest() {
            cursor.take(2);
        } else {
            cursor.take_line_end(&format!("the value of {}", shown(name)))?;
        }
        if let Some(byte @ (b' ' | b'\t')) = cursor.rest().first() {
            return Err(malformed(&format!("the value of {} is folded", shown(name)), "RFC 9112, 5.2", Some(*byte)));
        }
        facts.note(name, value)?;
    }
}

/// The empty line, and nothing behind it.
fn finish(cursor: &mut Cursor<'_>) -> Result<(), Denial> {
    cursor.take_line_end("the empty line")?;
    match cursor.rest().first() {
        None => Ok(()),
        Some(byte) => Err(malformed("the head goes on behind its end", "RFC 9112, 2.1", Some(*byte))),
    }
}

impl<'a> Facts<'a> {
    fn note(&mut self, name: &[u8], value: &'a [u8]) -> Result<(), Denial> {
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => self.host.add(trim(value)),
            6 if name.eq_ignore_ascii_case(b"expect") => self.expect(trim(value)),
            10 if name.eq_ignore_ascii_case(b"connection") => self.connection.add(value),
            14 if name.eq_ignore_ascii_case(b"content-length") => self.framing.add_length(trim(value)),
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => self.framing.add_coding(trim(value)),
            14 if name.eq_ignore_ascii_case(b"content_length") => Err(lookalike("Content-Length")),
            17 if name.eq_ignore_ascii_case(b"transfer_encoding") => Err(lookalike("Transfer-Encoding")),
            _ => Ok(()),
        }
    }

    fn expect(&mut self, value: &[u8]) -> Result<(), Denial> {
        if !value.eq_ignore_ascii_case(b"100-continue") {
            return Err(malformed("Expect is not 100-continue", "RFC 9110, 10.1.1", None));
        }
        if std::mem::replace(&mut self.expect_continue, true) {
            return Err(malformed("there is more than one Expect field", "RFC 9110, 5.3", None));
        }
        Ok(())
    }
}

/// Servers that turn fields into variables (CGI) take `_` for `-`.
#[cold]
fn lookalike(name: &str) -> Denial {
    ambiguous(&format!("a field is named like {name} with an underscore"), "RFC 3875, 4.1.18", Some(b'_'))
}

#[cold]
fn too_many(limits: &HeadLimits) -> Denial {
    let text = format!("the head has more than {} field lines", limits.lines_max.min(LINES_CEILING));
    refuse(Reason::HeadersTooLarge, &text, "RFC 6585, 5", None)
}

#[cold]
fn refuse_name(cursor: &Cursor<'_>, name: &[u8]) -> Denial {
    if name.len() > NAME_BYTES_MAX {
        return refuse(Reason::HeadersTooLarge, "a field name is longer than 65535 bytes", "RFC 6585, 5", None);
    }
    match (name.is_empty(), cursor.rest().first()) {
        (_, None) => malformed("a field line is cut off", "RFC 9112, 8", None),
        (_, Some(byte @ (b'\r' | b'\n'))) => malformed("a field line has no colon", "RFC 9112, 5", Some(*byte)),
        (true, Some(b':')) => malformed("a field has no name", "RFC 9112, 5", Some(b':')),
        (false, Some(byte @ (b' ' | b'\t'))) => {
            malformed("white space stands before the colon", "RFC 9112, 5.1", Some(*byte))
        }
        (_, Some(byte)) => malformed("a field name holds a byte that is none of a token", "RFC 9110, 5.1", Some(*byte)),
    }
}
