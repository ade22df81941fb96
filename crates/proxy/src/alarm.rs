//! The timer behind a deadline: it wakes who waits, and is set as seldom as can be.

use crate::connection::Connection;
use limits::clock::now;
use std::future::Future as _;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Sleep;

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
    use super::Alarm;
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
}
