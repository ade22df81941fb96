//! What HTTP asks for on certain refusals, with and without the operator's wording.

use super::{body, header, line, render, render_reason, template, with};
use crate::denial::{Denial, Detail};
use crate::reason::{Kind, Reason};
use crate::reply::{ErrorRules, Errors, is_reserved};
use http::HeaderName;
use http::header::CONTENT_TYPE;
use std::time::Duration;

fn plain() -> Errors {
    Errors::new(ErrorRules::default())
}

fn check(denial: &Denial, name: &str, expected: Option<&str>) {
    let reply = render(&plain(), denial, "*/*");
    assert_eq!(header(&reply, name), expected, "{}", denial.reason.code());
    let worded = render(&with(vec![template("*").body("{}")]), denial, "*/*");
    assert_eq!(header(&worded, name), expected, "{} in a template", denial.reason.code());
}

#[test]
fn retry_after_is_whole_seconds_and_enough() {
    for (wait, expected) in [
        (Duration::ZERO, "1"),
        (Duration::from_nanos(1), "1"),
        (Duration::from_millis(999), "1"),
        (Duration::from_secs(1), "1"),
        (Duration::from_millis(1_001), "2"),
        (Duration::from_secs(86_400), "86400"),
        (Duration::MAX, "18446744073709551615"),
    ] {
        check(&Denial::new(Reason::ThrottlingLimitReached).retry_after(wait), "retry-after", Some(expected));
    }
    check(&Denial::new(Reason::ThrottlingLimitReached), "retry-after", None);
}

#[test]
fn what_would_have_been_right() {
    let allow = Denial::new(Reason::MethodNotAllowed).with(Detail::Allow("GET, HEAD, POST".into()));
    check(&allow, "allow", Some("GET, HEAD, POST"));
    let accept = Denial::new(Reason::ContentTypeUnsupported).with(Detail::Accept("application/json".into()));
    check(&accept, "accept", Some("application/json"));
    check(&Denial::new(Reason::PathUnknown), "allow", None);
    // Another status says something else, and the method list with it.
    let hidden = with(vec![template("method_not_allowed").status(404)]);
    assert_eq!(header(&render(&hidden, &allow, "*/*"), "allow"), None);
}

#[test]
fn credentials_are_asked_for() {
    let check = |reason, expected: Option<&str>| check(&Denial::new(reason), "www-authenticate", expected);
    check(Reason::JwtMissing, Some("Bearer realm=\"tollgate\""));
    for (reason, description) in [
        (Reason::JwsUnreadable, "The token cannot be read."),
        (Reason::TokenTooLarge, "The token is too large."),
        (Reason::SignatureMismatch, "The token's signature is not valid."),
        (Reason::TokenExpired, "The token has expired."),
    ] {
        let expected =
            format!("Bearer realm=\"tollgate\", error=\"invalid_token\", error_description=\"{description}\"");
        check(reason, Some(&expected));
    }
    check(Reason::ApiKeyMissing, Some("ApiKey realm=\"tollgate\""));
    check(Reason::KeyExpired, Some("ApiKey realm=\"tollgate\""));
    check(Reason::PlanExcludesRoute, None);
    check(Reason::ScopeInsufficient, None);
    for reason in Reason::ALL {
        let reply = render_reason(&plain(), *reason);
        assert_eq!(header(&reply, "www-authenticate").is_some(), reason.status() == 401, "{}", reason.code());
    }
}

#[test]
fn scopes_are_named_when_they_are_known() {
    let denial = |scopes: &str| Denial::new(Reason::ScopeInsufficient).with(Detail::Scopes(scopes.into()));
    let challenge =
        |scopes| Some(format!("Bearer realm=\"tollgate\", error=\"insufficient_scope\", scope=\"{scopes}\""));
    check(&denial("orders:read orders:write"), "www-authenticate", challenge("orders:read orders:write").as_deref());
    check(&denial("a\"b\\c\r\nd"), "www-authenticate", challenge("abcd").as_deref());
}

#[test]
fn the_status_decides_on_the_challenge() {
    for kind in Kind::ALL {
        let [reason, ..] = kind.reasons() else { panic!("{} has no reason", kind.code()) };
        let as_401 = with(vec![template(kind.code()).status(401)]);
        assert!(header(&render_reason(&as_401, *reason), "www-authenticate").is_some(), "{}", kind.code());
        let as_400 = with(vec![template(kind.code()).status(400)]);
        assert_eq!(header(&render_reason(&as_400, *reason), "www-authenticate"), None, "{}", kind.code());
    }
}

#[test]
fn proxy_status_says_whose_fault_it_is() {
    for (reason, error) in [
        (Reason::DnsFailed, "dns_error"),
        (Reason::NoHealthyEndpoint, "destination_unavailable"),
        (Reason::HostUnreachable, "destination_ip_unroutable"),
        (Reason::ConnectionRefused, "connection_refused"),
        (Reason::UpstreamReset, "connection_terminated"),
        (Reason::UpstreamConnectTimeout, "connection_timeout"),
        (Reason::FirstByteTimeout, "http_response_timeout"),
        (Reason::IdleTimeout, "connection_read_timeout"),
        (Reason::TotalTimeout, "http_response_timeout"),
        (Reason::CertificateExpired, "tls_certificate_error"),
        (Reason::HandshakeFailed, "tls_protocol_error"),
        (Reason::UpstreamProtocolError, "http_protocol_error"),
        (Reason::InternalError, "proxy_internal_error"),
        (Reason::ConnectionsExhausted, "proxy_internal_response"),
    ] {
        check(&Denial::new(reason), "proxy-status", Some(&format!("tollgate; error={error}")));
    }
    for reason in Reason::ALL {
        let reply = render_reason(&plain(), *reason);
        assert_eq!(header(&reply, "proxy-status").is_some(), reason.status() >= 500, "{}", reason.code());
    }
}

#[test]
fn the_operators_headers_come_first() {
    let rules = ErrorRules {
        headers: vec![line("request-id", "{{request.id}}"), line("cache-control", "max-age=1"), line("x-team", "edge")],
        templates: vec![
            template("api_key_invalid")
                .header("x-team", "keys")
                .header("www-authenticate", "ApiKey realm=\"{{request.host}}\"")
                .header("link", "</a>; rel=\"a\"")
                .header("x-reset", " {{quota.reset}} ")
                .header("content-length", "7"),
        ],
        ..ErrorRules::default()
    };
    let errors = Errors::new(rules);
    let worded = render_reason(&errors, Reason::KeyUnknown);
    let other = render_reason(&errors, Reason::PathUnknown);
    for (name, expected, elsewhere) in [
        ("request-id", Some("r-1"), Some("r-1")),
        ("cache-control", Some("max-age=1"), Some("max-age=1")),
        ("x-team", Some("keys"), Some("edge")),
        ("www-authenticate", Some("ApiKey realm=\"api.example.com\""), None),
        ("link", Some("</a>; rel=\"a\""), None),
        ("x-content-type-options", Some("nosniff"), Some("nosniff")),
        ("x-reset", None, None),
        ("content-length", None, None),
    ] {
        assert_eq!((header(&worded, name), header(&other, name)), (expected, elsewhere), "{name}");
    }
    assert!(is_reserved(&HeaderName::from_static("transfer-encoding")));
    assert!(!is_reserved(&CONTENT_TYPE));
}

#[test]
fn a_line_break_in_a_value_makes_no_header() {
    let errors = with(vec![template("*").header("x-path", "{{request.path}}")]);
    let denial = Denial::new(Reason::PathUnknown);
    let mut occurrence = super::occurrence(&denial, None);
    occurrence.path = "/a\r\nSet-Cookie: b=c";
    let reply = errors.render(&occurrence);
    assert_eq!(header(&reply, "x-path"), Some("/a%0D%0ASet-Cookie: b=c"));
    assert_eq!(header(&reply, "set-cookie"), None);
}

#[test]
fn a_status_without_a_body_has_none() {
    for status in [204, 205, 304] {
        for errors in [with(vec![template("*").status(status)]), with(vec![template("*").status(status).body("{}")])] {
            let reply = render_reason(&errors, Reason::PathUnknown);
            assert_eq!((reply.status, body(&reply), header(&reply, "content-type")), (status, "", None));
        }
    }
}

#[test]
fn a_help_url_cannot_break_the_link() {
    let errors =
        Errors::new(ErrorRules { help_url: Some("https://a/>\r\n<é\" b#".to_owned()), ..ErrorRules::default() });
    let reply = render_reason(&errors, Reason::PathUnknown);
    assert_eq!(header(&reply, "link"), Some("<https://a/b#route_not_found>; rel=\"help\""));
}
