//! Upstream's answer on its way back: checked as strictly as a request, and told what the gateway adds.

use crate::context::RequestContext;
use crate::fault::Progress;
use crate::fields::edit_response;
use crate::phase::connect::{self, decided};
use crate::phase::old;
use crate::respond;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::response::Author;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Version};
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
/// final answer gains the request ID and where the caller stands with its limits.
pub(crate) fn received(session: &Session, response: &mut ResponseHeader, context: &mut RequestContext) -> Result<()> {
    let status = response.status;
    let found = match survey(response.version, status, &response.headers) {
        Ok(found) => found,
        Err(text) => return Err(decided(context, Denial::new(Reason::UpstreamProtocolError).because(text))),
    };
    if status.is_informational() {
        context.attempt.interim = context.attempt.interim.saturating_add(1);
        if context.attempt.interim > INTERIM_MAX {
            let text = format!("more than {INTERIM_MAX} interim answers");
            return Err(decided(context, Denial::new(Reason::UpstreamProtocolError).because(text)));
        }
        edit_response(response, |headers| strip(headers, found));
        return Ok(());
    }
    let now = now();
    context.attempt.progress = Progress::Answering;
    context.attempt.first_byte = Some(now);
    context.attempt.status = Some(status.as_u16());
    wait_for_more(context, now);
    if found.is_all || session.req_header().method == Method::HEAD {
        connect::answered(context);
    }
    edit_response(response, |headers| {
        headers.reserve(ADDED_MAX);
        strip(headers, found);
        respond::add_request_id(headers, context);
        if let Some(admission) = context.admission() {
            respond::add_standings(headers, &context.installed.snapshot, admission.standings());
        }
    });
    Ok(())
}

/// What the route puts on every answer, after all that it says of upstream's fields: nothing else has a say in these.
pub(crate) fn seal(session: &Session, response: &mut ResponseHeader, context: &RequestContext) {
    if let Some(rules) = context.response_rules().filter(|_| !response.status.is_informational()) {
        let status = response.status.as_u16();
        let request = &session.req_header().headers;
        edit_response(response, |headers| rules.edit(Author::Upstream, status, request, headers));
    }
}

/// What one look at all fields has found.
#[derive(Clone, Copy, Default)]
struct Found {
    /// A field of upstream's own connection.
    hop_by_hop: bool,
    /// The framing of a body that there cannot be (RFC 9110, 8.6; RFC 9112, 6.1).
    idle_framing: bool,
    /// Whatever was asked, nothing follows the head.
    is_all: bool,
}

/// RFC 9112, 6.3, and what RFC 9110, 15.2 leaves to us.
fn survey(version: Version, status: StatusCode, headers: &HeaderMap) -> Result<Found, String> {
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
            // Also the same length twice: who stands behind us may read it in another way than we do.
            if length.is_some() {
                return Err("several Content-Length".into());
            }
            if value.is_empty() || !value.as_bytes().iter().all(u8::is_ascii_digit) {
                return Err("a Content-Length that is no number".into());
            }
            length = Some(value);
        } else if *name == header::TRANSFER_ENCODING {
            if coded || !value.as_bytes().eq_ignore_ascii_case(b"chunked") {
                return Err("Transfer-Encoding other than one `chunked`".into());
            }
            coded = true;
        } else {
            found.hop_by_hop |= HOP_BY_HOP.contains(name);
        }
    }
    if coded && length.is_some() {
        return Err("Content-Length beside Transfer-Encoding".into());
    }
    if coded && version < Version::HTTP_11 {
        return Err("Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1)".into());
    }
    let is_bare = status == StatusCode::NO_CONTENT || status.is_informational();
    found.idle_framing = is_bare && (coded || length.is_some());
    let is_empty = length.is_some_and(|length| length.as_bytes().iter().all(|digit| *digit == b'0'));
    found.is_all = is_empty || matches!(status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
    if bytes > HEAD_BYTES_MAX {
        return Err(format!("a head of {bytes} bytes"));
    }
    Ok(found)
}

/// What upstream says of its own connection is not for the client (RFC 9110, 7.6.1). The framing is, whatever Connection names, if there
/// can be a body.
fn strip(headers: &mut HeaderMap, found: Found) {
    if found.idle_framing {
        for name in &FRAMING {
            headers.remove(name);
        }
    }
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

/// The head goes to the client as it is now.
pub(crate) fn frame(session: &mut Session, response: &mut ResponseHeader, context: &RequestContext) {
    // Pingora closes behind every head that goes out before the request's body has come to its end. An interim one asks for the body.
    if response.status.is_informational() {
        session.as_mut().set_close_on_response_before_downstream_finish(false);
        return;
    }
    if context.attempt.interim > 0 {
        session.as_mut().set_close_on_response_before_downstream_finish(true);
    }
    if context.installed.is_stopping() {
        session.set_keepalive(None);
    }
    old::frame(session, response);
}

/// A piece of the body has arrived.
pub(crate) fn body(end_of_stream: bool, context: &RequestContext) {
    if end_of_stream {
        connect::answered(context);
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

#[cfg(test)]
mod tests {
    use super::{strip, survey};
    use http::header::{HeaderMap, HeaderName, HeaderValue};
    use http::{StatusCode, Version};

    const OLD: Version = Version::HTTP_10;
    const NEW: Version = Version::HTTP_11;

    fn headers(lines: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for line in lines {
            let (name, value) = line.split_once(": ").unwrap();
            let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
            headers.append(name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn an_answer_whose_end_is_in_doubt_is_none() {
        let check = |version, status: u16, lines: &[&'static str], expected: Option<&str>| {
            let found = survey(version, StatusCode::from_u16(status).unwrap(), &headers(lines));
            assert_eq!(found.err().as_deref(), expected, "{version:?} {status} {lines:?}");
        };
        let (number, several) = (Some("a Content-Length that is no number"), Some("several Content-Length"));
        check(NEW, 200, &["content-length: 2"], None);
        check(NEW, 200, &["transfer-encoding: chunked"], None);
        check(OLD, 200, &["content-length: 2"], None);
        check(OLD, 200, &[], None);
        check(NEW, 200, &["content-length: 2", "content-length: 3"], several);
        check(NEW, 200, &["content-length: 2", "content-length: 2"], several);
        check(NEW, 200, &["content-length: 2, 2"], number);
        check(NEW, 200, &["content-length: +2"], number);
        check(NEW, 200, &["content-length: "], number);
        let beside = Some("Content-Length beside Transfer-Encoding");
        check(NEW, 200, &["content-length: 2", "transfer-encoding: chunked"], beside);
        check(OLD, 200, &["transfer-encoding: chunked"], Some("Transfer-Encoding in HTTP/1.0 (RFC 9112, 6.1)"));
        let coding = Some("Transfer-Encoding other than one `chunked`");
        check(NEW, 200, &["transfer-encoding: Chunked"], None);
        check(NEW, 200, &["transfer-encoding: gzip, chunked"], coding);
        check(NEW, 200, &["transfer-encoding: identity"], coding);
        check(NEW, 200, &["transfer-encoding: chunked", "transfer-encoding: chunked"], coding);
        check(NEW, 101, &[], Some("101 without a request to upgrade"));
    }

    #[test]
    fn a_head_may_be_all_there_is() {
        let check = |status: u16, lines: &[&'static str], expected: bool| {
            let found = survey(NEW, StatusCode::from_u16(status).unwrap(), &headers(lines)).unwrap();
            assert_eq!(found.is_all, expected, "{status} {lines:?}");
        };
        check(200, &["content-length: 0"], true);
        check(200, &["content-length: 00"], true);
        check(204, &[], true);
        check(304, &["content-length: 5"], true);
        check(205, &[], false);
        check(200, &["content-length: 10"], false);
        check(200, &["transfer-encoding: chunked"], false);
        // It ends with its connection.
        check(200, &[], false);
    }

    #[test]
    fn a_body_that_there_cannot_be_is_not_framed() {
        let check = |status: u16, lines: &[&'static str], expected: &[&str]| {
            let mut headers = headers(lines);
            let found = survey(NEW, StatusCode::from_u16(status).unwrap(), &headers).unwrap();
            strip(&mut headers, found);
            let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
            left.sort_unstable();
            assert_eq!(left, expected, "{status} {lines:?}");
        };
        check(204, &["content-length: 5", "etag: x"], &["etag"]);
        check(204, &["transfer-encoding: chunked"], &[]);
        check(103, &["content-length: 0", "link: x"], &["link"]);
        check(200, &["content-length: 5"], &["content-length"]);
        check(304, &["content-length: 5"], &["content-length"]);
        check(200, &["connection: content-length, etag", "content-length: 5", "etag: x"], &["content-length"]);
    }
}
