//! Schemas that lead back to themselves, and values as deep as a body may be: neither the verdict nor the list may take long. A test
//! here fails by not ending.

use super::{Formats, Schema};
use crate::violation::Place;
use serde_json::{Value, json};

/// Deeper than `depthMax` may be.
const DEPTH: usize = 120;

/// `leaf` within so many layers.
fn nested(depth: usize, leaf: &Value, layer: impl Fn(&Value) -> Value) -> Value {
    (0..depth).fold(leaf.clone(), |inner, _| layer(&inner))
}

/// The pointers and messages of what is found.
fn found(schema: &Value, value: &Value) -> Vec<String> {
    let schema = Schema::compile(schema, Formats::Checked).unwrap();
    match schema.check(Place::Body, "", value, 1) {
        Ok(()) => Vec::new(),
        Err(violations) => violations.iter().map(|one| format!("{}: {}", one.pointer, one.message)).collect(),
    }
}

fn left(inner: &Value) -> Value {
    json!({"op": "neg", "left": inner})
}

/// An expression tree, in every way in which a schema can lead back to itself from two places.
fn trees() -> Vec<(&'static str, Value)> {
    let down = json!({"properties": {"left": {"$ref": "#/$defs/e"}}});
    let operator = |name: &str| json!({"type": "object", "required": ["op", "left"], "properties": {"op": {"const": name}, "left": {"$ref": "#/$defs/e"}}});
    let number = json!({"type": "number"});
    let with = |e: Value| json!({"$ref": "#/$defs/e", "$defs": {"e": e, "b": down, "n": number}});
    let objects = json!({"type": ["object", "number"]});
    vec![
        ("oneOf", with(json!({"oneOf": [operator("not"), operator("neg"), number]}))),
        ("anyOf", with(json!({"anyOf": [operator("not"), operator("neg"), number]}))),
        ("allOf", with(json!({"allOf": [objects, {"$ref": "#/$defs/b"}, down]}))),
        ("allOf of anyOf", with(json!({"allOf": [{"anyOf": [down, number]}, {"oneOf": [down]}, objects]}))),
        (
            "not",
            with(json!({"type": ["object", "number"], "not": {"not": down}, "allOf": [{"not": {"not": down}}, down]})),
        ),
        ("if", with(json!({"if": down, "then": {"allOf": [down, objects]}, "else": {"type": "number"}}))),
        (
            "dependentSchemas",
            with(json!({"type": ["object", "number"], "dependentSchemas": {"left": down, "op": down}})),
        ),
        (
            "additional and pattern",
            with(
                json!({"type": ["object", "number", "string"], "patternProperties": {"^l": {"$ref": "#/$defs/e"}, "t$": {"$ref": "#/$defs/e"}}, "allOf": [{"additionalProperties": {"$ref": "#/$defs/e"}}, {"properties": {"op": {"const": "neg"}}}]}),
            ),
        ),
        (
            "unevaluated",
            with(
                json!({"type": ["object", "number"], "anyOf": [down, {"$ref": "#/$defs/b"}], "properties": {"op": true}, "unevaluatedProperties": false}),
            ),
        ),
        (
            "dynamic",
            json!({"$dynamicAnchor": "e", "type": ["object", "number"], "allOf": [{"properties": {"left": {"$dynamicRef": "#e"}}}, {"properties": {"left": {"$dynamicRef": "#e"}}}]}),
        ),
        (
            "recursive",
            json!({"$schema": "https://json-schema.org/draft/2019-09/schema", "$recursiveAnchor": true, "type": ["object", "number"], "allOf": [{"properties": {"left": {"$recursiveRef": "#"}}}, {"properties": {"left": {"$recursiveRef": "#"}}}]}),
        ),
        (
            "anchor and id",
            json!({"$id": "https://example.com/e", "$anchor": "e", "type": ["object", "number"], "allOf": [{"properties": {"left": {"$ref": "e#e"}}}, {"properties": {"left": {"$ref": "https://example.com/e"}}}]}),
        ),
    ]
}

#[test]
fn a_deep_value_is_judged_and_its_list_is_short() {
    for (name, schema) in trees() {
        assert_eq!(found(&schema, &nested(DEPTH, &json!(1), left)), [""; 0], "{name}");
        let bad = found(&schema, &nested(DEPTH, &json!([]), left));
        assert_eq!(bad, [": does not match the schema"], "{name}");
    }
}

#[test]
fn lists_of_lists_are_no_way_around_it() {
    let layer = |inner: &Value| json!([inner, 1]);
    let items = json!({"items": {"$ref": "#/$defs/e"}});
    for (name, schema) in [
        ("items", json!({"allOf": [items, items], "type": ["array", "number"]})),
        (
            "contains",
            json!({"type": ["array", "number"], "allOf": [items, {"if": {"type": "array"}, "then": {"contains": {"$ref": "#/$defs/e"}}}]}),
        ),
        (
            "prefixItems",
            json!({"type": ["array", "number"], "allOf": [{"prefixItems": [{"$ref": "#/$defs/e"}]}, items]}),
        ),
        (
            "unevaluatedItems",
            json!({"type": ["array", "number"], "anyOf": [items, {"prefixItems": [{"$ref": "#/$defs/e"}]}], "unevaluatedItems": {"$ref": "#/$defs/e"}}),
        ),
    ] {
        let schema = json!({"$ref": "#/$defs/e", "$defs": {"e": schema}});
        assert_eq!(found(&schema, &nested(DEPTH, &json!(1), layer)), [""; 0], "{name}");
        assert_eq!(found(&schema, &nested(DEPTH, &json!("x"), layer)), [": does not match the schema"], "{name}");
    }
}

/// What is recursive and small, or deep and leads down one way, is told in full.
#[test]
fn the_list_is_whole_where_it_is_cheap() {
    for (name, schema) in trees() {
        let bad = found(&schema, &nested(2, &json!([]), left));
        assert!(!bad.is_empty() && !bad[0].ends_with("does not match the schema"), "{name}: {bad:?}");
    }
    let chain = json!({"type": "object", "properties": {"left": {"$ref": "#"}, "op": {"type": "string"}}});
    let pointer = "/left".repeat(DEPTH / 3);
    assert_eq!(found(&chain, &nested(DEPTH / 3, &json!([]), left)), [format!("{pointer}: is a list, not object")]);
}
