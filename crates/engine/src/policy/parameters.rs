//! What the parts of a path, the query and the headers may be: a route's `parameters:`, the words of OpenAPI.
//!
//! The wire knows text only. A value is first read as its schema's type, to the letter (`shape.rs`), and then held against the schema.
//! What is read is what the client wrote: the request goes on as it came. Does not know bodies and cookies.

mod decode;
mod query;
mod shape;
mod template;

pub use shape::{Kinds, Shape, ShapeFault};
pub use template::PathTemplate;

use crate::denial::{Denial, Detail};
use crate::names::PolicyId;
use crate::reason::Reason;
use crate::request::RequestHead;
use crate::schema::Schema;
use crate::trail::Mode;
use crate::violation::{Place, VIOLATIONS_MAX, Violation};
use http::HeaderName;
use serde_json::Value;
use std::borrow::Cow;

/// A route's `parameters:`.
#[derive(Debug)]
pub struct Parameters {
    pub policy: PolicyId,
    pub mode: Mode,
    pub path: Vec<PathParameter>,
    /// The route's patterns, as [`PathTemplate::sort`] orders them. Each has every parameter of `path`.
    pub templates: Vec<PathTemplate>,
    pub query: Vec<QueryParameter>,
    pub header: Vec<HeaderParameter>,
    /// None: parameters that nobody declared may pass.
    pub closed_query: Option<ClosedQuery>,
}

#[derive(Debug)]
pub struct PathParameter {
    pub name: Box<str>,
    pub rule: Rule,
}

#[derive(Debug)]
pub struct QueryParameter {
    pub name: Box<str>,
    pub required: bool,
    pub style: QueryStyle,
    pub rule: Rule,
}

#[derive(Debug)]
pub struct HeaderParameter {
    pub name: HeaderName,
    pub required: bool,
    pub rule: Rule,
}

/// What a value has to be.
#[derive(Debug)]
pub struct Rule {
    pub shape: Shape,
    pub schema: Schema,
}

/// How a list or a map is written in a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QueryStyle {
    /// `ids=1&ids=2`, and every value that is no list.
    Repeated,
    /// `ids=1,2`
    Separated(Separator),
    /// `filter[colour]=red&filter[size]=5`
    DeepObject,
}

/// What stands between the items of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Separator {
    /// A comma that is not percent-encoded: one that is belongs to an item.
    Comma,
    /// `+` or `%20`.
    Space,
    /// `|`, percent-encoded or not.
    Pipe,
}

/// What else a query may have, if anything that was not declared is refused.
#[derive(Debug, Default)]
pub struct ClosedQuery {
    /// Parameters that the gateway itself asks for: conditions of the route, credentials.
    pub also: Vec<Box<str>>,
}

impl Parameters {
    /// Allocates nothing for numbers and booleans that are good; a text is copied once.
    pub fn check(&self, head: &RequestHead<'_>) -> Result<(), Denial> {
        let mut found = Findings::default();
        self.check_path(head, &mut found);
        for parameter in &self.query {
            parameter.check(head.query.unwrap_or_default(), &mut found);
        }
        for parameter in &self.header {
            parameter.check(head, &mut found);
        }
        if let Some(closed) = &self.closed_query {
            closed.check(head.query.unwrap_or_default(), &self.query, &mut found);
        }
        found.verdict()
    }

    fn check_path(&self, head: &RequestHead<'_>, found: &mut Findings) {
        if self.path.is_empty() {
            return;
        }
        let template = self.templates.iter().find(|template| template.matches(&head.path));
        for PathParameter { name, rule } in &self.path {
            let subject = Subject { place: Place::Path, name };
            match template.and_then(|template| template.value(name, &head.path)) {
                // The router looks past it, upstream gets it: what nobody judged must not pass for judged.
                Some(raw) if raw.contains(';') => found.mismatch(subject, "", "has `;parameters`"),
                Some(raw) => rule.check_written(subject, raw, decode::path, found),
                // No path that was matched lacks it.
                None => found.missing(subject),
            }
        }
    }
}

impl HeaderParameter {
    fn check(&self, head: &RequestHead<'_>, found: &mut Findings) {
        let subject = Subject { place: Place::Header, name: self.name.as_str() };
        let mut lines = head.headers.get_all(&self.name).iter().map(|line| line.to_str().ok());
        match (lines.next(), lines.next()) {
            (None, _) if self.required => found.missing(subject),
            (None, _) => {}
            (Some(Some(line)), None) => self.rule.check_written(subject, line, decode::header, found),
            (Some(_), Some(_)) if self.rule.shape.items().is_none() => found.repeated(subject),
            (Some(first), second) => {
                // Lines of one list are one list (RFC 9110, 5.3).
                let all: Option<Vec<&str>> = [first].into_iter().chain(second).chain(lines).collect();
                match all {
                    Some(lines) => self.rule.check_written(subject, &lines.join(","), decode::header, found),
                    None => found.mismatch(subject, "", "is not plain ASCII"),
                }
            }
        }
    }
}

impl Rule {
    /// A value of a path or a header (`style: simple`): one text, or a list with commas.
    fn check_written(&self, subject: Subject<'_>, raw: &str, decode: Decode, found: &mut Findings) {
        if self.shape.items().is_none() {
            return self.check_one(subject, raw, decode, found);
        }
        self.check_list(subject, raw.split(','), decode, found);
    }

    fn check_one(&self, subject: Subject<'_>, raw: &str, decode: Decode, found: &mut Findings) {
        match read(&self.shape, raw, decode) {
            Ok(value) => found.judge(subject, &self.schema, &value, 1),
            Err(message) => found.mismatch(subject, "", &message),
        }
    }

    fn check_list<'r>(
        &self,
        subject: Subject<'_>,
        items: impl Iterator<Item = &'r str>,
        decode: Decode,
        found: &mut Findings,
    ) {
        let Some(shape) = self.shape.items() else { return };
        let mut list = Vec::new();
        for (index, raw) in items.enumerate() {
            match read(shape, raw, decode) {
                Ok(value) => list.push(value),
                Err(message) => return found.mismatch(subject, &format!("/{index}"), &message),
            }
        }
        let values = list.len().saturating_add(1);
        found.judge(subject, &self.schema, &Value::Array(list), values);
    }
}

/// From the wire's spelling to the text that is meant; none if the spelling is broken.
type Decode = for<'r> fn(&'r str) -> Option<Cow<'r, str>>;

fn read(shape: &Shape, raw: &str, decode: Decode) -> Result<Value, Cow<'static, str>> {
    let text = decode(raw).ok_or("is not percent-encoded UTF-8")?;
    shape.read(text)
}

/// What a finding is about.
#[derive(Clone, Copy)]
pub(crate) struct Subject<'p> {
    place: Place,
    name: &'p str,
}

/// What was found; no heap while all is well.
#[derive(Default)]
pub(crate) struct Findings {
    /// Of the first finding: it names the refusal.
    reason: Option<Reason>,
    violations: Vec<Violation>,
}

impl Findings {
    fn missing(&mut self, subject: Subject<'_>) {
        self.push(Reason::ParameterMissing, subject, "", "is required");
    }

    fn repeated(&mut self, subject: Subject<'_>) {
        self.push(Reason::ParameterRepeated, subject, "", "stands more than once");
    }

    /// `inside` is the JSON pointer into the value.
    pub(crate) fn mismatch(&mut self, subject: Subject<'_>, inside: &str, message: &str) {
        self.push(Reason::ParameterMismatch, subject, inside, message);
    }

    /// `values` is how many values the value is made of.
    fn judge(&mut self, subject: Subject<'_>, schema: &Schema, value: &Value, values: usize) {
        let Err(violations) = schema.check(subject.place, subject.name, value, values) else { return };
        self.reason.get_or_insert(Reason::ParameterMismatch);
        let room = VIOLATIONS_MAX.saturating_sub(self.violations.len());
        self.violations.extend(violations.into_iter().take(room));
    }

    fn unknown(&mut self, subject: Subject<'_>) {
        self.push(Reason::ParameterUnknown, subject, "", "is not a parameter of this resource");
    }

    fn push(&mut self, reason: Reason, subject: Subject<'_>, inside: &str, message: &str) {
        self.reason.get_or_insert(reason);
        if self.violations.len() < VIOLATIONS_MAX {
            let pointer: Cow<'_, str> =
                if inside.is_empty() { subject.name.into() } else { format!("{}{inside}", subject.name).into() };
            self.violations.push(Violation::new(subject.place, &pointer, message));
        }
    }

    fn verdict(self) -> Result<(), Denial> {
        match self.reason {
            None => Ok(()),
            Some(reason) => Err(Denial::new(reason).with(Detail::Invalid(self.violations.into()))),
        }
    }
}

#[cfg(test)]
mod tests;
