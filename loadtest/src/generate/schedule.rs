//! When requests are due: gaps drawn from an exponential distribution, as of many clients that do not know each other.
//! The seed is fixed, so that every case gets the same arrivals.

use std::time::{Duration, Instant};

const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

pub(crate) struct Schedule {
    next: Instant,
    gap_mean_s: f64,
    state: u64,
}

impl Schedule {
    pub(crate) fn new(start: Instant, rate: u32) -> Self {
        Self { next: start, gap_mean_s: 1.0 / f64::from(rate.max(1)), state: SEED }
    }

    pub(crate) const fn next(&self) -> Instant {
        self.next
    }

    /// All that has become due by now.
    pub(crate) fn until(&mut self, now: Instant) -> impl Iterator<Item = Instant> {
        std::iter::from_fn(move || {
            let due = self.next;
            (due <= now).then(|| {
                self.next = due + self.gap();
                due
            })
        })
    }

    fn gap(&mut self) -> Duration {
        // xorshift64: its upper 32 bits are random enough for arrivals.
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        let upper = u32::try_from(self.state >> 32).unwrap_or(u32::MAX);
        let uniform = (f64::from(upper) + 1.0) / (f64::from(u32::MAX) + 1.0);
        Duration::from_secs_f64(-uniform.ln() * self.gap_mean_s)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mean_is_the_rate_and_every_schedule_the_same() {
        let start = Instant::now();
        let arrivals =
            |until_s| Schedule::new(start, 1_000).until(start + Duration::from_secs(until_s)).collect::<Vec<_>>();
        let long = arrivals(100);
        assert!((99_000..101_000).contains(&long.len()), "{}", long.len());
        assert_eq!(long[..100], arrivals(1)[..100]);
        assert!(long.is_sorted());
    }
}
