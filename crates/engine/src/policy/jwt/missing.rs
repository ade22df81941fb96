//! A token whose key is not there: whether that is final, or the key may be on its way.

use super::Provider;
use super::claims::{self, Times};
use super::compact::Form;
use super::exam::FirstRefusal;
use super::keys::{FetchedKeys, Ring};
use crate::denial::Denial;
use crate::naming::durable;
use crate::policy::jwks::remote::{Asked, Missing};
use crate::reason::Reason;
use limits::clock::Now;
use limits::keyed::Key;
use std::time::Duration;

/// When to come back if the set is on its way.
const COMING_SOON: Duration = Duration::from_secs(1);
/// The longest time that a client is told to stay away for want of keys.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// A refusal, and what may become of it.
#[derive(Debug)]
pub struct Refusal {
    pub denial: Denial,
    pub keys: Keys,
}

/// Whether the next set may turn a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keys {
    Settled,
    /// A fetch is ordered or under way that may bring the key.
    Coming,
    /// A set has come while the token was held against the last one.
    Here,
}

/// Whether a token may ask for newer keys, or has done so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Patience {
    Asks,
    HasAsked,
}

impl From<Denial> for Refusal {
    fn from(denial: Denial) -> Self {
        Self { denial, keys: Keys::Settled }
    }
}

impl Provider {
    /// `denial` is what stands if there is nothing to fetch. Asks for a fetch where that may help.
    pub(super) fn key_missing(
        &self,
        form: &Form<'_>,
        denial: Denial,
        ring: &Ring<'_>,
        patience: Patience,
        now: Now,
    ) -> Refusal {
        let Some(fetched) = &self.keys.fetched else { return denial.into() };
        let FetchedKeys { source, remote } = fetched;
        let asked = if self.lacks_only_the_key(form, now) {
            // Of the set as it was when the token was held against it, stale or not.
            let missing = Missing { key: missing(form), set: ring.number() };
            match patience {
                Patience::Asks => remote.ask(missing, source.refetch_interval, now),
                Patience::HasAsked => remote.ask_again(missing),
            }
        } else {
            Asked::Refused
        };
        let keys = match asked {
            Asked::Refused => Keys::Settled,
            Asked::Coming => Keys::Coming,
            Asked::Newer => Keys::Here,
        };
        if keys != Keys::Settled {
            let text = format!("the key set of {} is being fetched, as no key verifies this token", source.place);
            let denial = Denial::new(Reason::JwksUnavailable).because(text).retry_after(COMING_SOON);
            return Refusal { denial, keys };
        }
        if ring.has_fetched() {
            return denial.into();
        }
        let what = if remote.has_come() { "is too old to be trusted" } else { "has never been fetched" };
        let (why, next_in) = remote.outlook(now);
        let why = why.map(|why| format!(": {why}")).unwrap_or_default();
        let text = format!("the key set of {} {what}{why}", source.place);
        let wait = next_in.clamp(COMING_SOON, RETRY_MAX);
        Denial::new(Reason::JwksUnavailable).because(text).retry_after(wait).into()
    }

    /// A token that is refused whatever key comes costs the provider no fetch: not one that has expired, nor one of another issuer.
    fn lacks_only_the_key(&self, form: &Form<'_>, now: Now) -> bool {
        let Ok(Some(claims)) = form.claims(&mut FirstRefusal) else { return false };
        Times::read(&claims, &self.rules, now, &mut FirstRefusal).is_ok()
            && claims::check(&claims, &self.rules, &mut FirstRefusal).is_ok()
    }
}

/// What is remembered as missing: the key's name, or the token itself if it names none.
fn missing(form: &Form<'_>) -> Key {
    match form.header.as_ref().and_then(|header| header.kid.as_ref()) {
        Some(kid) => durable(&[b"kid", kid.as_bytes()]),
        None => durable(&[b"token without kid", form.parts.message.as_bytes()]),
    }
}
