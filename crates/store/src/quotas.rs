//! Charging a request's quotas: the one step of admission that may wait, and never does with the embedded store.

use crate::charge::Charged;
use crate::counters::Counters;
use crate::shared::SharedLimits;
use arrayvec::ArrayVec;
use engine::chain::{Counted, Pending, QUOTAS_MAX, SharedCharge};
use engine::request::RequestHead;
use engine::snapshot::Snapshot;
use engine::trail::Mode;
use limits::clock::Now;
use limits::counts::QuotaCharge;

/// Charges all enforced quotas or none of them, and those in dry run each for itself. One answer for each charge, in order.
///
/// Limits that all nodes share come first: a call that one of them refuses is not billed here. A call that is refused by any of them
/// costs nothing anywhere, not in dry run either: a dry run counts the calls that the quota would have to count in force.
pub async fn charge(
    counters: &Counters,
    shared: &SharedLimits,
    pending: &mut Pending,
    snapshot: &Snapshot,
    head: &RequestHead<'_>,
    now: Now,
) -> ArrayVec<Counted, QUOTAS_MAX> {
    let granted = pending.shared().is_empty() || shared.charge(pending.shared(), now).await;
    let answers: ArrayVec<Counted, QUOTAS_MAX> = if granted {
        charge_node(counters, pending, snapshot, head, now).await
    } else {
        pending.charges().map(|_| Counted::Void).collect()
    };
    let refused_here = pending.charges().zip(&answers).any(|((mode, _), answer)| {
        *mode == Mode::Enforce && matches!(answer, Counted::Exceeded { .. } | Counted::Unavailable)
    });
    if !granted || refused_here {
        give_back(counters, shared, pending, &answers, now).await;
    }
    if !granted {
        pending.shared().iter_mut().for_each(SharedCharge::void);
    }
    answers
}

/// The one place where a call that is refused gets back what it took: of all shared limits, and of the quotas in dry run here. Those
/// that are enforced here have taken nothing: they are charged together or not at all.
async fn give_back(counters: &Counters, shared: &SharedLimits, pending: &mut Pending, answers: &[Counted], now: Now) {
    shared.refund(pending.shared(), now);
    let granted =
        |(mode, answer): (&Mode, &Counted)| *mode != Mode::Enforce && matches!(answer, Counted::Granted { .. });
    let in_dry_run = pending.charges().zip(answers).filter(|((mode, _), answer)| granted((mode, answer)));
    let charges: ArrayVec<QuotaCharge, QUOTAS_MAX> = in_dry_run.map(|((_, charge), _)| *charge).collect();
    if !charges.is_empty() {
        counters.refund(&charges).await;
    }
}

async fn charge_node(
    counters: &Counters,
    pending: &Pending,
    snapshot: &Snapshot,
    head: &RequestHead<'_>,
    now: Now,
) -> ArrayVec<Counted, QUOTAS_MAX> {
    let enforced: ArrayVec<QuotaCharge, QUOTAS_MAX> =
        pending.charges().filter(|(mode, _)| *mode == Mode::Enforce).map(|(_, charge)| *charge).collect();
    let together = if enforced.is_empty() { None } else { Some(counters.charge(&enforced, now).await) };
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
            (Mode::DryRun | Mode::Off, _) => of_enforced(&counters.charge(&[*charge], now).await, 0),
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
