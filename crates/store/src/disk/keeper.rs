//! The thread that writes counts down, often enough that a process that is killed loses less than a second of them.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;
use std::{io, thread};

use limits::clock::{Now, now};

use super::fault::{FlushFault, SetAside};
use super::{Disk, Flushed};

/// From the end of one flush to the next. What a flush takes comes on top: three quarters of the second are left for it.
pub const FLUSH_INTERVAL: Duration = Duration::from_millis(250);
/// The promise: a count is on the disk after this, or [`Event::Slow`] says that it was not.
const UNWRITTEN_MAX: Duration = Duration::from_secs(1);
/// Between two attempts while the disk fails.
const RETRY_MIN: Duration = Duration::from_secs(1);
const RETRY_MAX: Duration = Duration::from_secs(5);
/// Questions that wait for the thread.
const ASKED_MAX: usize = 16;

/// What whoever runs the keeper should tell the operator.
#[derive(Debug)]
pub enum Event {
    /// `first` is the first of a row of failures.
    Failed {
        fault: FlushFault,
        first: bool,
    },
    Recovered {
        after: Duration,
    },
    /// The oldest count was unwritten for so long, which is more than promised. `first` after flushes that were in time.
    Slow {
        unwritten: Duration,
        first: bool,
    },
    /// Counts have been written.
    Written,
    SetAside(SetAside),
    /// The file had been removed or replaced; there is a new one.
    WasGone,
}

/// The thread, as the rest of the program sees it.
#[derive(Debug)]
pub struct Keeper {
    // std's Mutex: held to send or to take, never across an await.
    ask: Mutex<Option<SyncSender<Ask>>>,
}

/// Answered by whether everything is on the disk.
#[derive(Debug)]
enum Ask {
    Flush(SyncSender<bool>),
    Close(SyncSender<bool>),
}

impl Keeper {
    /// Writes every `interval` from here on.
    pub fn start(disk: Disk, interval: Duration, tell: impl Fn(Event) + Send + 'static) -> io::Result<Self> {
        let (ask, asked) = sync_channel(ASKED_MAX);
        let work = Work { disk, tell, health: Health::Well, begun: now() };
        thread::Builder::new().name("quota-store".into()).spawn(move || work.run(&asked, interval))?;
        Ok(Self { ask: Mutex::new(Some(ask)) })
    }

    /// Whether everything that was counted up to now is on the disk; waits for that, but no longer than `wait`.
    #[must_use]
    pub fn flush(&self, wait: Duration) -> bool {
        let ask = self.ask.lock().unwrap_or_else(PoisonError::into_inner).clone();
        ask.is_some_and(|ask| answer(&ask, Ask::Flush, wait))
    }

    /// The same, and the last: the file is closed. A second call has nothing to do.
    #[must_use]
    pub fn close(&self, wait: Duration) -> bool {
        let ask = self.ask.lock().unwrap_or_else(PoisonError::into_inner).take();
        ask.is_none_or(|ask| answer(&ask, Ask::Close, wait))
    }
}

fn answer(ask: &SyncSender<Ask>, question: impl FnOnce(SyncSender<bool>) -> Ask, wait: Duration) -> bool {
    let (done, is_done) = sync_channel(1);
    // A queue that is full means a disk that hangs.
    ask.try_send(question(done)).is_ok() && is_done.recv_timeout(wait).unwrap_or(false)
}

struct Work<F> {
    disk: Disk,
    tell: F,
    health: Health,
    /// When the last flush began: counts since then are in memory only.
    begun: Now,
}

#[derive(Clone, Copy, Debug)]
enum Health {
    Well,
    /// It writes, but not as fast as promised.
    Slow,
    Failing {
        since: Now,
        next: Now,
        pause: Duration,
    },
}

impl<F: Fn(Event)> Work<F> {
    fn run(mut self, asked: &Receiver<Ask>, interval: Duration) {
        loop {
            match asked.recv_timeout(interval) {
                Ok(Ask::Flush(done)) => {
                    let _ = done.send(self.flush(now()));
                }
                Ok(Ask::Close(done)) => {
                    let written = self.flush(now());
                    drop(self);
                    let _ = done.send(written);
                    return;
                }
                Err(RecvTimeoutError::Timeout) => {
                    let now = now();
                    if self.health.is_due(now) {
                        self.flush(now);
                    }
                }
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn succeeded(&mut self, has_written: bool, unwritten: Duration, now: Now) {
        match self.health {
            Health::Failing { since, .. } => {
                (self.tell)(Event::Recovered { after: now.since(since) });
                self.health = Health::Well;
            }
            Health::Well | Health::Slow if has_written && unwritten > UNWRITTEN_MAX => {
                (self.tell)(Event::Slow { unwritten, first: matches!(self.health, Health::Well) });
                self.health = Health::Slow;
            }
            Health::Well | Health::Slow => self.health = Health::Well,
        }
    }

    fn flush(&mut self, begins: Now) -> bool {
        let flushed = self.disk.flush(begins);
        let ends = now();
        let before = std::mem::replace(&mut self.begun, begins);
        match flushed {
            Ok(Flushed { rows, set_aside, was_gone }) => {
                if let Some(set_aside) = set_aside {
                    (self.tell)(Event::SetAside(set_aside));
                }
                if was_gone {
                    (self.tell)(Event::WasGone);
                }
                if rows > 0 {
                    (self.tell)(Event::Written);
                }
                self.succeeded(rows > 0, ends.since(before), ends);
                true
            }
            Err(fault) => {
                let first = !matches!(self.health, Health::Failing { .. });
                self.health.fail(ends);
                (self.tell)(Event::Failed { fault, first });
                false
            }
        }
    }
}

impl Health {
    fn is_due(self, now: Now) -> bool {
        match self {
            Self::Well | Self::Slow => true,
            Self::Failing { next, .. } => now.monotonic_ns >= next.monotonic_ns,
        }
    }

    fn fail(&mut self, now: Now) {
        let (since, pause) = match *self {
            Self::Well | Self::Slow => (now, RETRY_MIN),
            Self::Failing { since, pause, .. } => (since, pause.saturating_mul(2).min(RETRY_MAX)),
        };
        *self = Self::Failing { since, next: now.plus(pause), pause };
    }
}
