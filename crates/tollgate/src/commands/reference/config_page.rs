//! The page of all config keys, read off the JSON Schema, so that editors and readers are told the same. Sections are named by
//! where their keys stand in the file: `routes[].auth`.

use super::GENERATED;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// A map of the file, and every place where one of its form can stand.
struct Section<'s> {
    definition: &'s str,
    schema: &'s Value,
    places: Vec<String>,
}

pub(super) fn page() -> String {
    let schema = config::schema();
    let mut text = format!("# Config keys\n\n{GENERATED}");
    text.push_str(
        "One YAML file. `[]` stands for each item of a list, `NAME` for a name of your own. Durations (`5s`) and sizes (`64KiB`) \
         carry units. Every section is closed: an unknown key is an error.\n\n## The file\n\n",
    );
    table(&mut text, &schema, &schema);
    let mut sections = Vec::new();
    walk(&schema, &schema, "", &mut sections);
    for Section { definition: _, schema: map, places } in &sections {
        let Some((first, others)) = places.split_first() else { continue };
        let _ = write!(text, "\n## {first}\n\n{}\n\n", description(map));
        if !others.is_empty() {
            let others: Vec<String> = others.iter().map(|place| format!("`{place}`")).collect();
            let _ = write!(text, "The same form has {}.\n\n", others.join(", "));
        }
        table(&mut text, map, &schema);
    }
    text
}

/// Every map below `schema`, in the order of the file.
fn walk<'s>(root: &'s Value, schema: &'s Value, place: &str, sections: &mut Vec<Section<'s>>) {
    for (key, property) in properties(schema) {
        let place = if place.is_empty() { key.clone() } else { format!("{place}.{key}") };
        enter(root, property, &place, sections);
    }
}

fn enter<'s>(root: &'s Value, schema: &'s Value, place: &str, sections: &mut Vec<Section<'s>>) {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let Some(target) = name.strip_prefix('#').and_then(|pointer| root.pointer(pointer)) else { return };
        if properties(target).next().is_none() {
            return enter(root, target, place, sections);
        }
        if let Some(known) = sections.iter_mut().find(|section| section.definition == name) {
            return known.places.push(place.to_owned());
        }
        sections.push(Section { definition: name, schema: target, places: vec![place.to_owned()] });
        return walk(root, target, place, sections);
    }
    for key in ["anyOf", "allOf"] {
        for option in schema.get(key).and_then(Value::as_array).into_iter().flatten() {
            enter(root, option, place, sections);
        }
    }
    if let Some(items) = schema.get("items") {
        enter(root, items, &format!("{place}[]"), sections);
    }
    if let Some(values @ Value::Object(_)) = schema.get("additionalProperties") {
        enter(root, values, &format!("{place}.NAME"), sections);
    }
}

fn properties(schema: &Value) -> impl Iterator<Item = (&String, &Value)> {
    schema.get("properties").and_then(Value::as_object).into_iter().flatten()
}

fn description(schema: &Value) -> String {
    one_line(schema.get("description").and_then(Value::as_str).unwrap_or_default())
}

fn table(text: &mut String, schema: &Value, root: &Value) {
    let required: Vec<&str> =
        schema.get("required").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect();
    if properties(schema).next().is_none() {
        return;
    }
    text.push_str("| key | value | default | meaning |\n| --- | --- | --- | --- |\n");
    for (key, property) in properties(schema) {
        let default = match property.get("default") {
            _ if required.contains(&key.as_str()) => "required".to_owned(),
            Some(Value::Null | Value::Object(_)) | None => "optional".to_owned(),
            Some(Value::Array(list)) if list.is_empty() => "empty".to_owned(),
            Some(Value::String(text)) => format!("`{text}`"),
            Some(default @ (Value::Bool(_) | Value::Number(_) | Value::Array(_))) => format!("`{default}`"),
        };
        let _ = writeln!(text, "| `{key}` | {} | {default} | {} |", kind(property, root), description(property));
    }
}

/// What a value is, in a few words.
fn kind(schema: &Value, root: &Value) -> String {
    if let Some(name) = schema.get("$ref").and_then(Value::as_str) {
        let target = name.strip_prefix('#').and_then(|pointer| root.pointer(pointer)).unwrap_or(&Value::Null);
        return kind(target, root);
    }
    for key in ["anyOf", "allOf"] {
        if let Some(options) = schema.get(key).and_then(Value::as_array) {
            let kinds: Vec<String> = options.iter().map(|option| kind(option, root)).collect();
            return kinds.join(" or ");
        }
    }
    if let Some(format) = schema.get("format").and_then(Value::as_str).and_then(|name| name.strip_prefix("tollgate-")) {
        return format.replace('-', " ");
    }
    if let Some(values) = schema.get("enum").and_then(Value::as_array) {
        let values = values.iter().map(|value| format!("`{}`", value.to_string().trim_matches('"')));
        return values.collect::<Vec<_>>().join(", ");
    }
    if let Some(only) = schema.get("const") {
        return format!("`{only}`");
    }
    let none = Map::new();
    match schema.get("type") {
        Some(Value::String(kind)) if kind == "array" => {
            let item = schema.get("items").map(|items| self::kind(items, root)).unwrap_or_default();
            format!("list of {}", if item == "map" { "maps" } else { &item })
        }
        Some(Value::String(kind)) if kind == "object" => match schema.get("additionalProperties") {
            Some(values @ Value::Object(_)) => match self::kind(values, root).as_str() {
                "map" => "maps by name".to_owned(),
                kind => format!("map of names to {kind}"),
            },
            _ if schema.get("properties").and_then(Value::as_object).unwrap_or(&none).is_empty() => "`{}`".to_owned(),
            _ => "map".to_owned(),
        },
        Some(Value::String(kind)) if kind == "string" => "text".to_owned(),
        Some(Value::String(kind)) if kind == "boolean" => "`true`, `false`".to_owned(),
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => {
            let kinds = kinds.iter().filter_map(Value::as_str).map(|kind| if kind == "string" { "text" } else { kind });
            kinds.collect::<Vec<_>>().join(" or ")
        }
        Some(Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_)) | None => "anything".to_owned(),
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").replace('|', "\\|")
}
