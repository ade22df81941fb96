//! Changes to the query. A parameter that nobody touches keeps its bytes and its place.

use super::absent::Value;
use super::decoded::is_named;
use super::misfit::Misfit;
use super::variable::Facts;
use std::borrow::Cow;
use std::fmt::Write as _;

/// The longest value that is written into a parameter, before it is encoded.
const VALUE_BYTES_MAX: usize = 4 * 1_024;

/// In this order: what is removed, renamed, set, added. Names are compared decoded.
#[derive(Debug, Default)]
pub struct QueryEdits {
    pub remove: Box<[Box<str>]>,
    /// From, to.
    pub rename: Box<[(Box<str>, Box<str>)]>,
    pub set: Box<[(Box<str>, Value)]>,
    pub add: Box<[(Box<str>, Value)]>,
}

impl QueryEdits {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        let Self { remove, rename, set, add } = self;
        remove.is_empty() && rename.is_empty() && set.is_empty() && add.is_empty()
    }

    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.set.iter().chain(&self.add).map(|(_, value)| value)
    }

    pub(super) fn apply(&self, facts: &Facts<'_>, query: &mut Option<String>) -> Result<(), Misfit> {
        if self.is_empty() {
            return Ok(());
        }
        let text = query.take();
        let mut pieces: Vec<Cow<'_, str>> = text.iter().flat_map(|text| text.split('&')).map(Cow::Borrowed).collect();
        for name in &self.remove {
            pieces.retain(|piece| !is_named(piece, name));
        }
        for (from, to) in &self.rename {
            pieces.retain(|piece| !is_named(piece, to));
            for piece in pieces.iter_mut().filter(|piece| is_named(piece, from)) {
                let value = piece.split_once('=').map(|(_, value)| value.to_owned());
                *piece = Cow::Owned(written(to, value.as_deref()));
            }
        }
        for (name, value) in &self.set {
            let value = self::value(name, value, facts)?;
            let place = pieces.iter().position(|piece| is_named(piece, name)).unwrap_or(pieces.len());
            pieces.retain(|piece| !is_named(piece, name));
            if let Some(value) = value {
                pieces.insert(place.min(pieces.len()), Cow::Owned(written(name, Some(&value))));
            }
        }
        for (name, value) in &self.add {
            if let Some(value) = self::value(name, value, facts)? {
                pieces.push(Cow::Owned(written(name, Some(&value))));
            }
        }
        let joined = pieces.join("&");
        // `?` alone stays where it was alone before.
        *query = (!joined.is_empty() || text.as_deref() == Some("")).then_some(joined);
        Ok(())
    }
}

/// Encoded.
fn value(name: &str, value: &Value, facts: &Facts<'_>) -> Result<Option<String>, Misfit> {
    let fits = |text: &str| text.len() <= VALUE_BYTES_MAX;
    let resolved = value.resolve(facts, &format_args!("the query parameter {name}"), fits)?;
    Ok(resolved.map(|text| encoded(&text)))
}

/// `value` is encoded.
fn written(name: &str, value: Option<&str>) -> String {
    let mut piece = encoded(name);
    if let Some(value) = value {
        piece.push('=');
        piece.push_str(value);
    }
    piece
}

/// All but what needs no encoding anywhere (RFC 3986, 2.3).
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}
