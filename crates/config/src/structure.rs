//! The structural pass: every unknown key, missing key, wrong type and bad value of the tree in one run, each at its place.
//!
//! Validates the tree against our own schema and words what the validator finds for people. Knows nothing about how sections
//! refer to each other. After a clean pass the raw types deserialize.

mod describe;
mod keys;
mod values;

use std::collections::HashSet;
use std::sync::OnceLock;

use jsonschema::error::ValidationErrorKind as Kind;
use jsonschema::{Keyword, ValidationError, Validator};
use serde_json::{Map, Value as Json};

use crate::diagnostic::{Code, Diagnostic, Diagnostics, Place};
use crate::schema;
use crate::source::Sources;
use crate::spans::{Spans, deeper};
use crate::text;
use crate::tree::{Node, Origin, Value};
use describe::Model;

/// What the pass is about, handed to those who word the findings.
pub(crate) struct Pass<'a> {
    spans: &'a Spans,
    sources: &'a Sources,
    diagnostics: &'a mut Diagnostics,
    /// Maps with an unknown key, and which key each was taken for: what is missing there is already explained.
    taken_for: HashSet<(String, Option<String>)>,
    /// Maps, and keys of theirs that seem to be written otherwise or elsewhere.
    meant: Vec<(String, String)>,
}

/// Where a tree is not as it should be.
#[derive(Default)]
pub(crate) struct Faults {
    /// Pointers to the values, and to the keys that are unknown or missing.
    pub(crate) places: Vec<String>,
    /// Pointers to maps, and a key of each that an unknown one was most likely meant to be.
    pub(crate) meant: Vec<(String, String)>,
}

/// Checks the tree; what it finds is pushed.
pub(crate) fn check(spans: &Spans, sources: &Sources, diagnostics: &mut Diagnostics) -> Faults {
    let Some(checker) = checker() else {
        diagnostics.push(Diagnostic::error(Code::Internal, None, "the config's own schema does not compile"));
        return Faults::default();
    };
    let json = spans.root().to_json();
    let mut pass = Pass { spans, sources, diagnostics, taken_for: HashSet::new(), meant: Vec::new() };
    let (keys, others): (Vec<_>, Vec<_>) = checker
        .validator
        .iter_errors(&json)
        .partition(|error| matches!(error.kind(), Kind::AdditionalProperties { .. } | Kind::FalseSchema));
    // Unknown keys first: they explain others.
    for error in keys.iter().chain(&others) {
        pass.explain(error, &checker.model);
    }
    let places = keys.iter().chain(&others).flat_map(wrong).collect();
    Faults { places, meant: pass.meant }
}

/// The places alone, for a tree of which nothing is said.
pub(crate) fn places(root: &Node) -> Vec<String> {
    let json = root.to_json();
    checker()
        .map(|checker| checker.validator.iter_errors(&json).flat_map(|error| wrong(&error)).collect())
        .unwrap_or_default()
}

/// What is wrong: a value or, where keys are unknown or missing, those.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other kinds are about the value")]
fn wrong(error: &ValidationError<'_>) -> Vec<String> {
    let pointer = error.instance_path().as_str();
    match error.kind() {
        Kind::AdditionalProperties { unexpected } => unexpected.iter().map(|key| deeper(pointer, key)).collect(),
        Kind::Required { property } => property.as_str().map(|key| deeper(pointer, key)).into_iter().collect(),
        _ => vec![pointer.to_owned()],
    }
}

struct Checker {
    validator: Validator,
    model: Model,
}

fn checker() -> Option<&'static Checker> {
    static CHECKER: OnceLock<Option<Checker>> = OnceLock::new();
    CHECKER
        .get_or_init(|| {
            let schema = schema::for_checking();
            let mut options = jsonschema::options().should_validate_formats(true).with_keyword("x-range", Range::of);
            for format in text::FORMATS {
                options = options.with_format(format.name, |text| (format.check)(text).is_ok());
            }
            Some(Checker { validator: options.build(&schema).ok()?, model: Model::of(schema) })
        })
        .as_ref()
}

/// Bounds of a duration or a size, which draft-07 has no words for.
struct Range {
    measure: fn(&str) -> Option<u64>,
    low: u64,
    high: u64,
}

impl Range {
    fn of<'a>(
        parent: &'a Map<String, Json>,
        bounds: &'a Json,
        _: jsonschema::paths::Location,
    ) -> Result<Box<dyn for<'i> Keyword<'i>>, ValidationError<'a>> {
        let format = parent.get("format").and_then(Json::as_str).and_then(text::named);
        let Some(measure) = format.and_then(|format| format.measure) else {
            return Err(ValidationError::schema("x-range stands beside no format that has a measure"));
        };
        let bound = |index: usize| bounds.get(index).and_then(Json::as_str).and_then(measure);
        let (Some(low), Some(high)) = (bound(0), bound(1)) else {
            return Err(ValidationError::schema("x-range is no pair of values of the format"));
        };
        Ok(Box::new(Self { measure, low, high }))
    }
}

impl<'i> Keyword<'i> for Range {
    fn validate(&self, instance: &'i Json) -> Result<(), ValidationError<'i>> {
        if self.is_valid(instance) { Ok(()) } else { Err(ValidationError::custom("out of range")) }
    }

    fn is_valid(&self, instance: &'i Json) -> bool {
        // What cannot be measured is reported by its format.
        instance.as_str().and_then(self.measure).is_none_or(|value| (self.low..=self.high).contains(&value))
    }
}

impl Pass<'_> {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the validator's kinds that our schema cannot cause have one wording"
    )]
    fn explain(&mut self, error: &ValidationError<'_>, model: &Model) {
        let pointer = error.instance_path().as_str();
        let Some((schema, name)) = model.around(error.evaluation_path().as_str()) else {
            return self.unworded(error, pointer);
        };
        if self.spans.at(pointer).is_some_and(|located| located.node.origin == Origin::Unresolved) {
            return;
        }
        let is_map = matches!(self.spans.near(pointer).node.value, Value::Map(_));
        match error.kind() {
            Kind::AdditionalProperties { unexpected } => {
                for (index, key) in unexpected.iter().enumerate() {
                    if self.diagnostics.is_full() {
                        return self.diagnostics.count_errors(unexpected.len().saturating_sub(index));
                    }
                    self.unknown_key(pointer, key, schema, name, model);
                }
            }
            // What the validator says of keys in a map that has none.
            Kind::FalseSchema => {
                if let Value::Map(entries) = &self.spans.near(pointer).node.value {
                    for (index, entry) in entries.iter().enumerate() {
                        if self.diagnostics.is_full() {
                            return self.diagnostics.count_errors(entries.len().saturating_sub(index));
                        }
                        self.unknown_key(pointer, &entry.key, schema, name, model);
                    }
                }
            }
            Kind::Required { property } => {
                self.missing_key(pointer, property.as_str().unwrap_or_default(), schema, model);
            }
            Kind::OneOfNotValid { .. } | Kind::OneOfMultipleValid { .. } | Kind::Not { .. } if !is_map => {}
            Kind::OneOfNotValid { .. } => self.none_chosen(pointer, schema),
            Kind::OneOfMultipleValid { .. } => self.several_chosen(pointer, &describe::one_of_keys(schema)),
            Kind::Not { schema } => self.several_chosen(pointer, &describe::required_keys(schema)),
            Kind::MinProperties { .. } => self.none_of(pointer, schema),
            Kind::AnyOf { context } => self.branches(pointer, context, schema, model),
            Kind::PropertyNames { error: inner } => {
                let key = inner.instance().as_str().unwrap_or_default();
                let format = if let Kind::Format { format } = inner.kind() { Some(format.as_str()) } else { None };
                self.malformed_key(pointer, key, format);
            }
            Kind::Type { .. } => self.wrong_type(pointer, schema, model),
            Kind::Enum { .. } => self.unknown_value(pointer, schema, name),
            Kind::Constant { expected_value } => self.not_the_constant(pointer, expected_value),
            Kind::Format { format } => self.malformed(pointer, format),
            Kind::Custom { .. } | Kind::Minimum { .. } | Kind::Maximum { .. } => self.out_of_range(pointer, schema),
            Kind::MinItems { .. } | Kind::MaxItems { .. } | Kind::MinLength { .. } | Kind::MaxLength { .. } => {
                self.out_of_length(pointer, schema);
            }
            _ => self.unworded(error, pointer),
        }
    }

    /// Of a value that may be written in several ways, speaks of the way that was tried.
    fn branches(&mut self, pointer: &str, context: &[Vec<ValidationError<'static>>], schema: &Json, model: &Model) {
        let is_of_type = |errors: &&Vec<ValidationError<'static>>| {
            !errors
                .iter()
                .any(|error| error.instance_path().as_str() == pointer && matches!(error.kind(), Kind::Type { .. }))
        };
        match context.iter().find(is_of_type) {
            // Its closed list is one way of several: all of them are what can be written.
            Some(errors) if errors.iter().any(|error| matches!(error.kind(), Kind::Enum { .. })) => {
                self.unknown_choice(pointer, schema, model);
            }
            Some(errors) => errors.iter().for_each(|error| self.explain(error, model)),
            None => self.wrong_type(pointer, schema, model),
        }
    }

    /// Without the value, which may be a secret.
    fn unworded(&mut self, error: &ValidationError<'_>, pointer: &str) {
        let message = format!("{} is not as it should be: {}", self.subject(pointer), error.masked());
        let place = self.place(pointer);
        self.push(Code::MalformedValue, place, message, None);
    }

    fn place(&self, pointer: &str) -> Place {
        self.sources.place(self.spans.near(pointer).span())
    }

    fn node(&self, pointer: &str) -> &Node {
        self.spans.near(pointer).node
    }

    fn subject(&self, pointer: &str) -> String {
        describe::subject(self.spans, pointer)
    }

    fn push(&mut self, code: Code, place: Place, message: impl Into<String>, help: Option<String>) {
        self.diagnostics.push(Diagnostic::error(code, place, message).help_if_any(help));
    }
}
