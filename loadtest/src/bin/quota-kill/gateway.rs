//! The gateway under test: one folder, many lives.

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START_MAX: Duration = Duration::from_secs(30);

pub(crate) struct Gateway {
    program: PathBuf,
    folder: PathBuf,
    pub(crate) listen: SocketAddr,
    child: Option<Child>,
}

/// The key of a consumer.
pub(crate) fn key(consumer: usize) -> String {
    format!("key-of-consumer-{consumer}")
}

impl Gateway {
    pub(crate) fn new(program: &Path, upstream: SocketAddr, consumers: usize) -> Result<Self> {
        let program = fs::canonicalize(program).with_context(|| format!("no program at {}", program.display()))?;
        let folder = std::env::temp_dir().join(format!("tollgate-quota-kill-{}", std::process::id()));
        fs::create_dir_all(&folder)?;
        // Free now; nobody else on this machine is expected to want it between two lives.
        let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let mut config = format!(
            "version: 1\nlisteners: [{{ address: \"{listen}\" }}]\naccessLog: {{ path: none }}\n\
             upstreams: {{ main: {{ endpoints: [\"{upstream}\"] }} }}\n\
             plans: {{ all: {{ routes: [\"*\"], quota: {{ limit: 1000000000, per: month }} }} }}\n\
             routes: [{{ name: open, paths: [/], upstream: main, auth: {{ apiKey: {{}} }} }}]\nconsumers:\n"
        );
        for consumer in 0..consumers {
            writeln!(config, "  - {{ id: c{consumer}, plan: all, apiKeys: [{{ value: {} }}] }}", key(consumer))?;
        }
        fs::write(folder.join("gateway.yaml"), config)?;
        Ok(Self { program, folder, listen, child: None })
    }

    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.current_dir(&self.folder).stdin(Stdio::null());
        command
    }

    /// Comes back when it accepts connections.
    pub(crate) fn start(&mut self) -> Result<()> {
        let said = self.folder.join("said");
        let output = File::create(&said)?;
        let mut command = self.command();
        command.args(["run", "--config", "gateway.yaml"]).stdout(output.try_clone()?).stderr(output);
        let child = self.child.insert(command.spawn().context("cannot start the gateway")?);
        let began = Instant::now();
        while TcpStream::connect(self.listen).is_err() {
            if let Some(status) = child.try_wait()? {
                bail!("the gateway ended with {status}; it said\n{}", fs::read_to_string(said)?);
            }
            ensure!(began.elapsed() < START_MAX, "the gateway does not listen");
            std::thread::sleep(Duration::from_millis(2));
        }
        let said = fs::read_to_string(said)?;
        ensure!(!said.contains("\"ERROR\""), "the gateway complains:\n{said}");
        Ok(())
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<()> {
        if let Some(mut child) = self.child.take() {
            child.kill()?;
            child.wait()?;
        }
        Ok(())
    }

    /// What each consumer has used, by `tollgate quota list`.
    pub(crate) fn counted(&self, consumers: usize) -> Result<Vec<u64>> {
        let began = Instant::now();
        // The control socket opens a moment after the listener.
        let listed = loop {
            let arguments = ["quota", "list", "--config", "gateway.yaml", "--format", "json"];
            let output = self.command().args(arguments).output()?;
            if output.status.success() {
                break output.stdout;
            }
            let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(began.elapsed() < START_MAX, "`tollgate quota list` fails: {complaint}");
            std::thread::sleep(Duration::from_millis(5));
        };
        let mut counted = vec![0; consumers];
        for counter in serde_json::from_slice::<Vec<Value>>(&listed)? {
            let consumer = counter.get("consumer").and_then(Value::as_str).and_then(|id| id.strip_prefix('c'));
            let slot = consumer.and_then(|number| counted.get_mut(number.parse::<usize>().ok()?));
            *slot.context("a counter of nobody")? += counter.get("used").and_then(Value::as_u64).context("no count")?;
        }
        Ok(counted)
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        let _ = self.kill();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
