//! `requestBody`: which types a route takes, and the schema of a JSON body.

use engine::media_type::is_json;

use super::Dialect;
use super::document::{Documents, Spot};
use super::report::Report;
use super::schema;
use super::tree::{Map, Yaml};
use crate::text::{MediaType, Text as _};

/// `body:` of a route; none if there is nothing to say.
pub(super) fn of_operation<'d>(
    method: &str,
    operation: &Spot<'d>,
    documents: &'d Documents,
    dialect: Dialect,
    report: &mut Report<'d>,
) -> Option<Map> {
    let spot = operation.get("requestBody")?;
    let body = match documents.follow(&spot) {
        Ok(body) => body,
        Err(why) => {
            report.note(&spot, format!("the request body is not carried over: {why}"));
            return None;
        }
    };
    let content = body.get("content").map(|content| content.entries()).unwrap_or_default();
    if content.is_empty() {
        report.note(&body, "a request body without `content` is not carried over");
        return None;
    }
    let mut types: Vec<String> = Vec::new();
    let mut is_any = false;
    let mut media = Vec::new();
    for (name, spot) in &content {
        let essence = name.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        if essence == "*/*" {
            is_any = true;
        } else if MediaType::read(&essence).is_err() {
            report.note(spot, format!("`{name}` is no media type: it is not carried over"));
            continue;
        }
        if !types.contains(&essence) {
            types.push(essence.clone());
            media.push((essence, spot.clone()));
        }
    }
    let mut map = Map::default();
    if !is_any && !types.is_empty() {
        map.set("contentTypes", types);
    }
    let is_asked = matches!(method, "POST" | "PUT" | "PATCH");
    let is_required = body.is_true("required");
    let schema = json_schema(&media, documents, dialect, report);
    match (&schema, is_required) {
        (Some(_), false) if is_asked => {
            report.note(&body, "the request body may be left out: with a schema a POST, PUT or PATCH has to have one");
        }
        (Some(_), true) if !is_asked => {
            report.note(
                &body,
                format!("that {method} has to have a body is not carried over: only POST, PUT and PATCH can"),
            );
        }
        (None, true) => {
            report.note(
                &body,
                "that there has to be a body is not carried over: only the schema of a JSON body asks for one",
            );
        }
        (Some(_) | None, _) => {}
    }
    if let Some(schema) = schema {
        map.set("schema", schema);
    }
    Some(map).filter(|map| !map.is_empty())
}

/// A schema is asked of every body of a route: it can be carried over where all of them are JSON of one schema.
fn json_schema<'d>(
    media: &[(String, Spot<'d>)],
    documents: &'d Documents,
    dialect: Dialect,
    report: &mut Report<'d>,
) -> Option<Yaml> {
    for (essence, spot) in media.iter().filter(|(essence, _)| !is_json(essence)) {
        if let Some(schema) = spot.get("schema") {
            report.note(&schema, format!("the schema of `{essence}` is not carried over: only JSON is read"));
        }
        if let Some(encoding) = spot.get("encoding") {
            report.note(&encoding, format!("`encoding` of `{essence}` is not carried over"));
        }
    }
    let json: Vec<&(String, Spot<'d>)> = media.iter().filter(|(essence, _)| is_json(essence)).collect();
    let (essence, first) = json.first()?;
    let spot = first.get("schema")?;
    if json.len() < media.len() {
        report.note(
            &spot,
            format!("the schema of `{essence}` is not carried over: the route takes bodies that are not JSON too"),
        );
        return None;
    }
    let is_other = |other: &&&(String, Spot<'d>)| other.1.get("schema").is_none_or(|other| other.node != spot.node);
    if let Some((other, _)) = json.iter().skip(1).find(is_other) {
        report.note(&spot, format!("the schema of `{essence}` is not carried over: that of `{other}` is another one"));
        return None;
    }
    let schema = schema::write(&spot, documents, dialect, report)?;
    // One that asks for nothing.
    Some(schema).filter(|schema| schema.as_map().is_some_and(|map| !map.is_empty()))
}
