//! Whether the token of a request is a genuine one of this provider and says what the provider asks for.
//!
//! The algorithm comes from the config and the key, never from the token alone; the signature and the claims that do not change
//! are checked once and remembered, the time-based claims on every request. What a consumer or scope may use is decided elsewhere.

mod claims;
mod compact;
mod keys;
mod missing;
mod rules;
mod shown;

pub use crate::policy::jwks::Algorithm;
pub use claims::find as find_claim;
pub use keys::{FetchedKeys, ProviderKeys};
pub use missing::{Keys, Patience, Refusal};
pub use rules::{ClaimRule, ClaimTest, ConsumerClaim, ProviderFault, ProviderRules};

use crate::credential::{Carried, Location};
use crate::denial::Denial;
use crate::identity::VerifiedToken;
use crate::names::Name;
use crate::policy::jwks::remote::FetchedSet;
use crate::policy::jwks::{KeySet, SigningKey, json};
use crate::policy::token_cache::TokenCache;
use crate::reason::Reason;
use crate::request::RequestHead;
use claims::{Times, deny};
use compact::{Compact, TOKEN_BYTES_MAX, unreadable};
use http::header::AUTHORIZATION;
use keys::{Held, KeyFault};
use limits::clock::Now;
use limits::keyed::{Key, Keyer};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// How many keys are tried for a token that names none.
const KEYS_TRIED_MAX: usize = 4;

/// One of the config's `jwtProviders`, ready to judge.
pub struct Provider {
    name: Name,
    rules: ProviderRules,
    keys: ProviderKeys,
    cache: Arc<TokenCache>,
    keyer: Arc<Keyer>,
    /// Stands for name, rules and the config's keys in the cache, together with the tag of the fetched set: with another of these
    /// nothing that was accepted before is found.
    tag: Key,
}

impl Provider {
    pub fn new(
        name: Name,
        rules: ProviderRules,
        keys: impl Into<ProviderKeys>,
        cache: Arc<TokenCache>,
        keyer: Arc<Keyer>,
    ) -> Result<Self, ProviderFault> {
        let keys = keys.into();
        rules.fit(&keys)?;
        let description = Sha256::digest(format!("{rules:?}"));
        let fixed = keys.fixed.as_ref().map(KeySet::fingerprint).unwrap_or_default();
        let tag = keyer.key(&[b"jwt provider", name.as_bytes(), &description, &fixed]);
        Ok(Self { name, rules, keys, cache, keyer, tag })
    }

    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }

    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.rules.location
    }

    /// Where its keys come from.
    #[must_use]
    pub const fn keys(&self) -> &ProviderKeys {
        &self.keys
    }

    /// Finds the token in the request and judges it. A token seen before costs no signature and no allocation.
    pub fn check(&self, head: &RequestHead<'_>, now: Now) -> Result<Arc<VerifiedToken>, Denial> {
        self.judge(head, Patience::Asks, now).map_err(|refusal| refusal.denial)
    }

    /// The same, and whether keys are on their way that may turn a refusal.
    pub fn judge(&self, head: &RequestHead<'_>, patience: Patience, now: Now) -> Result<Arc<VerifiedToken>, Refusal> {
        let location = &self.rules.location;
        match location.find(head) {
            Carried::Absent => Err(deny(Reason::JwtMissing, format!("{location} is absent")).into()),
            Carried::Several => Err(unreadable(format!("{location} was sent more than once")).into()),
            Carried::One(value) => self.judge_token(token_in(location, &value)?, patience, now),
        }
    }

    /// [`Self::check`] for a token that is at hand.
    pub fn check_token(&self, token: &str, now: Now) -> Result<Arc<VerifiedToken>, Denial> {
        self.judge_token(token, Patience::Asks, now).map_err(|refusal| refusal.denial)
    }

    fn judge_token(&self, token: &str, patience: Patience, now: Now) -> Result<Arc<VerifiedToken>, Refusal> {
        let first = self.judge_once(token, patience, now);
        match first {
            // Without this a token that was looked at in the moment of a rotation would be refused for a key that is there.
            Err(Refusal { denial: _, keys: Keys::Here }) => self.judge_once(token, patience, now),
            Ok(_) | Err(Refusal { denial: _, keys: Keys::Settled | Keys::Coming }) => first,
        }
    }

    fn judge_once(&self, token: &str, patience: Patience, now: Now) -> Result<Arc<VerifiedToken>, Refusal> {
        if token.len() > TOKEN_BYTES_MAX {
            let text = format!("the token has {} bytes, allowed are {TOKEN_BYTES_MAX}", token.len());
            return Err(deny(Reason::TokenTooLarge, text).into());
        }
        let held = self.keys.hold();
        let set = held.set().filter(|set| self.keys.serves(set, now));
        let tag = set.map_or(self.tag, |set| self.tag.with(set.tag()));
        if let Some(verified) = self.cache.get(tag, token, now) {
            let times =
                Times { expires_unix_s: verified.expires_unix_s, not_before_unix_s: verified.not_before_unix_s };
            return times.check(self.rules.clock_skew_s, now).map(|()| verified).map_err(Refusal::from);
        }
        let verified = Arc::new(self.verify(token, &held, set, patience, now)?);
        let dies = verified.expires_unix_s.map(|expires| expires.saturating_add(self.rules.clock_skew_s));
        self.cache.put(tag, token, Arc::clone(&verified), dies, now);
        Ok(verified)
    }

    fn verify(
        &self,
        token: &str,
        held: &Held<'_>,
        set: Option<&FetchedSet>,
        patience: Patience,
        now: Now,
    ) -> Result<VerifiedToken, Refusal> {
        let compact = Compact::parse(token)?;
        match self.verify_signature(&compact, held, set) {
            Ok(()) => {}
            Err(KeyFault::Refused(denial)) => return Err(denial.into()),
            Err(KeyFault::Missing(denial)) => return Err(self.key_missing(&compact, denial, held, set, patience, now)),
        }
        let claims = json::object(&compact.payload)
            .map_err(|why| unreadable(format!("the token's payload cannot be read: {why}")))?;
        let times = Times::read(&claims, &self.rules)?;
        times.check(self.rules.clock_skew_s, now)?;
        claims::check(&claims, &self.rules)?;
        Ok(VerifiedToken {
            expires_unix_s: times.expires_unix_s,
            not_before_unix_s: times.not_before_unix_s,
            consumer: claims::consumer(&claims, &self.rules.consumer_claim)?,
            plan: match &self.rules.plan_claim {
                Some(claim) => claims::name(&claims, claim)?,
                None => None,
            },
            scopes: claims::scopes(&claims),
            // Not the signature: of one ECDSA signature anybody can make a second that is as good.
            key: self.keyer.key(&[b"token", self.name.as_bytes(), compact.message.as_bytes()]),
            claims,
        })
    }

    fn verify_signature(
        &self,
        compact: &Compact<'_>,
        held: &Held<'_>,
        set: Option<&FetchedSet>,
    ) -> Result<(), KeyFault> {
        let algorithm = compact.algorithm;
        if !self.rules.algorithms.contains(&algorithm) {
            let allowed: Vec<_> = self.rules.algorithms.iter().map(|algorithm| algorithm.name()).collect();
            let text = format!("the token's alg is {algorithm}, allowed are {}", allowed.join(", "));
            return Err(KeyFault::Refused(deny(Reason::AlgorithmNotAllowed, text)));
        }
        let kid = compact.kid.as_deref();
        let keys = held.candidates(set, algorithm, kid)?;
        let tried = keys.iter().take(KEYS_TRIED_MAX);
        let verifies = |key: &&SigningKey| {
            key.signature_bytes() == compact.signature_bytes
                && key.verifies(algorithm, compact.message.as_bytes(), compact.signature)
        };
        if tried.clone().any(verifies) {
            return Ok(());
        }
        let names: Vec<_> = tried.map(|key| key.kid().map_or_else(|| "one without kid".into(), shown::text)).collect();
        let text = if keys.iter().any(|key| key.signature_bytes() == compact.signature_bytes) {
            let left = match keys.len().saturating_sub(KEYS_TRIED_MAX) {
                0 => String::new(),
                left => format!("; {left} more that fit were not tried: a kid would say which is meant"),
            };
            format!("the {algorithm} signature does not verify with key {}{left}", names.join(", "))
        } else {
            format!("the signature has {} bytes, which no {algorithm} key here makes", compact.signature_bytes)
        };
        let denial = deny(Reason::SignatureMismatch, text);
        // Keys without names change unseen: only the failure shows it.
        let is_named = kid.is_some() && keys.iter().any(|key| key.kid() == kid);
        Err(if is_named { KeyFault::Refused(denial) } else { KeyFault::Missing(denial) })
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, rules, keys, cache: _, keyer: _, tag: _ } = self;
        let mut shown = formatter.debug_struct("Provider");
        shown.field("name", name).field("rules", rules).field("keys", keys).finish_non_exhaustive()
    }
}

/// `Authorization` has a scheme before the token (RFC 6750, 2.1), other places have the token alone.
fn token_in<'a>(location: &Location, value: &'a str) -> Result<&'a str, Denial> {
    let token = match location {
        Location::Header(name) if *name == AUTHORIZATION => match value.split_once(' ') {
            Some((scheme, token)) if scheme.eq_ignore_ascii_case("Bearer") => token.trim_start_matches(' '),
            // The value may be a credential: it is not shown.
            Some(_) | None => {
                return Err(deny(Reason::JwtMissing, "authorization does not have the scheme Bearer".to_owned()));
            }
        },
        Location::Header(_) | Location::Query(_) | Location::Cookie(_) => value,
    };
    if token.is_empty() {
        return Err(deny(Reason::JwtMissing, format!("{location} is empty")));
    }
    Ok(token)
}
