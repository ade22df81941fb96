//! `errors`: templates, parsed and checked, so that nothing can go wrong while a client is being refused.

use std::collections::{BTreeMap, HashSet};

use engine::names::{PolicyId, RouteId};
use engine::reply::{self, ErrorRules, ErrorTemplate, MediaType, Selector, hidden, is_reserved};
use engine::template::{Escape, Template};
use http::{HeaderName, HeaderValue, header};

use super::desk::Desk;
use super::parts::{PartTexts, Text};
use super::{parts, patterns, proof};
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, Disclose, RawConfig};
use crate::spans::deeper;
use crate::text::{ContentType, ErrorSelector, LanguageTag, Text as _};

const USUAL_TYPE: &str = "application/problem+json";

/// All that is said about errors, as it comes together: the global list first, then those of throttles and routes.
pub(super) struct Book {
    parts: PartTexts,
    rules: ErrorRules,
    /// Bodies that have been proven, as `defaults` hands one to many routes.
    proven: HashSet<(&'static str, String)>,
    /// Where in the rules the list of `defaults` is, once a route has it.
    of_defaults: Option<usize>,
}

impl Book {
    pub(super) fn open(raw: &RawConfig, desk: &mut Desk<'_>) -> Self {
        let errors = &raw.errors;
        let usual = errors.content_type.as_ref().map_or(HeaderValue::from_static(USUAL_TYPE), |it| it.get().clone());
        let rules = ErrorRules {
            content_type: usual,
            help_url: errors.help_url.as_ref().map(|url| url.as_str().to_owned()),
            disclose: match errors.disclose {
                Disclose::Kind => reply::Disclose::Kind,
                Disclose::Reason => reply::Disclose::Reason,
            },
            ..ErrorRules::default()
        };
        let parts = PartTexts::of(raw, desk);
        let mut book = Self { parts, rules, proven: HashSet::new(), of_defaults: None };
        let (headers, typed) = book.headers(&errors.headers, "/errors/headers", desk);
        if typed.is_some() {
            let message = "`Content-Type` of all errors is said by `contentType`";
            desk.error(Code::Choice, "/errors/headers", message, "write `errors.contentType`, or set it in a template");
        }
        book.rules.headers = headers;
        book.rules.templates = book.list(&errors.templates, "/errors/templates", desk);
        book
    }

    pub(super) fn close(self, desk: &mut Desk<'_>) -> ErrorRules {
        self.parts.unused(desk);
        self.rules
    }

    /// What a route says itself, or else what `defaults` say for all that do not.
    pub(super) fn route(
        &mut self,
        id: RouteId,
        own: Option<(&[raw::ErrorTemplate], &str)>,
        of_defaults: Option<&[raw::ErrorTemplate]>,
        desk: &mut Desk<'_>,
    ) {
        if let Some((templates, pointer)) = own {
            let list = self.list(templates, pointer, desk);
            self.rules.routes.push((vec![id], list));
        } else if let Some((ids, _)) = self.of_defaults.and_then(|list| self.rules.routes.get_mut(list)) {
            ids.push(id);
        } else if let Some(templates) = of_defaults {
            let list = self.list(templates, "/defaults/errors", desk);
            self.of_defaults = Some(self.rules.routes.len());
            self.rules.routes.push((vec![id], list));
        }
    }

    /// A named throttle's own error.
    pub(super) fn throttle(&mut self, id: PolicyId, raw: &raw::ErrorResponse, pointer: &str, desk: &mut Desk<'_>) {
        let written = Written {
            on: Selector::Any,
            accept: None,
            language: None,
            status: raw.status,
            content_type: raw.content_type.as_ref(),
            headers: &raw.headers,
            body: raw.body.as_deref(),
            body_file: raw.body_file.as_deref(),
        };
        if let Some(template) = self.one(&written, pointer, desk) {
            self.rules.policies.push((id, template));
        }
    }

    fn list(&mut self, raw: &[raw::ErrorTemplate], pointer: &str, desk: &mut Desk<'_>) -> Vec<ErrorTemplate> {
        let mut places = Vec::new();
        let mut list = Vec::new();
        for (index, template) in raw.iter().enumerate() {
            let written = Written {
                on: selector(template.on),
                accept: template.accept.as_ref().map(crate::text::MediaType::as_str),
                language: template.language.as_ref(),
                status: template.status,
                content_type: template.content_type.as_ref(),
                headers: &template.headers,
                body: template.body.as_deref(),
                body_file: template.body_file.as_deref(),
            };
            let pointer = format!("{pointer}/{index}");
            if let Some(template) = self.one(&written, &pointer, desk) {
                list.push(template);
                places.push(format!("{pointer}/on"));
            }
        }
        for hidden in hidden(&list, &self.rules.content_type) {
            let (Some(pointer), Some(by)) = (places.get(hidden.template), places.get(hidden.by)) else { continue };
            let (place, by) = (desk.place(pointer), desk.place(by));
            let help =
                "give it another `on`, or an `accept` or a `language` that the other one does not have, or remove it";
            let diagnostic = Diagnostic::warning(Code::HiddenTemplate, place, "no client ever gets this template");
            desk.push(diagnostic.help(help).note(by, "this one is taken instead"));
        }
        list
    }

    fn one(&mut self, written: &Written<'_>, pointer: &str, desk: &mut Desk<'_>) -> Option<ErrorTemplate> {
        let (headers, typed) = self.headers(written.headers, &format!("{pointer}/headers"), desk);
        let of_accept = || written.accept.and_then(|accept| HeaderValue::from_str(accept).ok());
        let content_type = written.content_type.map(|value| value.get().clone()).or(typed).or_else(of_accept);
        // Which escapes a body needs is known with its type only.
        if content_type.is_none() && desk.is_left_out("/errors/contentType") {
            return None;
        }
        let shown = content_type.as_ref().unwrap_or(&self.rules.content_type);
        let escape = Escape::for_content_type(shown.to_str().unwrap_or(USUAL_TYPE));
        if written.language.is_some() && written.body.or(written.body_file).is_none() {
            let message = "a template in a language has no body: the default one is in English";
            desk.warn(Code::Pointless, &format!("{pointer}/language"), message, "add a `body`, or remove `language`");
        }
        let accept = accepted(written, pointer, desk);
        let body = match own_text(written, pointer, desk)? {
            None => None,
            Some(text) => Some(self.template(&text, escape, desk)?),
        };
        Some(ErrorTemplate {
            on: written.on,
            accept: accept?,
            language: written.language.map(|language| language.get().clone()),
            status: written.status,
            content_type,
            headers,
            body,
        })
    }

    /// Header templates; `Content-Type` among them is the body's type, as the founding document writes it.
    pub(super) fn headers(
        &mut self,
        raw: &BTreeMap<String, String>,
        pointer: &str,
        desk: &mut Desk<'_>,
    ) -> (Headers, Option<HeaderValue>) {
        patterns::header_names(raw, pointer, desk);
        let mut headers = Vec::new();
        let mut content_type = None;
        for (name, text) in raw {
            let pointer = deeper(pointer, name);
            let Ok(header) = HeaderName::from_bytes(name.as_bytes()) else { continue };
            if header == header::CONTENT_TYPE {
                match ContentType::read(text.trim()) {
                    Ok(read) => content_type = Some(read.get().clone()),
                    Err(fault) => {
                        let message = format!("the content type {} {}", quoted(text), fault.what);
                        desk.error(Code::MalformedValue, &pointer, message, fault.help);
                    }
                }
                continue;
            }
            if is_reserved(&header) {
                let help = "remove it: the gateway sets it to fit the message";
                let (place, message) =
                    (desk.key_place(&pointer), format!("{} cannot be set by a template", quoted(name)));
                desk.push(Diagnostic::error(Code::Choice, place, message).help(help));
                continue;
            }
            if let Some(template) = self.template(&Text::own(text, pointer), Escape::Header, desk) {
                headers.push((header, template));
            }
        }
        (headers, content_type)
    }

    pub(super) fn template(&mut self, text: &Text, escape: Escape, desk: &mut Desk<'_>) -> Option<Template> {
        self.parts.using(&text.content);
        match Template::parse_with(&text.content, escape, &self.parts.parts) {
            Ok(template) => self.prove(&template, text, desk).then_some(template),
            Err(fault) => {
                self.parts.report(&fault, text, desk);
                None
            }
        }
    }

    /// False if what comes out is no document. A static text cannot be broken by anybody, so that is only said.
    fn prove(&mut self, template: &Template, text: &Text, desk: &mut Desk<'_>) -> bool {
        let what = match template.escape() {
            Escape::Json => "JSON",
            Escape::Xml => "well-formed XML",
            Escape::Html => "HTML that no value changes",
            Escape::Text | Escape::Header => return true,
        };
        if !self.proven.insert((what, text.content.clone())) {
            return true;
        }
        let Err(broken) = proof::check(template) else { return true };
        let place = desk.place(&text.pointer);
        let help = match template.escape() {
            Escape::Html => "let variables stand in text, or in attribute values between quotes".to_owned(),
            Escape::Json | Escape::Xml | Escape::Text | Escape::Header => {
                format!("correct it, or set a `contentType` that the body is: as it stands it is no {what}")
            }
        };
        let diagnostic = if template.literal().is_some() {
            Diagnostic::warning(Code::Template, place, format!("the template is not {what}: {}", broken.cause))
        } else {
            let message = format!("the template is not {what} once its variables are filled in: {}", broken.cause);
            Diagnostic::error(Code::Template, place, message)
        };
        desk.push(parts::reads(diagnostic.help(help), &broken.near));
        template.literal().is_some()
    }
}

/// One template, wherever it stands.
struct Written<'r> {
    on: Selector,
    accept: Option<&'r str>,
    language: Option<&'r LanguageTag>,
    status: Option<u16>,
    content_type: Option<&'r ContentType>,
    headers: &'r BTreeMap<String, String>,
    body: Option<&'r str>,
    body_file: Option<&'r str>,
}

/// The outer none is a mistake that has been reported.
#[expect(clippy::option_option, reason = "a mistake is something else than no type")]
fn accepted(written: &Written<'_>, pointer: &str, desk: &mut Desk<'_>) -> Option<Option<MediaType>> {
    let Some(accept) = written.accept else { return Some(None) };
    let media_type = MediaType::parse(accept);
    if media_type.is_none() {
        let message = format!("{} is a pattern, and a body has one type", quoted(accept));
        let help =
            "write the type that the template is for, as in `text/html`; ranges such as `text/*` are for clients";
        desk.error(Code::MalformedValue, &format!("{pointer}/accept"), message, help);
    }
    media_type.map(Some)
}

/// The body, if there is one; the outer none is a mistake that has been reported.
#[expect(clippy::option_option, reason = "a mistake is something else than no body")]
fn own_text(written: &Written<'_>, pointer: &str, desk: &mut Desk<'_>) -> Option<Option<Text>> {
    match (written.body, written.body_file) {
        (None, None) => Some(None),
        (Some(text), None) => Some(Some(Text::own(text, format!("{pointer}/body")))),
        (None, Some(named)) => Text::in_file(named, format!("{pointer}/bodyFile"), desk).map(Some),
        (Some(_), Some(_)) => {
            let (place, other) =
                (desk.key_place(&format!("{pointer}/bodyFile")), desk.key_place(&format!("{pointer}/body")));
            let diagnostic =
                Diagnostic::error(Code::Choice, place, "a template has one body, and this would be a second one");
            desk.push(diagnostic.help("keep `body` or `bodyFile`").note(other, "the other one is here"));
            None
        }
    }
}

pub(super) type Headers = Vec<(HeaderName, Template)>;

const fn selector(raw: ErrorSelector) -> Selector {
    match raw {
        ErrorSelector::Any => Selector::Any,
        ErrorSelector::Client4xx => Selector::ClientErrors,
        ErrorSelector::Server5xx => Selector::ServerErrors,
        ErrorSelector::Kind(kind) => Selector::Kind(kind),
        ErrorSelector::Reason(reason) => Selector::Reason(reason),
    }
}
