//! What a provider of the config asks of its tokens, and which rules can never work.

use super::keys::ProviderKeys;
use crate::credential::Location;
use crate::policy::jwks::{Algorithm, KeyKind, KeySet, SigningKey};
use regex::Regex;
use serde_json::Value;
use std::fmt;

/// One entry of `claims`.
#[derive(Clone, Debug)]
pub struct ClaimRule {
    /// The claim of exactly this name; if there is none and it begins with `/`, a JSON pointer (RFC 6901) into the claims.
    pub name: Box<str>,
    pub test: ClaimTest,
}

/// What is asked of one claim. Each asks that it is there.
#[derive(Clone, Debug)]
pub enum ClaimTest {
    /// Not null.
    Required,
    Equals(Value),
    /// The claim or, if it is a list, one of its elements is one of these.
    AnyOf(Vec<Value>),
    /// The claim is a string, or a list with a string, in which the pattern is found: anchored as far as it says so itself.
    Matches(Regex),
}

/// The claim that names the consumer. Of the wrong type it is refused either way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsumerClaim {
    /// A token without it is refused: `claim_missing`.
    Required(Box<str>),
    /// A token without it is one of no consumer.
    IfPresent(Box<str>),
}

/// All that a provider asks of a token, keys aside.
#[derive(Clone, Debug)]
pub struct ProviderRules {
    pub issuer: Option<Box<str>>,
    /// One of them has to be in `aud`; empty: `aud` is not looked at.
    pub audiences: Vec<Box<str>>,
    pub algorithms: Vec<Algorithm>,
    /// How far clocks may differ; counts for `exp` and `nbf`.
    pub clock_skew_s: u64,
    pub require_expiry: bool,
    pub claims: Vec<ClaimRule>,
    pub consumer_claim: ConsumerClaim,
    /// Names the plan. A token without it leaves the plan to the consumer.
    pub plan_claim: Option<Box<str>>,
    pub location: Location,
}

/// Rules and keys that do not go together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProviderFault {
    NoAlgorithms,
    /// HS256 next to algorithms with public keys (RFC 8725, 2.1).
    SecretMixed {
        algorithm: Algorithm,
    },
    SecretMissing,
    /// HS256 and a set that is fetched.
    SecretFetched,
    /// An algorithm that none of the keys can serve.
    KeyMissing {
        algorithm: Algorithm,
        have: Box<str>,
    },
}

impl ProviderRules {
    pub(super) fn fit(&self, keys: &ProviderKeys) -> Result<(), ProviderFault> {
        let symmetric = |algorithm: &Algorithm| algorithm.key_kind() == KeyKind::Secret;
        if self.algorithms.is_empty() {
            return Err(ProviderFault::NoAlgorithms);
        }
        let public = self.algorithms.iter().copied().find(|algorithm| !symmetric(algorithm));
        if let Some(algorithm) = public
            && self.algorithms.iter().any(symmetric)
        {
            return Err(ProviderFault::SecretMixed { algorithm });
        }
        if keys.fetched.is_some() {
            // What the set will hold is not known yet.
            let secret = self.algorithms.iter().any(symmetric);
            return if secret { Err(ProviderFault::SecretFetched) } else { Ok(()) };
        }
        let keys: &[SigningKey] = keys.fixed.as_ref().map(KeySet::keys).unwrap_or_default();
        let unserved = |algorithm: &Algorithm| !keys.iter().any(|key| key.fits(*algorithm));
        match self.algorithms.iter().copied().find(unserved) {
            None => Ok(()),
            Some(algorithm) if symmetric(&algorithm) => Err(ProviderFault::SecretMissing),
            Some(algorithm) => {
                let mut have: Vec<_> = keys.iter().map(|key| key.kind().name()).collect();
                have.sort_unstable();
                have.dedup();
                Err(ProviderFault::KeyMissing { algorithm, have: have.join(", ").into() })
            }
        }
    }
}

impl ProviderFault {
    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::NoAlgorithms => "list those that the identity provider signs with, usually RS256 or ES256",
            Self::SecretMixed { .. } => "make two providers: one with HS256 and the secret, one with the public keys",
            Self::SecretMissing => {
                "add `{ secret: \"${JWT_SECRET}\" }` to `keys`, or list the algorithm of the keys that are there"
            }
            Self::SecretFetched => "make two providers: one with HS256 and the secret, one with the fetched set",
            Self::KeyMissing { .. } => "add a key of that kind to `keys`, or remove the algorithm",
        }
    }
}

impl std::error::Error for ProviderFault {}

impl fmt::Display for ProviderFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoAlgorithms => out.write_str("no algorithms"),
            Self::SecretMixed { algorithm } => write!(
                out,
                "HS256 and {algorithm} cannot serve one provider: a public key could be taken for the secret"
            ),
            Self::SecretMissing => {
                out.write_str("HS256 needs a configured secret: public keys and key sets cannot serve it")
            }
            Self::SecretFetched => {
                out.write_str("HS256 needs a secret, and a secret cannot stand beside a fetched key set")
            }
            Self::KeyMissing { algorithm, have } => write!(
                out,
                "no key can serve {algorithm}: it needs {} keys, and these are {have}",
                algorithm.key_kind()
            ),
        }
    }
}
