//! `errors`: templates, parsed and checked, so that nothing can go wrong while a client is being refused.

use std::collections::BTreeMap;

use engine::reply::{self, ErrorRules, ErrorTemplate, MediaType, Selector, is_reserved};
use engine::template::{Escape, Template};
use http::{HeaderName, HeaderValue, header};

use super::{desk::Desk, patterns};
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, Disclose, RawConfig};
use crate::spans::deeper;
use crate::text::{ContentType, ErrorSelector};

const USUAL_TYPE: &str = "application/problem+json";

pub(super) fn global(raw: &RawConfig, desk: &mut Desk<'_>) -> ErrorRules {
    let errors = &raw.errors;
    let templates = templates(&errors.templates, raw, "/errors/templates", desk);
    ErrorRules {
        content_type: usual_type(raw),
        help_url: errors.help_url.as_ref().map(|url| url.as_str().to_owned()),
        disclose: match errors.disclose {
            Disclose::Kind => reply::Disclose::Kind,
            Disclose::Reason => reply::Disclose::Reason,
        },
        headers: headers(&errors.headers, "/errors/headers", desk).0,
        templates,
        routes: Vec::new(),
        policies: Vec::new(),
    }
}

fn usual_type(raw: &RawConfig) -> HeaderValue {
    raw.errors.content_type.as_ref().map_or(HeaderValue::from_static(USUAL_TYPE), |value| value.get().clone())
}

pub(super) fn templates(
    raw: &[raw::ErrorTemplate],
    config: &RawConfig,
    pointer: &str,
    desk: &mut Desk<'_>,
) -> Vec<ErrorTemplate> {
    let all = raw.iter().enumerate();
    all.filter_map(|(index, template)| {
        let parts = Parts {
            on: selector(template.on),
            accept: template.accept.as_ref().map(crate::text::MediaType::as_str),
            status: template.status,
            content_type: template.content_type.as_ref(),
            headers: &template.headers,
            body: template.body.as_deref(),
        };
        one(&parts, config, &format!("{pointer}/{index}"), desk)
    })
    .collect()
}

/// A named throttle's own error.
pub(super) fn of_throttle(
    raw: &raw::ErrorResponse,
    config: &RawConfig,
    pointer: &str,
    desk: &mut Desk<'_>,
) -> Option<ErrorTemplate> {
    let parts = Parts {
        on: Selector::Any,
        accept: None,
        status: raw.status,
        content_type: raw.content_type.as_ref(),
        headers: &raw.headers,
        body: raw.body.as_deref(),
    };
    one(&parts, config, pointer, desk)
}

struct Parts<'r> {
    on: Selector,
    accept: Option<&'r str>,
    status: Option<u16>,
    content_type: Option<&'r ContentType>,
    headers: &'r BTreeMap<String, String>,
    body: Option<&'r str>,
}

fn one(parts: &Parts<'_>, config: &RawConfig, pointer: &str, desk: &mut Desk<'_>) -> Option<ErrorTemplate> {
    let (headers, typed) = headers(parts.headers, &format!("{pointer}/headers"), desk);
    let of_accept = || parts.accept.and_then(|accept| HeaderValue::from_str(accept).ok());
    let content_type = parts.content_type.map(|value| value.get().clone()).or(typed).or_else(of_accept);
    let written = content_type.clone().unwrap_or_else(|| usual_type(config));
    let escape = Escape::for_content_type(written.to_str().unwrap_or(USUAL_TYPE));
    let body = match parts.body {
        None => None,
        Some(text) => Some(template(text, escape, &format!("{pointer}/body"), desk)?),
    };
    Some(ErrorTemplate {
        on: parts.on,
        accept: parts.accept.and_then(MediaType::parse),
        status: parts.status,
        content_type,
        headers,
        body,
    })
}

pub(super) type Headers = Vec<(HeaderName, Template)>;

/// Header templates; `Content-Type` among them is the body's type, as the founding document writes it.
pub(super) fn headers(
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
            content_type = HeaderValue::from_str(text).ok();
            continue;
        }
        if is_reserved(&header) {
            let help = "remove it: the gateway sets it to fit the message";
            let (place, message) = (desk.key_place(&pointer), format!("{} cannot be set by a template", quoted(name)));
            desk.push(Diagnostic::error(Code::Choice, place, message).help(help));
            continue;
        }
        if let Some(template) = template(text, Escape::Header, &pointer, desk) {
            headers.push((header, template));
        }
    }
    (headers, content_type)
}

pub(super) fn template(text: &str, escape: Escape, pointer: &str, desk: &mut Desk<'_>) -> Option<Template> {
    match Template::parse(text, escape) {
        Ok(template) => {
            if escape == Escape::Json
                && let Err(fault) = template.check_json()
            {
                desk.warn(Code::Template, pointer, fault.to_string(), fault.help());
            }
            Some(template)
        }
        Err(fault) => {
            let place = desk.place_of_word(pointer, fault.variable().unwrap_or_default());
            desk.push(Diagnostic::error(Code::Template, place, fault.to_string()).help(fault.help()));
            None
        }
    }
}

const fn selector(raw: ErrorSelector) -> Selector {
    match raw {
        ErrorSelector::Any => Selector::Any,
        ErrorSelector::Client4xx => Selector::ClientErrors,
        ErrorSelector::Server5xx => Selector::ServerErrors,
        ErrorSelector::Kind(kind) => Selector::Kind(kind),
        ErrorSelector::Reason(reason) => Selector::Reason(reason),
    }
}
