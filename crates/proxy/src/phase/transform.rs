//! Requests and answers in the shape that the route gives them: heads at once, bodies when they are whole, or compressed piece by
//! piece. A route that asks for none of this costs one look.

mod answer;
mod request;

pub(crate) use answer::{answer, answer_body, compress, hold};
pub(crate) use request::{is_read, read_early, request, request_body};

use crate::context::RequestContext;
use bytes::Bytes;
use engine::denial::Denial;
use engine::rules::Route;
use engine::transform::{BodyEdit, Cause, Facts, Misfit, OF_THE_BYTES, OnUnreadable, Side};
use http::header::HeaderMap;
use pingora_proxy::Session;
use std::net::{IpAddr, Ipv4Addr};

fn route(context: &RequestContext) -> Option<&Route> {
    context.installed.snapshot.route(context.route?)
}

/// The body that goes on.
fn settle(
    edited: Result<String, Misfit>,
    held: impl Into<Bytes>,
    edit: &BodyEdit,
    side: Side,
) -> Result<Bytes, Denial> {
    match edited {
        Ok(text) => Ok(text.into()),
        Err(misfit) if misfit.cause == Cause::Unreadable && edit.on_unreadable == OnUnreadable::Pass => Ok(held.into()),
        Err(misfit) => Err(misfit.denial(side)),
    }
}

fn remove_all_of_the_bytes(headers: &mut HeaderMap) {
    for name in &OF_THE_BYTES {
        headers.remove(name);
    }
}

fn facts<'a>(session: &'a Session, route: &'a Route, context: &'a RequestContext) -> Facts<'a> {
    let request = session.req_header();
    Facts {
        request_id: context.request_id.as_str(),
        method: request.method.as_str(),
        host: &context.host,
        path: context.path.as_deref().unwrap_or_else(|| request.uri.path()),
        query: request.uri.query(),
        headers: &request.headers,
        client: context.client.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED)),
        route_name: &route.name,
        identity: context.identity(),
        now_unix_s: context.received.unix_seconds(),
        captures: None,
        answer: None,
        body: None,
    }
}
