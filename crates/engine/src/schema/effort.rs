//! How much work it is to look for every violation of a value, found out before the work is done.
//!
//! The verdict remembers what it knows of a value below a reference; the list does not. It goes anew into every branch and every
//! reference, so a schema that refers to itself from two places has a list that doubles with each level of the value. Here the same way
//! is walked without asking anything, and given up at a bound.
//!
//! Counts too much rather than too little. Does not know what a keyword means, only where it leads.

use crate::percent::{self, Plus};
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap};

/// The schema as a graph: what leads where.
#[derive(Debug)]
pub(super) struct Effort {
    nodes: Vec<Node>,
    /// A reference leads somewhere that was not found here: nothing can be said.
    is_opaque: bool,
    /// Somewhere it leads back to itself.
    is_recursive: bool,
}

/// One schema within the schema. The numbers are places in [`Effort::nodes`].
#[derive(Debug, Default)]
struct Node {
    /// Keywords and what stands in them, other schemas apart.
    weight: usize,
    /// Hold for the same value.
    same: Vec<usize>,
    /// Hold for the member of this name.
    named: BTreeMap<Box<str>, Vec<usize>>,
    /// Hold for every item and every member.
    each: Vec<usize>,
    /// Hold for members that `properties` does not name.
    other: Vec<usize>,
}

impl Effort {
    pub(super) fn of(schema: &Value) -> Self {
        let mut names =
            Names { root: schema, anchors: HashMap::new(), resources: HashMap::new(), recursive: Vec::new() };
        names.collect(schema, schema);
        let mut survey = Survey { names, ids: HashMap::new(), waiting: Vec::new(), is_opaque: false };
        survey.id(Place { schema, resource: schema });
        let mut nodes = Vec::new();
        // A schema gets its number when it is first met, and its place in the list when its turn comes: first come, first served.
        while let Some(place) = survey.waiting.get(nodes.len()).copied() {
            nodes.push(survey.node(place));
        }
        Self { is_recursive: is_recursive(&nodes), nodes, is_opaque: survey.is_opaque }
    }

    /// What every way through the schema costs hangs on the schema alone, however deep the value.
    pub(super) fn is_flat(&self) -> bool {
        !self.is_opaque && !self.is_recursive
    }

    /// Whether the whole way comes to no more than `steps_max`. Takes no longer than so many steps to say.
    pub(super) fn is_within(&self, value: &Value, steps_max: usize) -> bool {
        if self.is_opaque {
            return false;
        }
        let mut left = steps_max;
        let mut waiting = vec![(0, value)];
        while let Some((node, value)) = waiting.pop() {
            let Some(node) = self.nodes.get(node) else { continue };
            let more = node.same.len().saturating_add(match value {
                Value::Object(members) => members.keys().map(|name| node.of_member(name).count()).sum(),
                Value::Array(items) => items.len().saturating_mul(node.each.len()),
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 0,
            });
            let Some(rest) = left.checked_sub(node.weight.saturating_add(more)) else { return false };
            left = rest;
            waiting.extend(node.same.iter().map(|next| (*next, value)));
            match value {
                Value::Object(members) => {
                    for (name, member) in members {
                        waiting.extend(node.of_member(name).map(|next| (next, member)));
                    }
                }
                Value::Array(items) => {
                    for item in items {
                        waiting.extend(node.each.iter().map(|next| (*next, item)));
                    }
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
            }
        }
        true
    }
}

/// Takes away what nothing leads to, again and again: what stays leads in a circle.
fn is_recursive(nodes: &[Node]) -> bool {
    let mut led_to = vec![0_usize; nodes.len()];
    for next in nodes.iter().flat_map(Node::all) {
        if let Some(count) = led_to.get_mut(next) {
            *count = count.saturating_add(1);
        }
    }
    let mut free: Vec<usize> = (0..nodes.len()).filter(|node| led_to.get(*node) == Some(&0)).collect();
    let mut gone = 0_usize;
    while let Some(node) = free.pop() {
        gone = gone.saturating_add(1);
        for next in nodes.get(node).into_iter().flat_map(Node::all) {
            let Some(count) = led_to.get_mut(next) else { continue };
            *count = count.saturating_sub(1);
            if *count == 0 {
                free.push(next);
            }
        }
    }
    gone < nodes.len()
}

impl Node {
    fn all(&self) -> impl Iterator<Item = usize> {
        let named = self.named.values().flatten();
        self.same.iter().chain(named).chain(&self.each).chain(&self.other).copied()
    }

    fn of_member(&self, name: &str) -> impl Iterator<Item = usize> {
        let named = self.named.get(name);
        let other: &[usize] = if named.is_some() { &[] } else { &self.other };
        named.map(Vec::as_slice).unwrap_or_default().iter().chain(other).chain(&self.each).copied()
    }
}

/// A schema, and the one with the nearest `$id` around it, which its pointers count from.
#[derive(Clone, Copy)]
struct Place<'s> {
    schema: &'s Value,
    resource: &'s Value,
}

impl<'s> Place<'s> {
    /// One step down.
    fn at(self, schema: &'s Value) -> Self {
        let resource = if id_of(schema).is_some() { schema } else { self.resource };
        Self { schema, resource }
    }
}

/// Where a name of a reference leads; several places, where it depends on the way there.
struct Names<'s> {
    root: &'s Value,
    anchors: HashMap<&'s str, Vec<Place<'s>>>,
    resources: HashMap<&'s str, Place<'s>>,
    /// `$recursiveAnchor: true`
    recursive: Vec<Place<'s>>,
}

impl<'s> Names<'s> {
    /// In all of the text, in values that are no schemas as well: one place too many only costs a longer way.
    fn collect(&mut self, schema: &'s Value, resource: &'s Value) {
        let place = Place { schema, resource }.at(schema);
        match schema {
            Value::Object(members) => {
                for name in ["$anchor", "$dynamicAnchor"] {
                    if let Some(Value::String(anchor)) = members.get(name) {
                        self.anchors.entry(anchor).or_default().push(place);
                    }
                }
                for name in ["$id", "id"] {
                    match members.get(name).and_then(Value::as_str) {
                        None => {}
                        Some(id) => match id.strip_prefix('#') {
                            Some(anchor) => self.anchors.entry(anchor).or_default().push(place),
                            None => {
                                self.resources.insert(id.trim_end_matches('#'), place);
                            }
                        },
                    }
                }
                if members.get("$recursiveAnchor") == Some(&Value::Bool(true)) {
                    self.recursive.push(place);
                }
                members.values().for_each(|inner| self.collect(inner, place.resource));
            }
            Value::Array(items) => items.iter().for_each(|inner| self.collect(inner, place.resource)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
    }

    /// None: not here.
    fn find(&self, from: Place<'s>, reference: &str) -> Option<Vec<Place<'s>>> {
        let (resource, fragment) = reference.split_once('#').unwrap_or((reference, ""));
        if !fragment.is_empty() && !fragment.starts_with('/') {
            return self.anchors.get(fragment).cloned();
        }
        let fragment = percent::strict(fragment, Plus::Itself)?;
        let bases = match resource {
            // Drafts differ in what begins a resource of its own.
            "" => [Some(from.resource), Some(self.root)],
            resource => [Some(self.resource(resource)?.schema), None],
        };
        let found: Vec<Place<'s>> = bases.into_iter().flatten().filter_map(|base| within(base, &fragment)).collect();
        (!found.is_empty()).then_some(found)
    }

    /// By its whole `$id`, or by the end of it where there is only one of that end: relative ones are resolved by whoever judges.
    fn resource(&self, text: &str) -> Option<Place<'s>> {
        if let Some(place) = self.resources.get(text) {
            return Some(*place);
        }
        let last = |id: &str| id.rsplit('/').next().unwrap_or_default().to_owned();
        let mut fitting = self.resources.iter().filter(|(id, _)| last(id) == last(text));
        let found = fitting.next().map(|(_, place)| *place);
        if fitting.next().is_none() { found } else { None }
    }
}

/// Where a JSON pointer leads.
fn within<'s>(resource: &'s Value, pointer: &str) -> Option<Place<'s>> {
    pointer.split('/').skip(1).try_fold(Place { schema: resource, resource }, |place, step| {
        let step = step.replace("~1", "/").replace("~0", "~");
        match place.schema {
            Value::Object(members) => members.get(&step),
            Value::Array(items) => step.parse::<usize>().ok().and_then(|index| items.get(index)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => None,
        }
        .map(|inner| place.at(inner))
    })
}

/// The name of a schema of its own; `#name` is an anchor only.
fn id_of(schema: &Value) -> Option<&str> {
    let id = schema.get("$id").or_else(|| schema.get("id"))?.as_str()?;
    (!id.starts_with('#')).then_some(id)
}

struct Survey<'s> {
    names: Names<'s>,
    ids: HashMap<*const Value, usize>,
    /// Every schema that was met, by its number.
    waiting: Vec<Place<'s>>,
    is_opaque: bool,
}

impl<'s> Survey<'s> {
    fn id(&mut self, place: Place<'s>) -> usize {
        let next = self.waiting.len();
        let id = *self.ids.entry(std::ptr::from_ref(place.schema)).or_insert(next);
        if id == next {
            self.waiting.push(place);
        }
        id
    }

    fn node(&mut self, place: Place<'s>) -> Node {
        let mut node = Node { weight: 1, ..Node::default() };
        let Value::Object(members) = place.schema else { return node };
        for (keyword, inner) in members {
            node.weight = node.weight.saturating_add(1);
            self.keyword(&mut node, place, keyword, inner);
        }
        node
    }

    fn keyword(&mut self, node: &mut Node, place: Place<'s>, keyword: &str, inner: &'s Value) {
        match keyword {
            "allOf" | "anyOf" | "oneOf" | "not" | "if" | "then" | "else" => {
                let found = self.schemas(place, inner);
                node.same.extend(found);
            }
            "dependentSchemas" | "dependencies" => {
                let found = self.members(place, inner);
                node.same.extend(found.into_iter().map(|(_, id)| id));
                node.weight = node.weight.saturating_add(weight(inner));
            }
            "$ref" | "$dynamicRef" | "$recursiveRef" => {
                let found = self.referred(place, keyword, inner);
                node.same.extend(found);
            }
            "properties" => {
                for (name, id) in self.members(place, inner) {
                    node.named.entry(name.into()).or_default().push(id);
                }
            }
            "additionalProperties" => {
                let found = self.schemas(place, inner);
                node.other.extend(found);
            }
            "patternProperties" => {
                let found = self.members(place, inner);
                node.each.extend(found.into_iter().map(|(_, id)| id));
            }
            "items"
            | "prefixItems"
            | "additionalItems"
            | "contains"
            | "propertyNames"
            | "unevaluatedItems"
            | "unevaluatedProperties" => {
                let found = self.schemas(place, inner);
                node.each.extend(found);
            }
            "$defs" | "definitions" | "$comment" | "title" | "description" | "examples" | "default" => {}
            _ => node.weight = node.weight.saturating_add(weight(inner)),
        }
    }

    /// One, or each of a list.
    fn schemas(&mut self, place: Place<'s>, inner: &'s Value) -> Vec<usize> {
        match inner {
            Value::Array(items) => items.iter().map(|item| self.id(place.at(item))).collect(),
            Value::Object(_) | Value::Bool(_) => vec![self.id(place.at(inner))],
            Value::Null | Value::Number(_) | Value::String(_) => Vec::new(),
        }
    }

    fn members(&mut self, place: Place<'s>, inner: &'s Value) -> Vec<(&'s str, usize)> {
        let members = inner.as_object().into_iter().flat_map(Map::iter);
        let schemas = members.filter(|(_, schema)| schema.is_object() || schema.is_boolean());
        schemas.map(|(name, schema)| (name.as_str(), self.id(place.at(schema)))).collect()
    }

    fn referred(&mut self, place: Place<'s>, keyword: &str, inner: &Value) -> Vec<usize> {
        let Some(found) = inner.as_str().and_then(|text| self.names.find(place, text)) else {
            self.is_opaque = true;
            return Vec::new();
        };
        let outer = if keyword == "$recursiveRef" { self.names.recursive.clone() } else { Vec::new() };
        let mut ids: Vec<usize> = found.into_iter().chain(outer).map(|place| self.id(place)).collect();
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// How many values stand in a keyword's value: each may be a violation, or something to compare with.
fn weight(value: &Value) -> usize {
    match value {
        Value::Array(items) => items.iter().map(weight).fold(1, usize::saturating_add),
        Value::Object(members) => members.values().map(weight).fold(1, usize::saturating_add),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => 1,
    }
}
