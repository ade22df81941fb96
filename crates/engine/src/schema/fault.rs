//! Why a schema cannot be compiled, for the one who wrote it. The schema is the operator's own, so what stands in it may be quoted.

use super::message;
use jsonschema::ValidationError;
use jsonschema::error::ValidationErrorKind as Kind;
use serde_json::Value;

/// How much of the validator's own words is shown.
const MESSAGE_CHARACTERS_MAX: usize = 300;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFault {
    /// Where in the schema (RFC 6901); empty for the whole of it.
    pub pointer: String,
    pub message: String,
    pub help: String,
}

impl SchemaFault {
    pub(super) fn of(error: &ValidationError<'_>, schema: &Value) -> Self {
        if let Kind::Referencing(cause) = error.kind() {
            return dangling(&cause.to_string(), schema);
        }
        let pointer = error.instance_path().as_str().to_owned();
        let text = error.instance().as_str().map(|text| text.chars().take(MESSAGE_CHARACTERS_MAX).collect::<String>());
        let said = || message::wrong(error).chars().take(MESSAGE_CHARACTERS_MAX).collect();
        let (message, help) = match (pointer.rsplit('/').next().unwrap_or_default(), &text) {
            ("type", Some(text)) => (
                format!("`{text}` is no type"),
                "the types are `object`, `array`, `string`, `number`, `integer`, `boolean` and `null`",
            ),
            ("format", Some(text)) => (
                format!("`{text}` is no format that is known here"),
                "correct it, or leave `format: true` out: formats are remarks then",
            ),
            ("pattern", _) => (said(), PATTERNS),
            _ if pointer.contains("/patternProperties/") => (said(), PATTERNS),
            _ => (said(), "a schema has the form that its draft gives it: 2020-12 without `$schema`"),
        };
        Self { pointer, message, help: help.into() }
    }
}

const PATTERNS: &str = "patterns run in linear time: without look-around and back-references";

/// The validator does not say which reference leads nowhere: it is the first that leads out of the schema, or else one within it.
fn dangling(cause: &str, schema: &Value) -> SchemaFault {
    let mut found = Vec::new();
    references(schema, &mut String::new(), &mut found);
    let leads_out = |text: &str| !text.starts_with('#');
    // Not blamed while there is another: one that leads to the schema itself, or by a pointer to something within.
    let leads_to_something =
        |text: &str| text.strip_prefix('#').is_some_and(|pointer| schema.pointer(pointer).is_some());
    found.sort_by_key(|(_, text)| leads_to_something(text));
    let culprit =
        found.iter().find(|(_, text)| leads_out(text) && cause.contains(text.split('#').next().unwrap_or(text)));
    let culprit = culprit
        .or_else(|| found.iter().find(|(_, text)| !leads_out(text) && cause.contains(text.trim_start_matches('#'))));
    let culprit = culprit.or_else(|| found.iter().find(|(_, text)| leads_out(text)));
    match culprit.or(found.first()) {
        Some((pointer, text)) if leads_out(text) => SchemaFault {
            pointer: pointer.clone(),
            message: format!("`{text}` is not in this schema, and nothing is fetched"),
            help: "copy what it names into `$defs` of this schema, and refer to `#/$defs/NAME`".into(),
        },
        Some((pointer, text)) => SchemaFault {
            pointer: pointer.clone(),
            message: format!("`{text}` leads nowhere in this schema"),
            help: "a reference is `#/$defs/NAME`, `#ANCHOR` or `#` for the whole schema".into(),
        },
        None => SchemaFault {
            pointer: String::new(),
            message: cause.chars().take(MESSAGE_CHARACTERS_MAX).collect(),
            help: "a reference leads to somewhere in the same schema".into(),
        },
    }
}

/// Every `$ref` with the place of its text.
fn references(schema: &Value, at: &mut String, found: &mut Vec<(String, String)>) {
    let length = at.len();
    let inner = |step: &str, value: &Value, at: &mut String, found: &mut Vec<_>| {
        at.push('/');
        at.push_str(&step.replace('~', "~0").replace('/', "~1"));
        if matches!(step, "$ref" | "$dynamicRef" | "$recursiveRef")
            && let Value::String(text) = value
        {
            found.push((at.clone(), text.clone()));
        }
        references(value, at, found);
        at.truncate(length);
    };
    match schema {
        Value::Object(members) => members.iter().for_each(|(name, value)| inner(name, value, at, found)),
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, value)| inner(&index.to_string(), value, at, found));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
