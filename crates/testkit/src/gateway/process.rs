//! The program's process and the directory that it lives in. Both are gone when the handle is.

use nix::sys::signal::{self, Signal};
use nix::unistd::Pid;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::process::{self, Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread;

const STDERR: &str = "stderr.log";
const STDOUT: &str = "stdout.log";

/// A directory of one test's own.
pub(super) struct Directory {
    pub(super) path: PathBuf,
}

impl Directory {
    pub(super) fn new() -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tollgate-test-{}-{number}", process::id()));
        // What a killed test run with the same process ID may have left.
        fs::remove_dir_all(&path).ok();
        fs::create_dir(&path)?;
        Ok(Self { path })
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> io::Result<()> {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        fs::write(path, content)
    }

    fn read(&self, name: &str) -> String {
        let bytes = fs::read(self.path.join(name)).unwrap_or_default();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}

pub(super) struct Process {
    binary: PathBuf,
    variables: Vec<(String, String)>,
    child: Mutex<Child>,
    pub(super) directory: Directory,
}

impl Process {
    /// `BINARY run --config FILE`, with the directory as its current one.
    pub(super) fn start(binary: &Path, directory: Directory, variables: &[(String, String)]) -> io::Result<Self> {
        let child = Mutex::new(spawn(binary, &directory, variables)?);
        Ok(Self { binary: binary.to_owned(), variables: variables.to_owned(), child, directory })
    }

    /// Another process in the place of one that has ended.
    pub(super) fn start_again(&self) -> io::Result<()> {
        if self.ended().is_none() {
            return Err(io::Error::other("it still runs"));
        }
        *self.lock() = spawn(&self.binary, &self.directory, &self.variables)?;
        Ok(())
    }

    /// How it ended; none while it runs.
    pub(super) fn ended(&self) -> Option<ExitStatus> {
        self.lock().try_wait().ok().flatten()
    }

    pub(super) fn signal(&self, signal: Signal) -> io::Result<()> {
        if self.ended().is_some() {
            return Err(io::ErrorKind::NotFound.into());
        }
        // Nobody else's until the child has been waited for.
        let id = i32::try_from(self.lock().id()).map_err(io::Error::other)?;
        signal::kill(Pid::from_raw(id), signal).map_err(io::Error::from)
    }

    fn lock(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn said(&self) -> String {
        [self.directory.read(STDERR), self.directory.read(STDOUT)].concat()
    }
}

fn spawn(binary: &Path, directory: &Directory, variables: &[(String, String)]) -> io::Result<Child> {
    // What an earlier process has said stays.
    let output = |name| {
        let file = OpenOptions::new().create(true).append(true).open(directory.path.join(name));
        file.map(Stdio::from)
    };
    Command::new(binary)
        .args(["run", "--config", super::config::FILE])
        .current_dir(&directory.path)
        .envs(variables.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(output(STDOUT)?)
        .stderr(output(STDERR)?)
        .spawn()
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "what the program said is what a failed test is understood by")]
    fn drop(&mut self) {
        // Fails only if it has ended already.
        let mut child = self.lock();
        child.kill().ok();
        child.wait().ok();
        drop(child);
        if thread::panicking() {
            eprintln!("the gateway said\n{}", self.said());
        }
    }
}
