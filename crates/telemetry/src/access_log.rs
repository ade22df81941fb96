//! The access log: one JSON object a line for each request that ended.
//!
//! The request path formats the line and leaves it in a bounded buffer; one thread writes it out. When that thread cannot keep up,
//! lines are dropped and counted: a slow disk never makes a request wait.

mod escape;
mod line;
mod writer;

pub use line::{Entry, fields};

use prometheus::IntCounter;
use std::cell::RefCell;
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use writer::{Sink, Writer};

/// Where the lines go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    Stdout,
    /// Made if it is not there; appended to if it is.
    File(PathBuf),
    None,
}

/// How long [`AccessLog::flush`] waits for a disk or pipe that does not take anything.
const FLUSH_TIMEOUT: Duration = Duration::from_secs(5);

/// A handle that all workers share. Dropping it writes what is left.
pub struct AccessLog {
    /// None: no log is kept.
    writer: Option<Writer>,
    sample: Sample,
}

impl AccessLog {
    /// `sample` is the share of successes that are logged, 0 to 1; errors always are. `dropped` counts the lines that are lost.
    pub fn open(target: Target, sample: f64, dropped: IntCounter) -> io::Result<Self> {
        let writer = match target {
            Target::None => None,
            Target::Stdout => Some(Writer::start(Sink::new(Box::new(io::stdout()), Box::new(|| Ok(None))), dropped)?),
            Target::File(path) => {
                let file = append(&path)?;
                let again = move || append(&path).map(|file| Some(Box::new(file) as Box<dyn io::Write + Send>));
                Some(Writer::start(Sink::new(Box::new(file), Box::new(again)), dropped)?)
            }
        };
        Ok(Self { writer, sample: Sample::new(sample) })
    }

    /// Never waits for I/O. Allocates only until the thread's buffer has grown to its longest line.
    pub fn write(&self, entry: &Entry<'_>) {
        thread_local! {
            static LINE: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(1_024));
        }
        let Some(writer) = &self.writer else { return };
        if entry.is_success() && !self.sample.takes() {
            return;
        }
        LINE.with_borrow_mut(|line| {
            line.clear();
            line::format(entry, line);
            writer.push(line);
        });
    }

    /// Opens the file anew under its name, after what is buffered went to the old one: for log rotation. Returns at once; if the file
    /// cannot be opened, the old one stays in use and the program log says so.
    pub fn reopen(&self) {
        if let Some(writer) = &self.writer {
            writer.reopen();
        }
    }

    /// Waits until all lines from before this call are written. False if that took more than five seconds.
    pub fn flush(&self) -> bool {
        self.writer.as_ref().is_none_or(|writer| writer.flush(FLUSH_TIMEOUT))
    }
}

fn append(path: &Path) -> io::Result<File> {
    // Addresses and names of consumers are nobody else's business.
    OpenOptions::new().append(true).create(true).mode(0o640).open(path)
}

/// Takes every n-th of what passes, so that the share is met exactly and without randomness.
struct Sample {
    /// The share in units of 2^-32.
    step: u64,
    sum: AtomicU64,
}

impl Sample {
    const WHOLE: u64 = 1 << 32;

    fn new(share: f64) -> Self {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped to 0..=2^32")]
        let step = (share.clamp(0.0, 1.0) * 4_294_967_296.0).ceil() as u64;
        Self { step, sum: AtomicU64::new(0) }
    }

    fn takes(&self) -> bool {
        if self.step == Self::WHOLE {
            return true;
        }
        let before = self.sum.fetch_add(self.step, Ordering::Relaxed);
        (before & (Self::WHOLE - 1)) + self.step >= Self::WHOLE
    }
}

#[cfg(test)]
mod tests;
