//! Which of several templates words an error.

use super::{NOW, ROUTE, accepting, body, header, occurrence, render, template, with};
use crate::denial::Denial;
use crate::names::{PolicyId, RouteId};
use crate::reason::Reason;
use crate::reply::{ErrorRules, ErrorTemplate, Errors, Occurrence};
use http::{HeaderMap, HeaderValue};

const POLICY: PolicyId = PolicyId(7);

/// `(where, on, accept)`: a template whose body is its own description.
fn errors(templates: &[(&str, &str, &str)]) -> Errors {
    let mut rules = ErrorRules::default();
    let mut of_route = Vec::new();
    for (scope, on, accept) in templates {
        let text = format!("\"{scope} {on} {accept}\"");
        let template: ErrorTemplate = match *accept {
            "" => template(on).body(&text),
            accept => template(on).accept(accept).body(&text),
        };
        match *scope {
            "policy" => rules.policies.push((POLICY, template)),
            "route" => of_route.push(template),
            "other" => rules.routes.push((vec![RouteId(99)], vec![template])),
            _ => rules.templates.push(template),
        }
    }
    rules.routes.push((vec![RouteId(1), ROUTE], of_route));
    Errors::new(rules)
}

fn check(templates: &[(&str, &str, &str)], expected: &str) {
    let denial = Denial::new(Reason::KeyExpired).by(POLICY);
    // The order of the config must not matter.
    for templates in [templates.to_vec(), templates.iter().rev().copied().collect()] {
        let reply = render(&errors(&templates), &denial, "*/*");
        assert_eq!(body(&reply).trim_matches('"').trim_end(), expected, "{templates:?}");
    }
}

#[test]
fn the_most_specific_one_wins() {
    let all = [
        ("policy", "key_expired", ""),
        ("policy", "api_key_invalid", ""),
        ("policy", "4xx", ""),
        ("policy", "*", ""),
        ("route", "key_expired", ""),
        ("route", "api_key_invalid", ""),
        ("route", "4xx", ""),
        ("route", "*", ""),
        ("global", "key_expired", ""),
        ("global", "api_key_invalid", ""),
        ("global", "4xx", ""),
        ("global", "*", ""),
    ];
    for (index, (scope, on, _)) in all.iter().enumerate() {
        let others = [("other", "key_expired", ""), ("global", "5xx", ""), ("global", "key_revoked", "")];
        let templates: Vec<_> = all[index..].iter().chain(&others).copied().collect();
        check(&templates, &format!("{scope} {on}"));
    }
}

#[test]
fn what_does_not_concern_is_passed_over() {
    check(&[("policy", "quota_exceeded", ""), ("route", "5xx", ""), ("global", "*", "")], "global *");
    check(&[("global", "API_KEY_INVALID", ""), ("global", "4xx", "")], "global API_KEY_INVALID");
    let reply = render(&errors(&[("policy", "*", "")]), &Denial::new(Reason::KeyExpired), "*/*");
    assert!(body(&reply).contains("\"code\":\"api_key_invalid\""), "another policy's refusal: {}", body(&reply));
}

fn check_accept(accept: Option<&str>, templates: &[(&str, &str, &str)], expected: &str, varies: bool) {
    let denial = Denial::new(Reason::KeyExpired);
    let fields = accept.map_or_else(HeaderMap::new, accepting);
    let reply = errors(templates).render(&occurrence(&denial, Some(&fields)));
    let shown = body(&reply).trim_matches('"').trim_end();
    let default = shown.contains("about:blank");
    assert_eq!(if default { "default" } else { shown }, expected, "{accept:?}");
    assert_eq!(header(&reply, "vary").is_some(), varies, "{accept:?}");
}

#[test]
fn among_equals_the_client_chooses() {
    let three = [("g", "4xx", "application/xml"), ("g", "4xx", ""), ("g", "4xx", "text/html")];
    let check = |accept, expected| check_accept(accept, &three, expected, true);
    check(None, "g 4xx");
    check(Some("*/*"), "g 4xx");
    check(Some("unreadable"), "g 4xx");
    check(Some("application/xml"), "g 4xx application/xml");
    check(Some("application/*"), "g 4xx");
    check(Some("text/*"), "g 4xx text/html");
    check(Some("text/html;q=0.4, application/xml;q=0.5"), "g 4xx application/xml");
    check(Some("text/html;q=0.5, application/xml;q=0.4"), "g 4xx text/html");
    check(Some("text/html, application/xml"), "g 4xx application/xml");
    check(Some("text/html;q=0, */*;q=0.1"), "g 4xx");
    check(Some("application/json, */*;q=0.1"), "g 4xx");
    check(Some("application/json, application/xml;q=0.9"), "g 4xx");
    check(Some("application/json;q=0.8, application/xml;q=0.9"), "g 4xx application/xml");
    check(Some("application/problem+json, */*;q=0.1"), "g 4xx");
    check(Some("image/png"), "g 4xx");
}

#[test]
fn a_template_for_another_client_is_passed_over() {
    let templates = [("route", "key_expired", "application/xml"), ("g", "4xx", "text/html"), ("g", "*", "")];
    check_accept(Some("application/xml"), &templates, "route key_expired application/xml", true);
    check_accept(Some("*/*"), &templates, "route key_expired application/xml", true);
    check_accept(Some("text/html"), &templates, "g 4xx text/html", true);
    check_accept(Some("application/json"), &templates, "g *", true);
    check_accept(Some("application/json"), &templates[..2], "default", true);
    check_accept(Some("application/json"), &templates[2..], "g *", false);
    // The less exact one could not have been chosen by anybody.
    check_accept(Some("*/*"), &[("g", "4xx", ""), ("g", "*", "text/html")], "g 4xx", false);
}

#[test]
fn what_a_template_does_not_say_stays() {
    let denial = Denial::new(Reason::KeyExpired);
    let check = |template: ErrorTemplate, status, content_type: &str, start: &str, varies| {
        let reply = render(&with(vec![template]), &denial, "*/*");
        assert_eq!((reply.status, header(&reply, "content-type")), (status, Some(content_type)));
        assert!(body(&reply).starts_with(start), "{}", body(&reply));
        assert_eq!(header(&reply, "vary").is_some(), varies);
    };
    let problem = "{\"type\":\"about:blank\",\"title\":\"API key invalid\",\"status\":";
    check(template("*"), 401, "application/problem+json", problem, true);
    check(template("*").status(400), 400, "application/problem+json", problem, true);
    check(template("*").body("[1]"), 401, "application/problem+json", "[1]", false);
    check(template("*").body(""), 401, "application/problem+json", "", false);
    check(template("*").content_type("application/json"), 401, "application/json", problem, false);
    check(template("*").content_type("text/xml"), 401, "text/xml", "<?xml", false);
    check(template("*").content_type("text/html"), 401, "text/html", "401 API key invalid\n", false);
    check(template("*").header("content-type", "text/css"), 401, "text/css", problem, true);
}

#[test]
fn the_config_can_prefer_another_format() {
    let content_type = HeaderValue::from_static("application/xml; charset=utf-8");
    let errors = Errors::new(ErrorRules { content_type, ..ErrorRules::default() });
    let denial = Denial::new(Reason::KeyExpired);
    for (accept, expected) in [
        ("*/*", "application/xml; charset=utf-8"),
        ("application/json", "application/problem+json"),
        ("text/plain", "text/plain; charset=utf-8"),
    ] {
        assert_eq!(header(&render(&errors, &denial, accept), "content-type"), Some(expected));
    }
}

#[test]
fn whose_head_cannot_be_read_gets_what_everybody_gets() {
    let denial = Denial::new(Reason::HeaderMalformed);
    let errors = errors(&[("g", "4xx", ""), ("g", "4xx", "text/html")]);
    let reply = errors.render(&occurrence(&denial, None));
    assert_eq!((body(&reply), header(&reply, "vary")), ("\"g 4xx \"", None));
}

#[test]
fn before_a_route_is_found_the_global_list_decides() {
    let errors = errors(&[("route", "*", ""), ("global", "*", "")]);
    let denial = Denial::new(Reason::PathUnknown);
    let nowhere = Occurrence { route: None, consumer: None, plan: None, now: NOW, ..occurrence(&denial, None) };
    assert_eq!(body(&errors.render(&nowhere)), "\"global * \"");
}
