//! Shared limits without a store: in this process's memory alone. What `explain` and `test` use, and what a node falls back on while
//! it can ask nobody. Ready at once.

use limits::bucket::{Take, Taken};
use limits::buckets::Buckets;
use limits::clock::Now;
use limits::counts::{Charge as Counted, Counts};
use limits::keyed::{Key, Keyer};
use limits::shared::Limit;
use limits::window::Window;
use std::time::Duration;

#[derive(Debug)]
pub struct Alone {
    /// The names of shared counters are no secret; where they lie in a table has to be.
    keyer: Keyer,
    buckets: Buckets,
    counts: Counts,
}

impl Alone {
    /// Holds at most `keys_max` buckets and as many counts.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        Self { keyer: Keyer::new(), buckets: Buckets::new(keys_max), counts: Counts::new(keys_max) }
    }

    /// None if there is no room to count.
    pub fn take(&self, counter: Key, limit: Limit, now: Now) -> Option<Take> {
        match limit {
            Limit::Rate(rate) => Some(self.buckets.take(self.place(counter), rate, now)),
            Limit::Count { limit, period } => {
                let window = period.window(now);
                match self.counts.charge(counter, window, limit, now) {
                    Counted::Granted { used } => {
                        let remaining = limit.saturating_sub(used);
                        Some(Take::Granted(Taken { remaining, reset_after: until_end(window, now) }))
                    }
                    Counted::Exceeded { .. } => Some(Take::Refused { retry_after: until_end(window, now) }),
                    Counted::Full => None,
                }
            }
        }
    }

    /// Gives back what was taken at `taken`.
    pub fn give_back(&self, counter: Key, limit: Limit, taken: Now, now: Now) {
        match limit {
            Limit::Rate(rate) => self.buckets.give_back(self.place(counter), rate, now),
            Limit::Count { period, .. } => self.counts.refund(counter, period.window(taken)),
        }
    }

    fn place(&self, counter: Key) -> Key {
        self.keyer.key(&[&counter.to_u128().to_be_bytes()])
    }
}

fn until_end(window: Window, now: Now) -> Duration {
    Duration::from_millis(window.end_unix_s.saturating_mul(1_000).saturating_sub(now.unix_ms))
}
