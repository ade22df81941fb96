//! Charging a request's quotas: the one step of admission that may wait, where a limit is shared by all nodes.

use crate::charge::Charged;
use crate::counters::Counters;
use crate::shared::SharedLimits;
use arrayvec::ArrayVec;
use engine::chain::{Counted, Pending, QUOTAS_MAX};
use engine::request::RequestHead;
use engine::snapshot::Snapshot;
use engine::trail::Mode;
use limits::clock::Now;
use limits::counts::QuotaCharge;

/// Charges all enforced quotas or none of them, and those in dry run each for itself. One answer for each charge, in order.
///
/// Limits that all nodes share come first: a call that one of them refuses is not billed here, and if it is refused here they get
/// back what they gave.
pub async fn charge(
    counters: &Counters,
    shared: &SharedLimits,
    pending: &mut Pending,
    snapshot: &Snapshot,
    head: &RequestHead<'_>,
    now: Now,
) -> ArrayVec<Counted, QUOTAS_MAX> {
    let granted = !pending.is_shared() || shared.charge(pending.shared(), now).await;
    if !granted {
        return pending.charges().map(|_| Counted::Void).collect();
    }
    let answers = charge_own(counters, pending, snapshot, head, now);
    let refused = pending.charges().zip(&answers).any(|((mode, _), answer)| {
        *mode == Mode::Enforce && matches!(answer, Counted::Exceeded { .. } | Counted::Unavailable)
    });
    if refused {
        shared.refund(pending.shared(), now, now);
    }
    answers
}

/// The same for a call that is counted nowhere but here: nothing is waited for.
pub fn charge_own(
    counters: &Counters,
    pending: &Pending,
    snapshot: &Snapshot,
    head: &RequestHead<'_>,
    now: Now,
) -> ArrayVec<Counted, QUOTAS_MAX> {
    let enforced: ArrayVec<QuotaCharge, QUOTAS_MAX> =
        pending.charges().filter(|(mode, _)| *mode == Mode::Enforce).map(|(_, charge)| *charge).collect();
    let together = if enforced.is_empty() { None } else { Some(counters.charge(&enforced, now)) };
    let mut turn = 0;
    let mut answers = ArrayVec::new();
    for (mode, charge) in pending.charges() {
        answers.push(match (mode, &together) {
            (Mode::Enforce, Some(charged)) => {
                let answer = of_enforced(charged, turn);
                turn = turn.saturating_add(1);
                answer
            }
            (Mode::Enforce, None) => Counted::Unavailable,
            (Mode::DryRun | Mode::Off, _) => of_enforced(&counters.charge(&[*charge], now), 0),
        });
    }
    for (index, ((_, charge), answer)) in pending.charges().zip(&answers).enumerate() {
        // The first of its period: a new counter, or one that may have come back without a name.
        if *answer == (Counted::Granted { used: 1 })
            && let Some(name) = pending.counter_name(index, snapshot, head)
        {
            counters.name(charge.counter, || name);
        }
    }
    answers
}

fn of_enforced(charged: &Charged, turn: usize) -> Counted {
    match charged {
        Charged::Granted { used } => {
            used.get(turn).map_or(Counted::Unavailable, |used| Counted::Granted { used: *used })
        }
        Charged::Exceeded { index, used } if *index == turn => Counted::Exceeded { used: *used },
        Charged::Exceeded { .. } => Counted::Void,
        Charged::Unavailable => Counted::Unavailable,
    }
}
