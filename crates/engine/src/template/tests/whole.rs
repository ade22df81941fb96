//! Any template that is sound, filled with any values, is a document of its type: templates are grown from the grammar of their format, with
//! variables, lists, sections and parts wherever they may stand, and read by parsers that know nothing of templates.

use super::super::{Escape, Parts, Template, TemplateProblem, Values};
use super::hostile;
use crate::violation::{Place, Violation};
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use proptest::strategy::{Just, Strategy};
use proptest::{collection::vec, prop_oneof, sample::select};
use roxmltree::Document;
use serde_json::{Map, Value};

const TEXTS: &[&str] = &[
    "{{request.id}}",
    "{{request.path}}",
    "{{claims.c}}",
    "{{error.status}}",
    "{{quota.reset}}",
    "{{> id}}",
    "x",
    " ",
];
const NUMBERS: &[&str] =
    &["1", "-0.5e3", "null", "true", "{{error.status}}", "{{retry.after}}", "{{> number}}", "{{errors}}", "\"\""];
const PARTS: &[(&str, &str)] =
    &[("id", "no. {{request.id}} {{> path}}\n"), ("path", "{{request.path}}"), ("number", "{{quota.limit}}")];

/// What may stand in a JSON string or in an attribute.
fn words() -> impl Strategy<Value = String> {
    let section = vec(select(["{{pointer}}", "{{message}}", "{{in}}", "{{request.host}}", "-"].to_vec()), 0..3);
    let section = section.prop_map(|words| format!("{{{{#errors separator=', '}}}}{}{{{{/errors}}}}", words.concat()));
    vec(prop_oneof![8 => select(TEXTS).prop_map(str::to_owned), 1 => section], 0..5).prop_map(|words| words.concat())
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        select(NUMBERS).prop_map(str::to_owned),
        words().prop_map(|words| format!("\"{words}\"")),
        Just(
            "[{{#errors separator=\",\"}}{\"p\":\"{{pointer}}\",\"m\":[\"{{message}}\",{{error.status}}]}{{/errors}}]"
                .to_owned()
        ),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(|items| format!("[{}]", items.join(","))),
            vec((words(), inner), 0..4).prop_map(|members| {
                let members = members.iter().map(|(name, value)| format!("\"{name}\" : {value}"));
                format!("{{ {} }}", members.collect::<Vec<_>>().join(", "))
            }),
        ]
    })
}

fn element(name: &str, attribute: Option<String>, content: &str) -> String {
    let attribute = attribute.map(|words| format!(" a=\"{words}\"")).unwrap_or_default();
    if content.is_empty() { format!("<{name}{attribute}/>") } else { format!("<{name}{attribute}>{content}</{name}>") }
}

fn xml() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        words(),
        select(vec!["<!-- note -->", "<![CDATA[<raw>]]>", "&amp;", "<br/>", "<?pi x?>"]).prop_map(str::to_owned),
        Just("{{#errors}}<e at=\"{{in}}{{pointer}}\">{{message}}<!-- one --></e>{{/errors}}".to_owned()),
    ];
    let inner = leaf.prop_recursive(3, 24, 4, |inner| {
        (select(vec!["a", "b:c", "d-e"]), proptest::option::of(words()), vec(inner, 0..4))
            .prop_map(|(name, attribute, content)| element(name, attribute, &content.concat()))
    });
    (proptest::option::of(words()), vec(inner, 0..4)).prop_map(|(attribute, content)| {
        element("root xmlns:b=\"urn:b\"", attribute, &content.concat()).replace("</root xmlns:b=\"urn:b\">", "</root>")
    })
}

/// None if it is merely too large.
fn rendered(text: &str, escape: Escape, values: &[String; 3], errors: usize) -> Option<String> {
    let template = match Template::parse_with(text, escape, &Parts::new(PARTS.iter().copied())) {
        Ok(template) => template,
        Err(fault) => {
            let is_large = matches!(fault.problem, TemplateProblem::TooManyTags | TemplateProblem::TooManySections);
            assert!(is_large, "{fault}: {text}");
            return None;
        }
    };
    let [one, two, three] = values;
    let errors = vec![Violation::new(Place::Body, one, two); errors];
    let claims = Map::from_iter([("c".to_owned(), Value::from(three.clone()))]);
    let values =
        Values { request_id: one, path: two, host: three, claims: Some(&claims), errors: &errors, ..Values::default() };
    let mut out = Vec::new();
    template.render(&values, &mut out);
    Some(String::from_utf8(out).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 2_000, ..ProptestConfig::with_cases(500) })]

    #[test]
    fn json_is_json(text in json(), values in [hostile(), hostile(), hostile()], errors in 0..4_usize) {
        if let Some(rendered) = rendered(&text, Escape::Json, &values, errors) {
            let parsed = serde_json::from_str::<Value>(&rendered);
            prop_assert!(parsed.is_ok(), "{:?}: {} of {}", parsed, rendered, text);
        }
    }

    #[test]
    fn xml_is_xml(text in xml(), values in [hostile(), hostile(), hostile()], errors in 0..4_usize) {
        if let Some(rendered) = rendered(&text, Escape::Xml, &values, errors) {
            let parsed = Document::parse(&rendered);
            prop_assert!(parsed.is_ok(), "{:?}: {} of {}", parsed.err(), rendered, text);
            let harmless = self::rendered(&text, Escape::Xml, &["x", "x", "x"].map(str::to_owned), errors).unwrap();
            let elements = |text: &str| Document::parse(text).unwrap().descendants().filter(roxmltree::Node::is_element).count();
            prop_assert!(elements(&rendered) == elements(&harmless), "{} and {}", rendered, harmless);
        }
    }
}
