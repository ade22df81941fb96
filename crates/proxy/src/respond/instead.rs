//! A refusal in place of an answer that has begun for Pingora and not for the client: its head was kept. Pingora writes a head only once,
//! so this one goes past it; the connection ends behind it, or the stream.

use super::{Made, made, render};
use crate::context::RequestContext;
use crate::hold::{Hold, Instead, Substitute};
use engine::denial::Denial;
use engine::response::Author;
use http::header::{self, HeaderValue};
use limits::clock::now;
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora::protocols::http::date::get_cached_date;
use pingora_proxy::Session;

/// Whether the client has got nothing of the answer, although Pingora has written its head.
pub(crate) fn is_kept(session: &Session, context: &RequestContext) -> bool {
    context.hold().is_some_and(Hold::keeps)
        && session.response_written().is_some_and(|head| !head.status.is_informational())
}

/// Refuses the request in the operator's words. Only where the answer [is kept](is_kept).
pub(crate) async fn refuse_instead(session: &mut Session, context: &mut RequestContext, denial: &Denial) -> Result<()> {
    let reply = render(session, context, denial, now());
    let Made { mut head, body } = made(Some(Author::Gateway), session, context, reply)?;
    head.insert_header(header::DATE, get_cached_date())?;
    head.insert_header(header::CONNECTION, HeaderValue::from_static("close"))?;
    let Some(hold) = context.hold() else { return Ok(()) };
    let body_bytes = body.len();
    hold.replace(Box::new(Substitute { head: head.clone(), body }));
    context.instead = Some(Box::new(Instead { head, body_bytes }));
    // What goes out instead is written before the end.
    session.as_mut().shutdown().await;
    Ok(())
}

/// The head that the client has got of the answer; none while that is kept.
pub(crate) fn told<'a>(session: &'a Session, context: &'a RequestContext) -> Option<&'a ResponseHeader> {
    match &context.instead {
        Some(instead) => Some(&instead.head),
        None if is_kept(session, context) => None,
        None => session.response_written(),
    }
}
