//! What was wrong with a request, written as one value: the members and elements that RFC 9457 shows for it.

use super::Escape;
use crate::violation::Violation;

/// `[{"in":…,"pointer":…,"detail":…}]` (RFC 9457, 3: an extension member with `pointer` and `detail`).
pub(crate) fn json(errors: &[Violation], out: &mut Vec<u8>) {
    out.push(b'[');
    for (index, error) in errors.iter().enumerate() {
        out.extend_from_slice(if index == 0 { b"{\"in\":\"" } else { b",{\"in\":\"" });
        out.extend_from_slice(error.place.code().as_bytes());
        out.extend_from_slice(b"\",\"pointer\":\"");
        Escape::Json.push(&error.pointer, out);
        out.extend_from_slice(b"\",\"detail\":\"");
        Escape::Json.push(&error.message, out);
        out.extend_from_slice(b"\"}");
    }
    out.push(b']');
}

/// `<errors><i>…</i></errors>`: an array is an element whose children are all named `i` (RFC 9457, appendix B).
pub(crate) fn xml(errors: &[Violation], out: &mut Vec<u8>) {
    out.extend_from_slice(b"<errors>");
    for error in errors {
        out.extend_from_slice(b"<i><in>");
        out.extend_from_slice(error.place.code().as_bytes());
        out.extend_from_slice(b"</in><pointer>");
        Escape::Xml.push(&error.pointer, out);
        out.extend_from_slice(b"</pointer><detail>");
        Escape::Xml.push(&error.message, out);
        out.extend_from_slice(b"</detail></i>");
    }
    out.extend_from_slice(b"</errors>");
}

/// A line each: `error: body /items/0: "quantity" is required`.
pub(crate) fn text(errors: &[Violation], escape: Escape, out: &mut Vec<u8>) {
    for error in errors {
        out.extend_from_slice(b"error: ");
        out.extend_from_slice(error.place.code().as_bytes());
        if !error.pointer.is_empty() {
            out.push(b' ');
            escape.push(&error.pointer, out);
        }
        out.extend_from_slice(b": ");
        escape.push(&error.message, out);
        out.push(b'\n');
    }
}
