//! The one writer of replies that the gateway makes itself. Keep-alive is kept: a refusal must not cost the client a connection.

use crate::context::RequestContext;
use crate::text::Line;
use bytes::Bytes;
use engine::denial::{Denial, Detail};
use engine::reply::{Occurrence, Reply};
use engine::snapshot::{PolicyInfo, Snapshot};
use engine::standing::{Standing, Standings};
use http::header::{self, HeaderName, HeaderValue};
use http::{Method, StatusCode};
use limits::clock::{Now, now};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora_proxy::Session;
use std::fmt::Write as _;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_RATE_LIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATE_LIMIT_NEXT: HeaderName = HeaderName::from_static("x-ratelimit-next");

/// Refuses the request in the operator's words.
pub(crate) async fn refuse(session: &mut Session, context: &mut RequestContext, denial: Denial) -> Result<()> {
    let reply = render(session, context, &denial, now());
    context.denial.get_or_insert(denial);
    write(session, context, reply).await
}

/// 308 to the form of the path that the route has.
pub(crate) async fn redirect(session: &mut Session, context: &RequestContext, target: &str) -> Result<()> {
    let location = HeaderValue::from_str(target).unwrap_or(HeaderValue::from_static("/"));
    let headers = vec![(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    write(session, context, Reply { status: StatusCode::PERMANENT_REDIRECT.as_u16(), headers, body: Vec::new() }).await
}

fn render(session: &Session, context: &RequestContext, denial: &Denial, now: Now) -> Reply {
    let snapshot = &context.installed.snapshot;
    let request = session.req_header();
    let route = context.route.as_ref().and_then(|id| Some((id, &*snapshot.route(*id)?.name)));
    let identity = context.identity();
    let mut reply = snapshot.errors.render(&Occurrence {
        denial,
        request_id: context.request_id.as_str(),
        method: request.method.as_str(),
        host: &context.host,
        path: context.path.as_deref().unwrap_or_else(|| request.uri.path()),
        accept: request.headers.get(header::ACCEPT),
        route,
        consumer: identity.consumer_id().map(|id| &**id),
        plan: identity.plan.as_ref().map(|plan| &*plan.name),
        policy_name: denial.policy.and_then(|id| snapshot.policy(id)).map(|policy| &*policy.name),
        claims: identity.token.as_ref().map(|token| &token.claims),
        now,
    });
    if let Some((policy, standing)) = refused_limit(snapshot, denial) {
        reply.headers.extend(limit_fields(policy, &standing));
    }
    reply
}

/// The limit that a 429 comes from, as its fields tell it: nothing remains.
fn refused_limit<'s>(snapshot: &'s Snapshot, denial: &Denial) -> Option<(&'s PolicyInfo, Standing)> {
    // Counted together with others: what remains and when is not known, and the fields must not guess.
    if matches!(denial.detail, Detail::CrowdedThrottle { .. }) {
        return None;
    }
    let id = denial.policy?;
    let policy = snapshot.policy(id)?;
    policy.rate_limit.as_ref()?;
    let wait = denial.retry_after?;
    let reset_s = wait.as_secs().saturating_add(u64::from(wait.subsec_nanos() > 0));
    Some((policy, Standing { policy: id, remaining: 0, reset_s, quota: snapshot.refused_quota(denial) }))
}

/// Writes a reply and leaves the connection as it is.
#[expect(clippy::disallowed_methods, reason = "this is the one writer that the lint sends everybody to")]
pub(crate) async fn write(session: &mut Session, context: &RequestContext, reply: Reply) -> Result<()> {
    let Reply { status, headers, body } = reply;
    let mut response = ResponseHeader::build_no_case(status, Some(headers.len().saturating_add(4)))?;
    for (name, value) in headers {
        response.append_header(name, value)?;
    }
    if !response.headers.contains_key(&context.installed.snapshot.request_id.header) {
        add_request_id(&mut response, context)?;
    }
    let has_body = !matches!(status, 204 | 304);
    if has_body {
        response.insert_header(header::CONTENT_LENGTH, HeaderValue::from(body.len()))?;
    }
    let ends_here = !has_body || body.is_empty() || session.req_header().method == Method::HEAD;
    session.write_response_header(Box::new(response), ends_here).await?;
    if !ends_here {
        session.write_response_body(Some(Bytes::from(body)), true).await?;
    }
    Ok(())
}

pub(crate) fn add_request_id(response: &mut ResponseHeader, context: &RequestContext) -> Result<()> {
    let name = context.installed.snapshot.request_id.header.clone();
    response.insert_header(name, context.request_id_value.clone())?;
    Ok(())
}

/// `RateLimit-Policy` and `RateLimit` with one item for each limit; the `X-RateLimit-*` fields of the quotas that ask for them.
pub(crate) fn add_standings(response: &mut ResponseHeader, snapshot: &Snapshot, standings: &Standings) -> Result<()> {
    for standing in standings.iter() {
        let Some(policy) = snapshot.policy(standing.policy) else { continue };
        for (name, value) in limit_fields(policy, standing) {
            response.append_header(name, value)?;
        }
    }
    Ok(())
}

fn limit_fields(policy: &PolicyInfo, standing: &Standing) -> Vec<(HeaderName, HeaderValue)> {
    let mut fields = Vec::with_capacity(5);
    if let Some(field) = &policy.rate_limit {
        let mut line = Line::new();
        let written = write!(line, "{};r={};t={}", field.item_name, standing.remaining, standing.reset_s);
        if let (Ok(()), Ok(value)) = (written, HeaderValue::from_str(&line)) {
            fields.push((RATE_LIMIT_POLICY, field.policy_item.clone()));
            fields.push((RATE_LIMIT, value));
        }
    }
    if let Some(quota) = standing.quota {
        if quota.headers.limit {
            fields.push((X_RATE_LIMIT_LIMIT, HeaderValue::from(quota.limit)));
        }
        if quota.headers.remaining {
            fields.push((X_RATE_LIMIT_REMAINING, HeaderValue::from(standing.remaining)));
        }
        if quota.headers.next
            && let Ok(value) =
                HeaderValue::from_str(engine::calendar::Rfc3339::from_unix_seconds(quota.resets_unix_s).as_str())
        {
            fields.push((X_RATE_LIMIT_NEXT, value));
        }
    }
    fields
}
