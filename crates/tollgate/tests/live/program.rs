//! The program as a command that ends: its exit code and what it wrote where.

use limits::clock::{Now, now};
use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;
use testkit::gateway::Signal;

pub(crate) const BINARY: &str = env!("CARGO_BIN_EXE_tollgate");

/// A command has so long to end.
const DEADLINE: Duration = Duration::from_secs(60);
/// Between two looks at something that is waited for.
const POLL: Duration = Duration::from_millis(5);

/// A directory of one test's own; gone with the handle.
pub(crate) struct Folder {
    pub(crate) path: PathBuf,
}

impl Folder {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("tollgate-live-{}-{number}", std::process::id()));
        fs::remove_dir_all(&path).ok();
        fs::create_dir(&path).unwrap();
        Self { path }
    }

    /// The path of the file, as text.
    pub(crate) fn with(&self, name: &str, content: &str) -> String {
        let path = self.path.join(name);
        fs::write(&path, content).unwrap();
        path.display().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.path).ok();
    }
}

/// How a command ended.
pub(crate) struct Ran {
    /// -1 for one that a signal ended.
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl fmt::Display for Ran {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit code {}\nstdout:\n{}\nstderr:\n{}", self.code, self.stdout, self.stderr)
    }
}

impl Ran {
    /// # Panics
    /// If the exit code is another.
    #[track_caller]
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self}");
        self
    }
}

/// `tollgate ARGUMENTS…`, to its end.
pub(crate) fn tollgate<A: AsRef<OsStr>>(arguments: &[A]) -> Ran {
    let mut command = Command::new(BINARY);
    command.args(arguments);
    run(&mut command)
}

/// The command to its end.
///
/// # Panics
/// If it does not end in time.
pub(crate) fn run(command: &mut Command) -> Ran {
    let folder = Folder::new();
    let (out, err) = (folder.path.join("stdout"), folder.path.join("stderr"));
    let began = now();
    let child = command
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut child = Running(child);
    let status = until(&format!("the end of {command:?}"), || child.0.try_wait().unwrap());
    let took = now().since(began);
    let text = |path: &Path| String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned();
    Ran { code: status.code().unwrap_or(-1), stdout: text(&out), stderr: text(&err), took }
}

/// A process that does not outlive its test.
pub(crate) struct Running(pub(crate) Child);

impl Running {
    /// Does not reach another: the process keeps its number until it has been waited for.
    pub(crate) fn signal(&self, signal: Signal) {
        let id = i32::try_from(self.0.id()).unwrap();
        nix::sys::signal::kill(nix::unistd::Pid::from_raw(id), signal).unwrap();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Fails only if it has ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// Looks until there is an answer.
///
/// # Panics
/// If there is none before the deadline.
#[track_caller]
pub(crate) fn until<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let began = now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(!is_over(began), "{what} did not come within {DEADLINE:?}");
        thread::sleep(POLL);
    }
}

/// As [`until`], for what has to be asked with `await`.
pub(crate) async fn eventually<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let began = now();
    loop {
        if let Some(found) = look().await {
            return found;
        }
        assert!(!is_over(began), "{what} did not come within {DEADLINE:?}");
        tokio::time::sleep(POLL).await;
    }
}

fn is_over(began: Now) -> bool {
    now().since(began) > DEADLINE
}
