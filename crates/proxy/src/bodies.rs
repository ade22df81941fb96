//! What a request holds of its bodies while they are read, changed or compressed. What becomes of them is said in `phase`.

use crate::encoder::Encoder;
use crate::held::Share;
use crate::installed::Installed;
use bytes::Bytes;
use engine::denial::Denial;
use engine::policy::reading::{Reading, Wanted};
use engine::reason::Reason;
use http::{HeaderMap, StatusCode};
use std::time::Duration;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// How far the body of a request that has one to be read has come.
#[derive(Debug)]
pub(crate) enum Content {
    /// Judged; what comes through the filter may pass. The share is kept as long as Pingora holds the bytes: to the end of the request.
    Passed {
        _share: Option<Share>,
    },
    Held(Held),
    /// In dry run, given up: this much was taken in and nobody has passed it on.
    Unsent(Vec<u8>),
}

#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) wanted: Wanted,
    pub(crate) bytes: Vec<u8>,
    /// How many of them upstream has got: more than none in dry run only.
    pub(crate) sent: usize,
    /// The beginning was read before upstream was contacted, and Pingora no longer has it.
    pub(crate) has_prefix: bool,
    pub(crate) share: Share,
}

impl Held {
    /// All of the bytes or none of them.
    pub(crate) fn take_up(&mut self, reading: &Reading, bytes: &[u8], installed: &Installed) -> Result<(), Denial> {
        self.grow(bytes.len(), installed)?;
        reading.push(&mut self.bytes, bytes)
    }

    pub(crate) fn grow(&mut self, bytes: usize, installed: &Installed) -> Result<(), Denial> {
        let bytes_max = installed.snapshot.intake.held_body_bytes_max;
        self.share.grow(bytes, bytes_max).map_err(|_| full(format!("{bytes_max} bytes are all that may be held")))
    }

    /// What upstream has not got yet.
    pub(crate) fn unsent(&mut self) -> Bytes {
        let unsent = Bytes::copy_from_slice(self.bytes.get(self.sent..).unwrap_or_default());
        self.sent = self.bytes.len();
        unsent
    }
}

/// What has to be done to the bodies of one exchange.
#[derive(Default)]
pub(crate) struct Reshaping {
    pub(crate) request: Option<HeldRequest>,
    pub(crate) answer: Option<HeldAnswer>,
    pub(crate) encoder: Option<Encoder>,
}

/// What has arrived of a body so far, and its share in what all requests hold.
#[derive(Default)]
pub(crate) struct Gathered {
    pub(crate) bytes: Vec<u8>,
    pub(crate) share: Option<Share>,
}

/// A body that is to be changed.
pub(crate) enum HeldRequest {
    Arriving(Gathered),
    /// Changed already.
    Ready(Bytes),
}

/// A body that is held until it is whole.
pub(crate) struct HeldAnswer {
    pub(crate) held: Gathered,
    /// The head as upstream sent it, where values may be taken from it.
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
}

impl Gathered {
    /// The share is counted from the first piece on.
    pub(crate) fn take_up(&mut self, piece: &[u8], installed: &Installed) -> Result<(), Denial> {
        let bytes_max = installed.snapshot.intake.held_body_bytes_max;
        let grown = self.share.as_mut().map_or(Ok(()), |share| share.grow(piece.len(), bytes_max));
        grown.map_err(|_| full(format!("{bytes_max} bytes are all that may be held")))?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}

pub(crate) fn full(text: String) -> Denial {
    Denial::new(Reason::BodyBufferFull).because(text).retry_after(RETRY_AFTER)
}
