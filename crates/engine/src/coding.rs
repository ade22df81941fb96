//! Undoing content codings (RFC 9110, 8.4) of a body that the gateway has to read, never to more bytes than were allowed: a small body
//! can stand for a very large one. Upstream gets the body as it was sent.

use brotli_decompressor::{BrotliDecompressStream, BrotliResult, BrotliState, StandardAlloc};
use http::{HeaderMap, header};
use std::borrow::Cow;
use std::io::Read;

#[cfg(test)]
mod tests;

/// For `Accept-Encoding` of a 415.
pub const KNOWN: &str = "gzip, deflate, br, zstd";
/// Steps of one body. One is what anybody sends; each more multiplies what a small body can stand for.
pub const STEPS_MAX: usize = 2;
/// The window that RFC 9659 allows, as a power of two: 8 MiB. It is what a decoder has to hold beside the result.
const ZSTD_WINDOW_LOG_MAX: u32 = 23;
const BROTLI_CHUNK_BYTES: usize = 16 * 1024;

/// One step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coding {
    Gzip,
    /// The zlib format, as the RFC has it; raw deflate, which some old clients send, is broken data.
    Deflate,
    Brotli,
    Zstd,
}

/// What `Content-Encoding` says, in the order in which it was applied. Empty for a plain body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Codings(arrayvec::ArrayVec<Coding, STEPS_MAX>);

/// Why a field cannot be followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unsupported {
    Unknown,
    TooMany,
}

/// Why a body cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Not what the coding says, or it ends early, or something stands behind it.
    Broken,
    /// At some step it would be longer than allowed.
    TooLarge,
}

impl Codings {
    pub fn of(headers: &HeaderMap) -> Result<Self, Unsupported> {
        let mut steps = arrayvec::ArrayVec::new();
        for value in headers.get_all(header::CONTENT_ENCODING) {
            let value = value.to_str().map_err(|_| Unsupported::Unknown)?;
            for word in value.split(',').map(|word| word.trim_matches([' ', '\t'])).filter(|word| !word.is_empty()) {
                if let Some(step) = Coding::named(word)? {
                    steps.try_push(step).map_err(|_| Unsupported::TooMany)?;
                }
            }
        }
        Ok(Self(steps))
    }

    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.is_empty()
    }

    /// The bytes as they were before any coding; no step may come to more than `bytes_max`.
    pub fn undo<'b>(&self, body: &'b [u8], bytes_max: usize) -> Result<Cow<'b, [u8]>, Fault> {
        let mut bytes = Cow::Borrowed(body);
        for step in self.0.iter().rev() {
            bytes = Cow::Owned(step.undo(&bytes, bytes_max)?);
        }
        Ok(bytes)
    }
}

impl Coding {
    /// None for `identity`, which changes nothing.
    fn named(word: &str) -> Result<Option<Self>, Unsupported> {
        const NAMES: [(&str, Option<Coding>); 7] = [
            ("gzip", Some(Coding::Gzip)),
            ("x-gzip", Some(Coding::Gzip)),
            ("deflate", Some(Coding::Deflate)),
            ("br", Some(Coding::Brotli)),
            ("zstd", Some(Coding::Zstd)),
            ("identity", None),
            ("", None),
        ];
        let found = NAMES.iter().find(|(name, _)| name.eq_ignore_ascii_case(word));
        found.map(|(_, coding)| *coding).ok_or(Unsupported::Unknown)
    }

    fn undo(self, body: &[u8], bytes_max: usize) -> Result<Vec<u8>, Fault> {
        match self {
            Self::Gzip => whole(&mut flate2::bufread::MultiGzDecoder::new(body), bytes_max),
            Self::Deflate => {
                let mut decoder = flate2::bufread::ZlibDecoder::new(body);
                let bytes = whole(&mut decoder, bytes_max)?;
                nothing_behind(decoder.into_inner())?;
                Ok(bytes)
            }
            Self::Brotli => brotli(body, bytes_max),
            Self::Zstd => {
                let mut decoder = zstd::stream::read::Decoder::with_buffer(body).map_err(|_| Fault::Broken)?;
                decoder.window_log_max(ZSTD_WINDOW_LOG_MAX).map_err(|_| Fault::Broken)?;
                whole(&mut decoder, bytes_max)
            }
        }
    }
}

/// One byte more than is allowed is read, and no further.
fn whole(decoder: &mut impl Read, bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let mut bytes = Vec::new();
    let limit = u64::try_from(bytes_max).unwrap_or(u64::MAX).saturating_add(1);
    decoder.take(limit).read_to_end(&mut bytes).map_err(|_| Fault::Broken)?;
    if bytes.len() > bytes_max { Err(Fault::TooLarge) } else { Ok(bytes) }
}

fn nothing_behind(rest: &[u8]) -> Result<(), Fault> {
    if rest.is_empty() { Ok(()) } else { Err(Fault::Broken) }
}

/// By hand: the reader that comes with the crate does not tell what stands behind the data.
fn brotli(body: &[u8], bytes_max: usize) -> Result<Vec<u8>, Fault> {
    let new = StandardAlloc::default;
    let mut state = BrotliState::new(new(), new(), new());
    let mut chunk = vec![0; BROTLI_CHUNK_BYTES];
    let mut bytes = Vec::new();
    let (mut left, mut at, mut total) = (body.len(), 0, 0);
    loop {
        let (mut room, mut filled) = (chunk.len(), 0);
        let result = BrotliDecompressStream(
            &mut left,
            &mut at,
            body,
            &mut room,
            &mut filled,
            &mut chunk,
            &mut total,
            &mut state,
        );
        bytes.extend_from_slice(chunk.get(..filled).unwrap_or_default());
        if bytes.len() > bytes_max {
            return Err(Fault::TooLarge);
        }
        match result {
            BrotliResult::ResultSuccess => break,
            BrotliResult::NeedsMoreOutput => {}
            BrotliResult::NeedsMoreInput | BrotliResult::ResultFailure => return Err(Fault::Broken),
        }
    }
    nothing_behind(body.get(at..).unwrap_or_default())?;
    Ok(bytes)
}
