//! The one writer of replies that the gateway makes itself. Keep-alive is kept: a refusal must not cost the client a connection.

mod instead;

pub(crate) use instead::{is_kept, refuse_instead, told};

use crate::context::RequestContext;
use crate::fields::edit_response;
use bytes::Bytes;
use engine::denial::{Denial, Detail};
use engine::reason::Kind;
use engine::reply::{Occurrence, Reply};
use engine::response::Author;
use engine::snapshot::{PolicyInfo, Snapshot};
use engine::standing::{QuotaStanding, Standing, Standings};
use http::header::{self, HeaderName, HeaderValue};
use http::{HeaderMap, Method, StatusCode};
use limits::clock::{Now, now};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora_proxy::Session;
use std::cell::RefCell;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const X_RATE_LIMIT_LIMIT: HeaderName = HeaderName::from_static("x-ratelimit-limit");
const X_RATE_LIMIT_REMAINING: HeaderName = HeaderName::from_static("x-ratelimit-remaining");
const X_RATE_LIMIT_NEXT: HeaderName = HeaderName::from_static("x-ratelimit-next");

/// Refuses the request in the operator's words.
pub(crate) async fn refuse(session: &mut Session, context: &mut RequestContext, denial: Denial) -> Result<()> {
    let reply = render(session, context, &denial, now());
    let author = if denial.kind() == Kind::CorsOriginDenied { Author::Cors } else { Author::Gateway };
    context.denial.get_or_insert(denial);
    write_by(Some(author), session, context, reply).await
}

/// 308 to the form of the path that the route has.
pub(crate) async fn redirect(session: &mut Session, context: &RequestContext, target: &str) -> Result<()> {
    let location = HeaderValue::from_str(target).unwrap_or(HeaderValue::from_static("/"));
    let headers = vec![(header::LOCATION, location), (header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    let reply = Reply { status: StatusCode::PERMANENT_REDIRECT.as_u16(), headers, body: Vec::new() };
    write_by(Some(Author::Gateway), session, context, reply).await
}

/// The answer of a route without upstream, as upstream's would be: with where the caller stands with its limits.
pub(crate) async fn answer(session: &mut Session, context: &RequestContext, mut reply: Reply) -> Result<()> {
    let snapshot = &context.installed.snapshot;
    let standings = context.admission().into_iter().flat_map(|admission| admission.standings().iter());
    let known = standings.filter_map(|standing| Some((snapshot.policy(standing.policy)?, standing)));
    limit_fields(known, |name, value| reply.headers.push((name, value)));
    write_by(Some(Author::Route), session, context, reply).await
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
        fields: Some(&request.headers),
        route,
        consumer: identity.consumer_id().map(|id| &**id),
        plan: identity.plan.as_ref().map(|plan| &*plan.name),
        policy_name: denial.policy.and_then(|id| snapshot.policy(id)).map(|policy| &*policy.name),
        claims: identity.token.as_ref().map(|token| &token.claims),
        now,
    });
    if let Some((policy, standing)) = refused_limit(snapshot, denial) {
        limit_fields(std::iter::once((policy, &standing)), |name, value| reply.headers.push((name, value)));
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

/// Writes a reply as it is and leaves the connection as it is.
pub(crate) async fn write(session: &mut Session, context: &RequestContext, reply: Reply) -> Result<()> {
    write_by(None, session, context, reply).await
}

/// With an author, the reply gets what the route puts on its answers.
#[expect(clippy::disallowed_methods, reason = "this is the one writer that the lint sends everybody to")]
async fn write_by(author: Option<Author>, session: &mut Session, context: &RequestContext, reply: Reply) -> Result<()> {
    let Made { head, body } = made(author, session, context, reply)?;
    if context.installed.is_stopping() {
        session.set_keepalive(None);
    }
    session.write_response_header(Box::new(head), body.is_empty()).await?;
    if !body.is_empty() {
        session.write_response_body(Some(body), true).await?;
    }
    Ok(())
}

/// A reply as it goes out.
struct Made {
    head: ResponseHeader,
    /// Empty where the request's method or the status allows none.
    body: Bytes,
}

fn made(author: Option<Author>, session: &Session, context: &RequestContext, reply: Reply) -> Result<Made> {
    let Reply { status, headers, body } = reply;
    let mut head = ResponseHeader::build_no_case(status, None)?;
    let has_body = !matches!(status, 204 | 304);
    edit_response(&mut head, |fields| {
        fields.reserve(headers.len().saturating_add(4));
        for (name, value) in headers {
            fields.append(name, value);
        }
        if !fields.contains_key(&context.installed.snapshot.request_id.header) {
            add_request_id(fields, context);
        }
        if let (Some(author), Some(rules)) = (author, context.response_rules()) {
            rules.edit(author, status, &session.req_header().headers, fields);
        }
        if has_body {
            fields.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
        }
    });
    let is_sent = has_body && session.req_header().method != Method::HEAD;
    Ok(Made { head, body: if is_sent { body.into() } else { Bytes::new() } })
}

pub(crate) fn add_request_id(fields: &mut HeaderMap, context: &RequestContext) {
    fields.insert(context.installed.snapshot.request_id.header.clone(), context.request_id_value());
}

/// Where the caller stands with each of its limits.
pub(crate) fn add_standings(fields: &mut HeaderMap, snapshot: &Snapshot, standings: &Standings) {
    let known = standings.iter().filter_map(|standing| Some((snapshot.policy(standing.policy)?, standing)));
    limit_fields(known, |name, value| {
        fields.append(name, value);
    });
}

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers) with one item for each limit; the `X-RateLimit-*`
/// fields of the quotas that ask for them.
fn limit_fields<'a>(
    standings: impl Iterator<Item = (&'a PolicyInfo, &'a Standing)> + Clone,
    mut add: impl FnMut(HeaderName, HeaderValue),
) {
    thread_local! {
        /// Where a field is put together, so that its value is one piece of memory of just its size.
        static ITEMS: RefCell<Vec<u8>> = RefCell::new(Vec::with_capacity(256));
    }
    for (_, standing) in standings.clone() {
        if let Some(quota) = standing.quota {
            quota_fields(quota, standing.remaining, &mut add);
        }
    }
    let fields = standings.filter_map(|(policy, standing)| Some((policy.rate_limit.as_ref()?, standing)));
    let (policies, items) = ITEMS.with_borrow_mut(|items| {
        let policies = joined(items, fields.clone(), |out, (field, _)| {
            out.extend_from_slice(field.policy_item().as_bytes());
        });
        let items = joined(items, fields, |out, (field, standing)| {
            out.extend_from_slice(field.item_name().as_bytes());
            out.extend_from_slice(b";r=");
            out.extend_from_slice(itoa::Buffer::new().format(standing.remaining).as_bytes());
            out.extend_from_slice(b";t=");
            out.extend_from_slice(itoa::Buffer::new().format(standing.reset_s).as_bytes());
        });
        (policies, items)
    });
    if let (Some(policies), Some(items)) = (policies, items) {
        add(RATE_LIMIT_POLICY, policies);
        add(RATE_LIMIT, items);
    }
}

/// A list as a field has it; none if there is nothing in it.
fn joined<T>(
    out: &mut Vec<u8>,
    items: impl Iterator<Item = T>,
    append: impl Fn(&mut Vec<u8>, T),
) -> Option<HeaderValue> {
    out.clear();
    for item in items {
        if !out.is_empty() {
            out.extend_from_slice(b", ");
        }
        append(out, item);
    }
    // Names in the config are names that a field can have.
    HeaderValue::from_bytes(out).ok().filter(|value| !value.is_empty())
}

fn quota_fields(quota: QuotaStanding, remaining: u64, add: &mut impl FnMut(HeaderName, HeaderValue)) {
    if quota.headers.limit {
        add(X_RATE_LIMIT_LIMIT, HeaderValue::from(quota.limit));
    }
    if quota.headers.remaining {
        add(X_RATE_LIMIT_REMAINING, HeaderValue::from(remaining));
    }
    if quota.headers.next
        && let Ok(value) =
            HeaderValue::from_str(engine::calendar::Rfc3339::from_unix_seconds(quota.resets_unix_s).as_str())
    {
        add(X_RATE_LIMIT_NEXT, value);
    }
}
