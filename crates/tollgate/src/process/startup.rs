//! From a config file to a serving gateway.

use super::access_log::log_settings;
use super::control::Control;
use super::quota::QuotaStore;
use super::reload::Reloader;
use super::shared_limits::shared_limits;
use super::socket::Socket;
use crate::failure::Failure;
use crate::origin::Origin;
use config::Process;
use engine::live::Live;
use limits::clock::now;
use proxy::{Listener, Parts, Server, Settings};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use telemetry::metrics::Metrics;
use tracing::info;

/// Where the control socket is, and whether the process keeps the counts of quotas beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ControlSocket {
    /// In `server.stateDir`, with the counts.
    InStateDir,
    /// In a folder that was made for it, and is removed at the end. Counts are in memory only.
    InItsOwn(PathBuf),
}

/// Takes over log and signals. Before anything that takes time, opening the config included: an early SIGHUP must not end the
/// process.
pub(crate) fn take_over() -> Result<Control, Failure> {
    let logging = telemetry::logging::init(telemetry::logging::Format::Auto, proxy::LOG_FILTER);
    logging.map_err(|error| Failure::Start(Box::new(error)))?;
    Control::start().map_err(|error| Failure::Start(Box::new(error)))
}

/// Serves that config until a signal. `listening` is called once, when the gateway accepts connections.
pub(crate) fn serve(
    mut control: Control,
    origin: Origin,
    control_socket: ControlSocket,
    listening: impl FnOnce(&Process) + Send + 'static,
) -> Result<(), Failure> {
    let start = |error| Failure::Start(error);
    let live = Arc::new(Live::new());
    let config = origin.load_or_tell(&live)?;
    let metrics = Arc::new(Metrics::new(env!("CARGO_PKG_VERSION")).map_err(|error| start(Box::new(error)))?);
    let process = config.process;
    let (socket, state_dir) = match control_socket {
        ControlSocket::InStateDir => (Socket::in_state_dir(&process.state_dir), Some(process.state_dir.clone())),
        ControlSocket::InItsOwn(folder) => (Socket::in_its_own(&folder), None),
    };
    let socket = Arc::new(socket);
    let quotas = Arc::new(QuotaStore::new(state_dir, Arc::clone(&metrics)));
    quotas.make_ready_for(&config.snapshot)?;
    let parts = Parts {
        snapshot: Arc::new(config.snapshot),
        live: Arc::clone(&live),
        counters: Arc::clone(&quotas.counters),
        limits: Arc::new(shared_limits(&process, &metrics)),
        metrics,
        access_log: log_settings(&process),
    };
    let server = Server::new(parts, now()).map_err(|error| start(Box::new(error)))?;
    let settings = Settings {
        listeners: process.listeners.iter().map(|it| Listener { address: it.address, http2: it.http2 }).collect(),
        telemetry: process.telemetry,
        threads: process.threads,
        drain: process.drain,
    };
    let Some(stop) = control.stop() else { return Err(Failure::Usage("the control thread has no end".into())) };
    let reloader = Reloader {
        origin,
        live,
        handle: server.handle(),
        quotas: Arc::clone(&quotas),
        started: Mutex::new(process.clone()),
        turn: Arc::default(),
    };
    control.begin(reloader, Arc::clone(&socket));
    let (leftover, last_counts) = (Arc::clone(&socket), Arc::clone(&quotas));
    let ended = server.serve(
        &settings,
        stop,
        move || {
            let listeners: Vec<_> = process.listeners.iter().map(|listener| listener.address).collect();
            info!(?listeners, telemetry = ?process.telemetry, "serving");
            listening(&process);
        },
        // Drained before the time was over: Pingora would sleep through the rest of it.
        move || {
            last_counts.close();
            leftover.remove();
            std::process::exit(0);
        },
    );
    quotas.close();
    socket.remove();
    ended.map_err(|error| start(Box::new(error)))
}
