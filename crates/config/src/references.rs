//! Names that lead nowhere in a broken config: found on the tree, so that those are told as well which stand in items that are left out
//! when the rest is compiled. Of a sound item `compile` says the same.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, listed, quoted};
use crate::similar;
use crate::sound::LeftOut;
use crate::source::Sources;
use crate::spans::Spans;
use crate::tree::{Node, Origin, Value};

/// Where names stand (`*` is any key, `[]` any item), what they name, and where that is given: the keys of a map, or a key of each list item.
const REFERENCES: &[(&[&str], &str, Given)] = &[
    (&["routes", "[]", "upstream"], "upstream", Given::Keys("upstreams")),
    (&["defaults", "upstream"], "upstream", Given::Keys("upstreams")),
    (&["tests", "[]", "expect", "upstream"], "upstream", Given::Keys("upstreams")),
    (&["tests", "[]", "expect", "route"], "route", Given::Items("routes", "name")),
    (&["plans", "*", "routes", "[]"], "route", Given::Items("routes", "name")),
    (&["throttles", "[]", "when", "routes", "[]"], "route", Given::Items("routes", "name")),
    (&["throttles", "[]", "when", "plans", "[]"], "plan", Given::Keys("plans")),
    (&["consumers", "[]", "plan"], "plan", Given::Keys("plans")),
];

#[derive(Clone, Copy)]
enum Given {
    Keys(&'static str),
    Items(&'static str, &'static str),
}

impl Given {
    const fn section(self) -> &'static str {
        match self {
            Self::Keys(section) | Self::Items(section, _) => section,
        }
    }
}

/// What is said of a name that leads nowhere: what it should have been one of, and which of those it resembles.
pub(crate) fn unknown_name(what: &str, section: &str, name: &str, known: &[&str]) -> (String, String) {
    let help = match similar::closest(name, known.iter().copied()) {
        Some(near) => format!("did you mean {}?", quoted(near)),
        None if known.is_empty() => format!("the config has no {what} at all: add it to `{section}`"),
        None => format!("`{section}` has {}", listed(known)),
    };
    (format!("no {what} is named {}", quoted(name)), help)
}

pub(crate) fn check(spans: &Spans, sources: &Sources, left_out: &LeftOut, diagnostics: &mut Diagnostics) {
    // What a file that could not be read may have said is not known to be missing.
    if diagnostics.has_any(&[Code::FileUnreadable, Code::Include, Code::YamlSyntax, Code::YamlUnsupported]) {
        return;
    }
    let mut pass = Pass { root: spans.root(), sources, left_out, diagnostics };
    for (path, what, given) in REFERENCES {
        let known = pass.given(*given);
        for node in find(pass.root, path) {
            pass.name(node, (what, given.section()), &known);
        }
    }
    let providers = pass.given(Given::Keys("jwtProviders"));
    let services = pass.given(Given::Keys("authServices"));
    for auth in find(pass.root, &["routes", "[]", "auth"]).into_iter().chain(find(pass.root, &["defaults", "auth"])) {
        pass.auth(auth, &providers, &services);
    }
    pass.throttle_consumers();
}

struct Pass<'a> {
    root: &'a Node,
    sources: &'a Sources,
    left_out: &'a LeftOut,
    diagnostics: &'a mut Diagnostics,
}

impl<'a> Pass<'a> {
    /// All names of one kind.
    fn given(&self, given: Given) -> Vec<&'a str> {
        match given {
            Given::Keys(section) => match self.root.get(section).map(|entry| &entry.node.value) {
                Some(Value::Map(entries)) => entries.iter().map(|entry| entry.key.as_str()).collect(),
                _ => Vec::new(),
            },
            Given::Items(section, key) => {
                find(self.root, &[section, "[]", key]).into_iter().filter_map(Node::as_text).collect()
            }
        }
    }

    fn name(&mut self, node: &Node, (what, section): (&str, &str), known: &[&str]) {
        let Some(name) = node.as_text() else { return };
        // `"*"` is all routes of a plan.
        let place = self.sources.place(node.span);
        let is_read = node.origin != Origin::Unresolved && !self.diagnostics.has_error_at(&place);
        if !is_read
            || known.contains(&name)
            || self.left_out.may_name(section, name)
            || (what == "route" && name == "*")
        {
            return;
        }
        let (message, help) = unknown_name(what, section, name, known);
        let diagnostic = Diagnostic::error(Code::UnknownName, place, message);
        self.diagnostics.push(diagnostic.help(help));
    }

    /// Providers and services stand at any depth of `any` and `all`.
    fn auth(&mut self, auth: &Node, providers: &[&str], services: &[&str]) {
        if let Some(provider) = auth.get("jwt").and_then(|jwt| jwt.node.get("provider")) {
            self.name(&provider.node, ("JWT provider", "jwtProviders"), providers);
        }
        if let Some(service) = auth.get("forwardAuth").and_then(|forward| forward.node.get("service")) {
            self.name(&service.node, ("auth service", "authServices"), services);
        }
        for key in ["any", "all"] {
            for way in auth.get(key).map(|ways| items(&ways.node)).unwrap_or_default() {
                self.auth(way, providers, services);
            }
        }
    }

    /// A consumer that only tokens or auth services name needs no entry in the config.
    fn throttle_consumers(&mut self) {
        let named_elsewhere = ["jwtProviders", "authServices"];
        if named_elsewhere.iter().any(|section| self.left_out.may_have(section)) {
            return;
        }
        let known = self.given(Given::Items("consumers", "id"));
        for node in find(self.root, &["throttles", "[]", "when", "consumers", "[]"]) {
            self.name(node, ("consumer", "consumers"), &known);
        }
    }
}

/// All nodes at a path.
fn find<'a>(node: &'a Node, path: &[&str]) -> Vec<&'a Node> {
    let Some((step, rest)) = path.split_first() else { return vec![node] };
    let inner: Vec<&Node> = match (&node.value, *step) {
        (Value::List(_), "[]") => items(node),
        (Value::Map(entries), "*") => entries.iter().map(|entry| &entry.node).collect(),
        (Value::Map(_), key) => node.get(key).map(|entry| &entry.node).into_iter().collect(),
        (_, _) => Vec::new(),
    };
    inner.into_iter().flat_map(|node| find(node, rest)).collect()
}

fn items(node: &Node) -> Vec<&Node> {
    if let Value::List(items) = &node.value { items.iter().collect() } else { Vec::new() }
}
