//! Many callers' rates: a bounded table of meters. A full table makes room at the expense of a caller who would not notice (its
//! meter has drained) or, failing that, of one that has been away for long.
//!
//! **An evicted caller starts again with an empty meter, that is with its whole burst.** So a table that is too small for its
//! callers grants too much, never too little; size it for the callers of a few burst-drain times. Refused calls count as use,
//! so nobody gets rid of a full meter by insisting.
//!
//! Does not know what a key stands for. Callers of different rates may share a table.

use crate::bucket::{Rate, Take, Taken};
use crate::clock::Now;
use crate::keyed::Key;
use crate::meters::Meters;
use crate::shards::Shards;

/// A bounded map from key to meter.
#[derive(Debug)]
pub struct Buckets {
    shards: Shards<Meters>,
}

impl Buckets {
    /// Holds at most `keys_max` meters, at least one. Tables of 2048 and more are split, and a part that is full evicts: this
    /// begins when about nine tenths of the whole are taken.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        Self { shards: Shards::sharing(keys_max.max(1), Meters::new) }
    }

    /// Takes one request from the key's meter.
    pub fn take(&self, key: Key, rate: Rate, now: Now) -> Take {
        self.shards.lock(key).take(key, rate, now.monotonic_ns)
    }

    /// Looks at the key's meter and leaves everything as it was: no meter is made, moved or taken from.
    #[must_use]
    pub fn peek(&self, key: Key, rate: Rate, now: Now) -> Taken {
        self.shards.lock(key).peek(key, rate, now.monotonic_ns)
    }

    /// Undoes one granted take; nothing if the meter has been evicted since.
    pub fn give_back(&self, key: Key, rate: Rate, now: Now) {
        self.shards.lock(key).give_back(key, rate, now.monotonic_ns);
    }

    /// How many keys have a meter, drained ones included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.sum(Meters::len)
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
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
        buckets.shards.lock(key(number)).knows(key(number))
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
