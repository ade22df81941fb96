//! A body that has to be read before it may pass (`Rules::reading`).
//!
//! One of 64 KiB at most is read before any upstream is contacted: Pingora keeps as much to replay it. Of a longer one upstream gets the
//! head, and nothing of the body until all of it is here and judged; then everything at once. Either way upstream gets what was sent,
//! byte for byte. In dry run a body passes as it comes, and a copy is judged.
//!
//! What changes a body begins where it has just been judged: [`outgoing`].

use crate::bodies::{Content, Held, full};
use crate::context::RequestContext;
use crate::installed::Installed;
use crate::phase::connect::decided;
use crate::shared::Shared;
use crate::turns::INLINE_BYTES_MAX;
use bytes::Bytes;
use engine::denial::Denial;
use engine::policy::reading::{Judged, Reading};
use engine::reason::Reason;
use engine::trail::{Mode, Step};
use http::{HeaderMap, Version, header};
use pingora::Result;
use pingora_proxy::Session;
use std::sync::Arc;
use std::time::Duration;

/// What Pingora keeps of a body to send it again: a constant of its own.
pub(crate) const REPLAYED_BYTES_MAX: usize = 64 * 1024;
/// For one's turn there.
const TURN_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether all of the body has been taken in, so that Pingora can replay it.
pub(crate) fn is_whole(context: &RequestContext) -> bool {
    matches!(context.content.as_deref(), Some(Content::Passed { .. }))
}

/// Whether the route of an admitted request asks for its body.
pub(crate) fn is_read(context: &RequestContext) -> bool {
    reading_of(context, &context.installed).is_some()
}

/// Reads a body that is small enough for it, and says what is to be refused. What was charged is the caller's to give back.
pub(crate) async fn read_early(
    shared: &Shared,
    session: &mut Session,
    context: &mut RequestContext,
) -> Result<Option<Denial>> {
    let installed = Arc::clone(&context.installed);
    let Some(reading) = reading_of(context, &installed) else { return Ok(None) };
    let request = session.req_header();
    let Some(wanted) = reading.wants(&request.method, &request.headers) else { return Ok(None) };
    ask_for_body(session).await?;
    let later = wanted.length.is_some_and(|length| usize::try_from(length).map_or(true, |it| it > REPLAYED_BYTES_MAX));
    let share = shared.held_bodies.share();
    let mut held = Held { wanted, bytes: Vec::new(), sent: 0, has_prefix: false, share };
    if later {
        context.content = Some(Box::new(Content::Held(held)));
        return Ok(None);
    }
    session.as_mut().enable_retry_buffering();
    // Pingora says whose fault a failed read is only where it reads itself.
    while let Some(bytes) = session.as_mut().read_request_body().await.map_err(pingora::Error::into_down)? {
        let spent = context.admission_mut().map_or(Ok(()), |admission| admission.allowance().spend(bytes.len()));
        if let Err(denial) = spent {
            return Ok(Some(denial));
        }
        let taken = held.take_up(reading, &bytes, &installed);
        let is_replayed = !session.as_ref().retry_buffer_truncated();
        if let Err(denial) = taken {
            let refused = verdict(context, reading, Err(denial)).err();
            // In dry run it goes on; what Pingora does not have any more is ours to send.
            held.bytes.extend_from_slice(&bytes);
            let unsent = if is_replayed { Vec::new() } else { held.bytes };
            context.content = Some(Box::new(Content::Unsent(unsent)));
            return Ok(refused);
        }
        if !is_replayed {
            held.has_prefix = true;
            context.content = Some(Box::new(Content::Held(held)));
            return Ok(None);
        }
    }
    let judged = judge(shared, &installed, context, &mut held).await;
    context.content = Some(Box::new(Content::Passed { _share: Some(held.share) }));
    Ok(verdict(context, reading, judged).err())
}

/// Reads what [`read_early`] has left of a body that nobody passes on, as the route answers by itself, and says what is to be refused.
pub(crate) async fn read_rest(
    shared: &Shared,
    session: &mut Session,
    context: &mut RequestContext,
) -> Result<Option<Denial>> {
    let installed = Arc::clone(&context.installed);
    let Some(reading) = reading_of(context, &installed) else { return Ok(None) };
    let mut held = match context.content.take().map(|content| *content) {
        Some(Content::Held(held)) => held,
        Some(Content::Passed { .. } | Content::Unsent(_)) | None => return Ok(None),
    };
    while let Some(bytes) = session.as_mut().read_request_body().await.map_err(pingora::Error::into_down)? {
        let spent = context.admission_mut().map_or(Ok(()), |admission| admission.allowance().spend(bytes.len()));
        if let Err(denial) = spent {
            return Ok(Some(denial));
        }
        if let Err(denial) = held.take_up(reading, &bytes, &installed) {
            return Ok(verdict(context, reading, Err(denial)).err());
        }
    }
    let judged = judge(shared, &installed, context, &mut held).await;
    Ok(verdict(context, reading, judged).err())
}

/// Reads a body that Pingora can replay, or the rest of it, and judges nothing of it.
pub(crate) async fn read_whole(session: &mut Session, context: &mut RequestContext) -> Result<Option<Denial>> {
    if context.content.is_none() {
        ask_for_body(session).await?;
    }
    session.as_mut().enable_retry_buffering();
    while let Some(bytes) = session.as_mut().read_request_body().await.map_err(pingora::Error::into_down)? {
        let spent = context.admission_mut().map_or(Ok(()), |admission| admission.allowance().spend(bytes.len()));
        if let Err(denial) = spent {
            return Ok(Some(denial));
        }
    }
    Ok(None)
}

/// Of a client that waits to be asked (RFC 9110, 10.1.1).
async fn ask_for_body(session: &mut Session) -> Result<()> {
    let request = session.req_header();
    if request.version >= Version::HTTP_11 && expects_continue(&request.headers) {
        // Any head that is written before the body has ended is taken for an answer in haste, which costs the connection.
        session.as_mut().set_close_on_response_before_downstream_finish(false);
        session.as_mut().write_continue_response().await?;
        session.as_mut().set_close_on_response_before_downstream_finish(true);
    }
    Ok(())
}

/// A piece of the body on its way to upstream, or the last one: what may pass of it.
pub(crate) async fn pass(
    shared: &Shared,
    bytes: &mut Option<Bytes>,
    end_of_stream: bool,
    context: &mut RequestContext,
) -> Result<()> {
    let Some(mut body) = context.content.take() else { return Ok(()) };
    let passed = match &mut *body {
        Content::Passed { _share: _ } => Ok(None),
        Content::Unsent(unsent) => {
            let mut all = std::mem::take(unsent);
            all.extend_from_slice(bytes.as_deref().unwrap_or_default());
            *bytes = piece(all.into(), end_of_stream);
            Ok(Some(Content::Passed { _share: None }))
        }
        Content::Held(held) => hold(shared, held, bytes, end_of_stream, context).await,
    };
    if let Some(next) = passed? {
        *body = next;
    }
    context.content = Some(body);
    Ok(())
}

/// Begins anew: a request that is tried again sends its body again.
pub(crate) fn restart(context: &mut RequestContext) {
    if let Some(Content::Held(held)) = context.content.as_deref_mut()
        && !held.has_prefix
    {
        held.share.shrink(held.bytes.len());
        held.bytes.clear();
        held.sent = 0;
    }
}

async fn hold(
    shared: &Shared,
    held: &mut Held,
    bytes: &mut Option<Bytes>,
    end_of_stream: bool,
    context: &mut RequestContext,
) -> Result<Option<Content>> {
    let installed = Arc::clone(&context.installed);
    let Some(reading) = reading_of(context, &installed) else { return Ok(None) };
    let arrived = bytes.take().unwrap_or_default();
    if let Err(denial) = held.take_up(reading, &arrived, &installed) {
        verdict(context, reading, Err(denial)).map_err(|denial| decided(context, denial))?;
        let all = [held.unsent(), arrived].concat();
        *bytes = piece(all.into(), end_of_stream);
        return Ok(Some(Content::Passed { _share: None }));
    }
    if !end_of_stream {
        *bytes = Some(match reading.mode {
            // Not `None`, which Pingora takes for the end of the body.
            Mode::Enforce => Bytes::new(),
            Mode::DryRun | Mode::Off => held.unsent(),
        });
        return Ok(None);
    }
    let judged = judge(shared, &installed, context, held).await;
    let judged = verdict(context, reading, judged).map_err(|denial| decided(context, denial))?;
    *bytes = piece(outgoing(judged, held), end_of_stream);
    // The rest of it goes with the content.
    let share = std::mem::replace(&mut held.share, shared.held_bodies.share());
    Ok(Some(Content::Passed { _share: Some(share) }))
}

/// What upstream gets of a body that was just judged: as it was sent. None was judged in dry run, and where it turned out to be empty.
fn outgoing(_judged: Option<Judged>, held: &mut Held) -> Bytes {
    if held.sent == 0 { std::mem::take(&mut held.bytes).into() } else { held.unsent() }
}

/// The end of a body comes without bytes rather than with none: those would be its end already, and the end a second one.
fn piece(bytes: Bytes, end_of_stream: bool) -> Option<Bytes> {
    (!(end_of_stream && bytes.is_empty())).then_some(bytes)
}

async fn judge(
    shared: &Shared,
    installed: &Arc<Installed>,
    context: &RequestContext,
    held: &mut Held,
) -> Result<Option<Judged>, Denial> {
    let Some(reading) = reading_of(context, installed) else { return Err(lost()) };
    let decompressed = if held.wanted.is_plain() { 0 } else { reading.decompressed_bytes_max };
    held.grow(decompressed, installed)?;
    let judged = if held.bytes.len().saturating_add(decompressed) <= INLINE_BYTES_MAX {
        reading.judge(&held.wanted, &held.bytes)
    } else {
        judge_elsewhere(shared, Arc::clone(installed), context, held).await
    };
    held.share.shrink(decompressed);
    judged
}

/// Where it does not hold up the thread that serves other requests.
async fn judge_elsewhere(
    shared: &Shared,
    installed: Arc<Installed>,
    context: &RequestContext,
    held: &mut Held,
) -> Result<Option<Judged>, Denial> {
    let turn = tokio::time::timeout(TURN_TIMEOUT, shared.reading_turns.wait()).await;
    let Ok(Some(turn)) = turn else { return Err(full(format!("it waited {TURN_TIMEOUT:?} for its turn to be read"))) };
    let Some(route) = context.admission().map(engine::chain::Admission::route) else { return Err(lost()) };
    let (wanted, bytes) = (held.wanted.clone(), std::mem::take(&mut held.bytes));
    let judging = tokio::task::spawn_blocking(move || {
        let reading = installed.snapshot.route(route).and_then(|route| route.rules.reading.as_deref());
        let judged = reading.map_or_else(|| Err(lost()), |reading| reading.judge(&wanted, &bytes));
        drop(turn);
        (bytes, judged)
    });
    let (bytes, judged) = judging.await.map_err(|_| lost())?;
    held.bytes = bytes;
    judged
}

/// The one place where the body's step is recorded.
fn verdict(
    context: &mut RequestContext,
    reading: &Reading,
    judged: Result<Option<Judged>, Denial>,
) -> Result<Option<Judged>, Denial> {
    context.trail.judge(Step::Body, Some(reading.policy), reading.mode, judged).map(Option::flatten)
}

fn reading_of<'i>(context: &RequestContext, installed: &'i Installed) -> Option<&'i Reading> {
    installed.snapshot.route(context.admission()?.route())?.rules.reading.as_deref()
}

/// RFC 9110, 10.1.1: not asked by HTTP/1.0.
fn expects_continue(headers: &HeaderMap) -> bool {
    headers.get(header::EXPECT).is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

fn lost() -> Denial {
    Denial::new(Reason::InternalError).because("a body was judged by nobody")
}
