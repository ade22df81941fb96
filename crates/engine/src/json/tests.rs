use super::{DEPTH_MAX, Fault, read};
use proptest::prelude::{ProptestConfig, any, prop_assert, prop_assert_eq, proptest};
use serde_json::{Value, json};

#[track_caller]
fn reads(text: &str, expected: &Value) {
    assert_eq!(&read(text.as_bytes(), 64).unwrap().value, expected, "{text}");
}

#[track_caller]
fn fails(text: impl AsRef<[u8]>, expected: &Fault) {
    let text = text.as_ref();
    assert_eq!(&read(text, 64).unwrap_err(), expected, "{}", String::from_utf8_lossy(text));
}

#[track_caller]
fn is_no_json(text: &str) {
    assert!(matches!(read(text.as_bytes(), 64), Err(Fault::Syntax { .. })), "{text}");
}

#[test]
fn what_is_json_is_read() {
    reads(r#" {"a":[1,null,true,-2.5,"x"],"b":{}} "#, &json!({"a": [1, null, true, -2.5, "x"], "b": {}}));
    reads("[]", &json!([]));
    reads("null", &json!(null));
    reads("\"\\u00e9\\ud83d\\ude00\\\"[{\"", &json!("é😀\"[{"));
    reads("\t\r\n 7", &json!(7));
}

#[test]
fn what_has_two_readings_is_not() {
    fails(r#"{"a":1,"a":1}"#, &Fault::DuplicateName { line: 1, column: 13 });
    fails(r#"{"a":1,"\u0061":2}"#, &Fault::DuplicateName { line: 1, column: 18 });
    fails("[{},\n{\"a\":{\"b\":1,\"b\":2}}]", &Fault::DuplicateName { line: 2, column: 18 });
    fails("", &Fault::Empty);
    fails(" \r\n\t", &Fault::Empty);
    fails(b"\xef\xbb\xbf{}", &Fault::ByteOrderMark);
    fails(b"{\"a\":\"\xff\"}", &Fault::NotUtf8 { at: 6 });
    fails(b"[\"\xc3\x28\"]", &Fault::NotUtf8 { at: 2 });
    fails("{} {}", &Fault::Trailing { line: 1, column: 4 });
    fails("1,", &Fault::Trailing { line: 1, column: 2 });
    fails("[1]x", &Fault::Trailing { line: 1, column: 4 });
    fails("1234567890123456789012-1", &Fault::Trailing { line: 1, column: 23 });
}

#[test]
fn what_is_no_json_is_not_read() {
    let texts = [
        "{",
        "[1",
        "\"a",
        "{'a':1}",
        r#"{"a":1,}"#,
        "[1,]",
        "[,1]",
        "01",
        "1.",
        ".5",
        "+1",
        "-",
        "--1",
        "1e",
        "1e+",
        "NaN",
        "Infinity",
        "nul",
        "tru",
        "// x\n1",
        "[1 2]",
        r#"{"a" 1}"#,
        r#""\ud800""#,
        r#""\x""#,
        "\"\u{1}\"",
        "]",
        "}",
    ];
    for text in texts {
        is_no_json(text);
    }
}

#[test]
fn depth_is_bounded_before_anything_recurses() {
    let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
    assert!(read(nested(64).as_bytes(), 64).is_ok());
    fails(nested(65), &Fault::TooDeep { depth_max: 64 });
    fails("[".repeat(1_000_000), &Fault::TooDeep { depth_max: 64 });
    fails("{\"a\":".repeat(65), &Fault::TooDeep { depth_max: 64 });
    let deepest = usize::try_from(DEPTH_MAX).unwrap();
    assert!(read(nested(deepest).as_bytes(), DEPTH_MAX).is_ok(), "the parser's own bound is not lower");
    reads(&format!("[{}]", vec!["[]"; 100].join(",")), &Value::Array(vec![json!([]); 100]));
    reads(&format!("\"{}\"", "[".repeat(200)), &json!("[".repeat(200)));
}

#[test]
fn numbers_are_held_as_they_are_or_refused() {
    reads("18446744073709551615", &json!(u64::MAX));
    reads("-9223372036854775808", &json!(i64::MIN));
    reads("1e308", &json!(1e308));
    reads("5e-324", &json!(5e-324));
    reads("0e999", &json!(0.0));
    reads("0.000", &json!(0.0));
    reads(&format!("1.{}", "0".repeat(400)), &json!(1.0));
    for (text, at) in [
        ("18446744073709551616", 0),
        ("-9223372036854775809", 0),
        ("[1,  100000000000000000000000]", 5),
        ("{\"a\":1e400}", 5),
        ("-1E+309", 0),
        ("1e-400", 0),
        ("0.1e-99999", 0),
    ] {
        fails(text, &Fault::NumberOutOfRange { at });
    }
    fails(format!("{}.5", "9".repeat(400)), &Fault::NumberOutOfRange { at: 0 });
    fails(format!("0.{}1", "0".repeat(400)), &Fault::NumberOutOfRange { at: 0 });
}

#[test]
fn values_are_counted() {
    assert_eq!(read(b"[1,{\"a\":[],\"b\":null}]", 64).unwrap().values, 5);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn nothing_but_what_the_parser_takes_and_never_something_else(text in r#"[\[\]{}:,"0-9eE.+\-a-c\\u \n]{0,40}"#) {
        match read(text.as_bytes(), 16) {
            Ok(document) => prop_assert_eq!(document.value, serde_json::from_str::<Value>(&text).unwrap()),
            Err(Fault::Syntax { .. } | Fault::Trailing { .. }) => prop_assert!(serde_json::from_str::<Value>(&text).is_err()),
            Err(_) => {}
        }
    }

    #[test]
    fn any_bytes_end(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&bytes, 16);
    }
}
