//! What was expected, in words. Never what was sent: a value may be a secret, or a page of somebody else's text. Names of members are
//! shown, cut, where one too many is the matter.

use crate::json::type_name;
use crate::violation::{Place, Violation};
use jsonschema::ValidationError;
use jsonschema::error::{TypeKind, ValidationErrorKind as Kind};
use serde_json::Value;
use std::fmt::Write as _;

/// Names that are listed, and characters of one.
const NAMES_MAX: usize = 3;
const NAME_CHARACTERS_MAX: usize = 40;
/// Of a list of allowed values, in bytes: what is longer is not shown.
const OPTIONS_BYTES_MAX: usize = 160;

pub(super) fn violation(place: Place, at: &str, error: &ValidationError<'_>) -> Violation {
    let pointer = error.instance_path().as_str();
    let message = wrong(error);
    if at.is_empty() {
        Violation::new(place, pointer, &message)
    } else {
        Violation::new(place, &format!("{at}{pointer}"), &message)
    }
}

pub(super) fn wrong(error: &ValidationError<'_>) -> String {
    let value = error.instance();
    match error.kind() {
        Kind::Required { property } => format!("{property} is required"),
        Kind::Type { kind } => format!("is {}, not {}", type_name(value), types(kind)),
        Kind::AdditionalProperties { unexpected } | Kind::UnevaluatedProperties { unexpected } => {
            format!("{} not allowed here", names(unexpected))
        }
        Kind::UnevaluatedItems { unexpected: _ } => "has items that are not allowed here".into(),
        Kind::AdditionalItems { limit } => format!("has more than {limit} items"),
        Kind::MaxItems { limit } => format!("has more than {limit} items"),
        Kind::MinItems { limit } => format!("has fewer than {limit} items"),
        Kind::MaxLength { limit } => format!("is longer than {limit} characters"),
        Kind::MinLength { limit } => format!("is shorter than {limit} characters"),
        Kind::MaxProperties { limit } => format!("has more than {limit} members"),
        Kind::MinProperties { limit } => format!("has fewer than {limit} members"),
        Kind::Maximum { limit } => format!("is greater than {limit}"),
        Kind::Minimum { limit } => format!("is less than {limit}"),
        Kind::ExclusiveMaximum { limit } => format!("is not less than {limit}"),
        Kind::ExclusiveMinimum { limit } => format!("is not greater than {limit}"),
        Kind::MultipleOf { multiple_of } => format!("is not a multiple of {multiple_of}"),
        Kind::Pattern { pattern } => format!("does not match {pattern}"),
        Kind::Format { format } => format!("is not of the format {format}"),
        Kind::Enum { options } => match options.to_string() {
            text if text.len() <= OPTIONS_BYTES_MAX => format!("is none of {text}"),
            _ => "is none of the allowed values".into(),
        },
        Kind::Constant { expected_value } => match expected_value.to_string() {
            text if text.len() <= OPTIONS_BYTES_MAX => format!("is not {text}"),
            _ => "is not the one allowed value".into(),
        },
        Kind::AnyOf { context } | Kind::OneOfNotValid { context } => {
            format!("fits none of the {} alternatives", context.len())
        }
        Kind::OneOfMultipleValid { context: _ } => "fits more than one of the alternatives".into(),
        Kind::Not { schema: _ } => "is what it must not be".into(),
        // What the validator says of `additionalProperties: false` where no property is named, with the pointer of the object.
        Kind::FalseSchema if error.schema_path().as_str().ends_with("/additionalProperties") => {
            "has members, and may have none".into()
        }
        Kind::FalseSchema => "is not allowed here".into(),
        Kind::Contains => "has not the items that it must have".into(),
        Kind::UniqueItems => "has the same item twice".into(),
        Kind::PropertyNames { error } => {
            format!("has the name {}, which {}", name(value_text(error.instance())), wrong(error))
        }
        Kind::ContentEncoding { content_encoding } => format!("is not {content_encoding}"),
        Kind::ContentMediaType { content_media_type } => format!("is not {content_media_type}"),
        Kind::FromUtf8 { error: _ } => "is not UTF-8 when it is decoded".into(),
        Kind::BacktrackLimitExceeded { error: _ } | Kind::RegexEngineFailure { message: _ } => {
            "cannot be compared with its pattern".into()
        }
        Kind::Custom { keyword: _, message } => message.clone(),
        Kind::Referencing(cause) => cause.to_string(),
    }
}

fn value_text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

fn types(kind: &TypeKind) -> String {
    match kind {
        TypeKind::Single(single) => single.to_string(),
        TypeKind::Multiple(several) => several.iter().map(|one| one.to_string()).collect::<Vec<_>>().join(" or "),
    }
}

/// `"a" and "b" are`, `"a", "b", "c" and 4 more are`.
fn names(all: &[String]) -> String {
    let mut text = String::new();
    for (index, one) in all.iter().take(NAMES_MAX).enumerate() {
        let joint = match index {
            0 => "",
            _ if index.saturating_add(1) == all.len() => " and ",
            _ => ", ",
        };
        let _ = write!(text, "{joint}{}", name(one));
    }
    match all.len().checked_sub(NAMES_MAX) {
        None | Some(0) => {}
        Some(more) => {
            let _ = write!(text, " and {more} more");
        }
    }
    text.push_str(if all.len() == 1 { " is" } else { " are" });
    text
}

fn name(text: &str) -> String {
    let mut characters = text.chars();
    let shown: String = characters.by_ref().take(NAME_CHARACTERS_MAX).collect();
    let mark = if characters.next().is_some() { "…" } else { "" };
    format!("\"{shown}{mark}\"")
}
