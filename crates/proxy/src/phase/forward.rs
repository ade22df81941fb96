//! The request as upstream gets it: the normal form of the path, the caller's identity in our words and nobody else's, and the
//! fields that say where the request came from.

use crate::connection::Peer;
use crate::context::RequestContext;
use crate::fields::{edit_request, value_of};
use crate::phase::admit::target;
use crate::phase::connect::decided;
use crate::phase::content;
use crate::phase::transform;
use engine::chain::Admission;
use engine::credential::Location;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::snapshot::{Snapshot, ToldUpstream};
use http::HeaderMap;
use http::header::{self, HeaderName, HeaderValue};
use http::request::Parts;
use pingora::Result;
use pingora::http::RequestHeader;
use pingora_proxy::Session;
use std::borrow::Cow;

const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Fields through which a client could pretend to be a proxy; `_` in place of `-` reaches some servers as the same name.
static FORWARDING: [HeaderName; 6] =
    [X_FORWARDED_FOR, X_FORWARDED_HOST, X_FORWARDED_PROTO, X_FORWARDED_PORT, X_REAL_IP, header::FORWARDED];

/// Fields that the gateway may add to those of the client.
const ADDED_MAX: usize = 12;

pub(crate) fn edit(session: &Session, upstream: &mut RequestHeader, context: &mut RequestContext) -> Result<()> {
    if let Some(admission) = context.admission_mut() {
        admission.allowance().reset();
    }
    content::restart(context);
    let edited = edit_request(upstream, |parts| rewrite(session, parts, context));
    edited.map_err(|denial| decided(context, denial))?;
    transform::request(session, upstream, context)
}

fn rewrite(session: &Session, parts: &mut Parts, context: &RequestContext) -> Result<(), Denial> {
    let Some(admission) = context.admission() else {
        return Err(Denial::new(Reason::InternalError).because("forwarded without an admission"));
    };
    let snapshot = &context.installed.snapshot;
    parts.headers.reserve(ADDED_MAX);
    strip_hop_by_hop(&mut parts.headers);
    rewrite_target(session, parts, snapshot, context)?;
    tell_identity(&mut parts.headers, snapshot, admission)?;
    tell_origin(session, &mut parts.headers, context);
    tell_trace(&mut parts.headers, snapshot, context);
    if context.content.is_some() {
        // The client has been told already to send its body.
        parts.headers.remove(header::EXPECT);
    }
    Ok(())
}

/// Fields of the client's own connection (RFC 9110, 7.6.1, and those that RFC 2616, 13.5.1 called so), and of an upgrade, which goes no
/// further than here. What else Connection may name is not in the head: the intake refuses it. The framing of a body is set by Pingora,
/// after this.
const fn is_hop_by_hop(name: &str) -> bool {
    matches!(
        name.as_bytes(),
        b"connection"
            | b"keep-alive"
            | b"proxy-connection"
            | b"proxy-authenticate"
            | b"proxy-authorization"
            | b"te"
            | b"trailer"
            | b"trailers"
            | b"transfer-encoding"
            | b"upgrade"
            | b"http2-settings"
    )
}

/// In one look at all names: Pingora's own way asks for each field, whether or not there is one, and that for each request.
fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if !headers.keys().any(|name| is_hop_by_hop(name.as_str())) {
        return;
    }
    let gone: Vec<HeaderName> = headers.keys().filter(|name| is_hop_by_hop(name.as_str())).cloned().collect();
    for name in gone {
        headers.remove(name);
    }
}

/// Path in normal form, origin form, without a query key that is ours.
fn rewrite_target(
    session: &Session,
    parts: &mut Parts,
    snapshot: &Snapshot,
    context: &RequestContext,
) -> Result<(), Denial> {
    let header = session.req_header();
    let uri = &header.uri;
    let query = snapshot.api_keys.query_for_upstream(uri.query().unwrap_or_default());
    let authority = authority(target(header));
    if context.path.is_none()
        && authority.is_none()
        && matches!(query, Cow::Borrowed(same) if same == uri.query().unwrap_or_default())
    {
        return Ok(());
    }
    let path = context.path.as_deref().unwrap_or_else(|| uri.path());
    let target = if query.is_empty() && !uri.query().is_some_and(str::is_empty) {
        path.to_owned()
    } else {
        format!("{path}?{query}")
    };
    let fault = |_| Denial::new(Reason::InternalError).because("the normal form of the path is no target");
    parts.uri = http::Uri::try_from(target).map_err(fault)?;
    if let Some(authority) = authority {
        // RFC 9112, 3.2.2: whatever Host says.
        let host = HeaderValue::from_str(authority).map_err(|_| Denial::new(Reason::HostMissing))?;
        parts.headers.insert(header::HOST, host);
    }
    Ok(())
}

/// That of a target in absolute form.
fn authority(target: &str) -> Option<&str> {
    if target.starts_with('/') {
        return None;
    }
    let (_, rest) = target.split_once("://")?;
    rest.split(['/', '?', '#']).next()
}

/// Removes what a client says about itself in our words, and says it ourselves.
fn tell_identity(headers: &mut HeaderMap, snapshot: &Snapshot, admission: &Admission) -> Result<(), Denial> {
    let told = &snapshot.told;
    for name in told.names() {
        headers.remove(name);
    }
    remove_underscore_doubles(headers, snapshot);
    if snapshot.api_keys.hidden_from_upstream() {
        hide_key(headers, snapshot);
    }
    let identity = admission.identity();
    if snapshot.users.hides(headers) {
        headers.remove(header::AUTHORIZATION);
    }
    for (name, value) in identity.vouched.iter().flat_map(|vouched| &vouched.headers) {
        let unfit = |_| Denial::new(Reason::InternalError).because("what the auth service says cannot be passed on");
        headers.try_append(name.clone(), value.clone()).map_err(unfit)?;
    }
    if let (Some(name), Some(id)) = (&told.consumer, identity.consumer_id()) {
        tell(headers, name, id)?;
    }
    if let (Some(name), Some(plan)) = (&told.plan, &identity.plan) {
        tell(headers, name, &plan.name)?;
    }
    if let Some(token) = &identity.token {
        for (claim, name) in &told.claims {
            match token.claim(claim) {
                None | Some(serde_json::Value::Null) => {}
                Some(serde_json::Value::String(text)) => tell(headers, name, text)?,
                Some(other) => tell(headers, name, &other.to_string())?,
            }
        }
    }
    Ok(())
}

/// A claim that cannot stand in a field is refused rather than mangled: upstream must not see another identity than the token's.
fn tell(headers: &mut HeaderMap, name: &HeaderName, value: &str) -> Result<(), Denial> {
    let refusal =
        || Denial::new(Reason::ClaimMismatch).because(format!("the value for {name} cannot stand in a header"));
    if !ToldUpstream::can_say(value) {
        return Err(refusal());
    }
    headers.insert(name.clone(), HeaderValue::from_str(value).map_err(|_| refusal())?);
    Ok(())
}

fn hide_key(headers: &mut HeaderMap, snapshot: &Snapshot) {
    match snapshot.api_keys.location() {
        Location::Header(name) => {
            headers.remove(name);
        }
        // Taken out of the target above.
        Location::Query(_) => {}
        Location::Cookie(name) => hide_cookie(headers, name),
    }
}

fn hide_cookie(headers: &mut HeaderMap, name: &str) {
    let lines: Vec<HeaderValue> = headers.get_all(header::COOKIE).iter().cloned().collect();
    headers.remove(header::COOKIE);
    for line in lines {
        let Ok(text) = line.to_str() else { continue };
        let kept: Vec<&str> = text
            .split(';')
            .map(str::trim)
            .filter(|pair| pair.split('=').next().is_some_and(|cookie| cookie.trim() != name))
            .filter(|pair| !pair.is_empty())
            .collect();
        if !kept.is_empty()
            && let Ok(value) = HeaderValue::from_str(&kept.join("; "))
        {
            headers.append(header::COOKIE, value);
        }
    }
}

/// `X_Consumer_Id` reaches CGI-like servers as `X-Consumer-Id` does: such doubles of our own fields are dropped.
fn remove_underscore_doubles(headers: &mut HeaderMap, snapshot: &Snapshot) {
    // Hardly any request has one: those that do may pay for the list.
    if !headers.keys().any(|name| name.as_str().contains('_')) {
        return;
    }
    let doubles: Vec<HeaderName> = headers
        .keys()
        .filter(|name| name.as_str().contains('_'))
        .filter(|name| {
            let dashed = name.as_str().replace('_', "-");
            let ours = snapshot.told.names().chain(&FORWARDING);
            ours.into_iter().any(|name| name.as_str().replace('_', "-") == dashed)
        })
        .cloned()
        .collect();
    for name in doubles {
        headers.remove(&name);
    }
}

/// `X-Forwarded-*`, `X-Real-IP`, `Forwarded` (RFC 7239) and `Via` (RFC 9110, 7.6.3). What an untrusted peer says is overwritten.
fn tell_origin(session: &Session, headers: &mut HeaderMap, context: &RequestContext) {
    const HTTP: HeaderValue = HeaderValue::from_static("http");
    const VIA: HeaderValue = HeaderValue::from_static("1.1 tollgate");
    const VIA_1_0: HeaderValue = HeaderValue::from_static("1.0 tollgate");
    const VIA_2: HeaderValue = HeaderValue::from_static("2.0 tollgate");
    let trusted = context.peer_trusted;
    let host = headers.get(header::HOST).cloned();
    if let Some(peer) = context.connection.as_ref().and_then(|connection| connection.peer.as_ref()) {
        let earlier = |headers: &HeaderMap, name: &HeaderName| if trusted { joined(headers, name) } else { None };
        let value = match earlier(headers, &X_FORWARDED_FOR) {
            Some(earlier) => value_of(format!("{earlier}, {}", peer.address)),
            None => peer.value(),
        };
        headers.insert(X_FORWARDED_FOR, value);
        let value = forwarded(earlier(headers, &header::FORWARDED), peer, host.as_ref());
        headers.insert(header::FORWARDED, value);
        let client = match context.client {
            Some(client) if client != peer.address => value_of(client.to_string()),
            Some(_) | None => peer.value(),
        };
        headers.insert(X_REAL_IP, client);
    }
    if !(trusted && headers.contains_key(X_FORWARDED_PROTO)) {
        headers.insert(X_FORWARDED_PROTO, HTTP);
    }
    if !(trusted && headers.contains_key(X_FORWARDED_HOST)) {
        match host {
            Some(host) => headers.insert(X_FORWARDED_HOST, host),
            None => headers.remove(X_FORWARDED_HOST),
        };
    }
    if !trusted {
        headers.remove(X_FORWARDED_PORT);
    }
    let via = match session.req_header().version {
        http::Version::HTTP_2 => VIA_2,
        http::Version::HTTP_10 => VIA_1_0,
        _ => VIA,
    };
    headers.append(header::VIA, via);
}

/// `for=192.0.2.1;host="api.example.com";proto=http`, behind what a trusted peer has said.
fn forwarded(earlier: Option<String>, peer: &Peer, host: Option<&HeaderValue>) -> HeaderValue {
    let (earlier, comma) = earlier.map_or((String::new(), ""), |earlier| (earlier, ", "));
    let (before, host, after) = match host.and_then(|host| host.to_str().ok()) {
        Some(host) => (";host=\"", host, "\""),
        None => ("", "", ""),
    };
    // To the byte: a value with room to spare is copied once more.
    value_of([&earlier, comma, &peer.forwarded_for, before, host, after, ";proto=http"].concat())
}

/// The request ID, and the trace where the caller takes part in one: a trace that the gateway would begin here, nobody could find.
fn tell_trace(headers: &mut HeaderMap, snapshot: &Snapshot, context: &RequestContext) {
    headers.insert(snapshot.request_id.header.clone(), context.request_id_value());
    // Only a request that came with a `traceparent` has a trace.
    let Some(trace) = &context.trace else {
        // State without its parent is nobody's (W3C Trace Context, 3.3).
        headers.remove(TRACESTATE);
        return;
    };
    headers.insert(TRACEPARENT, value_of(trace.header().to_vec()));
    match trace.state() {
        Some(state) => headers.insert(TRACESTATE, value_of(state.to_owned())),
        None => headers.remove(TRACESTATE),
    };
}

/// All values of a field, as one list.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let mut values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let first = values.next()?.to_owned();
    Some(values.fold(first, |list, value| list + ", " + value))
}

#[cfg(test)]
mod tests {
    use super::strip_hop_by_hop;
    use engine::wire::HOP_BY_HOP;
    use http::{HeaderMap, HeaderName, HeaderValue};

    /// The intake lets Connection name these, as they go no further.
    #[test]
    fn what_connection_may_name_is_taken_out() {
        let mut headers = HeaderMap::new();
        for name in HOP_BY_HOP.iter().copied().chain([&b"connection"[..], b"transfer-encoding", b"x-end", b"accept"]) {
            headers.append(HeaderName::from_bytes(name).unwrap(), HeaderValue::from_static("1"));
        }
        headers.append("te", HeaderValue::from_static("2"));
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["accept", "x-end"]);
    }
}
