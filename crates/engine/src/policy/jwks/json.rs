//! The JSON of tokens and key sets: one object, read strictly.

use crate::json;
use serde_json::{Map, Value};

pub(crate) use crate::json::type_name;

/// How deep arrays and objects may be nested; the outermost counts as one.
pub(crate) const DEPTH_MAX: u32 = 32;

/// The text has to be one JSON object and nothing else. The error never quotes a value.
pub(crate) fn object(text: &[u8]) -> Result<Map<String, Value>, String> {
    match json::read(text, DEPTH_MAX) {
        Ok(json::Document { value: Value::Object(object), values: _ }) => Ok(object),
        Ok(json::Document { value, values: _ }) => Err(format!("it is {}, not an object", type_name(&value))),
        Err(fault) => Err(format!("it is no strict JSON: {fault}")),
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
        check(br#"{"a":1,"a":1}"#, Err("a name occurs twice"));
        check(br#"{"a":1,"\u0061":2}"#, Err("a name occurs twice"));
        check(br#"{"a":{"b":1,"b":2}}"#, Err("a name occurs twice"));
        check(br#"{"a":[{"b":1,"b":2}]}"#, Err("a name occurs twice"));
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
