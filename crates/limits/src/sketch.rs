//! Rates of callers that have no meter of their own: counts in a count-min sketch, for two windows. It never counts too little, so it
//! never lets more through than it says; callers that share all of their cells are counted together and may be refused too early.
//!
//! Of `pingora-limits` only the [`Estimator`] is used. Its `Rate` forgets everything at the end of a window (twice the limit passes at
//! the edge), knows nothing in its first one, counts what was refused, asks the clock itself and clears early when two threads meet at
//! the end of a window. Here the window before fades out as the present one goes by, `now` is an argument, only what was granted
//! counts, and whoever calls holds the lock.
//!
//! A caller within its rate and burst never makes more than `burst + rate × window` requests in any window, and the estimate of such a
//! caller never exceeds that, wherever in the windows its requests fell: that is the limit here. The window is one to two times as
//! long as a whole burst takes to drain, so a greedy caller gets at most three bursts at once and at most twice the sustained rate; of
//! bursts that drain in less than [`WINDOW_MIN_NS`] one burst and a second's requests.

use std::fmt;
use std::time::Duration;

use pingora_limits::estimator::Estimator;

use crate::bucket::{REQUEST_UNITS, Rate, Take, Taken};
use crate::keyed::Key;

/// With as many callers as a third of the slots, (1 - e^(-1/3))^6 = 0.05 % of them share all their cells with others.
const HASHES: usize = 6;
const SLOTS_PER_KEY: usize = 3;
const SLOTS_MIN: usize = 64;

/// The shortest window.
const WINDOW_MIN_NS: u64 = 1_000_000_000;
/// Windows are the shortest one times a power of two; the longest is three days.
pub(crate) const WINDOWS: usize = 19;
/// No caller comes near: the arithmetic below has to fit 128 bits.
const COUNT_MAX: u128 = 1 << 32;

/// One window's length for callers of any rate that goes with it.
pub(crate) struct Sketch {
    window_ns: u64,
    /// Which window `present` is about.
    number: u64,
    present: Half,
    before: Half,
}

/// What one window has counted.
struct Half {
    counts: Estimator,
    slots: usize,
    is_blank: bool,
}

/// A key's counts, in requests.
#[derive(Clone, Copy)]
struct Counts {
    before: u128,
    present: u128,
    /// How much of the present window has passed.
    into_ns: u64,
}

/// Which of the [`WINDOWS`] a rate is counted in: the shortest one in which its whole burst drains.
pub(crate) fn window_of(rate: Rate) -> usize {
    let drain_ns = rate.burst_units().checked_div(rate.milli_per_second()).unwrap_or(u64::MAX);
    let windows = drain_ns.div_ceil(WINDOW_MIN_NS).max(1);
    let log2 = windows.checked_next_power_of_two().map_or(u32::MAX, u64::trailing_zeros);
    usize::try_from(log2).unwrap_or(usize::MAX).min(WINDOWS.saturating_sub(1))
}

impl Sketch {
    /// For about `keys` callers at once.
    pub(crate) fn new(window: usize, keys: usize) -> Self {
        let window_ns = WINDOW_MIN_NS.wrapping_shl(u32::try_from(window).unwrap_or_default());
        Self { window_ns, number: 0, present: Half::new(keys), before: Half::new(keys) }
    }

    /// Takes one request, and says in which window it was counted.
    pub(crate) fn take(&mut self, key: Key, rate: Rate, keys: usize, now_ns: u64) -> (Take, u64) {
        self.turn(keys, now_ns);
        let counts = self.counts(key, now_ns);
        let limit = self.limit_units(rate);
        let filled = self.units(counts).saturating_add(u128::from(REQUEST_UNITS));
        let Some(free) = limit.checked_sub(filled) else {
            return (Take::Refused { retry_after: self.retry_after(counts, limit) }, self.number);
        };
        self.present.add(key);
        let whole = free.checked_div(u128::from(REQUEST_UNITS)).unwrap_or(0);
        let remaining = u64::try_from(whole).unwrap_or(u64::MAX).min(rate.burst());
        let both = self.window_ns.saturating_mul(2).saturating_sub(counts.into_ns);
        (Take::Granted(Taken { remaining, reset_after: Duration::from_nanos(both) }), self.number)
    }

    /// Undoes one granted take that was counted in `window`; nothing if that one is no longer kept.
    pub(crate) fn give_back(&mut self, key: Key, window: u64) {
        if window == self.number {
            self.present.counts.decr(key.to_u128(), 1);
        } else if window.checked_add(1) == Some(self.number) {
            self.before.counts.decr(key.to_u128(), 1);
        }
    }

    /// What a meter would hold at least, after what was counted here: what a caller takes along that gets a meter of its own.
    pub(crate) fn level_units(&mut self, key: Key, rate: Rate, keys: usize, now_ns: u64) -> u64 {
        self.turn(keys, now_ns);
        let drained = u128::from(rate.milli_per_second()).saturating_mul(u128::from(self.window_ns));
        u64::try_from(self.units(self.counts(key, now_ns)).saturating_sub(drained)).unwrap_or(u64::MAX)
    }

    /// Goes on to the window that `now_ns` lies in. Never back: a thread that read its clock before it got the lock counts in the
    /// present one.
    fn turn(&mut self, keys: usize, now_ns: u64) {
        let number = now_ns.checked_div(self.window_ns).unwrap_or(0);
        if number <= self.number {
            return;
        }
        if number.checked_sub(1) != Some(self.number) {
            self.present.clear(keys);
        }
        std::mem::swap(&mut self.present, &mut self.before);
        self.present.clear(keys);
        self.number = number;
    }

    fn counts(&self, key: Key, now_ns: u64) -> Counts {
        let began_ns = self.number.saturating_mul(self.window_ns);
        let into_ns = now_ns.saturating_sub(began_ns).min(self.window_ns);
        Counts { before: self.before.of(key), present: self.present.of(key), into_ns }
    }

    /// The window before counts by the part of it that lies within one window's length of now.
    fn units(&self, Counts { before, present, into_ns }: Counts) -> u128 {
        let left_ns = u128::from(self.window_ns.saturating_sub(into_ns));
        let faded = in_units(before).saturating_mul(left_ns).checked_div(u128::from(self.window_ns)).unwrap_or(0);
        faded.saturating_add(in_units(present))
    }

    fn limit_units(&self, rate: Rate) -> u128 {
        let sustained = u128::from(rate.milli_per_second()).saturating_mul(u128::from(self.window_ns));
        sustained.saturating_add(u128::from(rate.burst_units()))
    }

    /// When the estimate will have fallen by enough, if nobody adds to it: in this window as the one before fades, or in the next one
    /// as this one does.
    fn retry_after(&self, counts: Counts, limit: u128) -> Duration {
        let most = limit.saturating_sub(u128::from(REQUEST_UNITS));
        let window_ns = u128::from(self.window_ns);
        // How far into a window `fading` has to be, to be `rest` at most.
        let fades_ns = |fading: u128, rest: u128| {
            let kept = rest.saturating_mul(window_ns).checked_div(in_units(fading)).unwrap_or(window_ns);
            window_ns.saturating_sub(kept)
        };
        let into_ns = u128::from(counts.into_ns);
        let wait_ns = match most.checked_sub(in_units(counts.present)) {
            Some(rest) => fades_ns(counts.before, rest).saturating_sub(into_ns),
            None => window_ns.saturating_sub(into_ns).saturating_add(fades_ns(counts.present, most)),
        };
        Duration::from_nanos(u64::try_from(wait_ns).unwrap_or(u64::MAX).max(1))
    }
}

impl Half {
    fn new(keys: usize) -> Self {
        let slots = keys.saturating_mul(SLOTS_PER_KEY).max(SLOTS_MIN);
        Self { counts: Estimator::new(HASHES, slots), slots, is_blank: true }
    }

    /// Forgets everything; anew if the number of callers that it is meant for has changed.
    fn clear(&mut self, keys: usize) {
        if self.slots != keys.saturating_mul(SLOTS_PER_KEY).max(SLOTS_MIN) {
            *self = Self::new(keys);
        } else if !self.is_blank {
            self.counts.reset();
            self.is_blank = true;
        }
    }

    fn add(&mut self, key: Key) {
        self.counts.incr(key.to_u128(), 1);
        self.is_blank = false;
    }

    fn of(&self, key: Key) -> u128 {
        if self.is_blank { 0 } else { u128::try_from(self.counts.get(key.to_u128())).unwrap_or(0).min(COUNT_MAX) }
    }
}

fn in_units(requests: u128) -> u128 {
    requests.saturating_mul(u128::from(REQUEST_UNITS))
}

impl fmt::Debug for Sketch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { window_ns, number, present, before: _ } = self;
        let mut shown = formatter.debug_struct("Sketch");
        shown.field("window_ns", window_ns).field("number", number).field("slots", &present.slots);
        shown.finish_non_exhaustive()
    }
}

#[cfg(test)]
#[path = "sketch/tests.rs"]
mod tests;
