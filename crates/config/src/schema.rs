//! The config's JSON Schema (draft-07), made from the raw types: for editors, for the reference page and for the structural pass.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, Transform};
use schemars::{Schema, SchemaGenerator};
use serde_json::{Map, Value};

use crate::raw::RawConfig;

/// The schema that is published.
#[must_use]
pub fn schema() -> Value {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(simplify));
    SchemaGenerator::new(settings).into_root_schema_for::<RawConfig>().to_value()
}

/// The schema that configs are checked against: without the patterns that stand beside our formats, as the formats say more.
pub(crate) fn for_checking() -> Value {
    let settings = SchemaSettings::draft07().with_transform(RecursiveTransform(simplify));
    let settings = settings.with_transform(RecursiveTransform(without_patterns));
    SchemaGenerator::new(settings).into_root_schema_for::<RawConfig>().to_value()
}

/// Whether the format itself has the word: as a key, or as one of the values of a closed list.
pub(crate) fn has_word(word: &str) -> bool {
    static WORDS: OnceLock<BTreeSet<String>> = OnceLock::new();
    WORDS.get_or_init(|| words(&schema(), true)).contains(word)
}

fn words(part: &Value, with_values: bool) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    match part {
        Value::Object(object) => {
            let keys = object.get("properties").and_then(Value::as_object).into_iter().flat_map(Map::keys);
            words.extend(keys.cloned());
            if with_values {
                let values = object.get("enum").and_then(Value::as_array).into_iter().flatten();
                words.extend(values.filter_map(Value::as_str).map(str::to_owned));
            }
            object.values().for_each(|inner| words.extend(self::words(inner, with_values)));
        }
        Value::Array(items) => items.iter().for_each(|inner| words.extend(self::words(inner, with_values))),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
    words
}

/// Every key of the format.
#[cfg(test)]
pub(crate) fn keys() -> BTreeSet<String> {
    words(&schema(), false)
}

fn without_patterns(schema: &mut Schema) {
    if schema.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("tollgate-")) {
        schema.remove("pattern");
    }
}

/// An optional key may be left out, but never be empty: no `null` anywhere. And a closed list is an `enum`, however documented.
fn simplify(schema: &mut Schema) {
    let Some(object) = schema.as_object_mut() else { return };
    if let Some(Value::Array(types)) = object.get_mut("type") {
        types.retain(|kind| kind != "null");
        if let [only] = types.as_slice() {
            let only = only.clone();
            object.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(values)) = object.get_mut("enum") {
        values.retain(|value| !value.is_null());
    }
    if object.get("default").is_some_and(Value::is_null) {
        object.remove("default");
    }
    drop_null_branch(object);
    list_constants(object);
}

fn drop_null_branch(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.get_mut("anyOf") else { return };
    branches.retain(|branch| branch.get("type").is_none_or(|kind| kind != "null"));
    if let [only] = branches.as_slice() {
        let only = only.clone();
        object.remove("anyOf");
        match only {
            // In draft-07 what stands beside `$ref` is ignored, so the reference goes one level down.
            only if only.get("$ref").is_some() => {
                object.insert("allOf".to_owned(), Value::Array(vec![only]));
            }
            Value::Object(only) => {
                for (key, value) in only {
                    object.entry(key).or_insert(value);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {}
        }
    }
}

/// `oneOf` of documented constants becomes `enum` with `enumDescriptions`, which editors show and the pass understands.
fn list_constants(object: &mut Map<String, Value>) {
    let Some(Value::Array(branches)) = object.get("oneOf") else { return };
    let mut values = Vec::new();
    let mut descriptions = Vec::new();
    for branch in branches {
        let description = branch.get("description").cloned().unwrap_or_else(|| "".into());
        match (branch.get("const"), branch.get("enum").and_then(Value::as_array)) {
            (Some(value), _) => values.push(value.clone()),
            (None, Some(more)) => values.extend(more.iter().cloned()),
            (None, None) => return,
        }
        descriptions.resize(values.len(), description);
    }
    object.remove("oneOf");
    object.insert("type".to_owned(), "string".into());
    object.insert("enum".to_owned(), values.into());
    object.insert("enumDescriptions".to_owned(), descriptions.into());
}

const _: fn() = || {
    fn is_transform(_: impl Transform) {}
    is_transform(simplify);
};

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(value: &Value, path: &str, check: &mut impl FnMut(&str, &Map<String, Value>)) {
        match value {
            Value::Object(object) => {
                check(path, object);
                object.iter().for_each(|(key, value)| walk(value, &format!("{path}/{key}"), check));
            }
            Value::Array(items) => items.iter().for_each(|item| walk(item, path, check)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    #[test]
    fn every_key_is_described() {
        let schema = schema();
        walk(&schema, "", &mut |path, object| {
            let Some(Value::Object(properties)) = object.get("properties") else { return };
            for (key, property) in properties {
                let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
                assert!(description.ends_with('.') || description.ends_with('`'), "{path}/{key}: {description:?}");
            }
        });
    }

    #[test]
    fn no_key_may_be_null_and_no_map_is_open_by_accident() {
        walk(&schema(), "", &mut |path, object| {
            assert!(object.get("type") != Some(&"null".into()), "{path}");
            assert!(
                !object.get("type").and_then(Value::as_array).is_some_and(|all| all.contains(&"null".into())),
                "{path}"
            );
            if object.get("type") == Some(&"object".into()) {
                assert!(object.contains_key("additionalProperties"), "{path}: {object:?}");
            }
        });
    }

    #[test]
    fn defaults_that_are_used_are_shown() {
        let schema = schema();
        let at = |pointer: &str| schema.pointer(pointer).cloned().unwrap_or_default();
        assert_eq!(at("/definitions/Limits/properties/headerBytes/default"), "32KiB");
        assert_eq!(at("/definitions/Timeouts/properties/firstByte/default"), "15s");
        assert_eq!(at("/definitions/Server/properties/threads/default"), "auto");
        assert_eq!(at("/definitions/RequestId/properties/accept/default"), "trusted");
        assert_eq!(at("/definitions/Mode/enum"), serde_json::json!(["enforce", "dryRun", "off"]));
        assert_eq!(at("/$schema"), "http://json-schema.org/draft-07/schema#");
    }

    #[test]
    fn defaults_take_every_key_of_a_route_but_what_names_it() {
        let schema = schema();
        let keys = |name: &str| {
            let properties =
                schema.pointer(&format!("/definitions/{name}/properties")).and_then(Value::as_object).unwrap();
            properties.keys().cloned().collect::<Vec<_>>()
        };
        let own = ["name", "host", "hosts", "paths"];
        let expected: Vec<String> = keys("Route").into_iter().filter(|key| !own.contains(&key.as_str())).collect();
        assert_eq!(keys("Defaults"), expected);
    }
}
