//! Texts that templates share: what they become, and what is wrong with them.

use super::super::{Escape, PARTS_DEPTH_MAX, Parts, TEXT_BYTES_MAX, Template, TemplateProblem, Values};
use std::fmt::Write as _;

const VALUES: Values<'_> = Values {
    request_id: "<\"r\">",
    method: "",
    host: "",
    path: "/p",
    error_kind: "",
    error_reason: "",
    error_title: "",
    error_detail: "",
    error_status: 0,
    error_type: "",
    retry_after_s: None,
    allow: "",
    accept: "",
    scopes: "",
    limit_name: "",
    quota_limit: None,
    quota_resets_unix_s: None,
    route_name: "",
    consumer_id: "",
    plan_name: "",
    policy_name: "",
    now_unix_s: 0,
    claims: None,
    errors: &[],
};

fn check(parts: &[(&str, &str)], text: &str, escape: Escape, expected: &str) {
    let template = Template::parse_with(text, escape, &Parts::new(parts.iter().copied()))
        .unwrap_or_else(|fault| panic!("{text}: {fault}"));
    let mut out = Vec::new();
    template.render(&VALUES, &mut out);
    assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
}

#[test]
fn a_part_is_read_as_if_it_stood_there() {
    let parts = [("id", "(no. {{request.id}})"), ("foot", "-- {{> id}} --\n"), ("plain", "a {{{{> id}} b")];
    check(&parts, "x {{> id}} y", Escape::Text, "x (no. <\"r\">) y");
    check(&parts, "x {{>foot}}{{>id}}", Escape::Text, "x -- (no. <\"r\">) --(no. <\"r\">)");
    check(&parts, "{{> plain }}", Escape::Text, "a {{> id}} b");
    // Its values are escaped for the template that includes it, its own text for none.
    check(&parts, r#"{"a":"{{> id}}"}"#, Escape::Json, r#"{"a":"(no. \u003c\"r\"\u003e)"}"#);
    check(
        &parts,
        "<p t='{{> id}}'>{{> foot}}</p>",
        Escape::Xml,
        "<p t='(no. &lt;&quot;r&quot;&gt;)'>-- (no. &lt;&quot;r&quot;&gt;) --</p>",
    );
    check(&parts, "a=\"{{> id}}\"", Escape::Header, "a=\"(no. <%22r%22>)\"");
    check(&[("p", "<b>{{request.path}}</b>")], "<i>{{> p}}</i>", Escape::Html, "<i><b>/p</b></i>");
    check(&[("p", "\"a\":\"{{request.path}}\"\r\n")], "{ {{> p}} }", Escape::Json, "{ \"a\":\"/p\" }");
    // Only the last line end is not meant.
    check(&[("p", "a\n\n")], "{{> p}}.", Escape::Text, "a\n.");
}

#[test]
fn a_template_of_parts_alone_has_no_variables_either() {
    let parts = Parts::new([("a", "x")]);
    let template = Template::parse_with("{{> a}}y{{> a}}", Escape::Json, &parts).unwrap();
    assert_eq!(template.literal(), Some("xyx"));
}

fn fault(parts: &[(&str, &str)], text: &str, escape: Escape) -> (String, Option<String>, usize) {
    let fault = Template::parse_with(text, escape, &Parts::new(parts.iter().copied())).expect_err(text);
    (format!("{fault}; {}", fault.help()), fault.part.map(String::from), fault.offset)
}

#[test]
fn faults_say_in_whose_text_they_are() {
    let check = |parts: &[(&str, &str)], text, escape, words: &str, part: Option<&str>, offset| {
        let (said, in_part, at) = fault(parts, text, escape);
        assert!(said.contains(words), "{text}: {said}");
        assert_eq!((in_part.as_deref(), at), (part, offset), "{text}: {said}");
    };
    let parts =
        [("footer", "x {{request.idd}}"), ("open", "a {{#errors}}"), ("shut", "{{/errors}}"), ("up", "{{> footer}}")];
    check(&parts, "a {{> foter}}", Escape::Text, "no part is named `foter`; did you mean `footer`?", None, 2);
    check(&parts, "{{> contact}}", Escape::Text, "`errors.parts` has footer, open, shut, up", None, 0);
    check(&[], "{{> contact}}", Escape::Text, "the config has no parts", None, 0);
    check(&parts, "{{> }}", Escape::Text, "no part is named ``", None, 0);
    check(&parts, "ab{{> up}}", Escape::Text, "did you mean `request.id`?", Some("footer"), 4);
    check(&parts, "{{> open}}{{/errors}}", Escape::Text, "is not closed", Some("open"), 2);
    check(&parts, "{{#errors}}{{> shut}}", Escape::Text, "closes no section", Some("shut"), 0);
    check(&[("v", "{{request.id}}")], "{\"a\":{{> v}}}", Escape::Json, "outside of a JSON string", Some("v"), 0);
    check(&[("v", " {{request.id}}")], "<a {{> v}}>", Escape::Xml, "in a tag", Some("v"), 1);
    check(&[("v", "a\nb")], "x {{> v}}", Escape::Header, "visible ASCII", Some("v"), 1);
    check(&[("a", "{{> b}}"), ("b", "-{{> a}}")], "{{> a}}", Escape::Text, "includes itself: a → b → a", Some("b"), 1);
    check(&[("a", "{{> a}}")], "{{> a}}", Escape::Text, "includes itself: a → a", Some("a"), 0);
}

#[test]
fn parts_are_bounded_together() {
    let long = "x".repeat(TEXT_BYTES_MAX / 2);
    let (said, part, _) = fault(&[("long", &long)], "{{> long}}{{> long}}{{> long}}", Escape::Text);
    assert!(said.contains("longer than 65536 bytes") && part.as_deref() == Some("long"), "{said}");
    let chain = |depth: usize| -> Vec<(String, String)> {
        (0..depth)
            .map(|at| (format!("p{at}"), if at + 1 < depth { format!("{{{{> p{}}}}}", at + 1) } else { String::new() }))
            .collect()
    };
    for (depth, is_sound) in [(PARTS_DEPTH_MAX, true), (PARTS_DEPTH_MAX + 1, false)] {
        let parts = chain(depth);
        let parts = Parts::new(parts.iter().map(|(name, text)| (name.as_str(), text.as_str())));
        let parsed = Template::parse_with("{{> p0}}", Escape::Text, &parts);
        assert_eq!(parsed.is_ok(), is_sound, "{depth}");
        assert!(parsed.err().is_none_or(|fault| fault.problem == TemplateProblem::PartsTooDeep));
    }
    // Eight levels of eight empty parts each would be read sixteen million times.
    let mut parts: Vec<(String, String)> = Vec::new();
    for level in 0..PARTS_DEPTH_MAX {
        let mut text = String::new();
        (0..8).for_each(|_| write!(text, "{{{{> p{}}}}}", level + 1).unwrap());
        parts.push((format!("p{level}"), if level + 1 < PARTS_DEPTH_MAX { text } else { String::new() }));
    }
    let parts = Parts::new(parts.iter().map(|(name, text)| (name.as_str(), text.as_str())));
    let fault = Template::parse_with("{{> p0}}", Escape::Text, &parts).unwrap_err();
    assert_eq!(fault.problem, TemplateProblem::TooManyTags);
}

#[test]
fn a_part_is_looked_at_by_itself_too() {
    let parts = Parts::new([
        ("good", "{{request.id}}"),
        ("row", "<li>{{pointer}} {{message}}</li>"),
        ("list", "{\"errors\":{{errors}}}"),
        ("typo", "{{request.idd}}"),
        ("lost", "{{> nobody}}"),
        ("self", "{{> self}}"),
    ]);
    for name in ["good", "row", "list"] {
        assert_eq!(parts.check(name), Ok(()), "{name}");
    }
    for name in ["typo", "lost", "self"] {
        assert_eq!(parts.check(name).unwrap_err().part.as_deref(), Some(name));
    }
}
