use super::{
    Conditions, Found, Hidden, MethodMismatch, Methods, NearMissReason, RouteMatch, RouteTable, TrailingSlash,
};
use crate::denial::Detail;
use crate::names::RouteId;
use crate::request::{RequestHead, RequestParts, RequestRules};
use crate::route::host::HostPattern;
use crate::route::path::PathPattern;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::net::{IpAddr, Ipv4Addr};

/// One route a line: `METHODS host path… [header=value] [?query=value] [!ignore|!redirect]`; methods and hosts are separated by
/// commas, `*` is any, `~` begins a regex. Ids count from 0.
pub(super) fn routes(text: &str) -> Vec<RouteMatch> {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
    lines.zip(0..).map(|(line, id)| route(line, RouteId(id))).collect()
}

fn route(line: &str, route: RouteId) -> RouteMatch {
    let mut words = line.split_whitespace();
    let methods = words.next().unwrap().split(',').filter(|method| *method != "*");
    let methods = Methods::of(methods.map(|method| method.parse().unwrap()).collect());
    let hosts = words.next().unwrap().split(',').map(|host| HostPattern::parse(host).unwrap()).collect();
    let mut rule = RouteMatch {
        route,
        hosts,
        paths: Vec::new(),
        methods,
        conditions: Conditions::default(),
        trailing_slash: TrailingSlash::Strict,
    };
    for word in words {
        match (word, word.split_once('=')) {
            ("!ignore", _) => rule.trailing_slash = TrailingSlash::Ignore,
            ("!redirect", _) => rule.trailing_slash = TrailingSlash::Redirect,
            (path, _) if path.starts_with('/') => rule.paths.push(PathPattern::parse(path).unwrap()),
            (path, _) if path.starts_with('~') => {
                rule.paths.push(PathPattern::regex(path.trim_start_matches('~')).unwrap());
            }
            (_, Some((name, value))) => match name.strip_prefix('?') {
                Some(name) => rule.conditions.query.push((name.into(), value.into())),
                None => rule.conditions.headers.push((name.parse().unwrap(), value.into())),
            },
            _ => panic!("{word}"),
        }
    }
    rule
}

/// `METHOD host/target [header=value]`.
fn with_head<T>(request: &str, run: impl FnOnce(&RequestHead<'_>) -> T) -> T {
    let mut words = request.split(' ');
    let method: Method = words.next().unwrap().parse().unwrap();
    let url = words.next().unwrap();
    let (host, target) = url.split_at(url.find('/').unwrap());
    let mut headers: HeaderMap = words
        .map(|word| word.split_once('=').unwrap())
        .map(|(name, value)| (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap()))
        .collect();
    headers.insert(http::header::HOST, HeaderValue::from_str(host).unwrap());
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 8192 };
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let target = if target == "/*OPTIONS" { "*" } else { target };
    let parts = RequestParts { method: &method, target, headers: &headers, peer, tls: false };
    run(&RequestHead::parse(parts, &rules).unwrap())
}

fn shown(table: &RouteTable, request: &str) -> String {
    match with_head(request, |head| table.find(head)) {
        Found::Route(route) => route.0.to_string(),
        Found::Redirect { route, path } => format!("{} -> {path}", route.0),
        Found::Denied { denial, route } => {
            let route = route.map_or_else(String::new, |route| format!(" at {}", route.0));
            let allow = if let Detail::Allow(allow) = denial.detail { format!(" {allow}") } else { String::new() };
            format!("{}{allow}{route}", denial.reason.code())
        }
    }
}

#[track_caller]
fn check(text: &str, expectations: &[(&str, &str)]) {
    let matches = routes(text);
    for order in [matches.clone(), matches.into_iter().rev().collect()] {
        let table = RouteTable::build(order, MethodMismatch::MethodNotAllowed);
        for (request, expected) in expectations {
            assert_eq!(shown(&table, request), *expected, "{request}");
        }
    }
}

#[test]
fn the_most_specific_host_wins() {
    let text = "* * /a
                * *.example.com /a
                * *.eu.example.com /a
                * api.eu.example.com /a
                * other.com /b";
    check(
        text,
        &[
            ("GET api.eu.example.com/a", "3"),
            ("GET API.eu.example.com.:80/a", "3"),
            ("GET x.eu.example.com/a", "2"),
            ("GET x.y.eu.example.com/a", "2"),
            ("GET eu.example.com/a", "1"),
            ("GET example.com/a", "0"),
            ("GET other.com/a", "0"),
            ("GET other.com/b", "4"),
            ("GET x.eu.example.com/b", "path_unknown"),
        ],
    );
}

#[test]
fn an_unknown_host_is_said_to_be_unknown() {
    let text = "* a.com,*.b.com /x";
    let expected = [("GET c.com/x", "host_unknown"), ("GET b.com/x", "host_unknown"), ("GET a.com/y", "path_unknown")];
    check(text, &expected);
    check("* * /x", &[("GET c.com/y", "path_unknown"), ("OPTIONS c.com/*OPTIONS", "path_unknown")]);
    check("* * /* ~.*", &[("OPTIONS c.com/*OPTIONS", "path_unknown")]);
    check("", &[("GET a/", "host_unknown")]);
}

#[test]
fn the_most_specific_path_wins() {
    let text = "* * /v1/orders/list
                * * /v1/orders/{id}
                * * /v1/{kind}/list
                * * ~/v1/orders/[0-9]+/x
                * * ~/v1/orders/.*/x.*
                * * ~/v1/orders/.*/y.*
                * * /v1/orders/*
                * * /v1/{kind}/*
                * * /*
                * * /v1/orders/{id}/y
                * * /";
    check(
        text,
        &[
            ("GET a/v1/orders/list", "0"),
            ("GET a/v1/orders/1", "1"),
            ("GET a/v1/x/list", "2"),
            ("GET a/v1/x/1", "7"),
            ("GET a/v1/orders/1/x", "3"),
            ("GET a/v1/orders/a/xx", "4"),
            ("GET a/v1/orders/x/x/y", "4"),
            ("GET a/v1/orders/x/y/z", "5"),
            ("GET a/v1/orders/1/y", "9"),
            ("GET a/v1/orders/1/z", "6"),
            ("GET a/v1/orders", "6"),
            ("GET a/v1/orders/", "6"),
            ("GET a/v1/ordersx", "7"),
            ("GET a/v1", "8"),
            ("GET a/", "10"),
            ("GET a/v1;v=2/orders;x/list;", "0"),
            ("GET a/v1/orders/%6cist", "0"),
            ("GET a/v1/x/../orders//list", "0"),
        ],
    );
}

#[test]
fn a_known_path_with_another_method_says_which_it_has() {
    let text = "GET,POST * /a
                DELETE * /a
                PUT * /a x-version=2
                * * /*
                get * /b";
    check(
        text,
        &[
            ("HEAD a/a", "0"),
            ("DELETE a/a", "1"),
            ("PATCH a/a", "method_not_allowed DELETE, GET, HEAD, POST at 0"),
            ("PATCH a/a x-version=2", "method_not_allowed DELETE, GET, HEAD, POST, PUT at 2"),
            ("PUT a/a", "method_not_allowed DELETE, GET, HEAD, POST at 0"),
            ("GET a/b", "method_not_allowed get at 4"),
            ("PATCH a/c", "3"),
        ],
    );
    let table = RouteTable::build(routes(text), MethodMismatch::NotFound);
    assert_eq!(shown(&table, "PATCH a/a"), "path_unknown");
}

#[test]
fn more_conditions_win_and_unmet_ones_fall_through() {
    let text = "GET a.com /a
                GET a.com /a x-version=2
                GET a.com /a x-version=2 ?preview=true
                GET a.com /b x-version=2
                GET *.com /b
                GET a.com /c x-version=2
                GET a.com /{x} x-version=3";
    check(
        text,
        &[
            ("GET a.com/a", "0"),
            ("GET a.com/a x-version=3", "0"),
            ("GET a.com/a x-version=2", "1"),
            ("GET a.com/a?preview=true x-version=2", "2"),
            ("GET a.com/b x-version=2", "3"),
            ("GET a.com/b", "4"),
            ("GET a.com/b x-version=3", "6"),
            ("GET a.com/c", "condition_unmet"),
            ("GET a.com/d/e", "path_unknown"),
        ],
    );
}

#[test]
fn trailing_slashes_follow_the_route() {
    let text = "* * /strict
                * * /strict-slash/
                * * /ignore !ignore
                * * /ignore-slash/ !ignore
                * * /redirect !redirect
                * * /redirect-slash/ !redirect
                * * /both !ignore
                * * /both/
                * * /{x}/
                * * ~/re/\\d+ !ignore
                * * ~/re/\\d+/x/ !redirect
                * * / !redirect";
    check(
        text,
        &[
            ("GET a/strict", "0"),
            ("GET a/strict/", "8"),
            ("GET a/strict-slash", "path_unknown"),
            ("GET a/ignore/", "2"),
            ("GET a/ignore-slash", "3"),
            ("GET a/redirect", "4"),
            ("GET a/redirect/", "4 -> /redirect"),
            ("POST a/redirect/?x=1", "4 -> /redirect"),
            ("GET a/redirect;v=1/;w", "4 -> /redirect;v=1"),
            ("GET a/redirect-slash", "5 -> /redirect-slash/"),
            ("GET a//redirect-slash", "5 -> /redirect-slash/"),
            ("GET a/both", "6"),
            ("GET a/both/", "7"),
            ("GET a/re/1/", "9"),
            ("GET a/re/1/x", "10 -> /re/1/x/"),
            ("GET a/", "11"),
        ],
    );
}

#[test]
fn routes_that_cannot_match_are_listed() {
    let check = |text: &str, expected: &[(u32, u32)]| {
        let table = RouteTable::build(routes(text), MethodMismatch::MethodNotAllowed);
        let hidden: Vec<_> = table.hidden().into_iter().map(|Hidden { route, by }| (route.0, by.0)).collect();
        assert_eq!(hidden, expected, "{text}");
    };
    check("* * /a\n* * /a", &[(1, 0)]);
    check("* * /a/{x}\nGET * /a/{y}", &[(1, 0)]);
    check("GET * /a\n* * /a", &[]);
    check("GET * /a\nPOST * /a\nGET,POST * /a", &[(2, 0)]);
    check("* * /a\n* * /a x=1", &[]);
    check("* * /a x=1 ?y=2\n* * /a ?y=2 x=1", &[(1, 0)]);
    check("* * /*\n* * /a", &[]);
    check("* *.a.com /a\n* b.a.com /a", &[]);
    check("* * /a\n* * /a /b", &[]);
    check("* * /a /b\n* * /a\n* x.com /a", &[(1, 0)]);
    check("* * /a\n* * /a !ignore", &[]);
    check("* * /a !redirect\n* * /a !ignore", &[(1, 0)]);
    check("* * /a/*\n* * /a/* !ignore", &[(1, 0)]);
    check("* * ~/a\n* * ~/a", &[(1, 0)]);
}

#[test]
fn routes_that_one_request_can_mean_are_listed() {
    let check = |text: &str, expected: &[(u32, u32, &str)]| {
        let table = RouteTable::build(routes(text), MethodMismatch::MethodNotAllowed);
        let ambiguous = table.ambiguous();
        let ambiguous: Vec<_> = ambiguous.iter().map(|tie| (tie.route.0, tie.with.0, tie.pattern.as_str())).collect();
        assert_eq!(ambiguous, expected, "{text}");
    };
    check("* * /a\nGET * /a", &[(1, 0, "*/a")]);
    check("GET *.a.com /a/{x}\nHEAD *.a.com /a/{y}", &[(1, 0, "*.a.com/a/{x}")]);
    check("GET * /a\nPOST * /a", &[]);
    check("* * /a x=1\n* * /a y=1", &[(1, 0, "*/a")]);
    check("* * /a x=1\n* * /a x=2", &[]);
    check("* * /a x=1\n* * /a ?x=1", &[(1, 0, "*/a")]);
    check("* * /a x=1\n* * /a x=1 y=1", &[]);
    check("* * /a\n* * /b\n* x /a", &[]);
}

#[test]
fn near_misses_name_the_one_thing_that_is_wrong() {
    let text = "GET api.example.com /v1/orders
                POST api.example.com /v1/orders/{id} x-version=2
                GET api.example.com /v1/customers
                * other.example.com /v1/orders
                * api.example.com /v1/files/";
    let table = RouteTable::build(routes(text), MethodMismatch::MethodNotAllowed);
    let check = |request: &str, expected: &[(u32, &str, NearMissReason)]| {
        let misses = with_head(request, |head| table.near_misses(head, 2));
        let misses: Vec<_> =
            misses.iter().map(|miss| (miss.route.0, miss.pattern.as_str(), miss.why.clone())).collect();
        assert_eq!(misses, expected, "{request}");
    };
    let host = |edits| NearMissReason::Host { edits };
    let path = |edits| NearMissReason::Path { edits };
    check("GET api.example.com/v1/order", &[(0, "api.example.com/v1/orders", path(1))]);
    check("GET api.example.com/V1/Orders", &[(0, "api.example.com/v1/orders", path(2))]);
    check(
        "PUT api.example.com/v1/orders",
        &[
            (0, "api.example.com/v1/orders", NearMissReason::Method { allow: "GET, HEAD".into() }),
            (3, "other.example.com/v1/orders", host(5)),
        ],
    );
    check(
        "POST api.example.com/v1/orders/1",
        &[(
            1,
            "api.example.com/v1/orders/{id}",
            NearMissReason::Condition { unmet: vec!["header x-version is \"2\"".into()] },
        )],
    );
    check("GET api.example.com/v1/files", &[(4, "api.example.com/v1/files/", NearMissReason::TrailingSlash)]);
    check("GET api.exmaple.com/v1/customers", &[(2, "api.example.com/v1/customers", host(1))]);
    check("GET nowhere.org/x", &[]);
}

/// What a preflight can be about: the routes in their order, what makes the choice, and whether the method is nobody's.
#[test]
fn candidates_of_a_request_that_is_yet_to_come() {
    let table = RouteTable::build(
        routes(
            "GET * /a
             GET * /a x-version=2
             GET * /a x-version=3 x-beta=1
             PUT * /a
             * * /* x-tenant=1
             GET * /b ?v=2
             GET a /c/{id} !redirect
             * b /*",
        ),
        MethodMismatch::MethodNotAllowed,
    );
    let check = |request: &str, coming: &[&'static str], expected: &str| {
        let coming: Vec<HeaderName> = coming.iter().map(|name| HeaderName::from_static(name)).collect();
        let found = with_head(request, |head| table.candidates(head, &coming));
        let mut shown: Vec<String> = found.routes.iter().map(|route| route.0.to_string()).collect();
        shown.extend(found.wrong_method.map(|route| format!("not {}", route.0)));
        shown.extend(found.by_header.then(|| "by header".to_owned()));
        assert_eq!(shown.join(" "), expected, "{request} {coming:?}");
    };
    check("GET x/a", &[], "0 by header");
    check("GET x/a", &["x-version"], "1 0 by header");
    check("GET x/a", &["x-version", "x-beta"], "2 1 0 by header");
    check("GET x/a x-version=2", &[], "1 by header");
    check("PUT x/a", &["x-version"], "3 by header");
    check("DELETE x/a", &["x-version"], "not 0 by header");
    check("GET x/d", &["x-tenant"], "4 by header");
    check("GET x/d", &[], "by header");
    check("GET x/b?v=2", &[], "5");
    check("GET x/b", &[], "by header");
    check("GET a/c/1/", &[], "6");
    check("PUT b/a", &[], "7");
    check("GET x/a/", &["x-tenant"], "4 by header");
}
