//! `compression` of a route: which answers are compressed, and with what.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::text::{MediaType, Size};

/// Which answers are compressed for clients that ask for it. `{}` is all of the defaults; `{ algorithms: [] }` is none.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Compression {
    /// What is offered; of those that a client likes equally, the first. All three by default.
    pub algorithms: Option<Vec<CompressionAlgorithm>>,
    /// The media types; `text/*` is every subtype but `text/event-stream`, which has to be named. By default JSON, XML, JavaScript,
    /// SVG and `text/*`.
    #[schemars(length(min = 1))]
    pub types: Option<Vec<MediaType>>,
    /// Smaller answers stay as they are; those that announce no length count as large. 1KiB by default.
    pub bytes_min: Option<Size>,
    /// From 1, quick, to 9, small. 4 by default.
    #[schemars(range(min = 1, max = 9))]
    pub level: Option<u8>,
}

/// A content coding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum CompressionAlgorithm {
    /// Zstandard (RFC 8878).
    Zstd,
    /// Brotli (RFC 7932).
    Br,
    /// gzip (RFC 1952).
    Gzip,
}
