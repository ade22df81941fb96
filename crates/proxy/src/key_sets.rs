//! Key sets that are fetched: who keeps them fresh, who waits for one, and what the operator is told of them. What a set is good for
//! is the engine's to say; nothing here reads a token.

mod document;
mod fault;
mod fetch;
mod keeper;
mod schedule;
mod status;

pub(crate) use keeper::{Keys, keep};
pub use status::{KeySetReport, key_set_reports};

use arc_swap::ArcSwap;
use engine::names::Name;
use engine::policy::jwks::remote::RemoteKeys;
use engine::policy::jwks::source::{KeySource, ReadyWhen};
use engine::policy::jwt::{FetchedKeys, Provider};
use engine::rules::Auth;
use engine::snapshot::Snapshot;
use fetch::Found;
use limits::clock::Now;
use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::time::Duration;
use telemetry::metrics::{KeySetMetrics, Metrics};
use tokio::sync::Notify;

/// How long a request waits for keys that are on their way. As long as a slow handshake and a round trip or two take.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// Requests that wait for one provider's keys at once. More are told to come back, so that a provider that hangs holds nobody else up.
const WAITING_MAX: usize = 256;

/// All sets of the process, whatever config is installed.
#[derive(Default)]
pub(crate) struct KeySets {
    // std's Mutex: never held across an await.
    sources: Mutex<Vec<Weak<Source>>>,
    /// Something is to be fetched, or another config is installed.
    wake: Notify,
    /// Every set that readiness waits for has come once. It stays so: a reload must not take a gateway out of service.
    come: AtomicBool,
}

/// The set of one provider.
pub(crate) struct Source {
    provider: Name,
    remote: Arc<RemoteKeys>,
    rules: ArcSwap<KeySource>,
    metrics: KeySetMetrics,
    /// A fetch has ended.
    ended: Notify,
    waiting: AtomicUsize,
    /// The set is too old, and that was said.
    is_over: AtomicBool,
    // std's Mutex: never held across an await.
    found: Mutex<Found>,
    /// What was last said of the set's entries.
    notes: Mutex<Vec<Box<str>>>,
}

impl KeySets {
    /// The sets that a config uses, by the place of their provider. What was fetched for them before stays.
    pub(crate) fn of(&self, snapshot: &Snapshot, metrics: &Metrics) -> Vec<Option<Arc<Source>>> {
        let used = used(snapshot);
        let mut known = self.sources.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|source| source.strong_count() > 0);
        let providers = snapshot.providers.iter().enumerate();
        let sources = providers.map(|(place, provider)| {
            let fetched = provider.keys().fetched.as_ref().filter(|_| used.contains(&place))?;
            let same = |source: &Arc<Source>| Arc::ptr_eq(&source.remote, &fetched.remote);
            if let Some(source) = known.iter().filter_map(Weak::upgrade).find(same) {
                source.rules.store(Arc::new(fetched.source.clone()));
                return Some(source);
            }
            let source = Arc::new(Source::new(provider, fetched, metrics));
            known.push(Arc::downgrade(&source));
            Some(source)
        });
        sources.collect()
    }

    /// Another config is installed: what it fetches anew is due at once.
    pub(crate) fn changed(&self) {
        self.wake.notify_one();
    }

    /// Waits until what is on its way has come, but not for long. Comes back at once if too many wait already.
    pub(crate) async fn wait_for(&self, sources: impl Iterator<Item = &Arc<Source>>) {
        self.wake.notify_one();
        let all = async {
            for source in sources {
                source.fetched().await;
            }
        };
        // Who has waited in vain is told to come back.
        tokio::time::timeout(WAIT_MAX, all).await.ok();
    }

    /// The providers whose first set has not come and is waited for; none once all had come.
    pub(crate) fn awaited<'s>(&self, sources: impl Iterator<Item = &'s Arc<Source>>) -> Vec<Name> {
        if self.come.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let gates = |source: &&Arc<Source>| source.rules.load().ready == ReadyWhen::Fetched;
        let awaited: Vec<Name> = sources
            .filter(gates)
            .filter(|source| !source.remote.has_come())
            .map(|source| source.provider.clone())
            .collect();
        self.come.store(awaited.is_empty(), Ordering::Relaxed);
        awaited
    }
}

impl Source {
    fn new(provider: &Provider, fetched: &FetchedKeys, metrics: &Metrics) -> Self {
        Self {
            provider: provider.name().clone(),
            remote: Arc::clone(&fetched.remote),
            rules: ArcSwap::from_pointee(fetched.source.clone()),
            metrics: metrics.key_set(provider.name()),
            ended: Notify::new(),
            waiting: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            found: Mutex::default(),
            notes: Mutex::default(),
        }
    }

    /// Until no fetch is ordered or under way; at once if too many wait.
    async fn fetched(&self) {
        let Some(_place) = Place::take(&self.waiting) else { return };
        loop {
            // Before the look, so that an end in between is not missed.
            let ended = self.ended.notified();
            if !self.remote.is_coming() {
                return;
            }
            ended.await;
        }
    }

    /// Brings the metrics up to date, for a scrape.
    pub(crate) fn show(&self, now: Now) {
        let stale_for = self.rules.load().stale_for;
        let (unknown, suppressed) = self.remote.counts();
        let fetched = self.remote.fetched_unix_ms().unwrap_or(0);
        self.metrics.show(fetched, self.remote.serving(stale_for, now), unknown, suppressed);
    }
}

/// Room for one that waits.
struct Place<'s>(&'s AtomicUsize);

impl<'s> Place<'s> {
    fn take(waiting: &'s AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        // The place that is too much goes back at once.
        (waiting.fetch_add(1, Ordering::Relaxed) < WAITING_MAX).then_some(place)
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The providers that some route asks, by their place.
fn used(snapshot: &Snapshot) -> HashSet<usize> {
    let mut used = HashSet::new();
    for route in &snapshot.routes {
        ask(&route.rules.auth, &mut used);
    }
    used
}

fn ask(auth: &Auth, used: &mut HashSet<usize>) {
    match auth {
        Auth::Open | Auth::ApiKey | Auth::Basic | Auth::Forward(_) => {}
        Auth::Jwt { provider, scopes: _ } => drop(used.insert(*provider)),
        Auth::Any(ways) | Auth::All(ways) => ways.iter().for_each(|way| ask(way, used)),
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, WAITING_MAX};
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn only_so_many_wait_at_once_and_each_place_comes_back() {
        let waiting = AtomicUsize::new(0);
        let taken: Vec<_> = (0..WAITING_MAX).map(|_| Place::take(&waiting).unwrap()).collect();
        assert!(Place::take(&waiting).is_none());
        assert_eq!(waiting.load(Ordering::Relaxed), WAITING_MAX);
        drop(taken);
        assert_eq!(waiting.load(Ordering::Relaxed), 0);
        assert!(Place::take(&waiting).is_some());
    }
}
