//! What parts of a target say once they are decoded.

use crate::percent::{Plus, lenient};
use std::borrow::Cow;

/// Of a piece of a query.
pub(super) fn is_named(piece: &str, name: &str) -> bool {
    let found = piece.split_once('=').map_or(piece, |(found, _)| found);
    !piece.is_empty() && *lenient(found, Plus::Space) == *name.as_bytes()
}

/// The first value of that name, decoded. None too where it is not UTF-8.
pub(super) fn parameter<'q>(query: &'q str, name: &str) -> Option<Cow<'q, str>> {
    let piece = query.split('&').find(|piece| is_named(piece, name))?;
    let value = piece.split_once('=').map_or("", |(_, value)| value);
    into_text(value, lenient(value, Plus::Space))
}

/// A part of a path, decoded. None where it is not UTF-8.
pub(super) fn percent_decoded(text: &str) -> Option<Cow<'_, str>> {
    into_text(text, lenient(text, Plus::Itself))
}

fn into_text<'t>(text: &'t str, decoded: Cow<'t, [u8]>) -> Option<Cow<'t, str>> {
    match decoded {
        Cow::Borrowed(_) => Some(Cow::Borrowed(text)),
        Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
    }
}
