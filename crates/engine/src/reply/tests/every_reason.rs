//! Each kind and reason, in each format, also with values that would like to break it.

use super::{Errors, accepting, body, children, header, occurrence, render, render_reason, template, with};
use crate::denial::{Denial, Detail};
use crate::reason::{Kind, Reason};
use crate::reply::{Disclose, ErrorRules, Occurrence};
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};
use serde_json::{Map, Value, json};

fn disclosing() -> Errors {
    let help_url = Some("https://docs.example.com/errors/".to_owned());
    Errors::new(ErrorRules { help_url, disclose: Disclose::Reason, ..ErrorRules::default() })
}

#[test]
fn json_by_default() {
    let errors = Errors::new(ErrorRules::default());
    for reason in Reason::ALL {
        let kind = reason.kind();
        for accept in ["*/*", "application/json", "image/png", "not, an, accept"] {
            let reply = render(&errors, &Denial::new(*reason), accept);
            assert_eq!(reply.status, kind.status());
            assert_eq!(header(&reply, "content-type"), Some("application/problem+json"));
            assert_eq!(header(&reply, "vary"), Some("Accept"));
            assert_eq!(header(&reply, "cache-control"), Some("no-store"));
            assert_eq!(header(&reply, "x-content-type-options"), Some("nosniff"));
            assert_eq!(header(&reply, "link"), None);
            let expected = json!({
                "type": "about:blank", "title": kind.title(), "status": kind.status(), "detail": reason.detail(),
                "instance": "urn:request:r-1", "code": kind.code(), "requestId": "r-1"
            });
            assert_eq!(serde_json::from_slice::<Value>(&reply.body).unwrap(), expected, "{}", reason.code());
        }
    }
}

#[test]
fn reasons_and_help_when_the_operator_wants_them() {
    let errors = disclosing();
    for reason in Reason::ALL {
        let code = reason.kind().code();
        let reply = render_reason(&errors, *reason);
        let problem: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(problem["type"], format!("https://docs.example.com/errors/{code}"));
        assert_eq!(problem["reason"], reason.code());
        let link = format!("<https://docs.example.com/errors/{code}>; rel=\"help\"");
        assert_eq!(header(&reply, "link"), Some(&*link));
    }
}

#[test]
fn xml_to_who_reads_only_that() {
    let errors = disclosing();
    for reason in Reason::ALL {
        let kind = reason.kind();
        let reply = render(&errors, &Denial::new(*reason), "application/xml");
        assert_eq!((reply.status, header(&reply, "content-type")), (kind.status(), Some("application/problem+xml")));
        let expected = vec![
            ("type", format!("https://docs.example.com/errors/{}", kind.code())),
            ("title", kind.title().to_owned()),
            ("status", kind.status().to_string()),
            ("detail", reason.detail().to_owned()),
            ("instance", "urn:request:r-1".to_owned()),
            ("code", kind.code().to_owned()),
            ("reason", reason.code().to_owned()),
            ("requestId", "r-1".to_owned()),
        ];
        assert_eq!(children(body(&reply)), Some(expected), "{}", body(&reply));
    }
}

#[test]
fn text_to_who_reads_only_that() {
    let errors = disclosing();
    for reason in Reason::ALL {
        let kind = reason.kind();
        let reply = render(&errors, &Denial::new(*reason), "text/plain");
        assert_eq!((reply.status, header(&reply, "content-type")), (kind.status(), Some("text/plain; charset=utf-8")));
        let (status, title, detail, code) = (kind.status(), kind.title(), reason.detail(), kind.code());
        let expected = format!("{status} {title}\n{detail}\ncode: {code}\nreason: {}\nrequest: r-1\n", reason.code());
        assert_eq!(body(&reply), expected);
    }
}

#[test]
fn every_kind_can_be_worded_anew() {
    for kind in Kind::ALL {
        let errors =
            with(vec![template(kind.code()).status(418).body("{\"kind\":\"{{error.kind}}\",\"s\":{{error.status}}}")]);
        for reason in Reason::ALL {
            let reply = render_reason(&errors, *reason);
            let worded = reason.kind() == *kind;
            assert_eq!(reply.status == 418, worded, "{}", reason.code());
            assert_eq!(body(&reply) == format!("{{\"kind\":\"{}\",\"s\":418}}", kind.code()), worded);
        }
    }
}

/// Every text variable in every place of a template that takes one.
fn everything() -> Errors {
    let names = "{{request.id}}{{request.method}}{{request.host}}{{request.path}}{{consumer.id}}{{plan.name}}{{route.name}}\
                 {{policy.name}}{{claims.c}}";
    let json = format!("{{\"v\":\"{names}\"}}");
    let xml = format!("<problem xmlns=\"urn:ietf:rfc:7807\"><v>{names}</v></problem>");
    with(vec![
        template("*").accept("application/xml").body(&xml).header("x-v", names),
        template("*").accept("application/json").body(&json).header("x-v", names),
    ])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn no_value_breaks_a_reply(text in any::<String>(), special in "[\"'<>&\\\\\r\n\t\u{0}\u{7f}{}%x-]{0,20}", number in 0..1_000_usize) {
        let hostile = format!("{special}{text}");
        let claims = Map::from_iter([("c".to_owned(), Value::from(hostile.clone()))]);
        let denial = Denial::new(Reason::ALL[number % Reason::ALL.len()]).with(Detail::Throttle { limit: hostile.clone().into() });
        for (errors, json_name) in [(Errors::new(ErrorRules::default()), "requestId"), (everything(), "v")] {
            let values = Occurrence {
                request_id: &hostile, method: &hostile, host: &hostile, path: &hostile, consumer: Some(&hostile),
                plan: Some(&hostile), route: Some((&super::ROUTE, &hostile)), policy_name: Some(&hostile), claims: Some(&claims),
                ..occurrence(&denial, None)
            };
            let times = if json_name == "v" { 9 } else { 1 };
            let (json, xml) = (accepting("application/json"), accepting("application/xml"));
            let reply = errors.render(&Occurrence { fields: Some(&json), ..values });
            let parsed: Value = serde_json::from_slice(&reply.body).unwrap();
            prop_assert_eq!(&parsed[json_name], &Value::from(hostile.repeat(times)));
            let reply = errors.render(&Occurrence { fields: Some(&xml), ..values });
            let sayable = hostile.replace(|c: char| (c < ' ' && !"\t\n\r".contains(c)) || c == '\u{fffe}' || c == '\u{ffff}', "");
            let children = children(body(&reply)).unwrap();
            prop_assert_eq!(&children.iter().find(|(name, _)| *name == json_name).unwrap().1, &sayable.repeat(times));
            if times == 9 && let Some(shown) = header(&reply, "x-v") {
                prop_assert_eq!(shown.find(|c: char| !(' '..='~').contains(&c)), None);
            }
        }
    }
}
