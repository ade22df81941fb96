//! What is repeated for each error: how it is written, and where it may not stand.

use super::super::{Escape, SECTIONS_MAX, Template, Values};
use super::check_fault;
use crate::violation::{Place, Violation};

fn check(text: &str, escape: Escape, expected: [&str; 3]) {
    let all = [Violation::new(Place::Body, "/a", "is \"wrong\""), Violation::new(Place::Header, "x-b", "is <missing>")];
    let template = Template::parse(text, escape).unwrap_or_else(|fault| panic!("{text}: {fault}"));
    for (errors, expected) in [&all[..0], &all[..1], &all[..]].into_iter().zip(expected) {
        let mut out = Vec::new();
        template.render(&Values { errors, request_id: "r", ..Values::default() }, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), expected, "{text}");
    }
}

#[test]
fn one_turn_for_each_error() {
    let (one, two) = (
        r#"[{"in":"body","pointer":"/a","detail":"is \"wrong\""}]"#,
        r#"[{"in":"body","pointer":"/a","detail":"is \"wrong\""},{"in":"header","pointer":"x-b","detail":"is \u003cmissing\u003e"}]"#,
    );
    check("{{errors}}", Escape::Json, ["[]", one, two]);
    check("a{{#errors}} {{in}}{{pointer}}{{/errors}}!", Escape::Text, ["a!", "a body/a!", "a body/a headerx-b!"]);
    check(
        "{{#errors separator=' | '}}{{message}}{{/errors}}",
        Escape::Text,
        ["", "is \"wrong\"", "is \"wrong\" | is <missing>"],
    );
    check(
        "[{{#errors separator=\",\"}}\"{{pointer}} {{request.id}}\"{{/errors}}]",
        Escape::Json,
        ["[]", "[\"/a r\"]", "[\"/a r\",\"x-b r\"]"],
    );
    check("\"{{#errors separator=\"; \"}}{{pointer}}{{/errors}}\"", Escape::Json, ["\"\"", "\"/a\"", "\"/a; x-b\""]);
    check(
        "<l>{{#errors}}<e p='{{pointer}}'>{{message}}</e>{{/errors}}</l>",
        Escape::Xml,
        [
            "<l></l>",
            "<l><e p='/a'>is &quot;wrong&quot;</e></l>",
            "<l><e p='/a'>is &quot;wrong&quot;</e><e p='x-b'>is &lt;missing&gt;</e></l>",
        ],
    );
    check("<i t='{{#errors}}{{pointer}};{{/errors}}'>", Escape::Html, ["<i t=''>", "<i t='/a;'>", "<i t='/a;x-b;'>"]);
}

#[test]
fn where_no_section_can_stand() {
    check_fault("a {{#errors}}", Escape::Text, 2, "is not closed");
    check_fault("{{/errors}}", Escape::Text, 0, "closes no section");
    check_fault("{{#errors}}{{#errors}}{{/errors}}{{/errors}}", Escape::Text, 11, "in a section");
    check_fault("{{#errors}}{{/errors}}", Escape::Header, 0, "no room");
    check_fault("{{errors}}", Escape::Text, 0, "this is not JSON");
    check_fault("<a>{{errors}}</a>", Escape::Xml, 3, "this is not JSON");
    check_fault("\"{{errors}}\"", Escape::Json, 1, "inside of a JSON string");
    check_fault("{{pointer}}", Escape::Text, 2, "no section is open");
    check_fault("{{#errors}}{{/errors}}{{ message }}", Escape::Text, 25, "no section is open");
    check_fault("{{#if allow}}", Escape::Text, 2, "no conditions");
    check_fault("{{^last}}", Escape::Text, 2, "no conditions");
    check_fault(
        &"{{#errors}}{{/errors}}".repeat(SECTIONS_MAX + 1),
        Escape::Text,
        22 * SECTIONS_MAX,
        "more than 4 sections",
    );
}

#[test]
fn every_turn_begins_where_the_one_before_it_began() {
    let unbalanced = "does not end where it began";
    check_fault("[{{#errors}}\"{{pointer}},{{/errors}}]", Escape::Json, 1, unbalanced);
    check_fault("[\"{{#errors separator='\",'}}{{pointer}}{{/errors}}\"]", Escape::Json, 2, unbalanced);
    check_fault("<a>{{#errors}}<b{{/errors}}></a>", Escape::Xml, 3, unbalanced);
    check_fault("<a>{{#errors}}<!-- {{/errors}}--></a>", Escape::Xml, 3, unbalanced);
    check_fault("<a>{{#errors}}<script>{{/errors}}</a>", Escape::Html, 3, unbalanced);
    check_fault("<a b={{#errors separator='\"'}}x{{/errors}}>", Escape::Xml, 5, unbalanced);
    // One error is JSON, two are not.
    check_fault("[{{#errors}}\"{{pointer}}\"{{/errors}}]", Escape::Json, 0, "not JSON");
    check_fault("[{{#errors}}\"{{pointer}}\",{{/errors}}]", Escape::Json, 0, "not JSON");
    check_fault("{{#errors}}\"{{pointer}}\"{{/errors}}", Escape::Json, 0, "not JSON");
    check_fault("{{#errors}}{{pointer}}{{/errors}}", Escape::Json, 11, "outside of a JSON string");
}
