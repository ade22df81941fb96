//! Every check of a token in its order: form, key, signature, time, claims. Who hears the answers is the examiner's affair.

use super::claims::{self, Times, deny};
use super::compact::{Form, Header, Parts};
use super::exam::{Check, Exam, Examiner, Facts};
use super::keys::Ring;
use super::{Provider, shown};
use crate::denial::Denial;
use crate::names::Name;
use crate::policy::jwks::{Algorithm, KeySet, SigningKey};
use crate::reason::Reason;
use limits::clock::Now;
use serde_json::{Map, Value};

/// How many keys are tried for a token that names none.
const KEYS_TRIED_MAX: usize = 4;
/// And how many are named in a sentence.
const KEYS_SHOWN_MAX: usize = 16;

impl Provider {
    /// Every check's answer, and what the token says of its holder, as far as it can be read. `keys` stand in for the provider's own.
    /// Looks nothing up in the cache and leaves nothing there.
    #[must_use]
    pub fn examine<'t>(&self, token: &'t str, keys: Option<&KeySet>, now: Now) -> (Exam, Option<Said<'t>>) {
        let mut exam = Exam::default();
        // An exam goes on after a refusal, so there is no error.
        let held = self.keys.hold();
        let set = held.set().filter(|set| self.keys.serves(set, now));
        let ring = match keys {
            Some(keys) => Ring::only(keys),
            None if self.keys.fetched.is_some() && set.is_none() => Ring::unfetched(&held),
            None => Ring::of(&held, set),
        };
        let said = self.read(token, &ring, now, &mut exam).ok().flatten();
        (exam, said)
    }

    /// All checks in their order. Without a refusal what comes back is proven; after one that the examiner let pass, it is not.
    pub(super) fn read<'t>(
        &self,
        token: &'t str,
        keys: &Ring<'_>,
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

    fn check_signature(&self, form: &Form<'_>, keys: &Ring<'_>, asks: &mut impl Examiner) -> Result<(), Denial> {
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
        let named = || {
            let found = kid.as_deref().map_or_else(|| "no kid".to_owned(), |kid| format!("kid {}", shown::text(kid)));
            Facts::new(Check::Key, "a key of the set that is fetched", found)
        };
        if keys.is_unfetched() && keys.candidates(*algorithm, kid.as_deref()).is_err() {
            asks.skip(named, "the provider's keys are fetched by the gateway, and not here: give a set with --jwks");
            asks.skip(signature, "there is no key to check it with");
            return Ok(());
        }
        let facts = || {
            let found = kid.as_deref().map_or_else(|| "no kid".to_owned(), |kid| format!("kid {}", shown::text(kid)));
            Facts::new(Check::Key, format!("a key for {algorithm}: there are {}", names(keys.keys())), found)
        };
        let Some(candidates) = asks.ask(facts, || keys.candidates(*algorithm, kid.as_deref()))? else {
            asks.skip(signature, "there is no key to check it with");
            return Ok(());
        };
        let facts = || {
            let tried = candidates.get(..KEYS_TRIED_MAX).unwrap_or(&candidates);
            let found = format!("{} bytes", decoded.signature_bytes);
            Facts::new(Check::Signature, format!("one with {algorithm} by key {}", names(tried.iter().copied())), found)
        };
        asks.ask(facts, || verify_signature(&candidates, header, parts, decoded.signature_bytes, keys))?;
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
    pub(super) times: Times,
    pub consumer: Option<Name>,
    pub plan: Option<Name>,
    pub scopes: Vec<Box<str>>,
    /// Header and payload as they were signed.
    pub(super) message: &'t str,
}

fn verify_signature(
    candidates: &[&SigningKey],
    header: &Header,
    parts: &Parts<'_>,
    signature_bytes: usize,
    ring: &Ring<'_>,
) -> Result<(), Denial> {
    let Header { algorithm, kid } = header;
    let algorithm = *algorithm;
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
    // Keys without names change unseen: only the failure shows it.
    if !candidates.iter().any(|key| kid.is_some() && key.kid() == kid.as_deref()) {
        ring.lacks();
    }
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
