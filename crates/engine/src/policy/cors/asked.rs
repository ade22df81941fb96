//! What a browser asks ahead of a request (Fetch, 3.2.2).

use http::Method;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Headers that one preflight may ask for; browsers ask for a handful.
pub const NAMES_MAX: usize = 128;

/// OPTIONS with Origin and Access-Control-Request-Method: all three, or it is no preflight.
#[derive(Debug)]
pub struct Preflight<'a> {
    /// None where there are several.
    pub origin: Option<&'a HeaderValue>,
    /// Of the request that is to come.
    pub method: Method,
    /// Of the headers that it is to have beside those that any form could send. None where they are no list of names, or too many.
    pub names: Option<Vec<HeaderName>>,
}

impl<'a> Preflight<'a> {
    #[must_use]
    pub fn of(method: &Method, headers: &'a HeaderMap) -> Option<Self> {
        if *method != Method::OPTIONS || !headers.contains_key(header::ORIGIN) {
            return None;
        }
        let method = headers.get(header::ACCESS_CONTROL_REQUEST_METHOD)?;
        let method = Method::from_bytes(method.as_bytes()).ok()?;
        Some(Self { origin: origin(headers), method, names: names(headers) })
    }
}

/// The one Origin. None where there is none, and where several say different things or the same.
pub(super) fn origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    let mut lines = headers.get_all(header::ORIGIN).iter();
    match (lines.next(), lines.next()) {
        (Some(origin), None) => Some(origin),
        (Some(_), Some(_)) | (None, _) => None,
    }
}

fn names(headers: &HeaderMap) -> Option<Vec<HeaderName>> {
    let mut names = Vec::new();
    for line in headers.get_all(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        let items = line.to_str().ok()?.split(',').map(|item| item.trim_matches([' ', '\t']));
        for item in items.filter(|item| !item.is_empty()) {
            if names.len() >= NAMES_MAX {
                return None;
            }
            names.push(HeaderName::from_bytes(item.as_bytes()).ok()?);
        }
    }
    Some(names)
}
