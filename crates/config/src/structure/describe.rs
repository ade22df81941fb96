//! The schema as a thing one can ask: which keys belong where, what a value is expected to be, how an item is called.

use std::collections::{BTreeMap, HashSet};

use serde_json::Value as Json;

use crate::diagnostic::{listed, quoted};
use crate::spans::{Spans, spoken};
use crate::text;
use crate::tree::Node;

/// The schema, and where each of its keys may stand.
pub(super) struct Model {
    schema: Json,
    /// Key to sections, as an operator says them; empty for the top level.
    homes: BTreeMap<String, Vec<String>>,
}

/// A part of the schema and the name of the type that it belongs to; empty for the root.
pub(super) type Part<'m> = (&'m Json, &'m str);

impl Model {
    pub(super) fn of(schema: Json) -> Self {
        let mut model = Self { schema, homes: BTreeMap::new() };
        let mut homes = BTreeMap::new();
        model.gather(&model.schema, "", &mut HashSet::new(), &mut homes);
        model.homes = homes;
        model
    }

    /// The part whose keyword an evaluation path ends in.
    pub(super) fn around(&self, path: &str) -> Option<Part<'_>> {
        let (parent, _) = path.rsplit_once('/')?;
        let mut part: Part<'_> = (&self.schema, "");
        for token in parent.split('/').skip(1) {
            part = if token == "$ref" {
                self.follow(part.0)?
            } else {
                let token = token.replace("~1", "/").replace("~0", "~");
                let next = match part.0.as_array() {
                    Some(items) => items.get(token.parse::<usize>().ok()?),
                    None => part.0.get(&token),
                };
                (next?, part.1)
            };
        }
        Some(part)
    }

    fn follow<'m>(&'m self, reference: &'m Json) -> Option<Part<'m>> {
        let target = reference.get("$ref")?.as_str()?.strip_prefix('#')?;
        Some((self.schema.pointer(target)?, target.rsplit('/').next().unwrap_or_default()))
    }

    /// The part that says what a value is: references and single wrappers followed.
    pub(super) fn resolved<'m>(&'m self, part: &'m Json) -> &'m Json {
        let inner = part.get("allOf").and_then(|all| all.get(0)).unwrap_or(part);
        self.follow(inner).map_or(inner, |(target, _)| target)
    }

    /// The sections in which a key may stand.
    pub(super) fn homes(&self, key: &str) -> &[String] {
        self.homes.get(key).map_or(&[], Vec::as_slice)
    }

    fn gather(&self, part: &Json, at: &str, seen: &mut HashSet<String>, homes: &mut BTreeMap<String, Vec<String>>) {
        if let Some((target, name)) = self.follow(part) {
            if seen.insert(name.to_owned()) {
                self.gather(target, at, seen, homes);
            }
            return;
        }
        let inner = |key: &str| if at.is_empty() { key.to_owned() } else { format!("{at}.{key}") };
        let properties = part.get("properties").and_then(Json::as_object).into_iter().flatten();
        // What stands in both is better called by its place in a route.
        let (last, first): (Vec<_>, Vec<_>) = properties.partition(|(key, _)| *key == "defaults");
        for (key, property) in first.into_iter().chain(last) {
            homes.entry(key.clone()).or_default().push(at.to_owned());
            self.gather(property, &inner(key), seen, homes);
        }
        if let Some(item) = part.get("items") {
            self.gather(item, &format!("{at}[]"), seen, homes);
        }
        if let Some(value) = part.get("additionalProperties").filter(|value| value.is_object()) {
            self.gather(value, &inner("NAME"), seen, homes);
        }
        for branch in ["allOf", "anyOf"].iter().filter_map(|key| part.get(*key)?.as_array()).flatten() {
            self.gather(branch, at, seen, homes);
        }
    }

    /// What a value of this part is, in words: "a list", "a duration such as `5s`".
    pub(super) fn expected(&self, part: &Json) -> String {
        let part = self.resolved(part);
        if let Some(branches) = part.get("anyOf").and_then(Json::as_array) {
            let words: Vec<String> = branches.iter().map(|branch| self.expected(branch)).collect();
            return words.join(" or ");
        }
        if let Some(values) = part.get("enum").and_then(Json::as_array) {
            return listed(values.iter().map(plain_text));
        }
        let format = part.get("format").and_then(Json::as_str).and_then(text::named);
        if let Some(format) = format {
            return format.what.to_owned();
        }
        match part.get("type") {
            Some(Json::String(kind)) => type_in_words(kind).to_owned(),
            Some(Json::Array(kinds)) => {
                let words: Vec<&str> = kinds.iter().filter_map(Json::as_str).map(type_in_words).collect();
                words.join(" or ")
            }
            _ => "another value".to_owned(),
        }
    }
}

fn type_in_words(kind: &str) -> &'static str {
    match kind {
        "string" => "text",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        "object" => "a map",
        _ => "a value",
    }
}

/// A JSON scalar as it would be written.
pub(super) fn plain_text(value: &Json) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// The keys of a part, in order.
pub(super) fn keys(part: &Json) -> impl Iterator<Item = &str> {
    part.get("properties").and_then(Json::as_object).into_iter().flatten().map(|(key, _)| key.as_str())
}

/// The keys of which exactly one is to be given.
pub(super) fn one_of_keys(part: &Json) -> Vec<String> {
    let branches = part.get("oneOf").and_then(Json::as_array);
    branches.into_iter().flatten().flat_map(required_keys).collect()
}

pub(super) fn required_keys(part: &Json) -> Vec<String> {
    let required = part.get("required").and_then(Json::as_array);
    required.into_iter().flatten().map(plain_text).collect()
}

/// An item as the subject of a sentence: `` `routes[1].body` ``, with its own name if it has one.
pub(super) fn subject(spans: &Spans, pointer: &str) -> String {
    if pointer.is_empty() {
        return "the config".to_owned();
    }
    let own_name = |node: &Node| {
        let entry = node.get("name").or_else(|| node.get("id"));
        entry.and_then(|entry| entry.node.as_text()).map(|name| format!(" ({})", quoted(name)))
    };
    let name = own_name(spans.near(pointer).node).unwrap_or_default();
    format!("{}{name}", quoted(&spoken(pointer)))
}
