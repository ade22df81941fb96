//! Whether an answer is compressed, and with what. Knows the heads of both sides, no body and no codec.
//!
//! What could have been compressed for another client says `Vary: Accept-Encoding`, whatever this one gets.

mod accept;
#[cfg(test)]
mod tests;

pub use accept::negotiate;

use crate::transform::OF_THE_BYTES;
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Zstd,
    Brotli,
    Gzip,
}

impl Coding {
    /// As `Content-Encoding` has it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Zstd => "zstd",
            Self::Brotli => "br",
            Self::Gzip => "gzip",
        }
    }
}

/// What a route compresses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compression {
    /// Those that are offered; among those that a client likes equally the first one counts.
    pub codings: Box<[Coding]>,
    /// Media types in lower case; `text/*` is every subtype but the event stream.
    pub types: Box<[Box<str>]>,
    /// Smaller bodies are not worth it. What announces no length counts as large.
    pub bytes_min: u64,
    /// 1 to 9.
    pub level: u8,
}

/// The request that an answer belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub method: &'a Method,
    pub version: Version,
    pub headers: &'a HeaderMap,
}

impl Compression {
    /// Changes the head of a final answer; what is returned has to be done to its body, if it has one.
    pub fn apply(&self, asked: Asked<'_>, status: StatusCode, headers: &mut HeaderMap) -> Option<Coding> {
        if status == StatusCode::NOT_MODIFIED {
            self.confirm(asked, headers);
            return None;
        }
        if !self.concerns(asked, status, headers) {
            return None;
        }
        vary(headers);
        // HTTP/1.0 knows no chunks, and the length is not known beforehand.
        let coding = if asked.version < Version::HTTP_11 { None } else { negotiate(asked.headers, &self.codings) }?;
        let tag = headers.get(header::ETAG).and_then(weakened);
        for name in &OF_THE_BYTES {
            headers.remove(name);
        }
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static(coding.name()));
        if let Some(tag) = tag {
            headers.insert(header::ETAG, tag);
        }
        Some(coding)
    }

    /// Whether some client could get it compressed.
    fn concerns(&self, asked: Asked<'_>, status: StatusCode, headers: &HeaderMap) -> bool {
        let bodiless = status.is_informational() || matches!(status.as_u16(), 204..=206);
        if bodiless || headers.contains_key(header::CONTENT_RANGE) || is_encoded(headers) {
            return false;
        }
        // RFC 9111, 5.2.1.6 and 5.2.2.6.
        if forbids(asked.headers) || forbids(headers) {
            return false;
        }
        let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
        // What HEAD is told must be what GET is told: both are told a length, or neither is.
        if length.is_some_and(|length| length < self.bytes_min.max(1)) {
            return false;
        }
        let content_type = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
        content_type.is_some_and(|content_type| self.takes(content_type))
    }

    fn takes(&self, content_type: &str) -> bool {
        let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        self.types.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some("*/") => essence != EVENT_STREAM,
            Some(range) => essence.starts_with(range) && essence != EVENT_STREAM,
            None => **pattern == *essence,
        })
    }

    /// 304 confirms what the client has under the tag that it has it by (RFC 9110, 15.4.5).
    fn confirm(&self, asked: Asked<'_>, headers: &mut HeaderMap) {
        if self.codings.is_empty() {
            return;
        }
        vary(headers);
        let Some(weak) = headers.get(header::ETAG).and_then(weakened) else { return };
        let mut known = asked.headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|tags| tags.to_str().ok());
        let weak_text = weak.to_str().unwrap_or_default();
        if known.any(|tags| tags.split(',').any(|tag| tag.trim() == weak_text)) {
            headers.insert(header::ETAG, weak);
        }
    }
}

/// Endless, and made of small pieces: compressed only where it is named.
const EVENT_STREAM: &str = "text/event-stream";

fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get_all(header::CONTENT_ENCODING).iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"identity"))
}

fn forbids(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(header::CACHE_CONTROL).iter().filter_map(|value| value.to_str().ok());
    let mut directives = lines.flat_map(|line| line.split(','));
    directives.any(|directive| directive.trim().eq_ignore_ascii_case("no-transform"))
}

/// The bytes are others now, what they mean is the same (RFC 9110, 8.8.1). None where it is weak already.
fn weakened(tag: &HeaderValue) -> Option<HeaderValue> {
    if tag.as_bytes().starts_with(b"W/") {
        return Some(tag.clone());
    }
    HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat()).ok()
}

/// Adds `Accept-Encoding` to `Vary` unless it is there, or `*` is.
pub fn vary(headers: &mut HeaderMap) {
    const ACCEPT_ENCODING: HeaderName = header::ACCEPT_ENCODING;
    let mut lines = headers.get_all(header::VARY).iter().filter_map(|value| value.to_str().ok());
    let is_said = |name: &str| name == "*" || name.eq_ignore_ascii_case(ACCEPT_ENCODING.as_str());
    if !lines.any(|line| line.split(',').any(|name| is_said(name.trim()))) {
        // A head that is full of fields already stays as it is.
        let _ = headers.try_append(header::VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    }
}
