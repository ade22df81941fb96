//! The answer on its way to the client.
//!
//! Pingora hands its head on before its body is here. Where the body has to be judged first, the connection's gate keeps the head until
//! then, so that whatever is found wrong is still told by a refusal (`docs/decisions/0033-late-faults-of-answers.md`).

use super::{facts, remove_all_of_the_bytes, route, settle};
use crate::bodies::{Gathered, HeldAnswer};
use crate::context::RequestContext;
use crate::encoder::Encoder;
use crate::fields::edit_response;
use crate::phase::connect::decided;
use crate::shared::Shared;
use bytes::Bytes;
use engine::compression::Asked;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::rules::Route;
use engine::transform::{Answer, Concern, Facts, Misfit, OnUnreadable, ResponseTransform, Side};
use http::header::{self, HeaderMap};
use http::{Method, StatusCode};
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora_proxy::Session;
use std::sync::Arc;

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
    Ok(())
}

/// The head of an answer says all that it is going to say of its body: whether that may be compressed is known.
pub(crate) fn compress(session: &Session, response: &mut ResponseHeader, context: &mut RequestContext) -> Result<()> {
    if route(context).is_none_or(|route| route.compression.is_none()) || response.status.is_informational() {
        return Ok(());
    }
    let installed = Arc::clone(&context.installed);
    let found = context.route.and_then(|id| installed.snapshot.route(id)?.compression.as_ref());
    let Some(compression) = found else { return Ok(()) };
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
                Some(HeldAnswer { held: Gathered::default(), status, headers });
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

/// The head of an answer is as it goes to the client: with a body that is to be edited it waits for that.
pub(crate) fn hold(response: &ResponseHeader, context: &mut RequestContext) {
    let Some(reshaping) = context.reshaping.as_mut().filter(|reshaping| reshaping.answer.is_some()) else { return };
    // The length went with the other fields of the bytes: what is not in chunks has ended already.
    if response.headers.contains_key(header::TRANSFER_ENCODING) {
        if let Some(hold) = context.hold() {
            hold.keep();
        }
    } else {
        reshaping.answer = None;
    }
}

/// A piece of the answer's body, on its way to the client.
pub(crate) fn answer_body(
    shared: &Shared,
    session: &Session,
    bytes: &mut Option<Bytes>,
    ends: bool,
    context: &mut RequestContext,
) -> Result<()> {
    let Some(reshaping) = context.reshaping.as_mut() else { return Ok(()) };
    let Some(held) = reshaping.answer.take() else { return encode(shared, bytes, ends, context) };
    edit_answer(shared, session, held, bytes, ends, context)?;
    let is_judged = context.reshaping.as_ref().is_none_or(|reshaping| reshaping.answer.is_none());
    if is_judged {
        encode(shared, bytes, ends, context)?;
        // Nothing can go wrong any more that is not the network's.
        if let Some(hold) = context.hold() {
            hold.let_go();
        }
    }
    Ok(())
}

fn encode(shared: &Shared, bytes: &mut Option<Bytes>, ends: bool, context: &mut RequestContext) -> Result<()> {
    let Some(encoder) = context.reshaping.as_mut().and_then(|reshaping| reshaping.encoder.as_mut()) else {
        return Ok(());
    };
    let piece = bytes.take().unwrap_or_default();
    match shared.reading_turns.aside(piece.len(), || encoder.push(&piece, ends)) {
        Ok(out) => {
            // An empty chunk would be the last one.
            *bytes = (!out.is_empty()).then_some(out);
            Ok(())
        }
        Err(fault) => Err(decided(context, Denial::new(Reason::InternalError).because(fault.to_string()))),
    }
}

fn edit_answer(
    shared: &Shared,
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
    held.take_up(&piece, &context.installed).map_err(|denial| decided(context, denial))?;
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
    let large = if headers.contains_key(header::CONTENT_ENCODING) { edit.bytes_max } else { held.bytes.len() };
    let edited = shared.reading_turns.aside(large, || edit.apply(rules.captures.as_ref(), &facts, &held.bytes));
    *bytes = Some(settle(edited, held.bytes, edit, Side::Response).map_err(|denial| decided(context, denial))?);
    Ok(())
}
