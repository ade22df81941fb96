use super::Reading;
use crate::denial::{Denial, Detail};
use crate::names::PolicyId;
use crate::schema::{Formats, Schema};
use crate::trail::Mode;
use flate2::Compression;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert_eq, proptest};
use serde_json::json;
use std::io::Write as _;

const LENGTH: (&str, &str) = ("content-length", "33");
const CHUNKED: (&str, &str) = ("transfer-encoding", "chunked");

fn reading() -> Reading {
    let schema = json!({"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}});
    Reading {
        policy: PolicyId(0),
        mode: Mode::Enforce,
        bytes_max: 4_096,
        decompressed_bytes_max: 8_192,
        depth_max: 8,
        schema: Some(Schema::compile(&schema, Formats::Ignored).unwrap()),
    }
}

fn headers(lines: &[(&str, &str)]) -> HeaderMap {
    let line = |(name, value): &(&str, &str)| {
        (name.parse::<HeaderName>().unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    lines.iter().map(line).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// As the gateway does it, the body in these pieces.
fn judge<'p>(
    lines: &[(&str, &str)],
    method: &Method,
    pieces: impl IntoIterator<Item = &'p [u8]>,
) -> Result<bool, Denial> {
    let (reading, headers) = (reading(), headers(lines));
    reading.check(method, &headers)?;
    let Some(wanted) = reading.wants(method, &headers) else { return Ok(false) };
    let mut held = Vec::new();
    for piece in pieces {
        reading.push(&mut held, piece)?;
    }
    Ok(reading.judge(&wanted, &held)?.is_some())
}

fn code(judged: &Result<bool, Denial>) -> &'static str {
    match judged {
        Ok(true) => "pass",
        Ok(false) => "no body",
        Err(denial) => denial.reason.code(),
    }
}

#[track_caller]
fn check(lines: &[(&str, &str)], body: impl AsRef<[u8]>, expected: &str) {
    assert_eq!(code(&judge(lines, &Method::POST, [body.as_ref()])), expected, "{lines:?}");
}

#[test]
fn the_head_tells_early() {
    check(&[], "", "body_missing");
    check(&[("content-length", "0")], "", "body_missing");
    check(&[("content-length", "4097")], "{}", "body_too_large");
    check(&[LENGTH, ("content-encoding", "compress")], "{}", "content_coding_unsupported");
    check(&[LENGTH, ("content-encoding", "gzip, gzip, gzip")], "{}", "content_coding_unsupported");
    check(&[LENGTH, ("content-type", "application/json; charset=latin1")], "{}", "charset_unsupported");
    for method in [Method::GET, Method::DELETE, Method::HEAD, Method::OPTIONS] {
        assert_eq!(code(&judge(&[], &method, [])), "no body", "{method}");
        assert_eq!(code(&judge(&[CHUNKED], &method, [])), "no body", "{method}");
        assert_eq!(code(&judge(&[LENGTH], &method, [&b"[]"[..]])), "body_schema_mismatch", "{method}");
    }
    for method in [Method::POST, Method::PUT, Method::PATCH] {
        assert_eq!(code(&judge(&[CHUNKED], &method, [])), "body_missing", "{method}");
    }
}

#[test]
fn the_body_tells_the_rest() {
    for (body, expected) in [
        (&br#"{"id":"a"}"#[..], "pass"),
        (br#"{"id":"a","more":[null,[],{}]}"#, "pass"),
        (b"{}", "body_schema_mismatch"),
        (br#"{"id":null}"#, "body_schema_mismatch"),
        (b"[]", "body_schema_mismatch"),
        (b" \n", "body_missing"),
        (b"id=a", "json_syntax"),
        (br#"{"id":"a""#, "json_syntax"),
        (br#"{"id":"a"}{}"#, "json_trailing"),
        (br#"{"id":"a","id":"b"}"#, "json_duplicate_name"),
        (b"{\"id\":\"\xff\"}", "json_not_utf8"),
        (b"\xef\xbb\xbf{\"id\":\"a\"}", "json_byte_order_mark"),
        (br#"{"id":"a","x":[[[[[[[[]]]]]]]]}"#, "json_too_deep"),
        (br#"{"id":"a","x":1e400}"#, "json_number_out_of_range"),
    ] {
        check(&[LENGTH], body, expected);
        check(&[CHUNKED], body, expected);
    }
    check(&[CHUNKED], vec![b' '; 4_097], "body_too_large");
}

#[test]
fn codings_are_undone_within_bounds() {
    let coded = [LENGTH, ("content-encoding", "gzip")];
    check(&coded, gzip(br#"{"id":"a"}"#), "pass");
    check(&coded, gzip(b"{}"), "body_schema_mismatch");
    check(&coded, br#"{"id":"a"}"#, "content_coding_broken");
    check(&coded, gzip(b""), "body_missing");
    check(&coded, gzip(&vec![b' '; 8_193]), "decompressed_body_too_large");
    check(&[LENGTH, ("content-encoding", "identity")], br#"{"id":"a"}"#, "pass");
    check(&[LENGTH, ("content-encoding", "gzip"), ("content-encoding", "gzip")], gzip(&gzip(br#"{"id":"a"}"#)), "pass");
}

#[test]
fn every_violation_is_told() {
    let denial = judge(&[LENGTH], &Method::POST, [&br#"{"id":1}"#[..]]).unwrap_err();
    let Detail::Invalid(violations) = denial.detail else { panic!("{denial:?}") };
    let told: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert_eq!(told, ["body /id: is a number, not string"]);
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    let texts = proptest::sample::select(vec![
        br#"{"id":"a"}"#.to_vec(),
        br#"{"id":1,"x":[1.5,null,"\u00e9"]}"#.to_vec(),
        br#"{"id":"a","id":"b"}"#.to_vec(),
        br#"{"id":"a"}}"#.to_vec(),
        b"{\"id\":\"\xc3\xa9\"}".to_vec(),
        b"{\"id\":\"\xc3\"}".to_vec(),
        b" ".to_vec(),
    ]);
    let coded = (texts, any::<bool>()).prop_map(|(text, coded)| if coded { gzip(&text) } else { text });
    proptest::prop_oneof![
        coded,
        proptest::collection::vec(any::<u8>(), 0..300),
        (4_000_usize..4_200).prop_map(|length| vec![b'1'; length])
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// At every boundary, and byte by byte.
    #[test]
    fn how_a_body_comes_in_pieces_changes_no_verdict(body in body(), coded in any::<bool>()) {
        let lines: &[(&str, &str)] = if coded { &[CHUNKED, ("content-encoding", "gzip")] } else { &[CHUNKED] };
        let whole = judge(lines, &Method::POST, [&body[..]]);
        for at in 0..=body.len() {
            let (first, second) = body.split_at(at);
            prop_assert_eq!(&judge(lines, &Method::POST, [first, second]), &whole, "split at {}", at);
        }
        prop_assert_eq!(&judge(lines, &Method::POST, body.chunks(1)), &whole);
    }
}
