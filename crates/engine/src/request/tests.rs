use super::{RequestHead, RequestParts, RequestRules, Scheme};
use crate::denial::Detail;
use crate::identity::PeerCertificate;
use crate::reason::Reason;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use std::net::{IpAddr, Ipv4Addr};

const PEER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));

/// What a request comes to: `host path ?query`, or the reason of its refusal.
fn parsed(method: &str, target: &str, lines: &[(&str, &str)]) -> String {
    let name = |text: &str| HeaderName::try_from(text).unwrap();
    let value = |text: &str| HeaderValue::from_bytes(text.as_bytes()).unwrap();
    let headers: HeaderMap = lines.iter().map(|(key, text)| (name(key), value(text))).collect();
    let method = Method::from_bytes(method.as_bytes()).unwrap();
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 64 };
    let parts = RequestParts { method: &method, target, headers: &headers, peer: PEER, tls: false };
    match RequestHead::parse(parts, &rules) {
        Ok(head) => {
            assert_eq!(head.certificate, None, "no header brings one");
            assert_eq!((head.peer, head.client, head.peer_trusted, head.scheme), (PEER, PEER, false, Scheme::Http));
            format!("{} {} {}", head.host, head.path, head.query.map_or(String::from("-"), |query| format!("?{query}")))
        }
        Err(denial) => {
            assert!(matches!(denial.detail, Detail::Text(_)), "a refusal says why");
            denial.reason.code().to_owned()
        }
    }
}

#[track_caller]
fn check(target: &str, host: &[&str], expected: &str) {
    let lines: Vec<_> = host.iter().map(|host| ("host", *host)).collect();
    assert_eq!(parsed("GET", target, &lines), expected, "{target} {host:?}");
}

#[test]
fn targets_in_origin_form() {
    check("/", &["a"], "a / -");
    check("/x/../y", &["A.:80"], "a /y -");
    check("/x?", &["a"], "a /x ?");
    check("/x?a=/../%zz&b=[1]|?", &["a"], "a /x ?a=/../%zz&b=[1]|?");
    check("//b/x", &["a"], "a /b/x -");
    check("/x%2fy", &["a"], "path_malformed");
    check("/x#y", &["a"], "path_malformed");
    check("/x?y#z", &["a"], "path_malformed");
    check("/x?a b", &["a"], "path_malformed");
    check("/x?é", &["a"], "path_malformed");
    check("/x?\u{7f}", &["a"], "path_malformed");
    check("", &["a"], "path_malformed");
    check("x", &["a"], "path_malformed");
    check("?x", &["a"], "path_malformed");
}

#[test]
fn targets_in_absolute_form() {
    check("http://a/x?y", &[], "a /x ?y");
    check("HTTPS://A:8443/x", &[], "a /x -");
    check("http://a", &[], "a / -");
    check("http://a?y", &[], "a / ?y");
    check("http://a/x", &["a"], "a /x -");
    check("http://a/x", &["A:80"], "a /x -");
    check("https://a:443/x", &["a"], "a /x -");
    check("http://a/x", &["b"], "host_missing");
    check("http://a/x", &["a:81"], "host_missing");
    check("http://a/x", &["a", "a"], "host_missing");
    check("http://a/x", &[""], "host_missing");
    check("http://u@a/x", &["a"], "host_missing");
    check("http:///x", &["a"], "host_missing");
    check("http://a\\b/x", &["a"], "host_missing");
    check("http://a#x", &["a"], "path_malformed");
    check("ftp://a/x", &["a"], "path_malformed");
    check("http:/a/x", &["a"], "path_malformed");
    check("a:443", &["a"], "path_malformed");
}

#[test]
fn one_host_has_to_be_named() {
    check("/x", &[], "host_missing");
    check("/x", &["a", "a"], "host_missing");
    check("/x", &[""], "host_missing");
    check("/x", &["a:0"], "host_missing");
    check("/x", &["é"], "host_missing");
    check("/x", &["[::1]:80"], "[::1] /x -");
    let others = [("host", "a"), ("x-forwarded-host", "b"), ("x-original-url", "/z"), ("x-rewrite-url", "/z")];
    assert_eq!(parsed("GET", "/x", &others), "a /x -");
}

#[test]
fn the_asterisk_is_for_options() {
    let host = [("host", "a")];
    assert_eq!(parsed("OPTIONS", "*", &host), "a * -");
    assert_eq!(parsed("OPTIONS", "http://a", &[]), "a * -");
    assert_eq!(parsed("OPTIONS", "http://a/", &[]), "a / -");
    assert_eq!(parsed("OPTIONS", "*", &[]), "host_missing");
    assert_eq!(parsed("GET", "*", &host), "path_malformed");
}

#[test]
fn the_target_has_a_bound() {
    check(&format!("/{}", "x".repeat(63)), &["a"], &format!("a /{} -", "x".repeat(63)));
    check(&format!("/{}", "x".repeat(64)), &["a"], "uri_too_long");
    check(&format!("/?{}", "x".repeat(63)), &["a"], "uri_too_long");
}

#[test]
fn only_a_trusted_peer_speaks_for_others() {
    let headers: HeaderMap = [("host", "a"), ("x-forwarded-for", "192.0.2.7"), ("x-forwarded-proto", "https")]
        .map(|(key, value)| (HeaderName::from_static(key), HeaderValue::from_static(value)))
        .into_iter()
        .collect();
    let check = |trusted: &str, tls: bool, expected: (&str, bool, Scheme)| {
        let rules = RequestRules { trusted_proxies: vec![trusted.parse().unwrap()], uri_bytes_max: 64 };
        let parts = RequestParts { method: &Method::GET, target: "/", headers: &headers, peer: PEER, tls };
        let head = RequestHead::parse(parts, &rules).unwrap();
        assert_eq!((head.client.to_string().as_str(), head.peer_trusted, head.scheme), expected);
    };
    check("10.0.0.0/8", false, ("192.0.2.7", true, Scheme::Https));
    check("11.0.0.0/8", false, ("10.0.0.1", false, Scheme::Http));
    check("11.0.0.0/8", true, ("10.0.0.1", false, Scheme::Https));
}

#[test]
fn a_refused_host_says_what_is_wrong() {
    let headers: HeaderMap = [(http::header::HOST, HeaderValue::from_static("b"))].into_iter().collect();
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 64 };
    let parts = RequestParts { method: &Method::GET, target: "http://a/", headers: &headers, peer: PEER, tls: false };
    let denial = RequestHead::parse(parts, &rules).unwrap_err();
    assert_eq!(denial.reason, Reason::HostMissing);
    assert_eq!(denial.detail, Detail::Text("the Host header and the target name different hosts".into()));
}

#[test]
fn a_certificate_comes_from_the_listener_alone() {
    let certificate = PeerCertificate {
        sha256: [7; 32],
        common_name: Some("acme".into()),
        alternative_names: vec!["acme.example".into()],
    };
    let headers = HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("a"))]);
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 64 };
    let parts = RequestParts { method: &Method::GET, target: "/", headers: &headers, peer: PEER, tls: true };
    let head = RequestHead::parse(parts, &rules).unwrap().with_certificate(Some(&certificate));
    assert_eq!((head.certificate, &*head.path), (Some(&certificate), "/"));
}
