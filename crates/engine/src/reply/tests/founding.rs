//! The six errors that the founding document lets an operator customise, under its names and under ours.

use super::{body, header, occurrence, render, template, with};
use crate::denial::{Denial, Detail};
use crate::names::PolicyId;
use crate::reason::Reason;
use crate::reply::{ErrorRules, ErrorTemplate, Errors, Selector};
use std::time::Duration;

struct Customised {
    names: [&'static str; 2],
    denial: Denial,
    status: u16,
    template: fn(&str) -> ErrorTemplate,
    expected_status: u16,
    expected_body: &'static str,
    expected_header: (&'static str, &'static str),
}

fn six() -> Vec<Customised> {
    keys().into_iter().chain(tokens()).chain(limits()).collect()
}

fn keys() -> [Customised; 2] {
    [
        Customised {
            names: ["API_KEY_INVALID", "api_key_invalid"],
            denial: Denial::new(Reason::KeyUnknown),
            status: 401,
            template: |on| {
                let xml =
                    "<problem xmlns=\"urn:ietf:rfc:7807\"><title>Check your key</title><i>{{request.id}}</i></problem>";
                template(on).content_type("application/problem+xml").header("request-id", "{{request.id}}").body(xml)
            },
            expected_status: 401,
            expected_body: "<problem xmlns=\"urn:ietf:rfc:7807\"><title>Check your key</title><i>r-1</i></problem>",
            expected_header: ("request-id", "r-1"),
        },
        Customised {
            names: ["API_KEY_FORBIDDEN", "api_key_forbidden"],
            denial: Denial::new(Reason::PlanExcludesRoute),
            status: 403,
            template: |on| template(on).status(404).body("{\"plan\":\"{{plan.name}}\",\"route\":\"{{route.name}}\"}"),
            expected_status: 404,
            expected_body: "{\"plan\":\"free\",\"route\":\"orders-route\"}",
            expected_header: ("content-type", "application/problem+json"),
        },
    ]
}

fn tokens() -> [Customised; 2] {
    [
        Customised {
            names: ["JWT_SIGNATURE_INVALID", "jwt_signature_invalid"],
            denial: Denial::new(Reason::SigningKeyUnknown),
            status: 401,
            template: |on| template(on).content_type("text/plain").body("Upload your public key. {{time.now}}"),
            expected_status: 401,
            expected_body: "Upload your public key. 2026-11-03T09:05:00Z",
            expected_header: ("content-type", "text/plain"),
        },
        Customised {
            names: ["JWT_CLAIM_VALUE_INVALID", "jwt_claim_value_invalid"],
            denial: Denial::new(Reason::AudienceMismatch),
            status: 401,
            template: |on| {
                template(on).content_type("text/html").body("<h1 id=\"{{error.kind}}\">{{error.title}}</h1>")
            },
            expected_status: 401,
            expected_body: "<h1 id=\"jwt_claim_value_invalid\">Token claim invalid</h1>",
            expected_header: ("content-type", "text/html"),
        },
    ]
}

fn limits() -> [Customised; 2] {
    [
        Customised {
            names: ["QUOTA_EXCEEDED", "quota_exceeded"],
            denial: Denial::new(Reason::QuotaExceeded)
                .with(Detail::Quota { limit: 1_000, resets_unix_s: 1_793_750_400 })
                .retry_after(Duration::from_millis(53_699_500)),
            status: 429,
            template: |on| {
                let body = "{\"limit\":{{quota.limit}},\"reset\":\"{{quota.reset}}\",\"of\":\"{{limit.name}}\"}";
                template(on).status(402).content_type("application/json").body(body)
            },
            expected_status: 402,
            expected_body: "{\"limit\":1000,\"reset\":\"2026-11-04T00:00:00Z\",\"of\":\"orders-burst\"}",
            expected_header: ("retry-after", "53700"),
        },
        Customised {
            names: ["API_THROTTLING_LIMIT_REACHED", "throttling_limit_reached"],
            denial: Denial::new(Reason::ThrottlingLimitReached)
                .with(Detail::Throttle { limit: "orders-burst".into() })
                .retry_after(Duration::from_millis(1_200)),
            status: 429,
            template: |on| template(on).status(503).body("{\"wait\":\"{{retry.after}}\",\"limit\":\"{{limit.name}}\"}"),
            expected_status: 503,
            expected_body: "{\"wait\":\"2\",\"limit\":\"orders-burst\"}",
            expected_header: ("retry-after", "2"),
        },
    ]
}

#[test]
fn each_has_its_default_status_and_can_be_customised() {
    for case in six() {
        assert_eq!(render(&with(Vec::new()), &case.denial, "*/*").status, case.status, "{}", case.names[0]);
        for name in case.names {
            let reply = render(&with(vec![(case.template)(name)]), &case.denial, "*/*");
            assert_eq!((reply.status, body(&reply)), (case.expected_status, case.expected_body), "{name}");
            let (header_name, value) = case.expected_header;
            assert_eq!(header(&reply, header_name), Some(value), "{name}");
        }
    }
}

#[test]
fn a_throttle_has_its_own_error() {
    let (own, other) = (PolicyId(1), PolicyId(2));
    let template = || template("API_THROTTLING_LIMIT_REACHED");
    let own_error = ErrorTemplate { on: Selector::Any, ..template().content_type("application/json") };
    let errors = Errors::new(ErrorRules {
        templates: vec![template().body("{\"all\":true}")],
        policies: vec![(own, own_error.body("{\"wait\":\"{{retry.after}}\"}"))],
        ..ErrorRules::default()
    });
    let denial = |policy| Denial::new(Reason::ThrottlingLimitReached).by(policy).retry_after(Duration::from_secs(3));
    let accept = super::accepting("*/*");
    let reply = errors.render(&occurrence(&denial(own), Some(&accept)));
    assert_eq!((body(&reply), header(&reply, "content-type")), ("{\"wait\":\"3\"}", Some("application/json")));
    assert_eq!(body(&errors.render(&occurrence(&denial(other), Some(&accept)))), "{\"all\":true}");
}
