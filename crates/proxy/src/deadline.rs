//! One deadline for what a request is waiting for, where Pingora has only a time-out for each read. While a request waits for its
//! upstream, Pingora listens to the client as well; when the deadline passes, the gate, or the stream of HTTP/2, lets that read end in an
//! error. The client can still be written to, so it gets its 504.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The point in time at which the connection's current request has waited long enough. Shared by the connection and its request.
#[derive(Debug, Default)]
pub(crate) struct Deadline {
    /// On the monotonic clock; 0 is none.
    at_ns: AtomicU64,
    /// It is not put off past this; 0 is no bound.
    last_ns: AtomicU64,
}

impl Deadline {
    pub(crate) fn set(&self, at_ns: u64) {
        // Relaxed: connection and request are polled by the same task.
        self.at_ns.store(at_ns.max(1), Ordering::Relaxed);
    }

    pub(crate) fn clear(&self) {
        self.at_ns.store(0, Ordering::Relaxed);
    }

    /// Nothing is waited for, and nothing bounds what will be.
    pub(crate) fn begin_anew(&self) {
        self.clear();
        self.last_ns.store(0, Ordering::Relaxed);
    }

    /// Whatever happens, this is the end.
    pub(crate) fn bound(&self, last_ns: u64) {
        self.last_ns.store(last_ns.max(1), Ordering::Relaxed);
    }

    /// For so long nobody could do what is waited for.
    pub(crate) fn put_off(&self, by: Duration) {
        let Some(at) = self.at() else { return };
        let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
        let last = Some(self.last_ns.load(Ordering::Relaxed)).filter(|last| *last != 0).unwrap_or(u64::MAX);
        self.set(at.saturating_add(by).min(last.max(at)));
    }

    /// How long it is to the end of everything, which nothing puts off.
    pub(crate) fn left(&self, now_ns: u64) -> Duration {
        match self.last_ns.load(Ordering::Relaxed) {
            0 => Duration::MAX,
            last => Duration::from_nanos(last.saturating_sub(now_ns)),
        }
    }

    /// Whether it has passed.
    pub(crate) fn passed(&self, now_ns: u64) -> bool {
        self.at().is_some_and(|at| now_ns >= at)
    }

    pub(crate) fn at(&self) -> Option<u64> {
        Some(self.at_ns.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::Deadline;
    use std::time::Duration;

    #[test]
    fn a_deadline_is_put_off_but_never_past_the_end() {
        let check = |at: u64, last: u64, by: u64, expected: Option<u64>| {
            let deadline = Deadline::default();
            if last != 0 {
                deadline.bound(last);
            }
            if at != 0 {
                deadline.set(at);
            }
            deadline.put_off(Duration::from_nanos(by));
            assert_eq!(deadline.at(), expected, "{at} {last} {by}");
        };
        check(100, 0, 50, Some(150));
        check(100, 1_000, 50, Some(150));
        check(100, 120, 50, Some(120));
        check(100, 90, 50, Some(100));
        check(100, 0, u64::MAX, Some(u64::MAX));
        check(0, 0, 50, None);
        let deadline = Deadline::default();
        assert_eq!(deadline.left(u64::MAX), Duration::MAX);
        deadline.bound(120);
        assert_eq!((deadline.left(100), deadline.left(130)), (Duration::from_nanos(20), Duration::ZERO));
        deadline.begin_anew();
        deadline.set(100);
        deadline.put_off(Duration::from_nanos(50));
        assert_eq!(deadline.at(), Some(150), "the bound was another request's");
    }
}
