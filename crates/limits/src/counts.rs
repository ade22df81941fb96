//! Many callers' quotas: a bounded table of how much each has used of its window. A full table refuses new keys rather than
//! forgetting what somebody used: a forgotten quota would be a quota given twice.
//!
//! A key belongs to one period: whoever makes keys puts the period's name in. Does not know limits beyond the call at hand, so a
//! changed limit keeps what was used.

use std::collections::hash_map::Entry;

use crate::clock::Now;
use crate::keyed::Key;
use crate::shards::{KeyMap, Shards, reserve};
use crate::window::Window;

/// One count that a request has to be charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaCharge {
    pub counter: Key,
    pub window: Window,
    /// Requests in the window, the one at hand included.
    pub limit: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Charge {
    /// `used` includes this request.
    Granted { used: u64 },
    /// The count stays as it was.
    Exceeded { used: u64 },
    /// A new key, no room, and no window in the key's part of the table has ended.
    Full,
}

/// A bounded map from key to the window it was last charged in and what was used of it.
#[derive(Debug)]
pub struct Counts {
    shards: Shards<Shard>,
}

impl Counts {
    /// Holds at most `keys_max` counts; none with 0. Tables of 2048 and more are split, and a part that is full refuses new
    /// keys: this begins when about nine tenths of the whole are taken.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        Self { shards: Shards::sharing(keys_max, Shard::new) }
    }

    /// Counts one request, unless `limit` are counted already. A window later than the stored one starts from zero; an earlier
    /// one (the clock was set back) is counted in the stored one, as nobody shall get a quota twice.
    pub fn charge(&self, key: Key, window: Window, limit: u64, now: Now) -> Charge {
        self.shards.lock(key).charge(key, window, limit, now.unix_seconds())
    }

    /// Gives one request back, if the count is still for the same window. A count that falls to zero leaves the table.
    pub fn refund(&self, key: Key, window: Window) {
        self.shards.lock(key).refund(key, window);
    }

    /// What a charge for `window` would find used.
    #[must_use]
    pub fn used(&self, key: Key, window: Window) -> u64 {
        let shard = self.shards.lock(key);
        shard.counts.get(&key).map_or(0, |count| count.used_in(window))
    }

    /// How many keys are counted, those of past windows included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.sum(|shard| shard.counts.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Clone, Copy, Debug)]
struct Count {
    window: Window,
    used: u64,
}

impl Count {
    const fn used_in(&self, window: Window) -> u64 {
        if window.start_unix_s > self.window.start_unix_s { 0 } else { self.used }
    }

    fn charge(&mut self, window: Window, limit: u64) -> Charge {
        let used = self.used_in(window);
        if used >= limit {
            return Charge::Exceeded { used };
        }
        if window.start_unix_s > self.window.start_unix_s {
            self.window = window;
        }
        self.used = used.saturating_add(1);
        Charge::Granted { used: self.used }
    }
}

#[derive(Debug)]
struct Shard {
    counts: KeyMap<Count>,
    keys_max: usize,
    /// No window in `counts` ends before. While it lies ahead, a full table need not be searched.
    earliest_end_s: u64,
}

impl Shard {
    fn new(keys_max: usize) -> Self {
        let mut counts = KeyMap::default();
        counts.reserve(reserve(keys_max));
        Self { counts, keys_max, earliest_end_s: u64::MAX }
    }

    fn charge(&mut self, key: Key, window: Window, limit: u64, now_s: u64) -> Charge {
        if let Some(count) = self.counts.get_mut(&key) {
            return count.charge(window, limit);
        }
        let mut count = Count { window, used: 0 };
        let charge = count.charge(window, limit);
        match charge {
            Charge::Exceeded { .. } | Charge::Full => charge,
            Charge::Granted { .. } if !self.has_room(now_s) => Charge::Full,
            Charge::Granted { .. } => {
                self.earliest_end_s = self.earliest_end_s.min(window.end_unix_s);
                self.counts.insert(key, count);
                charge
            }
        }
    }

    fn refund(&mut self, key: Key, window: Window) {
        let Entry::Occupied(mut stored) = self.counts.entry(key) else { return };
        if stored.get().window != window {
            return;
        }
        let count = stored.get_mut();
        count.used = count.used.saturating_sub(1);
        if count.used == 0 {
            stored.remove();
        }
    }

    fn has_room(&mut self, now_s: u64) -> bool {
        if self.counts.len() >= self.keys_max {
            self.drop_ended(now_s);
        }
        self.counts.len() < self.keys_max
    }

    /// Searches the whole shard, but at most once for each instant at which a window ends: once an hour.
    fn drop_ended(&mut self, now_s: u64) {
        if now_s < self.earliest_end_s {
            return;
        }
        let mut earliest_end_s = u64::MAX;
        self.counts.retain(|_, count| {
            let open = now_s < count.window.end_unix_s;
            if open {
                earliest_end_s = earliest_end_s.min(count.window.end_unix_s);
            }
            open
        });
        self.earliest_end_s = earliest_end_s;
    }
}

#[cfg(test)]
#[path = "counts/tests.rs"]
mod tests;
