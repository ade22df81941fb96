//! Names of endpoints to addresses: asked again and again while running, the last good answer stays in use. A dead name never
//! keeps a config from loading; it only keeps its own endpoint from being reached.
//!
//! The system's resolver takes a thread for as long as a name server is silent. So there is one question at a time for a name, few at
//! once for all names, and a request waits for the first answer only: where a name has failed, the keeper asks on, and requests are told
//! at once.

use arc_swap::ArcSwap;
use engine::names::Name;
use limits::cursor::Cursor;
use std::collections::HashMap;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _};
use std::pin::pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use tracing::{info, warn};

/// Between an answer and the next question for the same name, and the most between two questions that fail.
const REFRESH_INTERVAL: Duration = Duration::from_secs(10);
/// Between the first failure and the next question; doubled with each further one.
const RETRY_INTERVAL: Duration = Duration::from_secs(1);
/// Between two looks at which names are due.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// For one answer. Nobody waits longer.
pub(crate) const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
/// Questions under way at once, each in a thread of its own. One that is out of time counts until its thread is free.
const QUESTIONS_MAX: usize = 16;
/// Addresses of one name that are used.
const ADDRESSES_MAX: usize = 64;

type Ask = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// Where questions go: in the end to the system's resolver.
struct Desk {
    ask: Box<Ask>,
    turns: Arc<Semaphore>,
    patience: Duration,
}

/// One name and where it points now.
pub(crate) struct Resolved {
    host: Name,
    port: u16,
    addresses: ArcSwap<Vec<SocketAddr>>,
    cursor: Cursor,
    // std's Mutex: never held across an await.
    inquiry: Mutex<Inquiry>,
    /// A question has come to something.
    told: Notify,
    desk: Arc<Desk>,
}

/// How the questions for a name went.
struct Inquiry {
    is_under_way: bool,
    due: Instant,
    /// In a row, up to now.
    failures: u32,
    /// What the log was told of them.
    complaint: Option<String>,
}

impl Inquiry {
    /// Whether the log has not heard of it yet.
    fn failed(&mut self, why: &str, now: Instant) -> bool {
        let doubled = RETRY_INTERVAL.saturating_mul(1 << self.failures.min(10));
        self.due = now + doubled.min(REFRESH_INTERVAL);
        self.failures = self.failures.saturating_add(1);
        let is_news = self.complaint.as_deref() != Some(why);
        if is_news {
            self.complaint = Some(why.to_owned());
        }
        is_news
    }

    /// Whether the log has heard of failures.
    fn came(&mut self, now: Instant) -> bool {
        self.due = now + REFRESH_INTERVAL;
        self.failures = 0;
        self.complaint.take().is_some()
    }
}

impl Resolved {
    /// The next address in turn. Where there has been no answer yet, the first one is waited for, `within` at most.
    pub(crate) async fn address(self: &Arc<Self>, within: Duration) -> Option<SocketAddr> {
        match self.next() {
            Some(address) => Some(address),
            // Boxed: hardly any request waits.
            None => Box::pin(self.first_address(within)).await,
        }
    }

    fn next(&self) -> Option<SocketAddr> {
        let addresses = self.addresses.load();
        let turn = self.cursor.turn().checked_rem(addresses.len())?;
        addresses.get(turn).copied()
    }

    async fn first_address(self: &Arc<Self>, within: Duration) -> Option<SocketAddr> {
        let mut told = pin!(self.told.notified());
        told.as_mut().enable();
        {
            let mut inquiry = self.inquiry();
            if inquiry.failures > 0 {
                return self.next();
            }
            self.begin(&mut inquiry);
        }
        // An answer in the meantime rang before anybody listened.
        if let Some(address) = self.next() {
            return Some(address);
        }
        let _ = tokio::time::timeout(within.min(self.desk.patience), told).await;
        self.next()
    }

    fn inquiry(&self) -> MutexGuard<'_, Inquiry> {
        self.inquiry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin(self: &Arc<Self>, inquiry: &mut Inquiry) {
        if !std::mem::replace(&mut inquiry.is_under_way, true) {
            tokio::spawn(Arc::clone(self).question());
        }
    }

    async fn question(self: Arc<Self>) {
        let mut answer = pin!(self.answer());
        match tokio::time::timeout(self.desk.patience, &mut answer).await {
            Ok(Ok(addresses)) => self.came(addresses),
            Ok(Err(error)) => self.failed(&error.to_string()),
            Err(_elapsed) => {
                self.failed(&format!("no answer within {:?}", self.desk.patience));
                // Its thread still waits. That it fails in the end is no news.
                if let Ok(addresses) = answer.await {
                    self.came(addresses);
                }
            }
        }
        self.inquiry().is_under_way = false;
    }

    async fn answer(&self) -> io::Result<Vec<SocketAddr>> {
        let turn = Arc::clone(&self.desk.turns).acquire_owned().await.map_err(io::Error::other)?;
        let (desk, host, port) = (Arc::clone(&self.desk), self.host.clone(), self.port);
        let asking = tokio::task::spawn_blocking(move || {
            let answer = (desk.ask)(&host, port);
            drop(turn);
            answer
        });
        let mut addresses = asking.await.map_err(io::Error::other)??;
        addresses.truncate(ADDRESSES_MAX);
        addresses.sort_unstable();
        addresses.dedup();
        if addresses.is_empty() { Err(io::Error::other("the name has no address")) } else { Ok(addresses) }
    }

    fn came(&self, addresses: Vec<SocketAddr>) {
        if **self.addresses.load() != addresses {
            self.addresses.store(Arc::new(addresses));
        }
        if self.inquiry().came(Instant::now()) {
            info!(name = %self.host, "endpoint name resolved again");
        }
        self.told.notify_waiters();
    }

    fn failed(&self, why: &str) {
        if self.inquiry().failed(why, Instant::now()) {
            let meanwhile = if self.addresses.load().is_empty() {
                "requests for it get 502"
            } else {
                "the last answer stays in use"
            };
            warn!(name = %self.host, why, meanwhile, "endpoint name not resolved");
        }
        self.told.notify_waiters();
    }
}

/// The names in use. A name that no config holds any more is dropped.
pub(crate) struct Resolver {
    // std's Mutex: never held across an await.
    names: Mutex<HashMap<(Name, u16), Weak<Resolved>>>,
    desk: Arc<Desk>,
}

impl Default for Resolver {
    fn default() -> Self {
        let ask = |host: &str, port: u16| Ok((host, port).to_socket_addrs()?.collect());
        Self::new(Desk { ask: Box::new(ask), turns: Arc::new(Semaphore::new(QUESTIONS_MAX)), patience: ANSWER_TIMEOUT })
    }
}

impl Resolver {
    fn new(desk: Desk) -> Self {
        Self { names: Mutex::default(), desk: Arc::new(desk) }
    }

    pub(crate) fn name(&self, host: &Name, port: u16) -> Arc<Resolved> {
        let mut names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
        names.retain(|_, resolved| resolved.strong_count() > 0);
        if let Some(resolved) = names.get(&(host.clone(), port)).and_then(Weak::upgrade) {
            return resolved;
        }
        let inquiry = Inquiry { is_under_way: false, due: Instant::now(), failures: 0, complaint: None };
        let resolved = Arc::new(Resolved {
            host: host.clone(),
            port,
            addresses: ArcSwap::from_pointee(Vec::new()),
            cursor: Cursor::default(),
            inquiry: Mutex::new(inquiry),
            told: Notify::new(),
            desk: Arc::clone(&self.desk),
        });
        names.insert((host.clone(), port), Arc::downgrade(&resolved));
        resolved
    }

    /// Asks for each name when it is due. Runs until it is dropped.
    pub(crate) async fn keep(&self) {
        let mut looks = tokio::time::interval(LOOK_INTERVAL);
        loop {
            let now = looks.tick().await;
            self.look(now);
        }
    }

    fn look(&self, now: Instant) {
        let names: Vec<Arc<Resolved>> = {
            let names = self.names.lock().unwrap_or_else(PoisonError::into_inner);
            names.values().filter_map(Weak::upgrade).collect()
        };
        for name in names {
            let mut inquiry = name.inquiry();
            if inquiry.due <= now {
                name.begin(&mut inquiry);
            }
        }
    }
}

#[cfg(test)]
mod tests;
