//! The process around the gateway: listeners, the telemetry address, background work, and the way it stops.

use crate::callout::Callouts;
use crate::front;
use crate::installed::{Installed, LogSettings};
use crate::intake::{Caps, Listener};
use crate::key_sets::{self, KeySetReport, KeySets};
use crate::listeners::{Bound, Failing, ListenError, bind};
use crate::passwords::Passwords;
use crate::pool;
use crate::probes::Probes;
use crate::records::{Record, Records};
use crate::resolve::Resolver;
use crate::shared::Shared;
use crate::storms::{self, Storms};
use crate::turns::Turns;
use arc_swap::ArcSwap;
use async_trait::async_trait;
use engine::live::Live;
use engine::snapshot::Snapshot;
use limits::clock::Now;
use limits::shared::Charge;
use pingora::listeners::ListenerConfig;
use pingora::protocols::l4::stream::L4BufferSettings;
use pingora::server::configuration::ServerConf;
use pingora::server::{RunArgs, ShutdownSignal, ShutdownSignalWatch, ShutdownWatch};
use pingora::services::background::{BackgroundService, background_service};
use pingora::services::listening::Service;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Counters, SharedLimits};
use telemetry::access_log::AccessLog;
use telemetry::metrics::Metrics;
use telemetry::recent::Numbered;
use tokio::sync::{mpsc, oneshot};

/// What the process is started with; none of it changes while it runs.
#[derive(Clone, Debug)]
pub struct Settings {
    pub listeners: Vec<Listener>,
    pub telemetry: Option<SocketAddr>,
    /// Worker threads; none is one for each core.
    pub threads: Option<usize>,
    /// How long requests under way may take once the process is told to stop.
    pub drain: Duration,
}

/// What serves, put together by the program.
pub struct Parts {
    pub snapshot: Arc<Snapshot>,
    pub live: Arc<Live>,
    pub counters: Arc<Counters>,
    pub limits: Arc<SharedLimits>,
    pub metrics: Arc<Metrics>,
    pub access_log: LogSettings,
}

/// How the process is asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// No new connections; requests under way may end.
    Drain,
    Now,
}

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error(transparent)]
    Listen(#[from] ListenError),
    #[error("cannot open the access log")]
    AccessLog(#[source] io::Error),
}

/// A gateway that is ready to be served.
pub struct Server {
    shared: Arc<Shared>,
}

/// What reaches into a serving gateway.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

/// An access log that nobody writes to yet. Dropped, it is closed again.
pub struct OpenLog(Arc<AccessLog>);

impl Handle {
    /// Serves this snapshot from the next request on. Without a log of its own it writes to the one that is open.
    pub fn install(&self, snapshot: Arc<Snapshot>, log: Option<OpenLog>, now: Now) {
        self.shared.install(snapshot, log.map(|OpenLog(log)| log), now);
    }

    /// Notes that a new config was not taken.
    pub fn reload_refused(&self, now: Now) {
        self.shared.metrics.config_refused(now.unix_ms);
    }

    /// The config that serves, whole.
    #[must_use]
    pub fn snapshot(&self) -> Arc<Snapshot> {
        Arc::clone(&self.shared.installed.load().snapshot)
    }

    /// The config that serves.
    #[must_use]
    pub fn revision(&self) -> String {
        self.shared.installed.load().snapshot.revision.to_string()
    }

    /// Every provider's keys, as they stand.
    #[must_use]
    pub fn key_sets(&self, now: Now) -> Vec<KeySetReport> {
        key_sets::key_set_reports(&self.shared.installed.load().snapshot, now)
    }

    /// How much of a shared limit is used by the store's count; none if the store cannot be asked.
    pub async fn shared_used(&self, charge: Charge) -> Option<u64> {
        self.shared.limits.used(charge).await
    }

    /// The number of the newest record of what was refused or failed; 0 if there is none.
    #[must_use]
    pub fn records_last(&self) -> u64 {
        self.shared.records.last()
    }

    /// The records with numbers above `after`, up to `to`, in their order, as far as they are still kept.
    #[must_use]
    pub fn records(&self, after: u64, to: u64) -> Vec<Arc<Numbered<Record>>> {
        self.shared.records.between(after, to)
    }

    /// Opens another access log, for a snapshot that is to be installed.
    pub fn open_access_log(&self, settings: &LogSettings) -> io::Result<OpenLog> {
        settings.open(&self.shared.metrics).map(OpenLog)
    }

    pub fn reopen_logs(&self) {
        self.shared.installed.load().access_log.reopen();
    }

    /// Waits until the access log is written out.
    pub fn flush_logs(&self) {
        self.shared.installed.load().access_log.flush();
    }
}

impl Server {
    pub fn new(parts: Parts, now: Now) -> Result<Self, ServeError> {
        let Parts { snapshot, live, counters, limits, metrics, access_log } = parts;
        let resolver = Resolver::default();
        let log = access_log.open(&metrics).map_err(ServeError::AccessLog)?;
        metrics.config_loaded(&snapshot.revision, now.unix_ms);
        live.crowd.hold(snapshot.active_keys_max);
        let key_sets = KeySets::default();
        let stopping = Arc::new(AtomicBool::new(false));
        let installed = Installed::new(snapshot, log, &metrics, &resolver, &key_sets, Arc::clone(&stopping));
        let installed = ArcSwap::from_pointee(installed);
        let connections = Caps::new();
        let ready = AtomicBool::new(false);
        let storms = Storms::default();
        let shared = Shared {
            installs: AtomicU64::new(0),
            installed,
            live,
            counters,
            limits,
            metrics,
            resolver,
            key_sets,
            connections,
            pool: Arc::default(),
            storms,
            records: Records::default(),
            callouts: Callouts::default(),
            passwords: Passwords::default(),
            held_bodies: Arc::default(),
            reading_turns: Turns::default(),
            ready,
            stopping,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle { shared: Arc::clone(&self.shared) }
    }

    /// Serves until told to stop. `listening` is called when all listeners accept connections; `drained` when the last
    /// connection has ended after [`Stop::Drain`], if that is before the drain time is over.
    pub fn serve(
        self,
        settings: &Settings,
        stop: mpsc::Receiver<Stop>,
        listening: impl FnOnce() + Send + 'static,
        drained: impl Fn() + Send + Sync + 'static,
    ) -> Result<(), ServeError> {
        let addresses = settings.listeners.iter().map(|listener| listener.address);
        let sockets = bind(addresses.clone().chain(settings.telemetry))?;
        let failing = Arc::new(Failing::default());
        let mut server = pingora::server::Server::new_with_opt_and_conf(None, configuration(settings));
        server.bootstrap();
        let listeners = settings.listeners.clone().into();
        self.shared.pool.keep_at_most(KEPT_MAX.saturating_mul(server.configuration.threads));
        let mut service = front::service(&server.configuration, &self.shared, listeners);
        for address in addresses {
            service.add_listener(ListenerConfig::tcp(address.to_string()).l4_buffer(buffers()));
        }
        // The first request finds the limits that all nodes share, or a gateway that knows that it must do without.
        let (begin, may_begin) = oneshot::channel();
        server.add_service(Bound {
            service,
            sockets: Arc::clone(&sockets),
            failing: Arc::clone(&failing),
            may_begin: Some(may_begin),
        });
        if let Some(address) = &settings.telemetry {
            let app = pingora::apps::http_app::HttpServer::new_app(Probes { shared: Arc::clone(&self.shared) });
            let mut service = Service::new("telemetry".into(), app);
            service.threads = Some(1);
            service.add_tcp(&address.to_string());
            server.add_service(Bound { service, sockets, failing: Arc::clone(&failing), may_begin: None });
        }
        server.add_service(background_service(
            "background",
            Background {
                shared: Arc::clone(&self.shared),
                listening: Mutex::new(Some(Box::new(move || {
                    let _ = begin.send(());
                    listening();
                }))),
                drained: Box::new(drained),
            },
        ));
        let stop = tokio::sync::Mutex::new(stop);
        let signal = StopSignal { stop, shared: Arc::clone(&self.shared), failing: Arc::clone(&failing) };
        server.run(RunArgs { shutdown_signal: Box::new(signal) });
        self.shared.installed.load().access_log.flush();
        if failing.has_failed() { Err(ListenError::Lost.into()) } else { Ok(()) }
    }
}

/// Buffers of a client's connection. An answer's head and a body of usual size leave in one packet run and one system call: with
/// Pingora's own 1,460 bytes the limits in the head push the body into a second one. What is read goes to the intake's buffer, or to
/// that of a body.
fn buffers() -> L4BufferSettings {
    const READ_BYTES: usize = 0;
    const WRITE_BYTES: usize = 16 * 1024;
    L4BufferSettings::new(READ_BYTES, WRITE_BYTES)
}

/// Idle connections to upstreams, for each worker thread.
const KEPT_MAX: usize = 1024;

fn configuration(settings: &Settings) -> ServerConf {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    ServerConf {
        threads: settings.threads.unwrap_or(cores),
        grace_period_seconds: Some(settings.drain.as_secs()),
        graceful_shutdown_timeout_seconds: Some(1),
        // Counts attempts, not retries; a hook decides, this only bounds it.
        max_retries: 8,
        // Of the pool that is Pingora's, where connections go whose answers nobody has seen to their end.
        upstream_keepalive_pool_size: 64,
        ..ServerConf::default()
    }
}

/// Stops the server when the control thread says so.
struct StopSignal {
    stop: tokio::sync::Mutex<mpsc::Receiver<Stop>>,
    shared: Arc<Shared>,
    failing: Arc<Failing>,
}

#[async_trait]
impl ShutdownSignalWatch for StopSignal {
    async fn recv(&self) -> ShutdownSignal {
        let mut stop = self.stop.lock().await;
        let asked = tokio::select! {
            asked = stop.recv() => asked,
            () = self.failing.failed() => Some(Stop::Now),
        };
        self.shared.ready.store(false, Ordering::Relaxed);
        self.shared.stopping.store(true, Ordering::Relaxed);
        match asked {
            Some(Stop::Drain) => {
                tracing::info!(open = self.shared.connections.open(), "draining");
                ShutdownSignal::GracefulTerminate
            }
            Some(Stop::Now) | None => ShutdownSignal::FastShutdown,
        }
    }
}

type Listening = Box<dyn FnOnce() + Send>;

/// All periodic work, in one service: each has a thread of its own.
struct Background {
    shared: Arc<Shared>,
    listening: Mutex<Option<Listening>>,
    drained: Box<dyn Fn() + Send + Sync>,
}

/// Between two looks at whether something has come to pass.
const LOOK_INTERVAL: Duration = Duration::from_millis(10);

#[async_trait]
impl BackgroundService for Background {
    async fn start(&self, mut shutdown: ShutdownWatch) {
        // First: who is ready has its limits, or knows that it must do without.
        self.shared.limits.connect().await;
        let limits = tokio::spawn(Arc::clone(&self.shared.limits).run());
        // Ends with this service's runtime, fetches under way included.
        tokio::spawn(key_sets::keep(Arc::clone(&self.shared)));
        let shared = Arc::clone(&self.shared);
        tokio::spawn(async move { shared.resolver.keep().await });
        self.say_ready();
        let mut storms = tokio::time::interval(storms::SWEEP_INTERVAL);
        let mut pool = tokio::time::interval(pool::SWEEP_INTERVAL);
        loop {
            tokio::select! {
                _ = storms.tick() => self.shared.storms.sweep(limits::clock::now()),
                _ = pool.tick() => self.shared.pool.sweep(limits::clock::now()),
                _ = shutdown.changed() => break,
            }
        }
        let mut look = tokio::time::interval(LOOK_INTERVAL);
        while self.shared.connections.open() > 0 {
            tokio::select! {
                _ = look.tick() => {}
                // An upstream that stops at the same time waits for our end of its connections.
                _ = pool.tick() => self.shared.pool.sweep(limits::clock::now()),
            }
        }
        self.shared.limits.stop().await;
        limits.abort();
        self.shared.installed.load().access_log.flush();
        (self.drained)();
    }
}

impl Background {
    /// Every listener is bound, and what connects from now on is served.
    fn say_ready(&self) {
        self.shared.ready.store(true, Ordering::Relaxed);
        let listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listening) = listening {
            listening();
        }
    }
}
