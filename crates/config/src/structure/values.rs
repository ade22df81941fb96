//! Wording for values: of the wrong type, outside a list, malformed, out of bounds. Never shows what may be a secret.

use serde_json::Value as Json;

use super::Pass;
use super::describe::{self, Model, plain_text};
use crate::diagnostic::{Code, Diagnostic, listed, quoted};
use crate::mask;
use crate::similar::closest;
use crate::text::{self, Fault};
use crate::tree::{Node, Origin, Value};

/// Values that Tollgate's contract names and this version does not have, by the type.
const NOT_YET: &[(&str, &str)] = &[("Balance", "leastRequest"), ("AccessLogFormat", "combined")];

impl Pass<'_> {
    pub(super) fn wrong_type(&mut self, pointer: &str, part: &Json, model: &Model) {
        let node = self.node(pointer);
        let place = self.place(pointer);
        let subject = self.subject(pointer);
        if node.value == Value::Null {
            let (message, help) = match node.origin {
                Origin::Written => (format!("{subject} has no value"), "give it a value, or remove the key".to_owned()),
                Origin::Substituted | Origin::Unresolved => (
                    format!("{subject} is empty after substitution"),
                    "set the variable, or quote the placeholder to mean empty text".to_owned(),
                ),
            };
            let help = if model.expected(part) == "a map" { format!("{help}; an empty map is `{{}}`") } else { help };
            return self.push(Code::WrongType, place, message, Some(help));
        }
        // `5` where `5s` is wanted: the format knows better than the type what is missing.
        let format = branches(model.resolved(part)).find_map(|part| text::named(part.get("format")?.as_str()?));
        if let (Some(number), Some(format)) = (number_text(node), format)
            && let Err(fault) = (format.check)(&number)
        {
            return self.fault(pointer, format.what, &fault);
        }
        let message = format!("{subject} must be {}, not {}", model.expected(part), actual(&node.value));
        let help = self.type_help(pointer, part, model).unwrap_or_else(|| format!("write {}", model.expected(part)));
        self.push(Code::WrongType, place, message, Some(help));
    }

    fn type_help(&self, pointer: &str, part: &Json, model: &Model) -> Option<String> {
        let node = self.node(pointer);
        let part = model.resolved(part);
        let kinds: Vec<&str> = branches(part).filter_map(|part| model.resolved(part).get("type")?.as_str()).collect();
        let wants = |kind: &str| kinds.contains(&kind);
        let shown = self.shown(pointer);
        match &node.value {
            Value::Text(text) if wants("boolean") => boolean_meant(text).map(|meant| format!("write `{meant}`")),
            Value::Text(text) if wants("integer") || wants("number") => {
                number_help(text, node.origin, shown.is_some(), self.is_in_braces(pointer))
            }
            Value::Float(_) if wants("integer") => Some("write it without a fraction".to_owned()),
            Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_) if wants("string") => {
                let shown = shown.map_or_else(|| "…".to_owned(), |shown| shown.trim_matches('`').to_owned());
                Some(match node.origin {
                    Origin::Written => format!("quote it: `\"{shown}\"`"),
                    Origin::Substituted | Origin::Unresolved => {
                        "quote the placeholder, so that its value stays text".to_owned()
                    }
                })
            }
            Value::Map(_) if wants("array") => Some("begin each item of the list with a dash: `- `".to_owned()),
            Value::List(_) if wants("object") && !wants("string") => {
                Some("write a map: remove the dashes or brackets".to_owned())
            }
            Value::List(items) if wants("string") && items.len() == 1 => {
                Some("write the one value without brackets or dash".to_owned())
            }
            Value::List(_) if wants("string") => Some("give one value, not several".to_owned()),
            Value::Text(_) | Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_)
                if wants("array") =>
            {
                let shown = shown.map_or_else(|| "…".to_owned(), |shown| shown.trim_matches('`').to_owned());
                Some(format!("write a list: `[{shown}]`"))
            }
            Value::Text(text) if wants("object") => Some(map_help(text, part, shown.is_some())),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Large(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_)
            | Value::Map(_) => None,
        }
    }

    pub(super) fn unknown_value(&mut self, pointer: &str, part: &Json, name: &str) {
        let values: Vec<String> =
            part.get("enum").and_then(Json::as_array).into_iter().flatten().map(plain_text).collect();
        let all = match values.as_slice() {
            [only] => format!("the only value is {}", quoted(only)),
            _ => format!("the values are {}", listed(&values)),
        };
        let written = self.node(pointer).as_text().unwrap_or_default();
        let shown = self.shown(pointer);
        let message = match &shown {
            Some(shown) => format!("{} cannot be {shown}", self.subject(pointer)),
            None => format!("{} has an unknown value", self.subject(pointer)),
        };
        let near = closest(written, values.iter().map(String::as_str));
        let help = if NOT_YET.contains(&(name, written)) {
            format!("{} is not supported by this version; {all}", quoted(written))
        } else if let (Some(near), true) = (near, shown.is_some()) {
            format!("did you mean {}? {all}", quoted(near))
        } else {
            all
        };
        let place = self.place(pointer);
        self.push(Code::UnknownValue, place, message, Some(help));
    }

    /// A word where one word of a list, or something else altogether, can stand.
    pub(super) fn unknown_choice(&mut self, pointer: &str, part: &Json, model: &Model) {
        let shown = self.shown(pointer).unwrap_or_else(|| "this value".to_owned());
        let message = format!("{} cannot be {shown}", self.subject(pointer));
        let place = self.place(pointer);
        let quotes = match self.node(pointer).origin {
            Origin::Written | Origin::Unresolved => "",
            Origin::Substituted => "; a quoted placeholder is always text",
        };
        self.push(Code::UnknownValue, place, message, Some(format!("write {}{quotes}", model.expected(part))));
    }

    pub(super) fn not_the_constant(&mut self, pointer: &str, expected: &Json) {
        let place = self.place(pointer);
        let subject = self.subject(pointer);
        if pointer == "/version" {
            let is_integer = match self.node(pointer).value {
                Value::Integer(_) | Value::Large(_) => true,
                Value::Float(value) => value.fract() == 0.0,
                Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => false,
            };
            // A wrong type is said by the type.
            if is_integer {
                let message = "this program reads version 1 of the format only".to_owned();
                self.push(Code::Version, place, message, Some("write `version: 1`".to_owned()));
            }
        } else if matches!(self.node(pointer).value, Value::Bool(_)) {
            let help = format!("write `{expected}`, or remove the key");
            self.push(Code::UnknownValue, place, format!("{subject} can only be `{expected}`"), Some(help));
        }
    }

    pub(super) fn malformed(&mut self, pointer: &str, format: &str) {
        let Some(format) = text::named(format) else { return };
        let Err(fault) = (format.check)(self.node(pointer).as_text().unwrap_or_default()) else { return };
        self.fault(pointer, format.what, &fault);
    }

    fn fault(&mut self, pointer: &str, what: &str, fault: &Fault) {
        let place = self.place(pointer);
        let subject = self.subject(pointer);
        let (message, help) = if let Some(shown) = self.shown(pointer) {
            (format!("{subject}: {shown} {}", fault.what), fault.help.clone())
        } else {
            let text = self.node(pointer).as_text().unwrap_or_default();
            let is_telling = self.node(pointer).origin != Origin::Written || fault.help.contains(text);
            let help = if is_telling { format!("the value must be {what}") } else { fault.help.clone() };
            (format!("{subject}: the value {}", fault.what), help)
        };
        self.push(Code::MalformedValue, place, message, Some(help));
    }

    pub(super) fn out_of_range(&mut self, pointer: &str, part: &Json) {
        let bounds = match part.get("x-range").and_then(Json::as_array) {
            Some(range) => (range.first(), range.get(1)),
            None => (part.get("minimum"), part.get("maximum")),
        };
        let help = match bounds {
            (Some(low), Some(high)) => format!("write a value from `{}` to `{}`", plain_text(low), plain_text(high)),
            (Some(low), None) => format!("write at least `{}`", plain_text(low)),
            (None, Some(high)) => format!("write at most `{}`", plain_text(high)),
            (None, None) => "write another value".to_owned(),
        };
        let value = self.shown(pointer).unwrap_or_else(|| "the value".to_owned());
        let message = format!("{}: {value} is out of range", self.subject(pointer));
        let place = self.place(pointer);
        self.push(Code::OutOfRange, place, message, Some(help));
    }

    pub(super) fn out_of_length(&mut self, pointer: &str, part: &Json) {
        let subject = self.subject(pointer);
        let limit = |key: &str| part.get(key).and_then(Json::as_u64);
        let (message, help) = match &self.node(pointer).value {
            Value::List(items) if items.is_empty() => (
                format!("{subject} is an empty list"),
                "give at least one item, or remove the key if it is optional".to_owned(),
            ),
            Value::List(items) => {
                let most = limit("maxItems").unwrap_or_default();
                (format!("{subject} has {} items", items.len()), format!("give at most {most}"))
            }
            Value::Text(text) if text.is_empty() => (format!("{subject} is empty"), "give it a value".to_owned()),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Large(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Map(_) => {
                let most = limit("maxLength").unwrap_or_default();
                (format!("{subject} is too long"), format!("use at most {most} characters"))
            }
        };
        let place = self.place(pointer);
        self.diagnostics.push(Diagnostic::error(Code::OutOfRange, place, message).help(help));
    }

    /// Whether the value stands in a map in braces or a list in brackets, where YAML takes no bare placeholder.
    fn is_in_braces(&self, pointer: &str) -> bool {
        let span = self.node(pointer.rsplit_once('/').map_or("", |(around, _)| around)).span;
        let line = (span.line as usize).checked_sub(1);
        let line = line.and_then(|line| self.sources.get(span.file)?.text.split('\n').nth(line));
        let first = line.and_then(|line| line.chars().nth((span.column as usize).saturating_sub(1)));
        matches!(first, Some('{' | '['))
    }

    /// A scalar as it was written; None if it is a secret or came in by substitution.
    fn shown(&self, pointer: &str) -> Option<String> {
        let node = self.node(pointer);
        let is_secret = mask::hides_at(pointer);
        if is_secret || node.origin != Origin::Written {
            return None;
        }
        match &node.value {
            Value::Text(text) => Some(quoted(text)),
            Value::Bool(value) => Some(format!("`{value}`")),
            Value::Integer(_) | Value::Large(_) | Value::Float(_) => number_text(node).map(|text| format!("`{text}`")),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }
}

/// The ways in which a value may be written.
fn branches(part: &Json) -> impl Iterator<Item = &Json> {
    let several = part.get("anyOf").and_then(Json::as_array);
    several.into_iter().flatten().chain(std::iter::once(part).filter(move |_| several.is_none()))
}

fn number_text(node: &Node) -> Option<String> {
    match &node.value {
        Value::Integer(value) => Some(value.to_string()),
        Value::Large(value) => Some(value.to_string()),
        Value::Float(value) => Some(value.to_string()),
        Value::Null | Value::Bool(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
    }
}

const fn actual(value: &Value) -> &'static str {
    match value {
        Value::Null => "empty",
        Value::Bool(_) => "a boolean",
        Value::Integer(_) | Value::Large(_) | Value::Float(_) => "a number",
        Value::Text(_) => "text",
        Value::List(_) => "a list",
        Value::Map(_) => "a map",
    }
}

fn boolean_meant(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "yes" | "on" | "y" | "true" | "enabled" | "1" => Some(true),
        "no" | "off" | "n" | "false" | "disabled" | "0" => Some(false),
        _ => None,
    }
}

fn number_help(text: &str, origin: Origin, is_shown: bool, is_in_braces: bool) -> Option<String> {
    let bare: String = text.chars().filter(|c| !matches!(c, '_' | ',' | ' ' | '\'')).collect();
    let number = bare.parse::<u64>().ok()?;
    match origin {
        Origin::Substituted | Origin::Unresolved if is_in_braces => Some(
            "write the map without braces, one key a line, and the placeholder without quotes: then its value becomes a number"
                .to_owned(),
        ),
        Origin::Substituted | Origin::Unresolved => {
            Some("remove the quotes around the placeholder, so that its value becomes a number".to_owned())
        }
        Origin::Written if !is_shown => None,
        Origin::Written => Some(format!("write `{number}`, without quotes, separators or leading zeros")),
    }
}

fn map_help(text: &str, part: &Json, is_shown: bool) -> String {
    let choices = describe::one_of_keys(part);
    if is_shown && let Some(key) = closest(text, choices.iter().map(String::as_str)) {
        let is_bare = matches!(key, "none" | "apiKey");
        return if is_bare { format!("write `{{ {key}: {{}} }}`") } else { format!("write `{{ {key}: … }}`") };
    }
    let keys: Vec<&str> = describe::keys(part).collect();
    if keys.is_empty() { "write `{}`".to_owned() } else { format!("write a map with {}", listed(keys)) }
}
