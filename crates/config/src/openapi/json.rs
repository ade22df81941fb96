//! JSON as a tree without places. A key that stands twice is a mistake, as in YAML: which of the two a reader takes is not known, and one
//! of them may be the demand of a credential.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};

use crate::diagnostic::quoted;
use crate::source::Span;
use crate::tree::{Entry, Node, Origin, Style, Value};

/// Begins what is said of a key that stands twice.
const TWICE: &str = "the key ";

#[derive(Debug)]
pub(super) enum Fault {
    NoJson,
    /// In words.
    Twice(String),
}

/// The tree, each item of it at one place.
pub(super) fn read(text: &str, span: Span) -> Result<Node, Fault> {
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = Reader(span).deserialize(&mut reader).and_then(|node| reader.end().map(|()| node));
    read.map_err(|fault| {
        let said = fault.to_string();
        if fault.is_data() && said.starts_with(TWICE) { Fault::Twice(said) } else { Fault::NoJson }
    })
}

#[derive(Clone, Copy)]
struct Reader(Span);

impl Reader {
    const fn node(self, value: Value) -> Node {
        Node { value, span: self.0, style: Style::Quoted, origin: Origin::Written }
    }
}

impl<'de> DeserializeSeed<'de> for Reader {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reader {
    type Value = Node;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Node, E> {
        Ok(self.node(Value::Null))
    }

    fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
        Ok(self.node(Value::Bool(value)))
    }

    fn visit_i64<E>(self, number: i64) -> Result<Node, E> {
        Ok(self.node(Value::Integer(number)))
    }

    fn visit_u64<E>(self, number: u64) -> Result<Node, E> {
        Ok(self.node(i64::try_from(number).map_or(Value::Large(number), Value::Integer)))
    }

    fn visit_f64<E>(self, number: f64) -> Result<Node, E> {
        Ok(self.node(Value::Float(number)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Node, E> {
        Ok(self.node(Value::Text(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Node, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = list.next_element_seed(self)? {
            items.push(item);
        }
        Ok(self.node(Value::List(items)))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Node, A::Error> {
        let mut entries = Vec::new();
        let mut seen = HashSet::new();
        while let Some(key) = map.next_key::<String>()? {
            if !seen.insert(key.clone()) {
                return Err(A::Error::custom(format!("{TWICE}{} stands twice in one map", quoted(&key))));
            }
            entries.push(Entry { key, key_span: self.0, node: map.next_value_seed(self)? });
        }
        Ok(self.node(Value::Map(entries)))
    }
}

#[cfg(test)]
mod tests {
    use super::{Fault, read};
    use crate::source::Sources;
    use crate::source::Span;

    #[test]
    fn json_is_a_tree_in_which_each_key_stands_once() {
        let file = Sources::default().add(std::path::Path::new("x"), String::new());
        let read = |text: &str| read(text, Span { file, line: 0, column: 0, length: 0 });
        let text = r#"{"a": [1, -2, 1.5, 18446744073709551615, "x", true, null], "b": {"a": {}}}"#;
        let expected: serde_json::Value = serde_json::from_str(text).unwrap();
        assert_eq!(read(text).unwrap().to_json(), expected);
        assert!(matches!(read(r#"{"a": {"b": 1, "b": 2}}"#), Err(Fault::Twice(said)) if said.contains("`b`")));
        assert!(matches!(read("{"), Err(Fault::NoJson)));
        assert!(matches!(read("{} x"), Err(Fault::NoJson)));
    }
}
