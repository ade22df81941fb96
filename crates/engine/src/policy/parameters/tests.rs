use super::{
    ClosedQuery, HeaderParameter, Parameters, PathParameter, PathTemplate, QueryParameter, QueryStyle, Rule, Separator,
    Shape,
};
use crate::denial::Detail;
use crate::names::PolicyId;
use crate::request::{RequestHead, RequestParts, RequestRules};
use crate::route::path::PathPattern;
use crate::schema::{Formats, Schema};
use crate::trail::Mode;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::*;
use serde_json::{Value, json};

fn rule(schema: &Value) -> Rule {
    Rule { shape: Shape::of(schema).unwrap(), schema: Schema::compile(schema, Formats::CheckedIfKnown).unwrap() }
}

fn none() -> Parameters {
    Parameters {
        policy: PolicyId(0),
        mode: Mode::Enforce,
        path: Vec::new(),
        templates: Vec::new(),
        query: Vec::new(),
        header: Vec::new(),
        closed_query: None,
    }
}

fn in_path(patterns: &[&str], schema: &Value) -> Parameters {
    let pattern = |text: &&str| PathTemplate::of(&PathPattern::parse(text).unwrap()).unwrap();
    let mut templates: Vec<PathTemplate> = patterns.iter().map(pattern).collect();
    PathTemplate::sort(&mut templates);
    Parameters { path: vec![PathParameter { name: "id".into(), rule: rule(schema) }], templates, ..none() }
}

fn in_query(name: &str, style: QueryStyle, schema: &Value) -> Parameters {
    Parameters {
        query: vec![QueryParameter { name: name.into(), required: false, style, rule: rule(schema) }],
        ..none()
    }
}

fn in_header(schema: &Value) -> Parameters {
    let name = HeaderName::from_static("x-n");
    Parameters { header: vec![HeaderParameter { name, required: false, rule: rule(schema) }], ..none() }
}

/// `ok`, or the reason and each violation.
fn verdict(parameters: &Parameters, target: &str, lines: &[&[u8]]) -> String {
    let mut headers = HeaderMap::new();
    headers.insert("host", HeaderValue::from_static("a.example"));
    for line in lines {
        headers.append("x-n", HeaderValue::from_bytes(line).unwrap());
    }
    let peer = [127, 0, 0, 1].into();
    let parts = RequestParts { method: &Method::GET, target, headers: &headers, peer, tls: false };
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 100_000 };
    let head = RequestHead::parse(parts, &rules).unwrap();
    match parameters.check(&head) {
        Ok(()) => "ok".to_owned(),
        Err(denial) => {
            let Detail::Invalid(violations) = &denial.detail else { panic!("{denial:?}") };
            let said: Vec<String> = violations.iter().map(ToString::to_string).collect();
            format!("{}; {}", denial.reason.code(), said.join("; "))
        }
    }
}

#[track_caller]
fn check_query(parameters: &Parameters, query: &str, expected: &str) {
    assert_eq!(verdict(parameters, &format!("/?{query}"), &[]), expected, "{query}");
}

#[test]
fn a_value_is_read_to_the_letter() {
    let check = |schema: Value, value: &str, expected: &str| {
        let found = verdict(&in_query("n", QueryStyle::Repeated, &schema), &format!("/?n={value}"), &[]);
        let found = found.strip_prefix("parameter_mismatch; query n: ").unwrap_or(&found).to_owned();
        assert_eq!(found, expected, "{schema} {value}");
    };
    let integer = || json!({"type": "integer", "minimum": -5, "maximum": 100});
    for good in ["0", "-5", "100", "7", "-0", "%37"] {
        check(integer(), good, "ok");
    }
    for bad in ["", "05", "%2B5", "5.0", "1e1", "0x5", "+5", "5%20", "5a", "--5", "5,6", "%D9%A5"] {
        check(integer(), bad, "is not an integer");
    }
    check(integer(), "101", "is greater than 100");
    check(json!({"type": "integer"}), "9223372036854775808", "ok");
    check(json!({"type": "integer"}), "18446744073709551616", "is too large an integer");
    check(json!({"type": "number"}), "18446744073709551616", "ok");
    for good in ["1e3", "0.5", "-1.5E-7", "5"] {
        check(json!({"type": "number"}), good, "ok");
    }
    for bad in [".5", "5.", "1e", "1e+", "NaN", "inf", "1_0", "-"] {
        check(json!({"type": "number"}), bad, "is not a number");
    }
    check(json!({"type": "number"}), "1e999", "is too large a number");
    check(json!({"type": "boolean"}), "true", "ok");
    check(json!({"type": "boolean"}), "True", "is not `true` or `false`");
    check(json!({"type": ["integer", "null"]}), "", "ok");
    check(json!({"type": ["integer", "null"]}), "null", "is not an integer or empty");
    check(json!({"type": ["integer", "string"], "maxLength": 2, "maximum": 5}), "abc", "is longer than 2 characters");
    check(json!({"type": ["integer", "string"], "maxLength": 2, "maximum": 5}), "6", "is greater than 5");
    check(json!({"type": "string", "minLength": 1}), "", "is shorter than 1 characters");
    check(json!({"type": "string", "maxLength": 1}), "%C3%A9", "ok");
    check(json!({"type": "string"}), "%C3", "is not percent-encoded UTF-8");
    check(json!({"type": "string", "const": "a b"}), "a+b", "ok");
    check(json!({"enum": ["a", "b"]}), "c", "is none of [\"a\",\"b\"]");
    check(json!({"enum": [1, 2]}), "2", "ok");
    check(json!({"$ref": "#/$defs/n", "$defs": {"n": {"type": "integer"}}}), "x", "is not an integer");
    check(json!({"allOf": [{"type": ["integer", "string"]}, {"type": "number"}]}), "x", "is not an integer");
    check(json!({"format": "uuid"}), "x", "is not of the format uuid");
    check(json!({}), "anything", "ok");
    check(json!(true), "5", "ok");
}

#[test]
fn a_query_is_judged_by_name_and_number() {
    let integer = json!({"type": "integer"});
    let mut limit = in_query("limit", QueryStyle::Repeated, &integer);
    check_query(&limit, "", "ok");
    check_query(&limit, "Limit=x&limits=x&other", "ok");
    check_query(&limit, "limit", "parameter_mismatch; query limit: is not an integer");
    check_query(&limit, "l%69mit=x", "parameter_mismatch; query limit: is not an integer");
    check_query(&limit, "limit=1&limit=1", "parameter_repeated; query limit: stands more than once");
    check_query(&limit, "limit=1&&l%69mit=2", "parameter_repeated; query limit: stands more than once");
    limit.query[0].required = true;
    check_query(&limit, "a=b", "parameter_missing; query limit: is required");
    limit.closed_query = Some(ClosedQuery { also: vec!["preview".into()] });
    check_query(&limit, "limit=1&preview", "ok");
    let unknown = "is not a parameter of this resource";
    check_query(
        &limit,
        "limit=1&x=1&Preview=1",
        &format!("parameter_unknown; query x: {unknown}; query Preview: {unknown}"),
    );
    check_query(&limit, "limit=1&sk_live_1234", &format!("parameter_unknown; query: {unknown}"));
    check_query(&limit, "limit=1&%zz=1", &format!("parameter_unknown; query: {unknown}"));
    check_query(&limit, "x=1", &format!("parameter_missing; query limit: is required; query x: {unknown}"));
}

#[test]
fn lists_are_written_in_the_style_that_is_asked_for() {
    let list = json!({"type": "array", "items": {"type": "integer"}, "maxItems": 3, "uniqueItems": true});
    let check = |style: QueryStyle, query: &str, expected: &str| {
        check_query(&in_query("ids", style, &list), query, expected);
    };
    check(QueryStyle::Repeated, "ids=1&x=y&ids=2", "ok");
    check(QueryStyle::Repeated, "ids=1&ids=x", "parameter_mismatch; query ids/1: is not an integer");
    check(QueryStyle::Repeated, "ids=1,2", "parameter_mismatch; query ids/0: is not an integer");
    check(QueryStyle::Repeated, "ids=1&ids=2&ids=3&ids=4", "parameter_mismatch; query ids: has more than 3 items");
    let comma = QueryStyle::Separated(Separator::Comma);
    check(comma, "ids=1,2,3", "ok");
    check(comma, "ids=1,2&ids=3", "parameter_repeated; query ids: stands more than once");
    check(comma, "ids=1%2C2", "parameter_mismatch; query ids/0: is not an integer");
    check(comma, "ids=1,", "parameter_mismatch; query ids/1: is not an integer");
    check(comma, "ids=1,1", "parameter_mismatch; query ids: has the same item twice");
    let space = QueryStyle::Separated(Separator::Space);
    check(space, "ids=1%202+3", "ok");
    check(space, "ids=1,2", "parameter_mismatch; query ids/0: is not an integer");
    let pipe = QueryStyle::Separated(Separator::Pipe);
    check(pipe, "ids=1|2%7C3", "ok");
    check(pipe, "ids=1%7c2%7cx", "parameter_mismatch; query ids/2: is not an integer");
}

#[test]
fn a_deep_object_is_one_level_of_properties() {
    let schema = json!({
        "type": "object", "required": ["colour"], "additionalProperties": false,
        "properties": {"colour": {"enum": ["red"]}, "size": {"type": "integer"}, "tags": {"type": "array", "items": {"type": "boolean"}}},
    });
    let check = |query: &str, expected: &str| {
        check_query(&in_query("f", QueryStyle::DeepObject, &schema), query, expected);
    };
    check("", "ok");
    check("f[colour]=red&f%5Bsize%5D=5&f[tags]=true&f[tags]=false&fx=1", "ok");
    check("f[size]=5", "parameter_mismatch; query f: \"colour\" is required");
    check("f[colour]=red&f[size]=x", "parameter_mismatch; query f/size: is not an integer");
    check("f[colour]=red&f[colour]=red", "parameter_mismatch; query f/colour: stands more than once");
    for bad in ["f=1", "f[a][b]=1", "f[a=1", "f[]]=1"] {
        check(bad, "parameter_mismatch; query f: is not written as `name[property]=value`");
    }
    let mut required = in_query("f", QueryStyle::DeepObject, &schema);
    required.query[0].required = true;
    check_query(&required, "g=1", "parameter_missing; query f: is required");
    required.closed_query = Some(ClosedQuery::default());
    check_query(&required, "f[colour]=red", "ok");
}

#[test]
fn the_path_is_read_by_the_pattern_that_was_matched() {
    let integer = json!({"type": "integer"});
    let check = |patterns: &[&str], target: &str, expected: &str| {
        assert_eq!(verdict(&in_path(patterns, &integer), target, &[]), expected, "{patterns:?} {target}");
    };
    let bad = "parameter_mismatch; path id: is not an integer";
    check(&["/v1/{id}"], "/v1/5", "ok");
    let more = "parameter_mismatch; path id: has `;parameters`";
    check(&["/v1/{id}"], "/v1/5;a=b", more);
    check(&["/v1/{id}"], "/v1/5;%27%20or%201=1--", more);
    check(&["/v1/{id}"], "/v1/5;", more);
    check(&["/v1/{id}"], "/v1;a=b/5", "ok");
    check(&["/v1/{id}/*"], "/v1/5/x;a=b", "ok");
    check(&["/v1/{id}"], "/v1/5%3Ba", bad);
    check(&["/v1/{id}"], "/v1/%35/", "ok");
    check(&["/v1/{id}"], "/v1/+5", bad);
    check(&["/{id}/*", "/v1/{id}"], "/v1/5", "ok");
    check(&["/{id}/*", "/v1/{id}"], "/v1/5/6", bad);
    check(&["/{v}/{id}", "/{id}/a"], "/5/a", "ok");
    check(&["/{v}/{id}", "/{id}/a"], "/a/5", "ok");
    let list = json!({"type": "array", "items": {"type": "integer"}});
    assert_eq!(verdict(&in_path(&["/{id}"], &list), "/1,2", &[]), "ok");
    assert_eq!(verdict(&in_path(&["/{id}"], &list), "/1,x", &[]), "parameter_mismatch; path id/1: is not an integer");
    let text = json!({"type": "string", "const": "a/b"});
    assert!(verdict(&in_path(&["/{id}"], &text), "/a%25b", &[]).contains("path id"));
    assert_eq!(verdict(&in_path(&["/{id}"], &json!({"type": "string"})), "/a;b", &[]), more, "whatever the schema");
}

#[test]
fn headers_are_one_line_or_a_list() {
    let check = |schema: Value, lines: &[&[u8]], expected: &str| {
        assert_eq!(verdict(&in_header(&schema), "/", lines), expected, "{lines:?}");
    };
    let integer = || json!({"type": "integer"});
    check(integer(), &[], "ok");
    check(integer(), &[b"5"], "ok");
    check(integer(), &[b"5%35"], "parameter_mismatch; header x-n: is not an integer");
    check(integer(), &[b"5", b"5"], "parameter_repeated; header x-n: stands more than once");
    check(json!({"type": "string"}), &[b"\xC3\xA9"], "parameter_mismatch; header x-n: is not plain ASCII");
    let list = || json!({"type": "array", "items": {"type": "integer"}});
    check(list(), &[b"1, 2", b"3"], "ok");
    check(list(), &[b"1, 2", b"x"], "parameter_mismatch; header x-n/2: is not an integer");
    let mut required = in_header(&integer());
    required.header[0].required = true;
    assert_eq!(verdict(&required, "/", &[]), "parameter_missing; header x-n: is required");
}

#[test]
fn what_cannot_be_written_as_text_is_no_shape() {
    let check = |schema: Value, expected: &str| {
        let found = Shape::of(&schema).map_or_else(|fault| fault.to_string(), |_| "ok".to_owned());
        assert!(found.contains(expected), "{schema}: {found}");
    };
    check(json!({"type": "array", "items": {"type": "array"}}), "inside of a list");
    check(json!({"type": "array", "items": {"type": "object"}}), "inside of a list");
    check(json!({"type": "object", "properties": {"a": {"type": "object"}}}), "inside of a list");
    check(
        json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "array"}}}}),
        "inside of a list",
    );
    check(json!({"type": "array", "prefixItems": [{}]}), "places");
    check(json!({"type": "integer", "enum": ["a"]}), "no value fits");
    check(json!({"type": "array", "items": {"$ref": "#"}}), "inside of a list");
    check(json!({"$ref": "#"}), "ok");
    check(json!({"allOf": [{"$ref": "#"}, {"$ref": "#"}]}), "ok");
}

#[test]
fn no_message_repeats_a_value() {
    for schema in [
        json!({"type": "string", "pattern": "^a$"}),
        json!({"enum": ["a", 1]}),
        json!({"type": "string", "format": "email", "minLength": 99, "const": "a"}),
        json!({"not": {"type": "string"}}),
        json!({"anyOf": [{"maxLength": 1}, {"const": "x"}]}),
    ] {
        let said = verdict(&in_query("n", QueryStyle::Repeated, &schema), "/?n=hunter2", &[]);
        assert!(said.starts_with("parameter_mismatch") && !said.contains("hunter2"), "{said}");
    }
}

fn styles() -> impl Strategy<Value = QueryStyle> {
    prop_oneof![
        Just(QueryStyle::Repeated),
        Just(QueryStyle::Separated(Separator::Comma)),
        Just(QueryStyle::Separated(Separator::Space)),
        Just(QueryStyle::Separated(Separator::Pipe)),
        Just(QueryStyle::DeepObject),
    ]
}

fn schemas() -> impl Strategy<Value = Value> {
    let scalar = prop_oneof![
        Just(json!({"type": "integer", "maximum": 10})),
        Just(json!({"type": ["number", "null"]})),
        Just(json!({"type": "boolean"})),
        Just(json!({"type": "string", "maxLength": 3})),
        Just(json!({})),
    ];
    let list = scalar.clone().prop_map(|items| json!({"type": "array", "items": items, "maxItems": 2}));
    let map = scalar.clone().prop_map(|inner| json!({"type": "object", "additionalProperties": inner}));
    prop_oneof![scalar, list, map]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is sent, there is a verdict, and a refusal names at least one violation.
    #[test]
    fn every_query_gets_a_verdict(
        query in "(n|n\\[a\\]|%6e|x)?(=|%3D|&|,|\\||\\+|%20|[0-9eE.+-]|%[0-9a-zA-Z]{0,2}|\\[|\\]|[a-z]){0,24}",
        style in styles(),
        schema in schemas(),
        closed in any::<bool>(),
    ) {
        let mut parameters = in_query("n", style, &schema);
        parameters.closed_query = closed.then(ClosedQuery::default);
        let said = verdict(&parameters, &format!("/?{query}"), &[]);
        prop_assert!(said == "ok" || said.contains("; query"), "{}", said);
    }

    /// A number that is written by us is read as itself, and nothing else is read as it.
    #[test]
    fn integers_are_read_as_what_they_are(number in any::<i64>(), text in "[-+0-9.eE ]{0,8}") {
        let shape = Shape::of(&json!({"type": "integer"})).unwrap();
        prop_assert_eq!(shape.read(number.to_string().into()), Ok(Value::from(number)));
        if let Ok(Value::Number(read)) = shape.read(text.as_str().into()) {
            prop_assert_eq!(read.to_string(), if text == "-0" { "0".to_owned() } else { text });
        }
    }
}
