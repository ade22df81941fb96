//! Reload: the whole file or nothing. A bad file leaves the old one serving and says why, in the log, in a metric and to whoever
//! asked.

use super::access_log::log_settings;
use super::quota::QuotaStore;
use crate::failure::chain;
use crate::origin::Origin;
use config::{Format, Process};
use engine::live::Live;
use limits::clock::now;
use proxy::Handle;
use serde::{Deserialize, Serialize};
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Notify;
use tracing::{error, info};

/// What became of a reload.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Verdict {
    pub(crate) loaded: bool,
    /// The config that serves now.
    pub(crate) revision: String,
    /// As `tollgate check` prints them.
    pub(crate) diagnostics: String,
}

impl Verdict {
    pub(crate) const fn refused(diagnostics: String) -> Self {
        Self { loaded: false, revision: String::new(), diagnostics }
    }
}

pub(crate) struct Reloader {
    pub(crate) origin: Origin,
    pub(crate) live: Arc<Live>,
    pub(crate) handle: Handle,
    pub(crate) quotas: Arc<QuotaStore>,
    /// What the process was started with; the cold parts must stay the same.
    pub(crate) started: Mutex<Process>,
    pub(crate) turn: Arc<tokio::sync::Mutex<()>>,
}

/// Reloads whenever that is asked for, as signals do.
pub(super) async fn keep_reloading(reloader: Arc<Reloader>, asked: Arc<Notify>) {
    loop {
        asked.notified().await;
        if let Err(error) = reloader.reload("SIGHUP").await {
            error!(%error, "the reload broke off, the old config keeps serving");
        }
    }
}

impl Reloader {
    /// On a thread of its own, which waits for as long as a file lets it wait. They take turns: there is one such thread.
    pub(crate) async fn reload(self: &Arc<Self>, asked_by: &'static str) -> io::Result<Verdict> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        let reloader = Arc::clone(self);
        let reloading = tokio::task::spawn_blocking(move || {
            let verdict = reloader.reload_here(asked_by);
            drop(turn);
            verdict
        });
        reloading.await.map_err(io::Error::other)
    }

    fn reload_here(&self, asked_by: &str) -> Verdict {
        let mut started = self.started.lock().unwrap_or_else(PoisonError::into_inner);
        let loaded = self.origin.load(&self.live);
        let diagnostics = loaded.render(Format::Text { colour: false });
        let refuse = |diagnostics: String| {
            let revision = self.handle.revision();
            error!(asked_by, serving = %revision, diagnostics, "config not loaded, the old one keeps serving");
            self.handle.reload_refused(now());
            Verdict { loaded: false, revision, diagnostics }
        };
        let Some(config) = loaded.config else { return refuse(diagnostics) };
        if let Some(change) = cold_change(&started, &config.process) {
            return refuse(format!(
                "{diagnostics}error: {change} cannot change while the gateway runs\n  help: restart it\n"
            ));
        }
        let settings = log_settings(&config.process);
        let log = if log_settings(&started) == settings {
            Ok(None)
        } else {
            self.handle.open_access_log(&settings).map(Some)
        };
        let log = match log {
            Ok(log) => log,
            Err(error) => return refuse(format!("{diagnostics}error: the access log cannot be opened: {error}\n")),
        };
        if let Err(failure) = self.quotas.make_ready_for(&config.snapshot) {
            return refuse(format!("{diagnostics}error: {}\n", chain(&failure)));
        }
        let revision = config.snapshot.revision.to_string();
        self.handle.install(Arc::new(config.snapshot), log, now());
        *started = config.process;
        info!(asked_by, revision, "config loaded");
        Verdict { loaded: true, revision, diagnostics }
    }

    pub(crate) fn reopen_logs(&self) {
        self.handle.reopen_logs();
    }
}

/// The first key whose change needs a new process.
fn cold_change(old: &Process, new: &Process) -> Option<&'static str> {
    // Without `..`: a new setting has to say whether it is hot.
    let Process { listeners, telemetry, threads, drain, state_dir, access_log: _, access_log_sample: _, store } = old;
    if *listeners != new.listeners {
        Some("listeners")
    } else if *telemetry != new.telemetry {
        Some("telemetry.address")
    } else if *threads != new.threads {
        Some("server.threads")
    } else if *drain != new.drain {
        Some("server.drain")
    } else if *state_dir != new.state_dir {
        Some("server.stateDir")
    } else if *store != new.store {
        Some("store")
    } else {
        None
    }
}
