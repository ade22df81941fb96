//! What was refused or failed lately, for whoever asks the running gateway: `tollgate denials` and `tollgate requests`. Kept in memory,
//! as [`Records`]; a request that ended well leaves nothing here.
//!
//! What a policy in dry run would have refused and the calls of those who loop are kept apart, and of each reason a reserve: neither of
//! them pushes out what is rare.

use crate::context::RequestContext;
use crate::installed::Installed;
use crate::storms::Retried;
use engine::denial::Denial;
use engine::names::{Name, Place, PolicyId};
use engine::reason::Reason;
use engine::snapshot::Snapshot;
use limits::clock::Now;
use limits::retries::Habit;
use pingora_proxy::Session;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use telemetry::recent::{Numbered, Recent};
use telemetry::request_id::RequestId;

/// The newest refusals and failures, whatever they are.
const DENIED_MAX: usize = 4_096;
/// The newest requests that only a policy in dry run would have refused.
const WOULD_DENY_MAX: usize = 1_024;
/// The newest calls of those who loop.
const LOOPING_MAX: usize = 1_024;
/// Of each reason, whatever else happens; and as many of it in dry run.
const RESERVE: usize = 32;
/// Of what a client chooses, in bytes; the rest is cut off.
const TEXT_BYTES_MAX: usize = 256;
/// Of the facts behind a refusal.
const FACTS_BYTES_MAX: usize = 512;

/// The rings by their place; the reserves come behind them.
const DENIED: usize = 0;
const WOULD_DENY: usize = 1;
const LOOPING: usize = 2;
const RESERVES: usize = 3;

/// One request that did not end well, or would not have.
#[derive(Debug)]
pub struct Record {
    /// When it began.
    pub unix_ms: u64,
    pub request_id: RequestId,
    pub client: Option<IpAddr>,
    /// What the client sent, cut to a bound; empty where it could not be read.
    pub method: Box<str>,
    pub host: Box<str>,
    /// Without the query.
    pub path: Box<str>,
    pub route: Option<Name>,
    pub consumer: Option<Name>,
    pub plan: Option<Name>,
    /// What the client got.
    pub status: u16,
    /// None for what upstream itself answered, and for what only would have been refused.
    pub denied: Option<Denied>,
    /// What policies in dry run would have refused, each with its policy.
    pub would_deny: Box<[(Reason, Option<Decider>)]>,
    /// A shared limit was decided without the store.
    pub without_store: bool,
    pub retry: Option<Retried>,
    pub upstream: Option<Name>,
    pub endpoint: Option<Name>,
    /// How often an endpoint was tried.
    pub attempts: u32,
    pub upstream_status: Option<u16>,
    pub duration: Duration,
    pub revision: Name,
}

/// Why a request was refused or failed.
#[derive(Debug)]
pub struct Denied {
    pub reason: Reason,
    /// None for what HTTP itself forbids, and for failures.
    pub policy: Option<Decider>,
    /// One sentence for the operator.
    pub facts: Option<Box<str>>,
    pub retry_after: Option<Duration>,
}

/// A policy by its name and its place in the config of that time.
#[derive(Clone, Debug)]
pub struct Decider {
    pub name: Name,
    pub place: Place,
}

pub(crate) struct Records {
    recent: Recent<Record>,
}

/// What [`Records::note`] is told beside the request itself.
#[derive(Clone, Copy)]
pub(crate) struct Ending {
    pub(crate) status: u16,
    /// Some policy in dry run would have refused it.
    pub(crate) would_deny: bool,
    pub(crate) retry: Option<Retried>,
    pub(crate) at: Now,
}

impl Default for Records {
    fn default() -> Self {
        let reserves = std::iter::repeat_n(RESERVE, 2 * Reason::ALL.len());
        Self { recent: Recent::new([DENIED_MAX, WOULD_DENY_MAX, LOOPING_MAX].into_iter().chain(reserves)) }
    }
}

impl Records {
    /// The number of the newest record; 0 if there is none.
    pub(crate) fn last(&self) -> u64 {
        self.recent.last()
    }

    /// Records with numbers above `after`, up to `to`, in their order, as far as they are still kept.
    pub(crate) fn between(&self, after: u64, to: u64) -> Vec<Arc<Numbered<Record>>> {
        self.recent.between(after, to)
    }

    /// A request has ended. Keeps it if it was refused, failed, would have been refused, or was sent by a caller who loops.
    pub(crate) fn note(&self, session: &Session, context: &RequestContext, ending: Ending) {
        let Ending { status, would_deny, retry, at } = ending;
        let is_looping = retry.is_some_and(|retry| retry.habit == Habit::Looping);
        if context.denial.is_none() && !would_deny && !is_looping {
            return;
        }
        let snapshot = &*context.installed.snapshot;
        let request = session.req_header();
        let identity = context.identity();
        let attempt = &context.attempt;
        let admission = context.admission();
        let upstream = admission.and_then(|admission| snapshot.upstream(admission.upstream()?));
        let upstream = upstream.filter(|_| attempt.count > 0);
        let endpoint = attempt.endpoint.and_then(|index| upstream?.endpoints.get(index));
        let watched = context.trail.would_deny().map(|(policy, reason)| (reason, decider(snapshot, policy)));
        self.put(Record {
            unix_ms: context.received.unix_ms,
            request_id: context.request_id,
            client: context.client,
            method: cut(request.method.as_str()),
            host: cut(&context.host),
            path: cut(context.path.as_deref().unwrap_or_else(|| request.uri.path())),
            route: context.route.and_then(|id| snapshot.route(id)).map(|route| Name::clone(&route.name)),
            consumer: identity.consumer_id().map(Name::clone),
            plan: identity.plan.as_ref().map(|plan| Name::clone(&plan.name)),
            status,
            denied: context.denial.as_ref().map(|denial| denied(snapshot, denial)),
            would_deny: if would_deny { watched.collect() } else { Box::default() },
            without_store: context.trail.without_store(),
            retry,
            upstream: upstream.map(|upstream| Name::clone(&upstream.name)),
            endpoint: endpoint.map(|endpoint| Name::clone(&endpoint.label)),
            attempts: attempt.count,
            upstream_status: attempt.status,
            duration: at.since(context.received),
            revision: Name::clone(&snapshot.revision),
        });
    }

    /// What was refused before it was a request.
    pub(crate) fn note_unread(&self, installed: &Installed, denial: &Denial, unread: Unread<'_>) {
        let Unread { request_id, client, method, path, status, began, ended } = unread;
        self.put(Record {
            unix_ms: began.unix_ms,
            request_id,
            client,
            method: cut(&String::from_utf8_lossy(method)),
            host: Box::default(),
            path: cut(&String::from_utf8_lossy(path)),
            route: None,
            consumer: None,
            plan: None,
            status,
            denied: Some(denied(&installed.snapshot, denial)),
            would_deny: Box::default(),
            without_store: false,
            retry: None,
            upstream: None,
            endpoint: None,
            attempts: 0,
            upstream_status: None,
            duration: ended.since(began),
            revision: Name::clone(&installed.snapshot.revision),
        });
    }

    fn put(&self, record: Record) {
        let rings = rings(&record);
        self.recent.put(record, &rings);
    }
}

/// A refusal before there is a request, as far as it could be read.
#[derive(Clone, Copy)]
pub(crate) struct Unread<'a> {
    pub(crate) request_id: RequestId,
    pub(crate) client: Option<IpAddr>,
    pub(crate) method: &'a [u8],
    pub(crate) path: &'a [u8],
    pub(crate) status: u16,
    pub(crate) began: Now,
    pub(crate) ended: Now,
}

/// The ring of its sort and the reserve of its reason. A storm has one ring for itself: it is the same request again and again.
fn rings(record: &Record) -> [usize; 2] {
    if record.retry.is_some_and(|retry| retry.habit == Habit::Looping) {
        return [LOOPING, usize::MAX];
    }
    let reserve = |reason: Reason, of: usize| RESERVES + of * Reason::ALL.len() + reason as usize;
    match (&record.denied, record.would_deny.first()) {
        (Some(denied), _) => [DENIED, reserve(denied.reason, 0)],
        (None, Some((reason, _))) => [WOULD_DENY, reserve(*reason, 1)],
        (None, None) => [usize::MAX, usize::MAX],
    }
}

fn denied(snapshot: &Snapshot, denial: &Denial) -> Denied {
    Denied {
        reason: denial.reason,
        policy: decider(snapshot, denial.policy),
        facts: denial.facts().map(|facts| cut_to(&facts, FACTS_BYTES_MAX)),
        retry_after: denial.retry_after,
    }
}

fn decider(snapshot: &Snapshot, policy: Option<PolicyId>) -> Option<Decider> {
    let policy = snapshot.policy(policy?)?;
    Some(Decider { name: Name::clone(&policy.name), place: policy.place.clone() })
}

fn cut(text: &str) -> Box<str> {
    cut_to(text, TEXT_BYTES_MAX)
}

fn cut_to(text: &str, bytes_max: usize) -> Box<str> {
    let end = (0..=bytes_max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or_default()).unwrap_or_default().into()
}

#[cfg(test)]
mod tests;
