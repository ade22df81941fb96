//! The query: which pairs belong to a parameter, and how a list or a map is put together from them.

use super::decode;
use super::{ClosedQuery, Findings, QueryParameter, QueryStyle, Separator, Subject, read};
use crate::violation::Place;
use serde_json::{Map, Value};

/// The longest name that is repeated to a client who sent a parameter that nobody knows, in bytes.
const NAME_SHOWN_MAX: usize = 64;

impl QueryParameter {
    pub(super) fn check(&self, query: &str, found: &mut Findings) {
        let subject = Subject { place: Place::Query, name: &self.name };
        if self.style == QueryStyle::DeepObject {
            return self.check_deep(subject, query, found);
        }
        let mut values = pairs(query).filter(|(name, _)| decode::is_name(name, &self.name)).map(|(_, value)| value);
        let Some(first) = values.next() else {
            if self.required {
                found.missing(subject);
            }
            return;
        };
        let is_list = self.rule.shape.items().is_some();
        match self.style {
            QueryStyle::Repeated if is_list => {
                let all = [first].into_iter().chain(values);
                self.rule.check_list(subject, all, decode::query, found);
            }
            QueryStyle::Repeated | QueryStyle::Separated(_) | QueryStyle::DeepObject if values.next().is_some() => {
                found.repeated(subject);
            }
            QueryStyle::Separated(Separator::Comma) if is_list => {
                self.rule.check_list(subject, first.split(','), decode::query, found);
            }
            QueryStyle::Separated(Separator::Space) if is_list => {
                self.rule.check_list(subject, split(first, &["+", "%20"]), decode::query, found);
            }
            QueryStyle::Separated(Separator::Pipe) if is_list => {
                self.rule.check_list(subject, split(first, &["|", "%7C", "%7c"]), decode::query, found);
            }
            QueryStyle::Repeated | QueryStyle::Separated(_) | QueryStyle::DeepObject => {
                self.rule.check_one(subject, first, decode::query, found);
            }
        }
    }

    /// `name[property]=value`, one level deep. A property whose schema is a list may be repeated.
    fn check_deep(&self, subject: Subject<'_>, query: &str, found: &mut Findings) {
        let mut map: Map<String, Value> = Map::new();
        let mut is_there = false;
        for (name, raw) in pairs(query) {
            let Some(name) = decode::query(name) else { continue };
            let Some(inside) = name.strip_prefix(&*self.name) else { continue };
            if !inside.is_empty() && !inside.starts_with('[') {
                continue;
            }
            is_there = true;
            let property = inside.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
            let Some(property) = property.filter(|property| !property.contains(['[', ']'])) else {
                return found.mismatch(subject, "", "is not written as `name[property]=value`");
            };
            let shape = self.rule.shape.property(property);
            let pointer = || format!("/{}", property.replace('~', "~0").replace('/', "~1"));
            let value = match read(shape.items().unwrap_or(shape), raw, decode::query) {
                Ok(value) => value,
                Err(message) => return found.mismatch(subject, &pointer(), &message),
            };
            match (map.get_mut(property), shape.items()) {
                (Some(Value::Array(list)), Some(_)) => list.push(value),
                (Some(_), _) => return found.mismatch(subject, &pointer(), "stands more than once"),
                (None, Some(_)) => drop(map.insert(property.to_owned(), Value::Array(vec![value]))),
                (None, None) => drop(map.insert(property.to_owned(), value)),
            }
        }
        if is_there {
            let values = map.len().saturating_add(pairs(query).count()).saturating_add(1);
            found.judge(subject, &self.rule.schema, &Value::Object(map), values);
        } else if self.required {
            found.missing(subject);
        }
    }

    /// Whether a decoded name belongs to this parameter.
    fn owns(&self, name: &str) -> bool {
        match self.style {
            QueryStyle::Repeated | QueryStyle::Separated(_) => name == &*self.name,
            QueryStyle::DeepObject => {
                name.strip_prefix(&*self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('['))
            }
        }
    }
}

impl ClosedQuery {
    pub(super) fn check(&self, query: &str, declared: &[QueryParameter], found: &mut Findings) {
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, has_value) = pair.split_once('=').map_or((pair, false), |(name, _)| (name, true));
            let name = decode::query(name);
            let is_known = name.as_ref().is_some_and(|name| {
                declared.iter().any(|parameter| parameter.owns(name)) || self.also.iter().any(|also| **also == **name)
            });
            if !is_known {
                // What has no value may be one itself, and what is long is no name.
                let shown = name.filter(|name| has_value && name.len() <= NAME_SHOWN_MAX).unwrap_or_default();
                found.unknown(Subject { place: Place::Query, name: &shown });
            }
        }
    }
}

/// Names and values as they are spelled. A name without `=` has the empty value, as in forms.
fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
}

/// The pieces between any of the marks, left to right.
fn split<'r>(text: &'r str, marks: &'static [&'static str]) -> impl Iterator<Item = &'r str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let next = marks.iter().filter_map(|mark| text.split_once(mark)).min_by_key(|(before, _)| before.len());
        let (piece, after) = next.map_or((text, None), |(before, after)| (before, Some(after)));
        rest = after;
        Some(piece)
    })
}
