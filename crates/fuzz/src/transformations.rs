//! Transformations: whatever a config asks for and a client sends, what goes on is one request and one JSON document.

use engine::identity::Identity;
use engine::route::capture::CapturePatterns;
use engine::route::path::PathPattern;
use engine::transform::{
    Absent, BodyChange, BodyEdit, Facts, HeaderEdits, JsonEdits, JsonTemplate, OnUnreadable, PathEdit, PathTemplate,
    Pointer, QueryEdits, RequestTransform, Scope, Side, Step, Target, Text, Value,
};
use engine::wire::{HeadLimits, check_head};
use http::{HeaderMap, HeaderName, HeaderValue};
use std::sync::LazyLock;

const SCOPE: Scope<'_> = Scope { side: Side::Request, body: true, captures: &["id", "rest"] };

/// Steps, one a line (`set POINTER JSON`, `remove POINTER`, `rename POINTER NAME`, `move POINTER POINTER`, or `template JSON`); a `!` before
/// one makes it insist. Behind a NUL the body.
pub fn pointer_mapping(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Some((script, body)) = text.split_once('\0') else { return };
    let Some(change) = change(script) else { return };
    let edit = BodyEdit { change, bytes_max: 1 << 16, on_unreadable: OnUnreadable::Refuse };
    let headers = HeaderMap::from_iter([(HeaderName::from_static("x-a"), HeaderValue::from_static("a\"b"))]);
    let facts = facts("/orders/7", Some("q=%22%0a"), &headers);
    let made = edit.apply(None, &facts, body.as_bytes());
    let is_json = json(body).is_ok();
    let Ok(made) = made else { return };
    assert!(is_json, "what was no JSON was edited: {body}");
    assert!(made.len() <= edit.bytes_max);
    if let Err(fault) = json(&made) {
        panic!("{fault}: {made}");
    }
    assert_eq!(edit.apply(None, &facts, body.as_bytes()).as_deref(), Ok(&*made));
}

/// Numbers beyond a double are JSON, too, so that a value is not asked for.
fn json(text: &str) -> serde_json::Result<serde::de::IgnoredAny> {
    serde_json::from_str(text)
}

fn change(script: &str) -> Option<BodyChange> {
    if let Some(text) = script.strip_prefix("template ") {
        let body = JsonTemplate::parse(text, &SCOPE).ok()?;
        return Some(BodyChange::Template { body, absent: Absent::Omit });
    }
    let steps = script.lines().map(step).collect::<Option<Vec<Step>>>()?;
    JsonEdits::new(steps).ok().map(BodyChange::Edits)
}

fn step(line: &str) -> Option<Step> {
    let (absent, line) = line.strip_prefix('!').map_or((Absent::Omit, line), |line| (Absent::Refuse, line));
    let mut words = line.splitn(3, ' ');
    let (verb, at) = (words.next()?, Pointer::parse(words.next()?).ok()?);
    let rest = words.next();
    Some(match verb {
        "set" => Step::Set { at, value: JsonTemplate::parse(rest?, &SCOPE).ok()?, absent },
        "remove" => Step::Remove { at, absent },
        "rename" => Step::Rename { at, to: rest?.into(), absent },
        "move" => Step::Move { from: at, to: Pointer::parse(rest?).ok()?, absent },
        _ => return None,
    })
}

/// Four lines: a pattern, a path template, a header's value, a parameter's value. Behind a NUL the target, behind another a header of the
/// client's.
pub fn transform(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut parts = text.split('\0');
    let (Some(config), Some(target)) = (parts.next(), parts.next()) else { return };
    let sent = parts.next().unwrap_or_default();
    let lines: Vec<&str> = config.split('\n').collect();
    let [pattern, template, header, parameter] = lines.as_slice() else { return };
    let Some(rules) = rules(pattern, template, header, parameter) else { return };
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let Ok(path) = engine::path::normal_form(path) else { return };
    // What the wire refuses never comes here.
    let is_refused = |byte: u8| !byte.is_ascii_graphic() || b"#\"<>\\^`{|}".contains(&byte);
    if query.is_some_and(|query| query.bytes().any(is_refused)) {
        return;
    }
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(sent) {
        headers.insert("x-a", value);
    }
    let mut made = Target { path: path.clone().into_owned(), query: query.map(str::to_owned) };
    let facts = facts(&path, query, &headers);
    let mut changed = headers.clone();
    if rules.apply(&facts, &mut made, &mut changed).is_err() {
        return;
    }
    assert!(engine::path::normal_form(&made.path).is_ok_and(|normal| normal == made.path), "{made}");
    let mut head = format!("GET {made} HTTP/1.1\r\nHost: a.example\r\n").into_bytes();
    for (name, value) in &changed {
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    let limits = HeadLimits { head_bytes_max: 1 << 20, lines_max: 100, uri_bytes_max: 1 << 20 };
    let checked = check_head(&head, &limits);
    assert!(checked.is_ok(), "{:?}: {}", checked.err(), head.escape_ascii());
    // The request's line, Host and the empty line, and nothing behind that.
    assert_eq!(head.split(|byte| *byte == b'\n').count(), changed.len() + 4);
}

fn rules(pattern: &str, template: &str, header: &str, parameter: &str) -> Option<RequestTransform> {
    let pattern = pattern.strip_prefix('~').map_or_else(|| PathPattern::parse(pattern), PathPattern::regex).ok()?;
    let names = pattern.capture_names();
    let template = PathTemplate::parse(template, &[(pattern.as_str(), names.clone())]).ok()?;
    let scope = Scope { side: Side::Request, body: false, captures: &names };
    let value = |text| Some(Value { text: Text::parse(text, &scope).ok()?, absent: Absent::Omit });
    // The config refuses what cannot stand in a field anyhow.
    let fits = |byte: u8| matches!(byte, b'\t' | b' '..=b'~');
    if !header.bytes().all(fits) {
        return None;
    }
    Some(RequestTransform {
        path: Some(PathEdit::Template(template)),
        query: QueryEdits { set: [("p".into(), value(parameter)?)].into(), ..QueryEdits::default() },
        headers: HeaderEdits {
            set: [(HeaderName::from_static("x-b"), value(header)?)].into(),
            ..HeaderEdits::default()
        },
        captures: Some(CapturePatterns::new(std::slice::from_ref(&pattern))),
        body: None,
    })
}

fn facts<'a>(path: &'a str, query: Option<&'a str>, headers: &'a HeaderMap) -> Facts<'a> {
    static NOBODY: LazyLock<Identity> = LazyLock::new(Identity::default);
    Facts {
        request_id: "00000000-0000-0000-0000-000000000000",
        method: "GET",
        host: "a.example",
        path,
        query,
        headers,
        client: [192, 0, 2, 1].into(),
        route_name: "orders",
        identity: &NOBODY,
        now_unix_s: 0,
        captures: None,
        answer: None,
        body: None,
    }
}
