//! Whether the token of a request is a genuine one of this provider and says what the provider asks for.
//!
//! The algorithm comes from the config and the key, never from the token alone; the signature and the claims that do not change
//! are checked once and remembered, the time-based claims on every request. What a consumer or scope may use is decided elsewhere.

mod claims;
mod compact;
mod decoded;
mod exam;
mod keys;
mod missing;
mod read;
mod rules;
mod shown;

pub use crate::policy::jwks::Algorithm;
pub use decoded::{Unproven, decode, examine_form};
pub(crate) use exam::Examiner;
pub use exam::{Answer, Check, Exam, Facts, Finding};
pub use keys::{FetchedKeys, ProviderKeys};
pub use missing::{Keys, Patience, Refusal};
pub use read::Said;
pub use rules::{ClaimRule, ClaimTest, ConsumerClaim, ProviderFault, ProviderRules};

use crate::credential::{Carried, Location};
use crate::denial::Denial;
use crate::identity::{VerifiedToken, consumer_key};
use crate::names::Name;
use crate::naming::durable;
use crate::policy::jwks::KeySet;
use crate::policy::token_cache::TokenCache;
use crate::reason::Reason;
use crate::request::RequestHead;
use claims::{Times, deny};
use compact::{Form, check_size, unreadable};
use exam::FirstRefusal;
use http::header::AUTHORIZATION;
use keys::Ring;
use limits::clock::Now;
use limits::keyed::{Key, Keyer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// One of the config's `jwtProviders`, ready to judge.
pub struct Provider {
    name: Name,
    rules: ProviderRules,
    keys: ProviderKeys,
    cache: Arc<TokenCache>,
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
        keyer: &Keyer,
    ) -> Result<Self, ProviderFault> {
        let keys = keys.into();
        rules.fit(&keys)?;
        let description = Sha256::digest(format!("{rules:?}"));
        let fixed = keys.fixed.as_ref().map(KeySet::fingerprint).unwrap_or_default();
        let tag = keyer.key(&[b"jwt provider", name.as_bytes(), &description, &fixed]);
        Ok(Self { name, rules, keys, cache, tag })
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

    /// Whether a token with this `iss` is one of this provider's.
    #[must_use]
    pub fn issues(&self, issuer: Option<&Value>) -> bool {
        let same = |ours: &str| matches!(issuer, Some(Value::String(found)) if *found == *ours);
        self.rules.issuer.as_deref().is_none_or(same)
    }

    /// None: any issuer's tokens are accepted.
    #[must_use]
    pub fn issuer(&self) -> Option<&str> {
        self.rules.issuer.as_deref()
    }

    /// How far clocks may differ, in seconds.
    #[must_use]
    pub const fn clock_skew_s(&self) -> u64 {
        self.rules.clock_skew_s
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
        check_size(token)?;
        let held = self.keys.hold();
        let set = held.set().filter(|set| self.keys.serves(set, now));
        let tag = set.map_or(self.tag, |set| self.tag.with(set.tag()));
        if let Some(verified) = self.cache.get(tag, token, now) {
            let times =
                Times { expires_unix_s: verified.expires_unix_s, not_before_unix_s: verified.not_before_unix_s };
            return times.check(self.rules.clock_skew_s, now).map(|()| verified).map_err(Refusal::from);
        }
        let verified = Arc::new(self.verify(token, &Ring::of(&held, set), patience, now)?);
        let dies = verified.expires_unix_s.map(|expires| expires.saturating_add(self.rules.clock_skew_s));
        self.cache.put(tag, token, Arc::clone(&verified), dies, now);
        Ok(verified)
    }

    fn verify(&self, token: &str, ring: &Ring<'_>, patience: Patience, now: Now) -> Result<VerifiedToken, Refusal> {
        let said = match self.read(token, ring, now, &mut FirstRefusal) {
            Ok(Some(said)) => said,
            Ok(None) => {
                let text = "a check of the token passed without its result";
                return Err(Denial::new(Reason::InternalError).because(text).into());
            }
            Err(denial) if ring.is_lacking() => {
                // Read before without a refusal, so it is there.
                let Some(form) = Form::read(token, &mut FirstRefusal)? else { return Err(denial.into()) };
                return Err(self.key_missing(&form, denial, ring, patience, now));
            }
            Err(denial) => return Err(denial.into()),
        };
        let Said { claims, times, consumer, plan, scopes, message } = said;
        Ok(VerifiedToken {
            claims,
            expires_unix_s: times.expires_unix_s,
            not_before_unix_s: times.not_before_unix_s,
            consumer_key: consumer.as_deref().map(consumer_key),
            consumer,
            plan,
            scopes,
            // Not the signature: of one ECDSA signature anybody can make a second that is as good.
            key: durable(&[b"token", self.name.as_bytes(), message.as_bytes()]),
        })
    }
}

impl fmt::Debug for Provider {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, rules, keys, cache: _, tag: _ } = self;
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
