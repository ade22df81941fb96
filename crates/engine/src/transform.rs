//! What a route makes of a request before upstream gets it, and of an answer before the client gets it. START HERE.
//!
//! Everything that can be known when the config is loaded is checked then: names, pointers, captures, what may stand where. What is
//! left for a request to go wrong is a value that is absent, or that cannot stand in its place: then the value's own [`Absent`]
//! decides. Values are never cut and never mangled. Knows nothing of how bodies arrive, and reads no clock.

mod absent;
mod decoded;
mod fields;
mod json;
mod misfit;
mod path;
mod query;
mod side;
#[cfg(test)]
mod tests;
mod text;
mod variable;

pub use absent::{Absent, Value};
pub use fields::{HEADER_VALUE_BYTES_MAX, HeaderEdits};
pub use json::{
    JsonEdits, JsonFault, JsonTemplate, Pointer, PointerFault, STEPS_MAX, Step, StepFault, TOKENS_MAX, is_json,
};
pub use misfit::{Cause, Misfit};
pub use path::{PathEdit, PathEditFault, PathTemplate, PrefixEdit};
pub use query::QueryEdits;
pub use side::Side;
pub use text::{Text, TextFault};
pub use variable::{Answer, Facts, Scope, variables};

use crate::coding::{self, Codings};
use crate::route::capture::{CapturePatterns, Captures};
use http::{HeaderMap, HeaderName, StatusCode, header};
use std::fmt;

/// What a route changes.
#[derive(Debug, Default)]
pub struct Transform {
    pub request: Option<RequestTransform>,
    pub response: Option<ResponseTransform>,
}

#[derive(Debug, Default)]
pub struct RequestTransform {
    /// Only where something asks for what the path's parameters stand for.
    pub captures: Option<CapturePatterns>,
    pub path: Option<PathEdit>,
    pub query: QueryEdits,
    pub headers: HeaderEdits,
    pub body: Option<BodyEdit>,
}

#[derive(Debug, Default)]
pub struct ResponseTransform {
    pub captures: Option<CapturePatterns>,
    pub headers: HeaderEdits,
    pub body: Option<BodyEdit>,
}

/// How a JSON body is changed. It has to be held back until it is whole.
#[derive(Debug)]
pub struct BodyEdit {
    pub change: BodyChange,
    /// Of the body as it arrives, and of what becomes of it.
    pub bytes_max: usize,
    pub on_unreadable: OnUnreadable,
}

#[derive(Debug)]
pub enum BodyChange {
    Edits(JsonEdits),
    /// A whole new body.
    Template {
        body: JsonTemplate,
        absent: Absent,
    },
}

/// What becomes of a body that is not the JSON that it should be, or is too large to be held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnUnreadable {
    /// It might hold what a step was to take out.
    #[default]
    Refuse,
    /// It goes on as it is.
    Pass,
}

/// Where the request goes, as far as a transformation can say it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// In normal form.
    pub path: String,
    /// Without `?`.
    pub query: Option<String>,
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.query {
            Some(query) => write!(formatter, "{}?{query}", self.path),
            None => formatter.write_str(&self.path),
        }
    }
}

impl RequestTransform {
    /// Changes target and head. A body's change comes when the body is there: [`BodyEdit::apply`].
    pub fn apply(&self, facts: &Facts<'_>, target: &mut Target, headers: &mut HeaderMap) -> Result<(), Misfit> {
        let Self { captures, path, query, headers: edits, body: _ } = self;
        let captured = captured(captures.as_ref(), facts.path);
        let facts = &Facts { captures: captured.as_ref(), ..*facts };
        if let Some(edit) = path
            && let Some(changed) = edit.apply(&target.path, captured.as_ref())?
        {
            target.path = changed;
        }
        query.apply(facts, &mut target.query)?;
        edits.apply(facts, headers)
    }
}

impl ResponseTransform {
    /// Changes the head of an answer.
    pub fn apply(&self, facts: &Facts<'_>, headers: &mut HeaderMap) -> Result<(), Misfit> {
        let captured = captured(self.captures.as_ref(), facts.path);
        self.headers.apply(&Facts { captures: captured.as_ref(), ..*facts }, headers)
    }
}

/// What a body edit has to do with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Concern {
    /// Nothing: there is no body, or it is not JSON.
    None,
    Edit,
    /// It should be edited and cannot be; why.
    Unreadable(&'static str),
}

impl BodyEdit {
    /// What the head of an answer tells. Upstream is believed about its types, where a client is not.
    #[must_use]
    pub fn concern_of_answer(&self, status: StatusCode, headers: &HeaderMap) -> Concern {
        let is_json = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_json);
        if !is_json || status.is_informational() || matches!(status.as_u16(), 204 | 205 | 304) {
            return Concern::None;
        }
        if status == StatusCode::PARTIAL_CONTENT || headers.contains_key(header::CONTENT_RANGE) {
            return Concern::Unreadable("a part of it was sent");
        }
        self.concern(headers)
    }

    /// What the head of a request tells.
    #[must_use]
    pub fn concern_of_request(&self, headers: &HeaderMap) -> Concern {
        if !headers.contains_key(header::CONTENT_LENGTH) && !headers.contains_key(header::TRANSFER_ENCODING) {
            return Concern::None;
        }
        let concern = self.concern(headers);
        let is_json = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).is_some_and(is_json);
        if concern == Concern::Edit && !is_json { Concern::Unreadable("its type is not JSON") } else { concern }
    }

    fn concern(&self, headers: &HeaderMap) -> Concern {
        let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
        if length == Some(0) {
            return Concern::None;
        }
        // What is passed on has to be what came, and that is not kept beside what it was decoded to.
        match Codings::of(headers) {
            Ok(codings) if codings.is_plain() || self.on_unreadable == OnUnreadable::Refuse => {}
            Ok(_) | Err(_) => return Concern::Unreadable("it is encoded"),
        }
        let bytes_max = u64::try_from(self.bytes_max).unwrap_or(u64::MAX);
        if length.is_some_and(|length| length > bytes_max) {
            return Concern::Unreadable("it is larger than `bytesMax`");
        }
        Concern::Edit
    }

    /// The new body.
    pub fn apply(&self, captures: Option<&CapturePatterns>, facts: &Facts<'_>, body: &[u8]) -> Result<String, Misfit> {
        let headers = facts.answer.map_or(facts.headers, |answer| answer.headers);
        let plain = Codings::of(headers).map_err(|_| Misfit::unreadable("it is encoded"))?;
        let plain = plain.undo(body, self.bytes_max).map_err(|fault| match fault {
            coding::Fault::Broken => Misfit::unreadable("it is not what its coding says"),
            coding::Fault::TooLarge => Misfit::unreadable("it is larger than `bytesMax` when it is decoded"),
        })?;
        let text = json::readable(&plain)?;
        let values = captured(captures, facts.path);
        let facts = &Facts { captures: values.as_ref(), body: Some(text), ..*facts };
        let changed = match &self.change {
            BodyChange::Edits(edits) => edits.apply(text, facts)?,
            BodyChange::Template { body, absent } => body.body(facts, absent)?,
        };
        if changed.len() > self.bytes_max {
            return Err(Misfit::unreadable(format!("it would become larger than {} bytes", self.bytes_max)));
        }
        Ok(changed)
    }
}

fn captured<'p>(patterns: Option<&'p CapturePatterns>, path: &'p str) -> Option<Captures> {
    patterns.and_then(|patterns| patterns.capture(path))
}

/// Fields that say something of a body's very bytes; they are wrong once the body is another one (RFC 9110, 8; RFC 9530).
pub static OF_THE_BYTES: [HeaderName; 8] = [
    header::CONTENT_ENCODING,
    header::CONTENT_LENGTH,
    header::ACCEPT_RANGES,
    header::ETAG,
    HeaderName::from_static("content-md5"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
];
