//! What a connection's bytes tell beside what the library makes of them: whether a body is under way although no frame of it is whole,
//! and whether a client sends what never becomes a request.
//!
//! Written by the wire, read by the streams; all on tasks that need no order among these numbers.

use limits::clock::Now;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::Notify;

/// Heads on one connection that the library has not handed over: it refused them by itself, or has them still. A client that has not read our
/// settings yet may honestly begin more streams than it may have.
const LOST_HEADS_MAX: u32 = 1_000;
/// PING, SETTINGS and frames that nobody knows, within [`CONTROL_WINDOW`].
const CONTROL_FRAMES_MAX: u32 = 1_000;
const CONTROL_WINDOW: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
pub(super) struct Traffic {
    /// Streams that the library handed over.
    taken: AtomicU32,
    /// A head did not come to its end in time.
    is_late: AtomicBool,
    /// Of the DATA frame that is not whole yet; 0 is none.
    data_stream: AtomicU32,
    data_bytes: AtomicU32,
    /// When its last byte came, on the monotonic clock.
    data_ns: AtomicU64,
    is_flood: AtomicBool,
    flood: Notify,
}

/// Of a DATA frame that is not whole yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Partial {
    pub(super) bytes: usize,
    pub(super) last_ns: u64,
}

impl Traffic {
    pub(super) fn take(&self) {
        self.taken.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn be_late(&self) {
        self.is_late.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_late(&self) -> bool {
        self.is_late.load(Ordering::Relaxed)
    }

    /// `data`: of the frame that the last byte was in.
    pub(super) fn arrived(&self, data: Option<(u32, usize)>, now: Now) {
        let (stream, bytes) = data.unwrap_or_default();
        self.data_bytes.store(u32::try_from(bytes).unwrap_or(u32::MAX), Ordering::Relaxed);
        self.data_ns.store(now.monotonic_ns, Ordering::Relaxed);
        self.data_stream.store(stream, Ordering::Relaxed);
    }

    /// What has come of the next piece of this stream's body.
    pub(super) fn partial(&self, stream: u32) -> Option<Partial> {
        (self.data_stream.load(Ordering::Relaxed) == stream).then(|| Partial {
            bytes: usize::try_from(self.data_bytes.load(Ordering::Relaxed)).unwrap_or(usize::MAX),
            last_ns: self.data_ns.load(Ordering::Relaxed),
        })
    }

    /// Each request has one block of fields, or two with its trailers.
    pub(super) fn count_fields(&self, blocks: u32) {
        let known = self.taken.load(Ordering::Relaxed).saturating_mul(2);
        if blocks.saturating_sub(known) > LOST_HEADS_MAX {
            self.say_flood();
        }
    }

    fn say_flood(&self) {
        if !self.is_flood.swap(true, Ordering::Relaxed) {
            self.flood.notify_one();
        }
    }

    /// Ends when the client has sent too much of what is no request.
    pub(super) async fn flood(&self) {
        self.flood.notified().await;
    }
}

/// How many control frames came lately.
#[derive(Debug, Default)]
pub(super) struct Control {
    since_ns: u64,
    frames: u32,
}

impl Control {
    pub(super) fn count(&mut self, frames: u32, traffic: &Traffic, now: Now) {
        if now.monotonic_ns.saturating_sub(self.since_ns) > u64::try_from(CONTROL_WINDOW.as_nanos()).unwrap_or(u64::MAX)
        {
            *self = Self { since_ns: now.monotonic_ns, frames: 0 };
        }
        self.frames = self.frames.saturating_add(frames);
        if self.frames > CONTROL_FRAMES_MAX {
            traffic.say_flood();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{CONTROL_FRAMES_MAX, CONTROL_WINDOW, Control, LOST_HEADS_MAX, Partial, Traffic};
    use limits::clock::Now;
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    const START: Now = Now::at_unix_seconds(1_000);

    fn is_flood(traffic: &Traffic) -> bool {
        traffic.is_flood.load(Ordering::Relaxed)
    }

    #[test]
    fn heads_that_never_become_requests_are_a_flood() {
        let traffic = Traffic::default();
        traffic.count_fields(LOST_HEADS_MAX);
        traffic.take();
        traffic.count_fields(LOST_HEADS_MAX + 2);
        assert!(!is_flood(&traffic));
        traffic.count_fields(LOST_HEADS_MAX + 3);
        assert!(is_flood(&traffic));
    }

    #[test]
    fn control_frames_are_a_flood_only_at_once() {
        let check = |later: Duration, expected: bool| {
            let (traffic, mut control) = (Traffic::default(), Control::default());
            control.count(CONTROL_FRAMES_MAX, &traffic, START);
            assert!(!is_flood(&traffic));
            control.count(1, &traffic, START.plus(later));
            assert_eq!(is_flood(&traffic), expected, "{later:?}");
        };
        check(Duration::ZERO, true);
        check(CONTROL_WINDOW, true);
        check(CONTROL_WINDOW + Duration::from_millis(1), false);
    }

    #[test]
    fn a_piece_under_way_is_its_streams_alone() {
        let traffic = Traffic::default();
        traffic.arrived(Some((3, 100)), START);
        assert_eq!(traffic.partial(3), Some(Partial { bytes: 100, last_ns: START.monotonic_ns }));
        assert_eq!(traffic.partial(5), None);
        traffic.arrived(None, START);
        assert_eq!(traffic.partial(3), None);
    }
}
