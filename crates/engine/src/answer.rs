//! What becomes of a request that has been admitted: it goes to an upstream, or the route answers it itself.

use crate::chain::Admission;
use crate::names::UpstreamId;
use crate::redirect::Redirect;
use crate::reply::{FixedResponse, Reply};
use crate::request::RequestHead;
use crate::snapshot::Snapshot;
use crate::template::Values;
use http::header::{self, HeaderValue};
use limits::clock::Now;
use std::borrow::Cow;

/// Where a route leads.
#[derive(Debug)]
pub enum Target {
    Upstream(UpstreamId),
    Redirect(Box<Redirect>),
    Respond(Box<FixedResponse>),
}

impl Target {
    #[must_use]
    pub const fn upstream(&self) -> Option<UpstreamId> {
        match self {
            Self::Upstream(id) => Some(*id),
            Self::Redirect(_) | Self::Respond(_) => None,
        }
    }
}

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
