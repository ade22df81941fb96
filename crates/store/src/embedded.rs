//! Counters in this process's memory. No other node sees them; what is left of them after the process is [`crate::disk`]'s work.

use std::sync::Arc;

use limits::clock::Now;
use limits::counts::{Charge, CounterName, Counts};
use limits::keyed::Key;
use limits::window::Window;

use crate::charge::{CHARGES_MAX, Charged, QuotaCharge};

#[derive(Debug)]
pub struct Embedded {
    counts: Arc<Counts>,
}

impl Embedded {
    /// Holds at most `counters_max` counters.
    #[must_use]
    pub fn new(counters_max: usize) -> Self {
        Self { counts: Arc::new(Counts::new(counters_max)) }
    }

    /// For a [`crate::disk::Disk`] to write down.
    #[must_use]
    pub fn journaled(counters_max: usize) -> Self {
        Self { counts: Arc::new(Counts::journaled(counters_max)) }
    }

    /// The table itself: for whoever lists, resets or writes it down.
    #[must_use]
    pub const fn counts(&self) -> &Arc<Counts> {
        &self.counts
    }

    /// Charges one after the other and gives back what it took when one fails. While it does, another request may find the
    /// first counter one fuller than it will turn out to be: at the edge that refuses one too many, never grants one.
    #[must_use]
    pub fn charge(&self, charges: &[QuotaCharge], now: Now) -> Charged {
        if charges.len() > CHARGES_MAX {
            return Charged::Unavailable;
        }
        let mut counted = [0; CHARGES_MAX];
        for (index, (charge, counted)) in charges.iter().zip(&mut counted).enumerate() {
            let failed = match self.counts.charge_one(*charge, now) {
                Charge::Granted { used } => {
                    *counted = used;
                    continue;
                }
                Charge::Exceeded { used } => Charged::Exceeded { index, used },
                Charge::Full => Charged::Unavailable,
            };
            charges.iter().take(index).for_each(|taken| self.counts.refund(taken.counter, taken.window));
            return failed;
        }
        Charged::Granted { used: counted }
    }

    /// Gives back what one granted charge took.
    pub fn refund(&self, charges: &[QuotaCharge]) {
        for charge in charges {
            self.counts.refund(charge.counter, charge.window);
        }
    }

    /// Names a counter that has no name yet.
    pub fn name(&self, counter: Key, make: impl FnOnce() -> CounterName) {
        self.counts.name(counter, make);
    }

    #[must_use]
    pub fn used(&self, counter: Key, window: Window) -> u64 {
        self.counts.used(counter, window)
    }

    #[must_use]
    pub fn len(&self) -> usize {
        self.counts.len()
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
