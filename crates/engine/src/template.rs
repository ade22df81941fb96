//! Texts with `{{variable}}`s: taken apart and checked when the config is loaded, filled in and escaped when a request needs them.
//!
//! `{{name}}` or `{{ name }}` is a variable, `{{{{` two literal braces; a single brace and `}}` outside of a variable are literal.
//! What is rendered is bounded: [`TEXT_BYTES_MAX`] of text, [`VARIABLES_MAX`] values, of each at most [`VALUE_BYTES_MAX`] bytes
//! ([`HEADER_VALUE_BYTES_MAX`] in a header), before escaping, which makes them at most six times as long.
//! Does not know what the texts are used for.

mod escape;
mod fault;
mod json;
mod markup;
mod parse;
#[cfg(test)]
mod tests;
mod variable;

pub use escape::{Escape, HEADER_VALUE_BYTES_MAX, VALUE_BYTES_MAX};
pub use fault::{MarkupPlace, TemplateFault, TemplateProblem};
pub use variable::Values;

use parse::Segment;
use std::io::Write as _;
use variable::Shown;

/// How long a template's own text may be.
pub const TEXT_BYTES_MAX: usize = 64 * 1_024;
/// How many variables one template may have.
pub const VARIABLES_MAX: usize = 64;

/// A text that is ready to be filled in, and cannot be broken by what it is filled with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    escape: Escape,
    segments: Box<[Segment]>,
}

impl Template {
    /// A text without variables is taken as it is; one with variables must be harmless whatever they stand for.
    pub fn parse(text: &str, escape: Escape) -> Result<Self, TemplateFault> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(TemplateFault::new(TEXT_BYTES_MAX, TemplateProblem::TextTooLong));
        }
        if escape == Escape::Header
            && let Some(offset) = text.bytes().position(|byte| !matches!(byte, b'\t' | b' '..=b'~'))
        {
            return Err(TemplateFault::new(offset, TemplateProblem::HeaderText));
        }
        let template = Self { escape, segments: parse::segments(text, escape)?.into_boxed_slice() };
        if let Some(offset) = template.offsets().nth(VARIABLES_MAX) {
            return Err(TemplateFault::new(offset, TemplateProblem::TooManyVariables));
        }
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
        for segment in &self.segments {
            match segment {
                Segment::Literal(literal) => out.extend_from_slice(literal.as_bytes()),
                Segment::Variable { variable, encoding, .. } => match variable.value(values) {
                    Shown::Text(text) => encoding.push(&text, out),
                    Shown::Time(time) => out.extend_from_slice(time.as_str().as_bytes()),
                    // Writing to a vector does not fail.
                    Shown::Number(number) => drop(write!(out, "{number}")),
                },
            }
        }
    }

    /// The whole text, if it has no variables.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &*self.segments {
            [] => Some(""),
            [Segment::Literal(literal)] => Some(literal),
            [Segment::Variable { .. }] | [_, _, ..] => None,
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

    fn offsets(&self) -> impl Iterator<Item = usize> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Variable { offset, .. } => Some(*offset),
        })
    }
}
