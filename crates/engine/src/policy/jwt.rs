//! Whether the token of a request is a genuine one of this provider and says what the provider asks for.
//!
//! The algorithm comes from the config and the key, never from the token alone; the signature and the claims that do not change
//! are checked once and remembered, the time-based claims on every request. What a consumer or scope may use is decided elsewhere.

mod claims;
mod compact;
mod decoded;
mod exam;
mod rules;
mod shown;

pub use crate::policy::jwks::Algorithm;
pub use claims::find as find_claim;
pub use decoded::{Unproven, decode, examine_form};
pub(crate) use exam::Examiner;
pub use exam::{Answer, Check, Exam, Facts, Finding};
pub use rules::{ClaimRule, ClaimTest, ConsumerClaim, ProviderFault, ProviderRules};

use crate::credential::{Carried, Location};
use crate::denial::Denial;
use crate::identity::{VerifiedToken, consumer_key};
use crate::names::Name;
use crate::naming::durable;
use crate::policy::jwks::{KeySet, SigningKey};
use crate::policy::token_cache::TokenCache;
use crate::reason::Reason;
use crate::request::RequestHead;
use claims::{Times, deny};
use compact::{Form, Header, Parts, check_size, unreadable};
use exam::FirstRefusal;
use http::header::AUTHORIZATION;
use limits::clock::Now;
use limits::keyed::{Key, Keyer};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// How many keys are tried for a token that names none.
const KEYS_TRIED_MAX: usize = 4;
/// And how many are named in a sentence.
const KEYS_SHOWN_MAX: usize = 16;

/// One of the config's `jwtProviders`, ready to judge.
pub struct Provider {
    name: Name,
    rules: ProviderRules,
    keys: KeySet,
    cache: Arc<TokenCache>,
    /// Stands for name, rules and keys in the cache: with another of these nothing that was accepted before is found.
    tag: Key,
}

impl Provider {
    pub fn new(
        name: Name,
        rules: ProviderRules,
        keys: KeySet,
        cache: Arc<TokenCache>,
        keyer: &Keyer,
    ) -> Result<Self, ProviderFault> {
        rules.fit(&keys)?;
        let description = Sha256::digest(format!("{rules:?}"));
        let tag = keyer.key(&[b"jwt provider", name.as_bytes(), &description, &keys.fingerprint()]);
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

    /// Finds the token in the request and judges it. A token seen before costs no signature and no allocation.
    pub fn check(&self, head: &RequestHead<'_>, now: Now) -> Result<Arc<VerifiedToken>, Denial> {
        let location = &self.rules.location;
        match location.find(head) {
            Carried::Absent => Err(deny(Reason::JwtMissing, format!("{location} is absent"))),
            Carried::Several => Err(unreadable(format!("{location} was sent more than once"))),
            Carried::One(value) => self.check_token(token_in(location, &value)?, now),
        }
    }

    /// The same for a token that is at hand.
    pub fn check_token(&self, token: &str, now: Now) -> Result<Arc<VerifiedToken>, Denial> {
        check_size(token)?;
        if let Some(verified) = self.cache.get(self.tag, token, now) {
            let times =
                Times { expires_unix_s: verified.expires_unix_s, not_before_unix_s: verified.not_before_unix_s };
            return times.check(self.rules.clock_skew_s, now).map(|()| verified);
        }
        let verified = Arc::new(self.verify(token, now)?);
        let dies = verified.expires_unix_s.map(|expires| expires.saturating_add(self.rules.clock_skew_s));
        self.cache.put(self.tag, token, Arc::clone(&verified), dies, now);
        Ok(verified)
    }

    /// Every check's answer, and what the token says of its holder, as far as it can be read. `keys` stand in for the provider's own.
    /// Looks nothing up in the cache and leaves nothing there.
    #[must_use]
    pub fn examine<'t>(&self, token: &'t str, keys: Option<&KeySet>, now: Now) -> (Exam, Option<Said<'t>>) {
        let mut exam = Exam::default();
        // An exam goes on after a refusal, so there is no error.
        let said = self.read(token, keys.unwrap_or(&self.keys), now, &mut exam).ok().flatten();
        (exam, said)
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

    fn verify(&self, token: &str, now: Now) -> Result<VerifiedToken, Denial> {
        let Some(said) = self.read(token, &self.keys, now, &mut FirstRefusal)? else {
            return Err(Denial::new(Reason::InternalError).because("a check of the token passed without its result"));
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

    /// All checks in their order. Without a refusal what comes back is proven; after one that the examiner let pass, it is not.
    fn read<'t>(
        &self,
        token: &'t str,
        keys: &KeySet,
        now: Now,
        asks: &mut impl Examiner,
    ) -> Result<Option<Said<'t>>, Denial> {
        let Some(form) = Form::read(token, asks)? else { return Ok(None) };
        self.check_signature(&form, keys, asks)?;
        let Some(claims) = form.claims(asks)? else { return Ok(None) };
        let times = Times::read(&claims, &self.rules, now, asks)?;
        claims::check(&claims, &self.rules, asks)?;
        let (consumer, plan) = claims::holder(&claims, &self.rules, asks)?;
        let scopes = claims::scopes(&claims);
        Ok(Some(Said { claims, times, consumer, plan, scopes, message: form.parts.message }))
    }

    fn check_signature(&self, form: &Form<'_>, keys: &KeySet, asks: &mut impl Examiner) -> Result<(), Denial> {
        let signature = || Facts::new(Check::Signature, "one by a key of the provider", "not looked at");
        let Form { parts, header: Some(header), decoded: Some(decoded) } = form else {
            asks.skip(signature, "the header or the encoding is refused");
            return Ok(());
        };
        let Header { algorithm, kid } = header;
        asks.ask(
            || Facts::new(Check::AlgorithmAllowed, format!("one of {}", self.allowed()), algorithm.name()),
            || self.check_algorithm(*algorithm),
        )?;
        let facts = || {
            let found = kid.as_deref().map_or_else(|| "no kid".to_owned(), |kid| format!("kid {}", shown::text(kid)));
            Facts::new(Check::Key, format!("a key for {algorithm}: there are {}", names(keys.keys())), found)
        };
        let Some(candidates) = asks.ask(facts, || candidates(keys, *algorithm, kid.as_deref()))? else {
            asks.skip(signature, "there is no key to check it with");
            return Ok(());
        };
        let facts = || {
            let tried = candidates.get(..KEYS_TRIED_MAX).unwrap_or(&candidates);
            let found = format!("{} bytes", decoded.signature_bytes);
            Facts::new(Check::Signature, format!("one with {algorithm} by key {}", names(tried.iter().copied())), found)
        };
        asks.ask(facts, || verify_signature(&candidates, *algorithm, parts, decoded.signature_bytes))?;
        Ok(())
    }

    fn check_algorithm(&self, algorithm: Algorithm) -> Result<(), Denial> {
        if self.rules.algorithms.contains(&algorithm) {
            return Ok(());
        }
        let text = format!("the token's alg is {algorithm}, allowed are {}", self.allowed());
        Err(deny(Reason::AlgorithmNotAllowed, text))
    }

    fn allowed(&self) -> String {
        let allowed: Vec<_> = self.rules.algorithms.iter().map(|algorithm| algorithm.name()).collect();
        allowed.join(", ")
    }
}

/// What a token says, proven only as far as its checks have passed.
#[derive(Debug)]
pub struct Said<'t> {
    pub claims: Map<String, Value>,
    times: Times,
    pub consumer: Option<Name>,
    pub plan: Option<Name>,
    pub scopes: Vec<Box<str>>,
    /// Header and payload as they were signed.
    message: &'t str,
}

fn verify_signature(
    candidates: &[&SigningKey],
    algorithm: Algorithm,
    parts: &Parts<'_>,
    signature_bytes: usize,
) -> Result<(), Denial> {
    let tried = candidates.iter().take(KEYS_TRIED_MAX);
    let verifies = |key: &&SigningKey| {
        key.signature_bytes() == signature_bytes && key.verifies(algorithm, parts.message.as_bytes(), parts.signature)
    };
    if tried.clone().any(verifies) {
        return Ok(());
    }
    let text = if candidates.iter().any(|key| key.signature_bytes() == signature_bytes) {
        let left = match candidates.len().saturating_sub(KEYS_TRIED_MAX) {
            0 => String::new(),
            left => format!("; {left} more that fit were not tried: a kid would say which is meant"),
        };
        format!("the {algorithm} signature does not verify with key {}{left}", names(tried.copied()))
    } else {
        format!("the signature has {signature_bytes} bytes, which no {algorithm} key here makes")
    };
    Err(deny(Reason::SignatureMismatch, text))
}

fn names<'k>(keys: impl IntoIterator<Item = &'k SigningKey>) -> String {
    let mut keys = keys.into_iter();
    let name = |key: &SigningKey| key.kid().map_or_else(|| "one without kid".to_owned(), shown::text);
    let mut names: Vec<_> = keys.by_ref().take(KEYS_SHOWN_MAX).map(name).collect();
    match keys.count() {
        0 => {}
        more => names.push(format!("{more} more")),
    }
    names.join(", ")
}

/// A key that was configured without a kid may be the one that any kid means; one with another kid never is.
fn candidates<'k>(keys: &'k KeySet, algorithm: Algorithm, kid: Option<&str>) -> Result<Vec<&'k SigningKey>, Denial> {
    let keys = keys.keys();
    if let Some(kid) = kid
        && let Some(named) = keys.iter().find(|key| key.kid() == Some(kid))
    {
        if named.fits(algorithm) {
            return Ok(vec![named]);
        }
        let text = format!("the token's alg is {algorithm}, but its key {} is for others", shown::text(kid));
        return Err(deny(Reason::AlgorithmNotAllowed, text));
    }
    let fitting = keys.iter().filter(|key| key.fits(algorithm) && (kid.is_none() || key.kid().is_none()));
    let fitting: Vec<_> = fitting.collect();
    if fitting.is_empty() {
        let text = match kid {
            Some(kid) => format!("no key has the token's kid {}", shown::text(kid)),
            None => format!("the token has no kid, and no key fits its alg {algorithm}"),
        };
        return Err(deny(Reason::SigningKeyUnknown, text));
    }
    Ok(fitting)
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
