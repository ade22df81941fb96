//! Facts that come with a denial: an auth service's own answer, what was not sent, which limit it was.

use super::{ErrorRules, Errors, body, header, render, template, with};
use crate::denial::{Denial, Detail, Passed, PassedBody};
use crate::reason::Reason;
use http::header::{LOCATION, SET_COOKIE, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue};
use std::sync::Arc;

fn passed(reason: Reason, status: u16, headers: &[(HeaderName, &'static str)], body: Option<&str>) -> Denial {
    let headers = headers.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
    let body = body.map(|text| PassedBody { content_type: HeaderValue::from_static("text/html"), bytes: text.into() });
    Denial::new(reason).with(Detail::Passed(Arc::new(Passed { service: "login".into(), status, headers, body })))
}

fn plain() -> Errors {
    Errors::new(ErrorRules::default())
}

#[test]
fn an_auth_services_answer_goes_out_where_the_operator_has_no_words() {
    let denial = passed(Reason::AuthDenied, 451, &[(SET_COOKIE, "a=b")], Some("<p>no</p>"));
    let reply = render(&plain(), &denial, "application/xml");
    assert_eq!((reply.status, body(&reply), header(&reply, "content-type")), (451, "<p>no</p>", Some("text/html")));
    // Nothing was chosen by the client's word.
    assert_eq!((header(&reply, "set-cookie"), header(&reply, "vary")), (Some("a=b"), None));
    // A template without a body leaves the service's, one with a body replaces it; status and headers of the service stay.
    let reply = render(&with(vec![template("auth_denied").header("x-a", "1")]), &denial, "*/*");
    assert_eq!((reply.status, body(&reply), header(&reply, "x-a")), (451, "<p>no</p>", Some("1")));
    let reply = render(&with(vec![template("auth_denied").body("{{error.status}}")]), &denial, "*/*");
    assert_eq!((reply.status, body(&reply), header(&reply, "set-cookie")), (451, "451", Some("a=b")));
    let reply = render(&with(vec![template("auth_denied").status(404)]), &denial, "*/*");
    assert_eq!((reply.status, body(&reply)), (404, "<p>no</p>"));
}

#[test]
fn without_a_body_of_the_service_the_default_one_has_its_status() {
    let denial = passed(Reason::AuthRedirected, 303, &[(LOCATION, "https://login.example.com/")], None);
    let reply = render(&plain(), &denial, "application/json");
    assert_eq!((reply.status, header(&reply, "location")), (303, Some("https://login.example.com/")));
    assert!(body(&reply).contains("\"status\":303") && header(&reply, "vary") == Some("Accept"), "{}", body(&reply));
    // 304 and its like have none, whatever the service has sent.
    let reply = render(&plain(), &passed(Reason::AuthDenied, 204, &[], Some("x")), "*/*");
    assert_eq!((reply.status, body(&reply), header(&reply, "content-type")), (204, "", None));
}

#[test]
fn a_service_that_names_a_scheme_is_not_contradicted() {
    let challenge = |denial: &Denial| header(&render(&plain(), denial, "*/*"), "www-authenticate").map(str::to_owned);
    let own = passed(Reason::AuthRequired, 401, &[(WWW_AUTHENTICATE, "Negotiate")], None);
    assert_eq!(challenge(&own).as_deref(), Some("Negotiate"));
    assert_eq!(challenge(&passed(Reason::AuthRequired, 401, &[], None)).as_deref(), Some("Bearer realm=\"tollgate\""));
}

#[test]
fn who_sent_nothing_is_told_all_that_would_do() {
    let challenges = |reason| {
        let reply = render(&plain(), &Denial::new(reason).with(Detail::NoCredential), "*/*");
        let lines = reply.headers.iter().filter(|(name, _)| *name == WWW_AUTHENTICATE);
        lines.map(|(_, value)| value.to_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(challenges(Reason::ApiKeyMissing), ["ApiKey realm=\"tollgate\"", "Bearer realm=\"tollgate\""]);
    assert_eq!(challenges(Reason::JwtMissing), ["Bearer realm=\"tollgate\""]);
}

#[test]
fn a_limit_has_a_name_also_where_it_is_shared_with_others() {
    let errors =
        with(vec![template("*").body("\"{{limit.name}} {{quota.limit}} {{quota.reset}} {{allow}}{{scopes}}\"")]);
    let check = |detail, expected| {
        assert_eq!(body(&render(&errors, &Denial::new(Reason::ThrottlingLimitReached).with(detail), "*/*")), expected);
    };
    check(Detail::Throttle { limit: "burst".into() }, "\"burst 0  \"");
    check(Detail::CrowdedThrottle { limit: "burst".into() }, "\"burst 0  \"");
    // A quota is known by the name of its policy.
    check(Detail::Quota { limit: 7, resets_unix_s: 0 }, "\"orders-burst 7 1970-01-01T00:00:00Z \"");
    check(Detail::Allow("GET, HEAD".into()), "\" 0  GET, HEAD\"");
    check(Detail::Scopes("a b".into()), "\" 0  a b\"");
    check(Detail::Text("secret".into()), "\" 0  \"");
}
