//! What time it is. The one place of limits and engine that asks a clock; everything else takes a [`Now`] as an argument.

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// One reading of both clocks, taken once and handed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Nanoseconds on a clock that never goes back, from an arbitrary start. For rates and deadlines.
    pub monotonic_ns: u64,
    /// Milliseconds since 1970-01-01T00:00:00Z. For calendars, tokens and logs.
    pub unix_ms: u64,
}

impl Now {
    /// A point in time for tests and `explain --at`: both clocks read the same.
    #[must_use]
    pub const fn at_unix_seconds(seconds: u64) -> Self {
        Self { monotonic_ns: seconds.saturating_mul(1_000_000_000), unix_ms: seconds.saturating_mul(1_000) }
    }

    /// The same point, `later` on both clocks.
    #[must_use]
    pub fn plus(self, later: Duration) -> Self {
        let nanoseconds = u64::try_from(later.as_nanos()).unwrap_or(u64::MAX);
        let milliseconds = u64::try_from(later.as_millis()).unwrap_or(u64::MAX);
        Self {
            monotonic_ns: self.monotonic_ns.saturating_add(nanoseconds),
            unix_ms: self.unix_ms.saturating_add(milliseconds),
        }
    }

    #[must_use]
    pub const fn unix_seconds(self) -> u64 {
        self.unix_ms / 1_000
    }

    /// How long ago `earlier` was; zero if it lies ahead.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.monotonic_ns.saturating_sub(earlier.monotonic_ns))
    }
}

/// Reads both clocks.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one caller that the lint sends everybody to")]
pub fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    // A day ahead of zero, so that "an hour ago" exists on a process that has just begun.
    const HEAD_START: Duration = Duration::from_secs(24 * 60 * 60);
    let start = *START.get_or_init(Instant::now);
    let monotonic = start.elapsed().saturating_add(HEAD_START);
    let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Now {
        monotonic_ns: u64::try_from(monotonic.as_nanos()).unwrap_or(u64::MAX),
        unix_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX),
    }
}
