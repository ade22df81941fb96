//! The name of each request: in which field it travels, and whose word for it counts.

use crate::raw::{RawConfig, RequestIdAccept};
use engine::snapshot::{AcceptRequestId, RequestIdRules};
use http::HeaderName;

pub(super) fn rules(raw: &RawConfig) -> RequestIdRules {
    let header = raw.request_id.header.as_ref().map(|name| name.get().clone());
    RequestIdRules {
        header: header.unwrap_or(HeaderName::from_static("x-request-id")),
        accept: match raw.request_id.accept {
            RequestIdAccept::Always => AcceptRequestId::Always,
            RequestIdAccept::Trusted => AcceptRequestId::Trusted,
            RequestIdAccept::Never => AcceptRequestId::Never,
        },
    }
}
