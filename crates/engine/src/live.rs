//! What outlives a reload: every counter's state, who is in flight, the tokens that were verified and the keys that were fetched. Keyed
//! by name, so that a policy that keeps its name keeps its state, whatever else the new config says.

use crate::policy::forward_auth::remember::Standing;
use crate::policy::jwks::remote::RemoteKeys;
use crate::policy::token_cache::TokenCache;
use crate::remembered::Remembered;
use limits::buckets::Buckets;
use limits::crowd::Crowd;
use limits::cursor::Cursors;
use limits::gauge::Gauge;
use limits::keyed::Keyer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Buckets whose number the config bounds: consumers, API keys, routes.
pub const BUCKETS_NAMED_MAX: usize = 1_000_000;
/// Buckets by header and claim values, and of addresses that send wrong passwords. Apart from the others, so that made-up values push no consumer's bucket out.
pub const BUCKETS_OPEN_MAX: usize = 1_000_000;
/// Passwords that are remembered as verified at once.
pub const PASSWORDS_MAX: usize = 10_000;
/// Addresses and tokens that are counted exactly, unless the config says otherwise.
pub const ACTIVE_KEYS_DEFAULT: usize = 100_000;
/// Providers' token caches that are kept at once.
const TOKEN_CACHES_MAX: usize = 256;
/// Auth services whose answers are kept at once.
const STANDINGS_MAX: usize = 256;

/// What one auth service has said.
type Standings = Arc<Remembered<Standing>>;

#[derive(Debug)]
pub struct Live {
    pub keyer: Arc<Keyer>,
    pub buckets_named: Buckets,
    pub buckets_open: Buckets,
    /// Addresses and tokens: anybody can make more of them.
    pub crowd: Crowd,
    pub cursors: Cursors,
    // std's Mutex: taken at load only.
    token_caches: Mutex<HashMap<String, (usize, Arc<TokenCache>)>>,
    // The same. Those that no config and no request holds any more are dropped when new ones come.
    gauges: Mutex<HashMap<String, Weak<Gauge>>>,
    /// By provider and place. Held by the snapshots that use them: what none does is forgotten.
    remote_keys: Mutex<HashMap<(String, String), Weak<RemoteKeys>>>,
    /// Passwords that were verified.
    pub passwords: Arc<Remembered<()>>,
    standings: Mutex<HashMap<String, (usize, Standings)>>,
}

impl Live {
    #[must_use]
    pub fn new() -> Self {
        Self {
            keyer: Arc::new(Keyer::new()),
            buckets_named: Buckets::new(BUCKETS_NAMED_MAX),
            buckets_open: Buckets::new(BUCKETS_OPEN_MAX),
            crowd: Crowd::new(ACTIVE_KEYS_DEFAULT),
            cursors: Cursors::default(),
            token_caches: Mutex::default(),
            gauges: Mutex::default(),
            remote_keys: Mutex::default(),
            passwords: Arc::new(Remembered::new(PASSWORDS_MAX)),
            standings: Mutex::default(),
        }
    }

    /// The keys that the provider called `name` fetches from `place`; none yet if it did not until now.
    pub fn remote_keys(&self, name: &str, place: &str) -> Arc<RemoteKeys> {
        let mut all = self.remote_keys.lock().unwrap_or_else(PoisonError::into_inner);
        all.retain(|_, keys| keys.strong_count() > 0);
        let slot = all.entry((name.to_owned(), place.to_owned())).or_default();
        if let Some(keys) = slot.upgrade() {
            return keys;
        }
        let keys = Arc::new(RemoteKeys::default());
        *slot = Arc::downgrade(&keys);
        keys
    }

    /// The cache of the provider called `name`; a new one when its size changed. An entry of another key set never matches, as
    /// the key set is part of its key.
    pub fn token_cache(&self, name: &str, tokens_max: usize) -> Arc<TokenCache> {
        let mut caches = self.token_caches.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((size, cache)) = caches.get(name)
            && *size == tokens_max
        {
            return Arc::clone(cache);
        }
        let cache = Arc::new(TokenCache::new(tokens_max));
        if caches.len() >= TOKEN_CACHES_MAX {
            caches.clear();
        }
        caches.insert(name.to_owned(), (tokens_max, Arc::clone(&cache)));
        cache
    }

    /// Who is in flight under the concurrency limit called `name`, those from before a reload included.
    pub fn gauge(&self, name: &str) -> Arc<Gauge> {
        let mut gauges = self.gauges.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(gauge) = gauges.get(name).and_then(Weak::upgrade) {
            return gauge;
        }
        // Now and then: a config of many routes asks often.
        if gauges.len().is_power_of_two() {
            gauges.retain(|_, gauge| gauge.strong_count() > 0);
        }
        let gauge = Arc::new(Gauge::small());
        gauges.insert(name.to_owned(), Arc::downgrade(&gauge));
        gauge
    }

    /// What the auth service called `name` has said; empty when the size changed. What it said under other rules is not found.
    pub fn standings(&self, name: &str, entries_max: usize) -> Standings {
        let mut kept = self.standings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((size, standings)) = kept.get(name)
            && *size == entries_max
        {
            return Arc::clone(standings);
        }
        let standings = Arc::new(Remembered::new(entries_max));
        if kept.len() >= STANDINGS_MAX {
            kept.clear();
        }
        kept.insert(name.to_owned(), (entries_max, Arc::clone(&standings)));
        standings
    }
}

impl Default for Live {
    fn default() -> Self {
        Self::new()
    }
}
