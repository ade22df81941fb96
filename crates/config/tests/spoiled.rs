//! A good config, spoiled in thousands of ways: there is always a verdict, never a panic, and serde never finds what the schema let
//! pass.

use std::path::Path;

use config::Parsed;
use config::diagnostic::Code;
use config::source::Memory;
use serde_json::{Value, json};

const ALL: &str = include_str!("shared/all.yaml");

fn parse(text: &str) -> Parsed {
    let files = Memory::default().with("main.yaml", text).with("conf.d/a.yaml", "").with("secret", "x");
    config::parse(Path::new("main.yaml"), &files, &|name| (name == "KEY").then(|| "x".to_owned()))
}

fn check(text: &str) {
    let parsed = parse(text);
    assert_eq!(parsed.raw.is_some(), !parsed.diagnostics.has_errors(), "{text}");
    for diagnostic in parsed.diagnostics.sorted() {
        assert!(diagnostic.code != Code::Internal && diagnostic.help.is_some(), "{diagnostic:?}\n{text}");
    }
    let said = config::render::text(&parsed.diagnostics, &parsed.sources, config::render::Colour::Never);
    assert_eq!(said.is_empty(), parsed.diagnostics.is_empty());
}

#[test]
fn a_file_that_is_cut_off() {
    for (end, _) in ALL.char_indices().step_by(13) {
        check(ALL.get(..end).unwrap());
    }
}

#[test]
fn a_line_that_is_lost_or_shifted() {
    let lines: Vec<&str> = ALL.lines().collect();
    for at in 0..lines.len() {
        let mut without = lines.clone();
        without.remove(at);
        check(&without.join("\n"));
        let shifted = format!("  {}", lines[at]);
        let mut with = lines.clone();
        with[at] = &shifted;
        check(&with.join("\n"));
    }
}

fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    all.push(at.to_owned());
    match value {
        Value::Object(object) => {
            object.iter().for_each(|(key, inner)| pointers(inner, &config::spans::deeper(at, key), all));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| pointers(inner, &format!("{at}/{index}"), all));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn a_value_of_another_type() {
    let good = parse(ALL).spans.root().to_json();
    let mut all = Vec::new();
    pointers(&good, "", &mut all);
    assert!(all.len() > 200, "{}", all.len());
    let others = [
        json!(null),
        json!(true),
        json!(0),
        json!(-7),
        json!(1.5),
        json!(1e300),
        json!(""),
        json!("5"),
        json!([]),
        json!({}),
        json!(["x"]),
    ];
    for (index, pointer) in all.iter().enumerate() {
        // Each pointer meets a quarter of the values; all values meet each kind of key somewhere.
        for other in others.iter().skip(index % 4).step_by(4) {
            let mut bad = good.clone();
            *bad.pointer_mut(pointer).unwrap() = other.clone();
            check(&bad.to_string());
        }
    }
}
