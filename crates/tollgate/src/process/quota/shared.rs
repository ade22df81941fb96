//! Quotas that all nodes share, as far as one node can say: it asks the store for a consumer's count, and names the quotas that it cannot
//! list, because the store knows counters by hashes only.

use super::question::{Counter, Selection, identifier};
use engine::calendar::Rfc3339;
use engine::policy::quota::Quota;
use engine::snapshot::Snapshot;
use limits::clock::Now;
use limits::shared::Scope;
use proxy::Handle;
use std::collections::BTreeSet;

/// What there is to say of them.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) counters: Vec<Counter>,
    /// Those that are left out, by name, and why.
    pub(super) notes: Vec<String>,
}

pub(super) async fn shared(handle: &Handle, which: &Selection, now: Now) -> Shared {
    let snapshot = handle.snapshot();
    let mut found = Shared::default();
    for quota in shared_quotas(&snapshot, which) {
        let charge = which.consumer.as_deref().and_then(|consumer| quota.shared_count_of(consumer));
        match (charge, &which.consumer) {
            (Some(charge), Some(consumer)) => match handle.shared_used(charge).await {
                // Of a plan that the consumer has not got, or not used yet: there is no such counter.
                Some(0) => {}
                Some(used) => {
                    let counter = counter(quota, identifier(charge.counter), consumer, used, now);
                    let is_meant = which.id.as_ref().is_none_or(|id| counter.id.starts_with(id.as_str()));
                    found.counters.extend(Some(counter).filter(|_| is_meant));
                }
                None => {
                    found.notes.push(format!("{} is shared by all nodes, and the store does not answer", quota.name));
                }
            },
            (_, _) if which.id.is_none() => found.notes.push(not_listed(quota)),
            (_, _) => {}
        }
    }
    found
}

/// What a reset leaves as it is.
pub(super) fn not_reset(snapshot: &Snapshot, which: &Selection) -> Vec<String> {
    if which.id.is_some() {
        return Vec::new();
    }
    let quotas = shared_quotas(snapshot, which);
    quotas
        .map(|quota| format!("{} is shared by all nodes: it is counted in the store and was not reset", quota.name))
        .collect()
}

/// Each once; one of `defaults` stands on many routes.
fn shared_quotas<'s>(snapshot: &'s Snapshot, which: &Selection) -> impl Iterator<Item = &'s Quota> {
    let mut seen = BTreeSet::new();
    let policy = which.policy.clone();
    let is_shared = |quota: &&Quota| matches!(quota.scope, Scope::Cluster(_));
    snapshot.quotas().filter(is_shared).filter(move |quota| {
        policy.as_ref().is_none_or(|policy| *quota.name == **policy) && seen.insert(quota.counter.name())
    })
}

fn not_listed(quota: &Quota) -> String {
    let by = quota.by.word();
    let ask =
        if by == "consumerId" { ": ask with --consumer" } else { "; this node does not know whose counts there are" };
    format!("{} is shared by all nodes and counted in the store by {by}{ask}", quota.name)
}

fn counter(quota: &Quota, id: String, consumer: &str, used: u64, now: Now) -> Counter {
    let window = quota.period.window(now);
    let time = |seconds| Rfc3339::from_unix_seconds(seconds).as_str().to_owned();
    Counter {
        id,
        policy: quota.name.to_string(),
        per: quota.period.name().to_owned(),
        by: "consumerId".to_owned(),
        value: consumer.to_owned(),
        consumer: Some(consumer.to_owned()),
        used,
        limit: Some(quota.limit),
        starts: time(window.start_unix_s),
        ends: time(window.end_unix_s),
        shared: true,
    }
}
