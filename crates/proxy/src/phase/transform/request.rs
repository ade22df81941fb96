//! The request on its way to upstream.
//!
//! A body of 64 KiB at most whose length is announced is read and changed before any upstream is contacted, and goes on with its new
//! length. A longer one is held back behind the head, and goes on in chunks.

use super::{facts, remove_all_of_the_bytes, route, settle};
use crate::bodies::{Content, Gathered, HeldRequest};
use crate::context::RequestContext;
use crate::fields::edit_request;
use crate::phase::connect::decided;
use crate::phase::content;
use crate::shared::Shared;
use bytes::Bytes;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::rules::Route;
use engine::transform::{BodyEdit, Cause, Concern, Misfit, OnUnreadable, RequestTransform, Side, Target};
use http::Uri;
use http::header::{self, HeaderMap, HeaderValue};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora_proxy::Session;
use std::sync::Arc;

/// Whether the route of an admitted request changes its body, and can do so before upstream is contacted.
pub(crate) fn is_read(session: &Session, context: &RequestContext) -> bool {
    let transform = route(context).and_then(|route| route.transform.as_ref());
    let Some(edit) = transform.and_then(|transform| transform.request.as_ref()?.body.as_ref()) else { return false };
    let headers = &session.req_header().headers;
    let length = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<usize>().ok());
    edit.concern_of_request(headers) == Concern::Edit
        && length.is_some_and(|length| length <= content::REPLAYED_BYTES_MAX)
}

/// Reads the body, unless that has been done, and changes it. What was charged is the caller's to give back.
pub(crate) async fn read_early(session: &mut Session, context: &mut RequestContext) -> Result<Option<Denial>> {
    // In dry run the judge may have left off in the middle.
    if !content::is_whole(context) {
        if let Some(denial) = content::read_whole(session, context).await? {
            return Ok(Some(denial));
        }
        context.content = Some(Box::new(Content::Passed { _share: None }));
    }
    let Some(body) = session.as_ref().get_retry_buffer() else { return Ok(None) };
    let installed = Arc::clone(&context.installed);
    let Some(route) = context.route.and_then(|id| installed.snapshot.route(id)) else { return Ok(None) };
    let rules = route.transform.as_ref().and_then(|transform| transform.request.as_ref());
    let Some((rules, edit)) = rules.and_then(|rules| Some((rules, rules.body.as_ref()?))) else { return Ok(None) };
    let edited = edit.apply(rules.captures.as_ref(), &facts(session, route, context), &body);
    match settle(edited, body, edit, Side::Request) {
        Ok(ready) => {
            context.reshaping.get_or_insert_default().request = Some(HeldRequest::Ready(ready));
            Ok(None)
        }
        Err(denial) => Ok(Some(denial)),
    }
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
            hold(session, upstream, edit, context)?;
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

fn hold(session: &Session, upstream: &mut RequestHeader, edit: &BodyEdit, context: &mut RequestContext) -> Result<()> {
    if let Some(HeldRequest::Ready(body)) = context.reshaping.as_ref().and_then(|reshaping| reshaping.request.as_ref())
    {
        let length = HeaderValue::from(body.len());
        edit_request(upstream, |parts| {
            remove_all_of_the_bytes(&mut parts.headers);
            parts.headers.remove(header::TRANSFER_ENCODING);
            parts.headers.insert(header::CONTENT_LENGTH, length);
        });
        return Ok(());
    }
    match edit.concern_of_request(&session.req_header().headers) {
        Concern::None => Ok(()),
        Concern::Edit => {
            // Pingora says `chunked` in place of the length.
            edit_request(upstream, |parts| remove_all_of_the_bytes(&mut parts.headers));
            context.reshaping.get_or_insert_default().request = Some(HeldRequest::Arriving(Gathered::default()));
            Ok(())
        }
        Concern::Unreadable(_) if edit.on_unreadable == OnUnreadable::Pass => Ok(()),
        Concern::Unreadable(why) => Err(decided(context, Misfit::unreadable(why).denial(Side::Request))),
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
    let mut held = match context.reshaping.as_mut().and_then(|reshaping| reshaping.request.take()) {
        None => return Ok(()),
        Some(HeldRequest::Ready(body)) => {
            // What comes here is what it was made of. None would be the end.
            *bytes = Some(if ends { body.clone() } else { Bytes::new() });
            context.reshaping.get_or_insert_default().request = Some(HeldRequest::Ready(body));
            return Ok(());
        }
        Some(HeldRequest::Arriving(held)) => held,
    };
    let installed = Arc::clone(&context.installed);
    let Some(route) = context.route.and_then(|id| installed.snapshot.route(id)) else { return Ok(()) };
    let rules = route.transform.as_ref().and_then(|transform| transform.request.as_ref());
    let Some((rules, edit)) = rules.and_then(|rules| Some((rules, rules.body.as_ref()?))) else { return Ok(()) };
    held.share.get_or_insert_with(|| shared.held_bodies.share());
    let piece = bytes.take().unwrap_or_default();
    held.take_up(&piece, &context.installed).map_err(|denial| decided(context, denial))?;
    if held.bytes.len() > edit.bytes_max {
        if edit.on_unreadable == OnUnreadable::Pass {
            *bytes = Some(held.bytes.into());
            return Ok(());
        }
        let text = format!("more than the {} bytes of `request.body.bytesMax` arrived", edit.bytes_max);
        return Err(decided(context, Denial::new(Reason::BodyTooLarge).because(text)));
    }
    if !ends {
        context.reshaping.get_or_insert_default().request = Some(HeldRequest::Arriving(held));
        // None would be the end.
        *bytes = Some(Bytes::new());
        return Ok(());
    }
    let facts = facts(session, route, context);
    let large = if facts.headers.contains_key(header::CONTENT_ENCODING) { edit.bytes_max } else { held.bytes.len() };
    let edited = shared.reading_turns.aside(large, || edit.apply(rules.captures.as_ref(), &facts, &held.bytes));
    *bytes = Some(settle(edited, held.bytes, edit, Side::Request).map_err(|denial| decided(context, denial))?);
    Ok(())
}
