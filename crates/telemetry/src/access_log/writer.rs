//! The buffer between requests and the thread that does the I/O. Knows lines only as bytes.

use prometheus::IntCounter;
use std::io::{self, Write};
use std::mem;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tracing::{info, warn};

/// As much as this may wait for the writer, and as much again may be in its hands; lines beyond are dropped.
pub(super) const PENDING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// The writer begins when this much waits: no more, so that the buffers do not push what requests need out of the processor's cache …
const BATCH_BYTES: usize = 64 * 1024;
/// … or the first line has waited for so long.
const BATCH_WAIT: Duration = Duration::from_millis(100);

type Output = Box<dyn Write + Send>;
/// Opens the output anew; none if that is nothing one can do to it.
type Open = Box<dyn FnMut() -> io::Result<Option<Output>> + Send>;

/// What the thread writes to.
pub(super) struct Sink {
    output: Output,
    open: Open,
    /// So that a full disk is one remark in the program log, not one a batch.
    failing: bool,
}

pub(super) struct Writer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    dropped: IntCounter,
}

struct Shared {
    state: Mutex<State>,
    /// Something is to be done.
    work: Condvar,
    /// A batch has been done.
    done: Condvar,
}

#[derive(Default)]
struct State {
    pending: Vec<u8>,
    lines: u64,
    /// Batches that the writer has begun and ended.
    begun: u64,
    ended: u64,
    hurry: bool,
    reopen: bool,
    closing: bool,
}

/// What the writer takes out of the buffer at once.
struct Batch {
    lines: u64,
    reopen: bool,
    last: bool,
}

impl Writer {
    pub(super) fn start(sink: Sink, dropped: IntCounter) -> io::Result<Self> {
        let shared = Arc::new(Shared { state: Mutex::default(), work: Condvar::new(), done: Condvar::new() });
        let (theirs, lost) = (Arc::clone(&shared), dropped.clone());
        let thread = thread::Builder::new().name("access-log".to_owned()).spawn(move || run(&theirs, sink, &lost))?;
        Ok(Self { shared, thread: Some(thread), dropped })
    }

    /// Takes one line, or drops and counts it.
    pub(super) fn push(&self, line: &[u8]) {
        let mut state = self.shared.lock();
        let before = state.pending.len();
        let after = before + line.len();
        if after > PENDING_BYTES_MAX {
            drop(state);
            self.dropped.inc();
            return;
        }
        state.pending.extend_from_slice(line);
        state.lines += 1;
        drop(state);
        if before == 0 || before < BATCH_BYTES && after >= BATCH_BYTES {
            self.shared.work.notify_one();
        }
    }

    pub(super) fn reopen(&self) {
        self.shared.lock().reopen = true;
        self.shared.work.notify_one();
    }

    /// Whether everything from before the call was done within `timeout`.
    pub(super) fn flush(&self, timeout: Duration) -> bool {
        let mut state = self.shared.lock();
        let idle = state.pending.is_empty() && !state.reopen;
        // The batch under way, and one more if something waits behind it.
        let target = state.begun + u64::from(!idle);
        state.hurry = !idle;
        self.shared.work.notify_one();
        let unfinished = |state: &mut State| state.ended < target;
        let waited = self.shared.done.wait_timeout_while(state, timeout, unfinished);
        let (state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        state.ended >= target
    }
}

impl Drop for Writer {
    /// Writes what is left; gives up on an output that takes nothing.
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        let finished = self.flush(super::FLUSH_TIMEOUT);
        if let Some(thread) = self.thread.take()
            && (finished || thread.is_finished())
        {
            // It ends by itself after the last batch; a panic of it has been reported already.
            thread.join().ok();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for work and swaps it into `buffer`, which is empty.
    fn next(&self, buffer: &mut Vec<u8>) -> Batch {
        let state = self.lock();
        let nothing = |state: &mut State| state.pending.is_empty() && !state.reopen && !state.closing;
        let state = self.work.wait_while(state, nothing).unwrap_or_else(PoisonError::into_inner);
        let small =
            |state: &mut State| state.pending.len() < BATCH_BYTES && !state.hurry && !state.reopen && !state.closing;
        let waited = self.work.wait_timeout_while(state, BATCH_WAIT, small);
        let (mut state, _) = waited.unwrap_or_else(PoisonError::into_inner);
        mem::swap(&mut state.pending, buffer);
        state.begun += 1;
        state.hurry = false;
        Batch { lines: mem::take(&mut state.lines), reopen: mem::take(&mut state.reopen), last: state.closing }
    }

    fn end(&self) {
        self.lock().ended += 1;
        self.done.notify_all();
    }
}

fn run(shared: &Shared, mut sink: Sink, lost: &IntCounter) {
    let mut buffer = Vec::with_capacity(BATCH_BYTES);
    loop {
        let batch = shared.next(&mut buffer);
        if !buffer.is_empty() && !sink.write(&buffer) {
            lost.inc_by(batch.lines);
        }
        buffer.clear();
        if batch.reopen {
            sink.reopen();
        }
        shared.end();
        if batch.last {
            return;
        }
    }
}

impl Sink {
    pub(super) fn new(output: Output, open: Open) -> Self {
        Self { output, open, failing: false }
    }

    /// Whether all of it was taken.
    fn write(&mut self, lines: &[u8]) -> bool {
        let result = self.output.write_all(lines).and_then(|()| self.output.flush());
        match (&result, self.failing) {
            (Err(error), false) => warn!(%error, "access log cannot be written; lines are lost"),
            (Ok(()), true) => info!("access log is written again"),
            (Err(_), true) | (Ok(()), false) => {}
        }
        self.failing = result.is_err();
        result.is_ok()
    }

    fn reopen(&mut self) {
        match (self.open)() {
            Ok(Some(output)) => {
                self.output = output;
                info!("access log reopened");
            }
            Ok(None) => {}
            Err(error) => warn!(%error, "access log cannot be reopened; the old file stays in use"),
        }
    }
}

#[cfg(test)]
mod tests;
