//! The answer of a route that has no upstream, to a request that has been admitted: as far as the chain goes, and no farther than that.

use super::Admission;
use crate::redirect::Redirect;
use crate::reply::Reply;
use crate::request::RequestHead;
use crate::snapshot::Snapshot;
use crate::target::Target;
use crate::template::Values;
use http::header::{self, HeaderValue};
use limits::clock::Now;
use std::borrow::Cow;

/// The route's own answer to a request that was admitted; none where an upstream answers.
#[must_use]
pub fn own_answer(
    admission: &Admission,
    snapshot: &Snapshot,
    head: &RequestHead<'_>,
    request_id: &str,
    now: Now,
) -> Option<Reply> {
    let route = snapshot.route(admission.route())?;
    match &route.target {
        Target::Upstream(_) => None,
        Target::Redirect(redirect) => Some(redirected(redirect, snapshot, head)),
        Target::Respond(response) => {
            let identity = admission.identity();
            Some(response.reply(&Values {
                request_id,
                method: head.method.as_str(),
                host: &head.host,
                path: &head.path,
                route_name: &route.name,
                consumer_id: identity.consumer_id().map_or("", |id| &**id),
                plan_name: identity.plan.as_ref().map_or("", |plan| &*plan.name),
                now_unix_s: now.unix_seconds(),
                claims: identity.token.as_ref().map(|token| &token.claims),
                ..Values::default()
            }))
        }
    }
}

fn redirected(redirect: &Redirect, snapshot: &Snapshot, head: &RequestHead<'_>) -> Reply {
    // A key in the query is for this gateway: it is not told to another host.
    let query = match head.query {
        Some(query) if !redirect.to.is_local() => Some(snapshot.api_keys.query_for_upstream(query)),
        query => query.map(Cow::Borrowed),
    };
    let location = redirect.location(head, query.as_deref());
    // Of a normal path, a checked query and what was checked at load there is nothing that a field could not have.
    let location = HeaderValue::from_str(&location).unwrap_or(HeaderValue::from_static("/"));
    Reply { status: redirect.status, headers: vec![(header::LOCATION, location)], body: Vec::new() }
}
