//! Whether callers who were refused back off or loop: for each caller the few requests that were refused last, and how it came back
//! for them. A table of fixed size; a caller who finds no place in it is not judged.
//!
//! Nobody who was not refused lately pays for it: [`Retries::is_idle`] is one relaxed load, and [`Retries::knows`] a second one while
//! anybody is pursued at all. What a retry is and when it is hasty is said in [`pursuit`].
//!
//! Does not know who callers are, nor what was asked: both are hashes by a key of this process.

mod pursuit;

pub use pursuit::{Answered, Change, Habit};

use crate::clock::Now;
use pursuit::Pursuit;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Callers that are pursued at once, about one megabyte in all.
const CALLERS_MAX: usize = 4_096;
/// Requests of one caller that are pursued at once.
const PURSUITS_MAX: usize = 4;
/// A caller's place is free for another one after so long without a refusal.
const STALE_NS: u64 = 10_000_000_000;

/// A caller or a request, as a keyed hash; never 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark(u64);

/// What became of one request.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Noted {
    /// None: no retry, or too few to tell.
    pub habit: Option<Habit>,
    pub change: Option<Change>,
    /// How often the caller has sent the request, the first refused one included. Of several at once only the first counts.
    pub tries: u32,
    /// Since that first refusal.
    pub lasting: Duration,
}

/// A storm that [`Retries::sweep`] found to have ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    pub caller: Mark,
    pub request: Mark,
    /// Retries since the first refusal.
    pub retries: u32,
}

#[derive(Debug)]
pub struct Retries {
    slots: Box<[Slot]>,
    /// Slots that are taken.
    pursued: AtomicUsize,
    /// Callers that loop on something now.
    looping: AtomicUsize,
    hash: RandomState,
}

#[derive(Debug)]
struct Slot {
    /// The caller, 0 for none. Written under the lock; read without it, where a wrong answer costs nothing but the lock.
    caller: AtomicU64,
    // std's Mutex: held for the look at four entries, never across an await.
    pursuits: Mutex<[Option<Pursuit>; PURSUITS_MAX]>,
}

impl Retries {
    #[must_use]
    pub fn new() -> Self {
        Self::holding(CALLERS_MAX)
    }

    fn holding(callers_max: usize) -> Self {
        let slot = |_| Slot { caller: AtomicU64::new(0), pursuits: Mutex::default() };
        Self {
            slots: (0..callers_max.max(1)).map(slot).collect(),
            pursued: AtomicUsize::new(0),
            looping: AtomicUsize::new(0),
            hash: RandomState::new(),
        }
    }

    /// The mark of a list of parts. `["ab", "c"]` and `["a", "bc"]` differ.
    #[must_use]
    pub fn mark(&self, parts: &[&[u8]]) -> Mark {
        let mut hasher = self.hash.build_hasher();
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        Mark(hasher.finish().max(1))
    }

    /// Nobody is pursued: whoever was not refused just now need not be noted.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.pursued.load(Ordering::Relaxed) == 0
    }

    /// This caller may be pursued. Who was not refused and is not known need not be noted.
    #[must_use]
    pub fn knows(&self, caller: Mark) -> bool {
        self.slot(caller).is_some_and(|slot| slot.caller.load(Ordering::Relaxed) == caller.0)
    }

    /// Callers that loop on something now.
    #[must_use]
    pub fn looping(&self) -> usize {
        self.looping.load(Ordering::Relaxed)
    }

    /// A request has been answered: was it a retry, and of which kind?
    pub fn note(&self, caller: Mark, request: Mark, answered: Answered) -> Noted {
        let Some(slot) = self.slot(caller) else { return Noted::default() };
        let mut pursuits = slot.lock();
        let holder = slot.caller.load(Ordering::Relaxed);
        if holder != caller.0 {
            let is_free = holder == 0 || is_stale(&pursuits, answered.ended);
            if !answered.refused || !is_free {
                return Noted::default();
            }
            *pursuits = [None; PURSUITS_MAX];
            slot.caller.store(caller.0, Ordering::Relaxed);
            self.pursued.fetch_add(usize::from(holder == 0), Ordering::Relaxed);
        }
        let before = is_looping(&pursuits);
        let noted = note_one(&mut pursuits, request, answered);
        self.count(before, is_looping(&pursuits));
        noted
    }

    /// Forgets what is long past and tells which storms have died down. Looks at nothing while nobody is pursued.
    pub fn sweep(&self, now: Now, mut tell: impl FnMut(Ended)) {
        if self.is_idle() {
            return;
        }
        for slot in self.slots.iter().filter(|slot| slot.caller.load(Ordering::Relaxed) != 0) {
            let mut pursuits = slot.lock();
            let caller = slot.caller.load(Ordering::Relaxed);
            let before = is_looping(&pursuits);
            for place in pursuits.iter_mut() {
                let Some(pursuit) = place else { continue };
                if pursuit.has_died_down(now.monotonic_ns) {
                    tell(Ended { caller: Mark(caller), request: pursuit.request, retries: pursuit.retries });
                }
                if pursuit.is_past(now.monotonic_ns) {
                    *place = None;
                }
            }
            self.count(before, is_looping(&pursuits));
            if caller != 0 && pursuits.iter().all(Option::is_none) {
                slot.caller.store(0, Ordering::Relaxed);
                self.pursued.fetch_sub(1, Ordering::Relaxed);
            }
        }
    }

    fn slot(&self, caller: Mark) -> Option<&Slot> {
        let scaled = u128::from(caller.0).saturating_mul(self.slots.len() as u128) >> 64;
        self.slots.get(usize::try_from(scaled).ok()?)
    }

    fn count(&self, before: bool, after: bool) {
        match (before, after) {
            (false, true) => drop(self.looping.fetch_add(1, Ordering::Relaxed)),
            (true, false) => drop(self.looping.fetch_sub(1, Ordering::Relaxed)),
            (true, true) | (false, false) => {}
        }
    }
}

impl Default for Retries {
    fn default() -> Self {
        Self::new()
    }
}

impl Slot {
    fn lock(&self) -> MutexGuard<'_, [Option<Pursuit>; PURSUITS_MAX]> {
        self.pursuits.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

type Pursuits = [Option<Pursuit>; PURSUITS_MAX];

fn is_looping(pursuits: &Pursuits) -> bool {
    pursuits.iter().flatten().any(|pursuit| pursuit.looping)
}

/// Nobody loops here, and the last refusal was a while ago.
fn is_stale(pursuits: &Pursuits, now: Now) -> bool {
    let recent = |pursuit: &Pursuit| now.monotonic_ns.saturating_sub(pursuit.seen_ns) < STALE_NS;
    !pursuits.iter().flatten().any(|pursuit| pursuit.looping || recent(pursuit))
}

fn note_one(pursuits: &mut Pursuits, request: Mark, answered: Answered) -> Noted {
    if let Some(known) = pursuits.iter_mut().flatten().find(|pursuit| pursuit.request == request) {
        return known.note(answered);
    }
    if !answered.refused {
        return Noted::default();
    }
    // In place of none, else of the one seen longest ago; a storm goes on being watched.
    let place = pursuits
        .iter_mut()
        .filter(|place| place.is_none_or(|pursuit| !pursuit.looping))
        .min_by_key(|place| place.map_or(0, |pursuit| pursuit.seen_ns));
    if let Some(place) = place {
        *place = Some(Pursuit::new(request, answered));
    }
    Noted::default()
}

#[cfg(test)]
mod tests;
