//! The counters behind one interface: an enum of the stores there are, no trait objects.

use std::sync::Arc;

use limits::clock::Now;
use limits::counts::{CounterName, Counts};
use limits::keyed::Key;
use limits::window::Window;

use crate::charge::{Charged, QuotaCharge};
use crate::embedded::Embedded;

#[derive(Debug)]
pub enum Counters {
    /// This process's own memory.
    Embedded(Embedded),
}

impl Counters {
    /// Holds at most `counters_max` counters.
    #[must_use]
    pub fn embedded(counters_max: usize) -> Self {
        Self::Embedded(Embedded::new(counters_max))
    }

    /// The same for a [`crate::disk::Disk`] to write down.
    #[must_use]
    pub fn journaled(counters_max: usize) -> Self {
        Self::Embedded(Embedded::journaled(counters_max))
    }

    /// The counts that this process holds itself.
    #[must_use]
    pub const fn counts(&self) -> &Arc<Counts> {
        match self {
            Self::Embedded(embedded) => embedded.counts(),
        }
    }

    /// Charges all or none, in order. Waits for nobody: what is counted together with other nodes is a shared limit. Allocates nothing.
    #[must_use]
    pub fn charge(&self, charges: &[QuotaCharge], now: Now) -> Charged {
        match self {
            Self::Embedded(embedded) => embedded.charge(charges, now),
        }
    }

    /// Gives back what one granted [`Counters::charge`] took, where the window is still the same.
    pub fn refund(&self, charges: &[QuotaCharge]) {
        match self {
            Self::Embedded(embedded) => embedded.refund(charges),
        }
    }

    /// Names a counter that has no name yet, for whoever reads the counts.
    pub fn name(&self, counter: Key, make: impl FnOnce() -> CounterName) {
        match self {
            Self::Embedded(embedded) => embedded.name(counter, make),
        }
    }

    /// What this process knows to be used of a window, without asking anybody.
    #[must_use]
    pub fn used(&self, counter: Key, window: Window) -> u64 {
        match self {
            Self::Embedded(embedded) => embedded.used(counter, window),
        }
    }

    /// How many counters this process holds, those of past windows included.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Embedded(embedded) => embedded.len(),
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}
