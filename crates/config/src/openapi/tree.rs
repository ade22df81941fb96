//! A piece of the config that is being written: a tree in the order in which a person will read it.

use crate::tree::{Node, Value, whole};

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Yaml {
    Null,
    Bool(bool),
    /// As it is spelled.
    Number(String),
    Text(String),
    List(Vec<Yaml>),
    Map(Map),
}

/// Keys in the order in which they came, each once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Map(Vec<(String, Yaml)>);

impl Map {
    pub(super) fn get(&self, key: &str) -> Option<&Yaml> {
        self.0.iter().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    pub(super) fn get_mut(&mut self, key: &str) -> Option<&mut Yaml> {
        self.0.iter_mut().find(|(known, _)| known == key).map(|(_, value)| value)
    }

    /// A key that is there already keeps its place.
    pub(super) fn set(&mut self, key: impl Into<String>, value: impl Into<Yaml>) {
        let (key, value) = (key.into(), value.into());
        match self.get_mut(&key) {
            Some(known) => *known = value,
            None => self.0.push((key, value)),
        }
    }

    pub(super) fn with(mut self, key: impl Into<String>, value: impl Into<Yaml>) -> Self {
        self.set(key, value);
        self
    }

    pub(super) fn remove(&mut self, key: &str) -> Option<Yaml> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        Some(self.0.remove(at).1)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &Yaml)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    pub(super) fn values_mut(&mut self) -> impl Iterator<Item = &mut Yaml> {
        self.0.iter_mut().map(|(_, value)| value)
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }
}

impl From<bool> for Yaml {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<&str> for Yaml {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Yaml {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<Map> for Yaml {
    fn from(map: Map) -> Self {
        Self::Map(map)
    }
}

impl<V: Into<Yaml>> From<Vec<V>> for Yaml {
    fn from(items: Vec<V>) -> Self {
        Self::List(items.into_iter().map(Into::into).collect())
    }
}

impl From<&Node> for Yaml {
    fn from(node: &Node) -> Self {
        match &node.value {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(*value),
            Value::Integer(number) => Self::Number(number.to_string()),
            Value::Large(number) => Self::Number(number.to_string()),
            Value::Float(number) => {
                Self::Number(whole(*number).map_or_else(|| format!("{number:?}"), |number| number.to_string()))
            }
            Value::Text(text) => Self::Text(text.clone()),
            Value::List(items) => Self::List(items.iter().map(Self::from).collect()),
            Value::Map(entries) => {
                let mut map = Map::default();
                for entry in entries {
                    map.set(entry.key.as_str(), &entry.node);
                }
                Self::Map(map)
            }
        }
    }
}

impl Yaml {
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Bool(value) => (*value).into(),
            Self::Number(text) => text.parse::<serde_json::Number>().map_or(serde_json::Value::Null, Into::into),
            Self::Text(text) => text.as_str().into(),
            Self::List(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(map) => map.iter().map(|(key, value)| (key.to_owned(), value.to_json())).collect(),
        }
    }

    pub(super) const fn as_map(&self) -> Option<&Map> {
        if let Self::Map(map) = self { Some(map) } else { None }
    }

    pub(super) const fn as_text(&self) -> Option<&str> {
        if let Self::Text(text) = self { Some(text.as_str()) } else { None }
    }

    /// Takes out what a JSON pointer leads to: an item of a list goes with the whole list. Whether anything was there.
    pub(super) fn cut(&mut self, pointer: &str) -> bool {
        let Some(rest) = pointer.strip_prefix('/') else { return false };
        let (token, after) = rest.find('/').map_or((rest, ""), |at| rest.split_at_checked(at).unwrap_or((rest, "")));
        let key = token.replace("~1", "/").replace("~0", "~");
        match self {
            Self::Map(map) => {
                let is_deeper = !after.is_empty() && map.get_mut(&key).is_some_and(|inner| inner.cut(after));
                is_deeper || map.remove(&key).is_some()
            }
            Self::List(items) => {
                let item = key.parse::<usize>().ok().and_then(|index| items.get_mut(index));
                item.is_some_and(|item| !after.is_empty() && item.cut(after))
            }
            Self::Null | Self::Bool(_) | Self::Number(_) | Self::Text(_) => false,
        }
    }
}
