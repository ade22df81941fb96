//! The real program, started for one test: a config with free addresses filled in, its log, its metrics, its reloads. Ends with the
//! handle; a failing test shows what the program said.

#![expect(clippy::panic, reason = "a broken expectation ends the test")]

mod config;
mod process;
mod request;
mod scrape;

pub use nix::sys::signal::Signal;
pub use request::GatewayRequest;

use crate::client::{Client, DEADLINE, Response};
use crate::http2;
use crate::upstream::Upstream;
use config::{Places, Protocols};
use process::{Directory, Process};
use scrape::Scrape;
use serde_json::Value;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How often a state of the program is looked at while waiting for it to change.
const POLL: Duration = Duration::from_millis(10);
/// The program has so long to begin or end; longer than a request, as machines with eight compilers on them are slow.
const PROCESS_DEADLINE: Duration = Duration::from_secs(30);
/// Another process may take a free port before the program does.
const STARTS_MAX: usize = 3;

/// A gateway in the making: `binary` is the program (`env!("CARGO_BIN_EXE_tollgate")`), `config` its config.
///
/// Filled in are `{{listen}}`, `{{telemetry}}`, `{{admin}}` (free addresses; `{{listen2}}` and so on give more), `{{upstream}}`,
/// `{{upstream2}}` … (those that were handed over, in their order), `{{accessLog}}` (the file that [`Gateway::log_line`] reads) and
/// `{{dir}}` (an empty directory). A config that says nothing of `version`, `listeners`, `telemetry` or `accessLog` gets what tests need.
#[must_use]
pub fn gateway(binary: impl Into<PathBuf>, config: &str) -> Builder {
    Builder {
        binary: binary.into(),
        config: config.to_owned(),
        upstreams: Vec::new(),
        files: Vec::new(),
        variables: Vec::new(),
        protocols: Protocols::Http1,
    }
}

/// See [`gateway`].
pub struct Builder {
    binary: PathBuf,
    config: String,
    upstreams: Vec<Upstream>,
    files: Vec<(String, Vec<u8>)>,
    variables: Vec<(String, String)>,
    protocols: Protocols,
}

impl Builder {
    /// The next of `{{upstream}}`, `{{upstream2}}` …; it lives as long as the gateway.
    #[must_use]
    pub fn upstream(mut self, upstream: Upstream) -> Self {
        self.upstreams.push(upstream);
        self
    }

    /// A file beside the config, such as a key.
    #[must_use]
    pub fn file(mut self, name: &str, content: impl Into<Vec<u8>>) -> Self {
        self.files.push((name.to_owned(), content.into()));
        self
    }

    /// An environment variable of the program.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The listener of a config that says nothing of listeners speaks HTTP/2 as well.
    #[must_use]
    pub fn http2(mut self) -> Self {
        self.protocols = Protocols::Both;
        self
    }

    /// Starts the program and waits until it is ready.
    ///
    /// # Panics
    /// If it does not become ready; with what it said.
    pub async fn start(self) -> Gateway {
        self.start_until("/readyz").await
    }

    /// Starts the program and waits until it serves, ready or not.
    ///
    /// # Panics
    /// If it does not come to that; with what it said.
    pub async fn start_unready(self) -> Gateway {
        self.start_until("/livez").await
    }

    async fn start_until(self, probe: &str) -> Gateway {
        let mut fault = String::new();
        for _ in 0..STARTS_MAX {
            match self.try_start(probe).await {
                Ok((places, process)) => return Gateway { places, process, upstreams: self.upstreams },
                Err(said) if said.contains("in use") => fault = said,
                Err(said) => panic!("the gateway did not start: {said}"),
            }
        }
        panic!("the gateway did not start in {STARTS_MAX} attempts: {fault}")
    }

    async fn try_start(&self, probe: &str) -> Result<(Places, Process), String> {
        let failed = |error: io::Error| error.to_string();
        let directory = Directory::new().map_err(failed)?;
        for (name, content) in &self.files {
            directory.write(name, content).map_err(failed)?;
        }
        let upstreams = self.upstreams.iter().map(Upstream::address).collect();
        let places = Places::new(&directory.path, upstreams, self.protocols);
        let config = places.complete(&self.config).map_err(failed)?;
        directory.write(config::FILE, config.as_bytes()).map_err(failed)?;
        let telemetry = places.telemetry().map_err(failed)?;
        let process = Process::start(&self.binary, directory, &self.variables).map_err(failed)?;
        ready(telemetry, probe, &process).await?;
        Ok((places, process))
    }
}

/// Waits until the program serves; what it said if it does not.
async fn ready(telemetry: SocketAddr, probe: &str, process: &Process) -> Result<(), String> {
    let ready = async {
        let probe = Client::new(telemetry).get(probe);
        while !probe.try_send().await.is_ok_and(|response| response.status == 200) {
            if let Some(status) = process.ended() {
                return Err(format!("it ended with {status}"));
            }
            sleep(POLL).await;
        }
        Ok(())
    };
    let waited = timeout(PROCESS_DEADLINE, ready).await.unwrap_or_else(|_| Err("it is not ready".to_owned()));
    waited.map_err(|what| format!("{what}; it said\n{}", process.said()))
}

/// A running gateway.
pub struct Gateway {
    places: Places,
    process: Process,
    upstreams: Vec<Upstream>,
}

/// What a reload came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reload {
    Applied,
    Refused,
}

impl Gateway {
    /// The address behind a place of the config: `listen`, `listen2`, `telemetry`, `admin`.
    ///
    /// # Panics
    /// If the config has no such place.
    #[must_use]
    pub fn address(&self, place: &str) -> SocketAddr {
        match self.places.address(place) {
            Some(address) => address,
            None => panic!("the config has no {{{{{place}}}}}"),
        }
    }

    /// An HTTP/2 connection to the first listener.
    ///
    /// # Panics
    /// If it does not come about.
    pub async fn http2(&self) -> http2::Connection {
        match http2::Connection::open(self.address("listen")).await {
            Ok(connection) => connection,
            Err(fault) => panic!("no HTTP/2 connection: {fault}; the gateway said\n{}", self.said()),
        }
    }

    /// An HTTP/2 connection to the first listener, on which any frames may be sent.
    ///
    /// # Panics
    /// If it does not come about.
    pub async fn http2_wire(&self) -> http2::Wire {
        match http2::Wire::open(self.address("listen")).await {
            Ok(wire) => wire,
            Err(fault) => panic!("no HTTP/2 connection: {fault}; the gateway said\n{}", self.said()),
        }
    }

    /// A client of the first listener.
    #[must_use]
    pub fn client(&self) -> Client {
        Client::new(self.address("listen"))
    }

    pub fn get(&self, target: &str) -> GatewayRequest<'_> {
        GatewayRequest::new(self, self.client().get(target))
    }

    pub fn post(&self, target: &str, body: impl Into<Vec<u8>>) -> GatewayRequest<'_> {
        GatewayRequest::new(self, self.client().post(target, body))
    }

    pub fn request(&self, method: &str, target: &str) -> GatewayRequest<'_> {
        GatewayRequest::new(self, self.client().request(method, target))
    }

    /// Sends these bytes as they are, on a connection of their own.
    pub async fn send(&self, bytes: &[u8]) -> Response {
        self.client().send(bytes).await
    }

    /// The n-th upstream that was handed over, from 0.
    ///
    /// # Panics
    /// If there are not so many.
    #[must_use]
    pub fn upstream(&self, index: usize) -> &Upstream {
        match self.upstreams.get(index) {
            Some(upstream) => upstream,
            None => panic!("there is no upstream {index}"),
        }
    }

    /// Puts another config into force.
    ///
    /// # Panics
    /// If it is refused.
    pub async fn reload_with(&self, config: &str) {
        let outcome = self.reload(config).await;
        assert!(outcome == Reload::Applied, "the config was refused; the gateway said\n{}", self.said());
    }

    /// Offers a config that the gateway is to refuse.
    ///
    /// # Panics
    /// If it is not refused.
    pub async fn reload_refused_with(&self, config: &str) {
        let outcome = self.reload(config).await;
        assert!(outcome == Reload::Refused, "the config was put into force; the gateway said\n{}", self.said());
    }

    async fn reload(&self, config: &str) -> Reload {
        let before = self.scrape().await.config_state();
        let written =
            self.places.complete(config).and_then(|text| self.process.directory.write(config::FILE, text.as_bytes()));
        assert!(written.is_ok(), "cannot write the config: {written:?}");
        self.signal(Signal::SIGHUP);
        let after = self.until("a reload", async || {
            let now = self.scrape().await.config_state();
            (now != before).then_some(())
        });
        after.await;
        // Looked at again: a scrape reads its values one after the other, and may have begun before the verdict.
        if self.scrape().await.config_state().successful { Reload::Applied } else { Reload::Refused }
    }

    /// The sum of all series of this name that have these labels; 0 if there is none.
    pub async fn metric(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.scrape().await.sum(name, labels)
    }

    /// All of `/metrics`.
    pub async fn metrics_text(&self) -> String {
        Client::new(self.address("telemetry")).get("/metrics").expect(200).await.text()
    }

    async fn scrape(&self) -> Scrape {
        Scrape::parse(&self.metrics_text().await)
    }

    /// The line of the access log about a request; waits for it.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn log_line(&self, request_id: &str) -> Value {
        let what = format!("a log line with requestId {request_id}");
        self.until(&what, async || self.log_lines().into_iter().find(|line| line["requestId"] == request_id)).await
    }

    /// All lines of the access log so far.
    ///
    /// # Panics
    /// If one is no JSON.
    #[must_use]
    pub fn log_lines(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.places.access_log()).unwrap_or_default();
        // What follows the last line feed is still being written.
        let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
        let read = |line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in the log line {line}"));
        whole.lines().map(read).collect()
    }

    /// What the program has written to stderr and stdout.
    #[must_use]
    pub fn said(&self) -> String {
        self.process.said()
    }

    /// The directory of the config and of all that the program leaves behind.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.process.directory.path
    }

    /// # Panics
    /// If the program is gone.
    pub fn signal(&self, signal: Signal) {
        let sent = self.process.signal(signal);
        assert!(sent.is_ok(), "cannot send {signal}: {sent:?}; the gateway said\n{}", self.said());
    }

    /// Asks the program to drain and waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn stop(&self) -> ExitStatus {
        self.signal(Signal::SIGTERM);
        self.ended().await
    }

    /// Ends the program as a crash does, without a last act of its own, and waits for its end.
    ///
    /// # Panics
    /// If it does not end.
    pub async fn kill(&self) {
        self.signal(Signal::SIGKILL);
        self.ended().await;
    }

    /// Starts the program again where it has ended, and waits until it is ready.
    ///
    /// # Panics
    /// If it still runs, or does not become ready.
    pub async fn start_again(&self) {
        let started = self.process.start_again();
        assert!(started.is_ok(), "cannot start again: {started:?}");
        if let Err(said) = ready(self.address("telemetry"), "/readyz", &self.process).await {
            panic!("the gateway did not start again: {said}");
        }
    }

    /// Waits for the program's end.
    ///
    /// # Panics
    /// If it does not come.
    pub async fn ended(&self) -> ExitStatus {
        let end = async {
            loop {
                if let Some(status) = self.process.ended() {
                    return status;
                }
                sleep(POLL).await;
            }
        };
        let ended = timeout(PROCESS_DEADLINE, end).await;
        ended.unwrap_or_else(|_| panic!("the gateway does not end; it said\n{}", self.said()))
    }

    /// Waits until there is an answer.
    async fn until<T>(&self, what: &str, look: impl AsyncFn() -> Option<T>) -> T {
        let found = async {
            loop {
                if let Some(found) = look().await {
                    return found;
                }
                sleep(POLL).await;
            }
        };
        let found = timeout(DEADLINE, found).await;
        found.unwrap_or_else(|_| panic!("{what} did not come; the gateway said\n{}", self.said()))
    }
}

#[cfg(test)]
mod tests;
