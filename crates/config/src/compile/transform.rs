//! `request` and `response`: each change with its names, pointers and variables checked, so that nothing is left to go wrong but what a
//! request brings along.

mod body;
mod names;
mod values;

use engine::route::capture::CapturePatterns;
use engine::route::path::PathPattern;
use engine::transform::{
    HeaderEdits, PathEdit, PathEditFault, PathTemplate, PrefixEdit, QueryEdits, RequestTransform, ResponseTransform,
    Scope, Side, Transform, Value,
};
use http::HeaderName;

use super::desk::Desk;
use crate::diagnostic::{Code, quoted};
use crate::raw::{self, RawConfig};
use crate::spans::deeper;

/// The route whose requests are changed.
pub(super) struct Subject<'r> {
    pub(super) config: &'r RawConfig,
    pub(super) paths: &'r [PathPattern],
}

impl<'r> Subject<'r> {
    fn captures(&self) -> Vec<&'r str> {
        let mut names: Vec<&str> = self.paths.iter().flat_map(PathPattern::capture_names).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    fn patterns(&self, is_asked: bool) -> Option<CapturePatterns> {
        is_asked.then(|| CapturePatterns::new(self.paths))
    }
}

/// None where nothing is changed. Each part comes with the pointer to it.
pub(super) fn compile(
    request: Option<(&raw::RequestTransform, &str)>,
    response: Option<(&raw::ResponseTransform, &str)>,
    subject: &Subject<'_>,
    desk: &mut Desk<'_>,
) -> Option<Box<Transform>> {
    let request = request.map(|(raw, at)| self::request(raw, at, subject, desk));
    let response = response.map(|(raw, at)| self::response(raw, at, subject, desk));
    (request.is_some() || response.is_some()).then(|| Box::new(Transform { request, response }))
}

fn request(raw: &raw::RequestTransform, at: &str, subject: &Subject<'_>, desk: &mut Desk<'_>) -> RequestTransform {
    let captures = subject.captures();
    let scope = Scope { side: Side::Request, body: false, captures: &captures };
    let path = raw.path.as_ref().and_then(|raw| path(raw, &format!("{at}/path"), subject, desk));
    let query = raw.query.as_ref().map(|raw| query(raw, &format!("{at}/query"), &scope, desk)).unwrap_or_default();
    let headers = headers(raw.headers.as_ref(), &format!("{at}/headers"), &scope, subject, desk);
    let body = raw.body.as_ref();
    let body = body.and_then(|raw| self::body::compile(raw, &format!("{at}/body"), &scope, desk));
    let is_asked = matches!(&path, Some(PathEdit::Template(template)) if template.asks_captures())
        || ask(query.values())
        || ask(headers.values())
        || body.as_ref().is_some_and(body::asks_captures);
    RequestTransform { captures: subject.patterns(is_asked), path, query, headers, body }
}

fn response(raw: &raw::ResponseTransform, at: &str, subject: &Subject<'_>, desk: &mut Desk<'_>) -> ResponseTransform {
    let captures = subject.captures();
    let scope = Scope { side: Side::Response, body: false, captures: &captures };
    let headers = headers(raw.headers.as_ref(), &format!("{at}/headers"), &scope, subject, desk);
    let body = raw.body.as_ref();
    let body = body.and_then(|raw| self::body::compile(raw, &format!("{at}/body"), &scope, desk));
    let is_asked = ask(headers.values()) || body.as_ref().is_some_and(body::asks_captures);
    ResponseTransform { captures: subject.patterns(is_asked), headers, body }
}

fn ask<'v>(mut values: impl Iterator<Item = &'v Value>) -> bool {
    values.any(|value| value.text.asks_captures())
}

fn path(raw: &raw::PathChange, at: &str, subject: &Subject<'_>, desk: &mut Desk<'_>) -> Option<PathEdit> {
    if let Some(prefix) = &raw.replace_prefix {
        return replaced(prefix, &format!("{at}/replacePrefix"), subject, desk);
    }
    let text = raw.template.as_ref()?;
    let pointer = format!("{at}/template");
    let paths: Vec<(&str, Vec<&str>)> =
        subject.paths.iter().map(|path| (path.as_str(), path.capture_names())).collect();
    match PathTemplate::parse(text, &paths) {
        Ok(template) => Some(PathEdit::Template(template)),
        Err(fault) => {
            path_fault(text, &fault, &pointer, desk);
            None
        }
    }
}

fn replaced(raw: &raw::PrefixChange, at: &str, subject: &Subject<'_>, desk: &mut Desk<'_>) -> Option<PathEdit> {
    let edit = match PrefixEdit::new(&raw.from, &raw.to) {
        Ok(edit) => edit,
        Err((fault, key)) => {
            let text = if key == "from" { &raw.from } else { &raw.to };
            path_fault(text, &fault, &format!("{at}/{key}"), desk);
            return None;
        }
    };
    // One of `defaults` is for those that begin so.
    let is_own = !at.starts_with("/defaults");
    if is_own && !subject.paths.is_empty() && !subject.paths.iter().any(|path| path.may_begin_with(edit.segments())) {
        let message = format!("no path of the route begins with {}", quoted(&raw.from));
        let known: Vec<String> = subject.paths.iter().map(|path| quoted(path.as_str())).collect();
        let help = format!("write the beginning of one of its paths: {}", known.join(", "));
        desk.error(Code::Transform, &format!("{at}/from"), message, help);
        return None;
    }
    Some(PathEdit::ReplacePrefix(edit))
}

fn path_fault(text: &str, fault: &PathEditFault, pointer: &str, desk: &mut Desk<'_>) {
    desk.error(Code::Transform, pointer, format!("{}: {fault}", quoted(text)), fault.help());
}

fn query(raw: &raw::QueryChange, at: &str, scope: &Scope<'_>, desk: &mut Desk<'_>) -> QueryEdits {
    let mut values = |key: &str, raw: &std::collections::BTreeMap<String, raw::ValueEntry>| {
        let all = raw.iter().filter_map(|(name, entry)| {
            let pointer = deeper(&format!("{at}/{key}"), name);
            Some((name.as_str().into(), values::compile(entry, &pointer, scope, values::Place::Query, desk)?))
        });
        all.collect()
    };
    let (set, add) = (values("set", &raw.set), values("add", &raw.add));
    names::renamed_once(
        raw.rename.iter().map(|(from, to)| (from.as_str(), to.as_str())),
        |from, to| from == to,
        &format!("{at}/rename"),
        desk,
    );
    QueryEdits {
        remove: raw.remove.iter().map(|name| name.as_str().into()).collect(),
        rename: raw.rename.iter().map(|(from, to)| (from.as_str().into(), to.as_str().into())).collect(),
        set,
        add,
    }
}

fn headers(
    raw: Option<&raw::HeaderChange>,
    at: &str,
    scope: &Scope<'_>,
    subject: &Subject<'_>,
    desk: &mut Desk<'_>,
) -> HeaderEdits {
    let Some(raw) = raw else { return HeaderEdits::default() };
    names::headers(raw, at, scope.side, subject.config, desk);
    let mut values = |key: &str, raw: &std::collections::BTreeMap<String, raw::ValueEntry>| {
        let all = raw.iter().filter_map(|(name, entry)| {
            let pointer = deeper(&format!("{at}/{key}"), name);
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, values::compile(entry, &pointer, scope, values::Place::Header, desk)?))
        });
        all.collect()
    };
    let (set, add) = (values("set", &raw.set), values("add", &raw.add));
    let rename = raw.rename.iter();
    HeaderEdits {
        remove: raw.remove.iter().map(|name| name.get().clone()).collect(),
        rename: rename
            .filter_map(|(from, to)| Some((HeaderName::from_bytes(from.as_bytes()).ok()?, to.get().clone())))
            .collect(),
        set,
        add,
    }
}
