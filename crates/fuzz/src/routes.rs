//! Routing, held against a search through all patterns one after the other.

use engine::denial::Detail;
use engine::names::RouteId;
use engine::path::without_parameters;
use engine::reason::Reason;
use engine::request::{RequestHead, RequestParts, RequestRules};
use engine::route::host::HostPattern;
use engine::route::path::PathPattern;
use engine::route::table::{Conditions, Found, MethodMismatch, Methods, RouteMatch, RouteTable, TrailingSlash};
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

const ROUTES_MAX: usize = 12;
const PATTERNS_MAX: usize = 4;
/// Longer ones take the compiler of regexes longer than a fuzzer should wait.
const REGEX_BYTES_MAX: usize = 60;

/// The first line is a request: method, host, target and `name=value` headers, separated by spaces. Each other line is a route:
/// hosts and paths separated by commas (`~` begins a regex), methods in the same way, `s`, `i` or `r` for the trailing slash, then
/// conditions as `h:name=value` and `q:name=value`. `-` is none. What cannot be read is left out.
pub fn route_match(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.split('\n');
    let Some(request) = lines.next().and_then(Asked::parse) else { return };
    let routes: Vec<RouteMatch> = lines.filter(|line| !line.is_empty()).take(ROUTES_MAX).zip(0..).map(route).collect();
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 8 * 1024 };
    let Ok(head) = RequestHead::parse(request.parts(request.target), &rules) else { return };

    let table = RouteTable::build(routes.clone(), MethodMismatch::MethodNotAllowed);
    let found = table.find(&head);
    assert_eq!(found, search(&routes, &head));

    let backwards = routes.iter().rev().cloned().collect();
    assert_eq!(RouteTable::build(backwards, MethodMismatch::MethodNotAllowed).find(&head), found, "the order counts");
    let silent = RouteTable::build(routes, MethodMismatch::NotFound).find(&head);
    match (&found, &silent) {
        (Found::Denied { denial, .. }, Found::Denied { denial: other, route: None })
            if denial.reason == Reason::MethodNotAllowed =>
        {
            assert_eq!(other.reason, Reason::PathUnknown);
        }
        _ => assert_eq!(silent, found),
    }
    if let Found::Redirect { route: _, path } = &found {
        let head = RequestHead::parse(request.parts(path), &rules).expect("a location that can be asked for");
        assert_eq!(*head.path, **path, "a location in normal form");
        assert!(!matches!(table.find(&head), Found::Redirect { .. }), "a redirect to a redirect");
    }
    assert!(table.near_misses(&head, 3).len() <= 3);
    drop((table.hidden(), table.ambiguous()));
}

struct Asked<'a> {
    method: Method,
    target: &'a str,
    headers: HeaderMap,
}

impl<'a> Asked<'a> {
    fn parse(line: &'a str) -> Option<Self> {
        let mut words = line.split(' ');
        let method = Method::from_bytes(words.next()?.as_bytes()).ok()?;
        let mut headers = HeaderMap::new();
        headers.insert(http::header::HOST, HeaderValue::from_str(words.next()?).ok()?);
        let target = words.next()?;
        for (name, value) in words.filter_map(|word| word.split_once('=')) {
            headers.append(name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?);
        }
        Some(Self { method, target, headers })
    }

    fn parts<'b>(&'b self, target: &'b str) -> RequestParts<'b> {
        let peer = IpAddr::V4(Ipv4Addr::LOCALHOST);
        RequestParts { method: &self.method, target, headers: &self.headers, peer, tls: false }
    }
}

fn route((line, id): (&str, u32)) -> RouteMatch {
    let mut words = line.split(' ').map(|word| if word == "-" { "" } else { word });
    let mut list = || words.next().unwrap_or_default().split(',').filter(|word| !word.is_empty()).take(PATTERNS_MAX);
    let hosts = list().filter_map(|host| HostPattern::parse(host).ok()).collect();
    let paths = list().filter_map(path).collect();
    let methods = list().filter_map(|method| Method::from_bytes(method.as_bytes()).ok()).collect();
    let trailing_slash = match words.next() {
        Some("i") => TrailingSlash::Ignore,
        Some("r") => TrailingSlash::Redirect,
        Some(_) | None => TrailingSlash::Strict,
    };
    let mut conditions = Conditions::default();
    for word in words {
        let Some((name, value)) = word.get(2..).and_then(|pair| pair.split_once('=')) else { continue };
        match (word.get(..2), name.parse::<HeaderName>()) {
            (Some("h:"), Ok(name)) => conditions.headers.push((name, value.to_owned())),
            (Some("q:"), _) => conditions.query.push((name.to_owned(), value.to_owned())),
            _ => {}
        }
    }
    RouteMatch { route: RouteId(id), hosts, paths, methods: Methods::of(methods), conditions, trailing_slash }
}

fn path(text: &str) -> Option<PathPattern> {
    match text.strip_prefix('~') {
        Some(regex) if regex.len() <= REGEX_BYTES_MAX => PathPattern::regex(regex).ok(),
        Some(_) => None,
        None => PathPattern::parse(text).ok(),
    }
}

/// Where a pattern stands in the order of precedence, the smallest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Place {
    /// 0 for a literal and 1 for a parameter, segment by segment; then whether only the other slash matches.
    Whole(Vec<u8>, bool),
    Regex(Reverse<usize>, String),
    /// The same, with a 2 at the end: below the longer of two prefixes comes first.
    Tail(Vec<u8>),
}

/// The routes that share a place, each with whether the path matches as it stands.
type Places<'r> = BTreeMap<(Reverse<engine::route::host::HostRank>, Place), Vec<(&'r RouteMatch, bool)>>;

fn search(routes: &[RouteMatch], head: &RequestHead<'_>) -> Found {
    let path = without_parameters(&head.path);
    let (mut places, mut host_known) = (Places::new(), false);
    for route in routes {
        let any = [HostPattern::Any];
        let hosts = if route.hosts.is_empty() { any.as_slice() } else { &route.hosts };
        for pattern in &route.paths {
            for host in hosts.iter().filter(|host| host.matches(&head.host)) {
                // `*` is below no pattern, but its host is known.
                host_known = true;
                let Some((place, as_it_stands)) = fit(pattern, &path) else { continue };
                if as_it_stands || route.trailing_slash != TrailingSlash::Strict {
                    places.entry((Reverse(host.rank()), place)).or_default().push((route, as_it_stands));
                }
            }
        }
    }
    let mut path_known = false;
    for candidates in places.values() {
        path_known = true;
        let mut met: Vec<_> = candidates.iter().filter(|(route, _)| conditions_met(route, head)).collect();
        met.sort_by_key(|(route, _)| (Reverse(conditions(route)), route.route));
        if let Some((route, as_it_stands)) = met.iter().find(|(route, _)| route.methods.contains(head.method)) {
            if !as_it_stands && route.trailing_slash == TrailingSlash::Redirect {
                return Found::Redirect { route: route.route, path: other_slash(&head.path).expect("another form") };
            }
            return Found::Route(route.route);
        }
        if let Some((first, _)) = met.first() {
            let allow = Methods::allow(met.iter().map(|(route, _)| &route.methods));
            let denial = engine::denial::Denial::new(Reason::MethodNotAllowed).with(Detail::Allow(allow.into()));
            return Found::Denied { denial, route: Some(first.route) };
        }
    }
    let reason = match (host_known, path_known) {
        (_, true) => Reason::ConditionUnmet,
        (true, false) => Reason::PathUnknown,
        (false, false) => Reason::HostUnknown,
    };
    Found::Denied { denial: engine::denial::Denial::new(reason), route: None }
}

/// The pattern's place and whether the path matches it as it stands; none if it does not match.
fn fit(pattern: &PathPattern, path: &str) -> Option<(Place, bool)> {
    let as_it_stands = pattern.matches(path);
    let matches = as_it_stands || other_slash(path).is_some_and(|other| pattern.matches(&other));
    if !matches {
        return None;
    }
    let text = pattern.as_str();
    if pattern.is_regex() {
        return Some((Place::Regex(Reverse(text.len()), text.to_owned()), as_it_stands));
    }
    let segments = text.split('/').filter(|segment| !segment.is_empty());
    let kinds = segments.map(|segment| match segment.as_bytes().first() {
        Some(b'*') => 2,
        Some(b'{') => 1,
        _ => 0,
    });
    let kinds: Vec<u8> = kinds.collect();
    let place = if kinds.last() == Some(&2) { Place::Tail(kinds) } else { Place::Whole(kinds, !as_it_stands) };
    Some((place, as_it_stands))
}

fn other_slash(path: &str) -> Option<String> {
    let last = path.rsplit('/').next()?;
    let is_directory = last.is_empty() || last.starts_with(';');
    let parent = path.strip_suffix(last)?.strip_suffix('/')?;
    match (is_directory, parent) {
        (false, _) => Some(format!("{path}/")),
        (true, "") => None,
        (true, parent) => Some(parent.to_owned()),
    }
}

fn conditions(route: &RouteMatch) -> usize {
    let mut headers: Vec<_> =
        route.conditions.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let mut query: Vec<_> =
        route.conditions.query.iter().map(|(name, value)| (form_decoded(name), form_decoded(value))).collect();
    headers.sort_unstable();
    headers.dedup();
    query.sort_unstable();
    query.dedup();
    headers.len() + query.len()
}

fn conditions_met(route: &RouteMatch, head: &RequestHead<'_>) -> bool {
    let header = |(name, value): &(HeaderName, String)| {
        head.headers.get_all(name).iter().any(|line| line.as_bytes() == value.as_bytes())
    };
    let pairs: Vec<_> = head.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).collect();
    let parameter = |(name, value): &(String, String)| {
        pairs.iter().any(|pair| {
            let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
            form_decoded(key) == form_decoded(name) && form_decoded(text) == form_decoded(value)
        })
    };
    route.conditions.headers.iter().all(header) && route.conditions.query.iter().all(parameter)
}

fn form_decoded(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = text.replace('+', " ").into_bytes();
    rest.reverse();
    while let Some(byte) = rest.pop() {
        let digits = rest.len().checked_sub(2).map(|at| [rest[at + 1], rest[at]]);
        match digits.and_then(|digits| hex_byte(&digits)) {
            Some(decoded) if byte == b'%' => {
                rest.truncate(rest.len() - 2);
                out.push(decoded);
            }
            _ => out.push(byte),
        }
    }
    out
}

fn hex_byte(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()))?;
    u8::from_str_radix(text, 16).ok()
}
