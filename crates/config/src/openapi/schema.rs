//! A Schema Object of OpenAPI 3.0 or 3.1 as JSON Schema 2020-12 that needs nothing around it: what it refers to comes along in `$defs`,
//! what only describes is left out. What no schema of ours can be is cut out and told.

use std::collections::{HashMap, VecDeque};

use engine::schema::{Formats, Schema};

use super::Dialect;
use super::document::{Documents, Spot};
use super::keywords::{LISTS, MAPS, SCHEMAS};
use super::loss;
use super::names::Taken;
use super::read_only::ReadOnly;
use super::report::{Known, Report};
use super::tree::{Map, Yaml};
use crate::tree::Value;

/// How many keywords are cut out of one schema before it is given up.
const CUTS_MAX: usize = 64;

/// Keywords whose value is data; and what only describes.
const DATA: &[&str] = &[
    "type",
    "format",
    "enum",
    "const",
    "multipleOf",
    "maximum",
    "minimum",
    "exclusiveMaximum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "maxItems",
    "minItems",
    "uniqueItems",
    "maxContains",
    "minContains",
    "maxProperties",
    "minProperties",
    "dependentRequired",
];
const DESCRIBING: &[&str] = &[
    "title",
    "description",
    "default",
    "example",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "xml",
    "externalDocs",
    "$comment",
    "$schema",
    "$defs",
    "definitions",
    "contentEncoding",
    "contentMediaType",
    "contentSchema",
    "nullable",
    "required",
    "discriminator",
];

/// Formats that can be checked.
const FORMATS: &[&str] = &[
    "date",
    "date-time",
    "time",
    "duration",
    "email",
    "hostname",
    "ipv4",
    "ipv6",
    "uri",
    "uri-reference",
    "iri",
    "iri-reference",
    "uri-template",
    "uuid",
    "json-pointer",
    "relative-json-pointer",
    "regex",
];

/// Writes one schema with all that it refers to.
pub(super) struct Writer<'d, 'r> {
    documents: &'d Documents,
    dialect: Dialect,
    report: &'r mut Report<'d>,
    /// The name in `$defs`, how often it is referred to, and what it is once it is written.
    parts: Vec<Part<'d>>,
    /// Which of them a file and a pointer are.
    known: HashMap<(usize, String), usize>,
    names: Taken,
    read_only: ReadOnly<'d>,
    open: VecDeque<usize>,
}

struct Part<'d> {
    spot: Spot<'d>,
    name: String,
    uses: usize,
    written: Option<Yaml>,
}

/// None if nothing of it can be kept; what was lost is told. A schema that is used often is made once.
pub(super) fn write<'d>(
    spot: &Spot<'d>,
    documents: &'d Documents,
    dialect: Dialect,
    report: &mut Report<'d>,
) -> Option<Yaml> {
    let is_reference = spot.text("$ref").is_some() && spot.entries().len() == 1;
    let target = if is_reference { documents.follow(spot).ok() } else { None };
    let key = target.map_or((spot.file, spot.pointer.clone()), |target| (target.file, target.pointer));
    if let Known::Yes(known) = report.known(&key) {
        return known;
    }
    let begun = report.begin();
    let made = made(spot, documents, dialect, report);
    report.keep(key, begun, made.as_ref());
    made
}

fn made<'d>(spot: &Spot<'d>, documents: &'d Documents, dialect: Dialect, report: &mut Report<'d>) -> Option<Yaml> {
    let mut writer = Writer {
        documents,
        dialect,
        report,
        parts: Vec::new(),
        known: HashMap::new(),
        names: Taken::default(),
        read_only: ReadOnly::of(spot, documents),
        open: VecDeque::new(),
    };
    let root = writer.schema(spot);
    while let Some(index) = writer.open.pop_front() {
        let Some(part) = writer.parts.get(index).map(|part| part.spot.clone()) else { continue };
        let written = writer.schema(&part);
        if let Some(part) = writer.parts.get_mut(index) {
            part.written = Some(written);
        }
    }
    let whole = writer.assembled(root);
    if report.is_too_large() { None } else { sound(whole, spot, report) }
}

impl<'d> Writer<'d, '_> {
    fn schema(&mut self, spot: &Spot<'d>) -> Yaml {
        if !self.report.may_write() {
            return Yaml::Bool(true);
        }
        let entries = match &spot.node.value {
            Value::Bool(value) => return Yaml::Bool(*value),
            Value::Map(_) => spot.entries(),
            Value::Null | Value::Integer(_) | Value::Large(_) | Value::Float(_) | Value::Text(_) | Value::List(_) => {
                self.report.note(spot, "this is no schema: anything is taken in its place");
                return loss::anything();
            }
        };
        let mut map = Map::default();
        if let Some(reference) = spot.text("$ref") {
            match self.part(spot.file, reference) {
                Ok(name) => map.set("$ref", format!("#/$defs/{name}")),
                Err(why) => {
                    self.report.note(spot, why);
                    loss::mark(&mut map);
                }
            }
            // 3.0: what stands beside a reference is ignored.
            if self.dialect == Dialect::V30 {
                return Yaml::Map(map);
            }
        }
        for (key, inner) in entries {
            if key == "required" {
                self.required(&inner, spot, &mut map);
            } else {
                self.keyword(key, &inner, spot, &mut map);
            }
        }
        if self.dialect == Dialect::V30 {
            bounds(&mut map);
            return nullable(spot, map);
        }
        Yaml::Map(map)
    }

    fn keyword(&mut self, key: &str, inner: &Spot<'d>, spot: &Spot<'d>, map: &mut Map) {
        if SCHEMAS.contains(&key) {
            let written = self.schema(inner);
            map.set(key, written);
        } else if LISTS.contains(&key) {
            let written: Vec<Yaml> = inner.items().iter().map(|item| self.schema(item)).collect();
            // An empty one is no schema.
            if !written.is_empty() {
                map.set(key, written);
            }
        } else if MAPS.contains(&key) {
            let mut written = Map::default();
            for (name, inner) in inner.entries() {
                let schema = self.schema(&inner);
                written.set(name, schema);
            }
            map.set(key, written);
        } else if DATA.contains(&key) {
            // One that nobody can check is a remark, unless another schema is told from this one by it.
            if key != "format" || inner.node.as_text().is_some_and(|format| FORMATS.contains(&format)) {
                map.set(key, inner.node);
            } else {
                loss::mark(map);
            }
        } else if key == "discriminator" && spot.get("oneOf").or_else(|| spot.get("anyOf")).is_none() {
            self.report.note(
                inner,
                "`discriminator` without `oneOf` or `anyOf`: the sub-schemas that it names are not looked up",
            );
        } else if !DESCRIBING.contains(&key) && key != "$ref" && !key.starts_with("x-") {
            self.report.note(inner, format!("the keyword `{key}` of a schema is not carried over"));
            loss::mark(map);
        }
    }

    /// What the service makes itself a client does not send: `required` with `readOnly` is about responses.
    fn required(&mut self, required: &Spot<'d>, spot: &Spot<'d>, map: &mut Map) {
        let names = required.items();
        if names.iter().any(|name| name.node.as_text().is_none()) || !matches!(required.node.value, Value::List(_)) {
            self.report.note(required, "`required` of a schema is no list of names: it is not carried over");
            loss::mark(map);
            return;
        }
        let (read_only, names): (Vec<&str>, Vec<&str>) =
            names.iter().filter_map(|name| name.node.as_text()).partition(|name| self.read_only.has(spot, name));
        if !read_only.is_empty() {
            loss::mark(map);
        }
        if !names.is_empty() {
            map.set("required", names);
        }
    }

    /// The name of what a reference leads to; written later, once.
    fn part(&mut self, file: usize, reference: &str) -> Result<String, String> {
        let spot = self.documents.target(file, reference)?;
        let key = (spot.file, spot.pointer.clone());
        if let Some(part) = self.known.get(&key).and_then(|index| self.parts.get_mut(*index)) {
            part.uses = part.uses.saturating_add(1);
            return Ok(part.name.clone());
        }
        let last = spot.pointer.rsplit('/').next().filter(|last| !last.is_empty()).unwrap_or("schema");
        let name = self.names.unlike(&super::names::word(last));
        self.known.insert(key, self.parts.len());
        self.open.push_back(self.parts.len());
        self.parts.push(Part { spot, name: name.clone(), uses: 1, written: None });
        Ok(name)
    }

    /// A schema that is a reference and no more becomes what it refers to, unless that refers to itself.
    fn assembled(&mut self, root: Yaml) -> Yaml {
        let mut root = root;
        let only = match &root {
            Yaml::Map(map) if map.len() == 1 => map.get("$ref").and_then(Yaml::as_text).map(str::to_owned),
            Yaml::Map(_) | Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_) => None,
        };
        if let Some(part) = self.parts.first_mut().filter(|part| only.is_some() && part.uses == 1) {
            root = part.written.take().unwrap_or(root);
        }
        let mut definitions = Map::default();
        for part in &mut self.parts {
            if let Some(written) = part.written.take() {
                definitions.set(part.name.as_str(), written);
            }
        }
        if definitions.is_empty() {
            return root;
        }
        match root {
            Yaml::Map(map) => Yaml::Map(map.with("$defs", definitions)),
            other @ (Yaml::Null | Yaml::Bool(_) | Yaml::Number(_) | Yaml::Text(_) | Yaml::List(_)) => other,
        }
    }
}

/// 3.0 took over draft 4's `exclusiveMinimum: true`.
fn bounds(map: &mut Map) {
    for (exclusive, bound) in [("exclusiveMinimum", "minimum"), ("exclusiveMaximum", "maximum")] {
        let is_exclusive = match map.get(exclusive) {
            Some(Yaml::Bool(is_exclusive)) => *is_exclusive,
            Some(_) | None => continue,
        };
        map.remove(exclusive);
        if is_exclusive && let Some(value) = map.remove(bound) {
            map.set(exclusive, value);
        }
    }
}

/// 3.0's `nullable`: one more type, or one more way.
fn nullable(spot: &Spot<'_>, mut map: Map) -> Yaml {
    if !spot.is_true("nullable") {
        return Yaml::Map(map);
    }
    if let Some(Yaml::List(values)) = map.get_mut("enum")
        && !values.contains(&Yaml::Null)
    {
        values.push(Yaml::Null);
    }
    match map.get_mut("type") {
        Some(kind @ Yaml::Text(_)) => *kind = Yaml::List(vec![kind.clone(), "null".into()]),
        Some(_) => {}
        None => {
            let null = Map::default().with("type", "null");
            return Yaml::Map(Map::default().with("anyOf", vec![map, null]));
        }
    }
    Yaml::Map(map)
}

/// What the validator does not take is cut out, keyword by keyword.
fn sound(mut schema: Yaml, spot: &Spot<'_>, report: &mut Report<'_>) -> Option<Yaml> {
    for _ in 0..CUTS_MAX {
        for told in loss::settle(&mut schema) {
            report.note(spot, told);
        }
        let bare = loss::unmarked(&schema);
        let Err(fault) = Schema::compile(&bare.to_json(), Formats::Ignored) else { return Some(bare) };
        if fault.pointer.is_empty() || !schema.cut(&fault.pointer) {
            report.note(spot, format!("the schema is not carried over: {}", fault.message));
            return None;
        }
        loss::mark_at(&mut schema, &fault.pointer);
        report.note(spot, format!("`{}` of the schema is not carried over: {}", fault.pointer, fault.message));
    }
    report.note(spot, "the schema is not carried over: too much of it is wrong");
    None
}
