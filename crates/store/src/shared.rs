//! The limits that all nodes share, behind one interface: an enum of the places where they can be counted.

pub mod alone;
pub mod settings;
pub mod watch;

use crate::fleet::Fleet;
use alone::Alone;
use engine::chain::{SharedAnswer, SharedCharge};
use engine::trail::Mode;
use limits::clock::Now;
use limits::shared::Charge;
use std::sync::Arc;

#[derive(Debug)]
pub enum SharedLimits {
    /// There is no other node: counted in this process's memory.
    Alone(Box<Alone>),
    Fleet(Arc<Fleet>),
}

impl SharedLimits {
    /// For a gateway without a store: holds at most `keys_max` buckets and as many counts.
    #[must_use]
    pub fn alone(keys_max: usize) -> Self {
        Self::Alone(Box::new(Alone::new(keys_max)))
    }

    /// The first contact with the store, so that a gateway which says that it is ready has its limits. Takes a second at most.
    pub async fn connect(&self) {
        if let Self::Fleet(fleet) = self {
            fleet.connect().await;
        }
    }

    /// The work beside serving, for as long as this is polled. The runtime that it runs on owns the connection.
    pub async fn run(self: Arc<Self>) {
        if let Self::Fleet(fleet) = &*self {
            Arc::clone(fleet).run().await;
        }
    }

    /// Gives back what this node holds and does not need any more. Takes a second at most.
    pub async fn stop(&self) {
        if let Self::Fleet(fleet) = self {
            Arc::clone(fleet).stop().await;
        }
    }

    /// Charges one after the other, each with an answer of its own: enforced ones until one of them is refused, those in dry run each
    /// for itself. False if one was refused; then all that was granted is the caller's to give back.
    pub async fn charge(&self, charges: &mut [SharedCharge], now: Now) -> bool {
        let mut granted = true;
        for charge in charges {
            let enforced = charge.mode == Mode::Enforce;
            if enforced && !granted {
                charge.answer(SharedAnswer::Void, now);
                continue;
            }
            let answer = match self {
                Self::Alone(alone) => alone
                    .take(charge.charge.counter, charge.charge.limit, now)
                    .map_or(SharedAnswer::Unavailable, SharedAnswer::Counted),
                Self::Fleet(fleet) => fleet.charge(charge.charge, now).await,
            };
            charge.answer(answer, now);
            granted &= !enforced || answer.is_granted();
        }
        granted
    }

    /// How much of a limit is used by the store's count, what nodes hold of it included; none if the store cannot be asked.
    pub async fn used(&self, charge: Charge) -> Option<u64> {
        match self {
            Self::Alone(_) => None,
            Self::Fleet(fleet) => fleet.used(charge).await,
        }
    }

    /// Gives back what granted charges took, without waiting.
    pub fn refund(&self, charges: &[SharedCharge], now: Now) {
        for shared in charges {
            let (charge, taken) = (shared.charge, shared.taken());
            match self {
                Self::Alone(alone) if shared.is_counted() => alone.give_back(charge.counter, charge.limit, taken, now),
                Self::Fleet(fleet) if shared.is_counted() => fleet.give_back(charge, taken, now),
                Self::Fleet(fleet) if shared.is_granted_alone() => fleet.give_back_alone(charge, taken, now),
                Self::Alone(_) | Self::Fleet(_) => {}
            }
        }
    }
}
