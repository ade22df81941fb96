//! Whether a store may be asked. After one failure nobody asks any more, so a dead store costs one time-out and then nothing;
//! somebody in the background tries it again and again and lets the others know.
//!
//! No I/O and no clock in here. Requests only ever ask [`Breaker::pass`]; probing is not theirs.

use std::time::Duration;

/// From one fruitless probe to the next, at first; doubled each time.
const PROBE_INTERVAL_MIN: Duration = Duration::from_millis(100);
const PROBE_INTERVAL_MAX: Duration = Duration::from_secs(2);

/// The right to ask once. Says which connection it was given for, so that a failure of an earlier one changes nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pass(u64);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open { probe_at_ns: u64, interval: Duration },
}

/// Starts open: the first probe is the first contact.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Breaker {
    state: State,
    /// How often it has been closed.
    generation: u64,
}

impl Default for Breaker {
    fn default() -> Self {
        Self { state: State::Open { probe_at_ns: 0, interval: PROBE_INTERVAL_MIN }, generation: 0 }
    }
}

impl Breaker {
    /// None while the store is not to be asked.
    #[must_use]
    pub const fn pass(&self) -> Option<Pass> {
        match self.state {
            State::Closed => Some(Pass(self.generation)),
            State::Open { .. } => None,
        }
    }

    /// A call failed or was not answered in time. True if that opened the breaker. The first probe may follow at once: a store
    /// that only stumbled is back as soon as it answers.
    pub fn failed(&mut self, pass: Pass, now_ns: u64) -> bool {
        let opens = self.pass() == Some(pass);
        if opens {
            self.state = State::Open { probe_at_ns: now_ns, interval: PROBE_INTERVAL_MIN };
        }
        opens
    }

    /// Whether the store is to be tried now. Whoever tries says how it went.
    #[must_use]
    pub const fn wants_probe(&self, now_ns: u64) -> bool {
        match self.state {
            State::Closed => false,
            State::Open { probe_at_ns, .. } => now_ns >= probe_at_ns,
        }
    }

    /// The probe was answered: the store may be asked again.
    pub fn probe_answered(&mut self) {
        if self.pass().is_none() {
            self.generation = self.generation.saturating_add(1);
            self.state = State::Closed;
        }
    }

    /// The probe came to nothing: later, and then later still.
    pub fn probe_failed(&mut self, now_ns: u64) {
        if let State::Open { interval, .. } = self.state {
            let wait_ns = u64::try_from(interval.as_nanos()).unwrap_or(u64::MAX);
            let interval = interval.saturating_mul(2).min(PROBE_INTERVAL_MAX);
            self.state = State::Open { probe_at_ns: now_ns.saturating_add(wait_ns), interval };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    fn closed() -> Breaker {
        let mut breaker = Breaker::default();
        breaker.probe_answered();
        breaker
    }

    #[test]
    fn the_first_failure_opens_and_the_first_answer_to_a_probe_closes() {
        let mut breaker = closed();
        let pass = breaker.pass().expect("closed");
        assert!(!breaker.wants_probe(u64::MAX));
        assert!(breaker.failed(pass, 5 * MS));
        assert!(!breaker.failed(pass, 6 * MS), "it is open already");
        assert_eq!(breaker.pass(), None);
        assert!(breaker.wants_probe(5 * MS));
        breaker.probe_answered();
        assert!(breaker.pass().is_some_and(|next| next != pass));
    }

    #[test]
    fn a_call_from_before_does_not_open_it_again() {
        let mut breaker = closed();
        let before = breaker.pass().expect("closed");
        breaker.failed(before, 0);
        breaker.probe_answered();
        assert!(!breaker.failed(before, MS));
        assert!(breaker.pass().is_some());
    }

    #[test]
    fn probes_become_rarer_up_to_a_bound() {
        let mut breaker = Breaker::default();
        let (mut now, mut waits) = (0, Vec::new());
        for _ in 0..8 {
            assert!(breaker.wants_probe(now));
            breaker.probe_failed(now);
            let wait = (0..10_000).find(|ms| breaker.wants_probe(now + ms * MS)).expect("one day");
            waits.push(wait);
            now += wait * MS;
        }
        assert_eq!(waits, [100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000]);
    }

    #[test]
    fn nobody_asks_before_the_first_contact() {
        assert_eq!(Breaker::default().pass(), None);
        assert!(Breaker::default().wants_probe(0));
    }
}
