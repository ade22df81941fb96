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
use std::sync::{Arc, Mutex, PoisonError};
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
    /// What the process was started with; the cold parts must stay the same. Also makes reloads take turns.
    pub(crate) started: Mutex<Process>,
}

impl Reloader {
    pub(crate) fn reload(&self, asked_by: &str) -> Verdict {
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
        let log = log_settings(&config.process);
        if log_settings(&started) != log {
            match self.handle.open_access_log(&log) {
                Ok(()) => {}
                Err(error) => return refuse(format!("{diagnostics}error: the access log cannot be opened: {error}\n")),
            }
        }
        if let Err(failure) = self.quotas.make_ready_for(&config.snapshot) {
            return refuse(format!("{diagnostics}error: {}\n", chain(&failure)));
        }
        let revision = config.snapshot.revision.to_string();
        self.handle.install(Arc::new(config.snapshot), now());
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
    let Process { listeners, telemetry, threads, drain, state_dir, access_log: _, access_log_sample: _ } = old;
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
    } else {
        None
    }
}
