//! Where a credential is carried, and how it is found there. Shared by API keys and tokens.

use http::HeaderName;

/// The place that the config names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    Header(HeaderName),
    Query(String),
    Cookie(String),
}
