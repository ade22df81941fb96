//! The gateways under test, each a process, and the Redis that they share if they share their limits.

use crate::Options;
use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_MAX: Duration = Duration::from_secs(30);

/// Ends with the handle, its folder with it.
pub(crate) struct Process {
    pub(crate) address: SocketAddr,
    child: Child,
    folder: PathBuf,
}

/// The key of a consumer.
pub(crate) fn key(consumer: usize) -> String {
    format!("key-of-consumer-{consumer}")
}

impl Process {
    pub(crate) fn redis() -> Result<Self> {
        let (address, folder) = (free()?, folder("redis")?);
        let port = address.port().to_string();
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &port, "--save", "", "--appendonly", "no"]);
        Self::start(command, address, folder)
    }

    pub(crate) fn gateway(
        number: usize,
        options: &Options,
        upstream: SocketAddr,
        store: Option<SocketAddr>,
    ) -> Result<Self> {
        let program = &options.tollgate;
        let program = fs::canonicalize(program).with_context(|| format!("no program at {}", program.display()))?;
        let (address, folder) = (free()?, folder(&format!("gateway-{number}"))?);
        fs::write(folder.join("gateway.yaml"), config(options, address, upstream, store)?)?;
        let mut command = Command::new(program);
        command.args(["run", "--config", "gateway.yaml"]);
        Self::start(command, address, folder)
    }

    /// Comes back when it accepts connections.
    fn start(mut command: Command, address: SocketAddr, folder: PathBuf) -> Result<Self> {
        let said = folder.join("said");
        let output = File::create(&said)?;
        command.current_dir(&folder).stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let mut process = Self { address, child, folder };
        let began = Instant::now();
        while TcpStream::connect(address).is_err() {
            if let Some(status) = process.child.try_wait()? {
                bail!("{command:?} ended with {status}; it said\n{}", fs::read_to_string(said)?);
            }
            ensure!(began.elapsed() < START_MAX, "{command:?} does not listen");
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(process)
    }

    /// Whether a limit was decided without the store: then the figures are of something else.
    pub(crate) fn lost_its_store(&self) -> Result<bool> {
        Ok(fs::read_to_string(self.folder.join("said"))?.contains("limits are decided without it"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn config(options: &Options, listen: SocketAddr, upstream: SocketAddr, store: Option<SocketAddr>) -> Result<String> {
    let Options { keys, rate, burst, sync, .. } = options;
    let scope = store.map_or(String::new(), |_| format!(", scope: cluster, sync: {sync}"));
    let mut config = format!(
        "version: 1\nlisteners: [{{ address: \"{listen}\" }}]\naccessLog: {{ path: none }}\n\
         upstreams: {{ main: {{ endpoints: [\"{upstream}\"] }} }}\n\
         routes:\n  - name: all\n    paths: [/]\n    upstream: main\n    auth: {{ apiKey: {{}} }}\n    \
         rateLimit: {{ requestsPerSecond: {rate}, burst: {burst}, key: consumerId{scope} }}\n"
    );
    if let Some(store) = store {
        writeln!(config, "store: {{ redis: {{ url: \"redis://{store}\", timeout: 1s }} }}")?;
    }
    config.push_str("consumers:\n");
    for consumer in 0..*keys {
        writeln!(config, "  - {{ id: c{consumer}, apiKeys: [{{ value: {} }}] }}", key(consumer))?;
    }
    Ok(config)
}

/// Free now; nobody else on this machine is expected to want it in the next moment.
fn free() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

fn folder(name: &str) -> Result<PathBuf> {
    let path: &Path = &std::env::temp_dir().join(format!("tollgate-accuracy-{}-{name}", std::process::id()));
    fs::create_dir_all(path)?;
    Ok(path.to_owned())
}
