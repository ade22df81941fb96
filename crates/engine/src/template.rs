//! Texts with `{{variable}}`s: taken apart and checked when the config is loaded, filled in and escaped when a request needs them.
//!
//! `{{name}}` or `{{ name }}` is a variable, `{{{{` two literal braces; a single brace and `}}` outside of a tag are literal.
//! `{{> name}}` includes a part, `{{#errors}} … {{/errors}}` is repeated for each thing that was wrong with a request, and `{{errors}}` is
//! all of them as a JSON array. There are no conditions.
//! What is rendered is bounded: [`TEXT_BYTES_MAX`] of text with all parts, [`TAGS_MAX`] tags, [`SECTIONS_MAX`] sections of
//! [`VIOLATIONS_MAX`](crate::violation::VIOLATIONS_MAX) turns, of each value at most [`VALUE_BYTES_MAX`] bytes
//! ([`HEADER_VALUE_BYTES_MAX`] in a header), before escaping, which makes them at most six times as long.
//! Does not know what the texts are used for.

pub(crate) mod errors;
mod escape;
mod fault;
mod json;
mod markup;
mod parse;
mod parts;
mod tag;
#[cfg(test)]
mod tests;
mod variable;

pub use escape::{Escape, HEADER_VALUE_BYTES_MAX, VALUE_BYTES_MAX};
pub use fault::{MarkupPlace, TemplateFault, TemplateProblem, around};
pub use parts::{PARTS_DEPTH_MAX, Parts};
pub use variable::Values;

use crate::violation::{VIOLATIONS_MAX, Violation};
use parse::Segment;
use std::borrow::Cow;
use std::io::Write as _;
use variable::Shown;

/// How long a template's own text may be, with all parts that it includes.
pub const TEXT_BYTES_MAX: usize = 64 * 1_024;
/// The same for a header.
pub const HEADER_TEXT_BYTES_MAX: usize = 4 * 1_024;
/// How many variables one template may have, with those of its parts; a part counts as one, and so does each end of a section.
pub const TAGS_MAX: usize = 64;
/// How many sections one template may have.
pub const SECTIONS_MAX: usize = 4;

/// A text that is ready to be filled in, and cannot be broken by what it is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    escape: Escape,
    segments: Box<[Segment]>,
}

impl Template {
    /// A text without variables is taken as it is; one with variables must be harmless whatever they stand for.
    pub fn parse(text: &str, escape: Escape) -> Result<Self, TemplateFault> {
        Self::parse_with(text, escape, &Parts::default())
    }

    /// The same for a text that may include parts. A part is read as if it had been written there: its variables are escaped for this
    /// template.
    pub fn parse_with(text: &str, escape: Escape, parts: &Parts) -> Result<Self, TemplateFault> {
        let template = Self { escape, segments: parse::segments(text, escape, parts)?.into_boxed_slice() };
        match escape {
            Escape::Json if template.literal().is_none() => template.check_json()?,
            Escape::Xml | Escape::Html => markup::check(&template.segments, escape)?,
            Escape::Json | Escape::Text | Escape::Header => {}
        }
        Ok(template)
    }

    /// Whether it is JSON, also with hostile and with empty values. [`Self::parse`] asks this of every JSON template with variables;
    /// for a static text it is the config's to warn.
    pub fn check_json(&self) -> Result<(), TemplateFault> {
        json::check(self)
    }

    /// Appends the text with its values. Allocates nothing else, except for a claim that is not a text.
    pub fn render(&self, values: &Values, out: &mut Vec<u8>) {
        write(&self.segments, values, None, out);
    }

    /// The whole text, if it has no variables.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &*self.segments {
            [] => Some(""),
            [Segment::Literal(literal)] => Some(literal),
            [Segment::Variable { .. } | Segment::List { .. } | Segment::Section { .. }] | [_, _, ..] => None,
        }
    }

    #[must_use]
    pub const fn escape(&self) -> Escape {
        self.escape
    }

    /// Every variable with its line for the reference page.
    #[must_use]
    pub const fn variables() -> &'static [(&'static str, &'static str)] {
        variable::VARIABLES
    }

    /// What a section shows of each error, in the same way.
    #[must_use]
    pub const fn variables_of_an_error() -> &'static [(&'static str, &'static str)] {
        variable::ITEMS
    }

    /// The variables, lists and sections in it that are about an error: in an answer that is none they stand for nothing.
    #[must_use]
    pub fn of_an_error(&self) -> Vec<Cow<'static, str>> {
        let mut names: Vec<Cow<'static, str>> = Vec::new();
        for segment in &self.segments {
            let name = match segment {
                Segment::Variable { variable, .. } if variable.is_of_an_error() => variable.name(),
                Segment::List { .. } | Segment::Section { .. } => Cow::Borrowed("errors"),
                Segment::Variable { .. } | Segment::Literal(_) => continue,
            };
            if !names.contains(&name) {
                names.push(name);
            }
        }
        names
    }

    /// The claims that it names.
    pub fn claims(&self) -> impl Iterator<Item = &str> {
        let variables = self.segments.iter().flat_map(|segment| match segment {
            Segment::Section { segments, .. } => segments.iter(),
            Segment::Literal(_) | Segment::List { .. } | Segment::Variable { .. } => {
                std::slice::from_ref(segment).iter()
            }
        });
        variables.filter_map(|segment| match segment {
            Segment::Variable { variable, .. } => variable.claim(),
            Segment::Literal(_) | Segment::List { .. } | Segment::Section { .. } => None,
        })
    }
}

/// `error` is the one that the section is at.
fn write<'a>(segments: &[Segment], values: &Values<'a>, error: Option<&'a Violation>, out: &mut Vec<u8>) {
    for segment in segments {
        match segment {
            Segment::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
            Segment::Variable { variable, encoding, .. } => match variable.value(values, error) {
                Shown::Text(text) => encoding.push(&text, out),
                Shown::Time(time) => out.extend_from_slice(time.as_str().as_bytes()),
                // Writing to a vector does not fail.
                Shown::Number(number) => drop(write!(out, "{number}")),
            },
            Segment::List { .. } => errors::json(shown(values.errors), out),
            Segment::Section { separator, segments, .. } => {
                for (turn, error) in shown(values.errors).iter().enumerate() {
                    if turn > 0 {
                        out.extend_from_slice(separator.as_bytes());
                    }
                    write(segments, values, Some(error), out);
                }
            }
        }
    }
}

/// Whoever made the list has bounded it; a reply does not rely on that.
fn shown(errors: &[Violation]) -> &[Violation] {
    errors.get(..VIOLATIONS_MAX).unwrap_or(errors)
}
