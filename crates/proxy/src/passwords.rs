//! Verifies passwords, which takes tens of milliseconds and megabytes each, without holding up a thread that serves requests.
//!
//! As many at once as half the cores, so that the other half serves; as many waiting as are named below, in all and for each address;
//! and one for all requests that show the same credentials at the same time. What does not fit is refused at once.

use engine::policy::basic::{PasswordAnswer, PasswordHash, PasswordQuestion};
use engine::remembered::Fingerprint;
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
    /// Never more than are waiting. std's Mutex: never held across an await.
    under_way: Mutex<HashMap<Fingerprint, Arc<OnceCell<bool>>>>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self::of_turns((cores / 2).max(1))
    }
}

impl Passwords {
    fn of_turns(turns: usize) -> Self {
        let turns = Arc::new(Semaphore::new(turns));
        Self { turns, waiting: Arc::new(Gauge::new()), under_way: Mutex::default() }
    }

    pub(crate) async fn verify(&self, question: &PasswordQuestion) -> PasswordAnswer {
        let cell = self.join(question.fingerprint);
        // Who comes second waits for the first; if that one was refused, or its client has left, it takes its place.
        let verified = cell.get_or_try_init(|| self.verify_now(question)).await.copied();
        self.leave(question.fingerprint, &cell);
        match verified {
            Ok(true) => PasswordAnswer::Match,
            Ok(false) => PasswordAnswer::Mismatch,
            Err(Busy) => PasswordAnswer::Busy,
        }
    }

    async fn verify_now(&self, question: &PasswordQuestion) -> Result<bool, Busy> {
        let entered = self.waiting.enter(question.address, WAITING_MAX, WAITING_PER_ADDRESS_MAX).map_err(|_| Busy)?;
        let turn = tokio::time::timeout(TURN_TIMEOUT, Arc::clone(&self.turns).acquire_owned()).await;
        let turn = turn.map_err(|_| Busy)?.map_err(|_| Busy)?;
        let (hash, password): (Arc<PasswordHash>, _) = (Arc::clone(&question.hash), question.password.clone());
        let work = tokio::task::spawn_blocking(move || {
            let verified = hash.verifies(password.bytes());
            // Kept to the end of the work, also when nobody waits for it any more.
            drop((turn, entered));
            verified
        });
        work.await.map_err(|_| Busy)
    }

    fn join(&self, of: Fingerprint) -> Arc<OnceCell<bool>> {
        Arc::clone(self.under_way.lock().unwrap_or_else(PoisonError::into_inner).entry(of).or_default())
    }

    fn leave(&self, of: Fingerprint, cell: &Arc<OnceCell<bool>>) {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if under_way.get(&of).is_some_and(|current| Arc::ptr_eq(current, cell)) {
            under_way.remove(&of);
        }
    }
}

/// There is no room or no time for it.
struct Busy;
