//! Templates: what values can do to the text around them, which is nothing.

use engine::template::{Escape, Parts, TAGS_MAX, TEXT_BYTES_MAX, Template, VALUE_BYTES_MAX, Values};
use engine::violation::{MESSAGE_BYTES_MAX, POINTER_BYTES_MAX, Place, VIOLATIONS_MAX, Violation};
use http::HeaderValue;
use serde_json::{Map, Value};

/// The first byte says what the text is (`j`, `x`, `h`, `t`; anything else is a header). The text ends at a NUL; behind it come
/// values, separated by NULs, which the variables take in turn. Within the text, what is behind a 0x01 is a part: its name, `=`, its text.
/// A template that is accepted keeps its structure whatever the values are, and however many errors there are to show.
pub fn template(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else { return };
    let Ok(rest) = std::str::from_utf8(rest) else { return };
    let mut pieces = rest.split('\0');
    let mut texts = pieces.next().unwrap_or_default().split('\u{1}');
    let text = texts.next().unwrap_or_default();
    let parts = Parts::new(texts.map(|part| part.split_once('=').unwrap_or((part, ""))));
    let values: Vec<&str> = pieces.collect();
    let escape = match kind {
        b'j' => Escape::Json,
        b'x' => Escape::Xml,
        b'h' => Escape::Html,
        b't' => Escape::Text,
        _ => Escape::Header,
    };
    let Ok(template) = Template::parse_with(text, escape, &parts) else { return };
    assert_eq!(Template::parse_with(text, escape, &parts).as_ref(), Ok(&template));
    for errors in [0, 1, 3, VIOLATIONS_MAX + 8] {
        let hostile = rendered(&template, &values, errors);
        let harmless = rendered(&template, &["x"], errors);
        assert!(hostile.len() <= bytes_max(text, errors), "{} bytes", hostile.len());
        let hostile = String::from_utf8(hostile).expect("text");
        let harmless = String::from_utf8(harmless).expect("text");
        if let Some(literal) = template.literal() {
            assert_eq!((hostile.as_str(), harmless.as_str()), (literal, literal));
            return;
        }
        keeps_structure(escape, &hostile, &harmless);
    }
}

/// Every tag may stand in a section, and be shown once for each error.
fn bytes_max(text: &str, errors: usize) -> usize {
    let errors = errors.min(VIOLATIONS_MAX);
    let list = errors * (64 + (POINTER_BYTES_MAX + MESSAGE_BYTES_MAX) * 6);
    let turns = if text.contains('#') || text.contains('>') { errors.max(1) } else { 1 };
    turns * (TEXT_BYTES_MAX + TAGS_MAX * VALUE_BYTES_MAX * 6) + TAGS_MAX * list
}

fn keeps_structure(escape: Escape, hostile: &str, harmless: &str) {
    match escape {
        Escape::Json => {
            for text in [hostile, harmless] {
                if let Err(error) = serde_json::from_str::<Value>(text) {
                    panic!("{error}: {text}");
                }
            }
            assert_eq!(json_skeleton(hostile), json_skeleton(harmless), "{hostile}");
            assert!(!hostile.contains("</") || harmless.contains("</"), "{hostile}");
        }
        Escape::Xml | Escape::Html => {
            let signs = |text: &str| text.chars().filter(|sign| "<>\"'".contains(*sign)).collect::<String>();
            assert_eq!(signs(hostile), signs(harmless), "{hostile}");
            assert_eq!(references(hostile), references(harmless), "{hostile}");
        }
        Escape::Text => {
            let controls = |text: &str| text.chars().filter(|sign| sign.is_control()).collect::<String>();
            assert_eq!(controls(hostile), controls(harmless), "{hostile:?}");
        }
        Escape::Header => {
            let value = HeaderValue::from_str(hostile).unwrap_or_else(|_| panic!("{hostile:?}"));
            assert!(value.to_str().is_ok(), "{hostile:?}");
        }
    }
}

fn rendered(template: &Template, values: &[&str], errors: usize) -> Vec<u8> {
    let mut claims = Map::new();
    for (index, name) in template.claims().enumerate() {
        claims.insert(name.to_owned(), claim(value(values, index)));
    }
    let places = [Place::Body, Place::Path, Place::Query, Place::Header];
    let errors = (0..errors).map(|at| Violation::new(places[at % 4], value(values, at), value(values, at + 1)));
    let errors: Vec<_> = errors.collect();
    let number = |index| value(values, index).bytes().fold(0_u64, |sum, byte| sum.wrapping_mul(257) ^ u64::from(byte));
    let values = Values {
        request_id: value(values, 0),
        method: value(values, 1),
        host: value(values, 2),
        path: value(values, 3),
        error_kind: value(values, 4),
        error_reason: value(values, 5),
        error_title: value(values, 6),
        error_detail: value(values, 7),
        error_status: u16::try_from(200 + number(8) % 400).unwrap_or(599),
        error_type: value(values, 9),
        retry_after_s: Some(number(10)),
        allow: value(values, 11),
        accept: value(values, 12),
        scopes: value(values, 13),
        limit_name: value(values, 14),
        quota_limit: Some(number(15)),
        quota_resets_unix_s: Some(number(16)),
        route_name: value(values, 17),
        consumer_id: value(values, 18),
        plan_name: value(values, 19),
        policy_name: value(values, 20),
        now_unix_s: number(21),
        claims: Some(&claims),
        errors: &errors,
    };
    let mut out = Vec::new();
    template.render(&values, &mut out);
    out
}

fn value<'a>(values: &[&'a str], index: usize) -> &'a str {
    index.checked_rem(values.len()).and_then(|index| values.get(index)).copied().unwrap_or_default()
}

/// A claim that is JSON comes as what it is, so that objects and lists are tried too.
fn claim(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| Value::from(text))
}

/// Everything outside of strings, each number as one `0`.
fn json_skeleton(text: &str) -> String {
    let (mut skeleton, mut in_string, mut escaped) = (String::new(), false, false);
    for character in text.chars() {
        match (in_string, character) {
            (true, _) if escaped => escaped = false,
            (true, '\\') => escaped = true,
            (_, '"') => {
                in_string = !in_string;
                skeleton.push('"');
            }
            (true, _) => {}
            (false, '0'..='9') => {
                if !skeleton.ends_with('0') {
                    skeleton.push('0');
                }
            }
            (false, other) => skeleton.push(other),
        }
    }
    skeleton
}

/// The ampersands that are not of the escaping's own making.
fn references(text: &str) -> usize {
    const OWN: [&str; 8] = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#9;", "&#10;", "&#13;"];
    text.match_indices('&').filter(|(at, _)| !OWN.iter().any(|own| text[*at..].starts_with(own))).count()
}
