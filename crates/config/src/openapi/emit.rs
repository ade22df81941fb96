//! The tree as YAML that a person reads: what fits on a line stands on one, the rest is indented.

use super::tree::{Map, Yaml};
use crate::scalar;
use crate::tree::Value;
use std::fmt::Write as _;

/// The longest line of a map or list that is written in braces.
const LINE_MAX: usize = 110;
/// How deep such a map or list may nest.
const FLOW_DEPTH_MAX: usize = 5;

/// Keys and values of a map, each line indented by `indent` spaces.
pub(super) fn map(text: &mut String, map: &Map, indent: usize) {
    for (key, value) in map.iter() {
        let _ = write!(text, "{:indent$}{}:", "", scalar_text(key, true));
        value_after(text, value, indent, indent.saturating_add(key.len()).saturating_add(2));
    }
}

/// What follows `key:` or `-`, with the line's end.
fn value_after(text: &mut String, value: &Yaml, indent: usize, used: usize) {
    if let Some(flow) = flow(value, LINE_MAX.saturating_sub(used)) {
        let _ = writeln!(text, " {flow}");
        return;
    }
    text.push('\n');
    let deeper = indent.saturating_add(2);
    match value {
        Yaml::Map(inner) => map(text, inner, deeper),
        Yaml::List(items) => list(text, items, deeper),
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => {
            // One line is never too long for what cannot be broken.
            text.pop();
            let _ = writeln!(text, " {}", scalar_of(value));
        }
    }
}

fn list(text: &mut String, items: &[Yaml], indent: usize) {
    for item in items {
        let mut block = String::new();
        let deeper = indent.saturating_add(2);
        match (flow(item, LINE_MAX.saturating_sub(deeper)), item) {
            (Some(flow), _) => {
                let _ = writeln!(block, "{:deeper$}{flow}", "");
            }
            (None, Yaml::Map(inner)) => map(&mut block, inner, deeper),
            (None, Yaml::List(inner)) => {
                // A list in a list begins on a line of its own.
                let _ = writeln!(text, "{:indent$}-", "");
                list(text, inner, deeper);
                continue;
            }
            (None, Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_)) => {
                let _ = writeln!(block, "{:deeper$}{}", "", scalar_of(item));
            }
        }
        // The dash takes the place of the first two spaces.
        let _ = write!(text, "{:indent$}- {}", "", block.trim_start());
    }
}

/// The value on one line, if it fits.
fn flow(value: &Yaml, room: usize) -> Option<String> {
    let mut text = String::new();
    flow_into(&mut text, value, 0, room)?;
    Some(text).filter(|text| text.chars().count() <= room)
}

fn flow_into(text: &mut String, value: &Yaml, depth: usize, room: usize) -> Option<()> {
    if depth > FLOW_DEPTH_MAX || text.len() > room.saturating_mul(4) {
        return None;
    }
    let deeper = depth.saturating_add(1);
    match value {
        Yaml::Map(map) if map.is_empty() => text.push_str("{}"),
        Yaml::Map(map) => {
            text.push_str("{ ");
            for (index, (key, value)) in map.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                text.push_str(&scalar_text(key, true));
                text.push_str(": ");
                flow_into(text, value, deeper, room)?;
            }
            text.push_str(" }");
        }
        Yaml::List(items) => {
            text.push('[');
            for (index, value) in items.iter().enumerate() {
                text.push_str(if index == 0 { "" } else { ", " });
                flow_into(text, value, deeper, room)?;
            }
            text.push(']');
        }
        Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) => text.push_str(&scalar_of(value)),
    }
    Some(())
}

fn scalar_of(value: &Yaml) -> String {
    match value {
        Yaml::Null => "null".to_owned(),
        Yaml::Bool(value) => value.to_string(),
        Yaml::Number(text) => text.clone(),
        Yaml::Text(text) => scalar_text(text, false),
        // Handled by those who call.
        Yaml::List(_) | Yaml::Map(_) => String::new(),
    }
}

/// Plain where nobody could take it for anything but text, else in double quotes. In a value `${` and `$$` are escaped, which would
/// else be placeholders; keys have none.
fn scalar_text(text: &str, is_key: bool) -> String {
    let escaped = if is_key { text.to_owned() } else { without_placeholders(text) };
    if is_plain(&escaped) {
        return escaped;
    }
    let mut quoted = String::from("\"");
    for character in escaped.chars() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\t' => quoted.push_str("\\t"),
            _ if character.is_control()
                || matches!(character, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}') =>
            {
                let _ = write!(quoted, "\\u{:04x}", u32::from(character));
            }
            // Above the basic plane only noncharacters are not printable in YAML.
            _ => quoted.push(character),
        }
    }
    quoted.push('"');
    quoted
}

fn without_placeholders(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        escaped.push(character);
        if character == '$' && matches!(characters.peek(), Some('$' | '{')) {
            escaped.push('$');
        }
    }
    escaped
}

fn is_plain(text: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || b"_./-+*$".contains(&byte);
    let begins = text.bytes().next().is_some_and(|first| first.is_ascii_alphabetic() || b"_/$".contains(&first));
    // YAML 1.1 takes these for booleans, and people take them so too.
    let is_doubtful = ["y", "n", "yes", "no", "on", "off"].iter().any(|word| text.eq_ignore_ascii_case(word));
    begins && text.bytes().all(is_word) && !is_doubtful && matches!(scalar::typed(text), Value::Text(_))
}

#[cfg(test)]
mod tests {
    use super::{map, scalar_text};
    use crate::openapi::tree::{Map, Yaml};

    #[test]
    fn texts_are_quoted_where_there_is_doubt() {
        let check = |text: &str, expected: &str| assert_eq!(scalar_text(text, false), expected);
        check("orders", "orders");
        check("/v1/orders", "/v1/orders");
        check("/v1/{id}", "\"/v1/{id}\"");
        check("application/json", "application/json");
        check("*.example.com", "\"*.example.com\"");
        check("", "\"\"");
        check("no", "\"no\"");
        check("null", "\"null\"");
        check("1.0", "\"1.0\"");
        check("a: b # c", "\"a: b # c\"");
        check("^a$", "\"^a$\"");
        check("${HOME}$$", "\"$${HOME}$$$\"");
        check("a\"\\\n\u{7f}\u{85}\u{1F600}", "\"a\\\"\\\\\\n\\u007f\\u0085\u{1F600}\"");
        assert_eq!(scalar_text("$ref", true), "$ref");
    }

    #[test]
    fn what_fits_stands_on_a_line() {
        let long: Vec<String> = (0..40).map(|number| format!("value-{number}")).collect();
        let inner = Map::default().with("type", "string").with("enum", long);
        let tree = Map::default()
            .with("limit", Map::default().with("schema", Map::default().with("type", "integer")))
            .with("list", vec![Yaml::from(inner), Yaml::Bool(true)])
            .with("none", Map::default());
        let mut text = String::new();
        map(&mut text, &tree, 0);
        assert!(
            text.starts_with(
                "limit: { schema: { type: integer } }\nlist:\n  - type: string\n    enum:\n      - value-0\n"
            ),
            "{text}"
        );
        assert!(text.ends_with("  - true\nnone: {}\n"), "{text}");
        let read: serde_json::Value = serde_yaml::from_str(&text).unwrap();
        assert_eq!(read, Yaml::from(tree).to_json());
    }
}
