use super::{AllowHeaders, AllowMethods, Answering, Cors, CorsRules, OnDenied, OriginFault, OriginPattern, Preflight};
use crate::names::PolicyId;
use crate::trail::Mode;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::{ProptestConfig, Strategy as _, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use std::time::Duration;

/// One rule on a line: origins, `|`, methods, `|`, headers, `|`, what else.
fn rule(text: &str) -> Cors {
    let mut parts = text.split('|').map(str::trim);
    let mut words = || parts.next().unwrap_or_default().split_whitespace();
    let origins = words().map(|origin| OriginPattern::parse(origin).unwrap()).collect();
    let methods: Vec<&str> = words().collect();
    let methods = match &*methods {
        ["*"] => AllowMethods::Star,
        [] => AllowMethods::Asked,
        listed => AllowMethods::Listed(listed.iter().map(|method| method.parse().unwrap()).collect()),
    };
    let mut headers = AllowHeaders::default();
    for word in words() {
        if word == "*" {
            headers.star = true;
        } else {
            headers.listed.push(word.parse().unwrap());
        }
    }
    let rest: Vec<&str> = words().collect();
    let rules = CorsRules {
        origins,
        methods,
        headers,
        expose: rest.contains(&"expose").then(|| HeaderValue::from_static("retry-after")),
        credentials: rest.contains(&"credentials"),
        max_age: rest.contains(&"age").then(|| Duration::from_secs(600)),
        on_denied: if rest.contains(&"refuse") { OnDenied::Refuse } else { OnDenied::Forward },
    };
    let mode = if rest.contains(&"dryRun") { Mode::DryRun } else { Mode::Enforce };
    Cors::new(PolicyId(0), mode, rules)
}

fn fields(lines: &[&str]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        headers.append(name.parse::<HeaderName>().unwrap(), value.parse().unwrap());
    }
    headers
}

fn shown<'a>(headers: impl IntoIterator<Item = (&'a HeaderName, &'a HeaderValue)>) -> Vec<String> {
    let line = |(name, value): (&HeaderName, &HeaderValue)| {
        let short = name.as_str().strip_prefix("access-control-").unwrap_or(name.as_str());
        format!("{short}: {}", value.to_str().unwrap())
    };
    let mut lines: Vec<String> = headers.into_iter().map(line).collect();
    lines.sort();
    lines
}

#[test]
fn origins_are_as_browsers_write_them() {
    let good = |text: &str| assert!(OriginPattern::parse(text).is_ok(), "{text}: {:?}", OriginPattern::parse(text));
    for text in [
        "*",
        "null",
        "https://app.example.com",
        "http://localhost:3000",
        "http://[::1]:3000",
        "https://xn--bcher-kva.example",
        "https://*.example.com",
        "https://*.example.com:8443",
        "chrome-extension://abcdefgh",
        "capacitor://localhost",
    ] {
        good(text);
    }
    let bad = |text: &str, fault: OriginFault| assert_eq!(OriginPattern::parse(text), Err(fault), "{text}");
    bad("", OriginFault::Scheme);
    bad("app.example.com", OriginFault::Scheme);
    bad("://app.example.com", OriginFault::Scheme);
    bad("https://", OriginFault::Host);
    bad("https://:443", OriginFault::Host);
    bad("https://app.example.com/", OriginFault::Path);
    bad("https://app.example.com/a", OriginFault::Path);
    bad("https://app.example.com?a", OriginFault::Path);
    bad("https://user@app.example.com", OriginFault::User);
    bad("HTTPS://app.example.com", OriginFault::Case);
    bad("https://App.example.com", OriginFault::Case);
    bad("https://app.example.com:443", OriginFault::DefaultPort);
    bad("http://app.example.com:80", OriginFault::DefaultPort);
    bad("https://*.example.com:443", OriginFault::DefaultPort);
    bad("https://app.example.com:", OriginFault::Port);
    bad("https://app.example.com:08443", OriginFault::Port);
    bad("https://app.example.com:70000", OriginFault::Port);
    bad("https://app.example.com.", OriginFault::Character);
    bad("https://app .example.com", OriginFault::Character);
    bad("https://a\\b", OriginFault::Character);
    bad("https://bücher.example", OriginFault::NotAscii);
    bad("https://*", OriginFault::Star);
    bad("https://app.*.com", OriginFault::Star);
    bad("https://*app.example.com", OriginFault::Star);
    bad("https://*.*.com", OriginFault::Star);
    bad("https://*.[::1]", OriginFault::Star);
    bad("https://app.example.com:*", OriginFault::Star);
    bad("app://*", OriginFault::Star);
}

#[test]
fn wildcards_are_met_label_by_label() {
    let check = |pattern: &str, origin: &str, met: bool| {
        assert_eq!(OriginPattern::parse(pattern).unwrap().matches(origin), met, "{pattern} {origin}");
    };
    let below = "https://*.example.com";
    check(below, "https://a.example.com", true);
    check(below, "https://a.b-c.x_y.example.com", true);
    for origin in [
        "https://example.com",
        "https://.example.com",
        "https://evilexample.com",
        "https://example.com.evil.com",
        "https://a.example.com.evil.com",
        "https://a.example.com.",
        "https://a..example.com",
        "https://a.example.com:8443",
        "https://a.example.com:443",
        "https://a.example.com/",
        "https://A.example.com",
        "https://a.Example.com",
        "HTTPS://a.example.com",
        "http://a.example.com",
        "https://evil.com/.example.com",
        "https://evil.com#.example.com",
        "https://evil.com?.example.com",
        "https://evil.com\\.example.com",
        "https://evil.com:80.example.com",
        "https://user@a.example.com",
        "https://a.example.com https://evil.com",
        "https://evil.com, https://a.example.com",
        " https://a.example.com",
        "a.example.com",
        "https://*.example.com",
        "null",
        "",
    ] {
        check(below, origin, false);
    }
    check("https://*.example.com:8443", "https://a.example.com:8443", true);
    check("https://*.example.com:8443", "https://a.example.com", false);
    check("https://*.example.com:8443", "https://a.example.com:84430", false);
    check("https://app.example.com", "https://app.example.com", true);
    check("https://app.example.com", "https://app.example.com/", false);
    check("null", "null", true);
    check("null", "NULL", false);
}

/// The rules on a line, the preflight's fields, and the answer's without Vary or the reason.
fn check_preflight(rules: &str, asked: &[&str], expected: &[&str]) {
    let headers = fields(asked);
    let asked = Preflight::of(&Method::OPTIONS, &headers).unwrap();
    let rule = rule(rules);
    let found = match rule.check_preflight(&asked) {
        Ok(()) => {
            let reply = rule.permission(&asked, rules.ends_with("narrow"));
            assert!(reply.status == 204 && reply.body.is_empty());
            let vary = reply.headers.iter().find(|(name, _)| name == "vary").unwrap();
            assert_eq!(vary.1, "Origin, Access-Control-Request-Method, Access-Control-Request-Headers");
            shown(reply.headers.iter().filter(|(name, _)| name != "vary").map(|(name, value)| (name, value)))
        }
        Err(denial) => vec![denial.reason.code().to_owned()],
    };
    assert_eq!(found, expected, "{rules}: {headers:?}");
}

#[test]
fn preflights() {
    let check = check_preflight;
    let app = "origin: https://app.example.com";
    let get = "access-control-request-method: GET";
    let put = "access-control-request-method: PUT";
    let own = "https://app.example.com https://*.example.org | GET PUT | authorization x-api-key";
    let listed =
        ["allow-headers: authorization, x-api-key", "allow-methods: GET, PUT", "allow-origin: https://app.example.com"];
    check(own, &[app, get], &listed);
    check(own, &[app, put, "access-control-request-headers: x-api-key"], &listed);
    check(own, &[app, put, "access-control-request-headers: X-Api-Key ,\tAUTHORIZATION,,"], &listed);
    check(own, &[app, put, "access-control-request-headers:  "], &listed);
    check(own, &[app, "access-control-request-method: HEAD"], &listed);
    check(own, &["origin: https://example.org", get], &["cors_origin_denied"]);
    check(own, &["origin: null", get], &["cors_origin_denied"]);
    check(own, &[app, app, get], &["cors_origin_denied"]);
    check(own, &[app, "access-control-request-method: DELETE"], &["cors_method_denied"]);
    check(own, &[app, "access-control-request-method: put"], &["cors_method_denied"]);
    check(own, &[app, put, "access-control-request-headers: x-other"], &["cors_header_denied"]);
    check(
        own,
        &[app, put, "access-control-request-headers: x-api-key", "access-control-request-headers: x-other"],
        &["cors_header_denied"],
    );
    check(own, &[app, put, "access-control-request-headers: x api key"], &["cors_header_denied"]);
    let many = format!("access-control-request-headers: {}", "x-api-key,".repeat(super::NAMES_MAX + 1));
    check(own, &[app, put, &many], &["cors_header_denied"]);
    let of_org =
        ["allow-headers: authorization, x-api-key", "allow-methods: GET, PUT", "allow-origin: https://a.example.org"];
    check(own, &["origin: https://a.example.org", get], &of_org);
    // What could be another route's is permitted for this request alone.
    let narrow = &["allow-headers: x-api-key", "allow-methods: PUT", "allow-origin: https://app.example.com"];
    check(&format!("{own} | narrow"), &[app, put, "access-control-request-headers: x-api-key"], narrow);
    let with = "https://app.example.com | GET | x-a | credentials age";
    let full = [
        "allow-credentials: true",
        "allow-headers: x-a",
        "allow-methods: GET",
        "allow-origin: https://app.example.com",
        "max-age: 600",
    ];
    check(with, &[app, get], &full);
}

#[test]
fn stars() {
    let check = check_preflight;
    let app = "origin: https://app.example.com";
    let put = "access-control-request-method: PUT";
    let star = "* | * | *";
    check(
        star,
        &[app, put, "access-control-request-headers: x-a"],
        &["allow-headers: *", "allow-methods: *", "allow-origin: *"],
    );
    check(star, &["origin: null", put], &["allow-headers: *", "allow-methods: *", "allow-origin: *"]);
    // Fetch: `*` is not about Authorization.
    check(star, &[app, put, "access-control-request-headers: authorization"], &["cors_header_denied"]);
    let both = ["allow-headers: *, authorization", "allow-methods: *", "allow-origin: *"];
    check("* | * | * authorization", &[app, put, "access-control-request-headers: authorization, x-a"], &both);
    // A route with any method names the one that is asked for, and without headers no others than a form's.
    check("* | |", &[app, "access-control-request-method: PURGE"], &["allow-methods: PURGE", "allow-origin: *"]);
    check("* | |", &[app, put, "access-control-request-headers: x-a"], &["cors_header_denied"]);
}

#[test]
fn what_is_a_preflight() {
    let check = |method: Method, lines: &[&str], is_one: bool| {
        let headers = fields(lines);
        assert_eq!(Preflight::of(&method, &headers).is_some(), is_one, "{method} {lines:?}");
    };
    let (origin, get) = ("origin: https://a.example", "access-control-request-method: GET");
    check(Method::OPTIONS, &[origin, get], true);
    check(Method::OPTIONS, &[origin], false);
    check(Method::OPTIONS, &[get], false);
    check(Method::GET, &[origin, get], false);
    check(Method::OPTIONS, &[origin, "access-control-request-method: G T"], false);
}

#[test]
fn answers() {
    let check = |rules: &str, request: &[&str], before: &[&str], expected: &[&str]| {
        let mut response = fields(before);
        rule(rules).edit(Answering::Request, &fields(request), &mut response);
        assert_eq!(shown(&response), expected, "{rules}: {request:?} {before:?}");
    };
    let app = "origin: https://app.example.com";
    let own = "https://app.example.com https://*.example.org | GET | | expose credentials";
    let readable = [
        "allow-credentials: true",
        "allow-origin: https://app.example.com",
        "expose-headers: retry-after",
        "vary: Origin",
    ];
    check(own, &[app], &[], &readable);
    check(own, &[], &[], &["vary: Origin"]);
    check(own, &["origin: https://evil.com"], &[], &["vary: Origin"]);
    check(own, &[app, app], &[], &["vary: Origin"]);
    check(own, &["origin: https://app.example.com, https://app.example.com"], &[], &["vary: Origin"]);
    let upstreams = [
        "access-control-allow-origin: *",
        "access-control-allow-origin: https://evil.com",
        "access-control-allow-credentials: true",
        "access-control-expose-headers: *",
        "access-control-allow-methods: *",
        "access-control-allow-headers: *",
        "access-control-max-age: 1",
        "access-control-allow-private-network: true",
    ];
    check(own, &[app], &upstreams, &readable);
    check(own, &["origin: https://evil.com"], &upstreams, &["vary: Origin"]);
    check(own, &[], &upstreams, &["vary: Origin"]);
    check(own, &["origin: https://evil.com"], &["vary: accept, ORIGIN"], &["vary: accept, ORIGIN"]);
    check(own, &["origin: https://evil.com"], &["vary: *"], &["vary: *"]);
    // The same for everybody: nothing varies, and it is there without an Origin, too.
    let everybody = ["allow-origin: *", "expose-headers: retry-after"];
    check("* | | | expose", &[app], &upstreams, &everybody);
    check("* | | | expose", &[], &[], &everybody);
    check("null | |", &["origin: null"], &[], &["allow-origin: null", "vary: Origin"]);
    // Dry run changes no byte.
    check("https://app.example.com | | | dryRun", &[app], &["access-control-allow-origin: *"], &["allow-origin: *"]);
}

#[test]
fn a_refused_preflight_permits_nothing_to_anybody() {
    for rules in ["*", "https://app.example.com | GET | | credentials expose"] {
        let mut response = HeaderMap::new();
        rule(rules).edit(Answering::Refused, &fields(&["origin: https://app.example.com"]), &mut response);
        assert_eq!(
            shown(&response),
            ["vary: Origin, Access-Control-Request-Method, Access-Control-Request-Headers"],
            "{rules}"
        );
    }
}

#[test]
fn requests_of_other_origins() {
    let check = |rules: &str, request: &[&str], expected: Option<bool>| {
        let found = rule(rules).check(&fields(request)).map(|result| result.is_ok());
        assert_eq!(found, expected, "{rules} {request:?}");
    };
    let (app, evil) = ("origin: https://app.example.com", "origin: https://evil.com");
    for rules in ["https://app.example.com", "https://app.example.com | | | refuse"] {
        check(rules, &[], None);
        check(rules, &[app], Some(true));
    }
    check("https://app.example.com", &[evil], Some(true));
    check("https://app.example.com | | | refuse", &[evil], Some(false));
    check("* | | | refuse", &[evil], Some(true));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4000))]

    /// Nothing is permitted but the listed bytes and whole labels before a listed domain.
    #[test]
    fn no_other_origin_is_ever_permitted(
        origin in prop_oneof![
            any::<String>(),
            "(https?://|HTTPS://)?([a-zA-Z_*@.:/\\\\-]{0,4}\\.?)(app\\.)?(example\\.(com|org))(\\.|:[0-9]{1,4}|/|\\.evil\\.com)?",
            "https://[a-z.-]{0,6}\\.example\\.org",
        ].prop_filter("a field's value", |text| HeaderValue::from_str(text).is_ok())
    ) {
        let rule = rule("https://app.example.com https://*.example.org:8443 https://*.example.org | GET");
        let mut request = HeaderMap::new();
        request.insert("origin", HeaderValue::from_str(&origin).unwrap());
        let mut response = HeaderMap::new();
        rule.edit(Answering::Request, &request, &mut response);
        let permitted = response.get("access-control-allow-origin");
        let is_name = |name: &str| {
            let letters = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_' || byte == b'.';
            !name.is_empty() && name.bytes().all(letters) && !name.starts_with('.') && !name.ends_with('.') && !name.contains("..")
        };
        let below = origin.strip_prefix("https://").and_then(|rest| {
            rest.strip_suffix(".example.org").or_else(|| rest.strip_suffix(".example.org:8443"))
        });
        let should = origin == "https://app.example.com" || below.is_some_and(is_name);
        prop_assert_eq!(permitted.is_some(), should, "{}", origin);
        if let Some(permitted) = permitted {
            prop_assert!(permitted.as_bytes() == origin.as_bytes());
        }
    }
}
