//! What a route matches: hosts, paths, headers and query parameters, each in the engine's words or with what is wrong with it.

use std::collections::BTreeMap;

use engine::route::host::{HostFault, HostPattern};
use engine::route::path::{PathPattern, PathPatternFault};
use engine::route::table::Conditions;
use http::HeaderName;

use super::desk::Desk;
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, PathEntry};
use crate::spans::deeper;
use crate::text::percent_encoded;

pub(super) fn host(text: &str, pointer: &str, desk: &mut Desk<'_>) -> Option<HostPattern> {
    let fault = match HostPattern::parse(text) {
        Ok(pattern) => return Some(pattern),
        Err(fault) => fault,
    };
    if let Some((_, rest)) = text.split_once("://") {
        let name = rest.split(['/', ':']).next().unwrap_or(rest);
        let help = format!("write the name alone: {}; paths belong into `paths`", quoted(name));
        desk.error(Code::MalformedValue, pointer, format!("{} is a URL, not a host", quoted(text)), help);
        return None;
    }
    let help = match fault {
        HostFault::PatternPort | HostFault::Port => {
            let name = text.rsplit_once(':').map_or(text, |(name, _)| name);
            format!("write {}: ports are said by `listeners`", quoted(name))
        }
        HostFault::Character('/') => {
            let name = text.split('/').next().unwrap_or(text);
            format!("write the name alone: {}; paths belong into `paths`", quoted(name))
        }
        HostFault::Empty
        | HostFault::TooLong
        | HostFault::EmptyLabel
        | HostFault::Character(_)
        | HostFault::Userinfo
        | HostFault::Ipv6
        | HostFault::Star => {
            "a host is `api.example.com`, `\"*.example.com\"` for every name below it, or left out for any".to_owned()
        }
    };
    desk.error(Code::MalformedValue, pointer, format!("{} is no host: {fault}", quoted(text)), help);
    None
}

pub(super) fn path(entry: &PathEntry, pointer: &str, desk: &mut Desk<'_>) -> Option<PathPattern> {
    let (text, parsed) = match entry {
        PathEntry::Pattern(text) => (text.as_str(), PathPattern::parse(text)),
        PathEntry::Regex(regex) => (regex.get().as_str(), PathPattern::regex(regex.get().as_str())),
    };
    let fault = match parsed {
        Ok(pattern) => {
            if let (PathEntry::Regex(_), Some(letter)) = (entry, text.chars().find(|letter| !letter.is_ascii())) {
                let message = format!(
                    "no path has a {}: it is percent-encoded where the regex meets it",
                    quoted(&letter.to_string())
                );
                let bytes = percent_encoded(&letter.to_string());
                desk.warn(Code::Pointless, pointer, message, format!("write {}", quoted(&bytes)));
            }
            return Some(pattern);
        }
        Err(fault) => fault,
    };
    let message = match &fault {
        PathPatternFault::NotNormal { .. } => {
            "no request has this path: paths are matched in their normal form".to_owned()
        }
        PathPatternFault::Path(_)
        | PathPatternFault::Star
        | PathPatternFault::Param { .. }
        | PathPatternFault::Parameters
        | PathPatternFault::TooManySegments
        | PathPatternFault::Regex(_) => fault.to_string(),
    };
    let help = match &fault {
        PathPatternFault::NotNormal { normal } => format!("write {}", quoted(normal)),
        PathPatternFault::Path(_) if !text.starts_with('/') => format!("write {}", quoted(&format!("/{text}"))),
        PathPatternFault::Path(_) if text.contains('?') => {
            "write the path alone; a query parameter is a condition: `match: { query: { NAME: VALUE } }`".to_owned()
        }
        PathPatternFault::Path(_) => "write the path as clients send it, other characters percent-encoded".to_owned(),
        PathPatternFault::Star => {
            "end the path with `/*`, name one segment `{id}`, or write `{ regex: \"/v1/[^/]+/x\" }`".to_owned()
        }
        PathPatternFault::Param { .. } => {
            "give the parameter a whole segment, `/{id}/`, or write `{ regex: \"/v1/orders-[0-9]+\" }`".to_owned()
        }
        PathPatternFault::Parameters => "leave out what follows the `;`: it is matched whatever it is".to_owned(),
        PathPatternFault::TooManySegments => "end the path with `/*`".to_owned(),
        PathPatternFault::Regex(_) => {
            "make the pattern smaller: large repetitions such as `{1000}` cost most".to_owned()
        }
    };
    desk.error(Code::MalformedValue, pointer, format!("{}: {message}", quoted(text)), help);
    None
}

pub(super) fn conditions(raw: &raw::Conditions, pointer: &str, desk: &mut Desk<'_>) -> Conditions {
    let at = format!("{pointer}/headers");
    header_names(&raw.headers, &at, desk);
    for (name, value) in &raw.headers {
        if value.chars().any(|letter| letter.is_control() && letter != '\t') || value.trim() != value {
            let message = format!("no request has this value of {}", quoted(name));
            let help = "values have no control characters, and no spaces at either end";
            desk.error(Code::MalformedValue, &deeper(&at, name), message, help);
        }
    }
    let headers = raw.headers.iter();
    Conditions {
        headers: headers
            .filter_map(|(name, value)| Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value.clone())))
            .collect(),
        query: raw.query.iter().map(|(name, value)| (name.clone(), value.clone())).collect(),
    }
}

/// Names that YAML tells apart and HTTP does not.
pub(super) fn header_names<V>(headers: &BTreeMap<String, V>, pointer: &str, desk: &mut Desk<'_>) {
    for (index, name) in headers.keys().enumerate() {
        let Some(other) = headers.keys().take(index).find(|other| other.eq_ignore_ascii_case(name)) else { continue };
        let (place, first) = (desk.key_place(&deeper(pointer, name)), desk.key_place(&deeper(pointer, other)));
        let message = format!("{} and {} are one header: case means nothing in names", quoted(other), quoted(name));
        let diagnostic = Diagnostic::error(Code::DuplicateName, place, message).help("remove one of them");
        desk.push(diagnostic.note(first, "the other one is here"));
    }
}
