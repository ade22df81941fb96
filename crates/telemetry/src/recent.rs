//! The last of what happened, in rings of fixed size with one numbering: the newest of everything in one, and of what is rare a reserve
//! in another that no flood of something else pushes out.
//!
//! Whoever puts something in takes a number and the next place of a ring, and each place has a lock of its own: two writers meet only
//! if the ring has gone round between them. A reader holds one place for as long as it takes to copy a pointer. So a flood makes nobody
//! wait, and nothing is lost but what is old.
//!
//! Does not know what it keeps.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

/// Rings of the same things.
pub struct Recent<T> {
    last: AtomicU64,
    rings: Box<[Ring<T>]>,
}

/// What was put in, by its number; the first has 1.
#[derive(Debug)]
pub struct Numbered<T> {
    pub number: u64,
    pub what: T,
}

// std's Mutex: held for a move of a pointer.
type Place<T> = Mutex<Option<Arc<Numbered<T>>>>;

struct Ring<T> {
    size: usize,
    taken: AtomicU64,
    /// Made when the first thing is put in.
    places: OnceLock<Box<[Place<T>]>>,
}

impl<T> Recent<T> {
    /// One ring of each size.
    pub fn new(sizes: impl IntoIterator<Item = usize>) -> Self {
        Self { last: AtomicU64::new(0), rings: sizes.into_iter().map(Ring::new).collect() }
    }

    /// Into these rings, by their place in the list of sizes; a ring that there is not is passed over.
    pub fn put(&self, what: T, rings: &[usize]) {
        let number = self.last.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let entry = Arc::new(Numbered { number, what });
        for ring in rings.iter().filter_map(|ring| self.rings.get(*ring)) {
            ring.put(Arc::clone(&entry));
        }
    }

    /// The number of what was put in last; 0 if nothing was. It may not have arrived in its place yet.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.last.load(Ordering::Relaxed)
    }

    /// What is left of the numbers above `after`, up to `to`: each once, in their order.
    #[must_use]
    pub fn between(&self, after: u64, to: u64) -> Vec<Arc<Numbered<T>>> {
        let places = self.rings.iter().filter_map(|ring| ring.places.get()).flatten();
        let held = places.filter_map(|place| place.lock().unwrap_or_else(PoisonError::into_inner).clone());
        let mut found: Vec<_> = held.filter(|entry| after < entry.number && entry.number <= to).collect();
        found.sort_unstable_by_key(|entry| entry.number);
        found.dedup_by_key(|entry| entry.number);
        found
    }
}

impl<T> Ring<T> {
    const fn new(size: usize) -> Self {
        Self { size, taken: AtomicU64::new(0), places: OnceLock::new() }
    }

    fn put(&self, entry: Arc<Numbered<T>>) {
        let places = self.places.get_or_init(|| (0..self.size).map(|_| Mutex::new(None)).collect());
        let taken = self.taken.fetch_add(1, Ordering::Relaxed);
        let size = u64::try_from(places.len()).unwrap_or(u64::MAX);
        let at = taken.checked_rem(size).and_then(|at| usize::try_from(at).ok());
        let Some(place) = at.and_then(|at| places.get(at)) else { return };
        let mut held = place.lock().unwrap_or_else(PoisonError::into_inner);
        // Else the ring has gone round since the number was taken.
        let is_newer = held.as_ref().is_none_or(|held| held.number < entry.number);
        let old = if is_newer { held.replace(entry) } else { Some(entry) };
        drop(held);
        // Freed where nobody waits for it.
        drop(old);
    }
}

#[cfg(test)]
mod tests {
    use super::Recent;
    use std::collections::BTreeSet;
    use std::thread;

    fn left(recent: &Recent<&'static str>, after: u64) -> Vec<(u64, &'static str)> {
        recent.between(after, recent.last()).iter().map(|entry| (entry.number, entry.what)).collect()
    }

    #[test]
    fn a_flood_pushes_out_itself_and_not_the_rare() {
        let recent = Recent::new([4, 2, 2]);
        recent.put("rare", &[0, 2]);
        for _ in 0..100 {
            recent.put("flood", &[0, 1]);
        }
        assert_eq!(left(&recent, 0), [(1, "rare"), (98, "flood"), (99, "flood"), (100, "flood"), (101, "flood")]);
        assert_eq!(left(&recent, 99), [(100, "flood"), (101, "flood")]);
        assert_eq!(recent.between(0, 98).len(), 2, "rare, and the 98th");
    }

    #[test]
    fn what_is_in_several_rings_comes_once_and_what_is_in_none_not_at_all() {
        let recent = Recent::new([8, 8, 0]);
        assert_eq!((recent.last(), left(&recent, 0)), (0, vec![]));
        recent.put("both", &[0, 1]);
        recent.put("none", &[]);
        recent.put("no such ring", &[7]);
        recent.put("no room", &[2]);
        assert_eq!((recent.last(), left(&recent, 0)), (4, vec![(1, "both")]));
    }

    #[test]
    fn many_at_once_lose_only_what_is_old() {
        let recent = Recent::new([64]);
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|_| recent.put("", &[0])));
            }
            scope.spawn(|| {
                for _ in 0..50 {
                    let found = recent.between(0, u64::MAX);
                    assert!(found.len() <= 64 && found.is_sorted_by_key(|entry| entry.number));
                }
            });
        });
        let numbers: BTreeSet<u64> = left(&recent, 0).into_iter().map(|(number, _)| number).collect();
        // A place goes to whoever comes last to it: a writer that was held up may leave an older one beside it.
        assert_eq!((recent.last(), numbers.len()), (4_000, 64));
        assert!(numbers.iter().all(|number| *number > 2_000), "{numbers:?}");
    }
}
