//! What came of asking an auth service.

use crate::denial::{Detail, Passed, PassedBody};
use crate::names::Name;
use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::sync::Arc;

/// Bytes of a refusal's body that are passed to the client; a longer one is replaced by the gateway's own.
pub const BODY_BYTES_MAX: usize = 64 * 1024;

/// What came of asking.
#[derive(Clone, Debug)]
pub enum ServiceAnswer {
    Answered(ServiceReply),
    /// Not reached, or no HTTP, or broken off; says what happened.
    Failed(Box<str>),
    TimedOut(Box<str>),
    /// Not asked: enough are waiting for it already.
    Busy,
}

/// The service's answer, complete.
#[derive(Clone, Debug, Default)]
pub struct ServiceReply {
    pub status: u16,
    pub headers: HeaderMap,
    /// Of a refusal; empty if it was longer than [`BODY_BYTES_MAX`].
    pub body: Vec<u8>,
}

impl ServiceReply {
    pub(super) fn passed(self, service: Name, let_through: &[HeaderName]) -> Detail {
        let Self { status, headers, body } = self;
        let named = let_through.iter().filter(|name| **name != header::CONTENT_TYPE);
        let named = named.flat_map(|name| headers.get_all(name).iter().map(|value| (name.clone(), value.clone())));
        let named = named.collect();
        // An encoding that the client is not told of makes the body unreadable.
        let is_plain = !headers.contains_key(header::CONTENT_ENCODING);
        let body = (is_plain && !body.is_empty()).then(|| PassedBody {
            content_type: headers.get(header::CONTENT_TYPE).cloned().unwrap_or(UNKNOWN_TYPE),
            bytes: body,
        });
        Detail::Passed(Arc::new(Passed { service, status, headers: named, body }))
    }
}

const UNKNOWN_TYPE: HeaderValue = HeaderValue::from_static("application/octet-stream");
