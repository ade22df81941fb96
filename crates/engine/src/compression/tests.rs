//! Which answers are compressed, with what, and what their heads say then.

use super::{Asked, Coding, Compression, negotiate};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};

const ALL: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap())
    };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.iter().map(line) {
        headers.append(name, value);
    }
    headers
}

#[test]
fn the_client_is_asked_what_it_likes() {
    let check = |accept: &[&str], expected: Option<&str>| {
        let lines: Vec<_> = accept.iter().map(|value| ("accept-encoding", *value)).collect();
        assert_eq!(negotiate(&headers(&lines), &ALL).map(Coding::name), expected, "{accept:?}");
    };
    check(&[], None);
    check(&[""], None);
    check(&["gzip"], Some("gzip"));
    check(&["x-gzip"], Some("gzip"));
    check(&["GZIP"], Some("gzip"));
    check(&["gzip, deflate, br"], Some("br"));
    check(&["gzip, deflate, br, zstd"], Some("zstd"));
    check(&["gzip", "br"], Some("br"));
    check(&["br;q=0.5, gzip;q=0.8"], Some("gzip"));
    check(&["br ; q=0.5 , gzip;Q=0.800"], Some("gzip"));
    check(&["zstd;q=0, br;q=0, gzip"], Some("gzip"));
    check(&["*"], Some("zstd"));
    check(&["*;q=0"], None);
    check(&["*, zstd;q=0"], Some("br"));
    check(&["*;q=0, gzip"], Some("gzip"));
    check(&["gzip;q=0.001"], Some("gzip"));
    check(&["gzip;q=0"], None);
    check(&["gzip;q=0.000"], None);
    check(&["identity"], None);
    check(&["identity, gzip"], Some("gzip"));
    check(&["identity, gzip;q=0.5"], None);
    check(&["identity;q=0.5, gzip;q=0.6"], Some("gzip"));
    check(&["identity;q=0"], None);
    check(&["identity;q=0, *"], Some("zstd"));
    check(&["compress, deflate"], None);
    for malformed in ["gzip;q=", "gzip;q=2", "gzip;q=1.1", "gzip;q=0.1234", "gzip;q=-1", "gzip;x=1", "gzip br", ";q=1"]
    {
        check(&[malformed], None);
    }
}

fn rules() -> Compression {
    Compression {
        codings: ALL.into(),
        types: ["application/json", "text/*"].map(Into::into).into(),
        bytes_min: 1_000,
        level: 4,
    }
}

const JSON: (&str, &str) = ("content-type", "application/json; charset=utf-8");
const GZIP: [(&str, &str); 1] = [("accept-encoding", "gzip")];

fn applied(
    rules: &Compression,
    request: &[(&str, &str)],
    version: Version,
    status: u16,
    lines: &[(&str, &str)],
) -> (Option<Coding>, HeaderMap) {
    let (request, mut answer) = (headers(request), headers(lines));
    let asked = Asked { method: &Method::GET, version, headers: &request };
    let coding = rules.apply(asked, StatusCode::from_u16(status).unwrap(), &mut answer);
    (coding, answer)
}

#[test]
fn what_is_worth_it_is_compressed_and_the_others_vary() {
    // `+` compressed, `~` could have been for another client, `-` never.
    let check = |what: &str, request: &[(&str, &str)], status: u16, lines: &[(&str, &str)]| {
        let (coding, answer) = applied(&rules(), request, Version::HTTP_11, status, lines);
        let varies = answer.get("vary").is_some_and(|vary| vary == "accept-encoding");
        let found = match (coding, varies) {
            (Some(_), true) => '+',
            (None, true) => '~',
            (None, false) => '-',
            (Some(_), false) => '!',
        };
        assert_eq!(found, what.chars().next().unwrap(), "{what}");
        assert_eq!(
            coding.map(Coding::name),
            answer.get("content-encoding").and_then(|value| value.to_str().ok()).filter(|_| coding.is_some()),
            "{what}"
        );
    };
    let long = ("content-length", "1000");
    check("+ JSON of unknown length", &GZIP, 200, &[JSON]);
    check("+ JSON that is long enough", &GZIP, 200, &[JSON, long]);
    check("+ an error of upstream's own", &GZIP, 404, &[JSON, long]);
    check("- JSON that is short", &GZIP, 200, &[JSON, ("content-length", "999")]);
    check("- nothing", &GZIP, 200, &[JSON, ("content-length", "0")]);
    check("+ a subtype", &GZIP, 200, &[("content-type", "Text/CSV"), long]);
    check("- an event stream", &GZIP, 200, &[("content-type", "text/event-stream")]);
    check("- another type", &GZIP, 200, &[("content-type", "image/png"), long]);
    check("- no type", &GZIP, 200, &[long]);
    check("- encoded already", &GZIP, 200, &[JSON, ("content-encoding", "br")]);
    check("+ encoded as nothing", &GZIP, 200, &[JSON, ("content-encoding", "identity")]);
    check("- a part", &GZIP, 206, &[JSON, ("content-range", "bytes 0-1/2")]);
    check("- no content", &GZIP, 204, &[JSON]);
    check("- upstream forbids it", &GZIP, 200, &[JSON, ("cache-control", "max-age=1, No-Transform")]);
    check("- the client forbids it", &[GZIP[0], ("cache-control", "no-transform")], 200, &[JSON]);
    check("~ for another client", &[], 200, &[JSON]);
    check("~ for another client", &[("accept-encoding", "deflate")], 200, &[JSON, long]);
    check("~ confirmed", &GZIP, 304, &[]);
}

#[test]
fn an_event_stream_is_compressed_where_it_is_named() {
    let rules = Compression { types: ["text/event-stream".into()].into(), ..rules() };
    let (coding, _) = applied(&rules, &GZIP, Version::HTTP_11, 200, &[("content-type", "text/event-stream")]);
    assert_eq!(coding, Some(Coding::Gzip));
}

#[test]
fn what_spoke_of_the_bytes_goes() {
    let lines = [
        JSON,
        ("content-length", "5000"),
        ("accept-ranges", "bytes"),
        ("etag", "\"a\""),
        ("content-md5", "x"),
        ("content-digest", "x"),
        ("repr-digest", "x"),
        ("last-modified", "Sun, 22 Nov 2026 00:00:00 GMT"),
        ("vary", "Origin"),
    ];
    let (_, answer) = applied(&rules(), &GZIP, Version::HTTP_11, 200, &lines);
    let mut left: Vec<String> =
        answer.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect();
    left.sort();
    assert_eq!(
        left,
        [
            "content-encoding: gzip",
            "content-type: application/json; charset=utf-8",
            "etag: W/\"a\"",
            "last-modified: Sun, 22 Nov 2026 00:00:00 GMT",
            "vary: Origin",
            "vary: accept-encoding",
        ]
    );
}

#[test]
fn vary_is_said_once() {
    let check = |vary: &str, expected: &[&str]| {
        let (_, answer) = applied(&rules(), &GZIP, Version::HTTP_11, 200, &[JSON, ("vary", vary)]);
        let found: Vec<_> = answer.get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(found, expected);
    };
    check("*", &["*"]);
    check("Origin, Accept-Encoding", &["Origin, Accept-Encoding"]);
    check("Accept", &["Accept", "accept-encoding"]);
}

/// A client that got `W/"a"` from us asks upstream about that, and upstream, comparing weakly, confirms `"a"`.
#[test]
fn a_confirmation_names_the_tag_that_the_client_has() {
    let check = |known: &str, tag: &str, expected: &str| {
        let (_, answer) = applied(&rules(), &[("if-none-match", known)], Version::HTTP_11, 304, &[("etag", tag)]);
        assert_eq!(answer.get("etag").unwrap(), expected, "{known} {tag}");
    };
    check("W/\"a\"", "\"a\"", "W/\"a\"");
    check("\"b\", W/\"a\"", "\"a\"", "W/\"a\"");
    check("\"a\"", "\"a\"", "\"a\"");
    check("W/\"a\"", "W/\"a\"", "W/\"a\"");
    check("*", "\"a\"", "\"a\"");
}

#[test]
fn old_clients_get_it_plain() {
    let (coding, answer) = applied(&rules(), &GZIP, Version::HTTP_10, 200, &[JSON, ("content-length", "5000")]);
    assert_eq!((coding, answer.get("content-length").unwrap().to_str().unwrap()), (None, "5000"));
}
