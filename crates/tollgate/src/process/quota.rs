//! The counts of quotas as the process has them: opened when a config first asks for quotas, told about in log and metrics, closed at
//! the end. What can be asked about them over the control socket is in [`desk`].

pub(crate) mod desk;
pub(crate) mod question;
mod shared;

use crate::failure::{Failure, chain};
use engine::snapshot::Snapshot;
use limits::clock::now;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::Counters;
use store::disk::{Disk, Event, FLUSH_INTERVAL, Keeper};
use telemetry::metrics::{Metrics, StoreError};
use tracing::{error, info, warn};

/// Quota counters kept at once: callers times quotas.
const COUNTERS_MAX: usize = 1_000_000;
/// For the last counts to be written, or those of a reset. A disk that takes longer does not keep the process from its end.
const WRITE_TIMEOUT: Duration = Duration::from_secs(5);

pub(crate) struct QuotaStore {
    pub(crate) counters: Arc<Counters>,
    metrics: Arc<Metrics>,
    /// None keeps counts in memory only.
    folder: Option<PathBuf>,
    // std's Mutex: held while the file is opened, at the start or in a reload.
    keeper: Mutex<Option<Arc<Keeper>>>,
}

impl QuotaStore {
    /// With the file in `folder`, should a config need it.
    pub(crate) fn new(folder: Option<PathBuf>, metrics: Arc<Metrics>) -> Self {
        let counters = match folder {
            Some(_) => Counters::journaled(COUNTERS_MAX),
            None => Counters::embedded(COUNTERS_MAX),
        };
        Self { counters: Arc::new(counters), metrics, folder, keeper: Mutex::new(None) }
    }

    /// Opens the file if this config has quotas and nothing has opened it yet. Once open it stays: a config without quotas is no
    /// reason to forget what was used.
    pub(crate) fn make_ready_for(&self, snapshot: &Snapshot) -> Result<(), Failure> {
        let mut keeper = self.keeper.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(folder) = self.folder.as_ref().filter(|_| keeper.is_none() && snapshot.has_quotas()) else {
            return Ok(());
        };
        let failed = |error| Failure::QuotaStore(error);
        let counts = Arc::clone(self.counters.counts());
        let (disk, opened) = Disk::open(folder, counts, now()).map_err(|error| failed(Box::new(error)))?;
        if let Some(set_aside) = opened.set_aside {
            self.metrics.store_failed(StoreError::Damaged);
            error!(
                setAside = %set_aside.to.display(),
                because = set_aside.because,
                "the file of quota counts is damaged: it was set aside, counts begin at zero"
            );
        }
        self.metrics.quota_counters(self.counters.len());
        info!(path = %disk.path().display(), counts = opened.counts, "quota counts go on");
        let teller = Teller { metrics: Arc::clone(&self.metrics), counters: Arc::clone(&self.counters) };
        let started = Keeper::start(disk, FLUSH_INTERVAL, move |event| teller.tell(event));
        *keeper = Some(Arc::new(started.map_err(|error| failed(Box::new(error)))?));
        Ok(())
    }

    /// Whether all that was counted up to now is on the disk, or has none to be on.
    pub(crate) fn flush(&self) -> bool {
        self.keeper().is_none_or(|keeper| keeper.flush(WRITE_TIMEOUT))
    }

    /// The last act of the process. What is counted after it is lost.
    pub(crate) fn close(&self) {
        if !self.keeper().is_none_or(|keeper| keeper.close(WRITE_TIMEOUT)) {
            error!("the last quota counts could not be written");
        }
    }

    fn keeper(&self) -> Option<Arc<Keeper>> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Log and metrics. One line for a row of failures, one for its end.
struct Teller {
    metrics: Arc<Metrics>,
    counters: Arc<Counters>,
}

impl Teller {
    fn tell(&self, event: Event) {
        match event {
            Event::Written => self.metrics.quota_counters(self.counters.len()),
            Event::Failed { fault, first } => {
                self.metrics.store_failed(StoreError::Write);
                if first {
                    error!(
                        error = chain(&fault),
                        "quota counts cannot be written; they go on in memory, and it is tried again"
                    );
                }
            }
            Event::Recovered { after } => {
                info!(afterSeconds = after.as_secs(), "quota counts are written again, none was lost");
            }
            Event::Slow { unwritten, first } => {
                self.metrics.store_failed(StoreError::Slow);
                if first {
                    let ms = u64::try_from(unwritten.as_millis()).unwrap_or(u64::MAX);
                    warn!(
                        unwrittenMs = ms,
                        "the disk is slow: a crash now would lose more than a second of quota counts"
                    );
                }
            }
            Event::SetAside(set_aside) => {
                self.metrics.store_failed(StoreError::Damaged);
                error!(
                    setAside = %set_aside.to.display(),
                    because = set_aside.because,
                    "the file of quota counts is damaged: it was set aside and is written anew from memory"
                );
            }
            Event::WasGone => {
                self.metrics.store_failed(StoreError::Gone);
                error!("the file of quota counts was removed or replaced; it is written anew from memory");
            }
        }
    }
}
