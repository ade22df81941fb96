//! Compressing a body piece by piece. What has been written comes out with every piece, so that a slow stream is never stuck in here.

use brotli::CompressorWriter;
use bytes::Bytes;
use engine::compression::Coding;
use flate2::Compression;
use flate2::write::GzEncoder;
use std::io::{Result, Write};
use std::sync::Mutex;

/// The window of Brotli and Zstandard, as a power of two: 256 KiB. It bounds what one answer holds.
const WINDOW_LOG: u32 = 18;
/// What Brotli takes in before it works.
const BROTLI_BUFFER_BYTES: usize = 4 * 1024;

pub(crate) enum Encoder {
    Gzip(GzEncoder<Vec<u8>>),
    /// Taken when the body ends.
    Brotli(Option<Box<CompressorWriter<Vec<u8>>>>),
    // The library's type is not `Sync`; it is never locked by two.
    Zstd(Mutex<zstd::Encoder<'static, Vec<u8>>>),
}

impl Encoder {
    /// `level` is 1 to 9, and means about the same to all three.
    pub(crate) fn new(coding: Coding, level: u8) -> Result<Self> {
        Ok(match coding {
            Coding::Gzip => Self::Gzip(GzEncoder::new(Vec::new(), Compression::new(u32::from(level)))),
            Coding::Brotli => {
                let writer = CompressorWriter::new(Vec::new(), BROTLI_BUFFER_BYTES, u32::from(level), WINDOW_LOG);
                Self::Brotli(Some(Box::new(writer)))
            }
            Coding::Zstd => {
                let mut encoder = zstd::Encoder::new(Vec::new(), i32::from(level))?;
                encoder.window_log(WINDOW_LOG)?;
                Self::Zstd(Mutex::new(encoder))
            }
        })
    }

    /// All that `piece` becomes; with `ends`, all that there is.
    pub(crate) fn push(&mut self, piece: &[u8], ends: bool) -> Result<Bytes> {
        let out = match self {
            Self::Gzip(encoder) => {
                encoder.write_all(piece)?;
                if ends {
                    encoder.try_finish()?;
                } else if !piece.is_empty() {
                    encoder.flush()?;
                }
                std::mem::take(encoder.get_mut())
            }
            Self::Brotli(slot) => match slot {
                None => Vec::new(),
                Some(writer) => {
                    writer.write_all(piece)?;
                    if ends {
                        slot.take().map(|writer| writer.into_inner()).unwrap_or_default()
                    } else {
                        if !piece.is_empty() {
                            writer.flush()?;
                        }
                        std::mem::take(writer.get_mut())
                    }
                }
            },
            Self::Zstd(encoder) => {
                let encoder = encoder.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
                encoder.write_all(piece)?;
                if ends {
                    encoder.do_finish()?;
                } else if !piece.is_empty() {
                    encoder.flush()?;
                }
                std::mem::take(encoder.get_mut())
            }
        };
        Ok(out.into())
    }
}

#[cfg(test)]
mod tests {
    use super::Encoder;
    use engine::compression::Coding;
    use std::io::Read;

    const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Brotli, Coding::Gzip];

    /// What a reader that never sees the end makes of it.
    fn so_far(coding: Coding, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let mut reader: Box<dyn Read> = match coding {
            Coding::Gzip => Box::new(flate2::read::GzDecoder::new(bytes)),
            Coding::Brotli => Box::new(brotli::Decompressor::new(bytes, 4096)),
            Coding::Zstd => Box::new(zstd::Decoder::new(bytes).unwrap()),
        };
        let mut buffer = [0; 512];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            out.extend_from_slice(&buffer[..count]);
        }
        out
    }

    #[test]
    fn every_piece_can_be_read_at_once() {
        for coding in CODINGS {
            for level in [1, 4, 9] {
                let mut encoder = Encoder::new(coding, level).unwrap();
                let (mut sent, mut expected) = (Vec::new(), Vec::new());
                for piece in ["data: 1\n\n", "", "data: 2\n\n", &"x".repeat(100_000), "end"] {
                    sent.extend_from_slice(&encoder.push(piece.as_bytes(), false).unwrap());
                    expected.extend_from_slice(piece.as_bytes());
                    assert!(so_far(coding, &sent) == expected, "{coding:?} {level}");
                }
                sent.extend_from_slice(&encoder.push(b"", true).unwrap());
                assert!(so_far(coding, &sent) == expected, "{coding:?} {level}");
            }
        }
    }

    #[test]
    fn an_end_without_a_beginning_is_an_empty_body() {
        for coding in CODINGS {
            let sent = Encoder::new(coding, 4).unwrap().push(b"", true).unwrap();
            assert!(!sent.is_empty() && so_far(coding, &sent).is_empty(), "{coding:?}");
        }
    }
}
