//! The request as upstream gets it: the normal form of the path, the caller's identity in our words and nobody else's, and the
//! fields that say where the request came from. Hop-by-hop fields are already gone (Pingora's policy, set on the peer).

use crate::context::RequestContext;
use crate::phase::admit::target;
use crate::phase::connect::decided;
use crate::text::Line;
use engine::chain::Admission;
use engine::credential::Location;
use engine::denial::Denial;
use engine::reason::Reason;
use engine::snapshot::Snapshot;
use http::header::{self, HeaderName, HeaderValue};
use pingora::Result;
use pingora::http::RequestHeader;
use pingora_proxy::Session;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;

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

pub(crate) fn edit(session: &Session, upstream: &mut RequestHeader, context: &mut RequestContext) -> Result<()> {
    if let Some(admission) = context.admission_mut() {
        admission.allowance().reset();
    }
    let installed = Arc::clone(&context.installed);
    let snapshot = &installed.snapshot;
    let peer = session.client_addr().and_then(|address| address.as_inet()).map(std::net::SocketAddr::ip);
    let edited = match context.admission() {
        Some(admission) => rewrite_target(session, upstream, snapshot, context)
            .and_then(|()| tell_identity(upstream, snapshot, admission)),
        None => Err(Denial::new(Reason::InternalError).because("forwarded without an admission")),
    };
    if let Err(denial) = edited {
        return Err(decided(context, denial));
    }
    tell_origin(session, upstream, peer, context)?;
    tell_trace(upstream, snapshot, context)
}

/// Path in normal form, origin form, without a query key that is ours.
fn rewrite_target(
    session: &Session,
    upstream: &mut RequestHeader,
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
    upstream.set_uri(http::Uri::try_from(target).map_err(fault)?);
    if let Some(authority) = authority {
        // RFC 9112, 3.2.2: whatever Host says.
        let host = HeaderValue::from_str(authority).map_err(|_| Denial::new(Reason::HostMissing))?;
        upstream.insert_header(header::HOST, host).map_err(|_| Denial::new(Reason::InternalError))?;
    }
    Ok(())
}

/// That of a target in absolute form.
fn authority(target: &str) -> Option<&str> {
    let (_, rest) = target.split_once("://").filter(|_| !target.starts_with('/'))?;
    rest.split(['/', '?', '#']).next()
}

/// Removes what a client says about itself in our words, and says it ourselves.
fn tell_identity(upstream: &mut RequestHeader, snapshot: &Snapshot, admission: &Admission) -> Result<(), Denial> {
    let told = &snapshot.told;
    for name in told.names() {
        upstream.remove_header(name);
    }
    remove_underscore_doubles(upstream, snapshot);
    if snapshot.api_keys.hidden_from_upstream() {
        hide_key(upstream, snapshot)?;
    }
    let identity = admission.identity();
    if snapshot.users.hides(&upstream.headers) {
        upstream.remove_header(&header::AUTHORIZATION);
    }
    for (name, value) in identity.vouched.iter().flat_map(|vouched| &vouched.headers) {
        let unfit = |_| Denial::new(Reason::InternalError).because("what the auth service says cannot be passed on");
        upstream.append_header(name.clone(), value.clone()).map_err(unfit)?;
    }
    if let (Some(name), Some(id)) = (&told.consumer, identity.consumer_id()) {
        tell(upstream, name, id)?;
    }
    if let (Some(name), Some(plan)) = (&told.plan, &identity.plan) {
        tell(upstream, name, &plan.name)?;
    }
    if let Some(token) = &identity.token {
        for (claim, name) in &told.claims {
            match token.claims.get(&**claim) {
                None | Some(serde_json::Value::Null) => {}
                Some(serde_json::Value::String(text)) => tell(upstream, name, text)?,
                Some(other) => tell(upstream, name, &other.to_string())?,
            }
        }
    }
    Ok(())
}

/// A claim that cannot stand in a field is refused rather than mangled: upstream must not see another identity than the token's.
fn tell(upstream: &mut RequestHeader, name: &HeaderName, value: &str) -> Result<(), Denial> {
    let refusal =
        || Denial::new(Reason::ClaimMismatch).because(format!("the value for {name} cannot stand in a header"));
    if value.bytes().any(|byte| byte != b' ' && !byte.is_ascii_graphic()) {
        return Err(refusal());
    }
    let value = HeaderValue::from_str(value).map_err(|_| refusal())?;
    upstream.insert_header(name.clone(), value).map(drop).map_err(|_| refusal())
}

fn hide_key(upstream: &mut RequestHeader, snapshot: &Snapshot) -> Result<(), Denial> {
    match snapshot.api_keys.location() {
        Location::Header(name) => {
            upstream.remove_header(name);
        }
        // Taken out of the target above.
        Location::Query(_) => {}
        Location::Cookie(name) => hide_cookie(upstream, name)?,
    }
    Ok(())
}

fn hide_cookie(upstream: &mut RequestHeader, name: &str) -> Result<(), Denial> {
    let lines: Vec<HeaderValue> = upstream.headers.get_all(header::COOKIE).iter().cloned().collect();
    upstream.remove_header(&header::COOKIE);
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
            upstream
                .append_header(header::COOKIE, value)
                .map_err(|_| Denial::new(Reason::InternalError).because("cookies could not be rewritten"))?;
        }
    }
    Ok(())
}

/// `X_Consumer_Id` reaches CGI-like servers as `X-Consumer-Id` does: such doubles of our own fields are dropped.
fn remove_underscore_doubles(upstream: &mut RequestHeader, snapshot: &Snapshot) {
    let doubles: Vec<HeaderName> = upstream
        .headers
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
        upstream.remove_header(&name);
    }
}

/// `X-Forwarded-*`, `X-Real-IP`, `Forwarded` (RFC 7239) and `Via` (RFC 9110, 7.6.3). What an untrusted peer says is overwritten.
fn tell_origin(
    session: &Session,
    upstream: &mut RequestHeader,
    peer: Option<IpAddr>,
    context: &RequestContext,
) -> Result<()> {
    const HTTP: HeaderValue = HeaderValue::from_static("http");
    const VIA: HeaderValue = HeaderValue::from_static("1.1 tollgate");
    const VIA_1_0: HeaderValue = HeaderValue::from_static("1.0 tollgate");
    let trusted = context.peer_trusted;
    let earlier = |upstream: &RequestHeader, name: &HeaderName| joined(upstream, name).filter(|_| trusted);
    let host = upstream.headers.get(header::HOST).cloned();
    if let Some(peer) = peer {
        let mut line = Line::new();
        let _ = write!(line, "{peer}");
        let value = with_earlier(earlier(upstream, &X_FORWARDED_FOR), line.as_str());
        upstream.insert_header(X_FORWARDED_FOR, value)?;
        let mut line = Line::new();
        let _ = match peer {
            IpAddr::V4(address) => write!(line, "for={address}"),
            IpAddr::V6(address) => write!(line, "for=\"[{address}]\""),
        };
        if let Some(host) = host.as_ref().and_then(|host| host.to_str().ok()) {
            let _ = write!(line, ";host=\"{host}\"");
        }
        let _ = line.write_str(";proto=http");
        let value = with_earlier(earlier(upstream, &header::FORWARDED), line.as_str());
        upstream.insert_header(header::FORWARDED, value)?;
    }
    if let Some(client) = context.client {
        let mut line = Line::new();
        let _ = write!(line, "{client}");
        upstream.insert_header(X_REAL_IP, value_of(line.as_str()))?;
    }
    if earlier(upstream, &X_FORWARDED_PROTO).is_none() {
        upstream.insert_header(X_FORWARDED_PROTO, HTTP)?;
    }
    if earlier(upstream, &X_FORWARDED_HOST).is_none() {
        match host {
            Some(host) => upstream.insert_header(X_FORWARDED_HOST, host)?,
            None => drop(upstream.remove_header(&X_FORWARDED_HOST)),
        }
    }
    if !trusted {
        upstream.remove_header(&X_FORWARDED_PORT);
    }
    let via = if session.req_header().version == http::Version::HTTP_10 { VIA_1_0 } else { VIA };
    upstream.append_header(header::VIA, via)?;
    Ok(())
}

/// The request ID, and the trace where the caller takes part in one: a trace that the gateway would begin here, nobody could find.
fn tell_trace(upstream: &mut RequestHeader, snapshot: &Snapshot, context: &RequestContext) -> Result<()> {
    upstream.insert_header(snapshot.request_id.header.clone(), context.request_id_value.clone())?;
    let traced = upstream.headers.contains_key(TRACEPARENT);
    let Some(trace) = context.trace.as_ref().filter(|_| traced) else {
        // State without its parent is nobody's (W3C Trace Context, 3.3).
        upstream.remove_header(&TRACESTATE);
        return Ok(());
    };
    upstream.insert_header(TRACEPARENT, value_of_bytes(&trace.header()))?;
    match trace.state() {
        Some(state) => upstream.insert_header(TRACESTATE, value_of(state))?,
        None => drop(upstream.remove_header(&TRACESTATE)),
    }
    Ok(())
}

/// All values of a field, as one list.
fn joined(upstream: &RequestHeader, name: &HeaderName) -> Option<String> {
    let mut values = upstream.headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let first = values.next()?.to_owned();
    Some(values.fold(first, |list, value| list + ", " + value))
}

fn with_earlier(earlier: Option<String>, ours: &str) -> HeaderValue {
    match earlier {
        Some(earlier) => value_of(&(earlier + ", " + ours)),
        None => value_of(ours),
    }
}

/// Everything that comes here has been checked; what could not stand in a header becomes empty, never a broken line.
fn value_of(text: &str) -> HeaderValue {
    value_of_bytes(text.as_bytes())
}

fn value_of_bytes(bytes: &[u8]) -> HeaderValue {
    HeaderValue::from_bytes(bytes).unwrap_or(HeaderValue::from_static(""))
}
