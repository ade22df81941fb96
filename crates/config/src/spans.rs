//! Where an item of the raw tree stands: JSON pointer (RFC 6901) in, places of its key and value out.

use std::fmt::Write as _;

use crate::source::Span;
use crate::tree::{Node, Value};

/// The merged tree, asked by pointer.
pub struct Spans {
    root: Node,
}

/// Where one item stands.
#[derive(Clone, Copy)]
pub struct Located<'a> {
    /// None for the root and for items of a list.
    pub key: Option<Span>,
    pub value: Span,
    pub node: &'a Node,
}

impl Located<'_> {
    /// What a reader should look at: a scalar itself, or the key under which a map or list stands.
    #[must_use]
    pub fn span(&self) -> Span {
        match &self.node.value {
            Value::Map(entries) => self.key.or(entries.first().map(|first| first.key_span)).unwrap_or(self.value),
            Value::List(_) | Value::Null => self.key.unwrap_or(self.value),
            Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_) | Value::Text(_) => self.value,
        }
    }

    /// The key if there is one, else as [`Self::span`].
    #[must_use]
    pub fn key_span(&self) -> Span {
        self.key.unwrap_or_else(|| self.span())
    }
}

impl Spans {
    pub(crate) const fn new(root: Node) -> Self {
        Self { root }
    }

    #[must_use]
    pub const fn root(&self) -> &Node {
        &self.root
    }

    /// The item at a pointer such as `/routes/3/upstream`; None if there is none.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<Located<'_>> {
        let (found, rest) = self.walk(pointer);
        rest.is_empty().then_some(found)
    }

    /// The item at a pointer or, if it is not there (a default), the nearest one around it.
    #[must_use]
    pub fn near(&self, pointer: &str) -> Located<'_> {
        self.walk(pointer).0
    }

    fn walk<'p>(&self, pointer: &'p str) -> (Located<'_>, &'p str) {
        let mut found = Located { key: None, value: self.root.span, node: &self.root };
        let mut rest = pointer;
        while let Some(after) = rest.strip_prefix('/') {
            let (token, next) = after.find('/').map_or((after, ""), |at| after.split_at(at));
            let token = token.replace("~1", "/").replace("~0", "~");
            let Some(inner) = step(found.node, &token) else { break };
            (found, rest) = (inner, next);
        }
        (found, rest)
    }
}

fn step<'a>(node: &'a Node, token: &str) -> Option<Located<'a>> {
    match &node.value {
        Value::List(items) => {
            let item = items.get(token.parse::<usize>().ok()?)?;
            Some(Located { key: None, value: item.span, node: item })
        }
        Value::Map(_) => {
            let entry = node.get(token)?;
            Some(Located { key: Some(entry.key_span), value: entry.node.span, node: &entry.node })
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_) | Value::Text(_) => None,
    }
}

/// A pointer one level deeper.
#[must_use]
pub fn deeper(pointer: &str, token: &str) -> String {
    format!("{pointer}/{}", token.replace('~', "~0").replace('/', "~1"))
}

/// A pointer as an operator would say it: `routes[3].upstream`.
#[must_use]
pub fn spoken(pointer: &str) -> String {
    let mut spoken = String::new();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) {
            let _ = write!(spoken, "[{token}]");
        } else {
            if !spoken.is_empty() {
                spoken.push('.');
            }
            spoken.push_str(&token);
        }
    }
    spoken
}
