//! Limits that this node shares with others through Redis or Valkey.
//!
//! A leased limit is taken from what this node holds; only whoever finds nothing held waits, and for `timeout` at most. An exact
//! one is a call for each request. When the store cannot be asked `onFailure` decides, at once: after the first failure the breaker
//! is open, and only the background tries the store again. What quotas let through meanwhile is told to it afterwards.

mod background;
mod link;
mod owed;
mod scripts;

use crate::shared::alone::Alone;
use crate::shared::settings::{OnFailure, RedisSettings};
use crate::shared::watch::Watch;
use arc_swap::ArcSwapOption;
use engine::chain::SharedAnswer;
use limits::breaker::{Breaker, Pass};
use limits::bucket::{Take, Taken};
use limits::clock::{Now, now};
use limits::keyed::Key;
use limits::lease::{Answer, Ask, Leased, Touch, Unused};
use limits::leases::{Leases, Returned};
use limits::shared::{Charge, Limit, Sync};
use link::{Fault, Link};
use owed::Owed;
use scripts::{Call, Scripts};
use std::fmt;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc};
use tokio::time::{Instant, timeout_at};
use tracing::{info, warn};

/// Counters of which this node may hold a part at once.
const LEASES_MAX: usize = 200_000;
/// Buckets, and as many counts, of the time without a store.
const ALONE_MAX: usize = 200_000;
/// Work for the background that may queue up. What does not fit is left out: a lease asks again, a refund is lost.
const ERRANDS_MAX: usize = 16_384;
/// Waiting requests share so many bells; a bell that rings for somebody else costs a look.
const BELLS: u128 = 64;

/// What the request path leaves to the background.
#[derive(Clone, Copy, Debug)]
enum Errand {
    Ask { counter: Key, limit: Limit, ask: Ask },
    GiveBack(Returned),
}

pub struct Fleet {
    settings: RedisSettings,
    scripts: Scripts,
    /// The name of this node among the others.
    node: Box<str>,
    link: ArcSwapOption<Link>,
    // std's Mutex: held for a look, never across an await.
    breaker: Mutex<Breaker>,
    leases: Leases,
    bells: Box<[Notify]>,
    errands: mpsc::Sender<Errand>,
    inbox: Mutex<Option<mpsc::Receiver<Errand>>>,
    alone: Alone,
    /// What was let through meanwhile.
    owed: Owed,
    /// By the last heartbeat that was answered.
    nodes: AtomicU64,
    /// Since when the store is known to answer, on the monotonic clock.
    recovered_at_ns: AtomicU64,
    /// Rings when the breaker opens.
    lost: Notify,
    /// That the store is out of reach has been logged.
    told: AtomicBool,
    /// Nothing more is asked for ahead.
    stopping: AtomicBool,
    /// Asks that were sent and not answered.
    asks_open: AtomicU64,
    watch: Arc<dyn Watch>,
}

impl Fleet {
    /// Connects to nobody yet; [`Fleet::run`] does. `node` must differ from the names of all other nodes.
    #[must_use]
    pub fn new(settings: RedisSettings, node: &str, watch: Arc<dyn Watch>) -> Self {
        if settings.tls.is_some() {
            // It fails if there is one already, which will do as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let (errands, inbox) = mpsc::channel(ERRANDS_MAX);
        Self {
            scripts: Scripts::new(&settings.prefix),
            settings,
            node: node.into(),
            link: ArcSwapOption::empty(),
            breaker: Mutex::default(),
            leases: Leases::new(LEASES_MAX),
            bells: (0..BELLS).map(|_| Notify::new()).collect(),
            errands,
            inbox: Mutex::new(Some(inbox)),
            alone: Alone::new(ALONE_MAX),
            owed: Owed::new(ALONE_MAX),
            nodes: AtomicU64::new(1),
            recovered_at_ns: AtomicU64::new(0),
            lost: Notify::new(),
            told: AtomicBool::new(false),
            stopping: AtomicBool::new(false),
            asks_open: AtomicU64::new(0),
            watch,
        }
    }

    /// Takes one request from a shared limit.
    pub async fn charge(&self, charge: Charge, now: Now) -> SharedAnswer {
        match charge.sync {
            Sync::Lease => self.leased(charge, now).await,
            Sync::Exact => self.exact(charge, now).await,
        }
    }

    /// How much is used by the store's count, what nodes hold included. Takes nothing.
    pub async fn used(&self, charge: Charge) -> Option<u64> {
        let call = self.scripts.take(charge.counter, charge.limit, 0);
        let answer = self.call(&call, self.settings.timeout).await;
        let answer = answer.as_deref().and_then(scripts::answer)?;
        Some(charge.limit.size().saturating_sub(answer.remaining))
    }

    /// Gives back one request that the store counted, without waiting.
    pub fn give_back(&self, charge: Charge, taken: Now, now: Now) {
        let Charge { counter, limit, sync } = charge;
        if sync == Sync::Lease && self.leases.put_back(counter, taken, now) {
            return;
        }
        let epoch = match limit {
            Limit::Rate(_) => 0,
            Limit::Count { period, .. } => period.window(taken).start_unix_s,
        };
        let unused = Unused { requests: 1, epoch };
        // Full: what is not given back has been counted once too often, never too seldom.
        let _ = self.errands.try_send(Errand::GiveBack(Returned { counter, limit, unused }));
    }

    /// Gives back one request that was granted without the store.
    pub fn give_back_alone(&self, charge: Charge, taken: Now, now: Now) {
        self.owed.take_back(charge.counter, charge.limit, taken);
        if self.settings.on_failure == OnFailure::LocalShare {
            self.alone.give_back(charge.counter, self.share(charge.limit), taken, now);
        }
    }

    /// Whether the store can be asked, as far as is known.
    #[must_use]
    pub fn is_reachable(&self) -> bool {
        self.breaker().pass().is_some()
    }

    async fn leased(&self, charge: Charge, now: Now) -> SharedAnswer {
        match self.touch(charge, Touch::First, now) {
            Touched::Answered(answer) => answer,
            Touched::Dry => self.wait(charge).await,
            Touched::NoRoom => self.exact(charge, now).await,
        }
    }

    /// Until the ask that is under way is answered; then perhaps for the next one.
    async fn wait(&self, charge: Charge) -> SharedAnswer {
        let deadline = Instant::now() + self.settings.timeout;
        let bell = self.bell(charge.counter);
        loop {
            let mut rings = pin!(bell.notified());
            // Before the look: what rings in between is heard.
            rings.as_mut().enable();
            match self.touch(charge, Touch::Again, now()) {
                Touched::Answered(answer) => return answer,
                Touched::NoRoom => return self.exact(charge, now()).await,
                Touched::Dry => {}
            }
            if timeout_at(deadline, rings).await.is_err() {
                return self.alone(charge, now());
            }
        }
    }

    fn touch(&self, charge: Charge, touch: Touch, now: Now) -> Touched {
        let Charge { counter, limit, .. } = charge;
        let Some(leased) = self.leases.take(counter, limit, touch, now) else { return Touched::NoRoom };
        match leased {
            Leased::Settled(take, ask) => {
                if let Some(ask) = ask {
                    self.send(counter, limit, ask);
                }
                Touched::Answered(SharedAnswer::Counted(take))
            }
            Leased::Dry(ask) => {
                let under_way = ask.is_none_or(|ask| self.send(counter, limit, ask));
                if under_way && self.is_reachable() { Touched::Dry } else { Touched::Answered(self.alone(charge, now)) }
            }
        }
    }

    /// False if nobody will see to it.
    fn send(&self, counter: Key, limit: Limit, ask: Ask) -> bool {
        if !self.stopping.load(Ordering::Relaxed) && self.is_reachable() {
            self.asks_open.fetch_add(1, Ordering::Relaxed);
            if self.errands.try_send(Errand::Ask { counter, limit, ask }).is_ok() {
                return true;
            }
            self.asks_open.fetch_sub(1, Ordering::Relaxed);
        }
        self.leases.failed(counter, ask);
        false
    }

    async fn exact(&self, charge: Charge, now: Now) -> SharedAnswer {
        let call = self.scripts.take(charge.counter, charge.limit, 1);
        let answer = self.call(&call, self.settings.timeout).await;
        match answer.as_deref().and_then(scripts::answer) {
            Some(answer) => SharedAnswer::Counted(one(answer)),
            None => self.alone(charge, now),
        }
    }

    /// Without the store, as the operator wants it.
    fn alone(&self, charge: Charge, now: Now) -> SharedAnswer {
        self.watch.decided_alone();
        match self.settings.on_failure {
            OnFailure::Deny => SharedAnswer::Unavailable,
            OnFailure::Allow => {
                self.owed.note(charge.counter, charge.limit, now);
                let taken = Taken { remaining: charge.limit.size(), reset_after: Duration::ZERO };
                SharedAnswer::Alone(Take::Granted(taken))
            }
            OnFailure::LocalShare => {
                let take = self.alone.take(charge.counter, self.share(charge.limit), now);
                if let Some(Take::Granted(_)) = take {
                    self.owed.note(charge.counter, charge.limit, now);
                }
                take.map_or(SharedAnswer::Unavailable, SharedAnswer::Alone)
            }
        }
    }

    fn share(&self, limit: Limit) -> Limit {
        limit.share(self.nodes.load(Ordering::Relaxed))
    }

    /// One call, if the store is to be asked at all. What goes wrong opens the breaker.
    async fn call(&self, call: &Call<'_>, within: Duration) -> Option<Vec<i64>> {
        let pass = self.breaker().pass()?;
        let link = self.link.load_full()?;
        let began = Instant::now();
        match link.call(call, within).await {
            Ok(numbers) => {
                self.watch.answered(began.elapsed());
                Some(numbers)
            }
            Err(fault) => {
                self.failed(pass, &fault);
                None
            }
        }
    }

    fn failed(&self, pass: Pass, fault: &Fault) {
        self.watch.failed(fault.kind());
        if self.breaker().failed(pass, now().monotonic_ns) {
            self.watch.reachable(false);
            // Said here or by the probe that follows, which would be no news.
            if !self.told.swap(true, Ordering::Relaxed) {
                let (on_failure, servers) = (self.settings.on_failure.name(), self.settings.servers_text());
                warn!(%fault, servers, on_failure, "shared store not answering, limits are decided without it");
            }
            self.lost.notify_one();
        }
    }

    fn recovered(&self) {
        let nodes = self.nodes.load(Ordering::Relaxed);
        self.recovered_at_ns.store(now().monotonic_ns, Ordering::Relaxed);
        self.breaker().probe_answered();
        self.told.store(false, Ordering::Relaxed);
        self.watch.reachable(true);
        info!(nodes, "shared store answers");
    }

    fn breaker(&self) -> MutexGuard<'_, Breaker> {
        self.breaker.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn bell(&self, counter: Key) -> &Notify {
        static NOBODY: Notify = Notify::const_new();
        let at = counter.to_u128().checked_rem(BELLS).and_then(|at| usize::try_from(at).ok());
        at.and_then(|at| self.bells.get(at)).unwrap_or(&NOBODY)
    }
}

enum Touched {
    Answered(SharedAnswer),
    /// An ask is under way.
    Dry,
    /// The table of leases is full.
    NoRoom,
}

/// What one request gets of an answer to it alone.
fn one(answer: Answer) -> Take {
    if answer.granted == 0 {
        return Take::Refused { retry_after: answer.retry_after };
    }
    Take::Granted(Taken { remaining: answer.remaining, reset_after: answer.reset_after })
}

impl fmt::Debug for Fleet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Fleet").field("settings", &self.settings).finish_non_exhaustive()
    }
}
