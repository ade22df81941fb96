//! A parameter's JSON Schema, compiled once. Nothing is fetched: a `$ref` leads into the schema itself or nowhere.

use super::{Findings, Subject};
use crate::violation::VIOLATIONS_MAX;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

/// The largest compiled `pattern`, in bytes.
const PATTERN_BYTES_MAX: usize = 1024 * 1024;

/// Draft 2020-12 unless `$schema` says 2019-09, 7, 6 or 4.
#[derive(Debug)]
pub struct Schema(Validator);

/// Why a value is no schema.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaFault {
    /// A JSON pointer into the schema.
    pub pointer: Box<str>,
    pub message: Box<str>,
}

impl Schema {
    /// Patterns are of the kind that takes linear time: none that look around or refer back.
    pub fn compile(schema: &Value) -> Result<Self, SchemaFault> {
        let patterns = PatternOptions::regex().size_limit(PATTERN_BYTES_MAX).dfa_size_limit(PATTERN_BYTES_MAX);
        let options = jsonschema::options().offline().should_validate_formats(true).with_pattern_options(patterns);
        let built = options.build(schema).map_err(|error| SchemaFault {
            pointer: error.instance_path().as_str().into(),
            message: error.to_string().into(),
        });
        built.map(Self)
    }

    /// Allocates only for what it finds. What is said never quotes the value.
    pub(super) fn check(&self, subject: Subject<'_>, value: &Value, found: &mut Findings) {
        if self.0.is_valid(value) {
            return;
        }
        for error in self.0.iter_errors(value).take(VIOLATIONS_MAX) {
            let inside = error.instance_path();
            found.mismatch(subject, inside.as_str(), &error.masked_with("the value").to_string());
        }
    }
}
