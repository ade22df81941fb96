use super::{Location, LocationFault, Redirect};
use crate::path::{PathFault, normal_form};
use crate::request::{RequestHead, Scheme};
use crate::route::path::PathPattern;
use http::{HeaderMap, Method};
use proptest::prelude::{ProptestConfig, prop_assert, proptest};
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

fn location(to: &str, patterns: &[&str], path: &str, query: Option<&str>) -> String {
    let headers = HeaderMap::new();
    let client = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let head = RequestHead {
        method: &Method::GET,
        scheme: Scheme::Http,
        host: Cow::Borrowed("api.example.com"),
        path: Cow::Borrowed(path),
        query,
        headers: &headers,
        peer: client,
        client,
        peer_trusted: false,
        certificate: None,
    };
    let paths = patterns.iter().map(|pattern| PathPattern::parse(pattern).unwrap()).collect();
    let redirect = Redirect { status: 307, to: Location::parse(to).unwrap(), paths, keep_query: true };
    redirect.location(&head, query)
}

/// The order of the file never matters.
#[test]
fn places_are_those_of_the_most_specific_path() {
    for patterns in [["/a/*", "/a/b/*"], ["/a/b/*", "/a/*"]] {
        assert_eq!(location("/n/{rest}", &patterns, "/a/b/c", None), "/n/c", "{patterns:?}");
        assert_eq!(location("/n/{rest}", &patterns, "/a/c", None), "/n/c", "{patterns:?}");
    }
}

#[test]
fn places_are_filled() {
    let check = |to: &str, patterns: &[&str], path: &str, query: Option<&str>, expected: &str| {
        assert_eq!(location(to, patterns, path, query), expected, "{to} {patterns:?} {path}");
    };
    let new = "https://new.example.com";
    check(new, &["/*"], "/a", None, "https://new.example.com/");
    check("https://new.example.com/{path}", &["/*"], "/v1/a%20b/", None, "https://new.example.com/v1/a%20b/");
    check("https://new.example.com/{path}", &["/*"], "/", None, "https://new.example.com/");
    check("https://new.example.com:8443/v2/{rest}", &["/v1/*"], "/v1/a/b", None, "https://new.example.com:8443/v2/a/b");
    check("/v2/{rest}", &["/v1/*"], "/v1", None, "/v2/");
    check("/v2/{rest}", &["/v1/*"], "/v1/", None, "/v2/");
    check("/v2/{rest}", &["/{tenant}/*"], "/acme/a/", None, "/v2/a/");
    check("/{rest}", &["/*"], "/a/b", None, "/a/b");
    check("/v2/{id}/of/{tenant}", &["/{tenant}/orders/{id}"], "/acme/orders/7;x=1", None, "/v2/7;x=1/of/acme");
    check("/v2/{id}", &["/a/b", "/o/{id}"], "/o/7", None, "/v2/7");
    check("/v2/{id}", &["/o/{id}"], "/o/7/", None, "/v2/7");
    check("/new", &["/old"], "/old", Some("a=1&b=%2F"), "/new?a=1&b=%2F");
    check("/new?from=old", &["/old"], "/old", Some("a=1"), "/new?from=old&a=1");
    check("/new?from=old", &["/old"], "/old", None, "/new?from=old");
    check("/new#part", &["/old"], "/old", Some("a=1"), "/new?a=1#part");
    check("/new", &["/old"], "/old", Some(""), "/new");
}

/// What an empty place leaves behind never makes a host of what follows.
#[test]
fn no_place_becomes_a_host() {
    let check = |to: &str, patterns: &[&str], path: &str, expected: &str| {
        assert_eq!(location(to, patterns, path, None), expected, "{to} {path}");
    };
    check("/{rest}/{tenant}", &["/{tenant}/*"], "/evil.com", "/evil.com");
    check("/{rest}/{tenant}", &["/{tenant}/*"], "/evil.com/", "/evil.com");
    check("/{path}", &["/*"], "/@evil.com", "/@evil.com");
    check("https://new.example.com/{path}", &["/*"], "/.evil.com", "https://new.example.com/.evil.com");
}

#[test]
fn targets_that_are_none() {
    let check = |text: &str, fault: LocationFault| assert_eq!(Location::parse(text), Err(fault), "{text}");
    check("", LocationFault::Neither);
    check("new.example.com/a", LocationFault::Neither);
    check("ftp://new.example.com/", LocationFault::Neither);
    check("javascript:alert(1)", LocationFault::Neither);
    check("{path}", LocationFault::Neither);
    check("//new.example.com/", LocationFault::TwoSlashes);
    check("https://", LocationFault::Authority);
    check("https:///a", LocationFault::Authority);
    check("https://{tenant}.example.com/", LocationFault::Authority);
    check("https://new.example.com{path}", LocationFault::Authority);
    check("https://user@new.example.com/", LocationFault::Authority);
    check("https://new.example.com:x/", LocationFault::Authority);
    check("https://new.example.com\\@evil.com/", LocationFault::Authority);
    check("/a?b={id}", LocationFault::Place);
    check("/a#{id}", LocationFault::Place);
    check("/{", LocationFault::Braces);
    check("/{}", LocationFault::Braces);
    check("/{a b}", LocationFault::Braces);
    check("/a b", LocationFault::Path(PathFault::Character(b' ')));
    check("/a\\b", LocationFault::Path(PathFault::Backslash));
    check("/a//b", LocationFault::NotNormal);
    check("/a/../b", LocationFault::NotNormal);
    check("/%61", LocationFault::NotNormal);
    check("/a?b=\r\nc", LocationFault::Character);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// Whatever a client sends, scheme and authority are the operator's.
    #[test]
    fn the_authority_is_the_operators(raw in "/([a.@:/;\\\\]|%2[fFeE]|%40|evil\\.com|\\.\\.){0,10}") {
        if let Ok(path) = normal_form(&raw) {
            for to in ["https://new.example.com/{path}", "https://new.example.com/x/{rest}/{a}", "https://new.example.com/{a}"] {
                let found = location(to, &["/{a}/*", "/*"], &path, Some("next=//evil.com"));
                prop_assert!(found.starts_with("https://new.example.com/"), "{} {}", path, found);
            }
            for to in ["/{path}", "/{rest}/{a}", "/{a}/{rest}", "/{rest}{a}"] {
                let found = location(to, &["/{a}/*", "/*"], &path, None);
                prop_assert!(found.starts_with('/') && !found.starts_with("//") && !found.contains('\\'), "{} {}", path, found);
            }
        }
    }
}
