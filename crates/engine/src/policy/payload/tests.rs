use super::{Payload, TypeMissing};
use crate::denial::Detail;
use crate::names::PolicyId;
use crate::request::{RequestHead, RequestParts, RequestRules};
use crate::trail::Mode;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

fn payload() -> Payload {
    Payload {
        policy: PolicyId(0),
        bytes_max: Some(10),
        content_types: vec!["application/json".into(), "image/*".into()],
        type_missing: TypeMissing::Refuse,
        require_length: false,
        mode: Mode::Enforce,
    }
}

#[track_caller]
fn check(payload: &Payload, lines: &[(&str, &str)], expected: &str) {
    let mut headers = HeaderMap::new();
    headers.append("host", HeaderValue::from_static("a"));
    for (name, value) in lines {
        headers.append(name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let parts =
        RequestParts { method: &Method::POST, target: "/", headers: &headers, peer: [127, 0, 0, 1].into(), tls: false };
    let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 100 };
    let head = RequestHead::parse(parts, &rules).unwrap();
    let found = payload.check(&head);
    let accept = found
        .as_ref()
        .err()
        .and_then(|denial| if let Detail::Accept(types) = &denial.detail { Some(types.to_string()) } else { None });
    let reason = found.map_or_else(|denial| denial.reason.code(), |()| "pass");
    assert_eq!(reason, expected, "{lines:?}");
    if reason.starts_with("content_type") {
        assert_eq!(accept.as_deref(), Some("application/json, image/*"), "{lines:?}");
    }
}

#[test]
fn lengths() {
    let json = ("content-type", "application/json");
    check(&payload(), &[], "pass");
    check(&payload(), &[("content-length", "0")], "pass");
    check(&payload(), &[("content-length", "10"), json], "pass");
    check(&payload(), &[("content-length", "11"), json], "body_too_large");
    check(&payload(), &[("transfer-encoding", "chunked"), json], "pass");
    let strict = Payload { require_length: true, ..payload() };
    check(&strict, &[("transfer-encoding", "chunked"), json], "length_required");
    check(&strict, &[("content-length", "1"), json], "pass");
}

#[test]
fn types() {
    let with = |content_type: &str, expected: &str| {
        check(&payload(), &[("content-length", "1"), ("content-type", content_type)], expected);
    };
    with("application/json", "pass");
    with("Application/JSON; Charset=\"utf-8\"", "pass");
    with("image/png", "pass");
    with("text/html", "content_type_unsupported");
    with("application/jsonp", "content_type_unsupported");
    with("imageless/png", "content_type_unsupported");
    with("application/json, text/html", "content_type_malformed");
    with("application/json; charset", "content_type_malformed");
    with("json", "content_type_malformed");
    with("", "content_type_malformed");
    with("application/json; a=\"\u{e9}\"", "content_type_malformed");
    let twice = [("content-length", "1"), ("content-type", "application/json"), ("content-type", "application/json")];
    check(&payload(), &twice, "content_type_malformed");
    check(&payload(), &[("content-length", "1")], "content_type_missing");
    let lenient = Payload { type_missing: TypeMissing::Allow, ..payload() };
    check(&lenient, &[("content-length", "1")], "pass");
    check(&lenient, &[("content-length", "1"), ("content-type", "")], "content_type_malformed");
    let any = Payload { content_types: Vec::new(), ..payload() };
    check(&any, &[("content-length", "1"), ("content-type", "no type at all")], "pass");
}
