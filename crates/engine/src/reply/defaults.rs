//! The body of an error for which the operator has written none: problem details (RFC 9457) as JSON, as XML, or the same as text.

use super::accept::{Accept, Format};
use crate::template::{Escape, Values, errors};
use http::HeaderValue;
use std::io::Write as _;

impl Format {
    pub(super) const ALL: [Self; 3] = [Self::Json, Self::Xml, Self::Text];

    /// `ours` as long as the client can read it, else what it reads best; it is never refused an error for its `Accept`.
    pub(super) fn accepted(accept: &Accept, ours: Self) -> Self {
        if accept.format_quality(ours) > 0 {
            return ours;
        }
        let mut best = (0, ours);
        for format in Self::ALL {
            let quality = accept.format_quality(format);
            if quality > best.0 {
                best = (quality, format);
            }
        }
        best.1
    }

    pub(super) const fn content_type(self) -> HeaderValue {
        HeaderValue::from_static(match self {
            Self::Json => "application/problem+json",
            Self::Xml => "application/problem+xml",
            Self::Text => "text/plain; charset=utf-8",
        })
    }
}

/// A format under the name that it is sent by.
#[derive(Clone, Debug)]
pub(super) struct Typed {
    pub(super) format: Format,
    pub(super) content_type: HeaderValue,
    escape: Escape,
}

impl Typed {
    pub(super) fn new(content_type: HeaderValue) -> Self {
        let escape = content_type.to_str().map_or(Escape::Text, Escape::for_content_type);
        let format = match escape {
            Escape::Json => Format::Json,
            Escape::Xml => Format::Xml,
            Escape::Html | Escape::Text | Escape::Header => Format::Text,
        };
        Self { format, content_type, escape }
    }

    pub(super) fn body(&self, values: &Values, out: &mut Vec<u8>) {
        match self.format {
            Format::Json => json(values, out),
            Format::Xml => xml(values, out),
            Format::Text => text(values, self.escape, out),
        }
    }
}

fn json(values: &Values, out: &mut Vec<u8>) {
    let mut body = Body { escape: Escape::Json, out };
    body.put("{\"type\":\"", values.error_type, "\"");
    body.put(",\"title\":\"", values.error_title, "\"");
    body.number(",\"status\":", values.error_status, "");
    body.put(",\"detail\":\"", values.error_detail, "\"");
    body.put(",\"instance\":\"urn:request:", values.request_id, "\"");
    body.put(",\"code\":\"", values.error_kind, "\"");
    if !values.error_reason.is_empty() {
        body.put(",\"reason\":\"", values.error_reason, "\"");
    }
    body.put(",\"requestId\":\"", values.request_id, "\"");
    if !values.errors.is_empty() {
        body.out.extend_from_slice(b",\"errors\":");
        errors::json(values.errors, body.out);
    }
    body.out.extend_from_slice(b"}\n");
}

/// RFC 9457, appendix B; it keeps the namespace of the RFC that it replaces.
fn xml(values: &Values, out: &mut Vec<u8>) {
    let mut body = Body { escape: Escape::Xml, out };
    body.put("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<problem xmlns=\"urn:ietf:rfc:7807\">", "", "");
    body.put("<type>", values.error_type, "</type>");
    body.put("<title>", values.error_title, "</title>");
    body.number("<status>", values.error_status, "</status>");
    body.put("<detail>", values.error_detail, "</detail>");
    body.put("<instance>urn:request:", values.request_id, "</instance>");
    body.put("<code>", values.error_kind, "</code>");
    if !values.error_reason.is_empty() {
        body.put("<reason>", values.error_reason, "</reason>");
    }
    body.put("<requestId>", values.request_id, "</requestId>");
    if !values.errors.is_empty() {
        errors::xml(values.errors, body.out);
    }
    body.out.extend_from_slice(b"</problem>\n");
}

fn text(values: &Values, escape: Escape, out: &mut Vec<u8>) {
    let mut body = Body { escape, out };
    body.number("", values.error_status, " ");
    body.put("", values.error_title, "\n");
    body.put("", values.error_detail, "\n");
    body.put("code: ", values.error_kind, "\n");
    if !values.error_reason.is_empty() {
        body.put("reason: ", values.error_reason, "\n");
    }
    body.put("request: ", values.request_id, "\n");
    errors::text(values.errors, escape, body.out);
}

struct Body<'a> {
    escape: Escape,
    out: &'a mut Vec<u8>,
}

impl Body<'_> {
    fn put(&mut self, before: &str, value: &str, after: &str) {
        self.out.extend_from_slice(before.as_bytes());
        self.escape.push(value, self.out);
        self.out.extend_from_slice(after.as_bytes());
    }

    fn number(&mut self, before: &str, value: u16, after: &str) {
        // Writing to a vector does not fail.
        drop(write!(self.out, "{before}{value}{after}"));
    }
}

#[cfg(test)]
mod tests {
    use super::{Accept, Format};
    use http::HeaderValue;

    fn check(accept: &str, expected: Format) {
        let field = HeaderValue::from_str(accept).unwrap();
        assert_eq!(Format::accepted(&Accept::read([&field]), Format::Json), expected, "{accept}");
    }

    #[test]
    fn json_unless_the_client_cannot_read_it() {
        assert_eq!(Format::accepted(&Accept::read([]), Format::Json), Format::Json);
        check("", Format::Json);
        check(";;;", Format::Json);
        check("*/*", Format::Json);
        check("application/json", Format::Json);
        check("application/problem+json", Format::Json);
        check("application/vnd.acme+json;version=2", Format::Json);
        check("application/*", Format::Json);
        check("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format::Json);
        check("application/xml, application/json;q=0.1", Format::Json);
        check("image/png", Format::Json);
        check("application/json;q=0", Format::Json);
        check("application/xml", Format::Xml);
        check("text/xml", Format::Xml);
        check("application/problem+xml;q=0.2", Format::Xml);
        check("application/soap+xml, image/png", Format::Xml);
        check("application/*, application/json;q=0", Format::Xml);
        check("application/xml;q=0.5, text/plain;q=0.4", Format::Xml);
        check("application/xml, text/plain", Format::Xml);
        check("*/*, application/json;q=0", Format::Xml);
        check("text/plain", Format::Text);
        check("text/*", Format::Text);
        check("text/html", Format::Text);
        check("text/html, application/xhtml+xml", Format::Text);
        check("application/xml;q=0.4, text/plain;q=0.5", Format::Text);
    }

    #[test]
    fn the_operators_own_format_comes_first() {
        let check = |accept: &str, expected| {
            let field = HeaderValue::from_str(accept).unwrap();
            assert_eq!(Format::accepted(&Accept::read([&field]), Format::Xml), expected, "{accept}");
        };
        check("*/*", Format::Xml);
        check("application/json, application/xml;q=0.1", Format::Xml);
        check("application/json", Format::Json);
        check("text/plain", Format::Text);
        check("image/png", Format::Xml);
    }
}
