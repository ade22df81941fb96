//! Changes to header fields, of requests and answers alike.

use super::absent::Value;
use super::misfit::{Cause, Misfit};
use super::variable::Facts;
use http::header::{HeaderMap, HeaderName, HeaderValue};

/// The longest value that is written into a field.
pub const HEADER_VALUE_BYTES_MAX: usize = 4 * 1_024;

/// In this order: what is removed, renamed, set, added. Which names may be touched is the config's to say.
#[derive(Debug, Default)]
pub struct HeaderEdits {
    pub remove: Box<[HeaderName]>,
    /// From, to.
    pub rename: Box<[(HeaderName, HeaderName)]>,
    pub set: Box<[(HeaderName, Value)]>,
    pub add: Box<[(HeaderName, Value)]>,
}

impl HeaderEdits {
    pub(super) fn apply(&self, facts: &Facts<'_>, headers: &mut HeaderMap) -> Result<(), Misfit> {
        let Self { remove, rename, set, add } = self;
        for name in remove {
            headers.remove(name);
        }
        for (from, to) in rename {
            // Whatever else came under the new name: it is not what was meant by it.
            headers.remove(to);
            let values: Vec<HeaderValue> = headers.get_all(from).iter().cloned().collect();
            headers.remove(from);
            for value in values {
                append(headers, to, value)?;
            }
        }
        for (name, value) in set {
            // Also where there is nothing to set: a client's own must not pass for the gateway's.
            headers.remove(name);
            if let Some(value) = self::value(name, value, facts)? {
                append(headers, name, value)?;
            }
        }
        for (name, value) in add {
            if let Some(value) = self::value(name, value, facts)? {
                append(headers, name, value)?;
            }
        }
        Ok(())
    }

    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.set.iter().chain(&self.add).map(|(_, value)| value)
    }
}

fn value(name: &HeaderName, value: &Value, facts: &Facts<'_>) -> Result<Option<HeaderValue>, Misfit> {
    let resolved = value.resolve(facts, &format_args!("the header {name}"), fits)?;
    let unfit = |_| Misfit::new(Cause::Unfit, format!("the value for the header {name} cannot stand there"));
    resolved.map(|text| HeaderValue::from_str(text.trim_matches([' ', '\t'])).map_err(unfit)).transpose()
}

/// Visible ASCII, spaces and tabs (RFC 9110, 5.5): nothing that could end a line, and nothing that two servers read in two ways.
fn fits(text: &str) -> bool {
    text.len() <= HEADER_VALUE_BYTES_MAX && text.bytes().all(|byte| matches!(byte, b'\t' | b' '..=b'~'))
}

fn append(headers: &mut HeaderMap, name: &HeaderName, value: HeaderValue) -> Result<(), Misfit> {
    let full = |_| Misfit::new(Cause::Unfit, "there are too many headers");
    headers.try_append(name.clone(), value).map(drop).map_err(full)
}
