//! Whose turn it is with work that takes long: judging and changing large bodies.

use std::sync::Arc;
use tokio::runtime::{Handle, RuntimeFlavor};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A body that comes to more than this when it is read is judged on another thread.
pub(crate) const INLINE_BYTES_MAX: usize = 64 * 1024;

/// As many large bodies are judged at once as there are cores but one.
pub(crate) struct Turns(Arc<Semaphore>);

impl Default for Turns {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self(Arc::new(Semaphore::new(cores.saturating_sub(1).max(1))))
    }
}

impl Turns {
    /// A turn, given back when it is dropped; none where there are no turns any more.
    pub(crate) async fn wait(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.0).acquire_owned().await.ok()
    }

    /// Does work on a body of so many bytes where it is, for a hook that cannot wait. If it is large, what else this thread serves moves
    /// to another one meanwhile; where no turn is free, that has to wait.
    pub(crate) fn aside<T>(&self, bytes: usize, work: impl FnOnce() -> T) -> T {
        if bytes <= INLINE_BYTES_MAX {
            return work();
        }
        let may_move = Handle::try_current().is_ok_and(|handle| handle.runtime_flavor() == RuntimeFlavor::MultiThread);
        match self.0.try_acquire() {
            Ok(_turn) if may_move => tokio::task::block_in_place(work),
            Ok(_) | Err(_) => work(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{INLINE_BYTES_MAX, Turns};
    use std::sync::mpsc;
    use std::time::Duration;
    use tokio::runtime::Builder;

    /// The one worker is busy until another task has run.
    #[test]
    fn large_work_holds_nobody_up() {
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        let (tell, told) = mpsc::channel();
        let busy = runtime.spawn(async move {
            tokio::spawn(async move { tell.send(()) });
            Turns::default().aside(INLINE_BYTES_MAX + 1, || told.recv_timeout(Duration::from_secs(10)))
        });
        assert_eq!(runtime.block_on(busy).unwrap(), Ok(()));
    }

    /// Neither without a runtime that can move work nor without a free turn is anything left undone.
    #[test]
    fn what_cannot_move_is_done_all_the_same() {
        let turns = Turns::default();
        assert_eq!(turns.aside(usize::MAX, || 1), 1);
        assert_eq!(Builder::new_current_thread().build().unwrap().block_on(async { turns.aside(usize::MAX, || 2) }), 2);
        let runtime = Builder::new_multi_thread().worker_threads(1).build().unwrap();
        turns.0.close();
        assert_eq!(runtime.block_on(runtime.spawn(async move { turns.aside(usize::MAX, || 3) })).unwrap(), 3);
    }
}
