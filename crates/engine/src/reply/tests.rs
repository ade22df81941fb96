//! Replies as a client gets them. What all tests share is here; the tables are in the files below.

mod choosing;
mod every_reason;
mod founding;
mod languages;
mod listing;
mod menus;
mod passing;
mod standard_headers;

use super::{ErrorRules, ErrorTemplate, Errors, Language, MediaType, Occurrence, Reply, Selector};
use crate::denial::Denial;
use crate::names::RouteId;
use crate::reason::Reason;
use crate::template::{Escape, Template};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use limits::clock::Now;

/// 2026-11-03T09:05:00Z.
const NOW: Now = Now::at_unix_seconds(1_793_696_700);
const ROUTE: RouteId = RouteId(3);

fn occurrence<'a>(denial: &'a Denial, fields: Option<&'a HeaderMap>) -> Occurrence<'a> {
    Occurrence {
        denial,
        request_id: "r-1",
        method: "GET",
        host: "api.example.com",
        path: "/v1/orders",
        fields,
        route: Some((&ROUTE, "orders-route")),
        consumer: Some("acme"),
        plan: Some("free"),
        now: NOW,
        policy_name: Some("orders-burst"),
        claims: None,
    }
}

fn render(errors: &Errors, denial: &Denial, accept: &str) -> Reply {
    errors.render(&occurrence(denial, Some(&accepting(accept))))
}

fn accepting(accept: &str) -> HeaderMap {
    HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_str(accept).unwrap())])
}

fn render_reason(errors: &Errors, reason: Reason) -> Reply {
    errors.render(&occurrence(&Denial::new(reason), None))
}

fn template(on: &str) -> ErrorTemplate {
    let on = Selector::parse(on).unwrap();
    ErrorTemplate {
        on,
        accept: None,
        language: None,
        status: None,
        content_type: None,
        headers: Vec::new(),
        body: None,
    }
}

impl ErrorTemplate {
    fn accept(mut self, media_type: &str) -> Self {
        self.accept = Some(MediaType::parse(media_type).unwrap());
        self.content_type(media_type)
    }

    fn language(mut self, tag: &str) -> Self {
        self.language = Some(Language::parse(tag).unwrap());
        self
    }

    fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    fn content_type(mut self, content_type: &str) -> Self {
        self.content_type = Some(HeaderValue::from_str(content_type).unwrap());
        self
    }

    fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push(line(name, value));
        self
    }

    fn body(mut self, body: &str) -> Self {
        let content_type =
            self.content_type.as_ref().map_or("application/problem+json", |value| value.to_str().unwrap());
        self.body = Some(Template::parse(body, Escape::for_content_type(content_type)).unwrap());
        self
    }
}

fn line(name: &'static str, value: &str) -> (HeaderName, Template) {
    (HeaderName::from_static(name), Template::parse(value, Escape::Header).unwrap())
}

fn with(templates: Vec<ErrorTemplate>) -> Errors {
    Errors::new(ErrorRules { templates, ..ErrorRules::default() })
}

/// The one value of a header; two lines of a name that has one value would be a mistake.
fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    let mut values = reply.headers.iter().filter(|(known, _)| known == name).map(|(_, value)| value.to_str().unwrap());
    let first = values.next();
    assert_eq!(values.next(), None, "{name} is there twice");
    first
}

fn body(reply: &Reply) -> &str {
    std::str::from_utf8(&reply.body).unwrap()
}

/// The children of a document of one root without attributes on the children, decoded; none if it is not well-formed.
fn children(xml: &str) -> Option<Vec<(&str, String)>> {
    let rest = xml.strip_prefix("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n").unwrap_or(xml).trim_end();
    let mut rest = rest.strip_prefix("<problem xmlns=\"urn:ietf:rfc:7807\">")?.strip_suffix("</problem>")?;
    let mut children = Vec::new();
    while !rest.is_empty() {
        let (name, after) = rest.strip_prefix('<')?.split_once('>')?;
        let (text, after) = after.split_once('<')?;
        rest = after.strip_prefix('/')?.strip_prefix(name)?.strip_prefix('>')?;
        let forbidden = |c: char| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || matches!(c, '\u{fffe}' | '\u{ffff}');
        let references = ["&amp;", "&lt;", "&gt;", "&quot;", "&#39;", "&#9;", "&#10;", "&#13;"];
        let known = text.split('&').skip(1).all(|part| references.iter().any(|r| format!("&{part}").starts_with(r)));
        (known && !text.contains(forbidden)).then_some(())?;
        let decoded = references.iter().zip(["\0", "<", ">", "\"", "'", "\t", "\n", "\r"]);
        let decoded = decoded.fold(text.to_owned(), |text, (reference, character)| text.replace(reference, character));
        children.push((name, decoded.replace('\0', "&")));
    }
    Some(children)
}
