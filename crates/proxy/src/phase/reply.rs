//! Upstream's answer on its way back: checked as strictly as a request, and told what the gateway adds.

use crate::context::RequestContext;
use crate::fault::Progress;
use crate::phase::connect::decided;
use crate::respond;
use engine::denial::Denial;
use engine::reason::Reason;
use http::header::{self, HeaderName};
use limits::clock::now;
use pingora::Result;
use pingora::http::ResponseHeader;

/// Interim (1xx) answers of one exchange that are passed on.
const INTERIM_MAX: u32 = 8;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// Fields of one connection that need not be named in Connection to be removed; Transfer-Encoding is Pingora's.
static HOP_BY_HOP: [HeaderName; 4] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::UPGRADE,
];
static FRAMING: [HeaderName; 2] = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// A head has arrived from upstream, interim ones included.
pub(crate) fn received(response: &mut ResponseHeader, context: &mut RequestContext) -> Result<()> {
    if let Err(text) = check(response, context) {
        return Err(decided(context, Denial::new(Reason::UpstreamProtocolError).because(text)));
    }
    strip_hop_by_hop(response);
    if response.status.is_informational() {
        return Ok(());
    }
    let now = now();
    context.attempt.progress = Progress::Answering;
    context.attempt.first_byte = Some(now);
    context.attempt.status = Some(response.status.as_u16());
    wait_for_more(context, now);
    Ok(())
}

/// RFC 9112, 6.3, and what RFC 9110, 15.2 leaves to us.
fn check(response: &ResponseHeader, context: &mut RequestContext) -> Result<(), String> {
    if response.status == http::StatusCode::SWITCHING_PROTOCOLS {
        return Err("101 without a request to upgrade".into());
    }
    if response.status.is_informational() {
        context.attempt.interim = context.attempt.interim.saturating_add(1);
        if context.attempt.interim > INTERIM_MAX {
            return Err(format!("more than {INTERIM_MAX} interim answers"));
        }
    }
    let headers = &response.headers;
    let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
    if let Some(first) = lengths.next() {
        if headers.contains_key(header::TRANSFER_ENCODING) {
            return Err("Content-Length beside Transfer-Encoding".into());
        }
        if lengths.any(|length| length != first) {
            return Err("several Content-Length".into());
        }
    }
    let bytes = headers.iter().fold(0_usize, |sum, (name, value)| {
        sum.saturating_add(name.as_str().len()).saturating_add(value.len()).saturating_add(4)
    });
    if bytes > HEAD_BYTES_MAX {
        return Err(format!("a head of {bytes} bytes"));
    }
    Ok(())
}

/// What upstream says of its own connection is not for the client (RFC 9110, 7.6.1). The framing is, whatever Connection names.
fn strip_hop_by_hop(response: &mut ResponseHeader) {
    let is_field = |option: &&str| !option.eq_ignore_ascii_case("close") && !option.eq_ignore_ascii_case("keep-alive");
    let named: Vec<HeaderName> = response
        .headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .filter(is_field)
        .filter_map(|option| HeaderName::from_bytes(option.as_bytes()).ok())
        .filter(|name| !FRAMING.contains(name))
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        response.remove_header(name);
    }
}

/// Adds the request ID and where the caller stands with its limits.
pub(crate) fn edit(response: &mut ResponseHeader, context: &RequestContext) -> Result<()> {
    if response.status.is_informational() {
        return Ok(());
    }
    respond::add_request_id(response, context)?;
    match context.admission() {
        Some(admission) => respond::add_standings(response, &context.installed.snapshot, admission.standings()),
        None => Ok(()),
    }
}

/// A piece of the body has arrived.
pub(crate) fn body(end_of_stream: bool, context: &RequestContext) {
    if end_of_stream {
        if let Some(deadline) = &context.deadline {
            deadline.clear();
        }
    } else {
        wait_for_more(context, now());
    }
}

fn wait_for_more(context: &RequestContext, now: limits::clock::Now) {
    let idle = context
        .admission()
        .and_then(|admission| context.installed.upstream(admission.upstream()))
        .map(|(upstream, _)| upstream.timeouts.idle);
    if let Some(idle) = idle {
        context.wait_until(now, idle);
    }
}
