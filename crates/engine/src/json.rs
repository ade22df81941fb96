//! JSON that can be read in one way only: UTF-8, no name twice in one object, no depth without end, no number that would become another.
//! `serde_json` alone keeps the last of two members of one name, another reader the first; what was checked must not mean two things.
//!
//! A look over the bytes comes first and finds what a recursive reader should not run into; then `serde_json` reads, and what it
//! accepts is what counts.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::error::Category;
use serde_json::{Map, Number, Value};
use std::cell::Cell;
use std::fmt;

mod survey;
#[cfg(test)]
mod tests;

/// What `serde_json` itself follows; a caller's own bound has to be lower.
pub const DEPTH_MAX: u32 = 127;

/// A text that was read.
#[derive(Debug)]
pub struct Document {
    pub value: Value,
    /// How many values it has, those within lists and objects included: a measure of what looking through it costs.
    pub values: usize,
}

/// Why a text is not read. Line and column count from 1, in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Nothing but blanks.
    Empty,
    ByteOrderMark,
    NotUtf8 {
        at: usize,
    },
    TooDeep {
        depth_max: u32,
    },
    /// An integer beyond 64 bits, or a fraction that a double holds as infinite or as zero.
    NumberOutOfRange {
        at: usize,
    },
    DuplicateName {
        line: usize,
        column: usize,
    },
    Syntax {
        what: Box<str>,
    },
    /// Something stands behind the value.
    Trailing {
        line: usize,
        column: usize,
    },
}

/// The outermost list or object counts as depth 1.
pub fn read(text: &[u8], depth_max: u32) -> Result<Document, Fault> {
    survey::survey(text, depth_max)?;
    let text = std::str::from_utf8(text).map_err(|error| Fault::NotUtf8 { at: error.valid_up_to() })?;
    let mut reader = serde_json::Deserializer::from_str(text);
    let values = Cell::new(0);
    let value = Strict { values: &values }.deserialize(&mut reader).map_err(|error| fault(&error))?;
    reader.end().map_err(|error| Fault::Trailing { line: error.line(), column: error.column() })?;
    Ok(Document { value, values: values.get() })
}

fn fault(error: &serde_json::Error) -> Fault {
    match error.classify() {
        // The only error that is not the parser's own.
        Category::Data => Fault::DuplicateName { line: error.line(), column: error.column() },
        Category::Syntax | Category::Eof | Category::Io => Fault::Syntax { what: error.to_string().into() },
    }
}

/// With its article, for a sentence.
#[must_use]
pub const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::ByteOrderMark => f.write_str("it begins with a byte order mark"),
            Self::NotUtf8 { at } => write!(f, "it is not UTF-8 at byte {at}"),
            Self::TooDeep { depth_max } => write!(f, "it is nested deeper than {depth_max}"),
            Self::NumberOutOfRange { at } => write!(f, "the number at byte {at} is out of range"),
            Self::DuplicateName { line, column } => {
                write!(f, "a name occurs twice in one object, at line {line} column {column}")
            }
            Self::Syntax { what } => f.write_str(what),
            Self::Trailing { line, column } => write!(f, "more follows the value at line {line} column {column}"),
        }
    }
}

#[derive(Clone, Copy)]
struct Strict<'c> {
    values: &'c Cell<usize>,
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.values.set(self.values.get().saturating_add(1));
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(self)? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(self)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a name occurs twice"));
            }
        }
        Ok(Value::Object(object))
    }
}
