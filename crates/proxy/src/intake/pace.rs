//! How slow a client may send its body and read its answer.

use limits::clock::Now;
use std::fmt;
use std::time::Duration;

/// Bounds on a client that is slow. Only the time that the gateway waits for the client counts, never what an upstream takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Between two reads of a body.
    pub(crate) read_timeout: Duration,
    /// For one write: a client that takes nothing for so long is cut off.
    pub(crate) write_timeout: Duration,
    /// How long a body may come as slowly as it likes.
    pub(crate) grace: Duration,
    /// What a body has to make on average once the grace is over. 0 asks for nothing.
    pub(crate) body_bytes_per_second_min: u64,
}

impl Pace {
    /// What is sane for APIs: a phone on a bad line passes, a body of one byte a minute does not.
    pub(crate) const DEFAULT: Self = Self {
        read_timeout: Duration::from_secs(30),
        write_timeout: Duration::from_secs(60),
        grace: Duration::from_secs(10),
        body_bytes_per_second_min: 240,
    };
}

/// How one body has come so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Progress {
    waiting_since: Option<Now>,
    waited: Duration,
    bytes: u64,
}

impl Progress {
    /// Nothing is there; the wait begins unless it already has.
    pub(super) fn wait(&mut self, now: impl FnOnce() -> Now) {
        self.waiting_since.get_or_insert_with(now);
    }

    /// Fails if the body is no longer fast enough.
    pub(super) fn arrived(&mut self, bytes: usize, pace: &Pace, now: impl FnOnce() -> Now) -> Result<(), SlowBody> {
        self.bytes = self.bytes.saturating_add(count(bytes));
        let Some(since) = self.waiting_since.take() else { return Ok(()) };
        self.waited = self.waited.saturating_add(now().since(since));
        judge(self.bytes, self.waited, pace)
    }

    /// The same while a piece is under way, of which so many bytes have come.
    pub(super) fn is_under_way(&self, bytes: usize, pace: &Pace, now: Now) -> Result<(), SlowBody> {
        let waiting = self.waiting_since.map_or(Duration::ZERO, |since| now.since(since));
        judge(self.bytes.saturating_add(count(bytes)), self.waited.saturating_add(waiting), pace)
    }
}

fn count(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

fn judge(bytes: u64, waited: Duration, pace: &Pace) -> Result<(), SlowBody> {
    let asked = waited.as_millis().saturating_mul(u128::from(pace.body_bytes_per_second_min)) / 1_000;
    if waited <= pace.grace || u128::from(bytes) >= asked { Ok(()) } else { Err(SlowBody { bytes, waited }) }
}

/// A body that would take for ever.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SlowBody {
    bytes: u64,
    waited: Duration,
}

impl fmt::Display for SlowBody {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes of the body came in {:?} of waiting", self.bytes, self.waited)
    }
}

impl std::error::Error for SlowBody {}

#[cfg(test)]
mod tests {
    use super::{Pace, Progress};
    use limits::clock::Now;
    use std::time::Duration;

    const START: Now = Now::at_unix_seconds(1_000);

    /// `steps`: seconds of waiting, seconds of the gateway's own work, bytes. Says whether the last step was fast enough.
    fn check(name: &str, steps: &[(u64, u64, usize)], expected: bool) {
        let pace = Pace { grace: Duration::from_secs(10), body_bytes_per_second_min: 100, ..Pace::DEFAULT };
        let mut progress = Progress::default();
        let (mut now, mut found) = (START, true);
        for (waited, worked, bytes) in steps {
            progress.wait(|| now);
            now = now.plus(Duration::from_secs(*waited));
            found = progress.arrived(*bytes, &pace, || now).is_ok();
            now = now.plus(Duration::from_secs(*worked));
        }
        assert_eq!(found, expected, "{name}");
    }

    #[test]
    fn a_piece_under_way_counts_for_what_has_come() {
        let pace = Pace { grace: Duration::from_secs(10), body_bytes_per_second_min: 100, ..Pace::DEFAULT };
        let mut progress = Progress::default();
        progress.wait(|| START);
        let check = |seconds: u64, bytes: usize, expected: bool| {
            let now = START.plus(Duration::from_secs(seconds));
            assert_eq!(progress.is_under_way(bytes, &pace, now).is_ok(), expected, "{seconds} {bytes}");
        };
        check(10, 0, true);
        check(11, 1_099, false);
        check(11, 1_100, true);
    }

    #[test]
    fn paces() {
        check("slow within the grace", &[(10, 0, 1)], true);
        check("slow beyond the grace", &[(11, 0, 1)], false);
        check("just fast enough", &[(11, 0, 1_100)], true);
        check("a drip", &[(4, 0, 10), (4, 0, 10), (4, 0, 10)], false);
        check("a slow upstream is not the client's fault", &[(1, 100, 10), (1, 100, 10), (1, 0, 10)], true);
        check("what came early counts", &[(0, 0, 10_000), (60, 0, 1)], true);
    }
}
