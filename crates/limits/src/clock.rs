//! What time it is. The one place of limits and engine that asks a clock; everything else takes a [`Now`] as an argument.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
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

/// How old the last look at the calendar clock may be. A step of that clock (NTP, an operator) shows this much later.
const CALENDAR_AGE_NS_MAX: u64 = 100_000_000;

/// What time it is on both clocks. Reads the monotonic one; the calendar clock is asked anew every 100 ms and extrapolated between,
/// because each reading is a call that a request makes several times.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "this is the one caller that the lint sends everybody to")]
pub fn now() -> Now {
    static START: OnceLock<Instant> = OnceLock::new();
    /// Of the last look at the calendar clock, on the monotonic one.
    static LOOKED_NS: AtomicU64 = AtomicU64::new(0);
    /// From the monotonic clock to the calendar clock.
    static AHEAD_NS: AtomicU64 = AtomicU64::new(0);
    // A day ahead of zero, so that "an hour ago" exists on a process that has just begun.
    const HEAD_START: Duration = Duration::from_secs(24 * 60 * 60);
    let start = *START.get_or_init(Instant::now);
    let monotonic = start.elapsed().saturating_add(HEAD_START);
    let monotonic_ns = u64::try_from(monotonic.as_nanos()).unwrap_or(u64::MAX);
    // Who sees a look sees what it found. Two threads that look at the same time find the same.
    let looked_ns = LOOKED_NS.load(Ordering::Acquire);
    let ahead_ns = if looked_ns == 0 || monotonic_ns.saturating_sub(looked_ns) > CALENDAR_AGE_NS_MAX {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let ahead_ns = u64::try_from(unix.as_nanos()).unwrap_or(u64::MAX).saturating_sub(monotonic_ns);
        AHEAD_NS.store(ahead_ns, Ordering::Relaxed);
        LOOKED_NS.store(monotonic_ns, Ordering::Release);
        ahead_ns
    } else {
        AHEAD_NS.load(Ordering::Relaxed)
    };
    Now { monotonic_ns, unix_ms: monotonic_ns.saturating_add(ahead_ns) / 1_000_000 }
}

#[cfg(test)]
mod tests {
    use super::now;
    use std::time::{Duration, SystemTime, UNIX_EPOCH};

    #[test]
    #[expect(clippy::disallowed_methods, reason = "compared with the clock itself")]
    fn the_calendar_clock_is_followed() {
        let first = now();
        for _ in 0..1_000 {
            let (before, reading, after) = (SystemTime::now(), now(), SystemTime::now());
            let unix_ms = |time: SystemTime| time.duration_since(UNIX_EPOCH).unwrap().as_millis();
            // Two milliseconds for rounding and for a clock that is being slewed.
            let slack = Duration::from_millis(2);
            assert!(u128::from(reading.unix_ms) >= unix_ms(before - slack));
            assert!(u128::from(reading.unix_ms) <= unix_ms(after + slack));
            assert!(reading.monotonic_ns >= first.monotonic_ns);
        }
    }
}
