//! `body`: what a request may carry, as its head tells it (`Payload`) and as it is read (`Reading`).

use engine::json;
use engine::media_type::is_json;
use engine::policy::payload::{Payload, TypeMissing};
use engine::policy::reading::Reading;
use engine::schema::{Formats, Schema};
use engine::trail::Mode;
use serde_json::Value;

use super::counting;
use super::desk::Desk;
use crate::diagnostic::{Code, quoted};
use crate::raw;
use crate::text::Size;

/// What is read of a body where nothing is said.
const READ_BYTES: Size = Size::of_kibibytes(1_024);
/// What can be read at most: it is held as a whole.
const READ_BYTES_MAX: Size = Size::of_kibibytes(64 * 1_024);
const DEPTH: u32 = 64;

/// Keys that only say something of a body that is read.
const OF_READING: [&str; 3] = ["format", "depthMax", "decompressedBytesMax"];

/// A route's `body`, compiled. Nothing of it is there where the mode is `off`.
#[derive(Default)]
pub(super) struct Body {
    pub(super) payload: Option<Payload>,
    pub(super) reading: Option<Reading>,
}

pub(super) fn compile(owner: &str, raw: &raw::Body, all_max: Size, at: &str, desk: &mut Desk<'_>) -> Body {
    let mode = counting::mode(raw.mode);
    let policy = desk.policy(format!("{owner}.body"), at, mode, None);
    let schema = schema(raw, at, desk);
    let is_read = raw.schema.is_some() || raw.schema_file.is_some();
    let bytes_max = raw.bytes_max.or(is_read.then_some(READ_BYTES));
    if is_read {
        readable(raw, bytes_max.unwrap_or(READ_BYTES), all_max, at, desk);
    } else {
        for key in OF_READING {
            if !desk.has(&format!("{at}/{key}")) {
                continue;
            }
            let message = format!("{} has no effect without `schema`", quoted(key));
            desk.warn(Code::Pointless, &format!("{at}/{key}"), message, "remove it: it is about a body that is read");
        }
    }
    if mode == Mode::Off {
        return Body::default();
    }
    let types = raw.content_types.iter().flatten();
    let payload = Payload {
        policy,
        bytes_max: bytes_max.map(Size::bytes),
        content_types: types.map(|accepted| accepted.as_str().to_ascii_lowercase().into()).collect(),
        type_missing: match raw.content_type_missing {
            raw::ContentTypeMissing::Refuse => TypeMissing::Refuse,
            raw::ContentTypeMissing::Allow => TypeMissing::Allow,
        },
        require_length: raw.require_length,
        mode,
    };
    let reading = schema.map(|schema| {
        let bytes_max = bytes_max.unwrap_or(READ_BYTES);
        Reading {
            policy,
            mode,
            bytes_max: bytes(bytes_max),
            decompressed_bytes_max: bytes(raw.decompressed_bytes_max.unwrap_or(bytes_max)),
            depth_max: raw.depth_max.unwrap_or(DEPTH),
            schema: Some(schema),
        }
    });
    Body { payload: Some(payload), reading }
}

/// What holds for a body that is held as a whole and read as JSON.
fn readable(raw: &raw::Body, bytes_max: Size, all_max: Size, at: &str, desk: &mut Desk<'_>) {
    let sizes = [("bytesMax", Some(bytes_max)), ("decompressedBytesMax", raw.decompressed_bytes_max)];
    let sizes = sizes.into_iter().filter_map(|(key, size)| Some((key, size?)));
    for (key, size) in sizes.filter(|(_, size)| *size > READ_BYTES_MAX) {
        let message = format!("{} is {size} where a body is read", quoted(key));
        let help = format!("at most {READ_BYTES_MAX}: the whole body is held until the schema has been asked");
        desk.error(Code::OutOfRange, &format!("{at}/{key}"), message, help);
    }
    if bytes_max > all_max && bytes_max <= READ_BYTES_MAX && !desk.is_left_out("/limits") {
        let message = format!("a body may have {bytes_max}, and all that are read together {all_max}");
        let help = "raise `limits.heldBodyBytes`, or lower `bytesMax`: such a body never passes";
        desk.error(Code::OutOfRange, &format!("{at}/bytesMax"), message, help);
    }
    for (index, accepted) in raw.content_types.iter().flatten().enumerate().filter(|(_, one)| !is_json(one.as_str())) {
        let message = format!("every body is read as JSON here, one of the type {} as well", quoted(accepted.as_str()));
        let help = "name types of JSON only, or give other types a route of their own";
        desk.warn(Code::Pointless, &format!("{at}/contentTypes/{index}"), message, help);
    }
}

fn schema(raw: &raw::Body, at: &str, desk: &mut Desk<'_>) -> Option<Schema> {
    let formats = if raw.format { Formats::Checked } else { Formats::Ignored };
    if let Some(schema) = &raw.schema {
        let at = format!("{at}/schema");
        return compiled(schema.get(), formats, &at, desk);
    }
    let named = raw.schema_file.as_ref()?;
    let at = format!("{at}/schemaFile");
    let document = document(named, &at, desk)?;
    let schema = Schema::compile(&document, formats).ok();
    if schema.is_none() {
        for fault in Schema::faults(&document, formats) {
            let whole = if fault.pointer.is_empty() { "its whole" } else { &*fault.pointer };
            let message = format!("the schema in {} is not sound at {whole}: {}", quoted(named), fault.message);
            desk.error(Code::Schema, &at, message, fault.help);
        }
    }
    schema
}

/// A schema that stands in the config, each fault at its own place.
pub(super) fn compiled(schema: &Value, formats: Formats, at: &str, desk: &mut Desk<'_>) -> Option<Schema> {
    let compiled = Schema::compile(schema, formats).ok();
    if compiled.is_none() {
        for fault in Schema::faults(schema, formats) {
            let message = format!("the schema is not sound: {}", fault.message);
            desk.error(Code::Schema, &format!("{at}{}", fault.pointer), message, fault.help);
        }
    }
    compiled
}

fn document(named: &str, at: &str, desk: &mut Desk<'_>) -> Option<Value> {
    let bytes = desk.file(at, named)?;
    match json::read(&bytes, json::DEPTH_MAX) {
        Ok(document) => Some(document.value),
        Err(fault) => {
            let message = format!("{} is no JSON: {fault}", quoted(named));
            desk.error(Code::Schema, at, message, "a schema file is one JSON object");
            None
        }
    }
}

fn bytes(size: Size) -> usize {
    super::process::bytes(size)
}
