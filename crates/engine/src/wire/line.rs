//! The request line: `METHOD SP target SP HTTP/1.x CRLF`, single spaces, nothing else (RFC 9112, 3).

use super::class::{TARGET, TOKEN, run};
use super::fault::{malformed, refuse};
use super::head::Cursor;
use super::host;
use super::{HeadLimits, Span, TargetForm, URI_BYTES_CEILING, Version};
use crate::denial::{Denial, Detail};
use crate::reason::Reason;

/// The methods of RFC 9110 and PATCH, without the two that no gateway forwards.
const ALLOW: &str = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";

pub(super) struct RequestLine {
    pub(super) method: Span,
    pub(super) target: Span,
    pub(super) target_form: TargetForm,
    pub(super) version: Version,
}

pub(super) fn read(cursor: &mut Cursor<'_>, limits: &HeadLimits) -> Result<RequestLine, Denial> {
    let start = cursor.at();
    let method = cursor.take(run(cursor.rest(), TOKEN));
    let method_span = Span { start, end: cursor.at() };
    if method.is_empty() || !cursor.take_if(b' ') {
        return Err(malformed(
            "the request line does not begin with a method and one space",
            "RFC 9112, 3",
            first(cursor),
        ));
    }
    check_method(method)?;

    let start = cursor.at();
    let target = cursor.take(run(cursor.rest(), TARGET));
    let target_span = Span { start, end: cursor.at() };
    if target.len() > limits.uri_bytes_max.min(URI_BYTES_CEILING) {
        return Err(too_long(limits));
    }
    if !cursor.take_if(b' ') {
        return Err(refuse_target_end(cursor, target, limits));
    }
    let version = match cursor.rest() {
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'1', b'\r', b'\n', ..] => Version::Http11,
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0', b'\r', b'\n', ..] => Version::Http10,
        [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0' | b'1', ..] => {
            cursor.take(8);
            let byte = first(cursor);
            cursor.take_line_end("the request line")?;
            return Err(malformed("the request line goes on behind the version", "RFC 9112, 3", byte));
        }
        [b'H', b'T', b'T', b'P', b'/', b'2', ..] => {
            let rule = "HTTP/2 is for listeners with http2, and begins with its preface";
            return Err(malformed(rule, "RFC 9113, 3.4", None));
        }
        _ => return Err(malformed("the version is neither HTTP/1.1 nor HTTP/1.0", "RFC 9112, 2.3", first(cursor))),
    };
    cursor.take(10);
    let target_form = form(method, target)?;
    Ok(RequestLine { method: method_span, target: target_span, target_form, version })
}

#[cold]
pub(super) fn too_long(limits: &HeadLimits) -> Denial {
    let text = format!("the target is longer than {} bytes", limits.uri_bytes_max.min(URI_BYTES_CEILING));
    refuse(Reason::UriTooLong, &text, "RFC 9110, 15.5.15", None)
}

fn first(cursor: &Cursor<'_>) -> Option<u8> {
    cursor.rest().first().copied()
}

/// Method names have a case (RFC 9110, 9.1), but an upstream may not know that: `trace` is refused like TRACE.
fn check_method(method: &[u8]) -> Result<(), Denial> {
    if method.eq_ignore_ascii_case(b"CONNECT") || method.eq_ignore_ascii_case(b"TRACE") {
        return Err(Denial::new(Reason::MethodNotAllowed).with(Detail::Allow(ALLOW.into())));
    }
    Ok(())
}

/// Behind the target stands something that is not the one space.
#[cold]
fn refuse_target_end(cursor: &Cursor<'_>, target: &[u8], limits: &HeadLimits) -> Denial {
    let whole = cursor.rest().split(|byte| matches!(byte, b' ' | b'\r' | b'\n')).next().unwrap_or_default().len();
    if target.len().saturating_add(whole) > limits.uri_bytes_max.min(URI_BYTES_CEILING) {
        return too_long(limits);
    }
    match first(cursor) {
        Some(byte @ (b'\r' | b'\n')) => malformed("the request line has no version", "RFC 9112, 3", Some(byte)),
        Some(byte) => {
            refuse(Reason::PathMalformed, "the target holds a byte that has to be encoded", "RFC 9112, 3.2", Some(byte))
        }
        None => malformed("the request line is cut off", "RFC 9112, 8", None),
    }
}

fn form(method: &[u8], target: &[u8]) -> Result<TargetForm, Denial> {
    match target {
        [b'/', ..] => Ok(TargetForm::Origin),
        b"*" if method == b"OPTIONS" => Ok(TargetForm::Asterisk),
        b"*" => Err(refuse(Reason::PathMalformed, "the target * belongs to OPTIONS", "RFC 9112, 3.2.4", None)),
        [] => Err(malformed("the request line has no target", "RFC 9112, 3", None)),
        _ => {
            let Some(authority) = host::authority(target) else {
                let rule = "the target is neither a path nor an http URI";
                return Err(refuse(Reason::PathMalformed, rule, "RFC 9112, 3.2", target.first().copied()));
            };
            host::check(authority).map_err(|fault| fault.refuse("the target's authority"))?;
            Ok(TargetForm::Absolute)
        }
    }
}
