//! What outlives a reload: every counter's state and the tokens that were verified. Keyed by name, so that a policy that keeps its
//! name keeps its state, whatever else the new config says.

use crate::policy::basic::VERIFIED_MAX;
use crate::policy::forward_auth::Standing;
use crate::policy::token_cache::TokenCache;
use crate::remembered::Remembered;
use limits::buckets::Buckets;
use limits::cursor::Cursors;
use limits::keyed::Keyer;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Buckets whose number the config bounds: consumers, API keys, routes.
pub const BUCKETS_NAMED_MAX: usize = 1_000_000;
/// Buckets whose number the clients choose: addresses, tokens, header and claim values. Apart from the others, so that a flood of
/// addresses pushes no consumer's bucket out.
pub const BUCKETS_OPEN_MAX: usize = 1_000_000;
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
    pub cursors: Cursors,
    // std's Mutex: taken at load only.
    token_caches: Mutex<HashMap<String, (usize, Arc<TokenCache>)>>,
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
            cursors: Cursors::default(),
            token_caches: Mutex::default(),
            passwords: Arc::new(Remembered::new(VERIFIED_MAX)),
            standings: Mutex::default(),
        }
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
