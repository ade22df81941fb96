//! Values of headers and query parameters: their variables, and what stands in for them.

use engine::transform::{Absent, HEADER_VALUE_BYTES_MAX, Scope, Text, TextFault, Value};

use super::Desk;
use crate::diagnostic::{Code, Diagnostic};
use crate::raw;

/// What a value becomes a part of.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Header,
    Query,
}

pub(super) fn compile(
    raw: &raw::ValueEntry,
    pointer: &str,
    scope: &Scope<'_>,
    place: Place,
    desk: &mut Desk<'_>,
) -> Option<Value> {
    let at_value = format!("{pointer}/value");
    let (text, at, absent) = match raw {
        raw::ValueEntry::Text(text) => (text, pointer, &raw::Absent::Omit),
        raw::ValueEntry::Details(details) => (&details.value, &*at_value, &details.absent),
    };
    let absent = self::absent(absent, &format!("{pointer}/absent/default"), place, desk);
    let parsed = match Text::parse(text, scope) {
        Ok(parsed) => parsed,
        Err(fault) => {
            self::fault(&fault, at, desk);
            return None;
        }
    };
    if !parsed.literals().all(|literal| fits(literal, place)) {
        unfit(at, desk);
        return None;
    }
    if parsed.literal().is_some() && !matches!(raw, raw::ValueEntry::Text(_)) && absent != Some(Absent::Omit) {
        let help = "remove `absent`, or name a variable";
        desk.warn(Code::Pointless, &format!("{pointer}/absent"), "a value without variables is never absent", help);
    }
    Some(Value { text: parsed, absent: absent? })
}

pub(super) fn fault(fault: &TextFault, pointer: &str, desk: &mut Desk<'_>) {
    let place = desk.place_of_word(pointer, fault.word());
    desk.push(Diagnostic::error(Code::Transform, place, fault.to_string()).help(fault.help()));
}

fn absent(raw: &raw::Absent, pointer: &str, place: Place, desk: &mut Desk<'_>) -> Option<Absent> {
    let raw::AnyJson(default) = match raw {
        raw::Absent::Omit => return Some(Absent::Omit),
        raw::Absent::Refuse => return Some(Absent::Refuse),
        raw::Absent::Default(default) => default,
    };
    let text = match default {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Bool(_) | serde_json::Value::Number(_) => default.to_string(),
        serde_json::Value::Null | serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            desk.error(Code::Transform, pointer, "the default of a header or a parameter is a text", "write a text");
            return None;
        }
    };
    if !fits(&text, place) {
        unfit(pointer, desk);
        return None;
    }
    if text.contains("{{") {
        let help = "write the text itself; a variable could be absent, too";
        desk.error(Code::Transform, pointer, "a default has no variables", help);
        return None;
    }
    Some(Absent::Default(text.into()))
}

fn fits(text: &str, place: Place) -> bool {
    text.len() <= HEADER_VALUE_BYTES_MAX
        && (place == Place::Query || text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~')))
}

fn unfit(pointer: &str, desk: &mut Desk<'_>) {
    let message = "a header value has visible ASCII characters, spaces and tabs only, and not more than 4096 bytes";
    desk.error(Code::Transform, pointer, message, "percent-encode other characters");
}
