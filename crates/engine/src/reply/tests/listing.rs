//! What was wrong with a body or a parameter, in default bodies and in templates.

use super::{ErrorRules, Errors, body, header, render, template, with};
use crate::denial::{Denial, Detail};
use crate::reason::Reason;
use crate::violation::{Place, Violation};
use roxmltree::Document;
use serde_json::{Value, json};

fn denial(violations: &[(Place, &str, &str)]) -> Denial {
    let violations = violations.iter().map(|(place, pointer, message)| Violation::new(*place, pointer, message));
    Denial::new(Reason::BodyMalformed).with(Detail::Invalid(violations.collect()))
}

fn two() -> Denial {
    denial(&[(Place::Body, "/items/0", "\"quantity\" is required"), (Place::Query, "limit", "is no number & <none>")])
}

#[test]
fn default_bodies_list_them() {
    let errors = Errors::new(ErrorRules::default());
    let reply = render(&errors, &two(), "application/json");
    let expected = json!([
        { "in": "body", "pointer": "/items/0", "detail": "\"quantity\" is required" },
        { "in": "query", "pointer": "limit", "detail": "is no number & <none>" },
    ]);
    assert_eq!(serde_json::from_slice::<Value>(&reply.body).unwrap()["errors"], expected);
    let reply = render(&errors, &two(), "application/xml");
    let document = Document::parse(body(&reply)).unwrap();
    let list = document.descendants().find(|node| node.has_tag_name(("urn:ietf:rfc:7807", "errors"))).unwrap();
    let texts =
        |name| list.descendants().filter(move |node| node.tag_name().name() == name).map(|node| node.text().unwrap());
    assert_eq!(list.children().filter(|child| child.has_tag_name(("urn:ietf:rfc:7807", "i"))).count(), 2);
    assert_eq!(texts("pointer").collect::<Vec<_>>(), ["/items/0", "limit"]);
    assert_eq!(texts("detail").collect::<Vec<_>>(), ["\"quantity\" is required", "is no number & <none>"]);
    assert_eq!(texts("in").collect::<Vec<_>>(), ["body", "query"]);
    let reply = render(&errors, &two(), "text/plain");
    let expected = "error: body /items/0: \"quantity\" is required\nerror: query limit: is no number & <none>\n";
    assert!(body(&reply).ends_with(expected), "{}", body(&reply));
}

#[test]
fn nothing_is_listed_where_nothing_is_known() {
    let errors = Errors::new(ErrorRules::default());
    for accept in ["application/json", "application/xml", "text/plain"] {
        let reply = render(&errors, &Denial::new(Reason::BodyMalformed), accept);
        assert!(!body(&reply).contains("error"), "{}", body(&reply));
    }
}

fn check(content_type: &str, text: &str, denial: &Denial, expected: &str) {
    let errors = with(vec![template("*").content_type(content_type).body(text)]);
    assert_eq!(body(&render(&errors, denial, "*/*")), expected, "{text}");
}

#[test]
fn templates_iterate_over_them() {
    let json =
        r#"{"errors":{{errors}},"at":[{{#errors separator=","}}"{{in}}:{{pointer}} ({{error.kind}})"{{/errors}}]}"#;
    let expected = r#"{"errors":[{"in":"body","pointer":"/items/0","detail":"\"quantity\" is required"},{"in":"query","pointer":"limit","detail":"is no number \u0026 \u003cnone\u003e"}],"at":["body:/items/0 (body_malformed)","query:limit (body_malformed)"]}"#;
    check("application/json", json, &two(), expected);
    check("application/json", json, &Denial::new(Reason::BodyMalformed), r#"{"errors":[],"at":[]}"#);
    let xml = "<e>{{#errors}}<at p=\"{{pointer}}\">{{message}}</at>{{/errors}}</e>";
    let expected = "<e><at p=\"/items/0\">&quot;quantity&quot; is required</at><at p=\"limit\">is no number &amp; &lt;none&gt;</at></e>";
    check("application/xml", xml, &two(), expected);
    check("application/xml", xml, &Denial::new(Reason::BodyMalformed), "<e></e>");
    let text = "Wrong: {{#errors separator='; '}}{{pointer}} {{message}}{{/errors}}.";
    check("text/plain", text, &two(), "Wrong: /items/0 \"quantity\" is required; limit is no number & <none>.");
}

#[test]
fn a_list_is_as_long_as_it_may_be_and_no_longer() {
    let many: Vec<_> = (0..100).map(|_| (Place::Body, "/a", "is wrong")).collect();
    check("text/plain", "{{#errors}}x{{/errors}}", &denial(&many), &"x".repeat(32));
}

#[test]
fn every_default_body_ends_with_a_line_end_and_no_template_is_given_one() {
    for accept in ["*/*", "application/xml", "text/plain", "text/html"] {
        for denial in [two(), Denial::new(Reason::PathUnknown)] {
            let reply = render(&Errors::new(ErrorRules::default()), &denial, accept);
            assert!(body(&reply).ends_with('\n') && !body(&reply).ends_with("\n\n"), "{:?}", body(&reply));
            assert!(header(&reply, "content-length").is_none(), "the writer counts");
        }
    }
    check("application/json", "{}", &two(), "{}");
}
