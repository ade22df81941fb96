//! Choosing the endpoint, and what follows from the connection to it.

use crate::context::RequestContext;
use crate::fault::Progress;
use crate::pool::{self, Usage};
use crate::resolve::ANSWER_TIMEOUT;
use engine::chain::Admission;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::upstream::Address;
use limits::clock::now;
use pingora::protocols::Digest;
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, Result};
use pingora_proxy::Session;
use std::time::Duration;

/// Marks an error whose reason is already in the context.
pub(crate) const DECIDED: ErrorType = ErrorType::Custom("decided by the gateway");

/// The endpoint whose turn it is. Called again when a request is tried again.
pub(crate) async fn peer(session: &Session, context: &mut RequestContext) -> Result<Box<HttpPeer>> {
    let mut peer = next(context).await.map_err(|denial| decided(context, denial))?;
    // A request that must not be repeated fails with the connection that it meets; one that has met a closed one should not meet another.
    if context.attempt.count > 1 || !session.req_header().method.is_idempotent() {
        pool::make_sure(&mut peer);
    }
    Ok(peer)
}

async fn next(context: &mut RequestContext) -> Result<Box<HttpPeer>, Denial> {
    let now = now();
    let upstream = context.admission().and_then(Admission::upstream);
    let RequestContext { installed, attempt, connection, .. } = context;
    let Some((upstream, prepared)) = upstream.and_then(|upstream| installed.upstream(upstream)) else {
        return Err(Denial::new(Reason::InternalError).because("no admission or no upstream"));
    };
    attempt.count = attempt.count.saturating_add(1);
    attempt.progress = Progress::Unconnected;
    attempt.began.get_or_insert(now);
    if attempt.total_ends_ns.is_none() {
        attempt.total_ends_ns = upstream.timeouts.total.map(|total| now.plus(total).monotonic_ns);
        if let (Some(connection), Some(end)) = (&*connection, attempt.total_ends_ns) {
            connection.deadline.bound(end);
        }
    }
    let Some((index, endpoint)) = upstream.pick() else {
        let denial = Denial::new(Reason::NoHealthyEndpoint);
        return Err(denial.because(format!("upstream {} has no endpoint with a weight", upstream.name)));
    };
    attempt.endpoint = Some(index);
    let left = attempt.total_ends_ns.map(|end| Duration::from_nanos(end.saturating_sub(now.monotonic_ns)));
    let Some(mut peer) = prepared.peer(index, left.unwrap_or(ANSWER_TIMEOUT)).await else {
        let over = attempt.total_is_over(limits::clock::now());
        let reason = if over { Reason::TotalTimeout } else { Reason::DnsFailed };
        return Err(Denial::new(reason).because(format!("{} has no address", endpoint.label)));
    };
    if let Some(end) = attempt.total_ends_ns {
        // Only a name can have been waited for.
        let now = if matches!(endpoint.address, Address::Name { .. }) { limits::clock::now() } else { now };
        let left = Duration::from_nanos(end.saturating_sub(now.monotonic_ns));
        for timeout in [&mut peer.options.connection_timeout, &mut peer.options.total_connection_timeout] {
            *timeout = Some(timeout.map_or(left, |timeout| timeout.min(left)));
        }
        // An upstream that takes nothing more of a body, and gives no answer: nobody listens to the client then, whose deadline would
        // have passed.
        if connection.as_ref().is_some_and(|connection| connection.announces_body()) {
            peer.options.read_timeout = Some(left);
        }
    }
    Ok(peer)
}

/// A connection to the endpoint is there. Until the request has been sent only the end of the whole exchange counts: how long an
/// upload takes is for the client to say.
pub(crate) fn connected(context: &mut RequestContext, reused: bool, digest: Option<&Digest>) {
    context.upstream_connection = digest.and_then(|digest| digest.proxy_digest.clone());
    let usage = context.upstream_connection.as_ref().and_then(|digest| pool::usage(digest));
    let reused = reused || usage.is_some_and(Usage::was_kept);
    context.attempt.reused = reused;
    // A kept connection is there at once: the clock need not be asked again.
    context.attempt.connected = match context.attempt.began {
        Some(began) if reused && context.attempt.count == 1 => Some(began),
        Some(_) | None => Some(now()),
    };
    context.attempt.progress = Progress::Waiting;
    if let (Some(deadline), Some(end)) = (context.deadline(), context.attempt.total_ends_ns) {
        deadline.set(end);
    }
}

/// Upstream has said all that it had to say to this request.
pub(crate) fn answered(context: &RequestContext) {
    if let Some(usage) = context.upstream_connection.as_ref().and_then(|digest| pool::usage(digest)) {
        usage.answered();
    }
}

/// The request has been sent: now the endpoint has `firstByte` to answer. Without a body that was at once, and the clock need not be
/// asked again. The end of a body in chunks comes without bytes, so only the head tells.
pub(crate) fn wait_for_answer(context: &RequestContext) {
    if context.attempt.progress != Progress::Waiting {
        return;
    }
    let sent = match context.attempt.connected {
        Some(connected) if context.connection.as_ref().is_some_and(|it| !it.announces_body()) => connected,
        Some(_) | None => now(),
    };
    let found = context.admission().and_then(|admission| context.installed.upstream(admission.upstream()?));
    if let Some((upstream, _)) = found {
        context.wait_until(sent, upstream.timeouts.first_byte);
    }
}

/// An exchange broke. It is tried again only where that is safe: the endpoint had closed a connection that was kept open from an
/// earlier request, nothing of the answer has arrived, and the request changes nothing or never reached anybody.
#[expect(clippy::unnecessary_box_returns, reason = "Pingora hands errors on in boxes")]
pub(crate) fn failed(session: &Session, context: &RequestContext, error: Box<Error>) -> Box<Error> {
    let mut error = error;
    let may_repeat = context.denial.is_none()
        && context.attempt.count < ATTEMPTS_MAX
        && context.attempt.progress != Progress::Answering
        && session.req_header().method.is_idempotent()
        && !session.as_ref().retry_buffer_truncated();
    if may_repeat {
        error.retry.decide_reuse(context.attempt.reused);
    } else {
        error.set_retry(false);
    }
    error
}

/// A kept connection that turns out closed is replaced this often for one request.
pub(crate) const ATTEMPTS_MAX: u32 = 3;

/// An error that carries no meaning of its own: the context holds the refusal.
#[expect(clippy::unnecessary_box_returns, reason = "Pingora hands errors on in boxes")]
pub(crate) fn decided(context: &mut RequestContext, denial: Denial) -> Box<Error> {
    context.denial.get_or_insert(denial);
    Error::new(DECIDED)
}
