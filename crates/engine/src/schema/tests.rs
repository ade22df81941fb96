use super::{Formats, Schema, SchemaFault, VALUES_MAX};
use crate::violation::{Place, VIOLATIONS_MAX};
use serde_json::{Value, json};

/// The guide's own.
const ORDER: &str = r#"{
  "type": "object",
  "required": ["orderId", "items"],
  "properties": {
    "orderId": { "type": "string" },
    "items": {
      "type": "array",
      "minItems": 1
    }
  }
}"#;

fn compiled(schema: &Value) -> Schema {
    Schema::compile(schema, Formats::Checked).unwrap()
}

/// Each violation as `pointer: message`.
fn found(schema: &Value, value: &Value) -> Vec<String> {
    let document = crate::json::read(value.to_string().as_bytes(), 127).unwrap();
    match compiled(schema).check(Place::Body, "", value, document.values) {
        Ok(()) => Vec::new(),
        Err(violations) => violations.iter().map(|one| format!("{}: {}", one.pointer, one.message)).collect(),
    }
}

#[track_caller]
fn check(schema: &Value, value: &Value, expected: &[&str]) {
    assert_eq!(found(schema, value), expected, "{schema} {value}");
}

#[test]
fn the_guides_schema_does_what_the_guide_says() {
    let schema: Value = serde_json::from_str(ORDER).unwrap();
    check(&schema, &json!({"orderId": "A-1", "items": [1]}), &[]);
    check(&schema, &json!({"orderId": "A-1", "items": [null, {"deep": [{}]}], "more": null}), &[]);
    check(&schema, &json!({"orderId": "A-1", "items": []}), &["/items: has fewer than 1 items"]);
    check(
        &schema,
        &json!({"orderId": null, "items": null}),
        &["/items: is null, not array", "/orderId: is null, not string"],
    );
    check(&schema, &json!({}), &[": \"orderId\" is required", ": \"items\" is required"]);
    check(&schema, &json!([]), &[": is a list, not object"]);
    check(
        &schema,
        &json!({"orderId": {"nested": {}}, "items": {"0": 1}}),
        &["/items: is an object, not array", "/orderId: is an object, not string"],
    );
}

#[test]
fn each_keyword_says_what_was_expected_and_never_what_was_sent() {
    let secret = "s3cret-s3cret-s3cret";
    for (schema, value, expected) in [
        (json!({"type": ["string", "null"]}), json!(1), "is a number, not null or string"),
        (
            json!({"properties": {"b": true}, "additionalProperties": false}),
            json!({"a": secret}),
            "\"a\" is not allowed here",
        ),
        (json!({"unevaluatedProperties": false}), json!({"a": secret, "b": 1}), "\"a\" and \"b\" are not allowed here"),
        (
            json!({"properties": {}, "additionalProperties": false}),
            json!({"a": 1, "b": 1, "c": 1, "d": 1, "e": 1}),
            "\"a\", \"b\", \"c\" and 2 more are not allowed here",
        ),
        (json!({"prefixItems": [true], "items": false}), json!([1, secret]), "is not allowed here"),
        (json!({"maxItems": 1}), json!([secret, 1]), "has more than 1 items"),
        (json!({"maxLength": 3}), json!(secret), "is longer than 3 characters"),
        (json!({"minLength": 300}), json!(secret), "is shorter than 300 characters"),
        (json!({"minProperties": 2}), json!({"a": secret}), "has fewer than 2 members"),
        (json!({"maximum": 10.5}), json!(11), "is greater than 10.5"),
        (json!({"exclusiveMinimum": 11}), json!(11), "is not greater than 11"),
        (json!({"multipleOf": 2}), json!(3), "is not a multiple of 2"),
        (json!({"pattern": "^a$"}), json!(secret), "does not match ^a$"),
        (json!({"format": "date"}), json!(secret), "is not of the format date"),
        (json!({"enum": ["a", 1]}), json!(secret), "is none of [\"a\",1]"),
        (json!({"const": null}), json!(secret), "is not null"),
        (json!({"anyOf": [{"type": "null"}, {"type": "number"}]}), json!(secret), "fits none of the 2 alternatives"),
        (
            json!({"oneOf": [{"type": "string"}, {"minLength": 1}]}),
            json!(secret),
            "fits more than one of the alternatives",
        ),
        (json!({"not": {"type": "string"}}), json!(secret), "is what it must not be"),
        (json!({"contains": {"const": 1}}), json!([secret]), "has not the items that it must have"),
        (json!({"uniqueItems": true}), json!([secret, secret]), "has the same item twice"),
        (
            json!({"propertyNames": {"maxLength": 2}}),
            json!({"abc": secret}),
            "has the name \"abc\", which is longer than 2 characters",
        ),
        (json!({"additionalProperties": false}), json!({"a": secret}), "has members, and may have none"),
        (json!(false), json!(secret), "is not allowed here"),
    ] {
        let all = found(&schema, &value);
        assert!(all.iter().any(|one| one.ends_with(&format!(": {expected}"))), "{schema}: {all:?}");
        assert!(!all.iter().any(|one| one.contains(secret)), "{schema}: {all:?}");
    }
    let long = found(&json!({"properties": {"b": true}, "additionalProperties": false}), &json!({"x".repeat(500): 1}));
    assert_eq!(long, [format!(": \"{}…\" is not allowed here", "x".repeat(40))]);
}

#[test]
fn pointers_lead_to_the_value_and_begin_where_they_are_told() {
    let schema = json!({"properties": {"a/b": {"items": {"properties": {"c~d": {"type": "string"}}}}}});
    check(&schema, &json!({"a/b": [{}, {"c~d": 1}]}), &["/a~1b/1/c~0d: is a number, not string"]);
    let violations = compiled(&schema).check(Place::Query, "filter", &json!({"a/b": [{"c~d": 1}]}), 4).unwrap_err();
    assert_eq!((violations[0].place, &*violations[0].pointer), (Place::Query, "filter/a~1b/0/c~0d"));
}

#[test]
fn drafts_are_told_apart() {
    let draft = |name: &str, rest: Value| {
        let mut schema = rest;
        schema["$schema"] = json!(name);
        schema
    };
    let exclusive = json!({"maximum": 1, "exclusiveMaximum": true});
    let four = draft("http://json-schema.org/draft-04/schema#", exclusive.clone());
    check(&four, &json!(1), &[": is not less than 1"]);
    assert_eq!(Schema::compile(&exclusive, Formats::Ignored).unwrap_err().pointer, "/exclusiveMaximum");
    let six = draft("http://json-schema.org/draft-06/schema", json!({"if": false, "contains": {"const": 1}}));
    check(&six, &json!([2]), &[": has not the items that it must have"]);
    let seven = draft("http://json-schema.org/draft-07/schema#", json!({"if": true, "then": false}));
    check(&seven, &json!(1), &[": is not allowed here"]);
    let nineteen = draft("https://json-schema.org/draft/2019-09/schema", json!({"items": [{"type": "string"}]}));
    check(&nineteen, &json!([1]), &["/0: is a number, not string"]);
    let twenty = draft("https://json-schema.org/draft/2020-12/schema", json!({"prefixItems": [{"type": "string"}]}));
    check(&twenty, &json!([1]), &["/0: is a number, not string"]);
    let unknown = draft("https://example.com/my-draft", json!({}));
    assert_eq!(Schema::compile(&unknown, Formats::Ignored).unwrap_err().pointer, "/$schema");
}

#[test]
fn a_broken_schema_is_told_where() {
    let fault = |schema: &Value| Schema::compile(schema, Formats::Checked).unwrap_err();
    let check = |schema: Value, pointer: &str, message: &str| {
        let SchemaFault { pointer: found, message: said, help } = fault(&schema);
        assert_eq!(found, pointer, "{schema}: {said}");
        assert!(said.contains(message), "{schema}: {said}");
        assert!(!help.is_empty());
    };
    check(json!({"type": "strng"}), "/type", "`strng` is no type");
    check(json!({"properties": {"a": {"minLength": -1}}}), "/properties/a/minLength", "is less than 0");
    check(json!({"required": "a"}), "/required", "is a string, not array");
    check(json!({"pattern": "("}), "/pattern", "");
    check(json!({"pattern": "(?=a)"}), "/pattern", "");
    check(json!({"properties": {"a": {"pattern": r"(a)\1"}}}), "/properties/a/pattern", "");
    check(json!({"patternProperties": {"(?!a)": {}}}), "/patternProperties/(?!a)", "");
    check(json!({"format": "own"}), "/format", "`own` is no format");
    check(json!({"$ref": "https://example.com/order.json"}), "/$ref", "nothing is fetched");
    check(json!({"properties": {"a": {"$ref": "other.json#/x"}}}), "/properties/a/$ref", "nothing is fetched");
    check(json!({"properties": {"a": {"$ref": "file:///etc/passwd"}}}), "/properties/a/$ref", "nothing is fetched");
    check(json!({"properties": {"a": {"$ref": "#/$defs/b"}}}), "/properties/a/$ref", "leads nowhere");
    check(json!("x"), "", "");
}

#[test]
fn all_that_is_wrong_is_told_at_once() {
    let check = |schema: &Value, expected: &[&str]| {
        let mut found: Vec<String> =
            Schema::faults(schema, Formats::Checked).into_iter().map(|fault| fault.pointer).collect();
        found.sort();
        assert_eq!(found, expected, "{schema}");
        assert_eq!(Schema::compile(schema, Formats::Checked).is_err(), !found.is_empty());
    };
    check(&json!({"type": "string"}), &[]);
    check(
        &json!({"properties": {"a": {"type": "strng"}, "b": {"pattern": "(?=x)"}, "c": {"format": "own"}, "d": {"$ref": "#/$defs/no"},
            "e": {"$ref": "other.json"}, "f": {"$ref": "#"}, "g": {"minimum": "1", "maximum": "2"}}, "required": "a"}),
        &[
            "/properties/a/type",
            "/properties/b/pattern",
            "/properties/c/format",
            "/properties/d/$ref",
            "/properties/e/$ref",
            "/properties/g/maximum",
            "/properties/g/minimum",
            "/required",
        ],
    );
    // What refers to a part that is no schema is not at fault.
    check(&json!({"$defs": {"a": 5}, "properties": {"b": {"$ref": "#/$defs/a"}}}), &["/$defs/a"]);
    check(&json!({"$defs": {"a": {"type": 5}}, "$ref": "#/$defs/a"}), &["/$defs/a/type"]);
    check(
        &json!({"patternProperties": {"(?!a)": {}, "(?!b)": {}}}),
        &["/patternProperties/(?!a)", "/patternProperties/(?!b)"],
    );
    check(&json!({"allOf": [5, {"type": 5}], "enum": 7}), &["/allOf/0", "/allOf/1/type", "/enum"]);
    check(&json!({"required": [5, "a", 6], "type": 5}), &["/required/0", "/type"]);
    check(&json!({"$schema": "https://example.com/mine", "type": 5}), &["/$schema"]);
    check(&json!("x"), &[""]);
    let many: Value = (0..100).map(|index| (format!("p{index}"), json!({"type": "strng"}))).collect();
    assert_eq!(Schema::faults(&json!({"properties": many}), Formats::Ignored).len(), super::FAULTS_MAX);
}

#[test]
fn references_within_the_schema_are_followed_also_in_circles() {
    let tree = json!({"$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}, "$ref": "#/$defs/node"});
    check(&tree, &json!({"next": {"next": {}}}), &[]);
    check(&tree, &json!({"next": {"next": 1}}), &["/next/next: is a number, not object"]);
    let named =
        json!({"$id": "https://example.com/s", "$defs": {"n": {"$anchor": "n", "type": "null"}}, "$ref": "s#n"});
    check(&named, &json!(1), &[": is a number, not null"]);
    // Leads back to itself without going a step down in the value.
    for circle in [
        json!({"$ref": "#"}),
        json!({"allOf": [{"$ref": "#"}]}),
        json!({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}, "$ref": "#/$defs/a"}),
    ] {
        let _ = found(&circle, &json!({"a": [1]}));
    }
}

#[test]
fn patterns_take_linear_time() {
    let schema = json!({"pattern": "^(a+)+$"});
    let text = format!("{}b", "a".repeat(100_000));
    check(&schema, &json!(text), &[": does not match ^(a+)+$"]);
}

#[test]
fn what_is_named_is_bounded() {
    let schema = json!({"items": {"type": "string"}});
    assert_eq!(found(&schema, &json!(vec![1; 1_000])).len(), VIOLATIONS_MAX);
    let many = json!(vec![1; VALUES_MAX]);
    check(&schema, &many, &["/0: is a number, not string"]);
    let branches = json!({"anyOf": [{"items": {"type": "string"}}, {"type": "null"}]});
    check(&branches, &many, &[": does not match the schema"]);
    check(&branches, &json!([1]), &[": fits none of the 2 alternatives"]);
}

#[test]
fn formats_are_rules_only_where_they_are_asked_to_be() {
    let schema = json!({"format": "date"});
    let ignored = Schema::compile(&schema, Formats::Ignored).unwrap();
    assert!(ignored.check(Place::Body, "", &json!("x"), 1).is_ok());
    assert!(Schema::compile(&json!({"format": "own"}), Formats::Ignored).is_ok());
    check(&json!({"format": "regex"}), &json!("a{1,1000}{1,1000}"), &[": is not of the format regex"]);
    check(&json!({"format": "regex"}), &json!("^a$"), &[]);
}
