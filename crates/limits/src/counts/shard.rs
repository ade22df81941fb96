//! One part of the table of counts, behind one lock. Knows places instead of keys.

use std::collections::hash_map::Entry;
use std::sync::Arc;

use super::{Charge, CounterName, Population, QuotaCharge};
use crate::keyed::Key;
use crate::shards::KeyMap;
use crate::window::Window;

#[derive(Clone, Debug)]
pub(super) struct Count {
    pub(super) window: Window,
    pub(super) used: u64,
    pub(super) name: Option<Arc<CounterName>>,
    population: Population,
    /// Its place is in [`Shard::changed`].
    changed: bool,
}

impl Count {
    pub(super) const fn used_in(&self, window: Window) -> u64 {
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

    /// Whether this is its first change since it was last told.
    const fn is_news(&mut self) -> bool {
        !std::mem::replace(&mut self.changed, true)
    }
}

#[derive(Debug)]
pub(super) struct Shard {
    pub(super) counts: KeyMap<Count>,
    keys_max: usize,
    /// How many in `counts` are [`Population::MadeUp`].
    made_up: usize,
    /// No window in `counts` ends before. While it lies ahead, a full table need not be searched.
    pub(super) earliest_end_s: u64,
    /// What has changed since it was last written down: each place once, and each is in `counts`.
    changed: Vec<Key>,
    /// Whether changes are noted at all.
    journaled: bool,
}

impl Shard {
    pub(super) fn new(keys_max: usize, journaled: bool) -> Self {
        Self {
            counts: KeyMap::default(),
            keys_max,
            made_up: 0,
            earliest_end_s: u64::MAX,
            changed: Vec::new(),
            journaled,
        }
    }

    pub(super) fn charge(&mut self, place: Key, charge: QuotaCharge, now_s: u64) -> Charge {
        let QuotaCharge { counter: _, window, limit, population } = charge;
        if let Some(count) = self.counts.get_mut(&place) {
            let charge = count.charge(window, limit);
            if matches!(charge, Charge::Granted { .. }) && self.journaled && count.is_news() {
                self.changed.push(place);
            }
            return charge;
        }
        let mut count = Count { window, used: 0, name: None, population, changed: false };
        let charge = count.charge(window, limit);
        match charge {
            Charge::Exceeded { .. } | Charge::Full => charge,
            Charge::Granted { .. } if !self.has_room(population, now_s) => Charge::Full,
            Charge::Granted { .. } => {
                self.insert(place, count);
                self.note(place);
                charge
            }
        }
    }

    pub(super) fn refund(&mut self, place: Key, window: Window) {
        let Some(count) = self.counts.get_mut(&place) else { return };
        if count.window != window {
            return;
        }
        count.used = count.used.saturating_sub(1);
        self.settled(place);
    }

    /// Back to zero; what was used before, if anything was.
    pub(super) fn reset(&mut self, place: Key) -> Option<Count> {
        let count = self.counts.get_mut(&place)?;
        let before = count.clone();
        count.used = 0;
        self.settled(place);
        (before.used > 0).then_some(before)
    }

    pub(super) fn name(&mut self, place: Key, make: impl FnOnce() -> CounterName) {
        if let Some(count) = self.counts.get_mut(&place)
            && count.name.is_none()
        {
            count.name = Some(Arc::new(make()));
            self.note(place);
        }
    }

    /// Takes a count over from an earlier process. The larger one stays if there is one already.
    pub(super) fn restore(&mut self, place: Key, window: Window, used: u64, name: Option<Arc<CounterName>>) {
        match self.counts.get_mut(&place) {
            None => {
                let population = name.as_ref().map_or(Population::Listed, |name| name.population());
                self.insert(place, Count { window, used, name, population, changed: false });
            }
            Some(count) if (count.window.start_unix_s, count.used) < (window.start_unix_s, used) => {
                (count.window, count.used) = (window, used);
            }
            Some(_) => {}
        }
    }

    /// Tells all changes to `each`. A count of zero that has been told leaves the table.
    pub(super) fn take_changes(&mut self, mut each: impl FnMut(Key, &Count)) {
        for place in self.changed.drain(..) {
            let Entry::Occupied(mut stored) = self.counts.entry(place) else { continue };
            stored.get_mut().changed = false;
            each(place, stored.get());
            if stored.get().used == 0 {
                let gone = stored.remove();
                self.made_up = self.made_up.saturating_sub(usize::from(gone.population == Population::MadeUp));
            }
        }
    }

    /// As if everything had just changed.
    pub(super) fn change_all(&mut self) {
        let places: Vec<Key> = self.counts.keys().copied().collect();
        for place in places {
            self.note(place);
        }
    }

    fn insert(&mut self, place: Key, count: Count) {
        self.earliest_end_s = self.earliest_end_s.min(count.window.end_unix_s);
        self.made_up = self.made_up.saturating_add(usize::from(count.population == Population::MadeUp));
        self.counts.insert(place, count);
    }

    /// After a count went down. One that is zero leaves the table: at once, or when that has been written down.
    fn settled(&mut self, place: Key) {
        if self.journaled {
            self.note(place);
        } else if let Entry::Occupied(stored) = self.counts.entry(place)
            && stored.get().used == 0
        {
            let gone = stored.remove();
            self.made_up = self.made_up.saturating_sub(usize::from(gone.population == Population::MadeUp));
        }
    }

    fn note(&mut self, place: Key) {
        if self.journaled
            && let Some(count) = self.counts.get_mut(&place)
            && count.is_news()
        {
            self.changed.push(place);
        }
    }

    fn has_room(&mut self, population: Population, now_s: u64) -> bool {
        if !self.has_place(population) {
            self.drop_ended(now_s);
        }
        self.has_place(population)
    }

    fn has_place(&self, population: Population) -> bool {
        self.counts.len() < self.keys_max
            && match population {
                Population::Listed => true,
                Population::MadeUp => self.made_up < self.keys_max.div_ceil(2),
            }
    }

    /// Searches the whole shard, but at most once for each instant at which a window ends: once an hour.
    fn drop_ended(&mut self, now_s: u64) {
        if now_s < self.earliest_end_s {
            return;
        }
        let mut earliest_end_s = u64::MAX;
        let mut made_up = 0_usize;
        self.counts.retain(|_, count| {
            let open = now_s < count.window.end_unix_s;
            if open {
                made_up = made_up.saturating_add(usize::from(count.population == Population::MadeUp));
                earliest_end_s = earliest_end_s.min(count.window.end_unix_s);
            }
            open
        });
        self.earliest_end_s = earliest_end_s;
        self.made_up = made_up;
        let counts = &self.counts;
        self.changed.retain(|place| counts.contains_key(place));
    }
}
