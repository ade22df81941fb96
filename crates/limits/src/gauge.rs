//! How many are in at once, in all and for each key: connections, or calls of one consumer. Who is in holds an [`Entered`];
//! dropping it is leaving. The limits come with each call, so that a reload changes them without losing anybody.
//!
//! Only keys that have somebody in are stored, so the table is bounded by the largest `max` it was ever asked with.

use std::collections::hash_map::Entry;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::keyed::Key;
use crate::shards::{KeyMap, Shards};

#[derive(Debug)]
pub struct Gauge {
    all: AtomicUsize,
    /// Never zero.
    keys: Shards<KeyMap<usize>>,
}

/// Which limit was reached. The key's own is asked first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    All,
    Key,
}

impl Default for Gauge {
    fn default() -> Self {
        Self { all: AtomicUsize::new(0), keys: Shards::most(KeyMap::default) }
    }
}

impl Gauge {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// One of many, as one for each route: small, for locks that few threads ask for at once.
    #[must_use]
    pub fn small() -> Self {
        Self { all: AtomicUsize::new(0), keys: Shards::few(KeyMap::default) }
    }

    /// Lets one more in, if fewer than `max` are in altogether and fewer than `per_key_max` for this key. After a limit was
    /// lowered, those who are in stay.
    pub fn enter(self: &Arc<Self>, key: Key, max: usize, per_key_max: usize) -> Result<Entered, Full> {
        let mut keys = self.keys.lock(key);
        let inside = keys.get(&key).copied().unwrap_or(0);
        if inside >= per_key_max {
            return Err(Full::Key);
        }
        // Under the key's lock: who is refused for the key never takes a place, not even for a moment.
        let more = |all: usize| all.checked_add(1).filter(|more| *more <= max);
        self.all.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).map_err(|_| Full::All)?;
        keys.insert(key, inside.saturating_add(1));
        Ok(Entered { gauge: Arc::clone(self), key })
    }

    /// How many are in altogether.
    #[must_use]
    pub fn all(&self) -> usize {
        self.all.load(Ordering::Relaxed)
    }

    /// How many are in for this key.
    #[must_use]
    pub fn of(&self, key: Key) -> usize {
        self.keys.lock(key).get(&key).copied().unwrap_or(0)
    }

    /// How many keys have somebody in.
    #[must_use]
    pub fn keys(&self) -> usize {
        self.keys.sum(KeyMap::len)
    }

    fn leave(&self, key: Key) {
        let mut keys = self.keys.lock(key);
        if let Entry::Occupied(mut inside) = keys.entry(key) {
            let left = inside.get().saturating_sub(1);
            if left == 0 {
                inside.remove();
            } else {
                inside.insert(left);
            }
        }
        self.all.fetch_sub(1, Ordering::Relaxed);
    }
}

/// One that is in. Leaves when dropped.
#[derive(Debug)]
#[must_use = "dropping it is leaving"]
pub struct Entered {
    gauge: Arc<Gauge>,
    key: Key,
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.gauge.leave(self.key);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    const A: Key = Key::from_u128(1);
    const B: Key = Key::from_u128(2);

    #[test]
    fn both_limits_hold_and_leaving_makes_room() {
        let gauge = Arc::new(Gauge::new());
        let first = gauge.enter(A, 3, 2).expect("room");
        let second = gauge.enter(A, 3, 2).expect("room");
        assert_eq!(gauge.enter(A, 3, 2).err(), Some(Full::Key));
        let third = gauge.enter(B, 3, 2).expect("room");
        assert_eq!(gauge.enter(B, 3, 2).err(), Some(Full::All));
        assert_eq!(gauge.enter(A, 3, 2).err(), Some(Full::Key));
        assert_eq!((gauge.all(), gauge.of(A), gauge.of(B), gauge.keys()), (3, 2, 1, 2));
        drop(first);
        let fourth = gauge.enter(B, 3, 2).expect("room again");
        drop((second, third, fourth));
        assert_eq!((gauge.all(), gauge.of(A), gauge.of(B), gauge.keys()), (0, 0, 0, 0));
    }

    #[test]
    fn limits_change_under_those_who_are_in() {
        let gauge = Arc::new(Gauge::new());
        let mut inside: Vec<Entered> = (0..4).map(|_| gauge.enter(A, 10, 10).expect("room")).collect();
        assert_eq!(gauge.enter(A, 10, 2).err(), Some(Full::Key));
        assert_eq!(gauge.enter(B, 3, 10).err(), Some(Full::All));
        assert_eq!(gauge.all(), 4);
        inside.truncate(2);
        inside.push(gauge.enter(B, 3, 2).expect("room"));
        inside.push(gauge.enter(B, 5, 2).expect("more room"));
        assert_eq!((gauge.all(), gauge.of(A), gauge.of(B)), (4, 2, 2));
    }

    #[test]
    fn a_limit_of_zero_lets_nobody_in() {
        let gauge = Arc::new(Gauge::new());
        assert_eq!(gauge.enter(A, 0, 1).err(), Some(Full::All));
        assert_eq!(gauge.enter(A, 1, 0).err(), Some(Full::Key));
        assert_eq!((gauge.all(), gauge.keys()), (0, 0));
    }

    #[test]
    fn one_who_panics_leaves_too() {
        let gauge = Arc::new(Gauge::new());
        let inside = Arc::clone(&gauge);
        let died = std::thread::spawn(move || {
            let _entered = inside.enter(A, 1, 1);
            panic!("on purpose, while in");
        });
        assert!(died.join().is_err());
        assert_eq!((gauge.all(), gauge.keys()), (0, 0));
    }

    #[test]
    fn sixteen_threads_fill_it_exactly() {
        let (gauge, start) = (Arc::new(Gauge::new()), Barrier::new(16));
        let inside: Vec<Entered> = std::thread::scope(|scope| {
            let fill = |number: u128| {
                let (gauge, start) = (&gauge, &start);
                scope.spawn(move || {
                    start.wait();
                    (0..100).filter_map(|_| gauge.enter(Key::from_u128(number % 4), 100, 30).ok()).collect::<Vec<_>>()
                })
            };
            let threads: Vec<_> = (0..16).map(fill).collect();
            threads.into_iter().flat_map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!((inside.len(), gauge.all()), (100, 100));
        assert!((0..4).all(|number| gauge.of(Key::from_u128(number)) <= 30));
        drop(inside);
        assert_eq!((gauge.all(), gauge.keys()), (0, 0));
    }
}
