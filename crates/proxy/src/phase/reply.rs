//! Upstream's answer on its way back: checked as strictly as a request, and told what the gateway adds.

use crate::context::RequestContext;
use crate::fault::Progress;
use crate::fields::edit_response;
use crate::phase::connect::decided;
use crate::respond;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::response::Author;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode, Version};
use limits::clock::now;
use pingora::Result;
use pingora::http::ResponseHeader;
use pingora_proxy::Session;

/// Interim (1xx) answers of one exchange that are passed on.
const INTERIM_MAX: u32 = 8;
/// Fields that the gateway may add to those of upstream.
const ADDED_MAX: usize = 8;
/// Bytes of an answer's head.
const HEAD_BYTES_MAX: usize = 64 * 1024;

/// A head has arrived from upstream, interim ones included. What goes to the client loses the fields of upstream's own connection; a
/// final answer gains the request ID, where the caller stands with its limits, and what its route puts on every answer.
pub(crate) fn received(session: &Session, response: &mut ResponseHeader, context: &mut RequestContext) -> Result<()> {
    let status = response.status;
    let found = match survey(status, &response.headers) {
        Ok(found) => found,
        Err(text) => return Err(decided(context, Denial::new(Reason::UpstreamProtocolError).because(text))),
    };
    if status.is_informational() {
        context.attempt.interim = context.attempt.interim.saturating_add(1);
        if context.attempt.interim > INTERIM_MAX {
            let text = format!("more than {INTERIM_MAX} interim answers");
            return Err(decided(context, Denial::new(Reason::UpstreamProtocolError).because(text)));
        }
        edit_response(response, |headers| strip_hop_by_hop(headers, found));
        return Ok(());
    }
    let now = now();
    context.attempt.progress = Progress::Answering;
    context.attempt.first_byte = Some(now);
    context.attempt.status = Some(status.as_u16());
    wait_for_more(context, now);
    edit_response(response, |headers| {
        headers.reserve(ADDED_MAX);
        strip_hop_by_hop(headers, found);
        respond::add_request_id(headers, context);
        if let Some(admission) = context.admission() {
            respond::add_standings(headers, &context.installed.snapshot, admission.standings());
        }
        // After every other edit: nothing else has a say in these fields.
        if let Some(rules) = context.response_rules() {
            rules.edit(Author::Upstream, status.as_u16(), &session.req_header().headers, headers);
        }
    });
    Ok(())
}

/// What one look at all fields has found.
#[derive(Clone, Copy, Default)]
struct Found {
    /// A field of upstream's own connection.
    hop_by_hop: bool,
}

/// RFC 9112, 6.3, and what RFC 9110, 15.2 leaves to us.
fn survey(status: StatusCode, headers: &HeaderMap) -> Result<Found, String> {
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Err("101 without a request to upgrade".into());
    }
    let mut found = Found::default();
    let mut bytes: usize = 0;
    let mut length: Option<&HeaderValue> = None;
    let mut coded = false;
    for (name, value) in headers {
        bytes = bytes.saturating_add(name.as_str().len()).saturating_add(value.len()).saturating_add(4);
        if *name == header::CONTENT_LENGTH {
            if length.is_some_and(|length| length != value) {
                return Err("several Content-Length".into());
            }
            length = Some(value);
        } else if *name == header::TRANSFER_ENCODING {
            coded = true;
        } else {
            found.hop_by_hop |= HOP_BY_HOP.contains(name);
        }
    }
    if coded && length.is_some() {
        return Err("Content-Length beside Transfer-Encoding".into());
    }
    if bytes > HEAD_BYTES_MAX {
        return Err(format!("a head of {bytes} bytes"));
    }
    Ok(found)
}

/// What upstream says of its own connection is not for the client (RFC 9110, 7.6.1). The framing is, whatever Connection names.
fn strip_hop_by_hop(headers: &mut HeaderMap, found: Found) {
    if !found.hop_by_hop {
        return;
    }
    let is_field = |option: &&str| !option.eq_ignore_ascii_case("close") && !option.eq_ignore_ascii_case("keep-alive");
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(',').map(str::trim))
        .filter(is_field)
        .filter_map(|option| HeaderName::from_bytes(option.as_bytes()).ok())
        .filter(|name| !FRAMING.contains(name))
        .collect();
    for name in named.iter().chain(&HOP_BY_HOP) {
        headers.remove(name);
    }
}

/// Fields of one connection that need not be named in Connection to be removed; Transfer-Encoding is Pingora's.
static HOP_BY_HOP: [HeaderName; 4] = [
    header::CONNECTION,
    header::UPGRADE,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
];
static FRAMING: [HeaderName; 2] = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING];

/// The head goes to the client as it is now. Pingora frames every body that it does not know the length of in chunks, which HTTP/1.0
/// does not know (RFC 9112, 6.1): there the end of the connection is the body's.
pub(crate) fn frame(session: &mut Session, response: &mut ResponseHeader) {
    let is_old = session.req_header().version == Version::HTTP_10;
    if is_old && response.remove_header(&header::TRANSFER_ENCODING).is_some() {
        session.set_keepalive(None);
    }
}

/// A piece of the body has arrived.
pub(crate) fn body(end_of_stream: bool, context: &RequestContext) {
    if end_of_stream {
        if let Some(deadline) = context.deadline() {
            deadline.clear();
        }
    } else {
        wait_for_more(context, now());
    }
}

fn wait_for_more(context: &RequestContext, now: limits::clock::Now) {
    let idle = context
        .admission()
        .and_then(|admission| context.installed.upstream(admission.upstream()?))
        .map(|(upstream, _)| upstream.timeouts.idle);
    if let Some(idle) = idle {
        context.wait_until(now, idle);
    }
}
