//! Rates of callers whose number anybody can drive up: addresses, tokens. As many as the operator has sized it for have a meter each,
//! exact to the request; the rest are counted together in a sketch of fixed size, which errs towards refusing.
//!
//! Nobody loses a meter that still holds something: room for a newcomer is a free place or a drained meter, whose owner would get the
//! same answer from a new one. So a flood of callers who come once pushes nobody out; it lands in the sketch, at worst together with
//! newcomers who have done nothing. A caller in the sketch asks for room with every request, so whoever keeps calling gets a meter as
//! soon as one has drained, and takes along what the sketch has counted.
//!
//! **The sketch is sized for as many callers again.** Up to there fewer than one in a thousand share all of their cells with others;
//! beyond, newcomers are refused more and more, never admitted without limit. Every shard has its own sketches, one for each length
//! of window that is in use, made when the shard first overflows: about 290 bytes for each of `keys_max` and each length.
//!
//! Does not know what a key stands for. Callers of different rates may share a crowd.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::bucket::{Meter, Rate, Take, Taken};
use crate::clock::Now;
use crate::keyed::Key;
use crate::meters::Meters;
use crate::shards::{SHARDS_MAX, Shards};
use crate::sketch::{Sketch, WINDOWS, window_of};

#[derive(Debug)]
pub struct Crowd {
    shards: Shards<Shard>,
    keys_max: AtomicUsize,
    /// Requests that were sketched since somebody last asked.
    sketched: AtomicU64,
}

/// How a request was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counting {
    /// To the request: what remains and when to come back is true.
    Exact,
    /// Together with others, in this window of the sketch: what remains is not known.
    Sketched { window: u64 },
}

impl Crowd {
    /// Exact for `keys_max` callers at once, give or take the luck of the shards; sketched for as many again.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        Self { shards: Shards::most(Shard::new), keys_max: AtomicUsize::new(keys_max), sketched: AtomicU64::new(0) }
    }

    /// Changes the size. Nobody is forgotten: a smaller crowd lets nobody new in at somebody's expense, and keeps the places it has.
    pub fn hold(&self, keys_max: usize) {
        self.keys_max.store(keys_max, Ordering::Relaxed);
    }

    /// Takes one request from the caller's share.
    pub fn take(&self, key: Key, rate: Rate, now: Now) -> (Take, Counting) {
        let share = self.keys_max.load(Ordering::Relaxed).div_ceil(SHARDS_MAX);
        let (take, counting) = self.shards.lock(key).take(key, rate, share, now.monotonic_ns);
        if counting != Counting::Exact {
            self.sketched.fetch_add(1, Ordering::Relaxed);
        }
        (take, counting)
    }

    /// Looks and leaves everything as it was. None where the caller may have been sketched: what it has left is not known.
    #[must_use]
    pub fn peek(&self, key: Key, rate: Rate, now: Now) -> Option<Taken> {
        let shard = self.shards.lock(key);
        let exact = shard.meters.knows(key) || shard.sketches.iter().all(Option::is_none);
        exact.then(|| shard.meters.peek(key, rate, now.monotonic_ns))
    }

    /// Undoes one granted take.
    pub fn give_back(&self, key: Key, rate: Rate, counting: Counting, now: Now) {
        let mut shard = self.shards.lock(key);
        match counting {
            Counting::Exact => shard.meters.give_back(key, rate, now.monotonic_ns),
            Counting::Sketched { window } => {
                if let Some(sketch) = shard.sketch_of(rate) {
                    sketch.give_back(key, window);
                }
            }
        }
    }

    /// How many requests were sketched since this was last asked.
    pub fn take_sketched(&self) -> u64 {
        self.sketched.swap(0, Ordering::Relaxed)
    }

    /// How many callers have a meter, drained ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.sum(|shard| shard.meters.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Debug)]
struct Shard {
    meters: Meters,
    sketches: [Option<Box<Sketch>>; WINDOWS],
}

impl Shard {
    fn new() -> Self {
        Self { meters: Meters::new(1), sketches: [const { None }; WINDOWS] }
    }

    fn take(&mut self, key: Key, rate: Rate, share: usize, now_ns: u64) -> (Take, Counting) {
        if let Some(take) = self.meters.take_known(key, rate, now_ns) {
            return (take, Counting::Exact);
        }
        self.meters.bound(share);
        if let Some(room) = self.meters.room_at_nobodys_expense(now_ns) {
            let counted = self.sketch_of(rate).map_or(0, |sketch| sketch.level_units(key, rate, share, now_ns));
            let meter = Meter::holding(counted, rate, now_ns);
            return (self.meters.take_new(key, meter, rate, now_ns, room), Counting::Exact);
        }
        let window = window_of(rate);
        let Some(place) = self.sketches.get_mut(window) else {
            return (self.meters.take(key, rate, now_ns), Counting::Exact);
        };
        let sketch = place.get_or_insert_with(|| Box::new(Sketch::new(window, share)));
        let (take, window) = sketch.take(key, rate, share, now_ns);
        (take, Counting::Sketched { window })
    }

    fn sketch_of(&mut self, rate: Rate) -> Option<&mut Sketch> {
        self.sketches.get_mut(window_of(rate))?.as_deref_mut()
    }
}

#[cfg(test)]
#[path = "crowd/tests.rs"]
mod tests;
