//! How a request says it will send its body (RFC 9112, 6.3). The wire check has already refused what is ambiguous.

use crate::request::RequestHead;
use http::{HeaderMap, header};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Announced {
    None,
    Length(u64),
    Unknown,
}

impl Announced {
    #[must_use]
    pub fn of(head: &RequestHead<'_>) -> Self {
        Self::by(head.headers)
    }

    #[must_use]
    pub fn by(headers: &HeaderMap) -> Self {
        if headers.contains_key(header::TRANSFER_ENCODING) {
            return Self::Unknown;
        }
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
        match length.map(str::parse::<u64>) {
            None | Some(Ok(0)) => Self::None,
            Some(Ok(length)) => Self::Length(length),
            Some(Err(_)) => Self::Unknown,
        }
    }
}
