//! Counts that many threads add to at every request. Each of the first threads has a copy of its own, so that adding is a plain
//! load and store: no line of memory travels between cores, and nothing waits for one that is not in a cache. Whoever reads adds the
//! copies up. Threads that come later share one copy and add to it as one does, atomically.

use std::cell::Cell;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread::available_parallelism;

/// Of copies for one thread alone.
const LANES_MAX: usize = 64;
/// Of those that are found without a detour.
const NEAR: usize = 4;

static THREADS: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    /// This thread's number, once it has counted anything. Numbers are not used again: a copy has one writer for ever.
    static NUMBER: Cell<Option<usize>> = const { Cell::new(None) };
}

fn number() -> usize {
    NUMBER.get().unwrap_or_else(|| {
        let number = THREADS.fetch_add(1, Ordering::Relaxed);
        NUMBER.set(Some(number));
        number
    })
}

/// A number that only goes up.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How to add to the copy at hand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hand {
    /// Nobody else writes here.
    Alone,
    Shared,
}

impl Hand {
    pub(super) fn add(self, count: &Count, amount: u64) {
        match self {
            Self::Alone => count.0.store(count.get().wrapping_add(amount), Ordering::Relaxed),
            Self::Shared => {
                count.0.fetch_add(amount, Ordering::Relaxed);
            }
        }
    }
}

/// The copies of one set of counts. One is made when its thread first adds to it.
pub(super) struct Lanes<T> {
    /// The first ones in place: with thousands of sets, each step on the way to a copy is a line of memory that is not in a cache.
    near: [OnceLock<Box<T>>; NEAR],
    far: Box<[OnceLock<Box<T>>]>,
    shared: OnceLock<Box<T>>,
}

impl<T: Default> Lanes<T> {
    /// As many as there are cores: more threads than that do not count at once.
    pub(super) fn new() -> Self {
        let lanes = available_parallelism().map_or(1, usize::from).min(LANES_MAX);
        Self {
            near: [const { OnceLock::new() }; NEAR],
            far: (NEAR..lanes).map(|_| OnceLock::new()).collect(),
            shared: OnceLock::new(),
        }
    }

    /// The copy for this thread, and how to add to it.
    pub(super) fn here(&self) -> (&T, Hand) {
        let number = number();
        let lane = self.near.get(number).or_else(|| self.far.get(number.checked_sub(NEAR)?));
        let (lane, hand) = lane.map_or((&self.shared, Hand::Shared), |lane| (lane, Hand::Alone));
        (lane.get_or_init(Box::default), hand)
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &T> {
        self.near.iter().chain(&self.far).chain([&self.shared]).filter_map(|lane| lane.get().map(|copy| &**copy))
    }

    /// The sum of one count over all copies.
    pub(super) fn sum(&self, count: impl Fn(&T) -> u64) -> u64 {
        self.all().fold(0, |sum, copy| sum.wrapping_add(count(copy)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_however_many_threads_count() {
        let lanes = Lanes::<Count>::new();
        let count = || {
            for _ in 0..1_000 {
                let (count, hand) = lanes.here();
                hand.add(count, 3);
            }
        };
        std::thread::scope(|scope| {
            for _ in 0..LANES_MAX + 8 {
                scope.spawn(count);
            }
        });
        assert_eq!(lanes.sum(Count::get), 3_000 * (LANES_MAX as u64 + 8));
        assert!(lanes.all().count() <= NEAR + lanes.far.len() + 1);
    }
}
