//! Where a route leads: `upstream`, `redirect` or `respond`, exactly one of them.

use std::sync::Arc;

use engine::redirect::{Location, LocationFault, Redirect};
use engine::reply::{FixedBody, FixedResponse};
use engine::route::path::PathPattern;
use engine::target::Target;
use engine::template::{Escape, Template};
use http::HeaderValue;

use super::desk::Desk;
use super::errors;
use super::parts::Text;
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw;
use crate::spans::deeper;
use crate::text::ContentType;

/// The largest `bodyFile`.
const FILE_BYTES_MAX: usize = 1024 * 1024;

/// The keys of which a route has one, itself or from the defaults.
#[derive(Clone, Copy)]
pub(super) enum Chosen<'r> {
    Upstream(&'r str),
    Redirect(&'r raw::Redirect),
    Respond(&'r raw::Respond),
}

/// What one section says; several are reported and the first is taken.
pub(super) fn chosen<'r>(
    upstream: Option<&'r String>,
    redirect: Option<&'r raw::Redirect>,
    respond: Option<&'r raw::Respond>,
    pointer: &str,
    desk: &mut Desk<'_>,
) -> Option<Chosen<'r>> {
    let all = [
        ("upstream", upstream.map(|name| Chosen::Upstream(name))),
        ("redirect", redirect.map(Chosen::Redirect)),
        ("respond", respond.map(Chosen::Respond)),
    ];
    let mut given = all.into_iter().filter_map(|(key, chosen)| Some((key, chosen?)));
    let (first_key, first) = given.next()?;
    for (key, _) in given {
        let (place, other) =
            (desk.key_place(&format!("{pointer}/{key}")), desk.key_place(&format!("{pointer}/{first_key}")));
        let message = format!("a route has one of `upstream`, `redirect` and `respond`: not `{first_key}` and `{key}`");
        let diagnostic = Diagnostic::error(Code::Choice, place, message).label("one too many");
        desk.push(diagnostic.help("keep exactly one of them").note(other, "beside this"));
    }
    Some(first)
}

pub(super) fn redirect(
    raw: &raw::Redirect,
    paths: &[PathPattern],
    pointer: &str,
    desk: &mut Desk<'_>,
) -> Option<Target> {
    let raw::Redirect { to, status, keep_query } = raw;
    let at = format!("{pointer}/to");
    let location = match Location::parse(to) {
        Ok(location) => location,
        Err(fault) => {
            let help = match fault {
                LocationFault::Neither => "write `https://new.example.com/{path}`, or `/new` for the same host",
                LocationFault::TwoSlashes => "write the scheme, too: `https://…`",
                LocationFault::Authority => {
                    "write the host to the letter and a slash before what is filled in: `https://new.example.com/{path}`"
                }
                LocationFault::Place => {
                    "`keepQuery` takes the query along; a place can stand in the path: `/orders/{id}`"
                }
                LocationFault::Braces => "write `{path}`, `{rest}`, or `{id}` for a parameter of the route's paths",
                LocationFault::Path(_) | LocationFault::NotNormal | LocationFault::Character => {
                    "write the target as it is to be sent, other characters percent-encoded"
                }
            };
            desk.error(Code::MalformedValue, &at, format!("{} is no target of a redirect: {fault}", quoted(to)), help);
            return None;
        }
    };
    let is_fit = fits(&location, paths, &at, desk);
    let leads_back = |path: &PathPattern| location.literal_path() == Some(path.as_str());
    if location.is_local() && (location.is_whole_path() || paths.iter().any(leads_back)) {
        let help = "name another host, or a path that the route does not have";
        desk.warn(Code::Pointless, &at, "the redirect leads back to its own route: callers will go in circles", help);
    }
    let redirect = Redirect { status: *status, to: location, paths: paths.to_vec(), keep_query: *keep_query };
    is_fit.then(|| Target::Redirect(Box::new(redirect)))
}

/// Whether each path of the route has what the target takes from it.
fn fits(location: &Location, paths: &[PathPattern], pointer: &str, desk: &mut Desk<'_>) -> bool {
    let mut is_fit = true;
    for path in paths {
        let text = path.as_str();
        for name in location.parameters() {
            let has = !path.is_regex() && text.split('/').any(|piece| piece == format!("{{{name}}}"));
            if !has {
                is_fit = false;
                let help = "every path of the route needs the parameter; `{path}` is the whole path";
                let message = format!("{} has no parameter {}", quoted(text), quoted(&format!("{{{name}}}")));
                desk.error(Code::MalformedValue, pointer, message, help);
            }
        }
        if location.has_rest() && (path.is_regex() || !text.ends_with("/*")) {
            is_fit = false;
            let help = "`{rest}` is what `/*` stands for; `{path}` is the whole path";
            desk.error(
                Code::MalformedValue,
                pointer,
                format!("{} has no rest: it does not end with `/*`", quoted(text)),
                help,
            );
        }
    }
    is_fit
}

pub(super) fn respond(
    raw: &raw::Respond,
    pointer: &str,
    book: &mut errors::Book,
    desk: &mut Desk<'_>,
) -> Option<Target> {
    let raw::Respond { status, content_type, headers, body, body_file } = raw;
    let at_headers = format!("{pointer}/headers");
    let (headers, typed) = book.headers(headers, &at_headers, desk);
    for (name, template) in &headers {
        // As the file spells it.
        let spelt = raw.headers.keys().find(|spelt| spelt.eq_ignore_ascii_case(name.as_str()));
        empty(template, &deeper(&at_headers, spelt.map_or(name.as_str(), |spelt| spelt)), desk);
    }
    let has_body = body.is_some() || body_file.is_some();
    let without_body = matches!(status, 204 | 205 | 304);
    if without_body && has_body {
        let key = if body.is_some() { "body" } else { "bodyFile" };
        let message = format!("an answer with status {status} has no body");
        desk.error(Code::Choice, &format!("{pointer}/{key}"), message, "remove it, or answer with 200");
    }
    if body.is_some() && body_file.is_some() {
        let help = "keep one of the two";
        desk.error(Code::Choice, &format!("{pointer}/bodyFile"), "the body is given by `body` and by `bodyFile`", help);
        return None;
    }
    if !has_body && (content_type.is_some() || typed.is_some()) {
        let message = "an answer without a body has no content type";
        desk.warn(Code::Pointless, pointer, message, "add `body` or `bodyFile`, or remove `contentType`");
    }
    let usual = if body_file.is_some() { "application/octet-stream" } else { "text/plain; charset=utf-8" };
    let content_type = content_type.as_ref().map(ContentType::get).cloned().or(typed);
    let content_type = content_type.unwrap_or(HeaderValue::from_static(usual));
    let body = match (body, body_file) {
        (Some(text), _) => {
            let escape = Escape::for_content_type(content_type.to_str().unwrap_or(usual));
            let at = format!("{pointer}/body");
            let template = book.template(&Text::own(text, at.clone()), escape, desk)?;
            empty(&template, &at, desk);
            FixedBody::Template(template)
        }
        (None, Some(file)) => FixedBody::Bytes(content(file, &format!("{pointer}/bodyFile"), desk)?),
        (None, None) => FixedBody::None,
    };
    Some(Target::Respond(Box::new(FixedResponse::new(*status, content_type, headers, body))))
}

/// Variables that are about an error, in an answer that is none.
fn empty(template: &Template, pointer: &str, desk: &mut Desk<'_>) {
    for name in template.of_an_error() {
        let place = desk.place_of_word(pointer, &name);
        let message =
            format!("{} never has a value here: it is about an error, and this answer is none", quoted(&name));
        let help = "remove it; what is known here are `request.…`, `route.name`, `consumer.id`, `plan.name`, `claims.NAME` and `time.now`";
        desk.push(Diagnostic::warning(Code::Pointless, place, message).help(help));
    }
}

fn content(file: &str, pointer: &str, desk: &mut Desk<'_>) -> Option<Arc<[u8]>> {
    let bytes = desk.file(pointer, file)?;
    if bytes.len() > FILE_BYTES_MAX {
        let help = "serve large files from an upstream";
        desk.error(Code::OutOfRange, pointer, format!("{} is larger than 1MiB", quoted(file)), help);
        return None;
    }
    Some(bytes.into())
}
