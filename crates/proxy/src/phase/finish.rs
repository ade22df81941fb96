//! The end of a request: a failure gets its reason and its reply, charges are refunded, and the record is written once.

use crate::context::{RequestContext, Stage};
use crate::fault::{self, Progress};
use crate::intake::body_fault;
use crate::phase::connect::DECIDED;
use crate::records::Ending;
use crate::respond;
use crate::shared::Shared;
use crate::storms::{self, Retried};
use engine::denial::Denial;
use engine::reason::{Fault, Kind, Reason};
use limits::clock::{Now, now};
use pingora::Error;
use pingora_proxy::{FailToProxy, Session};
use telemetry::access_log::Entry;

/// An exchange has failed for good: says so to the client, if its answer has not begun.
pub(crate) async fn failed(
    shared: &Shared,
    session: &mut Session,
    error: &Error,
    context: &mut RequestContext,
) -> FailToProxy {
    let denial = reason_of(error, context, now());
    count_failure(context, &denial);
    refund(shared, context, &denial);
    let status = denial.reason.status();
    let gone = denial.reason == Reason::ClientClosedRequest;
    context.denial.get_or_insert_with(|| denial.clone());
    if !gone && let Err(error) = tell(session, context, denial).await {
        tracing::debug!(%error, "reply to a failed request not delivered");
    }
    FailToProxy { error_code: status, can_reuse_downstream: false }
}

/// The connection is closed behind what is told: what the client may still be sending is not known.
async fn tell(session: &mut Session, context: &mut RequestContext, denial: Denial) -> pingora::Result<()> {
    if respond::is_kept(session, context) {
        return respond::refuse_instead(session, context, &denial).await;
    }
    if session.response_written().is_some_and(|response| !response.status.is_informational()) {
        // A broken end says all that can be said.
        return Ok(());
    }
    if let Some(hold) = context.hold() {
        hold.let_go();
    }
    session.set_keepalive(None);
    respond::refuse(session, context, denial).await
}

/// The refusal that stands for this error: the one already decided on, the deadline that passed, or what the network did.
fn reason_of(error: &Error, context: &RequestContext, now: Now) -> Denial {
    if let Some(denial) = &context.denial {
        return denial.clone();
    }
    if let Some(denial) = body_fault(error) {
        return denial;
    }
    if error.etype() == &DECIDED {
        return Denial::new(Reason::InternalError).because("an error without its refusal");
    }
    let total = context.total_is_over(now);
    // While it connects, the request waits under the connector's own time-outs.
    let unconnected = context.attempt.progress == Progress::Unconnected;
    let deadline_passed = context.deadline().is_some_and(|deadline| deadline.passed(now.monotonic_ns));
    if deadline_passed || unconnected && total {
        let reason = match (total, context.attempt.progress) {
            (true, _) => Reason::TotalTimeout,
            (false, Progress::Unconnected | Progress::Waiting) => Reason::FirstByteTimeout,
            (false, Progress::Answering) => Reason::IdleTimeout,
        };
        return Denial::new(reason).because("the deadline of the upstream's timeouts passed");
    }
    fault::denial(error, context.attempt.progress)
}

fn count_failure(context: &RequestContext, denial: &Denial) {
    let is_upstreams = denial.kind().fault() == Fault::Upstream;
    let upstream = context.admission().and_then(|admission| context.installed.upstream(admission.upstream()?));
    if let (true, Some((_, prepared))) = (is_upstreams, upstream) {
        prepared.metrics.failed(denial.reason.code());
    }
}

/// A call that the gateway refused after all, or could not send, is not billed. One that upstream has received is, whatever became
/// of it then.
pub(crate) fn refund(shared: &Shared, context: &mut RequestContext, denial: &Denial) {
    let refused = match denial.kind().fault() {
        Fault::Client => denial.reason != Reason::ClientClosedRequest,
        Fault::Operator => true,
        Fault::Upstream => false,
    };
    let unsent = context.attempt.progress == Progress::Unconnected;
    if let (Stage::Admitted(admission), true) = (&mut context.stage, refused || unsent) {
        let charges = admission.take_charges();
        if !charges.is_empty() {
            shared.counters.refund(&charges);
        }
        let charges = admission.take_shared_charges();
        if !charges.is_empty() {
            shared.limits.refund(&charges, now());
        }
    }
}

/// Writes metrics, the access log line, and the record of what did not end well.
pub(crate) fn record(shared: &Shared, session: &Session, error: Option<&Error>, context: &mut RequestContext) {
    let ended = now();
    if let Some(deadline) = context.deadline() {
        deadline.clear();
    }
    if let (Some(error), None) = (error, &context.denial) {
        context.denial = Some(reason_of(error, context, ended));
    }
    let response = respond::told(session, context).map(|response| response.status);
    // An interim answer is none: the client may have left behind it.
    let response = response.filter(|status| !status.is_informational()).map(|status| status.as_u16());
    let status = match (response, &context.denial) {
        (Some(status), _) => status,
        (None, Some(denial)) => denial.reason.status(),
        (None, None) => Kind::ClientClosedRequest.status(),
    };
    let instead = context.instead.as_ref().map(|instead| instead.body_bytes);
    let bytes_out = instead.unwrap_or_else(|| session.as_ref().body_bytes_sent());
    let sizes = Sizes { bytes_in: session.as_ref().body_bytes_read(), bytes_out };
    let would_deny = count(shared, context, status, ended);
    let retry = shared.storms.judge(&shared.metrics, session, context, status, ended);
    log(session, context, status, sizes, retry, ended);
    shared.records.note(session, context, Ending { status, would_deny, retry, at: ended });
}

#[derive(Clone, Copy)]
struct Sizes {
    bytes_in: usize,
    bytes_out: usize,
}

/// Whether a policy in dry run would have refused it.
fn count(shared: &Shared, context: &RequestContext, status: u16, ended: Now) -> bool {
    let installed = &context.installed;
    let snapshot = &installed.snapshot;
    let metrics = installed.route_metrics(context.route);
    let policy_name =
        |id: Option<engine::names::PolicyId>| id.and_then(|id| snapshot.policy(id)).map_or("-", |policy| &*policy.name);
    if let Some(denial) = &context.denial {
        let policy = policy_name(denial.policy);
        shared.metrics.denied(metrics.route(), denial.kind().code(), denial.reason.code(), policy);
    }
    let mut would_deny = false;
    for (policy, reason) in context.trail.would_deny() {
        would_deny = true;
        shared.metrics.would_deny(metrics.route(), reason.kind().code(), reason.code(), policy_name(policy));
    }
    if is_of_deprecated_route(context) {
        shared.metrics.deprecated(metrics.route());
    }
    let attempt = &context.attempt;
    let upstream = context.admission().and_then(|admission| installed.upstream(admission.upstream()?));
    if let (Some((_, prepared)), Some(first_byte), Some(began)) = (upstream, attempt.first_byte, attempt.began)
        && context.denial.is_none()
    {
        prepared.metrics.succeeded(first_byte.since(began));
    }
    for standing in context.admission().into_iter().flat_map(|admission| admission.standings().iter()) {
        let plan = context.identity().plan.as_ref();
        if let (Some(quota), Some(plan)) = (standing.quota, plan.and_then(|plan| installed.plan_metrics(plan.id))) {
            plan.quota_used(quota.limit.saturating_sub(standing.remaining), quota.limit, quota.resets_unix_s);
        }
    }
    // Last: a route's own counts lie on lines that are seldom at hand, and an atomic addition would wait for them.
    metrics.answered(status, ended.since(context.received), gateway_time(context, ended));
    would_deny
}

/// Of those that were admitted: what is refused is told by its reason, and a preflight is no call.
fn is_of_deprecated_route(context: &RequestContext) -> bool {
    let route = context.admission().and_then(|admission| context.installed.snapshot.route(admission.route()));
    route.is_some_and(|route| route.rules.deprecation.is_some())
}

/// What the gateway itself took before it turned to the upstream; the whole time of a request that it answered alone.
fn gateway_time(context: &RequestContext, ended: Now) -> std::time::Duration {
    context.attempt.began.unwrap_or(ended).since(context.received)
}

fn log(session: &Session, context: &RequestContext, status: u16, sizes: Sizes, retry: Option<Retried>, ended: Now) {
    let snapshot = &context.installed.snapshot;
    let request = session.req_header();
    let attempt = &context.attempt;
    let admission = context.admission();
    let upstream = admission.and_then(|admission| snapshot.upstream(admission.upstream()?));
    let endpoint = attempt.endpoint.and_then(|index| upstream?.endpoints.get(index));
    let since_began = |point: Option<Now>| Some(point?.since(attempt.began?));
    let identity = context.identity();
    let trace_id = context.trace.as_ref().map(telemetry::trace_context::TraceContext::trace_id);
    let policy = context.denial.as_ref().and_then(|denial| snapshot.policy(denial.policy?));
    let would_deny: Vec<&str> = context.trail.would_deny().map(|(_, reason)| reason.code()).collect();
    context.installed.access_log.write(&Entry {
        unix_ms: context.received.unix_ms,
        request_id: context.request_id.as_str(),
        trace_id: trace_id.as_ref().map(telemetry::text::Text::as_str),
        client: context.client,
        method: Some(request.method.as_str().as_bytes()),
        host: Some(context.host.as_bytes()).filter(|host| !host.is_empty()),
        path: Some(context.path.as_deref().unwrap_or_else(|| request.uri.path()).as_bytes()),
        protocol: match request.version {
            http::Version::HTTP_2 => "HTTP/2",
            http::Version::HTTP_10 => "HTTP/1.0",
            _ => "HTTP/1.1",
        },
        route: context.route.and_then(|id| snapshot.route(id)).map(|route| &*route.name),
        deprecated: is_of_deprecated_route(context),
        consumer: identity.consumer_id().map(|id| &**id),
        plan: identity.plan.as_ref().map(|plan| &*plan.name),
        status,
        kind: context.denial.as_ref().map(|denial| denial.kind().code()),
        reason: context.denial.as_ref().map(|denial| denial.reason.code()),
        policy: policy.map(|policy| &*policy.name),
        would_deny: &would_deny,
        without_store: context.trail.without_store(),
        retry: retry.map(|retry| storms::habit_name(retry.habit)),
        upstream: upstream.filter(|_| attempt.count > 0).map(|upstream| &*upstream.name),
        endpoint: endpoint.map(|endpoint| &*endpoint.label),
        attempts: Some(attempt.count).filter(|count| *count > 0),
        upstream_status: attempt.status,
        bytes_in: u64::try_from(sizes.bytes_in).unwrap_or(u64::MAX),
        bytes_out: u64::try_from(sizes.bytes_out).unwrap_or(u64::MAX),
        duration: ended.since(context.received),
        gateway: gateway_time(context, ended),
        upstream_connect: since_began(attempt.connected),
        upstream_first_byte: since_began(attempt.first_byte),
        config_revision: &snapshot.revision,
    });
}
