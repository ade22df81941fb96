//! Admission: asks the engine, charges the quotas, and answers what is refused. Everything past this room holds an `Admission`.

use crate::context::{RequestContext, Stage};
use crate::fields::forget_spelling;
use crate::intake;
use crate::phase::{ask, content, finish, old, transform};
use crate::respond;
use crate::shared::Shared;
use engine::chain::{self, Counted, Outcome, Pending, own_answer};
use engine::denial::Denial;
use engine::identity::Identity;
use engine::reason::Reason;
use engine::reply::Reply;
use engine::request::{RequestHead, RequestParts};
use engine::snapshot::{AcceptRequestId, Snapshot};
use http::{HeaderName, HeaderValue};
use limits::clock::Now;
use limits::counts::QuotaCharge;
use pingora::Result;
use pingora::http::RequestHeader;
use pingora_proxy::Session;
use std::net::{IpAddr, Ipv4Addr};
use store::quotas::{charge, charge_own};
use telemetry::request_id::RequestId;
use telemetry::trace_context::TraceContext;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// What is left to do before the request goes on, if it does.
pub(crate) struct Rest {
    verdict: Verdict,
    peer: IpAddr,
}

enum Verdict {
    Decided(Decision),
    /// Keys, an auth service, a password's hash or a shared limit have to be waited for.
    Paused(Box<Outcome>),
}

/// None for most requests: they are admitted at once, and go on to their upstream as they are. Not `async`, because a future would be
/// an allocation as large as the longest way through it.
pub(crate) fn begin(shared: &Shared, session: &mut Session, context: &mut RequestContext) -> Option<Box<Rest>> {
    if context.connection.is_none() {
        context.connection = session.as_downstream().stream().and_then(intake::connection_of);
    }
    forget_spelling(session.req_header_mut());
    old::begin(session);
    let peer = peer_address(session, context);
    match decide(shared, session.req_header(), peer, context) {
        Verdict::Decided(Decision::Forward) if !content::is_read(context) && !transform::is_read(session, context) => {
            None
        }
        verdict @ (Verdict::Decided(_) | Verdict::Paused(_)) => Some(Box::new(Rest { verdict, peer })),
    }
}

/// True when the request has been answered here.
pub(crate) async fn finish(
    shared: &Shared,
    session: &mut Session,
    context: &mut RequestContext,
    rest: Box<Rest>,
) -> Result<bool> {
    let Rest { verdict, peer } = *rest;
    let decision = match verdict {
        Verdict::Decided(decision) => decision,
        Verdict::Paused(outcome) => Box::pin(wait(shared, session.req_header(), peer, *outcome, context)).await,
    };
    match decision {
        Decision::Forward => read(shared, session, context).await,
        Decision::Refuse(denial) => {
            context.stage = Stage::Answered;
            respond::refuse(session, context, denial).await?;
            Ok(true)
        }
        Decision::Answer(reply) => {
            context.stage = Stage::Answered;
            respond::write(session, context, reply).await?;
            Ok(true)
        }
        Decision::OfRoute(reply) => {
            if content::is_read(context) && read_whole(shared, session, context).await? {
                return Ok(true);
            }
            respond::answer(session, context, reply).await?;
            Ok(true)
        }
        Decision::Redirect(path) => {
            context.stage = Stage::Answered;
            respond::redirect(session, context, &path).await?;
            Ok(true)
        }
    }
}

/// The last step of the decision: what the body says, and whether it can be changed. A refusal is not billed.
async fn read(shared: &Shared, session: &mut Session, context: &mut RequestContext) -> Result<bool> {
    let mut refusal =
        if content::is_read(context) { content::read_early(shared, session, context).await? } else { None };
    if refusal.is_none() && transform::is_read(session, context) {
        refusal = transform::read_early(session, context).await?;
    }
    refused(shared, session, context, refusal).await
}

/// The same where the route answers by itself: all of the body is read here, whatever its length, and nothing of it is changed.
async fn read_whole(shared: &Shared, session: &mut Session, context: &mut RequestContext) -> Result<bool> {
    let mut refusal = content::read_early(shared, session, context).await?;
    if refusal.is_none() {
        refusal = content::read_rest(shared, session, context).await?;
    }
    refused(shared, session, context, refusal).await
}

async fn refused(
    shared: &Shared,
    session: &mut Session,
    context: &mut RequestContext,
    refusal: Option<Denial>,
) -> Result<bool> {
    let Some(denial) = refusal else { return Ok(false) };
    finish::refund(shared, context, &denial);
    respond::refuse(session, context, denial).await?;
    Ok(true)
}

enum Decision {
    Forward,
    Refuse(Denial),
    Redirect(String),
    /// The gateway's own answer.
    Answer(Reply),
    /// That of a route without upstream, to a request that was admitted.
    OfRoute(Reply),
}

fn decide(shared: &Shared, header: &RequestHeader, peer: IpAddr, context: &mut RequestContext) -> Verdict {
    let now = context.received;
    let installed = std::sync::Arc::clone(&context.installed);
    let snapshot = &installed.snapshot;
    let parsed = RequestHead::parse(parts(header, peer), &snapshot.request);
    name_request(header, context, parsed.as_ref().is_ok_and(|head| head.peer_trusted));
    let head = match parsed {
        Ok(head) => head,
        Err(denial) => {
            context.client = Some(peer);
            return Verdict::Decided(Decision::Refuse(denial));
        }
    };
    note(&head, target(header), context);
    let outcome = chain::admit(snapshot, &shared.live, &head, now, &mut context.trail);
    match outcome {
        Outcome::Pending(pending) if !pending.is_shared() => {
            context.route = Some(pending.route());
            let counted = charge_own(&shared.counters, &pending, snapshot, &head, now);
            Verdict::Decided(settled(pending, &counted, snapshot, &head, now, context))
        }
        outcome @ (Outcome::Waiting(_) | Outcome::Ask(_) | Outcome::Pending(_)) => Verdict::Paused(Box::new(outcome)),
        outcome @ (Outcome::Denied { .. }
        | Outcome::Redirect { .. }
        | Outcome::Preflight { .. }
        | Outcome::Whoami(_)) => Verdict::Decided(ended(shared, outcome, &head, context)),
    }
}

/// The same for a request that has to wait, as often as it has to.
async fn wait(
    shared: &Shared,
    header: &RequestHeader,
    peer: IpAddr,
    mut outcome: Outcome,
    context: &mut RequestContext,
) -> Decision {
    let installed = std::sync::Arc::clone(&context.installed);
    let snapshot = &installed.snapshot;
    let head = match RequestHead::parse(parts(header, peer), &snapshot.request) {
        Ok(head) => head,
        Err(denial) => return Decision::Refuse(denial),
    };
    let mut now = context.received;
    loop {
        outcome = match outcome {
            Outcome::Waiting(waiting) => {
                context.route = Some(waiting.route());
                let sources = waiting.providers().iter().filter_map(|provider| installed.key_source(*provider));
                shared.key_sets.wait_for(sources).await;
                now = limits::clock::now();
                chain::look_again(*waiting, snapshot, &shared.live, &head, now, &mut context.trail)
            }
            Outcome::Ask(asking) => {
                context.route = Some(asking.route());
                let answer = ask::answer(shared, context, asking.question()).await;
                now = limits::clock::now();
                chain::resume(*asking, answer, snapshot, &shared.live, &head, now, &mut context.trail)
            }
            Outcome::Pending(mut pending) => {
                context.route = Some(pending.route());
                let counted = charge(&shared.counters, &shared.limits, &mut pending, snapshot, &head, now).await;
                return settled(pending, &counted, snapshot, &head, now, context);
            }
            outcome @ (Outcome::Denied { .. }
            | Outcome::Redirect { .. }
            | Outcome::Preflight { .. }
            | Outcome::Whoami(_)) => return ended(shared, outcome, &head, context),
        }
    }
}

/// What is not forwarded.
fn ended(shared: &Shared, outcome: Outcome, head: &RequestHead<'_>, context: &mut RequestContext) -> Decision {
    match outcome {
        Outcome::Denied { route, identity, denial } => {
            context.route = route;
            refuse(context, identity, denial)
        }
        Outcome::Redirect { route, path } => {
            context.route = Some(route);
            Decision::Redirect(match head.query {
                Some(query) => format!("{path}?{query}"),
                None => path,
            })
        }
        Outcome::Preflight { route, reply } => {
            context.route = Some(route);
            Decision::Answer(reply)
        }
        Outcome::Whoami(introduction) => {
            context.refused_identity = introduction.identity().clone();
            let used = |charge: &QuotaCharge| shared.counters.used(charge.counter, charge.window);
            Decision::Answer(introduction.reply(used))
        }
        Outcome::Waiting(_) | Outcome::Ask(_) | Outcome::Pending(_) => Decision::Refuse(
            Denial::new(Reason::InternalError).because("a decision that waits was taken for one that is made"),
        ),
    }
}

fn settled(
    pending: Pending,
    counted: &[Counted],
    snapshot: &Snapshot,
    head: &RequestHead<'_>,
    now: Now,
    context: &mut RequestContext,
) -> Decision {
    match chain::settle(pending, snapshot, counted, now, &mut context.trail) {
        Ok(admission) => {
            let reply = match admission.upstream() {
                Some(_) => None,
                None => own_answer(&admission, snapshot, head, context.request_id.as_str(), now),
            };
            context.stage = Stage::Admitted(admission);
            reply.map_or(Decision::Forward, Decision::OfRoute)
        }
        Err((denial, identity)) => refuse(context, identity, denial),
    }
}

fn parts(header: &RequestHeader, peer: IpAddr) -> RequestParts<'_> {
    RequestParts { method: &header.method, target: target(header), headers: &header.headers, peer, tls: false }
}

fn refuse(context: &mut RequestContext, identity: Identity, denial: Denial) -> Decision {
    context.refused_identity = identity;
    Decision::Refuse(denial)
}

/// Keeps what the record, the log and the forwarded request need of the head.
fn note(head: &RequestHead<'_>, target: &str, context: &mut RequestContext) {
    context.client = Some(head.client);
    context.peer_trusted = head.peer_trusted;
    context.host = Box::from(&*head.host);
    let sent_path = target.split(['?']).next().unwrap_or_default();
    if sent_path != head.path {
        context.path = Some(Box::from(&*head.path));
    }
}

/// The request target as it was sent. Pingora's URI has only the path of a target in absolute form.
pub(crate) fn target(header: &RequestHeader) -> &str {
    // The wire check lets no byte above ASCII through.
    std::str::from_utf8(header.raw_path()).unwrap_or_default()
}

/// Takes over the caller's request ID where it may, and its trace.
fn name_request(header: &RequestHeader, context: &mut RequestContext, peer_trusted: bool) {
    let rules = &context.installed.snapshot.request_id;
    let accepted = match rules.accept {
        AcceptRequestId::Always => true,
        AcceptRequestId::Trusted => peer_trusted,
        AcceptRequestId::Never => false,
    };
    if accepted
        && let Some(value) = header.headers.get(&rules.header)
        && let Some(id) = RequestId::accept(value.as_bytes())
    {
        context.request_id = id;
    }
    // A trace that nobody began is not begun here: unsampled, it would switch off the sampling of services behind the gateway.
    if header.headers.contains_key(TRACEPARENT) {
        context.trace = Some(TraceContext::continue_or_start(
            header.headers.get_all(TRACEPARENT).iter().map(HeaderValue::as_bytes),
            header.headers.get_all(TRACESTATE).iter().map(HeaderValue::as_bytes),
            telemetry::random::bytes(),
        ));
    }
}

fn peer_address(session: &Session, context: &RequestContext) -> IpAddr {
    if let Some(peer) = context.connection.as_ref().and_then(|connection| connection.peer.as_ref()) {
        return peer.address;
    }
    session
        .client_addr()
        .and_then(|address| address.as_inet())
        .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), std::net::SocketAddr::ip)
}
