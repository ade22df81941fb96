//! What a node does beside serving: fetches chunks, gives back what is unused, shows that it is alive, and tries a dead store again.
//! All of it in tasks of the one runtime that [`Fleet::run`] is called on, which also owns the connection.

use super::link::{Fault, Link, OPEN_TIMEOUT};
use super::scripts::SIGN_HOLDS;
use super::{Errand, Fleet, scripts};
use limits::clock::now;
use limits::keyed::Key;
use limits::lease::Ask;
use limits::leases::Returned;
use limits::shared::Limit;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tracing::{info, warn};

/// Between two signs of life.
const HEARTBEAT_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks at whether something has come to pass.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);
/// Between two looks at leases that nobody uses, and in how many of them all have been looked at.
const SWEEP_INTERVAL: Duration = Duration::from_millis(100);
const SWEEPS: usize = 5;
/// Calls under way at once, all of them over one connection.
const CALLS_MAX: usize = 1_024;
/// Counters that the store is told about at once, after it was away.
const PAID_AT_ONCE: usize = 64;
/// For giving everything back at the end.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(1);

impl Fleet {
    /// Tries the store once, so that a gateway which says that it is ready has its limits. Takes a second at most.
    pub async fn connect(&self) {
        if self.breaker().wants_probe(now().monotonic_ns) {
            self.probe().await;
        }
    }

    /// Works until it is dropped. To be called once.
    pub async fn run(self: Arc<Self>) {
        let inbox = self.inbox.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut inbox) = inbox else { return };
        let mut tasks = JoinSet::new();
        tasks.spawn(Arc::clone(&self).keep_probing());
        tasks.spawn(Arc::clone(&self).keep_alive());
        tasks.spawn(Arc::clone(&self).keep_sweeping());
        let calls = Arc::new(Semaphore::new(CALLS_MAX));
        while let Some(errand) = inbox.recv().await {
            let Ok(permit) = Arc::clone(&calls).acquire_owned().await else { return };
            let fleet = Arc::clone(&self);
            tasks.spawn(async move {
                fleet.run_errand(errand).await;
                drop(permit);
            });
            while tasks.try_join_next().is_some() {}
        }
    }

    /// Gives back what this node holds and says goodbye, within a second: the others need not wait until it lapses.
    pub async fn stop(self: Arc<Self>) {
        if !self.is_reachable() {
            return;
        }
        self.stopping.store(true, Ordering::Relaxed);
        let goodbye = async {
            while self.asks_open.load(Ordering::Relaxed) > 0 {
                sleep(LOOK_INTERVAL).await;
            }
            let mut tasks = JoinSet::new();
            for returned in self.leases.surrender(now()) {
                let fleet = Arc::clone(&self);
                tasks.spawn(async move { fleet.give_back_now(returned).await });
            }
            tasks.join_all().await;
            self.pay().await;
            self.call(&self.scripts.alive(&self.node, Duration::ZERO), GOODBYE_TIMEOUT).await;
        };
        // What is not done by then lapses.
        let _ = timeout(GOODBYE_TIMEOUT, goodbye).await;
    }

    async fn run_errand(&self, errand: Errand) {
        match errand {
            Errand::Ask { counter, limit, ask } => self.fetch(counter, limit, ask).await,
            Errand::GiveBack(returned) => self.give_back_now(returned).await,
        }
    }

    async fn fetch(&self, counter: Key, limit: Limit, ask: Ask) {
        let call = self.scripts.take(counter, limit, ask.want);
        let answer = self.call(&call, self.settings.timeout).await;
        match answer.as_deref().and_then(scripts::answer) {
            // If nobody waits for it any more, it belongs to nobody.
            Some(answer) => drop(self.leases.answered(counter, ask, answer, now())),
            None => self.leases.failed(counter, ask),
        }
        self.asks_open.fetch_sub(1, Ordering::Relaxed);
        self.bell(counter).notify_waiters();
    }

    /// Once: what was not answered may have been done, and to give back twice would be to grant twice.
    async fn give_back_now(&self, returned: Returned) {
        let Returned { counter, limit, unused } = returned;
        self.call(&self.scripts.give_back(counter, limit, unused), self.settings.timeout).await;
    }

    async fn keep_probing(self: Arc<Self>) {
        loop {
            // A failure in between is remembered.
            if self.is_reachable() {
                self.lost.notified().await;
            }
            if self.breaker().wants_probe(now().monotonic_ns) {
                self.probe().await;
            }
            if !self.is_reachable() {
                sleep(LOOK_INTERVAL).await;
            }
        }
    }

    async fn keep_alive(self: Arc<Self>) {
        let mut beats = ticks(HEARTBEAT_INTERVAL);
        loop {
            beats.tick().await;
            if let Some(numbers) = self.call(&self.scripts.alive(&self.node, SIGN_HOLDS), OPEN_TIMEOUT).await {
                self.count_nodes(&numbers);
                self.pay().await;
            }
        }
    }

    /// Tells the store what was let through while it was away: it counts as much of it as the limit has room for. Each once: what was
    /// not answered may have been counted.
    async fn pay(self: &Arc<Self>) {
        let (mut counters, mut requests) = (0_u64, 0_u64);
        while !self.owed.is_empty() && self.is_reachable() {
            let mut calls = JoinSet::new();
            for debt in self.owed.take(PAID_AT_ONCE, now()) {
                (counters, requests) = (counters.saturating_add(1), requests.saturating_add(debt.requests));
                let fleet = Arc::clone(self);
                calls.spawn(async move {
                    let call = fleet.scripts.take(debt.counter, debt.limit, debt.requests);
                    fleet.call(&call, fleet.settings.timeout).await;
                });
            }
            calls.join_all().await;
        }
        if counters > 0 {
            info!(counters, requests, "what quotas let through without the shared store is counted in it now");
        }
    }

    async fn keep_sweeping(self: Arc<Self>) {
        let parts = self.leases.parts();
        let mut looks = ticks(SWEEP_INTERVAL);
        let mut all = (0..parts).cycle();
        let mut returned = Vec::new();
        loop {
            looks.tick().await;
            for part in all.by_ref().take(parts.div_ceil(SWEEPS)) {
                self.leases.sweep(part, now(), &mut returned);
            }
            for returned in returned.drain(..) {
                // Full: it lapses.
                let _ = self.errands.try_send(Errand::GiveBack(returned));
            }
        }
    }

    /// The connection that there is, or else a new one.
    async fn probe(&self) {
        let sign = self.scripts.alive(&self.node, SIGN_HOLDS);
        if let Some(link) = self.link.load_full()
            && let Ok(numbers) = link.call(&sign, self.settings.timeout).await
        {
            self.count_nodes(&numbers);
            return self.recovered();
        }
        match self.open().await {
            Ok(numbers) => {
                self.count_nodes(&numbers);
                self.recovered();
            }
            Err(fault) => {
                self.watch.failed(fault.kind());
                self.breaker().probe_failed(now().monotonic_ns);
                // Once in each time without a store.
                if !self.told.swap(true, Ordering::Relaxed) {
                    let (on_failure, servers) = (self.settings.on_failure.name(), self.settings.servers_text());
                    warn!(%fault, servers, on_failure, "shared store not reached");
                }
            }
        }
    }

    async fn open(&self) -> Result<Vec<i64>, Fault> {
        let link = Link::open(&self.settings).await?;
        let numbers = link.call(&self.scripts.alive(&self.node, SIGN_HOLDS), OPEN_TIMEOUT).await?;
        self.link.store(Some(Arc::new(link)));
        Ok(numbers)
    }

    fn count_nodes(&self, numbers: &[i64]) {
        let Some(nodes) = numbers.first().and_then(|nodes| u64::try_from(*nodes).ok()) else { return };
        let known = self.nodes.load(Ordering::Relaxed);
        let since_ns = now().monotonic_ns.saturating_sub(self.recovered_at_ns.load(Ordering::Relaxed));
        // A store that came back without its memory has not heard of the others yet: a part of the limit must not grow by that.
        if nodes > known || (self.is_reachable() && u128::from(since_ns) > SIGN_HOLDS.as_nanos()) {
            self.nodes.store(nodes.max(1), Ordering::Relaxed);
            self.watch.nodes(nodes);
        }
    }
}

fn ticks(every: Duration) -> tokio::time::Interval {
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    ticks
}
