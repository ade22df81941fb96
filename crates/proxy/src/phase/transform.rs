//! Requests and answers in the shape that the route gives them: heads at once, bodies when they are whole, or compressed piece by
//! piece. A route that asks for none of this costs one look.
//!
//! The head of an answer goes out before its body is here. What is found wrong with a body only then can be told by nothing but a
//! broken end (`docs/decisions/0033-late-faults-of-answers.md`).

use crate::context::RequestContext;
use crate::encoder::Encoder;
use crate::fields::{edit_request, edit_response};
use crate::held::Share;
use crate::phase::connect::decided;
use crate::shared::Shared;
use bytes::Bytes;
use engine::compression::Asked;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::rules::Route;
use engine::transform::{
    Answer, BodyEdit, Cause, Concern, Facts, Misfit, OF_THE_BYTES, OnUnreadable, RequestTransform, ResponseTransform,
    Side, Target,
};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, StatusCode, Uri};
use pingora::Result;
use pingora::http::{RequestHeader, ResponseHeader};
use pingora_proxy::Session;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

const RETRY_AFTER: Duration = Duration::from_secs(1);

/// What has to be done to the bodies of one exchange.
#[derive(Default)]
pub(crate) struct Reshaping {
    /// Of the request, held until it is whole.
    request: Option<Held>,
    /// Of the answer, likewise.
    answer: Option<HeldAnswer>,
    encoder: Option<Encoder>,
}

/// What has arrived so far, and its share in what all requests hold.
#[derive(Default)]
struct Held {
    bytes: Vec<u8>,
    share: Option<Share>,
}

struct HeldAnswer {
    held: Held,
    /// The head as upstream sent it, where values may be taken from it.
    status: StatusCode,
    headers: HeaderMap,
}

fn route(context: &RequestContext) -> Option<&Route> {
    context.installed.snapshot.route(context.route?)
}

/// Changes what upstream is going to get; called for each attempt.
pub(crate) fn request(session: &Session, upstream: &mut RequestHeader, context: &mut RequestContext) -> Result<()> {
    if route(context).is_none_or(|route| route.transform.is_none()) {
        return Ok(());
    }
    let installed = Arc::clone(&context.installed);
    let Some(route) = context.route.and_then(|id| installed.snapshot.route(id)) else { return Ok(()) };
    let Some(transform) = &route.transform else { return Ok(()) };
    if let Some(rules) = &transform.request {
        let edited = edit_request(upstream, |parts| rewrite(session, parts, rules, route, context));
        edited.map_err(|misfit| decided(context, misfit.denial(Side::Request)))?;
        if let Some(edit) = &rules.body {
            hold_request(session, upstream, edit, context)?;
        }
    }
    if transform.response.as_ref().is_some_and(|rules| rules.body.is_some()) {
        edit_request(upstream, |parts| ask_for_whole(&mut parts.headers));
    }
    Ok(())
}

fn rewrite(
    session: &Session,
    parts: &mut http::request::Parts,
    rules: &RequestTransform,
    route: &Route,
    context: &RequestContext,
) -> Result<(), Misfit> {
    let facts = facts(session, route, context);
    let before = Target { path: parts.uri.path().to_owned(), query: parts.uri.query().map(str::to_owned) };
    let mut target = before.clone();
    rules.apply(&facts, &mut target, &mut parts.headers)?;
    if target != before {
        let text = target.to_string();
        let unfit = |_| Misfit { cause: Cause::Unfit, text: "what the target becomes is no target".into() };
        parts.uri = Uri::try_from(text).map_err(unfit)?;
    }
    Ok(())
}

/// A body that is to be edited has to come whole, and as it is.
fn ask_for_whole(headers: &mut HeaderMap) {
    headers.insert(header::ACCEPT_ENCODING, HeaderValue::from_static("identity"));
    headers.remove(header::RANGE);
    headers.remove(header::IF_RANGE);
}

fn hold_request(
    session: &Session,
    upstream: &mut RequestHeader,
    edit: &BodyEdit,
    context: &mut RequestContext,
) -> Result<()> {
    match edit.concern_of_request(&session.req_header().headers) {
        Concern::None => Ok(()),
        Concern::Edit => {
            // Pingora says `chunked` in place of the length.
            edit_request(upstream, |parts| remove_all_of_the_bytes(&mut parts.headers));
            context.reshaping.get_or_insert_default().request = Some(Held::default());
            Ok(())
        }
        Concern::Unreadable(_) if edit.on_unreadable == OnUnreadable::Pass => Ok(()),
        Concern::Unreadable(why) => Err(decided(context, Misfit::unreadable(why).denial(Side::Request))),
    }
}

fn remove_all_of_the_bytes(headers: &mut HeaderMap) {
    for name in &OF_THE_BYTES {
        headers.remove(name);
    }
}

/// A piece of the request's body, on its way to upstream.
pub(crate) fn request_body(
    shared: &Shared,
    session: &Session,
    bytes: &mut Option<Bytes>,
    ends: bool,
    context: &mut RequestContext,
) -> Result<()> {
    let Some(mut held) = context.reshaping.as_mut().and_then(|reshaping| reshaping.request.take()) else {
        return Ok(());
    };
    let installed = Arc::clone(&context.installed);
    let Some(route) = context.route.and_then(|id| installed.snapshot.route(id)) else { return Ok(()) };
    let rules = route.transform.as_ref().and_then(|transform| transform.request.as_ref());
    let Some((rules, edit)) = rules.and_then(|rules| Some((rules, rules.body.as_ref()?))) else { return Ok(()) };
    held.share.get_or_insert_with(|| shared.held_bodies.share());
    let piece = bytes.take().unwrap_or_default();
    held.take_up(&piece, context).map_err(|denial| decided(context, denial))?;
    if held.bytes.len() > edit.bytes_max {
        if edit.on_unreadable == OnUnreadable::Pass {
            *bytes = Some(held.bytes.into());
            return Ok(());
        }
        let text = format!("more than the {} bytes of `request.body.bytesMax` arrived", edit.bytes_max);
        return Err(decided(context, Denial::new(Reason::BodyTooLarge).because(text)));
    }
    if !ends {
        context.reshaping.get_or_insert_default().request = Some(held);
        // None would be the end.
        *bytes = Some(Bytes::new());
        return Ok(());
    }
    let edited = edit.apply(rules.captures.as_ref(), &facts(session, route, context), &held.bytes);
    *bytes = Some(settle(edited, held.bytes, edit, Side::Request).map_err(|denial| decided(context, denial))?);
    Ok(())
}

impl Held {
    /// The share is counted from the first piece on.
    fn take_up(&mut self, piece: &[u8], context: &RequestContext) -> Result<(), Denial> {
        let bytes_max = context.installed.snapshot.intake.held_body_bytes_max;
        let grown = self.share.as_mut().map_or(Ok(()), |share| share.grow(piece.len(), bytes_max));
        grown.map_err(|_| {
            let text = format!("{bytes_max} bytes are all that may be held");
            Denial::new(Reason::BodyBufferFull).because(text).retry_after(RETRY_AFTER)
        })?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}

/// The body that goes on.
fn settle(edited: Result<String, Misfit>, held: Vec<u8>, edit: &BodyEdit, side: Side) -> Result<Bytes, Denial> {
    match edited {
        Ok(text) => Ok(text.into()),
        Err(misfit) if misfit.cause == Cause::Unreadable && edit.on_unreadable == OnUnreadable::Pass => Ok(held.into()),
        Err(misfit) => Err(misfit.denial(side)),
    }
}

/// The head of an answer has arrived and has been found good.
pub(crate) fn answer(
    shared: &Shared,
    session: &Session,
    response: &mut ResponseHeader,
    context: &mut RequestContext,
) -> Result<()> {
    let is_concerned = |route: &Route| route.transform.is_some() || route.compression.is_some();
    if !route(context).is_some_and(is_concerned) || response.status.is_informational() {
        return Ok(());
    }
    let installed = Arc::clone(&context.installed);
    let Some(route) = context.route.and_then(|id| installed.snapshot.route(id)) else { return Ok(()) };
    // Of an attempt before this one.
    if let Some(reshaping) = context.reshaping.as_mut() {
        (reshaping.answer, reshaping.encoder) = (None, None);
    }
    if let Some(rules) = route.transform.as_ref().and_then(|transform| transform.response.as_ref()) {
        reshape(session, response, rules, route, context)?;
        if let Some(answer) = context.reshaping.as_mut().and_then(|reshaping| reshaping.answer.as_mut()) {
            answer.held.share = Some(shared.held_bodies.share());
        }
    }
    let Some(compression) = &route.compression else { return Ok(()) };
    let request = session.req_header();
    let asked = Asked { method: &request.method, version: request.version, headers: &request.headers };
    let status = response.status;
    let coding = edit_response(response, |headers| compression.apply(asked, status, headers));
    if let Some(coding) = coding.filter(|_| request.method != Method::HEAD) {
        let unfit = |fault: std::io::Error| Denial::new(Reason::InternalError).because(fault.to_string());
        let encoder = Encoder::new(coding, compression.level).map_err(|fault| decided(context, unfit(fault)))?;
        context.reshaping.get_or_insert_default().encoder = Some(encoder);
    }
    Ok(())
}

fn reshape(
    session: &Session,
    response: &mut ResponseHeader,
    rules: &ResponseTransform,
    route: &Route,
    context: &mut RequestContext,
) -> Result<()> {
    let status = response.status;
    // A copy: values may be taken from fields that are being changed.
    let headers = response.headers.clone();
    let concern = rules.body.as_ref().map_or(Concern::None, |edit| edit.concern_of_answer(status, &headers));
    let is_head = session.req_header().method == Method::HEAD;
    let facts = Facts { answer: Some(answer_of(status, &headers)), ..facts(session, route, context) };
    let edited = edit_response(response, |fields| {
        if concern == Concern::Edit {
            remove_all_of_the_bytes(fields);
        }
        rules.apply(&facts, fields)
    });
    edited.map_err(|misfit| decided(context, misfit.denial(Side::Response)))?;
    match concern {
        Concern::Edit if !is_head => {
            context.reshaping.get_or_insert_default().answer =
                Some(HeldAnswer { held: Held::default(), status, headers });
            Ok(())
        }
        Concern::Unreadable(why) if !is_head && refuses(rules) => {
            Err(decided(context, Misfit::unreadable(why).denial(Side::Response)))
        }
        Concern::None | Concern::Edit | Concern::Unreadable(_) => Ok(()),
    }
}

fn refuses(rules: &ResponseTransform) -> bool {
    rules.body.as_ref().is_some_and(|edit| edit.on_unreadable == OnUnreadable::Refuse)
}

const fn answer_of(status: StatusCode, headers: &HeaderMap) -> Answer<'_> {
    Answer { status: status.as_u16(), headers }
}

/// A piece of the answer's body, on its way to the client.
pub(crate) fn answer_body(
    session: &Session,
    bytes: &mut Option<Bytes>,
    ends: bool,
    context: &mut RequestContext,
) -> Result<()> {
    let Some(reshaping) = context.reshaping.as_mut() else { return Ok(()) };
    if let Some(held) = reshaping.answer.take() {
        edit_answer(session, held, bytes, ends, context)?;
    }
    let Some(encoder) = context.reshaping.as_mut().and_then(|reshaping| reshaping.encoder.as_mut()) else {
        return Ok(());
    };
    let piece = bytes.take().unwrap_or_default();
    match encoder.push(&piece, ends) {
        Ok(encoded) => {
            // An empty chunk would be the last one.
            *bytes = (!encoded.is_empty()).then_some(encoded);
            Ok(())
        }
        Err(fault) => Err(decided(context, Denial::new(Reason::InternalError).because(fault.to_string()))),
    }
}

fn edit_answer(
    session: &Session,
    held: HeldAnswer,
    bytes: &mut Option<Bytes>,
    ends: bool,
    context: &mut RequestContext,
) -> Result<()> {
    let installed = Arc::clone(&context.installed);
    let Some(route) = context.route.and_then(|id| installed.snapshot.route(id)) else { return Ok(()) };
    let rules = route.transform.as_ref().and_then(|transform| transform.response.as_ref());
    let Some((rules, edit)) = rules.and_then(|rules| Some((rules, rules.body.as_ref()?))) else { return Ok(()) };
    let HeldAnswer { mut held, status, headers } = held;
    let piece = bytes.take().unwrap_or_default();
    held.take_up(&piece, context).map_err(|denial| decided(context, denial))?;
    if held.bytes.len() > edit.bytes_max {
        if edit.on_unreadable == OnUnreadable::Pass {
            *bytes = Some(held.bytes.into());
            return Ok(());
        }
        let text = format!("it is larger than the {} bytes of `response.body.bytesMax`", edit.bytes_max);
        return Err(decided(context, Misfit::unreadable(text).denial(Side::Response)));
    }
    if !ends {
        context.reshaping.get_or_insert_default().answer = Some(HeldAnswer { held, status, headers });
        return Ok(());
    }
    if held.bytes.is_empty() {
        return Ok(());
    }
    let facts = Facts { answer: Some(answer_of(status, &headers)), ..facts(session, route, context) };
    let edited = edit.apply(rules.captures.as_ref(), &facts, &held.bytes);
    *bytes = Some(settle(edited, held.bytes, edit, Side::Response).map_err(|denial| decided(context, denial))?);
    Ok(())
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
