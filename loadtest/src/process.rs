//! Child processes: pinned to a core, their processor time and memory read, and ended whatever happens.

use anyhow::{Context, Result, bail, ensure};
use nix::time::{clock_getcpuclockid, clock_gettime};
use rustix::process::{Pid, Signal, kill_process};
use std::fs::{self, File};
use std::net::{SocketAddr, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const START_MAX: Duration = Duration::from_secs(30);
const STOP_MAX: Duration = Duration::from_secs(3);
/// Of /proc/PID/stat and /proc/stat, on every Linux of today.
const TICK: Duration = Duration::from_millis(10);

/// How to start a proxy.
pub(crate) struct Launch {
    pub(crate) program: PathBuf,
    pub(crate) args: Vec<String>,
    /// Its own directory: configuration, logs, working directory.
    pub(crate) dir: PathBuf,
    pub(crate) listen: SocketAddr,
    pub(crate) access_log: Option<PathBuf>,
    /// An address and path that answer with metrics.
    pub(crate) metrics: Option<(SocketAddr, &'static str)>,
}

pub(crate) struct Running {
    child: Child,
    program: PathBuf,
    stderr: PathBuf,
}

/// Processor time of a process and all its children so far.
#[derive(Copy, Clone, Debug, Default)]
pub(crate) struct Usage {
    /// To the nanosecond.
    pub(crate) total: Duration,
    /// To the tick of 10 ms, as are the rest.
    pub(crate) user: Duration,
    pub(crate) system: Duration,
    /// Of the core, by whomever.
    pub(crate) core_busy: Duration,
}

impl Running {
    /// Starts on one core. The kernel sends SIGINT should this process die first.
    pub(crate) fn start(launch: &Launch, core: usize) -> Result<Self> {
        let stderr = launch.dir.join("stderr.log");
        let stdout = launch.dir.join("stdout.log");
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "INT", "taskset", "-c", &core.to_string()])
            .arg(&launch.program)
            .args(&launch.args)
            .current_dir(&launch.dir)
            .stdin(Stdio::null())
            .stdout(File::create(&stdout)?)
            .stderr(File::create(&stderr)?)
            .spawn()
            .context("cannot run setpriv and taskset (package util-linux)")?;
        Ok(Self { child, program: launch.program.clone(), stderr })
    }

    /// Until it accepts connections.
    pub(crate) fn wait_for(&mut self, address: SocketAddr, stop: &AtomicBool) -> Result<()> {
        let deadline = Instant::now() + START_MAX;
        while Instant::now() < deadline {
            ensure!(!stop.load(Ordering::Relaxed), "interrupted");
            if let Some(status) = self.child.try_wait()? {
                bail!("{} ended with {status}: {}", self.program.display(), self.complaint());
            }
            if TcpStream::connect(address).is_ok() {
                return Ok(());
            }
            thread::sleep(Duration::from_millis(10));
        }
        bail!("{} does not listen on {address}: {}", self.program.display(), self.complaint())
    }

    /// What it has written to stderr, or its end.
    pub(crate) fn complaint(&self) -> String {
        let text = fs::read(&self.stderr).unwrap_or_default();
        let tail = text.len().saturating_sub(4_000);
        String::from_utf8_lossy(text.get(tail..).unwrap_or_default()).into_owned()
    }

    pub(crate) fn usage(&self, core: usize) -> Result<Usage> {
        let mut usage = Usage { core_busy: core_busy(core)?, ..Usage::default() };
        for pid in tree(self.child.id()) {
            let clock = clock_getcpuclockid(nix::unistd::Pid::from_raw(i32::try_from(pid)?))?;
            usage.total += Duration::from(clock_gettime(clock)?);
            let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
            // The second field is a name in parentheses, which may hold spaces.
            let (_, fields) = stat.rsplit_once(") ").context("no such field in /proc/PID/stat")?;
            let mut fields = fields.split(' ').skip(11);
            usage.user += ticks(fields.next())?;
            usage.system += ticks(fields.next())?;
        }
        Ok(usage)
    }

    /// Resident memory; what processes of the tree share counts once.
    pub(crate) fn resident_kib(&self) -> Result<u64> {
        let mut sum = 0;
        for pid in tree(self.child.id()) {
            let rollup = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
            let line = rollup.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss in smaps_rollup")?;
            sum += line.trim().trim_end_matches("kB").trim().parse::<u64>()?;
        }
        Ok(sum)
    }

    fn signal(&self, signal: Signal) {
        if let Some(pid) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            // Gone already is as good.
            let _ = kill_process(pid, signal);
        }
    }

    fn ends_within(&mut self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        while Instant::now() < deadline {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return true;
            }
            thread::sleep(Duration::from_millis(5));
        }
        false
    }
}

impl Drop for Running {
    /// SIGINT is "stop now" to all of them. Children that outlive their parent are ended one by one.
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let children = tree(self.child.id());
        self.signal(Signal::INT);
        if self.ends_within(STOP_MAX) {
            return;
        }
        for pid in children.into_iter().filter_map(|pid| i32::try_from(pid).ok().and_then(Pid::from_raw)) {
            let _ = kill_process(pid, Signal::KILL);
        }
        let _ = self.child.wait();
    }
}

/// The process and its children (nginx has a worker), and theirs.
fn tree(pid: u32) -> Vec<u32> {
    let mut pids = vec![pid];
    let mut position = 0;
    while let Some(pid) = pids.get(position) {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap_or_default();
        pids.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
        position += 1;
    }
    pids
}

fn core_busy(core: usize) -> Result<Duration> {
    let stat = fs::read_to_string("/proc/stat")?;
    let name = format!("cpu{core} ");
    let line = stat.lines().find_map(|line| line.strip_prefix(&name)).context("no such core in /proc/stat")?;
    // user nice system idle iowait irq softirq steal: all but the two of waiting.
    let fields = line.split_whitespace().take(8).enumerate().filter(|(position, _)| ![3, 4].contains(position));
    fields.map(|(_, field)| ticks(Some(field))).sum()
}

fn ticks(field: Option<&str>) -> Result<Duration> {
    Ok(TICK * field.context("a field of /proc is missing")?.parse::<u32>()?)
}
