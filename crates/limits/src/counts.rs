//! Many callers' quotas: a bounded table of how much each has used of its window. A full table refuses new keys rather than
//! forgetting what somebody used: a forgotten quota would be a quota given twice.
//!
//! A key belongs to one period: whoever makes keys puts the period's name in. Does not know limits beyond the call at hand, so a
//! changed limit keeps what was used. Does not know where counts are written down either: a journaled table notes which have
//! changed, and somebody comes to take the changes.

mod shard;

use std::borrow::Cow;
use std::sync::Arc;

use crate::clock::Now;
use crate::keyed::Key;
use crate::scatter::Scatter;
use crate::shards::Shards;
use crate::window::{Period, Window};
use shard::{Count, Shard};

/// One count that a request has to be charged to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QuotaCharge {
    pub counter: Key,
    pub window: Window,
    /// Requests in the window, the one at hand included.
    pub limit: u64,
    pub population: Population,
}

/// Who decides how many counters of a sort there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Population {
    /// The config or an issuer: consumers, API keys, routes. They may fill the table.
    Listed,
    /// Whoever calls: addresses, tokens, values of headers and claims. They may take half of it, so that nobody who makes them up
    /// leaves those of the first sort without a count.
    MadeUp,
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

/// What people call a counter. Kept beside its count; all that is looked at here is its population.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterName {
    /// The quota's name.
    pub policy: Arc<str>,
    pub period: Period,
    /// The operator's `key:`.
    pub by: Cow<'static, str>,
    /// Whose count it is, of those that are counted apart. Never a credential.
    pub value: Arc<str>,
    /// The consumer behind it, where there is one.
    pub consumer: Option<Arc<str>>,
}

impl CounterName {
    /// Of a count that comes back from an earlier process, by the operator's `key:`.
    fn population(&self) -> Population {
        let made_up =
            matches!(&*self.by, "ip" | "token") || self.by.starts_with("header:") || self.by.starts_with("claim:");
        if made_up { Population::MadeUp } else { Population::Listed }
    }
}

/// One count as it is listed, written down and read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub key: Key,
    pub window: Window,
    pub used: u64,
    /// None for the moment between a counter's first request and its naming.
    pub name: Option<Arc<CounterName>>,
}

/// A bounded map from key to the window it was last charged in and what was used of it.
#[derive(Debug)]
pub struct Counts {
    shards: Shards<Shard>,
    /// The keys are no secret; their places are.
    scatter: Scatter,
    keys_max: usize,
}

impl Counts {
    /// Holds at most `keys_max` counts; none with 0. Tables of 2048 and more are split, and a part that is full refuses new
    /// keys: this begins when about nine tenths of the whole are taken.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        Self::build(keys_max, false)
    }

    /// One whose changes are noted until [`Counts::take_changes`] has told them.
    #[must_use]
    pub fn journaled(keys_max: usize) -> Self {
        Self::build(keys_max, true)
    }

    fn build(keys_max: usize, journaled: bool) -> Self {
        let shards = Shards::sharing(keys_max, |share| Shard::new(share, journaled));
        Self { shards, scatter: Scatter::new(), keys_max }
    }

    /// Counts one request, unless `limit` are counted already. A window later than the stored one starts from zero; an earlier
    /// one (the clock was set back) is counted in the stored one, as nobody shall get a quota twice.
    pub fn charge(&self, key: Key, window: Window, limit: u64, now: Now) -> Charge {
        self.charge_one(QuotaCharge { counter: key, window, limit, population: Population::Listed }, now)
    }

    /// The same with the population that decides about room.
    pub fn charge_one(&self, charge: QuotaCharge, now: Now) -> Charge {
        let place = self.scatter.place(charge.counter);
        self.shards.lock(place).charge(place, charge, now.unix_seconds())
    }

    /// Gives one request back, if the count is still for the same window. A count that falls to zero leaves the table; a
    /// journaled one when that has been told.
    pub fn refund(&self, key: Key, window: Window) {
        let place = self.scatter.place(key);
        self.shards.lock(place).refund(place, window);
    }

    /// What a charge for `window` would find used.
    #[must_use]
    pub fn used(&self, key: Key, window: Window) -> u64 {
        let place = self.scatter.place(key);
        let shard = self.shards.lock(place);
        shard.counts.get(&place).map_or(0, |count| count.used_in(window))
    }

    /// Names a counter that has none yet.
    pub fn name(&self, key: Key, make: impl FnOnce() -> CounterName) {
        let place = self.scatter.place(key);
        self.shards.lock(place).name(place, make);
    }

    /// Takes over what an earlier process has counted; that is no change. Also where there is no room: that process had it, and
    /// what was used is not forgotten.
    pub fn restore(&self, row: Row) {
        let Row { key, window, used, name } = row;
        let place = self.scatter.place(key);
        self.shards.lock(place).restore(place, window, used, name);
    }

    /// Starts one count from zero. What it was, if it was more.
    pub fn reset(&self, key: Key) -> Option<Row> {
        let place = self.scatter.place(key);
        let before = self.shards.lock(place).reset(place)?;
        Some(row(key, &before))
    }

    /// Tells what has changed since the last call and forgets that it has. One with `used: 0` has left the table. A part of the
    /// table is locked while it is told: `each` has to be quick.
    pub fn take_changes(&self, mut each: impl FnMut(Row)) {
        self.shards.each(|shard| shard.take_changes(|place, count| each(row(self.scatter.key(place), count))));
    }

    /// From here on all counts are changes: for whoever has to write them anew.
    pub fn change_all(&self) {
        self.shards.each(Shard::change_all);
    }

    /// The counts of one part of the table that `wanted` picks; none if there are fewer parts.
    pub fn rows(&self, part: usize, wanted: impl Fn(&Row) -> bool) -> Option<Vec<Row>> {
        let shard = self.shards.nth(part)?;
        let rows = shard.counts.iter().map(|(place, count)| row(self.scatter.key(*place), count));
        Some(rows.filter(|row| row.used > 0 && wanted(row)).collect())
    }

    /// The bound that it was made with.
    #[must_use]
    pub const fn keys_max(&self) -> usize {
        self.keys_max
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

fn row(key: Key, count: &Count) -> Row {
    Row { key, window: count.window, used: count.used, name: count.name.clone() }
}

#[cfg(test)]
#[path = "counts/tests.rs"]
mod tests;

#[cfg(test)]
#[path = "counts/journal_tests.rs"]
mod journal_tests;
