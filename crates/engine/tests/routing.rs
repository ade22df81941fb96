//! The route table against a matcher that knows no trie: it writes down every (host, path) pair of every route that the request
//! meets, with a key of precedence, and takes the greatest. It shares no matching code with the engine.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test may fail in its helpers")]

use engine::denial::Detail;
use engine::names::RouteId;
use engine::reason::Reason;
use engine::request::{RequestHead, RequestParts, RequestRules};
use engine::route::host::HostPattern;
use engine::route::path::PathPattern;
use engine::route::table::{Conditions, Found, MethodMismatch, Methods, RouteMatch, RouteTable, TrailingSlash};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::collection::vec;
use proptest::prelude::{Just, ProptestConfig, Strategy, any};
use proptest::sample::{Index, select, subsequence};
use proptest::test_runner::{TestCaseError, TestRunner};
use proptest::{prop_assert, prop_assert_eq};
use regex::Regex;
use std::cell::RefCell;
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

const HOST_PATTERNS: &[&str] = &["a.com", "x.a.com", "*.a.com", "*.com", "*.x.a.com", "*"];
const HOSTS: &[&str] = &["a.com", "x.a.com", "y.x.a.com", "z.a.com", "b.org"];
const PATH_PATTERNS: &[&str] = &[
    "/",
    "/a",
    "/a/",
    "/b",
    "/{x}",
    "/{y}/",
    "/a/b",
    "/a/b/",
    "/a/{x}",
    "/{x}/b",
    "/{x}/{y}",
    "/a/{x}/b/",
    "/*",
    "/a/*",
    "/{x}/*",
    "/{z}/b/*",
    "/a/{y}/*",
    "/a/b/*",
    "~/a/.*",
    "~/[ab]",
    "~/[ab]/?",
    "~/.*/b",
    "~.*/",
];
const SEGMENTS: &[&str] = &["a", "b", "c", "a;v=1"];
const METHODS: &[&str] = &["GET", "HEAD", "POST", "DELETE"];
const TABLES: u32 = 2_000;
const REQUESTS_PER_TABLE: usize = 8;

type Pair = (&'static str, &'static str);

#[derive(Clone, Debug)]
struct Rule {
    hosts: Vec<&'static str>,
    paths: Vec<&'static str>,
    methods: Vec<&'static str>,
    headers: Vec<Pair>,
    query: Vec<Pair>,
    slash: TrailingSlash,
}

#[derive(Clone, Debug)]
struct Request {
    method: &'static str,
    host: &'static str,
    path: String,
    headers: Vec<Pair>,
    query: Vec<Pair>,
}

/// What routing answers, in words that compare.
#[derive(Clone, Debug, PartialEq)]
enum Answer {
    Route(usize),
    Redirect(usize, String),
    WrongMethod(usize, String),
    Denied(Reason),
}

#[test]
fn the_table_finds_what_a_linear_scan_finds() {
    let regexes = regexes();
    let seen: RefCell<BTreeMap<&str, usize>> = RefCell::default();
    let cases = (rules(), vec(request(), REQUESTS_PER_TABLE), any::<bool>());
    let mut runner =
        TestRunner::new(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(TABLES) });
    let result = runner.run(&cases, |(rules, requests, hide_methods)| {
        let mismatch = if hide_methods { MethodMismatch::NotFound } else { MethodMismatch::MethodNotAllowed };
        let matches: Vec<RouteMatch> = rules.iter().enumerate().map(|(id, rule)| compiled(id, rule)).collect();
        let table = RouteTable::build(matches.clone(), mismatch);
        let reversed = RouteTable::build(matches.into_iter().rev().collect(), mismatch);
        let hidden = table.hidden();
        for request in &requests {
            let expected = hidden_method(scan(&rules, request, &regexes), mismatch);
            let answer = ask(&table, request);
            prop_assert_eq!(&answer, &expected, "{:?}", request);
            prop_assert_eq!(&ask(&reversed, request), &expected, "the order of routes counts: {:?}", request);
            if let Answer::Route(id) | Answer::Redirect(id, _) = answer {
                prop_assert!(hidden.iter().all(|hidden| hidden.route.index() != id), "{} is not hidden", id);
            }
            *seen.borrow_mut().entry(name(&expected)).or_default() += 1;
        }
        if !hidden.is_empty() {
            *seen.borrow_mut().entry("hidden").or_default() += 1;
        }
        near_misses_are_misses(&table, &rules, &requests)
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    let seen = seen.into_inner();
    for kind in ["route", "redirect", "wrong method", "host_unknown", "path_unknown", "condition_unmet", "hidden"] {
        assert!(seen.get(kind).is_some_and(|count| *count > 50), "{kind} hardly ever happens: {seen:?}");
    }
}

/// A near miss never names a route that the request meets.
fn near_misses_are_misses(table: &RouteTable, rules: &[Rule], requests: &[Request]) -> Result<(), TestCaseError> {
    for request in requests {
        let misses = with_head(request, |head| table.near_misses(head, 3));
        prop_assert!(misses.len() <= 3);
        if let Answer::Route(id) = ask(table, request) {
            let listed = misses.iter().any(|miss| miss.route.index() == id);
            // Met by one of its patterns, it may still be near to another one.
            prop_assert!(!listed || rules[id].hosts.len() * rules[id].paths.len() > 1);
        }
    }
    Ok(())
}

// ---- the linear scan

/// Greater is more specific.
type HostKey = (u8, usize);

/// Kind, literals (2) and parameters (1) by segment, then for regexes length and text, then whether the path fits as it stands.
type PathKey = (u8, Vec<u8>, (usize, Reverse<&'static str>), bool);

struct Candidate<'r> {
    key: (HostKey, PathKey),
    conditions: usize,
    id: usize,
    rule: &'r Rule,
    met: bool,
}

fn scan(rules: &[Rule], request: &Request, regexes: &BTreeMap<&str, Regex>) -> Answer {
    let bare: String =
        request.path.split('/').map(|part| part.split(';').next().unwrap()).collect::<Vec<_>>().join("/");
    let mut candidates = Vec::new();
    for (id, rule) in rules.iter().enumerate() {
        let met = rule.headers.iter().all(|pair| request.headers.contains(pair))
            && rule.query.iter().all(|pair| request.query.contains(pair));
        let conditions = rule.headers.len() + rule.query.len();
        for host in rule.hosts.iter().filter_map(|pattern| host_key(pattern, request.host)) {
            for path in rule.paths.iter().filter_map(|pattern| path_key(pattern, &bare, rule.slash, regexes)) {
                candidates.push(Candidate { key: (host, path), conditions, id, rule, met });
            }
        }
    }
    let path_known = !candidates.is_empty();
    candidates.retain(|candidate| candidate.met);
    let Some(key) = candidates.iter().map(|candidate| candidate.key.clone()).max() else {
        let host_known = rules.iter().flat_map(|rule| &rule.hosts).any(|host| host_key(host, request.host).is_some());
        return Answer::Denied(match (path_known, host_known) {
            (true, _) => Reason::ConditionUnmet,
            (false, true) => Reason::PathUnknown,
            (false, false) => Reason::HostUnknown,
        });
    };
    candidates.retain(|candidate| candidate.key == key);
    candidates.sort_by_key(|candidate| (Reverse(candidate.conditions), candidate.id));
    match candidates.iter().find(|candidate| allowed(candidate.rule).is_none_or(|list| list.contains(&request.method)))
    {
        Some(candidate) if !key.1.3 && candidate.rule.slash == TrailingSlash::Redirect => {
            let path = request.path.strip_suffix('/').map_or_else(|| format!("{}/", request.path), str::to_owned);
            Answer::Redirect(candidate.id, path)
        }
        Some(candidate) => Answer::Route(candidate.id),
        None => {
            let mut allow: Vec<&str> =
                candidates.iter().filter_map(|candidate| allowed(candidate.rule)).flatten().collect();
            allow.sort_unstable();
            allow.dedup();
            Answer::WrongMethod(candidates[0].id, allow.join(", "))
        }
    }
}

/// None is any method.
fn allowed(rule: &Rule) -> Option<Vec<&'static str>> {
    let mut methods = rule.methods.clone();
    if methods.contains(&"GET") {
        methods.push("HEAD");
    }
    (!methods.is_empty()).then_some(methods)
}

fn host_key(pattern: &str, host: &str) -> Option<HostKey> {
    match pattern.strip_prefix('*') {
        Some("") => Some((0, 0)),
        Some(suffix) => host.ends_with(suffix).then_some((1, suffix.len())),
        None => (pattern == host).then_some((2, 0)),
    }
}

fn path_key(
    pattern: &'static str,
    path: &str,
    slash: TrailingSlash,
    regexes: &BTreeMap<&str, Regex>,
) -> Option<PathKey> {
    let lenient = slash != TrailingSlash::Strict;
    let other = path.strip_suffix('/').map_or_else(|| format!("{path}/"), str::to_owned);
    let both = [(path, true), (other.as_str(), false)];
    let mut forms = both.into_iter().filter(|(path, as_it_stands)| (*as_it_stands || lenient) && !path.is_empty());
    if let Some(regex) = regexes.get(pattern) {
        let rank = (pattern.len(), Reverse(pattern));
        return forms
            .find(|(path, _)| regex.is_match(path))
            .map(|(_, as_it_stands)| (1, Vec::new(), rank, as_it_stands));
    }
    let kinds = |text: &str| {
        text.split('/')
            .skip(1)
            .filter(|part| !part.is_empty())
            .map(|part| if part.starts_with('{') { 1 } else { 2 })
            .collect()
    };
    let meets = |(want, have): (&str, &str)| want == have || (want.starts_with('{') && !have.is_empty());
    if let Some(prefix) = pattern.strip_suffix("/*") {
        let wanted: Vec<&str> = prefix.split('/').collect();
        let had: Vec<&str> = path.split('/').collect();
        let below = wanted.len() <= had.len() && wanted.into_iter().zip(had).all(meets);
        return below.then(|| (0, kinds(prefix), (0, Reverse("")), true));
    }
    let whole = |path: &str| {
        path.split('/').count() == pattern.split('/').count() && pattern.split('/').zip(path.split('/')).all(meets)
    };
    forms.find(|(path, _)| whole(path)).map(|(_, as_it_stands)| (2, kinds(pattern), (0, Reverse("")), as_it_stands))
}

// ---- the table, asked

fn compiled(id: usize, rule: &Rule) -> RouteMatch {
    let path = |text: &&str| match text.strip_prefix('~') {
        Some(regex) => PathPattern::regex(regex).unwrap(),
        None => PathPattern::parse(text).unwrap(),
    };
    let owned = |(name, value): &Pair| ((*name).to_owned(), (*value).to_owned());
    RouteMatch {
        route: RouteId(u32::try_from(id).unwrap()),
        hosts: rule.hosts.iter().map(|text| HostPattern::parse(text).unwrap()).collect(),
        paths: rule.paths.iter().map(path).collect(),
        methods: Methods::of(rule.methods.iter().map(|name| name.parse().unwrap()).collect()),
        conditions: Conditions {
            headers: rule
                .headers
                .iter()
                .map(|(name, value)| (HeaderName::from_static(name), (*value).to_owned()))
                .collect(),
            query: rule.query.iter().map(owned).collect(),
        },
        trailing_slash: rule.slash,
    }
}

fn with_head<T>(request: &Request, run: impl FnOnce(&RequestHead<'_>) -> T) -> T {
    let mut headers: HeaderMap = HeaderMap::new();
    headers.insert(http::header::HOST, HeaderValue::from_static(request.host));
    for (name, value) in &request.headers {
        headers.append(*name, HeaderValue::from_static(value));
    }
    let query: Vec<String> = request.query.iter().map(|(name, value)| format!("{name}={value}")).collect();
    let target = format!("{}?{}", request.path, query.join("&"));
    let method: Method = request.method.parse().unwrap();
    let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let parts = RequestParts { method: &method, target: &target, headers: &headers, peer, tls: false };
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 8192 };
    run(&RequestHead::parse(parts, &rules).unwrap())
}

fn ask(table: &RouteTable, request: &Request) -> Answer {
    match with_head(request, |head| table.find(head)) {
        Found::Route(route) => Answer::Route(route.index()),
        Found::Redirect { route, path } => Answer::Redirect(route.index(), path),
        Found::Denied { denial, route } => match (denial.detail, route) {
            (Detail::Allow(allow), Some(route)) => {
                assert_eq!(denial.reason, Reason::MethodNotAllowed);
                Answer::WrongMethod(route.index(), allow.into())
            }
            (_, None) => Answer::Denied(denial.reason),
            (detail, Some(route)) => panic!("{:?} with {detail:?} at {route:?}", denial.reason),
        },
    }
}

fn hidden_method(answer: Answer, mismatch: MethodMismatch) -> Answer {
    match (answer, mismatch) {
        (Answer::WrongMethod(..), MethodMismatch::NotFound) => Answer::Denied(Reason::PathUnknown),
        (answer, _) => answer,
    }
}

fn name(answer: &Answer) -> &'static str {
    match answer {
        Answer::Route(_) => "route",
        Answer::Redirect(..) => "redirect",
        Answer::WrongMethod(..) => "wrong method",
        Answer::Denied(reason) => reason.code(),
    }
}

// ---- what is asked

fn regexes() -> BTreeMap<&'static str, Regex> {
    let texts = PATH_PATTERNS.iter().filter_map(|pattern| Some((*pattern, pattern.strip_prefix('~')?)));
    texts.map(|(pattern, text)| (pattern, Regex::new(&format!("^({text})$")).unwrap())).collect()
}

/// Some rules come twice, the second time with other methods or another slash: these may be hidden, or nearly.
fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let copy = (any::<Index>(), any::<bool>(), any::<bool>());
    (vec(rule(), 1..10), vec(copy, 0..4)).prop_map(|(mut rules, copies)| {
        for (index, same_methods, same_slash) in copies {
            let mut copy = index.get(&rules).clone();
            if !same_methods {
                copy.methods = vec!["HEAD", "POST"];
            }
            if !same_slash {
                copy.slash = TrailingSlash::Ignore;
            }
            rules.push(copy);
        }
        rules
    })
}

/// Small alphabets, so that routes meet.
fn rule() -> impl Strategy<Value = Rule> {
    let slash =
        select(&[TrailingSlash::Strict, TrailingSlash::Strict, TrailingSlash::Ignore, TrailingSlash::Redirect][..]);
    let parts = (
        subsequence(HOST_PATTERNS, 1..3),
        subsequence(PATH_PATTERNS, 1..3),
        subsequence(METHODS, 0..3),
        subsequence(vec![("x", "1"), ("x", "2"), ("y", "1")], 0..2),
        proptest::prop_oneof![3 => Just(Vec::new()), 1 => Just(vec![("q", "1")])],
        slash,
    );
    parts.prop_map(|(hosts, paths, methods, headers, query, slash)| Rule {
        hosts,
        paths,
        methods,
        headers,
        query,
        slash,
    })
}

fn request() -> impl Strategy<Value = Request> {
    let path = (vec(select(SEGMENTS), 0..4), any::<bool>()).prop_map(|(segments, slash)| {
        let end = if slash || segments.is_empty() { "/" } else { "" };
        segments.iter().flat_map(|segment| ["/", segment]).chain([end]).collect()
    });
    let headers = subsequence(vec![("x", "1"), ("x", "2"), ("y", "1")], 0..3);
    let query = subsequence(vec![("q", "0"), ("q", "1")], 0..3);
    (select(METHODS), select(HOSTS), path, headers, query).prop_map(|(method, host, path, headers, query)| Request {
        method,
        host,
        path,
        headers,
        query,
    })
}
