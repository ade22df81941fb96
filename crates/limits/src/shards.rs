//! Splits one table over several mutexes by the key. Knows nothing of what the tables hold.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::keyed::Key;

const SHARDS_LOG2_MAX: u32 = 6;
/// How many parts [`Shards::most`] makes.
pub(crate) const SHARDS_MAX: usize = 1 << SHARDS_LOG2_MAX;
const SHARDS_LOG2_FEW: u32 = 2;
/// A smaller share would overflow, by the luck of the keys, long before the whole table is full. With 1024 the fullest of 64
/// shards overflows when the table is about nine tenths full.
const SHARE_MIN: usize = 1024;

/// Nothing is reserved before there are keys: a few callers spread over the places of many lie on a page of their own each.
pub(crate) type KeyMap<V> = HashMap<Key, V, BuildHasherDefault<KeyHasher>>;

/// Spreads the bits that a [`Key`] already has: they come from a hash or were scattered. Where the hash has no secret (consumers, API
/// keys, tokens), whoever could choose them would have to be given the names first.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write_u128(&mut self, value: u128) {
        let folded = u64::try_from((value >> 64) ^ (value & u128::from(u64::MAX))).unwrap_or_default();
        // All keys of a shard share their low bits, and tests number their keys: the product's upper half depends on every bit.
        self.0 = folded.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_right(32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// A line of its own for each mutex, so that neighbours do not slow each other down.
#[derive(Debug)]
#[repr(align(128))]
struct Lane<T>(Mutex<T>);

impl<T> Lane<T> {
    // std's Mutex, held for a look-up, never across an await. A thread that panicked under it left whole entries behind.
    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A power of two of shards, at least one.
#[derive(Debug)]
pub(crate) struct Shards<T> {
    /// All but the last: a number past the end names the last one, so there is no index to be wrong.
    lanes: Box<[Lane<T>]>,
    last: Lane<T>,
    mask: u128,
}

impl<T> Shards<T> {
    /// As many shards as `entries_max` feeds; `make` is told each one's share. The shares add up to `entries_max`.
    pub(crate) fn sharing(entries_max: usize, make: impl Fn(usize) -> T) -> Self {
        let log2 = entries_max.checked_div(SHARE_MIN).and_then(usize::checked_ilog2).unwrap_or(0).min(SHARDS_LOG2_MAX);
        Self::build(log2, |shards, number| {
            let even = entries_max.checked_div(shards).unwrap_or(0);
            let odd = entries_max.checked_rem(shards).unwrap_or(0);
            make(even.saturating_add(usize::from(number < odd)))
        })
    }

    /// As many shards as there can be, for tables that something else bounds.
    pub(crate) fn most(make: impl Fn() -> T) -> Self {
        Self::build(SHARDS_LOG2_MAX, |_, _| make())
    }

    /// For tables of which there are many, as one for each route.
    pub(crate) fn few(make: impl Fn() -> T) -> Self {
        Self::build(SHARDS_LOG2_FEW, |_, _| make())
    }

    fn build(log2: u32, make: impl Fn(usize, usize) -> T) -> Self {
        let shards = 1_usize.wrapping_shl(log2);
        let lane = |number| Lane(Mutex::new(make(shards, number)));
        let before_last = shards.saturating_sub(1);
        Self { lanes: (0..before_last).map(lane).collect(), last: lane(before_last), mask: before_last as u128 }
    }

    pub(crate) fn lock(&self, key: Key) -> MutexGuard<'_, T> {
        usize::try_from(key.to_u128() & self.mask).ok().and_then(|at| self.lanes.get(at)).unwrap_or(&self.last).lock()
    }

    /// The shard of that number, from 0; none past the last.
    pub(crate) fn nth(&self, number: usize) -> Option<MutexGuard<'_, T>> {
        match number.checked_sub(self.lanes.len()) {
            None => self.lanes.get(number).map(Lane::lock),
            Some(0) => Some(self.last.lock()),
            Some(_) => None,
        }
    }

    /// Does something with each shard, one lock at a time.
    pub(crate) fn each(&self, mut act: impl FnMut(&mut T)) {
        self.lanes.iter().chain([&self.last]).for_each(|lane| act(&mut lane.lock()));
    }

    /// Adds up a number over all shards, one lock at a time: no snapshot while others write.
    pub(crate) fn sum(&self, number: impl Fn(&T) -> usize) -> usize {
        self.lanes.iter().chain([&self.last]).fold(0, |sum, lane| sum.saturating_add(number(&lane.lock())))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::hash::BuildHasher;

    use super::*;

    #[test]
    fn shares_add_up_and_are_never_small() {
        for entries_max in [0, 1, 2, 1023, 1024, 2047, 2048, 5000, 100_003, 1_000_000] {
            let shards = Shards::sharing(entries_max, |share| share);
            let count = shards.sum(|_| 1);
            assert_eq!(shards.sum(|share| *share), entries_max);
            assert!(count.is_power_of_two() && count <= 64);
            assert!(count == 1 || entries_max / count >= SHARE_MIN, "{entries_max} over {count}");
        }
        assert_eq!(Shards::sharing(1_000_000, |share| share).sum(|_| 1), 64);
    }

    #[test]
    fn every_shard_is_reached() {
        let shards = Shards::most(|| 0_usize);
        for key in 0..64 {
            *shards.lock(Key::from_u128(key)) += 1;
        }
        assert_eq!(shards.sum(|hits| usize::from(*hits == 1)), 64);
    }

    #[test]
    fn a_poisoned_shard_is_used_on() {
        let shards = Shards::sharing(1, |_| 7_usize);
        let key = Key::from_u128(0);
        let died = std::thread::scope(|scope| {
            let holder = scope.spawn(|| {
                let _held = shards.lock(key);
                panic!("on purpose, with the lock held");
            });
            holder.join().is_err()
        });
        assert!(died);
        assert_eq!(*shards.lock(key), 7);
    }

    /// hashbrown picks the place by the low bits and tells neighbours apart by the top seven.
    #[test]
    fn numbered_keys_of_one_shard_are_spread() {
        let build = BuildHasherDefault::<KeyHasher>::default();
        let hashes: Vec<u64> = (0..4096_u128).map(|n| build.hash_one(Key::from_u128(n << 6))).collect();
        let places: HashSet<u64> = hashes.iter().map(|hash| hash & 0xfff).collect();
        let tags: HashSet<u64> = hashes.iter().map(|hash| hash >> 57).collect();
        assert!(places.len() > 2048, "{}", places.len());
        assert!(tags.len() > 100, "{}", tags.len());
    }
}
