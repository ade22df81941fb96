//! `compression`: which answers, and with what.

use engine::compression::{Coding, Compression};

use super::desk::Desk;
use crate::diagnostic::Code;
use crate::raw;
use crate::text::{MediaType, Size};

const TYPES: [&str; 9] = [
    "application/json",
    "application/problem+json",
    "application/ld+json",
    "application/xml",
    "application/problem+xml",
    "application/javascript",
    "application/manifest+json",
    "image/svg+xml",
    "text/*",
];
const BYTES_MIN: u64 = 1_024;
const LEVEL: u8 = 4;

/// None where nothing is offered: then the route is as one without compression.
pub(super) fn compile(raw: &raw::Compression, at: &str, desk: &mut Desk<'_>) -> Option<Box<Compression>> {
    let coding = |algorithm: &raw::CompressionAlgorithm| match algorithm {
        raw::CompressionAlgorithm::Zstd => Coding::Zstd,
        raw::CompressionAlgorithm::Br => Coding::Brotli,
        raw::CompressionAlgorithm::Gzip => Coding::Gzip,
    };
    let mut codings: Vec<Coding> = Vec::new();
    match &raw.algorithms {
        None => codings = vec![Coding::Zstd, Coding::Brotli, Coding::Gzip],
        Some(algorithms) => {
            for (index, algorithm) in algorithms.iter().map(coding).enumerate() {
                if codings.contains(&algorithm) {
                    let message = format!("`{}` is offered twice", algorithm.name());
                    desk.error(Code::DuplicateName, &format!("{at}/algorithms/{index}"), message, "remove one of them");
                }
                codings.push(algorithm);
            }
        }
    }
    let types = match &raw.types {
        None => TYPES.iter().map(|name| (*name).into()).collect(),
        Some(types) => types.iter().map(|name| MediaType::as_str(name).to_ascii_lowercase().into()).collect(),
    };
    (!codings.is_empty()).then(|| {
        Box::new(Compression {
            codings: codings.into(),
            types,
            bytes_min: raw.bytes_min.map_or(BYTES_MIN, Size::bytes),
            level: raw.level.unwrap_or(LEVEL),
        })
    })
}
