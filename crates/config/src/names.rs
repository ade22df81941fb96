//! Names that have to be unique within a list, in one file or across all.

use std::collections::HashMap;

use crate::diagnostic::{Code, Diagnostic, Diagnostics, quoted};
use crate::source::{Sources, Span};
use crate::tree::{Node, Value};

/// Lists, what their items are called, and the key that names an item.
const NAMED_LISTS: &[(&str, &str, &str)] = &[
    ("routes", "route", "name"),
    ("throttles", "throttle", "name"),
    ("consumers", "consumer", "id"),
    ("tests", "test", "name"),
    ("listeners", "listener", "address"),
];

/// Finds items of one name; the place of the first is named with every further one.
pub(crate) fn check(root: &Node, sources: &Sources, diagnostics: &mut Diagnostics) {
    for (list, what, key) in NAMED_LISTS {
        let Some(Value::List(items)) = root.get(list).map(|entry| &entry.node.value) else { continue };
        let mut seen: HashMap<&str, Span> = HashMap::new();
        for node in items.iter().filter_map(|item| item.get(key)).map(|entry| &entry.node) {
            let Some(name) = node.as_text() else { continue };
            let Some(first) = seen.get(name) else {
                seen.insert(name, node.span);
                continue;
            };
            let message = format!("two {what}s have the {key} {}", quoted(name));
            let diagnostic =
                Diagnostic::error(Code::DuplicateName, sources.place(node.span), message).label("again here");
            let help = format!("give each {what} {key} once");
            diagnostics.push(diagnostic.help(help).note(sources.place(*first), "first here"));
        }
    }
}
