//! Whose user name and password a request carries (RFC 7617). Verifying a password is work that takes long on purpose, so it is not
//! done in here: [`Users::check`] says what has to be verified, whoever asks does it elsewhere, and [`Users::judge`] takes the answer.
//!
//! Three things keep that work from becoming a weapon: what was verified is remembered for a while, an address that sends wrong
//! passwords may only do so at a rate, and a user that does not exist costs as much as one that does.

mod credentials;
mod hash;

pub use credentials::{Credentials, CredentialsFault, Password};
pub use hash::{HashFault, PasswordHash};

use crate::counted::{Caller, CountBy, LimitName};
use crate::credential::Location;
use crate::denial::Denial;
use crate::identity::Consumer;
use crate::live::Live;
use crate::naming::Naming;
use crate::reason::Reason;
use crate::remembered::{Fingerprint, Fingerprints, Remembered};
use crate::request::RequestHead;
use http::{HeaderMap, header};
use limits::bucket::{Rate, Take};
use limits::clock::Now;
use limits::keyed::Key;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// One user of the config.
#[derive(Debug)]
pub struct User {
    pub name: Box<str>,
    pub hash: PasswordHash,
    pub consumer: Arc<Consumer>,
}

/// How users of the config are dealt with.
#[derive(Debug)]
pub struct PasswordRules {
    /// How long a verified password need not be verified again.
    pub remember: Duration,
    /// Wrong passwords from one address.
    pub failures: Rate,
    pub hide: bool,
}

/// All users of the config.
#[derive(Debug)]
pub struct Users {
    by_name: HashMap<Box<str>, Known>,
    /// Takes the place of the hash of users that do not exist: as costly as the costliest.
    decoy: Option<Arc<PasswordHash>>,
    rules: PasswordRules,
    /// What wrong passwords are counted under.
    counter: LimitName,
    verified: Arc<Remembered<()>>,
    fingerprints: Fingerprints,
}

#[derive(Debug)]
struct Known {
    hash: Arc<PasswordHash>,
    consumer: Arc<Consumer>,
}

/// What has to be verified before it is known who calls.
#[derive(Clone, Debug)]
pub struct PasswordQuestion {
    pub hash: Arc<PasswordHash>,
    pub password: Password,
    /// Of user, password and hash: two questions with the same one have the same answer.
    pub fingerprint: Fingerprint,
    /// The address that asks, as its failures are counted.
    pub address: Key,
    /// How many of them it may have.
    failures: Rate,
    user: Box<str>,
    /// None for a user that does not exist, which is told nobody before the work is done.
    consumer: Option<Arc<Consumer>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PasswordAnswer {
    Match,
    Mismatch,
    /// There was no time or room to verify it.
    Busy,
    /// So many passwords of this address are being verified that it could have no more failures if all of them are wrong.
    Exceeded {
        retry_after: Duration,
    },
}

/// How far the gateway comes by itself.
#[derive(Debug)]
pub enum Checked {
    Known(Arc<Consumer>),
    Ask(PasswordQuestion),
}

impl PasswordQuestion {
    /// One about nobody: whatever is found out, it lets nobody in.
    #[must_use]
    pub fn new(
        hash: Arc<PasswordHash>,
        password: Password,
        fingerprint: Fingerprint,
        address: Key,
        failures: Rate,
    ) -> Self {
        Self { hash, password, fingerprint, address, failures, user: Box::default(), consumer: None }
    }

    /// Counts the failure that this may turn out to be, before it is known: many guesses at once are not one. Whoever verifies a
    /// password does this first, once for all who ask the same.
    pub fn stake(&self, live: &Live, now: Now) -> Result<(), Duration> {
        match live.buckets_open.take(self.address, self.failures, now) {
            Take::Granted(_) => Ok(()),
            Take::Refused { retry_after } => Err(retry_after),
        }
    }

    /// It was no failure.
    pub fn win_back(&self, live: &Live, now: Now) {
        live.buckets_open.give_back(self.address, self.failures, now);
    }
}

impl Users {
    /// Of two entries with one name the first counts; the compiler of the config refuses the second.
    #[must_use]
    pub fn new(users: Vec<User>, rules: PasswordRules, live: &Live) -> Self {
        let costliest = users.iter().max_by_key(|user| user.hash.work());
        let decoy = costliest.map(|user| Arc::new(user.hash.decoy()));
        let mut by_name = HashMap::with_capacity(users.len());
        for User { name, hash, consumer } in users {
            by_name.entry(name).or_insert(Known { hash: Arc::new(hash), consumer });
        }
        let fingerprints = Fingerprints::new(&live.keyer);
        let counter = LimitName::from("passwords");
        Self { by_name, decoy, rules, counter, verified: Arc::clone(&live.passwords), fingerprints }
    }

    /// `basic_missing`, `basic_unreadable` or `password_failures_exceeded`; else who it is, or what has to be found out.
    pub fn check(&self, caller: Caller<'_>, live: &Live, now: Now) -> Result<Checked, Denial> {
        let Credentials { user, password } = carried(caller.head).map_err(|fault| {
            let reason = if fault.is_absence() { Reason::BasicMissing } else { Reason::BasicUnreadable };
            Denial::new(reason).because(fault.to_string())
        })?;
        let known = self.by_name.get(&user);
        let Some(hash) = known.map(|known| &known.hash).or(self.decoy.as_ref()) else {
            return Err(Denial::new(Reason::UserUnknown).because("the config has no users"));
        };
        let [salt, sum] = hash.parts();
        let fingerprint = self.fingerprints.of([user.as_bytes(), password.bytes(), salt, sum]);
        if let Some(known) = known
            && self.verified.get(&fingerprint, now).is_some()
        {
            return Ok(Checked::Known(Arc::clone(&known.consumer)));
        }
        let address = CountBy::Address.counter(Naming::Secret(&live.keyer), &self.counter, caller);
        self.may_fail(address, live, now)?;
        let consumer = known.map(|known| Arc::clone(&known.consumer));
        let hash = Arc::clone(hash);
        let failures = self.rules.failures;
        Ok(Checked::Ask(PasswordQuestion { hash, password, fingerprint, address, failures, user, consumer }))
    }

    /// `basic_busy`, `password_failures_exceeded`, `user_unknown` or `password_mismatch`; else who it is.
    pub fn judge(&self, question: PasswordQuestion, answer: PasswordAnswer, now: Now) -> Result<Arc<Consumer>, Denial> {
        let PasswordQuestion { fingerprint, user, consumer, hash: _, password: _, address: _, failures: _ } = question;
        match (answer, consumer) {
            (PasswordAnswer::Match, Some(consumer)) => {
                self.verified.put(fingerprint, (), self.rules.remember, now);
                Ok(consumer)
            }
            (PasswordAnswer::Busy, _) => {
                Err(Denial::new(Reason::BasicBusy).because("too many passwords wait to be verified"))
            }
            (PasswordAnswer::Exceeded { retry_after }, _) => Err(too_many(retry_after)),
            (PasswordAnswer::Mismatch, Some(consumer)) => {
                let text = format!("the password is not that of user {user:?} of consumer {}", consumer.id);
                Err(Denial::new(Reason::PasswordMismatch).because(text))
            }
            // The name is the client's own word, and may be a password that was put into the wrong field: it is not shown.
            (PasswordAnswer::Match | PasswordAnswer::Mismatch, None) => {
                Err(Denial::new(Reason::UserUnknown).because("no consumer has a user of this name"))
            }
        }
    }

    /// Whether the field that carries the credentials is taken out before the request is sent on: it is if its user is one of ours,
    /// on every route. What is meant for upstream alone stays.
    #[must_use]
    pub fn hides(&self, headers: &HeaderMap) -> bool {
        if !self.rules.hide || self.by_name.is_empty() {
            return false;
        }
        let values = headers.get_all(header::AUTHORIZATION).iter();
        values.filter_map(|value| value.to_str().ok()).any(|value| {
            let read = Credentials::read(&crate::credential::Carried::One(value.trim().into()));
            read.is_ok_and(|credentials| self.by_name.contains_key(&credentials.user))
        })
    }

    /// Looks whether one more failure would be let through; it is only taken when the password is verified.
    fn may_fail(&self, address: Key, live: &Live, now: Now) -> Result<(), Denial> {
        match live.buckets_open.take(address, self.rules.failures, now) {
            Take::Granted(_) => {
                live.buckets_open.give_back(address, self.rules.failures, now);
                Ok(())
            }
            Take::Refused { retry_after } => Err(too_many(retry_after)),
        }
    }
}

fn too_many(retry_after: Duration) -> Denial {
    Denial::new(Reason::PasswordFailuresExceeded)
        .because("this address has sent too many wrong passwords")
        .retry_after(retry_after)
}

fn carried(head: &RequestHead<'_>) -> Result<Credentials, CredentialsFault> {
    Credentials::read(&Location::Header(header::AUTHORIZATION).find(head))
}

#[cfg(test)]
mod tests;
