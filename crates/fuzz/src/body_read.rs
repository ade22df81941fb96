//! A body that is read: codings, JSON, a schema.

use engine::denial::{Denial, Detail};
use engine::names::PolicyId;
use engine::policy::reading::Reading;
use engine::reason::{Kind, Reason};
use engine::schema::{Formats, Schema};
use engine::trail::Mode;
use engine::violation::{MESSAGE_BYTES_MAX, POINTER_BYTES_MAX, VIOLATIONS_MAX};
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::{Value, json};
use std::sync::OnceLock;

const CODINGS: [&str; 8] = ["", "gzip", "deflate", "br", "zstd", "gzip, br", "identity", "compress"];
const BYTES_MAX: usize = 4_096;
/// A value that is shown by accident is at least as long; shorter ones occur in the words of messages.
const VALUE_BYTES_MIN: usize = 24;

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
            "propertyNames": { "maxLength": 9 },
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
    let mut values = Vec::new();
    if plain {
        let document: Value = serde_json::from_slice(body).expect("what was held against a schema is JSON");
        texts(&document, &mut values);
    }
    for violation in violations {
        assert!(violation.pointer.len() <= POINTER_BYTES_MAX && violation.message.len() <= MESSAGE_BYTES_MAX);
        let shown = values.iter().find(|value| violation.message.contains(&**value));
        assert_eq!(shown, None, "a value is shown");
    }
}

/// All values that are long texts. Names of members may be shown.
fn texts(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.len() >= VALUE_BYTES_MIN => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| texts(item, found)),
        Value::Object(members) => {
            // A value that is a name as well may be shown as that.
            members.values().for_each(|member| texts(member, found));
            found.retain(|text| !members.contains_key(text));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
