//! One node's part of many shared limits: a bounded table of leases. What nobody uses is handed out to be given back, part by part,
//! by whoever sweeps; a full table grants nothing, and its caller asks the store for each request.

use crate::clock::Now;
use crate::keyed::Key;
use crate::lease::{Answer, Ask, Lease, Leased, Touch, Unused};
use crate::scatter::Scatter;
use crate::shards::{KeyMap, Shards};
use crate::shared::Limit;

/// A bounded map from key to lease.
#[derive(Debug)]
pub struct Leases {
    shards: Shards<Shard>,
    /// The keys are no secret; their places are.
    scatter: Scatter,
}

/// Unused requests of one counter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Returned {
    pub counter: Key,
    pub limit: Limit,
    pub unused: Unused,
}

#[derive(Debug)]
struct Shard {
    leases: KeyMap<(Limit, Lease)>,
    keys_max: usize,
}

impl Leases {
    /// Holds at most `keys_max` leases.
    #[must_use]
    pub fn new(keys_max: usize) -> Self {
        let shards = Shards::sharing(keys_max, |keys_max| Shard { leases: KeyMap::default(), keys_max });
        Self { shards, scatter: Scatter::new() }
    }

    /// Takes one request. None if there is no room for a lease.
    pub fn take(&self, counter: Key, limit: Limit, touch: Touch, now: Now) -> Option<Leased> {
        let place = self.scatter.place(counter);
        let mut shard = self.shards.lock(place);
        if shard.leases.len() >= shard.keys_max && !shard.leases.contains_key(&place) {
            return None;
        }
        let (last_limit, lease) = shard.leases.entry(place).or_insert_with(|| (limit, Lease::default()));
        *last_limit = limit;
        Some(lease.take(limit, touch, now.monotonic_ns))
    }

    /// Takes the answer to an ask in. False if nobody waits for it any more: what it granted belongs to nobody.
    #[must_use]
    pub fn answered(&self, counter: Key, ask: Ask, answer: Answer, now: Now) -> bool {
        let place = self.scatter.place(counter);
        let mut shard = self.shards.lock(place);
        shard.leases.get_mut(&place).is_some_and(|(_, lease)| lease.answered(ask, answer, now.monotonic_ns))
    }

    pub fn failed(&self, counter: Key, ask: Ask) {
        let place = self.scatter.place(counter);
        if let Some((_, lease)) = self.shards.lock(place).leases.get_mut(&place) {
            lease.failed(ask);
        }
    }

    /// Puts one request back that was granted at `taken`. False if there is no lease that could hold it.
    #[must_use]
    pub fn put_back(&self, counter: Key, taken: Now, now: Now) -> bool {
        let place = self.scatter.place(counter);
        let mut shard = self.shards.lock(place);
        let lease = shard.leases.get_mut(&place);
        lease.is_some_and(|(_, lease)| lease.put_back(taken.monotonic_ns, now.monotonic_ns))
    }

    /// How many parts [`Leases::sweep`] can be asked for.
    #[must_use]
    pub fn parts(&self) -> usize {
        self.shards.sum(|_| 1)
    }

    /// Goes through one part of the table: adds what is to be given back, and forgets leases that say nothing any more.
    pub fn sweep(&self, part: usize, now: Now, returned: &mut Vec<Returned>) {
        let Some(mut shard) = self.shards.nth(part) else { return };
        shard.leases.retain(|place, (limit, lease)| {
            if let Some(unused) = lease.idle(now.monotonic_ns) {
                returned.push(Returned { counter: self.scatter.key(*place), limit: *limit, unused });
            }
            !lease.is_blank(now.monotonic_ns)
        });
    }

    /// Gives everything back: this node is about to stop.
    #[must_use]
    pub fn surrender(&self, now: Now) -> Vec<Returned> {
        let mut returned = Vec::new();
        self.shards.each(|shard| {
            for (place, (limit, lease)) in &mut shard.leases {
                if let Some(unused) = lease.surrender(now.monotonic_ns) {
                    returned.push(Returned { counter: self.scatter.key(*place), limit: *limit, unused });
                }
            }
        });
        returned
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.sum(|shard| shard.leases.len())
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bucket::{Rate, Take};
    use std::time::Duration;

    const START: Now = Now::at_unix_seconds(1_000);

    fn limit() -> Limit {
        Limit::Rate(Rate::new(1_000_000, 1_000).expect("within bounds"))
    }

    fn granted(requests: u64) -> Answer {
        Answer {
            granted: requests,
            remaining: 900,
            retry_after: Duration::ZERO,
            reset_after: Duration::from_millis(100),
            epoch: 0,
        }
    }

    fn key(number: u128) -> Key {
        Key::from_u128(number)
    }

    #[test]
    fn a_full_table_has_no_room_for_another_but_serves_those_it_has() {
        let leases = Leases::new(2);
        for number in [1, 2, 1] {
            assert!(leases.take(key(number), limit(), Touch::First, START).is_some());
        }
        assert_eq!(leases.take(key(3), limit(), Touch::First, START), None);
        assert_eq!(leases.len(), 2);
        assert_eq!(Leases::new(0).take(key(1), limit(), Touch::First, START), None);
    }

    #[test]
    fn what_is_idle_is_given_back_once_and_forgotten() {
        let leases = Leases::new(10);
        let Some(Leased::Dry(Some(ask))) = leases.take(key(1), limit(), Touch::First, START) else { panic!("not dry") };
        assert!(leases.answered(key(1), ask, granted(5), START));
        assert!(!leases.answered(key(1), ask, granted(5), START), "an answer counts once");
        assert!(!leases.answered(key(9), ask, granted(5), START), "nobody asked");
        let taken = leases.take(key(1), limit(), Touch::Again, START);
        assert!(matches!(taken, Some(Leased::Settled(Take::Granted(_), _))));
        if let Some(Leased::Settled(_, Some(ask))) = taken {
            leases.failed(key(1), ask);
        }
        let mut returned = Vec::new();
        let sweep =
            |now, returned: &mut Vec<Returned>| (0..leases.parts()).for_each(|part| leases.sweep(part, now, returned));
        sweep(START.plus(Duration::from_millis(999)), &mut returned);
        assert!(returned.is_empty());
        sweep(START.plus(Duration::from_secs(1)), &mut returned);
        let expected = Returned { counter: key(1), limit: limit(), unused: Unused { requests: 4, epoch: 0 } };
        assert_eq!(returned, [expected]);
        assert!(leases.is_empty());
        assert_eq!(leases.surrender(START), []);
    }

    #[test]
    fn on_the_way_out_everything_goes_back() {
        let leases = Leases::new(5_000);
        for number in 0..100 {
            let Some(Leased::Dry(Some(ask))) = leases.take(key(number), limit(), Touch::First, START) else {
                panic!("not dry")
            };
            assert!(leases.answered(key(number), ask, granted(3), START));
        }
        let returned = leases.surrender(START);
        assert_eq!(returned.len(), 100);
        assert!(returned.iter().all(|returned| returned.unused.requests == 3));
        assert_eq!(leases.surrender(START), []);
    }
}
