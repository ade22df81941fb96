//! One request of one caller that was refused, and how the caller comes back for it.
//!
//! A *retry* is the same request, begun after a refusal of it had been answered. It is *patient* if it waited as long as it was told
//! (`Retry-After`), or clearly longer than the last time; *slow* if it waited ten seconds at least, whatever it was told; *hasty*
//! otherwise. Three hasty retries in a row are a storm: the caller loops. Two patient ones end it, and so does half a minute without
//! a hasty one. That an early retry happens to be admitted is no excuse: whoever sends at twice the limit without listening gets
//! half of it through.

use super::{Mark, Noted};
use crate::clock::Now;
use std::time::Duration;

/// Hasty retries in a row that are a storm. One is what many libraries do at first; two may be bad luck with jitter.
const HASTY_MIN: u8 = 3;
/// Patient retries in a row that end one.
const PATIENT_MIN: u8 = 2;
/// Without a hasty retry for so long a storm is over.
const QUIET_NS: u64 = 30_000_000_000;
/// Who waits so long harms nobody.
const SLOW_NS: u64 = 10_000_000_000;
/// Gaps below this do not count as growing: from one millisecond to two is no backing off.
const GROWING_NS: u64 = 100_000_000;
/// A request is forgotten so long after it was last seen, and after the wait that it was told.
const MEMORY_NS: u64 = 60_000_000_000;
/// As far as that wait is awaited: nobody is pursued until the end of the month.
const AWAITED_NS: u64 = 600_000_000_000;

/// How a caller comes back after a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Habit {
    /// It waits as long as it was told, or longer each time.
    BackingOff,
    /// It sends the same again and again.
    Looping,
}

/// A storm has begun, or the caller has calmed down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Began,
    /// With so many retries since the first refusal.
    Ended {
        retries: u32,
    },
}

/// One request from its arrival to its answer.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    pub began: Now,
    pub ended: Now,
    /// 429 or 5xx.
    pub refused: bool,
    /// What the refusal told the caller to wait.
    pub wait: Option<Duration>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Pursuit {
    pub(super) request: Mark,
    /// When the first refusal was answered.
    first_ns: u64,
    /// Of the refusal that a retry is awaited for; none while none is.
    refused_ns: Option<u64>,
    wait_ns: u64,
    /// Before the last retry.
    gap_ns: u64,
    pub(super) seen_ns: u64,
    hasty_ns: u64,
    pub(super) retries: u32,
    hasty: u8,
    patient: u8,
    pub(super) looping: bool,
}

enum Pace {
    Patient,
    Slow,
    Hasty,
}

impl Pursuit {
    pub(super) fn new(request: Mark, answered: Answered) -> Self {
        let mut pursuit = Self {
            request,
            first_ns: answered.ended.monotonic_ns,
            refused_ns: None,
            wait_ns: 0,
            gap_ns: 0,
            seen_ns: 0,
            hasty_ns: 0,
            retries: 0,
            hasty: 0,
            patient: 0,
            looping: false,
        };
        pursuit.answer(answered);
        pursuit
    }

    pub(super) fn note(&mut self, answered: Answered) -> Noted {
        let began_ns = answered.began.monotonic_ns;
        if self.is_past(began_ns) && !self.looping {
            *self = Self::new(self.request, answered);
            return Noted::default();
        }
        let mut noted = Noted::default();
        // Begun before the refusal was known: one of several at once, and no retry of it.
        if let Some(gap_ns) = self.refused_ns.and_then(|refused_ns| began_ns.checked_sub(refused_ns)) {
            self.refused_ns = None;
            self.retries = self.retries.saturating_add(1);
            noted = self.judge(gap_ns, answered.ended.monotonic_ns);
            self.gap_ns = gap_ns;
        }
        if self.looping {
            noted.habit = Some(Habit::Looping);
        }
        self.answer(answered);
        noted.tries = self.retries.saturating_add(1);
        noted.lasting = Duration::from_nanos(answered.ended.monotonic_ns.saturating_sub(self.first_ns));
        noted
    }

    fn judge(&mut self, gap_ns: u64, now_ns: u64) -> Noted {
        let mut noted = Noted::default();
        match self.pace(gap_ns) {
            Pace::Hasty => {
                self.hasty = self.hasty.saturating_add(1);
                self.patient = 0;
                self.hasty_ns = now_ns;
                if self.hasty >= HASTY_MIN && !self.looping {
                    self.looping = true;
                    noted.change = Some(Change::Began);
                }
            }
            Pace::Slow => self.hasty = 0,
            Pace::Patient => {
                self.hasty = 0;
                self.patient = self.patient.saturating_add(1);
                if self.looping && self.patient >= PATIENT_MIN {
                    noted.change = Some(Change::Ended { retries: self.retries });
                    self.looping = false;
                }
                noted.habit = Some(Habit::BackingOff);
            }
        }
        noted
    }

    fn pace(&self, gap_ns: u64) -> Pace {
        // Timers of clients run a little fast; a tenth is forgiven.
        let told_ns = self.wait_ns.saturating_sub(self.wait_ns / 10);
        let kept = self.wait_ns > 0 && gap_ns >= told_ns;
        let grown = gap_ns >= GROWING_NS && gap_ns >= self.gap_ns.saturating_add(self.gap_ns / 4);
        if kept || grown {
            Pace::Patient
        } else if gap_ns >= SLOW_NS {
            Pace::Slow
        } else {
            Pace::Hasty
        }
    }

    fn answer(&mut self, answered: Answered) {
        let ended_ns = answered.ended.monotonic_ns;
        self.seen_ns = self.seen_ns.max(ended_ns);
        if !answered.refused {
            self.refused_ns = None;
        } else if self.refused_ns.is_none() {
            // Of several at once the first: the retry that comes next is held against the longest gap.
            self.refused_ns = Some(ended_ns);
            let wait = answered.wait.unwrap_or_default();
            self.wait_ns = u64::try_from(wait.as_nanos()).unwrap_or(u64::MAX);
        }
    }

    /// Ends a storm in which nothing hasty has come for a while.
    pub(super) fn has_died_down(&mut self, now_ns: u64) -> bool {
        let ends = self.looping && now_ns.saturating_sub(self.hasty_ns) >= QUIET_NS;
        if ends {
            self.looping = false;
            self.hasty = 0;
        }
        ends
    }

    /// So long ago that what comes next is no retry of it.
    pub(super) fn is_past(&self, now_ns: u64) -> bool {
        now_ns.saturating_sub(self.seen_ns) > MEMORY_NS.saturating_add(self.wait_ns.min(AWAITED_NS))
    }
}
