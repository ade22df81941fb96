//! Parameters of an operation, those of its path included.

use engine::policy::parameters::Shape;

use super::Dialect;
use super::document::{Documents, Spot};
use super::report::Report;
use super::schema;
use super::template::Template;
use super::tree::{Map, Yaml};

/// Headers that parameters are not about (OpenAPI, 4.8.12).
const OTHERWISE_SAID: [&str; 3] = ["accept", "content-type", "authorization"];

/// What is around a parameter.
pub(super) struct Around<'d, 't> {
    pub(super) documents: &'d Documents,
    pub(super) dialect: Dialect,
    pub(super) template: &'t Template,
}

/// `parameters:` of a route; none if there is nothing to say.
pub(super) fn of_operation<'d>(
    path_item: &Spot<'d>,
    operation: &Spot<'d>,
    around: &Around<'d, '_>,
    report: &mut Report<'d>,
) -> Option<Map> {
    // One of the operation takes the place of the path's.
    let mut merged: Vec<((&str, &str), Spot<'d>)> = Vec::new();
    for owner in [path_item, operation] {
        for spot in owner.get("parameters").map(|list| list.items()).unwrap_or_default() {
            let spot = match around.documents.follow(&spot) {
                Ok(spot) => spot,
                Err(why) => {
                    report.note(&spot, format!("a parameter is not carried over: {why}"));
                    continue;
                }
            };
            let (Some(name), Some(place)) = (spot.text("name"), spot.text("in")) else {
                report.note(&spot, "a parameter without `name` or `in` is not carried over");
                continue;
            };
            match merged.iter_mut().find(|(known, _)| *known == (name, place)) {
                Some((_, known)) => *known = spot,
                None => merged.push(((name, place), spot)),
            }
        }
    }
    let (mut path, mut query, mut header) = (Map::default(), Map::default(), Map::default());
    for ((name, place), spot) in &merged {
        let one = One { name, spot, around };
        match *place {
            "path" => one.path(&mut path, report),
            "query" => one.query(&mut query, report),
            "header" => one.header(&mut header, report),
            "cookie" => report.note(spot, format!("the cookie parameter `{name}` is not carried over")),
            other => report.note(spot, format!("the parameter `{name}` in `{other}` is not carried over")),
        }
    }
    let mut all = Map::default();
    for (key, map) in [("path", path), ("query", query), ("header", header)] {
        if !map.is_empty() {
            all.set(key, map);
        }
    }
    Some(all).filter(|all| !all.is_empty())
}

struct One<'d, 'o> {
    name: &'o str,
    spot: &'o Spot<'d>,
    around: &'o Around<'d, 'o>,
}

impl<'d> One<'d, '_> {
    fn path(&self, map: &mut Map, report: &mut Report<'d>) {
        let name = self.name;
        let Some(known) = self.around.template.name(name) else {
            return report.note(
                self.spot,
                format!("the path parameter `{name}` is not a segment of the path: it is not carried over"),
            );
        };
        if self.spot.text("style").is_some_and(|style| style != "simple") {
            return report.note(
                self.spot,
                format!("the path parameter `{name}` is not carried over: of its styles only `simple` is"),
            );
        }
        if let Some((schema, _)) = self.schema(Reads::Lists, report) {
            map.set(known, Map::default().with("schema", schema));
        }
    }

    fn query(&self, map: &mut Map, report: &mut Report<'d>) {
        let mut written = self.required();
        let style = self.spot.text("style").unwrap_or("form");
        let is_deep = style == "deepObject";
        if !["form", "spaceDelimited", "pipeDelimited", "deepObject"].contains(&style) {
            report.note(
                self.spot,
                format!("the query parameter `{}` has an unknown style: its schema is not carried over", self.name),
            );
        } else if let Some((schema, is_list)) = self.schema(if is_deep { Reads::Maps } else { Reads::Lists }, report) {
            written.set("schema", schema);
            if is_deep || (is_list && style != "form") {
                written.set("style", style);
            }
            let is_exploded = self.spot.bool("explode").unwrap_or(style == "form");
            if is_list && is_exploded != (style == "form") {
                written.set("explode", is_exploded);
            }
        }
        if !written.is_empty() {
            map.set(self.name, written);
        }
    }

    fn header(&self, map: &mut Map, report: &mut Report<'d>) {
        if OTHERWISE_SAID.iter().any(|name| self.name.eq_ignore_ascii_case(name)) {
            return;
        }
        if http::HeaderName::from_bytes(self.name.as_bytes()).is_err() {
            return report.note(self.spot, format!("`{}` is no header name: it is not carried over", self.name));
        }
        if map.iter().any(|(known, _)| known.eq_ignore_ascii_case(self.name)) {
            return report
                .note(self.spot, format!("the header `{}` is declared twice: once is carried over", self.name));
        }
        let mut written = self.required();
        if let Some((schema, _)) = self.schema(Reads::Lists, report) {
            written.set("schema", schema);
        }
        if !written.is_empty() {
            map.set(self.name, written);
        }
    }

    fn required(&self) -> Map {
        if self.spot.is_true("required") { Map::default().with("required", true) } else { Map::default() }
    }

    /// The schema, if one can be read from a text, and whether it is of a list.
    fn schema(&self, reads: Reads, report: &mut Report<'d>) -> Option<(Yaml, bool)> {
        let name = self.name;
        if let Some(content) = self.spot.get("content") {
            report.note(
                &content,
                format!(
                    "the parameter `{name}` is written as a media type (`content`): its schema is not carried over"
                ),
            );
            return None;
        }
        if self.spot.is_true("allowEmptyValue") {
            report.note(
                self.spot,
                format!("the parameter `{name}` may be empty (`allowEmptyValue`): its schema is not carried over"),
            );
            return None;
        }
        let spot = self.spot.get("schema")?;
        let schema = schema::write(&spot, self.around.documents, self.around.dialect, report)?;
        let why = match Shape::of(&schema.to_json()) {
            Err(fault) => fault.to_string(),
            Ok(shape) => match (shape.is_map(), reads) {
                (true, Reads::Lists) => "a map has no one way to be written".to_owned(),
                (false, Reads::Maps) => "`deepObject` is for maps".to_owned(),
                (true, Reads::Maps) | (false, Reads::Lists) => return Some((schema, shape.items().is_some())),
            },
        };
        report.note(&spot, format!("the schema of the parameter `{name}` is not carried over: {why}"));
        None
    }
}

/// What can be read from a text in the style.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reads {
    Lists,
    Maps,
}
