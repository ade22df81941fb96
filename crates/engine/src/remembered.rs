//! Decisions that cost much, kept for a while: passwords that were verified, what an auth service has said. Bounded, and each dies
//! in its time. Knows nothing of what was decided.
//!
//! What is kept is found by a SHA-256 over a secret of the process and everything that the decision was made on, so that no
//! credential lies in memory and nobody outside can choose two that meet.

use limits::clock::Now;
use limits::keyed::Keyer;
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

const SHARDS_MAX: usize = 16;
/// How many entries one insertion looks at before it takes the next in line.
const STEPS_MAX: usize = 8;

/// What a decision was made on.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 32]);

impl fmt::Debug for Fingerprint {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprint")
    }
}

/// Makes [`Fingerprint`]s with the secret of one process.
#[derive(Clone)]
pub struct Fingerprints([u8; 32]);

impl Fingerprints {
    #[must_use]
    pub fn new(keyer: &Keyer) -> Self {
        let mut secret = [0; 32];
        let (low, high) = secret.split_at_mut(16);
        low.copy_from_slice(&keyer.key(&[b"fingerprints, low"]).to_u128().to_ne_bytes());
        high.copy_from_slice(&keyer.key(&[b"fingerprints, high"]).to_u128().to_ne_bytes());
        Self(secret)
    }

    /// Of a list of parts: `["ab", "c"]` and `["a", "bc"]` differ. Allocates nothing.
    #[must_use]
    pub fn of<'p>(&self, parts: impl IntoIterator<Item = &'p [u8]>) -> Fingerprint {
        let mut hash = Sha256::new_with_prefix(self.0);
        for part in parts {
            hash.update(part.len().to_ne_bytes());
            hash.update(part);
        }
        Fingerprint(hash.finalize().into())
    }
}

impl fmt::Debug for Fingerprints {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Fingerprints")
    }
}

/// The table. Survives reloads: what was decided under another config has another fingerprint.
pub struct Remembered<V> {
    shards: Box<[Mutex<Shard<V>>]>,
}

impl<V: Clone> Remembered<V> {
    /// Never holds more than `entries_max`; with 0 it holds nothing.
    #[must_use]
    pub fn new(entries_max: usize) -> Self {
        let shards = entries_max.min(SHARDS_MAX);
        let share = entries_max.checked_div(shards).unwrap_or(0);
        Self { shards: (0..shards).map(|_| Mutex::new(Shard::new(share))).collect() }
    }

    #[must_use]
    pub fn get(&self, of: &Fingerprint, now: Now) -> Option<V> {
        let mut shard = self.shard(of)?;
        let place = *shard.places.get(of)?;
        let entry = shard.entries.get_mut(place)?;
        if entry.is_dead(now) {
            return None;
        }
        entry.used = true;
        Some(entry.value.clone())
    }

    /// Keeps it for `time`, unless others need the room before that.
    pub fn put(&self, of: Fingerprint, value: V, time: Duration, now: Now) {
        if let Some(mut shard) = self.shard(&of) {
            shard.put(Entry { of, value, dies_ns: now.plus(time).monotonic_ns, used: false }, now);
        }
    }

    /// How many it holds, dead ones that nothing has replaced yet among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).entries.len()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, of: &Fingerprint) -> Option<MutexGuard<'_, Shard<V>>> {
        let number = usize::from(of.0[0]).checked_rem(self.shards.len())?;
        self.shards.get(number).map(lock)
    }
}

impl<V: Clone> fmt::Debug for Remembered<V> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Remembered").field("entries", &self.len()).finish_non_exhaustive()
    }
}

// std's Mutex: held for a look-up or an insertion.
fn lock<V>(shard: &Mutex<Shard<V>>) -> MutexGuard<'_, Shard<V>> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Entry<V> {
    of: Fingerprint,
    value: V,
    dies_ns: u64,
    /// Asked for since the hand last passed.
    used: bool,
}

impl<V> Entry<V> {
    const fn is_dead(&self, now: Now) -> bool {
        now.monotonic_ns >= self.dies_ns
    }
}

/// A ring of entries with a hand that goes round (second chance) and a map into it.
struct Shard<V> {
    places: HashMap<Fingerprint, usize>,
    entries: Vec<Entry<V>>,
    hand: usize,
    entries_max: usize,
}

impl<V> Shard<V> {
    fn new(entries_max: usize) -> Self {
        Self { places: HashMap::new(), entries: Vec::new(), hand: 0, entries_max }
    }

    fn put(&mut self, entry: Entry<V>, now: Now) {
        let place = match self.places.get(&entry.of) {
            Some(place) => *place,
            None if self.entries.len() < self.entries_max => {
                self.places.insert(entry.of, self.entries.len());
                self.entries.push(entry);
                return;
            }
            None => self.next_to_go(now),
        };
        if let Some(slot) = self.entries.get_mut(place) {
            self.places.remove(&slot.of);
            self.places.insert(entry.of, place);
            *slot = entry;
        }
    }

    /// One that is dead or was not asked for lately, if one comes soon enough.
    fn next_to_go(&mut self, now: Now) -> usize {
        for _ in 1..STEPS_MAX {
            let place = self.advance();
            match self.entries.get_mut(place) {
                Some(entry) if entry.used && !entry.is_dead(now) => entry.used = false,
                Some(_) | None => return place,
            }
        }
        self.advance()
    }

    fn advance(&mut self) -> usize {
        let place = self.hand;
        self.hand = place.wrapping_add(1).checked_rem(self.entries.len()).unwrap_or(0);
        place
    }
}

#[cfg(test)]
mod tests {
    use super::{Fingerprint, Fingerprints, Remembered};
    use limits::clock::Now;
    use limits::keyed::Keyer;
    use std::time::Duration;

    const START: Now = Now::at_unix_seconds(1_000);
    const MINUTE: Duration = Duration::from_secs(60);

    fn numbered(fingerprints: &Fingerprints, number: usize) -> Fingerprint {
        fingerprints.of([&number.to_ne_bytes()[..]])
    }

    #[test]
    fn fingerprints_keep_parts_and_processes_apart() {
        let ours = Fingerprints::new(&Keyer::new());
        assert_eq!(ours.of([&b"ab"[..], b"c"]), ours.of([&b"ab"[..], b"c"]));
        assert_ne!(ours.of([&b"ab"[..], b"c"]), ours.of([&b"a"[..], b"bc"]));
        assert_ne!(ours.of([&b"ab"[..]]), Fingerprints::new(&Keyer::new()).of([&b"ab"[..]]));
    }

    #[test]
    fn each_dies_in_its_time() {
        let (kept, fingerprints) = (Remembered::new(10), Fingerprints::new(&Keyer::new()));
        let one = numbered(&fingerprints, 1);
        kept.put(one, "a", MINUTE, START);
        assert_eq!(kept.get(&one, START.plus(Duration::from_secs(59))), Some("a"));
        assert_eq!(kept.get(&one, START.plus(MINUTE)), None);
        kept.put(one, "b", MINUTE, START.plus(MINUTE));
        assert_eq!(kept.get(&one, START.plus(MINUTE)), Some("b"));
        assert_eq!((kept.len(), kept.get(&numbered(&fingerprints, 2), START)), (1, None));
    }

    #[test]
    fn the_bound_holds() {
        let fingerprints = Fingerprints::new(&Keyer::new());
        for entries_max in [0, 1, 2, 15, 16, 17, 100] {
            let kept = Remembered::new(entries_max);
            for number in 0..1_000 {
                let of = numbered(&fingerprints, number);
                kept.put(of, number, MINUTE, START);
                assert!(kept.len() <= entries_max);
                assert_eq!(kept.get(&of, START), (entries_max > 0).then_some(number));
            }
            assert!(kept.len() >= entries_max / 2, "{} of {entries_max}", kept.len());
        }
    }

    #[test]
    fn what_is_asked_for_stays_longer_than_what_is_not() {
        let (kept, fingerprints) = (Remembered::new(160), Fingerprints::new(&Keyer::new()));
        let wanted = numbered(&fingerprints, 0);
        kept.put(wanted, 0, MINUTE, START);
        for number in 1..2_000 {
            assert_eq!(kept.get(&wanted, START), Some(0), "gone after {number}");
            kept.put(numbered(&fingerprints, number), number, MINUTE, START);
        }
    }
}
