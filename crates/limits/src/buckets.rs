//! Many callers' rates: a bounded table of meters. A full table makes room at the expense of a caller who would not notice (its
//! meter has drained) or, failing that, of one that has been away for long.
//!
//! **An evicted caller starts again with an empty meter, that is with its whole burst.** So a table that is too small for its
//! callers grants too much, never too little; size it for the callers of a few burst-drain times. Refused calls count as use,
//! so nobody gets rid of a full meter by insisting.
//!
//! Does not know what a key stands for. Callers of different rates may share a table.

use crate::bucket::{Meter, Rate, Take, Taken};
use crate::clock::Now;
use crate::keyed::Key;
use crate::shards::{KeyMap, Shards, reserve};

/// Entries looked at, at most, to find one to evict. With half of a table in steady use and nothing drained, one in 65,536
/// evictions hits somebody who is in use.
const SAMPLE: usize = 16;

/// A bounded map from key to meter.
#[derive(Debug)]
pub struct Buckets {
    shards: Shards<Shard>,
}

impl Buckets {
    /// Holds at most `keys_max` meters, at least one. Tables of 2048 and more are split, and a part that is full evicts: this
    /// begins when about nine tenths of the whole are taken.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        Self { shards: Shards::sharing(keys_max.max(1), Shard::new) }
    }

    /// Takes one request from the key's meter.
    pub fn take(&self, key: Key, rate: Rate, now: Now) -> Take {
        self.shards.lock(key).take(key, rate, now.monotonic_ns)
    }

    /// Looks at the key's meter and leaves everything as it was: no meter is made, moved or taken from.
    #[must_use]
    pub fn peek(&self, key: Key, rate: Rate, now: Now) -> Taken {
        let meter = self.shards.lock(key).entries.get(&key).map(|entry| entry.meter).unwrap_or_default();
        meter.peek(rate, now.monotonic_ns)
    }

    /// Undoes one granted take; nothing if the meter has been evicted since.
    pub fn give_back(&self, key: Key, rate: Rate, now: Now) {
        if let Some(entry) = self.shards.lock(key).entries.get_mut(&key) {
            entry.meter.give_back(rate, now.monotonic_ns);
            entry.empty_at_ns = entry.meter.empty_at_ns(rate);
        }
    }

    /// How many keys have a meter, drained ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.sum(|shard| shard.entries.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    meter: Meter,
    /// By the rate of the last call: whoever evicts does not know this caller's rate.
    empty_at_ns: u64,
}

impl Entry {
    fn take(&mut self, rate: Rate, now_ns: u64) -> Take {
        let take = self.meter.take(rate, now_ns);
        self.empty_at_ns = self.meter.empty_at_ns(rate);
        take
    }
}

/// `entries` and `ring` hold the same keys. The ring exists to draw samples: a map cannot be entered in the middle.
#[derive(Debug)]
struct Shard {
    entries: KeyMap<Entry>,
    ring: Vec<Key>,
    keys_max: usize,
    /// Never zero: xorshift would stay there.
    dice: u64,
}

impl Shard {
    fn new(keys_max: usize) -> Self {
        let mut entries = KeyMap::default();
        entries.reserve(reserve(keys_max));
        Self { entries, ring: Vec::with_capacity(reserve(keys_max)), keys_max, dice: 0x9e37_79b9_7f4a_7c15 }
    }

    fn take(&mut self, key: Key, rate: Rate, now_ns: u64) -> Take {
        if let Some(entry) = self.entries.get_mut(&key) {
            return entry.take(rate, now_ns);
        }
        let mut entry = Entry::default();
        let take = entry.take(rate, now_ns);
        self.insert(key, entry, now_ns);
        take
    }

    fn insert(&mut self, key: Key, entry: Entry, now_ns: u64) {
        if self.ring.len() < self.keys_max {
            self.ring.push(key);
        } else {
            let at = self.victim(now_ns);
            let Some(place) = self.ring.get_mut(at) else { return };
            self.entries.remove(place);
            *place = key;
        }
        self.entries.insert(key, entry);
    }

    /// The place in the ring of the first drained meter of a sample, or else of the one that was used least recently.
    fn victim(&mut self, now_ns: u64) -> usize {
        let mut oldest = (u64::MAX, 0);
        for _ in 0..SAMPLE {
            let at = self.draw();
            let Some(entry) = self.ring.get(at).and_then(|key| self.entries.get(key)) else { return at };
            if entry.empty_at_ns <= now_ns {
                return at;
            }
            oldest = oldest.min((entry.meter.used_at_ns(), at));
        }
        oldest.1
    }

    /// A random place: any even walk falls into step with callers who come in turns. A xorshift generator is random enough, as
    /// nobody outside sees what it draws.
    fn draw(&mut self) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        let scaled = u128::from(self.dice).saturating_mul(self.ring.len() as u128) >> 64;
        usize::try_from(scaled).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::*;

    const START: Now = Now::at_unix_seconds(1_000);

    fn key(number: usize) -> Key {
        Key::from_u128(number as u128)
    }

    fn rate(milli: u64, burst: u64) -> Rate {
        Rate::new(milli, burst).expect("within bounds")
    }

    fn remaining(take: Take) -> u64 {
        match take {
            Take::Granted(taken) => taken.remaining,
            Take::Refused { .. } => panic!("refused"),
        }
    }

    fn holds(buckets: &Buckets, number: usize) -> bool {
        buckets.shards.lock(key(number)).entries.contains_key(&key(number))
    }

    #[test]
    fn never_exceeds_its_bound() {
        for keys_max in [1, 2, 1_000, 5_000] {
            let buckets = Buckets::new(keys_max);
            for number in 0..4 * keys_max {
                buckets.take(key(number), rate(1, 1), START);
                assert!(number % 97 != 0 || buckets.len() <= keys_max);
            }
            assert_eq!(buckets.len(), keys_max);
        }
        let least = Buckets::new(0);
        assert!(least.is_empty());
        least.take(key(1), rate(1, 1), START);
        assert_eq!(least.len(), 1);
    }

    #[test]
    fn map_and_ring_hold_the_same_keys() {
        let mut shard = Shard::new(100);
        for number in 0..1_000 {
            shard.take(key(number * 31 % 257), rate(1_000, 2), number as u64 * 10_000_000);
        }
        assert_eq!((shard.ring.len(), shard.entries.len()), (100, 100));
        assert!(shard.ring.iter().all(|key| shard.entries.contains_key(key)));
    }

    #[test]
    fn drained_meters_go_first() {
        let buckets = Buckets::new(1_000);
        // The even ones drain in a second, though they were used last; the odd ones take an hour.
        for number in 0..1_000 {
            let slow = number % 2 == 1;
            let at = if slow { START } else { START.plus(Duration::from_millis(1)) };
            buckets.take(key(number), rate(if slow { 1 } else { 1_000 }, 4), at);
        }
        let later = START.plus(Duration::from_secs(2));
        for number in 1_000..1_100 {
            assert_eq!(remaining(buckets.take(key(number), rate(1_000, 4), later)), 3);
        }
        assert!((0..1_000).filter(|number| number % 2 == 1).all(|number| holds(&buckets, number)));
        assert_eq!(buckets.len(), 1_000);
    }

    #[test]
    fn hot_keys_survive_a_flood() {
        let buckets = Buckets::new(1_000);
        let hot = rate(1_000, 1_000_000);
        let mut now = START;
        // They come together at first, so they are neighbours in the ring.
        for round in 0..200 {
            now = now.plus(Duration::from_millis(1));
            for number in 0..250 {
                buckets.take(key(number), hot, now);
            }
            for stranger in 0..100 {
                buckets.take(key(1_000 + round * 100 + stranger), rate(1, 1), now);
            }
        }
        // 200 taken, 0.2 drained.
        for number in 0..250 {
            assert_eq!(remaining(buckets.take(key(number), hot, now)), 1_000_000 - 201, "caller {number}");
        }
    }

    #[test]
    fn insisting_does_not_rid_of_a_full_meter() {
        let buckets = Buckets::new(100);
        let limit = rate(1, 1);
        let mut now = START;
        buckets.take(key(0), limit, now);
        for stranger in 1..2_000 {
            now = now.plus(Duration::from_micros(1));
            assert!(matches!(buckets.take(key(0), limit, now), Take::Refused { .. }));
            buckets.take(key(stranger), limit, now);
        }
    }

    #[test]
    fn the_evicted_start_afresh() {
        let buckets = Buckets::new(1);
        let limit = rate(1, 3);
        assert_eq!(remaining(buckets.take(key(0), limit, START)), 2);
        assert_eq!(remaining(buckets.take(key(0), limit, START)), 1);
        buckets.take(key(1), limit, START);
        buckets.give_back(key(0), limit, START);
        assert_eq!(remaining(buckets.take(key(0), limit, START)), 2);
    }

    #[test]
    fn looking_takes_nothing() {
        let buckets = Buckets::new(10);
        let limit = rate(1_000, 3);
        let peek = |key_number: usize, at: Now| {
            let Taken { remaining, reset_after } = buckets.peek(key(key_number), limit, at);
            (remaining, reset_after.as_millis())
        };
        assert_eq!(peek(0, START), (3, 0));
        assert!(buckets.is_empty());
        assert_eq!(remaining(buckets.take(key(0), limit, START)), 2);
        for _ in 0..10 {
            assert_eq!(peek(0, START), (2, 1_000));
        }
        assert_eq!(peek(0, START.plus(Duration::from_millis(500))), (2, 500));
        assert_eq!(peek(0, START.plus(Duration::from_secs(1))), (3, 0));
        // A later look does not drain for an earlier one, and a lower limit is overdrawn, not negative.
        assert_eq!(remaining(buckets.take(key(0), limit, START)), 1);
        assert_eq!(buckets.peek(key(0), rate(1_000, 1), START).remaining, 0);
        assert_eq!(peek(1, START), (3, 0));
        assert_eq!(buckets.len(), 1);
    }

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let buckets = Buckets::new(10);
        let limit = rate(1, 1);
        assert_eq!(remaining(buckets.take(key(0), limit, START)), 0);
        assert!(matches!(buckets.take(key(0), limit, START), Take::Refused { .. }));
        buckets.give_back(key(0), limit, START);
        assert_eq!(remaining(buckets.take(key(0), limit, START)), 0);
        assert!(matches!(buckets.take(key(0), limit, START), Take::Refused { .. }));
    }

    /// The allocator cannot be counted without unsafe code; capacities tell as much.
    #[test]
    fn a_full_table_stops_growing() {
        let mut shard = Shard::new(3_000);
        let mut churn = |numbers: std::ops::Range<usize>| {
            let capacities = numbers.map(|number| {
                shard.take(key(number), rate(1, 1), 1);
                (shard.entries.capacity(), shard.ring.capacity())
            });
            capacities.fold((0, 0), |most, now| (most.0.max(now.0), most.1.max(now.1)))
        };
        let warm = churn(0..20_000);
        assert!(warm.0 <= 4 * 3_000 && warm.1 <= 2 * 3_000, "{warm:?}");
        assert_eq!(churn(20_000..60_000), warm);
    }

    #[test]
    fn sixteen_threads_share_one_burst() {
        let (buckets, granted, start) = (Buckets::new(10_000), AtomicU64::new(0), Barrier::new(16));
        std::thread::scope(|scope| {
            for thread in 0..16 {
                let (buckets, granted, start) = (&buckets, &granted, &start);
                scope.spawn(move || {
                    start.wait();
                    for number in 0..500 {
                        buckets.take(key(1 + thread * 500 + number), rate(1, 1), START);
                        if matches!(buckets.take(key(0), rate(1, 1_234), START), Take::Granted(_)) {
                            granted.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                });
            }
        });
        assert_eq!(granted.into_inner(), 1_234);
    }
}
