//! JSON that can be read in one way only: no duplicate keys, no depth without end. `serde_json` alone keeps the last of two keys,
//! another reader the first; a signed text must not mean two things.

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// How deep arrays and objects may be nested; the outermost counts as one.
pub(crate) const DEPTH_MAX: u32 = 32;

/// The text has to be one JSON object and nothing else. The error never quotes a value.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>, String> {
    let mut reader = serde_json::Deserializer::from_slice(text);
    let value = Strict { depth_left: DEPTH_MAX }.deserialize(&mut reader).map_err(|error| explain(&error))?;
    reader.end().map_err(|error| explain(&error))?;
    match value {
        Value::Object(object) => Ok(object),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(format!("it is {}, not an object", type_name(&value)))
        }
    }
}

/// With its article, for a sentence.
pub(crate) const fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

fn explain(error: &serde_json::Error) -> String {
    format!("it is no strict JSON: {error}")
}

#[derive(Clone, Copy)]
struct Strict {
    depth_left: u32,
}

impl Strict {
    fn deeper<E: Error>(self) -> Result<Self, E> {
        match self.depth_left.checked_sub(1) {
            Some(depth_left) => Ok(Self { depth_left }),
            None => Err(E::custom(format_args!("nested deeper than {DEPTH_MAX}"))),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
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
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(element) = elements.next_element_seed(inner)? {
            list.push(element);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = members.next_value_seed(inner)?;
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a key occurs twice"));
            }
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::object;

    #[track_caller]
    fn check(text: &[u8], expected: Result<&str, &str>) {
        match (object(text), expected) {
            (Ok(found), Ok(expected)) => assert_eq!(serde_json::Value::Object(found).to_string(), expected),
            (Err(found), Err(expected)) => assert!(found.contains(expected), "{found}"),
            (found, expected) => panic!("{found:?}, expected {expected:?}"),
        }
    }

    #[test]
    fn one_reading_or_none() {
        check(br#" {"a":1,"b":[true,null,1.5,-2,"x"]} "#, Ok(r#"{"a":1,"b":[true,null,1.5,-2,"x"]}"#));
        check(b"{}", Ok("{}"));
        check(br#"{"a":1,"a":1}"#, Err("a key occurs twice"));
        check(br#"{"a":1,"\u0061":2}"#, Err("a key occurs twice"));
        check(br#"{"a":{"b":1,"b":2}}"#, Err("a key occurs twice"));
        check(br#"{"a":[{"b":1,"b":2}]}"#, Err("a key occurs twice"));
        check(b"[1]", Err("a list, not an object"));
        check(b"\"a\"", Err("a string, not an object"));
        check(b"", Err("no strict JSON"));
        check(b"{} {}", Err("no strict JSON"));
        check(b"{'a':1}", Err("no strict JSON"));
        check(br#"{"a":1,}"#, Err("no strict JSON"));
        check(br#"{"a":NaN}"#, Err("no strict JSON"));
        check(br#"{"a":1e999}"#, Err("no strict JSON"));
        check(br#"{"a":01}"#, Err("no strict JSON"));
        check(b"{\"a\":\"\xff\"}", Err("no strict JSON"));
        check(br#"{"a":"\ud800"}"#, Err("no strict JSON"));
        check(b"\xef\xbb\xbf{}", Err("no strict JSON"));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |lists: usize| format!("{{\"a\":{}{}}}", "[".repeat(lists), "]".repeat(lists));
        check(nested(31).as_bytes(), Ok(&nested(31)));
        check(nested(32).as_bytes(), Err("deeper than 32"));
        check(nested(4000).as_bytes(), Err("deeper than 32"));
        let objects = format!("{}1{}", "{\"a\":".repeat(33), "}".repeat(33));
        check(objects.as_bytes(), Err("deeper than 32"));
    }
}
