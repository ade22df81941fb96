//! A config's text as a tree in which every key and every value knows its place.
//!
//! Knows nothing of what the keys mean. Strings are typed as the YAML 1.2 core schema does it (`scalar.rs`).

use std::fmt;

use crate::source::Span;

/// A value and its place.
#[derive(Clone)]
pub struct Node {
    pub value: Value,
    /// Of a scalar: its first line. Of a block map or list: its first key or dash.
    pub span: Span,
    pub style: Style,
    pub origin: Origin,
}

/// What a node holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    Null,
    Bool(bool),
    Integer(i64),
    /// Above `i64::MAX`.
    Large(u64),
    /// Finite.
    Float(f64),
    Text(String),
    List(Vec<Node>),
    Map(Vec<Entry>),
}

impl fmt::Debug for Node {
    /// Without what came in by substitution.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.origin {
            Origin::Written | Origin::Unresolved => self.value.fmt(formatter),
            Origin::Substituted => formatter.write_str("(substituted)"),
        }
    }
}

impl PartialEq for Node {
    /// Two nodes are equal when their values are: where they stand does not count.
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}

/// A key and its value.
#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub key_span: Span,
    pub node: Node,
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key && self.node == other.node
    }
}

/// How a scalar was written. Only a plain one is typed again after substitution.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    Plain,
    Quoted,
}

/// Whether the value stands in the file. One that does not is never shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    Written,
    Substituted,
    /// It holds a placeholder that could not be filled in, of which a diagnostic speaks already.
    Unresolved,
}

impl Node {
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Entry> {
        match &self.value {
            Value::Map(entries) => entries.iter().find(|entry| entry.key == key),
            Value::Null
            | Value::Bool(_)
            | Value::Integer(_)
            | Value::Large(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::List(_) => None,
        }
    }

    #[must_use]
    pub const fn as_text(&self) -> Option<&str> {
        if let Value::Text(text) = &self.value { Some(text.as_str()) } else { None }
    }

    /// For the schema pass.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match &self.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Large(value) => (*value).into(),
            Value::Float(value) => (*value).into(),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => items.iter().map(Self::to_json).collect(),
            Value::Map(entries) => {
                serde_json::Value::Object(entries.iter().map(|e| (e.key.clone(), e.node.to_json())).collect())
            }
        }
    }

    /// For the raw types.
    #[must_use]
    pub fn to_yaml(&self) -> serde_yaml::Value {
        match &self.value {
            Value::Null => serde_yaml::Value::Null,
            Value::Bool(value) => (*value).into(),
            Value::Integer(value) => (*value).into(),
            Value::Large(value) => (*value).into(),
            // JSON Schema counts 200.0 among the integers, serde does not.
            Value::Float(value) => whole(*value).map_or_else(|| (*value).into(), Into::into),
            Value::Text(text) => text.as_str().into(),
            Value::List(items) => serde_yaml::Value::Sequence(items.iter().map(Self::to_yaml).collect()),
            Value::Map(entries) => serde_yaml::Value::Mapping(
                entries.iter().map(|e| (serde_yaml::Value::from(e.key.as_str()), e.node.to_yaml())).collect(),
            ),
        }
    }
}

/// The integer that a float is, if every integer around it has a float of its own.
#[must_use]
pub(crate) fn whole(value: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    // Rust prints a float without exponent, so what has no fraction reads as an integer.
    if value.fract() == 0.0 && value.abs() <= EXACT_MAX { format!("{value:.0}").parse().ok() } else { None }
}
