//! What a service is asked, what its answers mean, and which of them are remembered for whom.

use super::{
    Checked, ForwardAuth, RememberRules, ServiceAnswer, ServiceQuestion, ServiceReply, ServiceRules, Standing,
};
use crate::denial::Detail;
use crate::live::Live;
use crate::reason::Reason;
use crate::request::{RequestHead, RequestParts, RequestRules};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use limits::clock::Now;
use std::time::Duration;

const START: Now = Now::at_unix_seconds(1_000);
const MINUTE: Duration = Duration::from_secs(60);

fn named(names: &[&'static str]) -> Vec<HeaderName> {
    names.iter().copied().map(HeaderName::from_static).collect()
}

fn rules() -> ServiceRules {
    ServiceRules {
        request_headers: named(&["authorization", "cookie"]),
        response_headers: named(&["x-auth-groups"]),
        denial_headers: named(&["www-authenticate", "location", "set-cookie"]),
        redirects: true,
        consumer_header: None,
        plan_header: None,
        remember: None,
    }
}

fn remembering(target: bool, denials: bool) -> ServiceRules {
    let headers = named(&["authorization", "cookie"]);
    ServiceRules {
        remember: Some(RememberRules { time: MINUTE, headers, target, denials, entries_max: 100 }),
        ..rules()
    }
}

fn service(live: &Live, rules: ServiceRules) -> ForwardAuth {
    ForwardAuth::new("login".into(), rules, "http://127.0.0.1/", live)
}

fn map(lines: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn check(service: &ForwardAuth, target: &str, lines: &[(&'static str, &str)], address: u8, now: Now) -> Checked {
    let mut headers = map(lines);
    headers.insert("host", HeaderValue::from_static("A.Example:8080"));
    let peer = [127, 0, 0, address].into();
    let parts = RequestParts { method: &Method::POST, target, headers: &headers, peer, tls: false };
    let head = RequestHead::parse(parts, &RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 100 }).unwrap();
    service.check(0, &head, head.query, now).unwrap()
}

#[track_caller]
fn asked(checked: Checked) -> ServiceQuestion {
    match checked {
        Checked::Ask(question) => question,
        Checked::Known(standing) => panic!("{standing:?} is remembered"),
    }
}

fn reply(status: u16, lines: &[(&'static str, &str)], body: &str) -> ServiceReply {
    ServiceReply { status, headers: map(lines), body: body.into() }
}

fn judged(rules: ServiceRules, answer: ServiceAnswer) -> Standing {
    let live = Live::new();
    let service = service(&live, rules);
    let question = asked(check(&service, "/", &[("cookie", "a=1")], 1, START));
    service.judge(&question, answer, START)
}

fn reason(standing: &Standing) -> Option<Reason> {
    standing.as_ref().err().map(|denial| denial.reason)
}

#[test]
fn the_service_is_told_the_request_in_its_one_form() {
    let live = Live::new();
    let lines = [
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-forwarded-uri", "/public"),
        ("x-forwarded-for", "10.0.0.1"),
        ("x-other", "x"),
    ];
    let question = asked(check(&service(&live, rules()), "/a/../b%41?c=%20", &lines, 1, START));
    let told: Vec<(&str, &str)> =
        question.fields.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let expected = vec![
        ("cookie", "a=1"),
        ("cookie", "b=2"),
        ("x-forwarded-method", "POST"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-host", "a.example:8080"),
        ("x-forwarded-uri", "/bA?c=%20"),
        ("x-forwarded-for", "127.0.0.1"),
    ];
    assert_eq!(told, expected);
}

#[test]
fn only_2xx_lets_in() {
    for status in 200..600 {
        let standing = judged(rules(), ServiceAnswer::Answered(reply(status, &[("location", "/login")], "")));
        let expected = match status {
            200..=299 => None,
            401 => Some(Reason::AuthRequired),
            403 => Some(Reason::AuthDenied),
            301 | 302 | 303 | 307 | 308 => Some(Reason::AuthRedirected),
            _ => Some(Reason::AuthServiceFailed),
        };
        assert_eq!(reason(&standing), expected, "{status}");
    }
}

#[test]
fn no_answer_refuses() {
    assert_eq!(reason(&judged(rules(), ServiceAnswer::Failed("x".into()))), Some(Reason::AuthServiceFailed));
    assert_eq!(reason(&judged(rules(), ServiceAnswer::TimedOut("x".into()))), Some(Reason::AuthServiceTimeout));
    assert_eq!(reason(&judged(rules(), ServiceAnswer::Busy)), Some(Reason::AuthServiceBusy));
}

#[test]
fn a_redirect_is_passed_only_if_it_leads_somewhere_and_may() {
    let nowhere = judged(rules(), ServiceAnswer::Answered(reply(302, &[], "")));
    assert_eq!(reason(&nowhere), Some(Reason::AuthServiceFailed));
    let forbidden = ServiceRules { redirects: false, ..rules() };
    let standing = judged(forbidden, ServiceAnswer::Answered(reply(302, &[("location", "/login")], "")));
    assert_eq!(reason(&standing), Some(Reason::AuthServiceFailed));
}

#[test]
fn a_refusal_takes_along_what_is_let_through_and_nothing_else() {
    let lines = [
        ("www-authenticate", "Bearer"),
        ("set-cookie", "a=1"),
        ("set-cookie", "b=2"),
        ("content-type", "text/html"),
        ("x-internal", "10.0.0.9"),
    ];
    let standing = judged(rules(), ServiceAnswer::Answered(reply(401, &lines, "<p>Sign in</p>")));
    let Detail::Passed(passed) = standing.unwrap_err().detail else { panic!("nothing is passed on") };
    let names: Vec<&str> = passed.headers.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names, passed.status), (vec!["www-authenticate", "set-cookie", "set-cookie"], 401));
    let body = passed.body.as_ref().unwrap();
    assert_eq!((&*body.bytes, body.content_type.to_str().unwrap()), (&b"<p>Sign in</p>"[..], "text/html"));
    let packed = [("content-type", "text/html"), ("content-encoding", "gzip")];
    let standing = judged(rules(), ServiceAnswer::Answered(reply(403, &packed, "\u{1f}")));
    let Detail::Passed(passed) = standing.unwrap_err().detail else { panic!("nothing is passed on") };
    assert_eq!(passed.body, None, "nobody could read it");
}

#[test]
fn whom_it_vouches_for() {
    let naming = || ServiceRules {
        consumer_header: Some(HeaderName::from_static("x-user")),
        plan_header: Some(HeaderName::from_static("x-plan")),
        ..rules()
    };
    let lines =
        [("x-user", " acme "), ("x-plan", "gold"), ("x-auth-groups", "a"), ("x-auth-groups", "b"), ("x-o", "1")];
    let vouched = judged(naming(), ServiceAnswer::Answered(reply(204, &lines, ""))).unwrap();
    assert_eq!((vouched.consumer.as_deref(), vouched.plan.as_deref()), (Some("acme"), Some("gold")));
    let told: Vec<&str> = vouched.headers.iter().map(|(_, value)| value.to_str().unwrap()).collect();
    assert_eq!(told, ["a", "b"]);
    let long = "u".repeat(257);
    for lines in [
        &[][..],
        &[("x-user", "")],
        &[("x-user", "a"), ("x-user", "a")],
        &[("x-user", &long)],
        &[("x-user", "a\u{e4}")],
        &[("x-user", "a"), ("x-plan", "p"), ("x-plan", "q")],
    ] {
        let standing = judged(naming(), ServiceAnswer::Answered(reply(200, lines, "")));
        assert_eq!(reason(&standing), Some(Reason::AuthServiceFailed), "{lines:?}");
    }
}

/// Asks once with this answer, and says whether the second request is still asked about.
#[track_caller]
fn remembers(
    rules: ServiceRules,
    answer: ServiceReply,
    second: (&str, &[(&'static str, &str)], u8),
    later: Duration,
    expected: bool,
) {
    let live = Live::new();
    let service = service(&live, rules);
    let question = asked(check(&service, "/one?q", &[("cookie", "a=1"), ("x", "1")], 1, START));
    let first = service.judge(&question, ServiceAnswer::Answered(answer), START);
    let (target, lines, address) = second;
    let known = match check(&service, target, lines, address, START.plus(later)) {
        Checked::Known(standing) => {
            assert_eq!(standing, first);
            true
        }
        Checked::Ask(_) => false,
    };
    assert_eq!(known, expected);
}

#[test]
fn an_answer_holds_for_the_same_caller_and_target() {
    const COOKIE: &[(&str, &str)] = &[("cookie", "a=1"), ("x", "2")];
    let at_once = Duration::ZERO;
    let good = || reply(200, &[], "");
    let all = || remembering(true, false);
    remembers(rules(), good(), ("/one?q", COOKIE, 1), at_once, false);
    remembers(all(), good(), ("/one?q", COOKIE, 1), at_once, true);
    remembers(all(), good(), ("/one?q", COOKIE, 1), MINUTE, false);
    remembers(all(), good(), ("/one?r", COOKIE, 1), at_once, false);
    remembers(all(), good(), ("/two?q", COOKIE, 1), at_once, false);
    remembers(all(), good(), ("/one?q", &[("cookie", "a=2")], 1), at_once, false);
    remembers(all(), good(), ("/one?q", &[("cookie", "a=1"), ("cookie", "")], 1), at_once, false);
    remembers(all(), good(), ("/one?q", &[("cookie", "a=1"), ("authorization", "x")], 1), at_once, false);
    remembers(all(), good(), ("/one?q", &[("authorization", "a=1")], 1), at_once, false);
    remembers(all(), good(), ("/one?q", COOKIE, 2), at_once, false);
    remembers(remembering(false, false), good(), ("/two", COOKIE, 1), at_once, true);
    remembers(remembering(false, false), good(), ("/two", COOKIE, 2), at_once, false);
}

#[test]
fn which_answers_are_remembered() {
    const SAME: (&str, &[(&str, &str)], u8) = ("/one?q", &[("cookie", "a=1")], 1);
    let at_once = Duration::ZERO;
    remembers(remembering(true, false), reply(403, &[], ""), SAME, at_once, false);
    remembers(remembering(true, true), reply(403, &[], "no"), SAME, at_once, true);
    remembers(remembering(true, true), reply(401, &[], ""), SAME, at_once, true);
    remembers(remembering(true, true), reply(302, &[("location", "/")], ""), SAME, at_once, false);
    remembers(remembering(true, true), reply(500, &[], ""), SAME, at_once, false);
    remembers(remembering(true, true), reply(403, &[], &"x".repeat(4_097)), SAME, at_once, false);
    remembers(remembering(true, true), reply(200, &[("x-auth-groups", &"x".repeat(4_097))], ""), SAME, at_once, false);
    remembers(remembering(true, true), reply(200, &[("set-cookie", "a=2")], ""), SAME, at_once, false);
    for (cache_control, kept_s) in [
        ("no-store", 0),
        ("private, No-Cache", 0),
        ("max-age=0", 0),
        ("max-age=x", 0),
        ("max-age=\"10\"", 10),
        ("private, max-age=10", 10),
        ("max-age=3600", 60),
        ("private", 60),
    ] {
        let answer = || reply(200, &[("cache-control", cache_control)], "");
        if kept_s > 0 {
            remembers(remembering(true, false), answer(), SAME, Duration::from_secs(kept_s - 1), true);
        }
        remembers(remembering(true, false), answer(), SAME, Duration::from_secs(kept_s), false);
    }
}

#[test]
fn a_stranger_is_always_asked_about_and_another_config_asks_anew() {
    let live = Live::new();
    let first = service(&live, remembering(false, true));
    let question = asked(check(&first, "/", &[], 1, START));
    first.judge(&question, ServiceAnswer::Answered(reply(200, &[], "")), START).unwrap();
    asked(check(&first, "/", &[], 1, START));
    let question = asked(check(&first, "/", &[("cookie", "a")], 1, START));
    first.judge(&question, ServiceAnswer::Answered(reply(200, &[], "")), START).unwrap();
    let same = service(&live, remembering(false, true));
    assert!(matches!(check(&same, "/", &[("cookie", "a")], 1, START), Checked::Known(Ok(_))));
    asked(check(&service(&live, remembering(true, true)), "/", &[("cookie", "a")], 1, START));
    let moved = ForwardAuth::new("login".into(), remembering(false, true), "http://127.0.0.2/", &live);
    asked(check(&moved, "/", &[("cookie", "a")], 1, START));
}
