//! From a config file to a serving gateway.

use super::control::{Control, SOCKET};
use super::reload::Reloader;
use crate::commands::{Failure, load, output};
use config::Process;
use engine::live::Live;
use limits::clock::now;
use proxy::{Parts, Server, Settings};
use std::io::IsTerminal as _;
use std::path::Path;
use std::sync::{Arc, Mutex};
use store::Counters;
use telemetry::metrics::Metrics;
use tracing::info;

/// Quota counters kept at once: callers times quotas.
const COUNTERS_MAX: usize = 1_000_000;

/// Serves that config until a signal. `listening` is called once, when the gateway accepts connections.
pub(crate) fn serve(path: &Path, listening: impl FnOnce(&Process) + Send + 'static) -> Result<(), Failure> {
    telemetry::logging::init(if std::io::stderr().is_terminal() {
        telemetry::logging::Format::Text
    } else {
        telemetry::logging::Format::Json
    });
    // Before anything that takes time: an early SIGHUP must not end the process.
    let mut control = Control::start().map_err(|error| Failure::Start(Box::new(error)))?;
    let live = Arc::new(Live::new());
    let config = load(path, &live)?;
    let metrics = Metrics::new(env!("CARGO_PKG_VERSION")).map_err(|error| Failure::Start(Box::new(error)))?;
    let process = config.process;
    let server = Server::new(
        Parts {
            snapshot: Arc::new(config.snapshot),
            live: Arc::clone(&live),
            counters: Arc::new(Counters::embedded(COUNTERS_MAX)),
            metrics: Arc::new(metrics),
            access_log: process.access_log.clone(),
        },
        now(),
    )
    .map_err(|error| Failure::Start(Box::new(error)))?;
    let settings = Settings {
        listeners: process.listeners.clone(),
        telemetry: process.telemetry,
        threads: process.threads,
        drain: process.drain,
    };
    let reloader = Reloader {
        path: path.to_owned(),
        live,
        handle: server.handle(),
        started: Mutex::new(process.clone()),
    };
    let Some(stop) = control.stop() else {
        return Err(Failure::Usage("the control thread has no end".into()));
    };
    control.begin(reloader, Some(process.state_dir.join(SOCKET)));
    let socket = process.state_dir.join(SOCKET);
    let served = server.serve(&settings, stop, move || {
        info!(listeners = ?process.listeners, telemetry = ?process.telemetry, "serving");
        listening(&process);
    });
    // Best effort: a socket that is left behind is replaced by the next start.
    let _ = std::fs::remove_file(socket);
    served.map_err(|error| {
        output::note("");
        Failure::Start(Box::new(error))
    })
}
