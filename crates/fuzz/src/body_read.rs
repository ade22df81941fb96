//! A body that is read: codings, JSON, a schema.

use engine::denial::{Denial, Detail};
use engine::names::PolicyId;
use engine::policy::reading::Reading;
use engine::reason::{Kind, Reason};
use engine::schema::{Formats, Schema};
use engine::trail::Mode;
use engine::violation::{MESSAGE_BYTES_MAX, POINTER_BYTES_MAX, VIOLATIONS_MAX, Violation};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use std::sync::OnceLock;

const CODINGS: [&str; 8] = ["", "gzip", "deflate", "br", "zstd", "gzip, br", "identity", "compress"];
const BYTES_MAX: usize = 4_096;
/// Characters that a member's name may have, by the schema, and that are shown of a longer one.
const NAME_CHARACTERS_MAX: usize = 9;
const NAME_CHARACTERS_SHOWN: usize = 40;
/// Whatever else may be said under the schema. Nothing of it depends on a value, so that no value can be shown.
const SAID: [&str; 9] = [
    "\"id\" is required",
    "is longer than 4 characters",
    "does not match ^[a-z]+$",
    "is less than 1",
    "is not a multiple of 3",
    "fits none of the 3 alternatives",
    "is not of the format date-time",
    "has the same item twice",
    "does not match the schema",
];
const TYPES: [&str; 6] = ["null", "a boolean", "a number", "a string", "a list", "an object"];
const TYPES_ASKED_FOR: [&str; 3] = ["array or object", "string", "integer"];

fn reading() -> &'static Reading {
    static READING: OnceLock<Reading> = OnceLock::new();
    READING.get_or_init(|| {
        let schema = json!({
            "type": ["object", "array"],
            "required": ["id"],
            "properties": {
                "id": { "type": "string", "pattern": "^[a-z]+$", "maxLength": 4 },
                "n": { "type": "integer", "minimum": 1, "multipleOf": 3 },
                "a": { "anyOf": [{ "const": 1 }, { "enum": ["x", null] }, { "$ref": "#" }] },
                "at": { "format": "date-time" }
            },
            "propertyNames": { "maxLength": NAME_CHARACTERS_MAX },
            "items": { "$ref": "#" },
            "uniqueItems": true
        });
        Reading {
            policy: PolicyId(0),
            mode: Mode::Enforce,
            bytes_max: BYTES_MAX,
            decompressed_bytes_max: BYTES_MAX,
            depth_max: 16,
            schema: Some(Schema::compile(&schema, Formats::Checked).expect("a schema")),
        }
    })
}

/// One byte names the coding, one the length of the pieces, the rest is the body.
pub fn body_read(data: &[u8]) {
    let Some(([coding, size], body)) = data.split_first_chunk() else { return };
    let coding = CODINGS[usize::from(*coding) % CODINGS.len()];
    let whole = judge(coding, &[body]);
    let pieces: Vec<&[u8]> = body.chunks(usize::from(*size).max(1)).collect();
    assert_eq!(judge(coding, &pieces), whole, "in pieces of {size}");
    let plain = matches!(coding, "" | "identity");
    match whole {
        Ok(None) => assert!(body.is_empty(), "a body that was not judged"),
        Ok(Some(value)) if plain => {
            assert_eq!(serde_json::from_slice::<Value>(body).ok(), Some(value), "another reading");
        }
        Ok(Some(_)) => {}
        Err(denial) => is_bounded(&denial, body, plain),
    }
}

fn judge(coding: &'static str, pieces: &[&[u8]]) -> Result<Option<Value>, Denial> {
    let mut headers = HeaderMap::new();
    headers.insert(header::TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
    headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding));
    let reading = reading();
    reading.check(&Method::GET, &headers)?;
    let wanted = reading.wants(&Method::GET, &headers).expect("a body that was accepted by its head is wanted");
    let mut held = Vec::new();
    for piece in pieces {
        reading.push(&mut held, piece)?;
        assert!(held.len() <= BYTES_MAX);
    }
    Ok(reading.judge(&wanted, &held)?.map(|judged| judged.document.value))
}

fn is_bounded(denial: &Denial, body: &[u8], plain: bool) {
    let Detail::Invalid(violations) = &denial.detail else {
        assert_ne!(denial.reason, Reason::BodySchemaMismatch, "a mismatch without violations");
        assert!(
            matches!(denial.kind(), Kind::BodyMalformed | Kind::BodyTooLarge | Kind::ContentTypeUnsupported),
            "{denial:?}"
        );
        return;
    };
    assert!((1..=VIOLATIONS_MAX).contains(&violations.len()));
    let document = plain.then(|| serde_json::from_slice(body).expect("what was held against a schema is JSON"));
    for violation in violations {
        assert!(violation.pointer.len() <= POINTER_BYTES_MAX && violation.message.len() <= MESSAGE_BYTES_MAX);
        shows_no_value(violation, document.as_ref());
    }
}

/// A pointer is made of names and numbers, and leads to a value; a message is one that was known before, or has a name of the client's in
/// it that stands where the pointer leads. Without the document, which was compressed, that name is anybody's.
fn shows_no_value(violation: &Violation, document: Option<&Value>) {
    let said = &*violation.message;
    // Of what is cut, nothing more is known than how long it is.
    let is_cut = violation.pointer.ends_with('…') && violation.pointer.len() + '…'.len_utf8() >= POINTER_BYTES_MAX;
    let place = document.and_then(|document| document.pointer(&violation.pointer));
    assert!(place.is_some() || document.is_none() || is_cut, "a pointer to nothing: {violation:?}");
    if SAID.contains(&said) || is_of_types(said) {
        return;
    }
    let inner = said.strip_prefix("has the name \"");
    let inner = inner.and_then(|rest| rest.strip_suffix("\", which is longer than 9 characters"));
    let shown = inner.unwrap_or_else(|| panic!("words that nobody knows: {violation:?}"));
    match place {
        Some(place) => {
            let names = place.as_object().expect("what has members is an object").keys();
            let mut long = names.filter(|name| name.chars().count() > NAME_CHARACTERS_MAX);
            assert!(long.any(|name| as_shown(name) == shown), "no name of this object: {violation:?}");
        }
        None => assert!(shown.chars().count() <= NAME_CHARACTERS_SHOWN + 1, "{violation:?}"),
    }
}

/// `is a number, not string`.
fn is_of_types(said: &str) -> bool {
    let pair = said.strip_prefix("is ").and_then(|types| types.split_once(", not "));
    pair.is_some_and(|(sent, asked_for)| TYPES.contains(&sent) && TYPES_ASKED_FOR.contains(&asked_for))
}

fn as_shown(name: &str) -> String {
    match name.char_indices().nth(NAME_CHARACTERS_SHOWN) {
        Some((end, _)) => format!("{}…", &name[..end]),
        None => name.to_owned(),
    }
}
