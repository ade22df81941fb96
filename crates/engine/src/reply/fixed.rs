//! A route's own answer: status, headers and body as the config has them, with the same variables as errors.

use super::Reply;
use super::headers::Line;
use crate::template::{Template, Values};
use http::header::{self, HeaderName, HeaderValue};
use std::sync::Arc;

/// What a route answers instead of an upstream.
#[derive(Debug)]
pub struct FixedResponse {
    status: u16,
    content_type: Option<HeaderValue>,
    lines: Vec<Line>,
    body: FixedBody,
}

#[derive(Debug)]
pub enum FixedBody {
    None,
    Template(Template),
    /// Of a file: sent as it is.
    Bytes(Arc<[u8]>),
}

impl FixedResponse {
    /// `content_type` is left out where there is no body. Headers that belong to the writer of a message are dropped; the config says so.
    #[must_use]
    pub fn new(status: u16, content_type: HeaderValue, headers: Vec<(HeaderName, Template)>, body: FixedBody) -> Self {
        let content_type = match &body {
            FixedBody::None => None,
            FixedBody::Template(_) | FixedBody::Bytes(_) => Some(content_type),
        };
        Self { status, content_type, lines: headers.into_iter().filter_map(Line::new).collect(), body }
    }

    #[must_use]
    pub fn reply(&self, values: &Values) -> Reply {
        let mut headers = Vec::with_capacity(self.lines.len().saturating_add(4));
        headers.extend(self.content_type.iter().map(|value| (header::CONTENT_TYPE, value.clone())));
        let own_sniffing = self.lines.iter().any(|line| line.name == header::X_CONTENT_TYPE_OPTIONS);
        if self.content_type.is_some() && !own_sniffing {
            headers.push((header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")));
        }
        headers.extend(self.lines.iter().filter_map(|line| Some((line.name.clone(), line.value(values)?))));
        let mut body = Vec::new();
        match &self.body {
            FixedBody::None => {}
            FixedBody::Template(template) => template.render(values, &mut body),
            FixedBody::Bytes(bytes) => body.extend_from_slice(bytes),
        }
        Reply { status: self.status, headers, body }
    }
}
