//! What all requests share: the installed snapshot, the counters that outlive it, and where telemetry goes.

use crate::callout::Callouts;
use crate::held::HeldBodies;
use crate::installed::{Installed, LogSettings};
use crate::intake::Caps;
use crate::key_sets::KeySets;
use crate::passwords::Passwords;
use crate::phase::content::Turns;
use crate::records::Records;
use crate::resolve::Resolver;
use crate::storms::Storms;
use arc_swap::ArcSwap;
use engine::live::Live;
use engine::snapshot::Snapshot;
use limits::clock::Now;
use std::io;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use store::{Counters, SharedLimits};
use telemetry::access_log::AccessLog;
use telemetry::metrics::Metrics;

pub(crate) struct Shared {
    pub(crate) installed: ArcSwap<Installed>,
    pub(crate) live: Arc<Live>,
    pub(crate) counters: Arc<Counters>,
    /// Limits that all nodes share.
    pub(crate) limits: Arc<SharedLimits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) resolver: Resolver,
    pub(crate) key_sets: KeySets,
    /// Connections from clients, in all and by address.
    pub(crate) connections: Caps,
    /// Who loops on what was refused.
    pub(crate) storms: Storms,
    /// What was refused or failed lately.
    pub(crate) records: Records,
    pub(crate) callouts: Callouts,
    pub(crate) passwords: Passwords,
    /// Bodies that are being read.
    pub(crate) held_bodies: Arc<HeldBodies>,
    pub(crate) reading_turns: Turns,
    pub(crate) ready: AtomicBool,
    /// The access log that the next snapshot writes to.
    pub(crate) next_log: Mutex<Arc<AccessLog>>,
}

impl Shared {
    /// Serves this snapshot from the next request on. Requests under way keep theirs.
    pub(crate) fn install(&self, snapshot: Arc<Snapshot>, now: Now) {
        let revision = snapshot.revision.clone();
        self.live.crowd.hold(snapshot.active_keys_max);
        let log = Arc::clone(&self.next_log.lock().unwrap_or_else(PoisonError::into_inner));
        let installed = Installed::new(snapshot, log, &self.metrics, &self.resolver, &self.key_sets);
        self.installed.store(Arc::new(installed));
        self.key_sets.changed();
        self.metrics.config_loaded(&revision, now.unix_ms);
    }

    pub(crate) fn open_access_log(&self, settings: &LogSettings) -> io::Result<()> {
        let log = settings.open(&self.metrics)?;
        *self.next_log.lock().unwrap_or_else(PoisonError::into_inner) = log;
        Ok(())
    }
}
