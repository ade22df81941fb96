//! JSON bodies as texts that are edited in place: what no edit touches keeps its bytes, its order and its digits.
//!
//! Not by way of `serde_json::Value`: that would round numbers beyond 64 bits and sort keys, and the features against it make a
//! client's own keys mean something else to every parser in the process (`docs/decisions/0032-json-edits-keep-the-text.md`).

mod edits;
mod node;
mod pointer;
mod split;
mod template;
#[cfg(test)]
mod tests;

pub use edits::{JsonEdits, STEPS_MAX, Step, StepFault};
pub use pointer::{Pointer, PointerFault, TOKENS_MAX};
pub use template::{JsonFault, JsonTemplate};

pub(super) use split::{decoded, look_up};

use super::misfit::Misfit;
use serde::de::IgnoredAny;

/// The body as a text, once it is known to be one JSON document.
pub(super) fn readable(body: &[u8]) -> Result<&str, Misfit> {
    let text = std::str::from_utf8(body).map_err(|fault| Misfit::unreadable(format!("it is not UTF-8: {fault}")))?;
    match serde_json::from_str::<IgnoredAny>(text) {
        Ok(_) => Ok(text.trim_matches([' ', '\t', '\r', '\n'])),
        // The parser's words name places and tokens, never the client's text.
        Err(fault) => Err(Misfit::unreadable(format!("it is not JSON: {fault}"))),
    }
}

/// Whether a media type is JSON: `application/json`, `text/json`, and everything that ends in `+json`.
#[must_use]
pub fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim();
    let is = |known: &str| essence.eq_ignore_ascii_case(known);
    let suffix = essence.rsplit_once('+').map_or("", |(_, suffix)| suffix);
    is("application/json") || is("text/json") || suffix.eq_ignore_ascii_case("json")
}

/// With its quotes.
pub(super) fn push_string(text: &str, out: &mut String) {
    // A text is always a JSON string.
    out.push_str(&serde_json::to_string(text).unwrap_or_else(|_| "\"\"".to_owned()));
}
