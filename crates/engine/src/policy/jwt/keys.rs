//! Which keys a provider's tokens may be verified with: those of the config, and those that were fetched last.

use super::shown;
use crate::denial::Denial;
use crate::policy::jwks::remote::{FetchedSet, RemoteKeys};
use crate::policy::jwks::source::KeySource;
use crate::policy::jwks::{Algorithm, KeySet, SigningKey};
use crate::reason::Reason;
use arc_swap::Guard;
use limits::clock::Now;
use std::cell::Cell;
use std::sync::Arc;

/// A set that is fetched, and where from.
#[derive(Clone, Debug)]
pub struct FetchedKeys {
    pub source: KeySource,
    pub remote: Arc<RemoteKeys>,
}

/// All that a provider has. Of two keys with one `kid` the config's own counts.
#[derive(Clone, Debug)]
pub struct ProviderKeys {
    pub fixed: Option<KeySet>,
    pub fetched: Option<FetchedKeys>,
}

impl From<KeySet> for ProviderKeys {
    fn from(keys: KeySet) -> Self {
        Self { fixed: Some(keys), fetched: None }
    }
}

/// The fetched set at one moment, held while one token is judged.
pub(super) struct Held<'p> {
    fixed: &'p [SigningKey],
    fetched: Option<Guard<Option<Arc<FetchedSet>>>>,
}

/// The keys that one token is judged with.
pub(super) struct Ring<'k> {
    fixed: &'k [SigningKey],
    fetched: &'k [SigningKey],
    has_fetched: bool,
    /// Of the set that was fetched last, be it too old to serve; 0 if none ever was.
    number: u64,
    unfetched: bool,
    /// A newer set might have what none of these is.
    lacking: Cell<bool>,
}

impl ProviderKeys {
    /// Allocates nothing.
    pub(super) fn hold(&self) -> Held<'_> {
        Held {
            fixed: self.fixed.as_ref().map(KeySet::keys).unwrap_or_default(),
            fetched: self.fetched.as_ref().map(|fetched| fetched.remote.set()),
        }
    }

    pub(super) fn serves(&self, set: &FetchedSet, now: Now) -> bool {
        self.fetched.as_ref().is_some_and(|fetched| set.serves(fetched.source.stale_for, now))
    }
}

impl Held<'_> {
    pub(super) fn set(&self) -> Option<&FetchedSet> {
        self.fetched.as_ref()?.as_deref()
    }
}

impl<'k> Ring<'k> {
    pub(super) fn of(held: &'k Held<'_>, set: Option<&'k FetchedSet>) -> Self {
        let fetched = set.map(|set| set.keys().keys()).unwrap_or_default();
        let number = held.set().map_or(0, FetchedSet::number);
        let has_fetched = set.is_some();
        Self { fixed: held.fixed, fetched, has_fetched, number, unfetched: false, lacking: Cell::new(false) }
    }

    /// These instead of all others.
    pub(super) fn only(keys: &'k KeySet) -> Self {
        let fixed = keys.keys();
        Self { fixed, fetched: &[], has_fetched: false, number: 0, unfetched: false, lacking: Cell::new(false) }
    }

    /// Those of the config, where others would have to be fetched: for an exam, which fetches nothing.
    pub(super) fn unfetched(held: &'k Held<'_>) -> Self {
        Self { unfetched: true, ..Self::of(held, None) }
    }

    pub(super) const fn has_fetched(&self) -> bool {
        self.has_fetched
    }

    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    pub(super) const fn is_unfetched(&self) -> bool {
        self.unfetched
    }

    pub(super) const fn is_lacking(&self) -> bool {
        self.lacking.get()
    }

    pub(super) fn lacks(&self) {
        self.lacking.set(true);
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'k SigningKey> {
        self.fixed.iter().chain(self.fetched)
    }

    /// The keys that a token may have been signed with. A key without kid may be the one that any kid means; one with another kid
    /// never is.
    pub(super) fn candidates(&self, algorithm: Algorithm, kid: Option<&str>) -> Result<Vec<&'k SigningKey>, Denial> {
        if let Some(kid) = kid
            && let Some(named) = self.keys().find(|key| key.kid() == Some(kid))
        {
            if named.fits(algorithm) {
                return Ok(vec![named]);
            }
            let text = format!("the token's alg is {algorithm}, but its key {} is for others", shown::text(kid));
            return Err(Denial::new(Reason::AlgorithmNotAllowed).because(text));
        }
        let fitting = self.keys().filter(|key| key.fits(algorithm) && (kid.is_none() || key.kid().is_none()));
        let fitting: Vec<_> = fitting.collect();
        if fitting.is_empty() {
            let text = match kid {
                Some(kid) => format!("no key has the token's kid {}", shown::text(kid)),
                None => format!("the token has no kid, and no key fits its alg {algorithm}"),
            };
            self.lacks();
            return Err(Denial::new(Reason::SigningKeyUnknown).because(text));
        }
        Ok(fitting)
    }
}
