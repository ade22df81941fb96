//! One deadline for what a request is waiting for, where Pingora has only a time-out for each read. While a request waits for its
//! upstream, Pingora listens to the client as well; when the deadline passes, the gate, or the stream of HTTP/2, lets that read end in an
//! error. The client can still be written to, so it gets its 504.

use crate::connection::Connection;
use limits::clock::now;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Sleep;

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

    fn at(&self) -> Option<u64> {
        Some(self.at_ns.load(Ordering::Relaxed)).filter(|at| *at != 0)
    }
}

/// Wakes a connection when its deadline passes.
#[derive(Debug)]
pub(crate) struct Alarm {
    pub(crate) connection: Arc<Connection>,
    /// Set too early rather than too often: it is only moved when it fires.
    sleep: Option<Pin<Box<Sleep>>>,
    armed_ns: u64,
    /// Whom the sleep wakes already: it need not be told again with every look.
    told: Option<Waker>,
}

impl Alarm {
    pub(crate) fn new(connection: Arc<Connection>) -> Self {
        Self { connection, sleep: None, armed_ns: 0, told: None }
    }

    /// Ready once the deadline has passed; pending, and woken in time, until then.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let Some(at) = self.connection.deadline.at() else { return Poll::Pending };
            // An alarm that is set at or before the deadline will look again when it fires.
            if let Some(sleep) = &mut self.sleep
                && self.armed_ns <= at
            {
                let wakes_us = self.told.as_ref().is_some_and(|told| told.will_wake(context.waker()));
                if wakes_us && !sleep.is_elapsed() {
                    return Poll::Pending;
                }
                if sleep.as_mut().poll(context).is_pending() {
                    self.told = Some(context.waker().clone());
                    return Poll::Pending;
                }
                self.sleep = None;
            }
            let now_ns = now().monotonic_ns;
            if now_ns >= at {
                self.sleep = None;
                return Poll::Ready(());
            }
            self.sleep = Some(Box::pin(tokio::time::sleep(Duration::from_nanos(at.saturating_sub(now_ns)))));
            self.armed_ns = at;
            self.told = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Alarm, Deadline};
    use crate::connection::Connection;
    use limits::clock::now;
    use std::future::poll_fn;
    use std::sync::Arc;
    use std::task::{Context, Waker};
    use std::time::Duration;

    #[tokio::test]
    async fn whoever_looked_last_is_woken() {
        let mut alarm = Alarm::new(Arc::new(Connection::default()));
        alarm.connection.deadline.set(now().plus(Duration::from_millis(5)).monotonic_ns);
        for _ in 0..2 {
            let _ = alarm.poll(&mut Context::from_waker(Waker::noop()));
        }
        // Without being told anew, the timer would wake nobody.
        poll_fn(|context| alarm.poll(context)).await;
    }

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
