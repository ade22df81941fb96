//! Tokens whose signature and fixed claims have been checked, so that the next request with the same token need not pay for that
//! again. Bounded; knows nothing of signatures or claims.
//!
//! What is compared is the whole token and the provider's tag, which changes with its keys and rules: what was accepted under
//! others is not found. Only good tokens are kept: a forged one can neither fill the cache nor push anything out.

use crate::identity::VerifiedToken;
use limits::clock::Now;
use limits::keyed::Key;
use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher, BuildHasherDefault, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

const SHARDS_MAX: usize = 16;
/// How many entries one insertion looks at before it takes the next in line.
const STEPS_MAX: usize = 8;
/// How much of a token's end is hashed. The end is signature, which no two genuine tokens share, and which nobody can choose.
const TAIL_BYTES: usize = 32;

/// Shared by all providers; survives reloads.
pub struct TokenCache {
    state: RandomState,
    shards: Box<[Mutex<Shard>]>,
}

impl TokenCache {
    /// Never holds more than `tokens_max`; with 0 it holds nothing.
    #[must_use]
    pub fn new(tokens_max: usize) -> Self {
        let shards = tokens_max.min(SHARDS_MAX);
        let share = tokens_max.checked_div(shards).unwrap_or(0);
        let shards = (0..shards).map(|_| Mutex::new(Shard::new(share))).collect();
        Self { state: RandomState::new(), shards }
    }

    /// Allocates nothing. Of the time-based claims it knows only when the entry dies: the caller checks them.
    pub(crate) fn get(&self, provider: Key, token: &str, now: Now) -> Option<Arc<VerifiedToken>> {
        let hash = self.hash(provider, token);
        self.shard(hash)?.get(hash, provider, token, now)
    }

    /// `dies_unix_s`: from this second on the token is not found; none for one that never expires.
    pub(crate) fn put(
        &self,
        provider: Key,
        token: &str,
        verified: Arc<VerifiedToken>,
        dies_unix_s: Option<u64>,
        now: Now,
    ) {
        let hash = self.hash(provider, token);
        if let Some(mut shard) = self.shard(hash) {
            let entry = Entry { hash, provider, token: token.into(), verified, dies_unix_s, used: false };
            shard.put(entry, now);
        }
    }

    /// How many tokens it holds now.
    #[must_use]
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).places.len()).sum()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn hash(&self, provider: Key, token: &str) -> u64 {
        let bytes = token.as_bytes();
        let tail = bytes.last_chunk::<TAIL_BYTES>().map_or(bytes, |tail| tail);
        let mut hasher = self.state.build_hasher();
        hasher.write_u128(provider.to_u128());
        hasher.write(tail);
        hasher.finish()
    }

    /// None if the cache is off.
    fn shard(&self, hash: u64) -> Option<MutexGuard<'_, Shard>> {
        // The map inside a shard uses the lowest and the highest bits.
        let middle = usize::from(hash.to_be_bytes()[3]);
        self.shards.get(middle.checked_rem(self.shards.len())?).map(lock)
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("TokenCache").field("tokens", &self.len()).finish_non_exhaustive()
    }
}

// std's Mutex: held for a comparison or an insertion. A panic in between leaves a shard that is at worst incomplete.
fn lock(shard: &Mutex<Shard>) -> MutexGuard<'_, Shard> {
    shard.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Entry {
    hash: u64,
    provider: Key,
    token: Box<str>,
    verified: Arc<VerifiedToken>,
    dies_unix_s: Option<u64>,
    /// Asked for since the hand last passed.
    used: bool,
}

impl Entry {
    fn is_dead(&self, now: Now) -> bool {
        self.dies_unix_s.is_some_and(|dies| now.unix_seconds() >= dies)
    }
}

/// A ring of entries with a hand that goes round (second chance) and a map into it.
struct Shard {
    places: HashMap<u64, usize, BuildHasherDefault<AlreadyHashed>>,
    entries: Vec<Option<Entry>>,
    free: Vec<usize>,
    hand: usize,
    entries_max: usize,
}

impl Shard {
    fn new(entries_max: usize) -> Self {
        Self { places: HashMap::default(), entries: Vec::new(), free: Vec::new(), hand: 0, entries_max }
    }

    fn get(&mut self, hash: u64, provider: Key, token: &str, now: Now) -> Option<Arc<VerifiedToken>> {
        let place = *self.places.get(&hash)?;
        let entry = self.entries.get_mut(place)?.as_mut()?;
        if entry.is_dead(now) {
            self.remove(place);
            return None;
        }
        if entry.provider != provider || *entry.token != *token {
            return None;
        }
        entry.used = true;
        Some(Arc::clone(&entry.verified))
    }

    fn put(&mut self, entry: Entry, now: Now) {
        let known = self.places.get(&entry.hash).copied();
        let place = known.or_else(|| self.free.pop()).unwrap_or_else(|| {
            if self.entries.len() < self.entries_max {
                self.entries.push(None);
                self.entries.len().saturating_sub(1)
            } else {
                self.evicted(now)
            }
        });
        if let Some(slot) = self.entries.get_mut(place) {
            self.places.insert(entry.hash, place);
            *slot = Some(entry);
        }
    }

    /// A place that is free now: one that is dead or was not asked for lately, if one comes soon enough.
    fn evicted(&mut self, now: Now) -> usize {
        for _ in 1..STEPS_MAX {
            let place = self.advance();
            match self.entries.get_mut(place).and_then(Option::as_mut) {
                Some(entry) if entry.used && !entry.is_dead(now) => entry.used = false,
                Some(_) | None => return self.emptied(place),
            }
        }
        let place = self.advance();
        self.emptied(place)
    }

    fn advance(&mut self) -> usize {
        let place = self.hand;
        self.hand = place.wrapping_add(1).checked_rem(self.entries.len()).unwrap_or(0);
        place
    }

    fn emptied(&mut self, place: usize) -> usize {
        if let Some(entry) = self.entries.get_mut(place).and_then(Option::take) {
            self.places.remove(&entry.hash);
        }
        place
    }

    fn remove(&mut self, place: usize) {
        let place = self.emptied(place);
        self.free.push(place);
    }
}

/// The keys of the map are hashes with a secret already.
#[derive(Default)]
struct AlreadyHashed(u64);

impl Hasher for AlreadyHashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::TokenCache;
    use crate::identity::VerifiedToken;
    use limits::clock::Now;
    use limits::keyed::Key;
    use std::sync::Arc;

    const PROVIDER: Key = Key::from_u128(1);
    const START: Now = Now::at_unix_seconds(1_000);

    fn verified() -> Arc<VerifiedToken> {
        Arc::new(VerifiedToken {
            claims: serde_json::Map::new(),
            expires_unix_s: None,
            not_before_unix_s: None,
            consumer: None,
            consumer_key: None,
            plan: None,
            scopes: Vec::new(),
            key: Key::from_u128(0),
        })
    }

    fn token(number: usize) -> String {
        format!("header.payload.{number:064}")
    }

    fn finds(cache: &TokenCache, provider: Key, token: &str, second: u64) -> bool {
        cache.get(provider, token, Now::at_unix_seconds(second)).is_some()
    }

    #[test]
    fn only_the_same_token_of_the_same_provider_is_found() {
        let cache = TokenCache::new(100);
        cache.put(PROVIDER, &token(1), verified(), None, START);
        assert!(finds(&cache, PROVIDER, &token(1), u64::MAX / 2_000));
        assert!(!finds(&cache, PROVIDER, &token(2), 1_000));
        assert!(!finds(&cache, Key::from_u128(2), &token(1), 1_000));
        // The same tail, so the same place: what lies before it still counts.
        assert!(!finds(&cache, PROVIDER, &token(1).replace("payload", "forgery"), 1_000));
        assert!(!finds(&cache, PROVIDER, "", 1_000));
        assert!(finds(&cache, PROVIDER, &token(1), 1_000));
    }

    #[test]
    fn an_entry_dies_in_its_second_and_leaves_its_place() {
        let cache = TokenCache::new(1);
        cache.put(PROVIDER, &token(1), verified(), Some(1_060), START);
        assert!(finds(&cache, PROVIDER, &token(1), 1_059));
        assert!(!finds(&cache, PROVIDER, &token(1), 1_060));
        assert!(cache.is_empty());
        cache.put(PROVIDER, &token(2), verified(), None, START);
        assert!(finds(&cache, PROVIDER, &token(2), 1_061));
        assert_eq!(cache.len(), 1);
    }

    #[test]
    fn a_token_that_is_put_twice_takes_one_place() {
        let cache = TokenCache::new(16);
        cache.put(PROVIDER, &token(1), verified(), Some(1_001), START);
        cache.put(PROVIDER, &token(1), verified(), Some(1_010), START);
        assert_eq!(cache.len(), 1);
        assert!(finds(&cache, PROVIDER, &token(1), 1_009));
    }

    #[test]
    fn the_bound_holds() {
        for tokens_max in [0, 1, 2, 15, 16, 17, 100] {
            let cache = TokenCache::new(tokens_max);
            for number in 0..1_000 {
                cache.put(PROVIDER, &token(number), verified(), Some(2_000), START);
                assert!(cache.len() <= tokens_max);
                assert_eq!(finds(&cache, PROVIDER, &token(number), 1_000), tokens_max > 0);
            }
            assert!(cache.len() >= tokens_max / 2, "{} of {tokens_max}", cache.len());
        }
    }

    #[test]
    fn what_is_asked_for_stays_longer_than_what_is_not() {
        let cache = TokenCache::new(160);
        cache.put(PROVIDER, &token(0), verified(), None, START);
        for number in 1..2_000 {
            assert!(finds(&cache, PROVIDER, &token(0), 1_000), "gone after {number}");
            cache.put(PROVIDER, &token(number), verified(), None, START);
        }
    }
}
