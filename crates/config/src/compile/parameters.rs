//! `parameters`: schemas compiled, each with the way in which its value is written, and what could never be read.

use std::collections::BTreeSet;

use engine::policy::parameters::{
    ClosedQuery, HeaderParameter, Parameters, PathParameter, PathTemplate, QueryParameter, QueryStyle, Rule, Separator,
    Shape,
};
use engine::route::path::PathPattern;
use engine::schema::Formats;
use engine::trail::Mode;
use http::HeaderName;
use serde_json::Value;

use super::desk::Desk;
use super::{body, counting, patterns};
use crate::diagnostic::{Code, listed, quoted};
use crate::raw::{self, ParameterSchema, ParameterStyle, RawConfig, UnknownQuery};
use crate::spans::deeper;

/// Whose parameters they are.
pub(super) struct Owner<'r> {
    pub(super) name: &'r str,
    pub(super) paths: &'r [PathPattern],
    pub(super) conditions: Option<&'r raw::Conditions>,
    /// They stand in `defaults`: path parameters then hold for the routes that have them.
    pub(super) is_default: bool,
}

/// None if they are off, or if something is wrong with them.
pub(super) fn compile(
    owner: &Owner<'_>,
    raw: &raw::Parameters,
    config: &RawConfig,
    at: &str,
    desk: &mut Desk<'_>,
) -> Option<Box<Parameters>> {
    let mode = counting::mode(raw.mode);
    let policy = desk.policy(format!("routes.{}.parameters", owner.name), at, mode, None);
    let (templates, path) = path(owner, raw, &format!("{at}/path"), desk);
    let query = raw.query.iter().map(|(name, raw)| query(name, raw, &deeper(&format!("{at}/query"), name), desk));
    let query: Vec<Option<QueryParameter>> = query.collect();
    patterns::header_names(&raw.header, &format!("{at}/header"), desk);
    let header = raw.header.iter().map(|(name, raw)| header(name, raw, &deeper(&format!("{at}/header"), name), desk));
    let header: Vec<Option<HeaderParameter>> = header.collect();
    let closed_query = match raw.unknown_query {
        UnknownQuery::Allow => None,
        UnknownQuery::Refuse => Some(ClosedQuery { also: asked_by_us(owner, config) }),
    };
    (mode != Mode::Off).then_some(())?;
    Some(Box::new(Parameters {
        policy,
        mode,
        path,
        templates,
        query: query.into_iter().flatten().collect(),
        header: header.into_iter().flatten().collect(),
        closed_query,
    }))
}

fn path(
    owner: &Owner<'_>,
    raw: &raw::Parameters,
    at: &str,
    desk: &mut Desk<'_>,
) -> (Vec<PathTemplate>, Vec<PathParameter>) {
    let mut templates: Vec<PathTemplate> = owner.paths.iter().filter_map(PathTemplate::of).collect();
    PathTemplate::sort(&mut templates);
    let has_regex = templates.len() < owner.paths.len();
    let known: BTreeSet<&str> = templates.iter().flat_map(PathTemplate::names).collect();
    let mut parameters = Vec::new();
    for (name, raw) in &raw.path {
        let at = deeper(at, name);
        let is_everywhere = !has_regex && templates.iter().all(|template| template.names().any(|known| known == name));
        if is_everywhere {
            let rule = rule(raw.schema.as_ref(), &at, desk);
            let rule = rule.filter(|rule| !is_map(rule, &at, "a path", desk));
            parameters.extend(rule.map(|rule| PathParameter { name: name.as_str().into(), rule }));
        } else if !owner.is_default || known.contains(name.as_str()) {
            let message =
                format!("not every path of route {} has {}", quoted(owner.name), quoted(&format!("{{{name}}}")));
            let help = if known.is_empty() {
                "name a whole segment in each path: `/v1/orders/{id}`; a regex has no parameters".to_owned()
            } else {
                format!("its paths have {}; paths with other parameters need a route of their own", listed(&known))
            };
            let place = desk.key_place(&at);
            desk.push(crate::diagnostic::Diagnostic::error(Code::UnknownName, place, message).help(help));
        }
    }
    (templates, parameters)
}

fn query(name: &str, raw: &raw::QueryParameter, at: &str, desk: &mut Desk<'_>) -> Option<QueryParameter> {
    let rule = rule(raw.schema.as_ref(), at, desk)?;
    let is_list = rule.shape.items().is_some();
    let style = match raw.style {
        ParameterStyle::DeepObject => QueryStyle::DeepObject,
        // Exploded, all three are the same.
        ParameterStyle::SpaceDelimited | ParameterStyle::PipeDelimited if raw.explode == Some(true) => {
            QueryStyle::Repeated
        }
        ParameterStyle::SpaceDelimited => QueryStyle::Separated(Separator::Space),
        ParameterStyle::PipeDelimited => QueryStyle::Separated(Separator::Pipe),
        ParameterStyle::Form if raw.explode == Some(false) => QueryStyle::Separated(Separator::Comma),
        ParameterStyle::Form => QueryStyle::Repeated,
    };
    if style == QueryStyle::DeepObject {
        if !rule.shape.is_map() {
            let help = "give its schema `type: object`, or remove `style`";
            desk.error(Code::Choice, &deeper(at, "style"), "`deepObject` is for maps, and this is none", help);
            return None;
        }
        if raw.explode == Some(false) {
            desk.error(Code::Choice, &deeper(at, "explode"), "`deepObject` is always exploded", "remove `explode`");
            return None;
        }
    } else if is_map(&rule, at, "a query but with `style: deepObject`", desk) {
        return None;
    } else if !is_list && (raw.style != ParameterStyle::Form || raw.explode.is_some()) {
        let key = if raw.style == ParameterStyle::Form { "explode" } else { "style" };
        let message = format!("`{key}` says how a list is written, and this parameter is none");
        desk.warn(Code::Pointless, &deeper(at, key), message, "give its schema `type: array`, or remove the key");
    }
    Some(QueryParameter { name: name.into(), required: raw.required, style, rule })
}

fn header(name: &str, raw: &raw::HeaderParameter, at: &str, desk: &mut Desk<'_>) -> Option<HeaderParameter> {
    let rule = rule(raw.schema.as_ref(), at, desk).filter(|rule| !is_map(rule, at, "a header", desk))?;
    let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
    Some(HeaderParameter { name, required: raw.required, rule })
}

/// A map has no one way to be written as text.
fn is_map(rule: &Rule, at: &str, place: &str, desk: &mut Desk<'_>) -> bool {
    if rule.shape.is_map() {
        let help = "describe a text, number, boolean or list";
        let message = format!("a map has no one spelling in {place}");
        desk.error(Code::Choice, &format!("{at}/schema"), message, help);
    }
    rule.shape.is_map()
}

fn rule(raw: Option<&ParameterSchema>, at: &str, desk: &mut Desk<'_>) -> Option<Rule> {
    let anything = Value::Bool(true);
    let json = raw.map_or(&anything, |ParameterSchema(json)| json);
    let at = format!("{at}/schema");
    let schema = body::compiled(json, Formats::CheckedIfKnown, &at, desk)?;
    let shape = Shape::of(json).map_err(|fault| {
        let help = "describe a text, number, boolean, or a list of these";
        desk.error(Code::MalformedValue, &at, fault.to_string(), help);
    });
    Some(Rule { shape: shape.ok()?, schema })
}

/// Query parameters that are for the gateway itself.
fn asked_by_us(owner: &Owner<'_>, config: &RawConfig) -> Vec<Box<str>> {
    let conditions = owner.conditions.iter().flat_map(|conditions| conditions.query.keys());
    let keys = config.api_keys.location.iter();
    let tokens = config.jwt_providers.values().filter_map(|provider| provider.location.as_ref());
    let credentials = keys.chain(tokens).filter_map(|location| location.query.as_ref());
    conditions.chain(credentials).map(|name| name.as_str().into()).collect()
}
