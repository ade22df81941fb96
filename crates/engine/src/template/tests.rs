//! Tables of what parses and what is rendered; arbitrary values against each format's own rules.

mod parts;
mod sections;
mod whole;

use super::fault::MarkupPlace;
use super::variable::{Known, Variable};
use super::{Escape, TAGS_MAX, TEXT_BYTES_MAX, Template, TemplateProblem, Values};
use http::HeaderValue;
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use proptest::strategy::{Just, Strategy};
use serde_json::{Map, Value, json};
use std::collections::HashSet;

fn render(text: &str, escape: Escape, values: &Values) -> String {
    let template = Template::parse(text, escape).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let mut out = Vec::new();
    template.render(values, &mut out);
    String::from_utf8(out).unwrap()
}

fn claims() -> Map<String, Value> {
    let claims = json!({
        "tier": "gold", "admin": true, "age": 42, "rate": 1.5, "none": null, "roles": ["a", "b"],
        "address": { "city": "Ulm" }, "https://example.com/tenant": "acme", "empty": ""
    });
    claims.as_object().unwrap().clone()
}

fn check(text: &str, expected: &str) {
    let claims = claims();
    let values = Values {
        request_id: "r-1",
        method: "GET",
        host: "api.example.com",
        path: "/v1",
        error_kind: "quota_exceeded",
        error_status: 429,
        retry_after_s: Some(30),
        quota_limit: Some(1_000),
        quota_resets_unix_s: Some(1_798_761_600),
        now_unix_s: 951_782_400,
        claims: Some(&claims),
        ..Values::default()
    };
    assert_eq!(render(text, Escape::Text, &values), expected, "{text}");
}

#[test]
fn variables_are_filled_in() {
    check("", "");
    check("plain {text} }} { }", "plain {text} }} { }");
    check("{{request.id}}", "r-1");
    check("a{{ request.id }}b{{request.method}}", "ar-1bGET");
    check("{{{{request.id}}", "{{request.id}}");
    check("{{{{{{request.id}}}}", "{{r-1}}");
    check("{{request.host}}{{request.path}} {{error.kind}}", "api.example.com/v1 quota_exceeded");
    check("{{error.status}} {{retry.after}} {{quota.limit}}", "429 30 1000");
    check("{{quota.reset}} {{time.now}}", "2027-01-01T00:00:00Z 2000-02-29T00:00:00Z");
    check("[{{error.reason}}{{consumer.id}}{{plan.name}}]", "[]");
    check("{{claims.tier}} {{claims.admin}} {{claims.age}} {{claims.rate}} {{claims.none}}", "gold true 42 1.5 null");
    check("{{claims.roles}} {{claims.address}}", "[\"a\",\"b\"] {\"city\":\"Ulm\"}");
    check("{{claims.https://example.com/tenant}}[{{claims.empty}}{{claims.absent}}]", "acme[]");
}

#[test]
fn what_is_unknown_is_empty_or_zero() {
    let text = "[{{request.id}}|{{error.reason}}|{{quota.reset}}|{{claims.sub}}|{{retry.after}}|{{quota.limit}}|{{error.status}}]";
    assert_eq!(render(text, Escape::Text, &Values::default()), "[||||0|0|0]");
}

fn check_fault(text: &str, escape: Escape, offset: usize, words: &str) {
    let fault = Template::parse(text, escape).expect_err(text);
    assert_eq!(fault.offset, offset, "{text}: {fault}");
    let said = format!("{fault}; {}", fault.help());
    assert!(said.contains(words), "{text}: {said}");
}

#[test]
fn faults_say_where_and_what() {
    check_fault("ab {{request.id", Escape::Text, 3, "not closed");
    check_fault("é{{", Escape::Text, 2, "{{{{");
    check_fault("{{}}", Escape::Text, 2, "unknown variable ``");
    check_fault("x {{ request.idd }}", Escape::Text, 5, "unknown variable `request.idd`; did you mean `request.id`?");
    check_fault("{{requestId}}", Escape::Text, 2, "did you mean `request.id`?");
    check_fault("{{retryAfter}}", Escape::Text, 2, "did you mean `retry.after`?");
    check_fault(
        "{{frobnicate}}",
        Escape::Text,
        2,
        "unknown variable `frobnicate`; known are request.id, request.method",
    );
    check_fault("{{claims.}}", Escape::Text, 2, "unknown variable `claims.`; did you mean `claims.NAME`?");
    check_fault("{{claim.sub}}", Escape::Text, 2, "did you mean `claims.NAME`?");
    check_fault("{{{request.id}}}", Escape::Text, 2, "unknown variable `{request.id`; did you mean `request.id`?");
    check_fault(&"x".repeat(TEXT_BYTES_MAX + 1), Escape::Text, TEXT_BYTES_MAX, "longer than 65536 bytes");
    check_fault(&"{{allow}}".repeat(TAGS_MAX + 1), Escape::Text, 9 * TAGS_MAX, "more than 64 variables");
    check_fault("a\r\nSet-Cookie: b", Escape::Header, 1, "visible ASCII");
    check_fault("é", Escape::Header, 0, "visible ASCII");
}

#[test]
fn json_templates_stay_json() {
    let unquoted = "stands outside of a JSON string";
    check_fault(r#"{"a":{{request.id}}}"#, Escape::Json, 5, unquoted);
    check_fault(r#"{"a":"b\"",{{claims.x}}}"#, Escape::Json, 11, unquoted);
    check_fault("[{{error.reason}}]", Escape::Json, 1, unquoted);
    check_fault("{{quota.reset}}", Escape::Json, 0, unquoted);
    check_fault(r#"{"a":"{{request.id}}",}"#, Escape::Json, 0, "not JSON");
    check_fault(r#"{"a":"\{{request.id}}"}"#, Escape::Json, 0, "not JSON");
    check_fault(r#"{"a":"\u{{request.id}}"}"#, Escape::Json, 0, "not JSON");
    check_fault(r#"{"a":0{{retry.after}}}"#, Escape::Json, 0, "not JSON");
    check_fault(r#"{"a":"{{request.id}}""#, Escape::Json, 0, "not JSON");
    let values = Values { request_id: "\"", retry_after_s: Some(7), ..Values::default() };
    assert_eq!(render(r#"{"a":{"b":{{retry.after}}}}"#, Escape::Json, &values), r#"{"a":{"b":7}}"#);
    assert_eq!(render(r#"{"{{request.id}}":"\\{{request.id}}"}"#, Escape::Json, &values), r#"{"\"":"\\\""}"#);
    // Nothing can break a static text, so it is taken as it is; the config asks for itself.
    let not_json = Template::parse("sorry", Escape::Json).unwrap();
    assert!(matches!(not_json.check_json().unwrap_err().problem, TemplateProblem::NotJson { .. }));
    assert_eq!(Template::parse("{}", Escape::Json).unwrap().check_json(), Ok(()));
}

fn check_place(text: &str, escape: Escape, expected: Option<MarkupPlace>) {
    let place = match Template::parse(text, escape).map_err(|fault| fault.problem) {
        Ok(_) => None,
        Err(TemplateProblem::Misplaced { place, .. }) => Some(place),
        Err(other) => panic!("{text}: {other:?}"),
    };
    assert_eq!(place, expected, "{text}");
}

#[test]
fn markup_templates_hold_variables_where_they_are_harmless() {
    for escape in [Escape::Xml, Escape::Html] {
        check_place("{{allow}}", escape, None);
        check_place("<?xml version=\"1.0\"?><a b='{{allow}}' c=\"x{{allow}}\">{{allow}}</a>", escape, None);
        check_place("<!-- c --><a>&amp;{{allow}}</a><![CDATA[x]]>{{allow}}", escape, None);
        check_place("<a b='>'>{{allow}}</a>", escape, None);
        check_place("<style>a{b:c}</style><p>{{allow}}</p>", escape, None);
        check_place("<script src='x'/>{{allow}}", escape, None);
        check_place("<a b={{allow}}>", escape, Some(MarkupPlace::Tag));
        check_place("<{{allow}}>", escape, Some(MarkupPlace::Tag));
        check_place("</{{allow}}>", escape, Some(MarkupPlace::Tag));
        check_place("<a b='x' {{allow}}>", escape, Some(MarkupPlace::Tag));
        check_place("<!-- {{allow}} -->", escape, Some(MarkupPlace::Comment));
        check_place("<![CDATA[{{allow}}]]>", escape, Some(MarkupPlace::Cdata));
        check_place("<?x {{allow}}?>", escape, Some(MarkupPlace::Declaration));
        check_place("<!DOCTYPE {{allow}}>", escape, Some(MarkupPlace::Declaration));
        check_place("<!doctype html><html>{{allow}}</html>", escape, None);
        check_place("<a>&{{allow}};</a>", escape, Some(MarkupPlace::Entity));
        check_place("<a b='&#{{allow}};'>", escape, Some(MarkupPlace::Entity));
        check_place("<SCRIPT type='x'>let a = '{{allow}}'</SCRIPT>", escape, Some(MarkupPlace::RawText));
        check_place("<script>if (a </b) {}</script ><p>{{allow}}", escape, None);
        check_place("<style>{{allow}}</style>", escape, Some(MarkupPlace::RawText));
    }
    check_place("<a onclick='{{allow}}'>", Escape::Html, Some(MarkupPlace::Handler));
    check_place("<a b='c' STYLE = \"{{allow}}\">", Escape::Html, Some(MarkupPlace::Handler));
    check_place("<a once='{{allow}}'>", Escape::Xml, None);
}

#[test]
fn every_variable_has_a_name_a_line_and_a_value() {
    let names: HashSet<_> = Template::variables().iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), Template::variables().len());
    assert_eq!(Known::ALL.len() + 1, Template::variables().len());
    for (name, doc) in Template::variables() {
        assert!(doc.ends_with('.') && doc.len() > 10, "{name}");
        assert!(Template::parse(&format!("{{{{{name}}}}}"), Escape::Text).is_ok(), "{name}");
    }
    for (name, doc) in Template::variables_of_an_error() {
        assert!(doc.ends_with('.') && doc.len() > 10, "{name}");
        assert!(
            Template::parse(&format!("{{{{#errors}}}}{{{{{name}}}}}{{{{/errors}}}}"), Escape::Text).is_ok(),
            "{name}"
        );
    }
    for known in Known::ALL {
        assert_eq!(Variable::named(known.name()), Some(Variable::Known(*known)));
    }
}

#[test]
fn a_text_without_variables_is_known_as_such() {
    let literal = |text| Template::parse(text, Escape::Text).unwrap().literal().map(str::to_owned);
    assert_eq!(literal(""), Some(String::new()));
    assert_eq!(literal("a {{{{ b"), Some("a {{ b".to_owned()));
    assert_eq!(literal("a {{allow}}"), None);
    assert_eq!(literal("{{allow}}"), None);
}

/// Arbitrary text with the characters that formats care for, in plenty.
fn hostile() -> impl Strategy<Value = String> {
    let special = proptest::sample::select(
        "\"'\\<>&]-\r\n\t\0 {}%;,\u{7f}\u{85}\u{2028}\u{ffff}\u{fffe}x\u{1f600}".chars().collect::<Vec<_>>(),
    );
    let special = proptest::collection::vec(special, 0..40).prop_map(|characters| characters.into_iter().collect());
    proptest::prop_oneof![special, any::<String>(), Just("--></a>]]>".to_owned())]
}

/// A small reading of XML 1.0: one element with attributes and text; gives back attribute and text decoded.
fn read_xml(text: &str) -> Option<(String, String)> {
    let rest = text.strip_prefix("<p a=\"")?;
    let (attribute, rest) = rest.split_once("\">")?;
    let (content, rest) = rest.split_once("</p>")?;
    (rest.is_empty() && !attribute.contains('"')).then_some(())?;
    Some((decode(attribute)?, decode(content)?))
}

fn decode(text: &str) -> Option<String> {
    let allowed =
        |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let mut decoded = String::new();
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if character != '&' {
            (allowed(character) && character != '<').then_some(())?;
            decoded.push(character);
            rest = rest.get(character.len_utf8()..)?;
            continue;
        }
        let (name, after) = rest.strip_prefix('&')?.split_once(';')?;
        let character = match name {
            "amp" => '&',
            "lt" => '<',
            "gt" => '>',
            "quot" => '"',
            _ => char::from_u32(name.strip_prefix('#')?.parse().ok()?)?,
        };
        allowed(character).then_some(())?;
        decoded.push(character);
        rest = after;
    }
    Some(decoded)
}

fn cut(value: &str, bytes_max: usize) -> &str {
    let mut end = bytes_max.min(value.len());
    while !value.is_char_boundary(end) {
        end -= 1;
    }
    value.get(..end).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn json_gives_back_what_was_put_in(value in hostile(), claim in hostile()) {
        let claims = Map::from_iter([("c".to_owned(), Value::from(claim.clone()))]);
        let values = Values { path: &value, claims: Some(&claims), ..Values::default() };
        let rendered = render(r#"{"a":"{{request.path}}","b":["{{claims.c}}",{{error.status}}]}"#, Escape::Json, &values);
        let parsed: Value = serde_json::from_str(&rendered).unwrap();
        prop_assert_eq!(parsed, json!({ "a": cut(&value, super::VALUE_BYTES_MAX), "b": [cut(&claim, super::VALUE_BYTES_MAX), 0] }));
    }

    #[test]
    fn markup_gives_back_what_xml_can_say(value in hostile()) {
        let values = Values { path: &value, ..Values::default() };
        let sayable: String = cut(&value, super::VALUE_BYTES_MAX).chars()
            .filter(|c| matches!(c, '\t' | '\n' | '\r') || (!matches!(c, '\0'..='\u{1f}') && !matches!(c, '\u{fffe}' | '\u{ffff}')))
            .collect();
        for escape in [Escape::Xml, Escape::Html] {
            let rendered = render(r#"<p a="{{request.path}}">{{request.path}}</p>"#, escape, &values);
            prop_assert_eq!(read_xml(&rendered), Some((sayable.clone(), sayable.clone())), "{}", rendered);
        }
    }

    #[test]
    fn text_stays_on_its_line(value in hostile()) {
        let rendered = render("{{request.path}}", Escape::Text, &Values { path: &value, ..Values::default() });
        prop_assert!(rendered.chars().all(|character| !character.is_control()));
        prop_assert_eq!(rendered.chars().count(), cut(&value, super::VALUE_BYTES_MAX).chars().count());
    }

    #[test]
    fn a_header_stays_one_header(value in hostile()) {
        let values = Values { path: &value, ..Values::default() };
        let rendered = render("a={{request.path}}; b=\"{{request.path}}\"", Escape::Header, &values);
        let header = HeaderValue::from_str(&rendered).unwrap();
        prop_assert!(header.to_str().is_ok());
        let (_, quoted) = rendered.rsplit_once("; b=\"").unwrap();
        prop_assert_eq!(quoted.find(['"', '\\']), Some(quoted.len() - 1), "{}", rendered);
        prop_assert!(rendered.len() <= 8 + 2 * 3 * super::HEADER_VALUE_BYTES_MAX);
    }

    #[test]
    fn parsing_never_panics_and_rendering_is_bounded(
        parts in proptest::collection::vec(
            proptest::sample::select(vec!["{{", "}}", "{", "request.id", "claims.a", "\"", "<", "a b", "é", ">", "<!--", "\\"]), 0..30),
        value in hostile(),
    ) {
        let text = parts.concat();
        for escape in [Escape::Json, Escape::Xml, Escape::Html, Escape::Text, Escape::Header] {
            match Template::parse(&text, escape) {
                Ok(template) => {
                    let mut out = Vec::new();
                    template.render(&Values { request_id: &value, ..Values::default() }, &mut out);
                    prop_assert!(out.len() <= text.len() + 6 * super::VALUE_BYTES_MAX * text.matches("{{").count());
                }
                Err(fault) => prop_assert!(fault.offset <= text.len(), "{}", fault),
            }
        }
    }
}
