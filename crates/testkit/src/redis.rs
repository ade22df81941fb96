//! A real `redis-server`, started for one test on a free port: killed, halted and started again as the test likes. Ends with the
//! handle.

#![expect(clippy::panic, reason = "a broken expectation ends the test")]

use crate::client::DEADLINE;
use crate::ports;
use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

const PROGRAM: &str = "redis-server";
const POLL: Duration = Duration::from_millis(10);
/// Another process may take a free port before the server does.
const STARTS_MAX: usize = 5;

/// A file that a server reads, in a directory that goes with it.
pub struct Files(PathBuf);

impl Files {
    /// # Panics
    /// If they cannot be written.
    #[must_use]
    pub fn new(files: &[(&str, &str)]) -> Self {
        let directory = directory();
        for (name, content) in files {
            let written = std::fs::write(directory.join(name), content);
            assert!(written.is_ok(), "cannot write {name}: {written:?}");
        }
        Self(directory)
    }

    #[must_use]
    pub fn path(&self, name: &str) -> String {
        self.0.join(name).display().to_string()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).ok();
    }
}

/// A running server. Without persistence: what it forgets when it is killed is forgotten.
pub struct RedisServer {
    child: Child,
    address: SocketAddr,
    options: Vec<String>,
    directory: PathBuf,
}

impl RedisServer {
    /// # Panics
    /// If there is no `redis-server`, or it does not start.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// With more options, as on its command line.
    ///
    /// # Panics
    /// If there is no `redis-server`, or it does not start.
    pub async fn start_with(options: &[&str]) -> Self {
        let mut said = String::new();
        for _ in 0..STARTS_MAX {
            let address = free();
            let directory = directory();
            let options: Vec<String> = options.iter().map(|option| (*option).to_owned()).collect();
            let child = spawn(address, &options, &directory);
            let mut server = Self { child, address, options, directory };
            if server.answers().await {
                return server;
            }
            said = server.said();
        }
        panic!("redis-server did not start in {STARTS_MAX} attempts: {said}")
    }

    /// Two servers, each with half of the slots of one Redis Cluster.
    ///
    /// # Panics
    /// If they do not start or do not find each other.
    pub async fn start_cluster() -> [Self; 2] {
        let one = || async {
            let bus = free().port().to_string();
            Self::start_with(&["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"])
                .await
        };
        let servers = [one().await, one().await];
        let [first, second] = &servers;
        first.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]).await;
        second.command(&["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]).await;
        let bus = second.options.iter().skip_while(|option| *option != "--cluster-port").nth(1).cloned();
        let (port, bus) = (second.address.port().to_string(), bus.unwrap_or_default());
        first.command(&["CLUSTER", "MEET", "127.0.0.1", &port, &bus]).await;
        let agreed = async {
            for server in &servers {
                while !server.command(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") {
                    sleep(POLL).await;
                }
            }
        };
        assert!(timeout(DEADLINE, agreed).await.is_ok(), "the servers of the cluster do not find each other");
        servers
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends one command and returns the answer as the protocol has it.
    ///
    /// # Panics
    /// If there is no answer.
    pub async fn command(&self, words: &[&str]) -> String {
        let answer = timeout(DEADLINE, exchange(self.address, words)).await;
        match answer.unwrap_or_else(|elapsed| Err(elapsed.into())) {
            Ok(answer) => answer,
            Err(error) => panic!("redis-server does not answer {words:?}: {error}"),
        }
    }

    /// Ends it at once; all it knew is gone.
    pub fn kill(&mut self) {
        // Fails only if it has ended already.
        self.child.kill().ok();
        self.child.wait().ok();
    }

    /// Starts it again on the same port.
    ///
    /// # Panics
    /// If it does not start.
    pub async fn restart(&mut self) {
        self.kill();
        self.child = spawn(self.address, &self.options, &self.directory);
        assert!(self.answers().await, "redis-server did not start again: {}", self.said());
    }

    /// Halts it: connections stay open, and nobody answers.
    pub fn halt(&self) {
        self.signal(Signal::SIGSTOP);
    }

    pub fn go_on(&self) {
        self.signal(Signal::SIGCONT);
    }

    fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.child.id()).map(Pid::from_raw);
        let sent = id.map_err(io::Error::other).and_then(|id| signal::kill(id, signal).map_err(io::Error::from));
        assert!(sent.is_ok(), "cannot send {signal} to redis-server: {sent:?}");
    }

    /// Waits until it does; false if it has ended.
    async fn answers(&mut self) -> bool {
        let answering = async {
            loop {
                // Anything: a server with a password says that it wants one.
                if exchange(self.address, &["PING"]).await.is_ok_and(|answer| !answer.is_empty()) {
                    return true;
                }
                if self.child.try_wait().is_ok_and(|ended| ended.is_some()) {
                    return false;
                }
                sleep(POLL).await;
            }
        };
        timeout(DEADLINE, answering).await.unwrap_or(false)
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.directory.join("log")).unwrap_or_default()
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
        std::fs::remove_dir_all(&self.directory).ok();
    }
}

fn free() -> SocketAddr {
    ports::free().unwrap_or_else(|error| panic!("no free port: {error}"))
}

fn directory() -> PathBuf {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let path = std::env::temp_dir().join(format!("tollgate-redis-{}-{number}", std::process::id()));
    // What a killed test run with the same process ID may have left.
    std::fs::remove_dir_all(&path).ok();
    match std::fs::create_dir(&path) {
        Ok(()) => path,
        Err(error) => panic!("cannot make {}: {error}", path.display()),
    }
}

fn spawn(address: SocketAddr, options: &[String], directory: &Path) -> Child {
    let port = address.port().to_string();
    let started = Command::new(PROGRAM)
        .args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no", "--logfile", "log", "--dir"])
        .arg(directory)
        .args(options)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match started {
        Ok(child) => child,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            panic!("this test needs redis-server on the PATH: ./test.sh installs it, or: apt-get install redis-server")
        }
        Err(error) => panic!("cannot start redis-server: {error}"),
    }
}

async fn exchange(address: SocketAddr, words: &[&str]) -> io::Result<String> {
    let mut connection = TcpStream::connect(address).await?;
    let mut command = format!("*{}\r\n", words.len());
    for word in words {
        command.extend(["$", &word.len().to_string(), "\r\n", word, "\r\n"]);
    }
    connection.write_all(command.as_bytes()).await?;
    let mut answer = Vec::new();
    loop {
        if connection.read_buf(&mut answer).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let text = String::from_utf8_lossy(&answer);
        if is_whole(&text) {
            return Ok(text.into_owned());
        }
    }
}

/// Whether this is one whole answer: a line, or a text with its length before it. Lists are not needed.
fn is_whole(answer: &str) -> bool {
    let Some((line, rest)) = answer.split_once("\r\n") else { return false };
    match line.strip_prefix('$').and_then(|length| length.parse::<usize>().ok()) {
        Some(length) => rest.len() >= length.saturating_add(2),
        None => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_server_forgets_when_it_is_started_again() {
        let mut server = RedisServer::start().await;
        assert_eq!(server.command(&["SET", "a", "b\r\nc"]).await, "+OK\r\n");
        assert_eq!(server.command(&["GET", "a"]).await, "$4\r\nb\r\nc\r\n");
        server.restart().await;
        assert_eq!(server.command(&["GET", "a"]).await, "$-1\r\n");
    }
}
