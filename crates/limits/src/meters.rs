//! A bounded map of meters, and who is forgotten when it is full: one table's share behind one lock. Knows nothing of locks.

use crate::bucket::{Meter, Rate, Take, Taken};
use crate::keyed::Key;
use crate::shards::KeyMap;

/// Entries looked at, at most, to find one to evict. With half of a table in steady use and nothing drained, one in 65,536
/// evictions hits somebody who is in use.
const SAMPLE: usize = 16;

/// `entries` and `ring` hold the same keys. The ring exists to draw samples: a map cannot be entered in the middle.
#[derive(Debug)]
pub(crate) struct Meters {
    entries: KeyMap<Entry>,
    ring: Vec<Key>,
    keys_max: usize,
    /// Never zero: xorshift would stay there.
    dice: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Entry {
    meter: Meter,
    /// By the rate of the last call: whoever evicts does not know this caller's rate.
    empty_at_ns: u64,
}

impl Entry {
    fn take(&mut self, rate: Rate, now_ns: u64) -> Take {
        let take = self.meter.take(rate, now_ns);
        self.empty_at_ns = self.meter.empty_at_ns(rate);
        take
    }
}

/// Where one more key can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Room {
    Free,
    /// In place of the key at this place of the ring.
    InPlaceOf(usize),
}

/// Who would have to go.
enum Victim {
    /// Its owner would notice nothing: a new meter answers the same.
    Drained(usize),
    /// The least recently used of the sample.
    InUse(usize),
}

impl Meters {
    pub(crate) fn new(keys_max: usize) -> Self {
        Self { entries: KeyMap::default(), ring: Vec::new(), keys_max, dice: 0x9e37_79b9_7f4a_7c15 }
    }

    /// A smaller bound forgets nobody at once; it lets nobody in before others have gone.
    pub(crate) fn bound(&mut self, keys_max: usize) {
        self.keys_max = keys_max.max(1);
    }

    /// Takes one request, if need be at the expense of somebody else's meter.
    pub(crate) fn take(&mut self, key: Key, rate: Rate, now_ns: u64) -> Take {
        if let Some(take) = self.take_known(key, rate, now_ns) {
            return take;
        }
        let room = self.room(now_ns, |victim| match victim {
            Victim::Drained(at) | Victim::InUse(at) => Some(at),
        });
        // There is always somebody to go.
        self.take_new(key, Meter::default(), rate, now_ns, room.unwrap_or(Room::Free))
    }

    /// Takes one request if the key has a meter.
    pub(crate) fn take_known(&mut self, key: Key, rate: Rate, now_ns: u64) -> Option<Take> {
        self.entries.get_mut(&key).map(|entry| entry.take(rate, now_ns))
    }

    /// Takes the first request of a key that has no meter yet, from this one.
    pub(crate) fn take_new(&mut self, key: Key, meter: Meter, rate: Rate, now_ns: u64, room: Room) -> Take {
        let mut entry = Entry { meter, empty_at_ns: 0 };
        let take = entry.take(rate, now_ns);
        match room {
            Room::Free => self.ring.push(key),
            Room::InPlaceOf(at) => {
                let Some(place) = self.ring.get_mut(at) else { return take };
                self.entries.remove(place);
                *place = key;
            }
        }
        self.entries.insert(key, entry);
        take
    }

    /// Room at nobody's expense: a free place, or a drained meter's. None if a sample finds neither.
    pub(crate) fn room_at_nobodys_expense(&mut self, now_ns: u64) -> Option<Room> {
        self.room(now_ns, |victim| match victim {
            Victim::Drained(at) => Some(at),
            Victim::InUse(_) => None,
        })
    }

    /// Looks at the key's meter, a new one if it has none, and leaves everything as it was.
    pub(crate) fn peek(&self, key: Key, rate: Rate, now_ns: u64) -> Taken {
        self.entries.get(&key).map(|entry| entry.meter).unwrap_or_default().peek(rate, now_ns)
    }

    pub(crate) fn knows(&self, key: Key) -> bool {
        self.entries.contains_key(&key)
    }

    pub(crate) fn give_back(&mut self, key: Key, rate: Rate, now_ns: u64) {
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.meter.give_back(rate, now_ns);
            entry.empty_at_ns = entry.meter.empty_at_ns(rate);
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    fn room(&mut self, now_ns: u64, may_go: impl Fn(Victim) -> Option<usize>) -> Option<Room> {
        if self.ring.len() < self.keys_max {
            return Some(Room::Free);
        }
        may_go(self.victim(now_ns)).map(Room::InPlaceOf)
    }

    /// The first drained meter of a sample, or else the one that was used least recently.
    fn victim(&mut self, now_ns: u64) -> Victim {
        let mut oldest = (u64::MAX, 0);
        for _ in 0..SAMPLE {
            let at = self.draw();
            let Some(entry) = self.ring.get(at).and_then(|key| self.entries.get(key)) else {
                return Victim::Drained(at);
            };
            if entry.empty_at_ns <= now_ns {
                return Victim::Drained(at);
            }
            oldest = oldest.min((entry.meter.used_at_ns(), at));
        }
        Victim::InUse(oldest.1)
    }

    /// A random place: any even walk falls into step with callers who come in turns. A xorshift generator is random enough, as
    /// nobody outside sees what it draws.
    fn draw(&mut self) -> usize {
        self.dice ^= self.dice << 13;
        self.dice ^= self.dice >> 7;
        self.dice ^= self.dice << 17;
        let scaled = u128::from(self.dice).saturating_mul(self.ring.len() as u128) >> 64;
        usize::try_from(scaled).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(number: usize) -> Key {
        Key::from_u128(number as u128)
    }

    fn rate(milli: u64, burst: u64) -> Rate {
        Rate::new(milli, burst).expect("within bounds")
    }

    #[test]
    fn map_and_ring_hold_the_same_keys() {
        let mut meters = Meters::new(100);
        for number in 0..1_000 {
            meters.take(key(number * 31 % 257), rate(1_000, 2), number as u64 * 10_000_000);
        }
        assert_eq!((meters.ring.len(), meters.entries.len()), (100, 100));
        assert!(meters.ring.iter().all(|key| meters.entries.contains_key(key)));
    }

    /// The allocator cannot be counted without unsafe code; capacities tell as much.
    #[test]
    fn a_full_table_stops_growing() {
        let mut meters = Meters::new(3_000);
        let mut churn = |numbers: std::ops::Range<usize>| {
            let capacities = numbers.map(|number| {
                meters.take(key(number), rate(1, 1), 1);
                (meters.entries.capacity(), meters.ring.capacity())
            });
            capacities.fold((0, 0), |most, now| (most.0.max(now.0), most.1.max(now.1)))
        };
        let warm = churn(0..20_000);
        assert!(warm.0 <= 4 * 3_000 && warm.1 <= 2 * 3_000, "{warm:?}");
        assert_eq!(churn(20_000..60_000), warm);
    }
}
