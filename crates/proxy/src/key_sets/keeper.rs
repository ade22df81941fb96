//! The one task that keeps all sets fresh: it looks who is due, and each fetch is a task of its own, so that a provider that hangs
//! delays no other.

use super::fault::FetchFault;
use super::fetch::{Answer, fetch};
use super::{KeySets, Source, schedule};
use crate::resolve::Resolver;
use engine::policy::jwks::KeyFacts;
use engine::policy::jwks::remote::{Begin, Changes, FetchFailure};
use limits::clock::now;
use pingora::connectors::http::v1::Connector;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tracing::{error, info, warn};

/// Between two looks. Who waits for keys wakes the task at once; this is for a fetch that was asked for by a request which then got in
/// another way.
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
/// The same where nothing is fetched.
const IDLE_INTERVAL: Duration = Duration::from_secs(60);

/// Who has the sets that are to be kept, and what it takes to fetch them.
pub(crate) trait Keys: Send + Sync + 'static {
    /// Those of the config that is in force now.
    fn sources(&self) -> Vec<Arc<Source>>;
    fn key_sets(&self) -> &KeySets;
    fn resolver(&self) -> &Resolver;
}

/// Runs until it is dropped.
pub(crate) async fn keep(keys: Arc<impl Keys>) {
    let connector = Arc::new(Connector::new(None));
    let mut fetches = JoinSet::new();
    loop {
        let mut wait = IDLE_INTERVAL;
        for source in keys.sources() {
            wait = wait.min(LOOK_INTERVAL);
            source.watch_age();
            match source.remote.begin(now()) {
                Begin::Now => {
                    let under_way = UnderWay { source, has_ended: false };
                    fetches.spawn(under_way.run(Arc::clone(&keys), Arc::clone(&connector)));
                }
                Begin::Later(until) => wait = wait.min(until),
                Begin::UnderWay => {}
            }
        }
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = keys.key_sets().wake.notified() => {}
            Some(_) = fetches.join_next() => {}
        }
    }
}

/// A fetch that has begun. However it ends, it is said to have ended, or nobody would begin another.
struct UnderWay {
    source: Arc<Source>,
    has_ended: bool,
}

impl UnderWay {
    async fn run(mut self, keys: Arc<impl Keys>, connector: Arc<Connector>) {
        let source = &self.source;
        let rules = source.rules.load_full();
        let mut found = source.found.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let fetching = fetch(&rules, &connector, keys.resolver(), &mut found, now());
        let answer = tokio::time::timeout(rules.timeout, fetching).await.unwrap_or(Err(FetchFault::Timeout));
        self.has_ended = true;
        let found = if answer.is_ok() { found } else { found.after_failure() };
        *source.found.lock().unwrap_or_else(PoisonError::into_inner) = found;
        match answer {
            Ok(answer) => source.came(answer),
            Err(fault) => source.failed(&fault),
        }
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        if !self.has_ended {
            self.source.failed(&FetchFault::GivenUp);
        }
    }
}

impl Source {
    fn came(&self, answer: Answer) {
        let Answer { keys, lifetime } = answer;
        let notes = keys.notes().to_vec();
        let plan = schedule::after_success(&self.rules.load(), lifetime, chance());
        let Changes { appeared, vanished, recovered } = self.remote.succeeded(keys, plan, now());
        self.is_over.store(false, Ordering::Relaxed);
        self.ended.notify_waiters();
        let has_changed = !(appeared.is_empty() && vanished.is_empty());
        self.metrics.ended(if has_changed { "changed" } else { "unchanged" });
        let provider = &*self.provider;
        if let Some(FetchFailure { times, .. }) = recovered {
            info!(provider, failures = times, "key set fetched again");
        }
        for key in appeared.iter().map(Shown::of) {
            info!(provider, kid = key.kid, kind = key.kind, thumbprint = key.thumbprint, "signing key appeared");
        }
        for key in vanished.iter().map(Shown::of) {
            // Tokens signed with it are refused from now on.
            info!(provider, kid = key.kid, kind = key.kind, thumbprint = key.thumbprint, "signing key vanished");
        }
        self.note(notes);
    }

    /// Says once that the last good set is past its time.
    fn watch_age(&self) {
        let is_over = self.remote.has_come() && self.remote.serving(self.rules.load().stale_for, now()) == 0;
        if is_over && !self.is_over.swap(true, Ordering::Relaxed) {
            error!(provider = &*self.provider, "key set too old to be trusted: tokens get 503 until one is fetched");
        }
    }

    /// Said when it is new, not at every fetch.
    fn note(&self, notes: Vec<Box<str>>) {
        let mut told = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        for note in notes.iter().filter(|note| !told.contains(*note)) {
            warn!(provider = &*self.provider, note = &**note, "part of a key set is not used");
        }
        *told = notes;
    }

    fn failed(&self, fault: &FetchFault) {
        let why = fault.to_string();
        let before = self.remote.status(Duration::ZERO, now()).failure;
        let rules = self.rules.load();
        let next = |times| schedule::after_failure(&rules, times, chance());
        let FetchFailure { times, .. } = self.remote.failed(why.as_str().into(), next, now());
        self.ended.notify_waiters();
        self.metrics.ended(fault.word());
        let is_new = before.is_none_or(|before| *before.why != *why);
        if is_new {
            let (provider, from) = (&*self.provider, rules.place.text());
            if self.remote.has_come() {
                warn!(provider, from, why, failures = times, "key set not fetched, the last one serves while it may");
            } else {
                warn!(
                    provider,
                    from,
                    why,
                    failures = times,
                    "key set not fetched, and there is none yet: tokens get 503"
                );
            }
        }
    }
}

/// A key as a line of the log has it.
struct Shown<'k> {
    kid: Option<&'k str>,
    kind: &'static str,
    thumbprint: Option<String>,
}

impl<'k> Shown<'k> {
    fn of(facts: &'k KeyFacts) -> Self {
        let KeyFacts { kid, kind, algorithm: _, thumbprint } = facts;
        let thumbprint = thumbprint.map(|thumbprint| thumbprint.to_string());
        Self { kid: kid.as_deref(), kind: kind.name(), thumbprint }
    }
}

fn chance() -> u64 {
    u64::from_ne_bytes(telemetry::random::bytes())
}
