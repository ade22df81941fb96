//! Which keys a provider's tokens may be verified with: those of the config, and those that were fetched last.

use super::shown;
use crate::denial::Denial;
use crate::policy::jwks::remote::{FetchedSet, RemoteKeys};
use crate::policy::jwks::source::KeySource;
use crate::policy::jwks::{Algorithm, KeySet, SigningKey};
use crate::reason::Reason;
use arc_swap::Guard;
use limits::clock::Now;
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

/// Why no key verifies.
pub(super) enum KeyFault {
    Refused(Denial),
    /// A newer set might have the key.
    Missing(Denial),
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

    /// The keys that a token may have been signed with. A key without kid may be the one that any kid means; one with another kid
    /// never is.
    pub(super) fn candidates<'k>(
        &'k self,
        set: Option<&'k FetchedSet>,
        algorithm: Algorithm,
        kid: Option<&str>,
    ) -> Result<Vec<&'k SigningKey>, KeyFault> {
        let fetched = set.map(|set| set.keys().keys()).unwrap_or_default();
        let keys = || self.fixed.iter().chain(fetched);
        if let Some(kid) = kid
            && let Some(named) = keys().find(|key| key.kid() == Some(kid))
        {
            if named.fits(algorithm) {
                return Ok(vec![named]);
            }
            let text = format!("the token's alg is {algorithm}, but its key {} is for others", shown::text(kid));
            return Err(KeyFault::Refused(Denial::new(Reason::AlgorithmNotAllowed).because(text)));
        }
        let fitting = keys().filter(|key| key.fits(algorithm) && (kid.is_none() || key.kid().is_none()));
        let fitting: Vec<_> = fitting.collect();
        if fitting.is_empty() {
            let text = match kid {
                Some(kid) => format!("no key has the token's kid {}", shown::text(kid)),
                None => format!("the token has no kid, and no key fits its alg {algorithm}"),
            };
            return Err(KeyFault::Missing(Denial::new(Reason::SigningKeyUnknown).because(text)));
        }
        Ok(fitting)
    }
}
