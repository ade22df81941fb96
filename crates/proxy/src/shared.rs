//! What all requests share: the installed snapshot, the counters that outlive it, and where telemetry goes.

use crate::callout::Callouts;
use crate::held::HeldBodies;
use crate::installed::Installed;
use crate::intake::Caps;
use crate::key_sets::{KeySets, Keys, Source};
use crate::passwords::Passwords;
use crate::pool::Pool;
use crate::records::Records;
use crate::resolve::Resolver;
use crate::storms::Storms;
use crate::turns::Turns;
use arc_swap::ArcSwap;
use engine::live::Live;
use engine::snapshot::Snapshot;
use limits::clock::Now;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use store::{Counters, SharedLimits};
use telemetry::access_log::AccessLog;
use telemetry::metrics::Metrics;

pub(crate) struct Shared {
    pub(crate) installed: ArcSwap<Installed>,
    /// How often another snapshot was installed: for whoever keeps some of it.
    pub(crate) installs: AtomicU64,
    pub(crate) live: Arc<Live>,
    pub(crate) counters: Arc<Counters>,
    /// Limits that all nodes share.
    pub(crate) limits: Arc<SharedLimits>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) resolver: Resolver,
    pub(crate) key_sets: KeySets,
    /// Connections from clients, in all and by address.
    pub(crate) connections: Caps,
    /// Connections to upstreams that serve nobody at the moment.
    pub(crate) pool: Arc<Pool>,
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
    /// Each installed snapshot has it, too, for who answers a request.
    pub(crate) stopping: Arc<AtomicBool>,
}

impl Shared {
    /// Serves this snapshot from the next request on, and writes to that log, or else to the same as before. Requests under way keep
    /// theirs.
    pub(crate) fn install(&self, snapshot: Arc<Snapshot>, log: Option<Arc<AccessLog>>, now: Now) {
        let revision = snapshot.revision.clone();
        self.live.crowd.hold(snapshot.active_keys_max);
        let log = log.unwrap_or_else(|| Arc::clone(&self.installed.load().access_log));
        let stopping = Arc::clone(&self.stopping);
        let installed = Installed::new(snapshot, log, &self.metrics, &self.resolver, &self.key_sets, stopping);
        self.installed.store(Arc::new(installed));
        self.installs.fetch_add(1, Ordering::Release);
        self.key_sets.changed();
        self.metrics.config_loaded(&revision, now.unix_ms);
    }
}

impl Keys for Shared {
    fn sources(&self) -> Vec<Arc<Source>> {
        self.installed.load().key_sources().cloned().collect()
    }

    fn key_sets(&self) -> &KeySets {
        &self.key_sets
    }

    fn resolver(&self) -> &Resolver {
        &self.resolver
    }
}
