//! The page of all config keys, read off the JSON Schema, so that editors and readers are told the same.

use super::GENERATED;
use serde_json::{Map, Value};
use std::fmt::Write as _;

pub(super) fn page() -> String {
    let schema = config::schema();
    let mut text = format!("# Config keys\n\n{GENERATED}");
    text.push_str("One YAML file. Durations (`5s`) and sizes (`64KiB`) carry units. Every section is closed: an unknown key is an error.\n");
    section(&mut text, "The file", &schema);
    let none = Map::new();
    let definitions = schema.get("definitions").and_then(Value::as_object).unwrap_or(&none);
    for (name, definition) in definitions {
        if definition.get("properties").is_some() {
            section(&mut text, name, definition);
        }
    }
    text
}

fn section(text: &mut String, name: &str, schema: &Value) {
    let doc = schema.get("description").and_then(Value::as_str).unwrap_or_default();
    let _ = write!(text, "\n## {name}\n\n{}\n\n", one_line(doc));
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    text.push_str("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for (key, property) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
        let default = match property.get("default") {
            _ if required.contains(&key.as_str()) => "required".to_owned(),
            Some(Value::Null) | None => String::new(),
            Some(Value::Object(object)) if object.len() > 2 => "see below".to_owned(),
            Some(default) => format!("`{default}`"),
        };
        let doc = property.get("description").and_then(Value::as_str).unwrap_or_default();
        let _ = writeln!(text, "| `{key}` | {} | {default} | {} |", kind(property), one_line(doc));
    }
}

/// What a value is, in a word or a reference.
fn kind(schema: &Value) -> String {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        return reference.rsplit('/').next().unwrap_or(reference).to_owned();
    }
    for key in ["anyOf", "allOf", "oneOf"] {
        if let Some(options) = schema.get(key).and_then(Value::as_array) {
            let kinds: Vec<String> =
                options.iter().map(kind).filter(|kind| kind != "null" && !kind.is_empty()).collect();
            if !kinds.is_empty() {
                return kinds.join(" or ");
            }
        }
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        return values
            .iter()
            .map(|value| value.to_string().trim_matches('"').to_owned())
            .collect::<Vec<_>>()
            .join(", ");
    }
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "array" => {
            format!("list of {}", schema.get("items").map(self::kind).unwrap_or_default())
        }
        Some(Value::String(kind)) if kind == "object" => match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => format!("map of {}", self::kind(values)),
            _ => "map".to_owned(),
        },
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str).filter(|kind| *kind != "null");
            kinds.collect::<Vec<_>>().join(" or ")
        }
        _ => String::new(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
