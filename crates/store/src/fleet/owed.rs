//! What this node let through of shared quotas while it could not ask the store, until the store has been told. Of quotas only: what a
//! rate admitted before the store came back has leaked by then, or does soon.
//!
//! A bounded table. What finds no room in it is not told: then a quota gives more, as it does anyway while nobody counts for all.

use limits::clock::Now;
use limits::keyed::Key;
use limits::shared::Limit;
use limits::window::Period;
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Parts of the table, each with a lock of its own.
const PARTS: usize = 16;

pub(super) struct Owed {
    // std's Mutex: held for a look, never across an await.
    parts: [Mutex<HashMap<Key, Debt>>; PARTS],
    /// Counters in each part.
    part_max: usize,
    /// In all of them, so that whoever has nothing to tell sees that at a glance.
    counters: AtomicUsize,
}

/// Of one counter, in one period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Debt {
    pub(super) counter: Key,
    pub(super) limit: Limit,
    period: Period,
    /// When the period began by this node's clock.
    epoch: u64,
    pub(super) requests: u64,
}

impl Owed {
    pub(super) fn new(counters_max: usize) -> Self {
        Self {
            parts: std::array::from_fn(|_| Mutex::default()),
            part_max: counters_max.div_ceil(PARTS),
            counters: AtomicUsize::new(0),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.counters.load(Ordering::Relaxed) == 0
    }

    /// One request more.
    pub(super) fn note(&self, counter: Key, limit: Limit, now: Now) {
        let Limit::Count { period, .. } = limit else { return };
        let epoch = period.window(now).start_unix_s;
        let mut part = self.part(counter);
        if let Some(debt) = part.get_mut(&counter) {
            debt.requests = if debt.epoch == epoch { debt.requests.saturating_add(1) } else { 1 };
            (debt.limit, debt.epoch) = (limit, epoch);
        } else if part.len() < self.part_max {
            part.insert(counter, Debt { counter, limit, period, epoch, requests: 1 });
            self.counters.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// One of those that were let through at `taken` was not used. If the store has been told already, it stays counted.
    pub(super) fn take_back(&self, counter: Key, limit: Limit, taken: Now) {
        let Limit::Count { period, .. } = limit else { return };
        if let Some(debt) = self.part(counter).get_mut(&counter)
            && debt.epoch == period.window(taken).start_unix_s
        {
            debt.requests = debt.requests.saturating_sub(1);
        }
    }

    /// Some of it, `most` at most, to be told now; it is owed no longer. What belongs to a period that is over is forgotten.
    pub(super) fn take(&self, most: usize, now: Now) -> Vec<Debt> {
        let mut taken = Vec::new();
        for part in &self.parts {
            let mut part = lock(part);
            let some: Vec<Key> = part.keys().take(most.saturating_sub(taken.len())).copied().collect();
            taken.extend(some.iter().filter_map(|counter| part.remove(counter)));
        }
        self.counters.fetch_sub(taken.len(), Ordering::Relaxed);
        taken.retain(|debt| debt.requests > 0 && debt.period.window(now).start_unix_s == debt.epoch);
        taken
    }

    fn part(&self, counter: Key) -> MutexGuard<'_, HashMap<Key, Debt>> {
        let at = usize::try_from(counter.to_u128() % PARTS as u128).unwrap_or(0);
        let [first, ..] = &self.parts;
        lock(self.parts.get(at).unwrap_or(first))
    }
}

fn lock(part: &Mutex<HashMap<Key, Debt>>) -> MutexGuard<'_, HashMap<Key, Debt>> {
    part.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;
    use limits::bucket::Rate;

    const HOUR: Limit = Limit::Count { limit: 100, period: Period::Hour };
    const BEGIN: Now = Now::at_unix_seconds(3_600_000);

    fn key(number: usize) -> Key {
        Key::from_u128(number as u128)
    }

    fn told(owed: &Owed, now: Now) -> Vec<(u128, u64)> {
        let mut told: Vec<_> =
            owed.take(usize::MAX, now).iter().map(|debt| (debt.counter.to_u128(), debt.requests)).collect();
        told.sort_unstable();
        told
    }

    #[test]
    fn what_was_let_through_and_not_given_back_is_told_once() {
        let owed = Owed::new(100);
        for number in [1, 1, 1, 2, 3] {
            owed.note(key(number), HOUR, BEGIN);
        }
        owed.note(key(4), Limit::Rate(Rate::new(1, 1).expect("a rate")), BEGIN);
        owed.take_back(key(1), HOUR, BEGIN);
        owed.take_back(key(3), HOUR, BEGIN);
        owed.take_back(key(9), HOUR, BEGIN);
        assert!(!owed.is_empty());
        assert_eq!(told(&owed, BEGIN), [(1, 2), (2, 1)]);
        assert!(owed.is_empty() && told(&owed, BEGIN).is_empty());
        owed.take_back(key(2), HOUR, BEGIN);
        assert!(owed.is_empty());
    }

    #[test]
    fn what_belongs_to_a_period_that_is_over_is_not_told() {
        let owed = Owed::new(100);
        let next = Now::at_unix_seconds(3_603_600);
        owed.note(key(1), HOUR, BEGIN);
        owed.note(key(2), HOUR, BEGIN);
        owed.note(key(2), HOUR, next);
        owed.take_back(key(2), HOUR, BEGIN);
        assert_eq!(told(&owed, next), [(2, 1)]);
        assert!(owed.is_empty());
    }

    #[test]
    fn the_table_is_bounded_and_emptied_in_parts() {
        let owed = Owed::new(160);
        for number in 0..1_000 {
            owed.note(key(number), HOUR, BEGIN);
        }
        let mut counters = 0;
        while !owed.is_empty() {
            let some = owed.take(7, BEGIN).len();
            assert!((1..=7).contains(&some));
            counters += some;
        }
        assert_eq!(counters, 160);
    }
}
