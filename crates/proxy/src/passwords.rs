//! Verifies passwords, which takes tens of milliseconds and megabytes each, without holding up a thread that serves requests.
//!
//! As many at once as half the cores, so that the other half serves; as many waiting as are named below, in all and for each address;
//! and one for all requests that show the same credentials at the same time. What does not fit is refused at once.

use engine::live::Live;
use engine::policy::basic::{PasswordAnswer, PasswordHash, PasswordQuestion};
use engine::remembered::Fingerprint;
use limits::clock::now;
use limits::gauge::Gauge;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OnceCell, Semaphore};

/// Verifications under way or waiting: what one core does in four seconds.
const WAITING_MAX: usize = 128;
const WAITING_PER_ADDRESS_MAX: usize = 8;
/// For one's turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct Passwords {
    turns: Arc<Semaphore>,
    waiting: Arc<Gauge>,
    turn_timeout: Duration,
    /// What somebody is waiting for right now. std's Mutex: never held across an await.
    under_way: Mutex<HashMap<Fingerprint, Arc<OnceCell<bool>>>>,
}

/// Somebody who waits for a verification, maybe together with others. The last one to leave takes it off the list.
struct Joined<'a> {
    passwords: &'a Passwords,
    of: Fingerprint,
    cell: Arc<OnceCell<bool>>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::of_turns((cores / 2).max(1), TURN_TIMEOUT)
    }
}

impl Passwords {
    fn of_turns(turns: usize, turn_timeout: Duration) -> Self {
        let turns = Arc::new(Semaphore::new(turns));
        Self { turns, waiting: Arc::new(Gauge::new()), turn_timeout, under_way: Mutex::default() }
    }

    pub(crate) async fn verify(&self, question: &PasswordQuestion, live: &Live) -> PasswordAnswer {
        let joined = self.join(question.fingerprint);
        // Who comes second waits for the first; if that one was refused, or its client has left, it takes its place.
        match joined.cell.get_or_try_init(|| self.verify_now(question, live)).await {
            Ok(true) => PasswordAnswer::Match,
            Ok(false) => PasswordAnswer::Mismatch,
            Err(Unverified::Busy) => PasswordAnswer::Busy,
            Err(Unverified::Exceeded { retry_after }) => PasswordAnswer::Exceeded { retry_after },
        }
    }

    async fn verify_now(&self, question: &PasswordQuestion, live: &Live) -> Result<bool, Unverified> {
        let busy = Unverified::Busy;
        let entered = self.waiting.enter(question.address, WAITING_MAX, WAITING_PER_ADDRESS_MAX).map_err(|_| busy)?;
        let mut stake = Stake::put(question, live)?;
        let turn = tokio::time::timeout(self.turn_timeout, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| busy)?.map_err(|_| busy)?;
        let (hash, password): (Arc<PasswordHash>, _) = (Arc::clone(&question.hash), question.password.clone());
        let work = tokio::task::spawn_blocking(move || {
            let verified = hash.verifies(password.bytes());
            // Kept to the end of the work, also when nobody waits for it any more.
            drop((turn, entered));
            verified
        });
        let verified = work.await.map_err(|_| busy)?;
        stake.is_lost = !verified;
        Ok(verified)
    }

    fn join(&self, of: Fingerprint) -> Joined<'_> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        Joined { passwords: self, of, cell: Arc::clone(under_way.entry(of).or_default()) }
    }
}

impl Drop for Joined<'_> {
    fn drop(&mut self) {
        let mut under_way = self.passwords.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        // The list's and ours: copies are made under this lock alone.
        if Arc::strong_count(&self.cell) <= 2 {
            under_way.remove(&self.of);
        }
    }
}

/// Why nothing was found out.
#[derive(Clone, Copy)]
enum Unverified {
    /// There is no room or no time for it.
    Busy,
    /// The address has as many guesses under way as it may have failures.
    Exceeded { retry_after: Duration },
}

/// The failure that a guess may turn out to be, counted ahead. It is won back unless it is lost, also when nobody waits any more: who
/// does not hear the answer has not guessed.
struct Stake<'q> {
    question: &'q PasswordQuestion,
    live: &'q Live,
    is_lost: bool,
}

impl<'q> Stake<'q> {
    fn put(question: &'q PasswordQuestion, live: &'q Live) -> Result<Self, Unverified> {
        let staked = question.stake(live, now());
        staked.map_err(|retry_after| Unverified::Exceeded { retry_after })?;
        Ok(Self { question, live, is_lost: false })
    }
}

impl Drop for Stake<'_> {
    fn drop(&mut self) {
        if !self.is_lost {
            self.question.win_back(self.live, now());
        }
    }
}

#[cfg(test)]
mod tests;
