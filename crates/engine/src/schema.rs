//! JSON Schema, compiled: what a body or a parameter has to look like, and every way in which it does not.
//!
//! Drafts 4, 6, 7, 2019-09 and 2020-12 by `$schema`, 2020-12 without. Nothing is ever fetched: a reference leads to somewhere in the same
//! schema, or the schema is refused. Patterns run in time linear in the text (the `regex` crate): a schema with look-around or
//! back-references is refused at load rather than a trap for whoever sends the right string.

use crate::violation::{Place, VIOLATIONS_MAX, Violation};
use jsonschema::{PatternOptions, Validator};
use regex::RegexBuilder;
use serde_json::Value;

mod draft;
mod fault;
mod faults;
mod message;
#[cfg(test)]
mod tests;

pub use fault::SchemaFault;
pub use faults::FAULTS_MAX;

/// Of one compiled pattern.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;
/// Of a client's own text that is to be a regular expression (`format: regex`): compiling one costs more than matching.
const CLIENT_PATTERN_BYTES_MAX: usize = 32 * 1024;
/// A document of more values than this is told one violation: the validator looks for all of them before it names the first, and keeps
/// an entry for each.
pub const VALUES_MAX: usize = 10_000;

/// Whether `format` is a rule or a remark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Formats {
    Checked,
    /// The same, and one that nobody knows is a remark: OpenAPI has formats that say how wide a number is.
    CheckedIfKnown,
    Ignored,
}

/// A schema that can be asked.
#[derive(Debug)]
pub struct Schema {
    validator: Validator,
    /// Has `anyOf` or `oneOf`, of which even one violation is made of all those within its branches.
    branches: bool,
}

impl Schema {
    /// The first fault, with a pointer into `schema`; [`Self::faults`] has all of them.
    pub fn compile(schema: &Value, formats: Formats) -> Result<Self, SchemaFault> {
        let draft = draft::of(schema)?;
        let mut options = jsonschema::options()
            .with_draft(draft)
            .offline()
            .with_pattern_options(PatternOptions::regex().size_limit(PATTERN_BYTES_MAX))
            .should_validate_formats(formats != Formats::Ignored)
            .should_ignore_unknown_formats(formats != Formats::Checked);
        if formats != Formats::Ignored {
            options = options.with_format("regex", is_pattern);
        }
        let validator = options.build(schema).map_err(|error| SchemaFault::of(&error, schema))?;
        Ok(Self { validator, branches: has_branches(schema) })
    }

    /// What keeps a schema from being compiled: at most [`FAULTS_MAX`] faults, none if it compiles.
    #[must_use]
    pub fn faults(schema: &Value, formats: Formats) -> Vec<SchemaFault> {
        faults::of(schema, formats)
    }

    /// What `value`, which is made of `values` values, does against the schema: at most [`VIOLATIONS_MAX`], in the order of the schema. Their
    /// pointers begin with `at`.
    pub fn check(&self, place: Place, at: &str, value: &Value, values: usize) -> Result<(), Box<[Violation]>> {
        if self.validator.is_valid(value) {
            return Ok(());
        }
        let found = if values <= VALUES_MAX {
            let errors = self.validator.iter_errors(value).take(VIOLATIONS_MAX);
            errors.map(|error| message::violation(place, at, &error)).collect()
        } else if self.branches {
            Box::default()
        } else {
            let first = self.validator.validate(value).err();
            first.iter().map(|error| message::violation(place, at, error)).collect()
        };
        // Never an empty list: what is not valid is refused, whether or not somebody can say why.
        if found.is_empty() {
            Err(Box::new([Violation::new(place, at, "does not match the schema")]))
        } else {
            Err(found)
        }
    }
}

fn is_pattern(text: &str) -> bool {
    RegexBuilder::new(text).size_limit(CLIENT_PATTERN_BYTES_MAX).build().is_ok()
}

/// Anywhere, were it as the name of a property: a wrong yes costs a message, not a verdict.
fn has_branches(schema: &Value) -> bool {
    match schema {
        Value::Object(members) => {
            members.iter().any(|(name, inner)| name == "anyOf" || name == "oneOf" || has_branches(inner))
        }
        Value::Array(items) => items.iter().any(has_branches),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}
