//! What a schema has lost on the way, and what must not stand without it.
//!
//! Most keywords forbid less when a part of them is left out. A few forbid more: under `not` a schema that takes everything lets nothing in,
//! branches of `oneOf` that nothing tells apart fit together, and `if` chooses by what it no longer asks. Those go, too.

use std::collections::{HashMap, HashSet};

use super::keywords::{LISTS, MAPS, SCHEMAS};
use super::tree::{Map, Yaml};

/// Stands in a schema that has lost something; no keyword is called so, and none is written out.
const MARK: &str = "\u{0}lost";
const PARTS: &str = "$defs";

pub(super) fn mark(map: &mut Map) {
    map.set(MARK, true);
}

/// A schema that takes everything, because what stood there could not be read.
pub(super) fn anything() -> Yaml {
    Yaml::Map(Map::default().with(MARK, true))
}

/// Marks the schema out of which something was cut. Without one of its patterns, which properties are additional is not known either.
pub(super) fn mark_at(schema: &mut Yaml, pointer: &str) {
    let tokens: Vec<String> =
        pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect();
    walk(schema, &tokens);
}

/// Whether a schema was there to be marked.
fn walk(schema: &mut Yaml, tokens: &[String]) -> bool {
    let Yaml::Map(map) = schema else { return false };
    let is_marked = match tokens {
        [key, rest @ ..] if SCHEMAS.contains(&&**key) => map.get_mut(key).is_some_and(|inner| walk(inner, rest)),
        [key, index, rest @ ..] if LISTS.contains(&&**key) => match (map.get_mut(key), index.parse::<usize>()) {
            (Some(Yaml::List(items)), Ok(index)) => items.get_mut(index).is_some_and(|inner| walk(inner, rest)),
            (_, _) => false,
        },
        [key, name, rest @ ..] if MAPS.contains(&&**key) || key == PARTS => match map.get_mut(key) {
            Some(Yaml::Map(inner)) => inner.get_mut(name).is_some_and(|inner| walk(inner, rest)),
            Some(_) | None => false,
        },
        _ => false,
    };
    if !is_marked {
        if tokens.first().is_some_and(|key| key == "patternProperties") {
            map.remove("additionalProperties");
            map.remove("unevaluatedProperties");
        }
        mark(map);
    }
    true
}

/// Takes away what would forbid more than the document does; what that was, in words.
pub(super) fn settle(schema: &mut Yaml) -> Vec<&'static str> {
    let mut told = Vec::new();
    if let Some(lost) = lost_parts(schema) {
        settle_one(schema, &lost, &mut told);
    }
    told
}

fn settle_one(schema: &mut Yaml, lost: &HashSet<String>, told: &mut Vec<&'static str>) {
    let Yaml::Map(map) = schema else { return };
    let is_lost = |map: &Map, key: &str| map.get(key).is_some_and(|inner| is_lost(inner, lost));
    if is_lost(map, "not") {
        map.remove("not");
        mark(map);
        told.push("`not` of a schema is not carried over: a part of it cannot be checked");
    }
    if is_lost(map, "if") {
        for key in ["if", "then", "else"] {
            map.remove(key);
        }
        mark(map);
        told.push("`if` of a schema is not carried over: a part of it cannot be checked");
    }
    if map.get("maxContains").is_some() && is_lost(map, "contains") {
        map.remove("maxContains");
        mark(map);
        told.push("`maxContains` of a schema is not carried over: a part of its `contains` cannot be checked");
    }
    let any_lost =
        |branches: &Yaml| matches!(branches, Yaml::List(items) if items.iter().any(|item| self::is_lost(item, lost)));
    if map.get("oneOf").is_some_and(any_lost)
        && let Some(branches) = map.remove("oneOf")
    {
        if map.get("anyOf").is_none() {
            map.set("anyOf", branches);
        }
        mark(map);
        told.push("of `oneOf` of a schema several may fit: what tells them apart cannot be checked");
    }
    each(map, &mut |inner| settle_one(inner, lost, told));
}

/// The schema as it is written out.
pub(super) fn unmarked(schema: &Yaml) -> Yaml {
    let mut bare = schema.clone();
    unmark(&mut bare);
    bare
}

fn unmark(schema: &mut Yaml) {
    if let Yaml::Map(map) = schema {
        map.remove(MARK);
        each(map, &mut unmark);
    }
}

/// The parts that have lost something, themselves or in what they refer to; none if nothing at all is lost.
fn lost_parts(schema: &Yaml) -> Option<HashSet<String>> {
    let nothing = HashSet::new();
    let Yaml::Map(root) = schema else { return None };
    let mut referring: HashMap<&str, Vec<&str>> = HashMap::new();
    let mut open: Vec<&str> = Vec::new();
    if let Some(Yaml::Map(parts)) = root.get(PARTS) {
        for (name, part) in parts.iter() {
            if is_lost(part, &nothing) {
                open.push(name);
            }
            let mut targets = Vec::new();
            references(part, &mut targets);
            for target in targets {
                referring.entry(target).or_default().push(name);
            }
        }
    }
    if open.is_empty() && !is_lost(schema, &nothing) {
        return None;
    }
    let mut lost = HashSet::new();
    while let Some(name) = open.pop() {
        if lost.insert(name.to_owned()) {
            open.extend(referring.get(name).into_iter().flatten());
        }
    }
    Some(lost)
}

fn is_lost(schema: &Yaml, lost: &HashSet<String>) -> bool {
    let Yaml::Map(map) = schema else { return false };
    map.get(MARK).is_some()
        || part_of(map).is_some_and(|part| lost.contains(part))
        || inner(map).any(|inner| is_lost(inner, lost))
}

fn references<'y>(schema: &'y Yaml, found: &mut Vec<&'y str>) {
    if let Yaml::Map(map) = schema {
        found.extend(part_of(map));
        inner(map).for_each(|inner| references(inner, found));
    }
}

fn part_of(map: &Map) -> Option<&str> {
    map.get("$ref").and_then(Yaml::as_text)?.strip_prefix("#/$defs/")
}

/// The schemas within a schema, its parts left out.
fn inner(map: &Map) -> impl Iterator<Item = &Yaml> {
    map.iter().flat_map(|(key, value)| {
        let one = SCHEMAS.contains(&key).then_some(value);
        let listed: &[Yaml] = if let (Yaml::List(items), true) = (value, LISTS.contains(&key)) { items } else { &[] };
        let named = if let (Yaml::Map(map), true) = (value, MAPS.contains(&key)) { Some(map) } else { None };
        one.into_iter().chain(listed).chain(named.into_iter().flat_map(|map| map.iter().map(|(_, value)| value)))
    })
}

/// The same to be changed, its parts among them.
fn each(map: &mut Map, act: &mut impl FnMut(&mut Yaml)) {
    for key in SCHEMAS {
        map.get_mut(key).into_iter().for_each(&mut *act);
    }
    for key in LISTS {
        if let Some(Yaml::List(items)) = map.get_mut(key) {
            items.iter_mut().for_each(&mut *act);
        }
    }
    for key in MAPS.iter().chain(&[PARTS]) {
        if let Some(Yaml::Map(named)) = map.get_mut(key) {
            named.values_mut().for_each(&mut *act);
        }
    }
}
