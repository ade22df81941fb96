//! The fetched keys of one provider, as they are now: the set, when it is due, and which tokens may ask for another. Lives in
//! [`crate::live::Live`], so a reload keeps it. Fetches nothing: somebody else asks [`RemoteKeys::begin`] when it is time, and says
//! how it ended.

mod history;
mod unknown;

pub use history::SeenKey;

use super::{KeyFacts, KeySet};
use arc_swap::{ArcSwapOption, Guard};
use history::History;
use limits::clock::Now;
use limits::keyed::Key;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use unknown::Unknown;

/// Tokens' unknown keys that one fetch answers for.
const ASKING_MAX: usize = 1024;

/// A set as it was fetched.
#[derive(Debug)]
pub struct FetchedSet {
    keys: KeySet,
    /// Changes with the keys and with nothing else.
    tag: Key,
    /// Which of the sets that came this one is, from 1.
    number: u64,
    due_ns: u64,
}

impl FetchedSet {
    pub(crate) const fn keys(&self) -> &KeySet {
        &self.keys
    }

    pub(crate) const fn tag(&self) -> Key {
        self.tag
    }

    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// Until `stale_for` after the set should have been renewed.
    #[must_use]
    pub fn serves(&self, stale_for: Duration, now: Now) -> bool {
        now.monotonic_ns < self.due_ns.saturating_add(nanoseconds(stale_for))
    }
}

#[derive(Default)]
pub struct RemoteKeys {
    set: ArcSwapOption<FetchedSet>,
    // std's Mutex: taken at fetches, and for tokens whose key is unknown.
    desk: Mutex<Desk>,
    unknown: AtomicU64,
    suppressed: AtomicU64,
}

/// What is known about fetching.
#[derive(Default)]
struct Desk {
    fetch: Fetch,
    /// Sets that have come.
    sets: u64,
    /// When the next fetch begins by itself; the first at once.
    next_ns: u64,
    /// When the last fetch began that a token had asked for.
    asked_ns: Option<u64>,
    /// Unknown keys that the next fetch answers for, and those that the present one does.
    asking: Vec<Key>,
    answering: Vec<Key>,
    unknown: Unknown,
    history: History,
    fetched: Option<Now>,
    failure: Option<FetchFailure>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Fetch {
    #[default]
    Resting,
    /// A token asks for it.
    Ordered,
    UnderWay,
}

/// Fetches that failed one after the other, the last of them up to now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchFailure {
    /// Why the last one did.
    pub why: Box<str>,
    pub times: u32,
    pub since_unix_ms: u64,
}

/// Whether a fetch is to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// It counts as under way from here on, until [`RemoteKeys::succeeded`] or [`RemoteKeys::failed`].
    Now,
    UnderWay,
    Later(Duration),
}

/// What a token whose key is unknown may hope for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A fetch is ordered or under way.
    Coming,
    /// The last fetch that was asked for is too recent, or had an answer for this very key.
    Refused,
    /// A set has come since the token was held against the last one: look again.
    Newer,
}

/// What a token misses, and in which set.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Missing {
    pub(crate) key: Key,
    /// [`FetchedSet::number`]; 0 if there was none.
    pub(crate) set: u64,
}

/// When a set that came is due, and what happens next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// From when on the set is stale.
    pub due_in: Duration,
    /// When the next fetch begins by itself.
    pub next_in: Duration,
    /// How long a key that was asked for in vain is not asked for again.
    pub unknown_for: Duration,
}

/// What a fetched set changed.
#[derive(Debug, Default)]
pub struct Changes {
    pub appeared: Vec<KeyFacts>,
    pub vanished: Vec<KeyFacts>,
    /// The failures that ended with this one.
    pub recovered: Option<FetchFailure>,
}

/// For the operator.
#[derive(Clone, Debug)]
pub struct RemoteStatus {
    pub fetched_unix_ms: Option<u64>,
    pub serves: bool,
    pub next_in: Option<Duration>,
    pub failure: Option<FetchFailure>,
    pub keys: Vec<SeenKey>,
}

impl RemoteKeys {
    /// The set, whether it still serves or not. Allocates nothing.
    pub(crate) fn set(&self) -> Guard<Option<Arc<FetchedSet>>> {
        self.set.load()
    }

    /// Whether there has been a set since the process began.
    #[must_use]
    pub fn has_come(&self) -> bool {
        self.set.load().is_some()
    }

    /// When the last set came.
    #[must_use]
    pub fn fetched_unix_ms(&self) -> Option<u64> {
        self.desk().fetched.map(|fetched| fetched.unix_ms)
    }

    /// Whether a fetch is ordered or under way: who waits, waits for its end.
    #[must_use]
    pub fn is_coming(&self) -> bool {
        self.desk().fetch != Fetch::Resting
    }

    /// A token asks for a fetch, under the name of what it misses. At most one fetch in `interval` begins for this cause.
    pub(crate) fn ask(&self, missing: Missing, interval: Duration, now: Now) -> Asked {
        let Missing { key: missing, set } = missing;
        let mut desk = self.desk();
        if desk.sets != set {
            return Asked::Newer;
        }
        self.unknown.fetch_add(1, Ordering::Relaxed);
        let recent = desk.asked_ns.is_some_and(|asked| now.monotonic_ns < asked.saturating_add(nanoseconds(interval)));
        let asked = match desk.fetch {
            _ if desk.unknown.has(missing, now) => Asked::Refused,
            Fetch::Ordered | Fetch::UnderWay => Asked::Coming,
            Fetch::Resting if recent => Asked::Refused,
            Fetch::Resting => {
                desk.fetch = Fetch::Ordered;
                desk.asked_ns = Some(now.monotonic_ns);
                Asked::Coming
            }
        };
        match asked {
            Asked::Refused => drop(self.suppressed.fetch_add(1, Ordering::Relaxed)),
            Asked::Coming => desk.asks(missing),
            Asked::Newer => {}
        }
        asked
    }

    /// The same for one that has asked and waited.
    pub(crate) fn ask_again(&self, missing: Missing) -> Asked {
        let desk = self.desk();
        match desk.fetch {
            _ if desk.sets != missing.set => Asked::Newer,
            Fetch::Ordered | Fetch::UnderWay => Asked::Coming,
            Fetch::Resting => Asked::Refused,
        }
    }

    /// Why there is no newer set, and how long until the next fetch begins by itself.
    pub(crate) fn outlook(&self, now: Now) -> (Option<Box<str>>, Duration) {
        let desk = self.desk();
        let why = desk.failure.as_ref().map(|failure| failure.why.clone());
        (why, Duration::from_nanos(desk.next_ns.saturating_sub(now.monotonic_ns)))
    }

    pub fn begin(&self, now: Now) -> Begin {
        let mut desk = self.desk();
        let wait = desk.next_ns.saturating_sub(now.monotonic_ns);
        match desk.fetch {
            Fetch::UnderWay => Begin::UnderWay,
            Fetch::Resting if wait > 0 => Begin::Later(Duration::from_nanos(wait)),
            Fetch::Resting | Fetch::Ordered => {
                desk.fetch = Fetch::UnderWay;
                desk.answering = std::mem::take(&mut desk.asking);
                Begin::Now
            }
        }
    }

    /// The set that came takes the place of the last one.
    pub fn succeeded(&self, keys: KeySet, plan: Plan, now: Now) -> Changes {
        let [head, ..] = *keys.fingerprint().as_chunks::<16>().0 else { return Changes::default() };
        let facts = keys.facts();
        let due_ns = now.monotonic_ns.saturating_add(nanoseconds(plan.due_in));
        let mut desk = self.desk();
        desk.sets = desk.sets.saturating_add(1);
        let set = FetchedSet { keys, tag: Key::from_u128(u128::from_be_bytes(head)), number: desk.sets, due_ns };
        let (appeared, vanished) = desk.history.seen(facts, now.unix_ms);
        let answered = std::mem::take(&mut desk.answering);
        for missing in answered {
            desk.unknown.remember(missing, plan.unknown_for, now);
        }
        desk.fetched = Some(now);
        desk.next_ns = now.monotonic_ns.saturating_add(nanoseconds(plan.next_in));
        let recovered = desk.failure.take();
        // Before the fetch counts as ended: who waited for its end finds the set.
        self.set.store(Some(Arc::new(set)));
        desk.end();
        Changes { appeared, vanished, recovered }
    }

    /// Nothing came; the last set serves on for as long as it may. `next_in` is told how many have failed in a row, this one included.
    pub fn failed(&self, why: Box<str>, next_in: impl FnOnce(u32) -> Duration, now: Now) -> FetchFailure {
        let mut desk = self.desk();
        let failure = match desk.failure.take() {
            Some(before) => FetchFailure { why, times: before.times.saturating_add(1), ..before },
            None => FetchFailure { why, times: 1, since_unix_ms: now.unix_ms },
        };
        desk.next_ns = now.monotonic_ns.saturating_add(nanoseconds(next_in(failure.times)));
        desk.failure = Some(failure.clone());
        desk.answering.clear();
        desk.end();
        failure
    }

    /// Tokens whose key was unknown, and those of them for which no fetch was made.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.unknown.load(Ordering::Relaxed), self.suppressed.load(Ordering::Relaxed))
    }

    /// How many keys serve now.
    #[must_use]
    pub fn serving(&self, stale_for: Duration, now: Now) -> usize {
        let set = self.set.load();
        set.as_ref().filter(|set| set.serves(stale_for, now)).map_or(0, |set| set.keys.len())
    }

    #[must_use]
    pub fn status(&self, stale_for: Duration, now: Now) -> RemoteStatus {
        let desk = self.desk();
        let set = self.set.load();
        let next = Duration::from_nanos(desk.next_ns.saturating_sub(now.monotonic_ns));
        RemoteStatus {
            fetched_unix_ms: desk.fetched.map(|fetched| fetched.unix_ms),
            serves: set.as_ref().is_some_and(|set| set.serves(stale_for, now)),
            next_in: (desk.fetch == Fetch::Resting).then_some(next),
            failure: desk.failure.clone(),
            keys: desk.history.keys().to_vec(),
        }
    }

    // A panic in between leaves at worst a fetch that is asked for again.
    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Desk {
    fn asks(&mut self, missing: Key) {
        if self.asking.len() < ASKING_MAX && !self.asking.contains(&missing) {
            self.asking.push(missing);
        }
    }

    /// What was asked while the fetch was under way got its answer with it; it is not remembered as unknown, as the key may be newer.
    fn end(&mut self) {
        self.asking.clear();
        self.fetch = Fetch::Resting;
    }
}

impl fmt::Debug for RemoteKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("RemoteKeys").field("set", &*self.set.load()).finish_non_exhaustive()
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
