//! Editing a head's fields. Pingora keeps the spelling of each field name in a second map, which it searches, copies and allocates
//! for on every change. Names are the same in any case (RFC 9110, 5.1), so the gateway gives the spelling up once and edits the
//! values alone (`docs/decisions/0022-field-names-in-lower-case.md`).

use http::{HeaderMap, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};

/// Gives up the spelling of a request that came in. One whose target is in absolute form keeps it: its target would be lost too.
pub(crate) fn forget_spelling(request: &mut RequestHeader) {
    if request.has_case() && matches!(request.raw_path().first(), Some(b'/' | b'*')) {
        edit_request(request, |_| ());
    }
}

/// The target is in origin or asterisk form when `edit` is done, whatever it was: Pingora keeps an absolute form elsewhere.
pub(crate) fn edit_request<T>(request: &mut RequestHeader, edit: impl FnOnce(&mut http::request::Parts) -> T) -> T {
    let (empty, ()) = http::Request::new(()).into_parts();
    let mut parts = http::request::Parts::from(std::mem::replace(request, RequestHeader::from(empty)));
    let edited = edit(&mut parts);
    *request = RequestHeader::from(parts);
    edited
}

/// Keeps the reason phrase where upstream has sent one of its own.
pub(crate) fn edit_response<T>(response: &mut ResponseHeader, edit: impl FnOnce(&mut HeaderMap) -> T) -> T {
    let phrase = response.get_reason_phrase();
    let own_phrase = if phrase == response.status.canonical_reason() { None } else { phrase.map(str::to_owned) };
    let (empty, ()) = http::Response::new(()).into_parts();
    let mut parts = http::response::Parts::from(std::mem::replace(response, ResponseHeader::from(empty)));
    let edited = edit(&mut parts.headers);
    *response = ResponseHeader::from(parts);
    if own_phrase.is_some() {
        // Only ever refuses nothing: the phrase is the one that was there.
        let _ = response.set_reason_phrase(own_phrase.as_deref());
    }
    edited
}

/// Everything that comes here has been checked; what could not stand in a field becomes empty, never a broken line.
pub(crate) fn value_of(text: impl Into<bytes::Bytes>) -> HeaderValue {
    HeaderValue::from_maybe_shared(text.into()).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use super::{edit_request, edit_response, forget_spelling};
    use http::HeaderValue;
    use pingora::http::{RequestHeader, ResponseHeader};

    #[test]
    fn a_request_keeps_all_but_the_spelling() {
        let mut request = RequestHeader::build("POST", b"/a?b=c", None).unwrap();
        request.append_header("X-Two", "1").unwrap();
        request.append_header("x-tWo", "2").unwrap();
        forget_spelling(&mut request);
        edit_request(&mut request, |parts| parts.headers.insert("x-three", HeaderValue::from_static("3")));
        let mut wire = Vec::new();
        request.header_to_h1_wire(&mut wire);
        assert_eq!(String::from_utf8(wire).unwrap(), "x-two: 1\r\nx-two: 2\r\nx-three: 3\r\n");
        assert_eq!((request.method.as_str(), request.raw_path()), ("POST", &b"/a?b=c"[..]));
    }

    #[test]
    fn an_absolute_target_is_not_lost() {
        let mut request = RequestHeader::build("GET", b"http://a.example/b", None).unwrap();
        forget_spelling(&mut request);
        assert_eq!(request.raw_path(), b"http://a.example/b");
    }

    #[test]
    fn a_response_keeps_its_reason_phrase() {
        let check = |phrase: Option<&str>, expected: &str| {
            let mut response = ResponseHeader::build(200, None).unwrap();
            response.set_reason_phrase(phrase).unwrap();
            edit_response(&mut response, |headers| headers.insert("x-one", HeaderValue::from_static("1")));
            assert_eq!(response.get_reason_phrase(), Some(expected));
            assert!(response.headers.contains_key("x-one"));
        };
        check(None, "OK");
        check(Some("Fine"), "Fine");
    }
}
