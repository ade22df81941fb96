//! Names that lead nowhere, and routes that say neither where they lead nor who may call, in a config that is too broken to be
//! compiled: found on the tree, so that they are told in the same run as its other mistakes. Of a sound tree `compile` says the same.

use crate::diagnostic::{Code, Diagnostic, Diagnostics, listed, quoted};
use crate::similar;
use crate::source::Sources;
use crate::spans::Spans;
use crate::tree::{Entry, Node, Value};

/// Where names stand (`*` is any item), what they name, and where that is given: the keys of a map, or a key of each list item.
const REFERENCES: &[(&[&str], &str, Given)] = &[
    (&["routes", "*", "upstream"], "upstream", Given::Keys("upstreams")),
    (&["defaults", "upstream"], "upstream", Given::Keys("upstreams")),
    (&["tests", "*", "expect", "upstream"], "upstream", Given::Keys("upstreams")),
    (&["tests", "*", "expect", "route"], "route", Given::Items("routes", "name")),
    (&["plans", "*", "routes", "*"], "route", Given::Items("routes", "name")),
    (&["throttles", "*", "when", "routes", "*"], "route", Given::Items("routes", "name")),
    (&["throttles", "*", "when", "plans", "*"], "plan", Given::Keys("plans")),
    (&["consumers", "*", "plan"], "plan", Given::Keys("plans")),
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

/// What is said of a route that lacks what every route needs: the key, the fault, the help.
pub(crate) const MISSING: [(&str, &str, &str); 2] = [
    (
        "upstream",
        "leads nowhere: it has no upstream",
        "add `upstream: NAME` to the route or to `defaults`; or answer here, with `redirect` or `respond`",
    ),
    (
        "auth",
        "does not say who may call it",
        "say who may call: `auth: { apiKey: {} }`, `auth: { jwt: { provider: NAME } }`, or `auth: { none: {} }` to leave it open on \
         purpose; `defaults` can say it for all routes",
    ),
];

pub(crate) fn check(spans: &Spans, sources: &Sources, diagnostics: &mut Diagnostics) {
    // What a file that could not be read may have said is not known to be missing.
    if diagnostics.has_any(&[Code::FileUnreadable, Code::Include, Code::YamlSyntax, Code::YamlUnsupported]) {
        return;
    }
    let mut pass = Pass { root: spans.root(), sources, diagnostics };
    for (path, what, given) in REFERENCES {
        let known = pass.given(*given);
        for node in find(pass.root, path) {
            pass.name(node, (what, given.section()), &known);
        }
    }
    let providers = pass.given(Given::Keys("jwtProviders"));
    let services = pass.given(Given::Keys("authServices"));
    for auth in find(pass.root, &["routes", "*", "auth"]).into_iter().chain(find(pass.root, &["defaults", "auth"])) {
        pass.auth(auth, &providers, &services);
    }
    pass.throttle_consumers();
    for route in find(pass.root, &["routes", "*"]) {
        pass.route(route);
    }
}

struct Pass<'a> {
    root: &'a Node,
    sources: &'a Sources,
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
                find(self.root, &[section, "*", key]).into_iter().filter_map(Node::as_text).collect()
            }
        }
    }

    fn name(&mut self, node: &Node, (what, section): (&str, &str), known: &[&str]) {
        let Some(name) = node.as_text() else { return };
        // `"*"` is all routes of a plan.
        if known.contains(&name) || (what == "route" && name == "*") {
            return;
        }
        let (message, help) = unknown_name(what, section, name, known);
        let diagnostic = Diagnostic::error(Code::UnknownName, self.sources.place(node.span), message);
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
        if named_elsewhere.iter().any(|section| !self.given(Given::Keys(section)).is_empty()) {
            return;
        }
        let known = self.given(Given::Items("consumers", "id"));
        for node in find(self.root, &["throttles", "*", "when", "consumers", "*"]) {
            self.name(node, ("consumer", "consumers"), &known);
        }
    }

    fn route(&mut self, route: &Node) {
        let Some(name) = route.get("name") else { return };
        let defaults = self.root.get("defaults").map(|entry| &entry.node);
        let says = |key: &str| route.get(key).or_else(|| defaults?.get(key)).is_some();
        let leads = says("upstream") || says("redirect") || says("respond");
        for (key, what, help) in MISSING {
            if !(says(key) || (key == "upstream" && leads)) {
                self.missing(name, what, help);
            }
        }
    }

    fn missing(&mut self, name: &Entry, what: &str, help: &str) {
        let message = format!("route {} {what}", quoted(name.node.as_text().unwrap_or_default()));
        let diagnostic = Diagnostic::error(Code::MissingKey, self.sources.place(name.node.span), message);
        self.diagnostics.push(diagnostic.help(help));
    }
}

/// All nodes at a path.
fn find<'a>(node: &'a Node, path: &[&str]) -> Vec<&'a Node> {
    let Some((step, rest)) = path.split_first() else { return vec![node] };
    let inner: Vec<&Node> = match (&node.value, *step) {
        (Value::List(_), "*") => items(node),
        (Value::Map(entries), "*") => entries.iter().map(|entry| &entry.node).collect(),
        (Value::Map(_), key) => node.get(key).map(|entry| &entry.node).into_iter().collect(),
        (_, _) => Vec::new(),
    };
    inner.into_iter().flat_map(|node| find(node, rest)).collect()
}

fn items(node: &Node) -> Vec<&Node> {
    if let Value::List(items) = &node.value { items.iter().collect() } else { Vec::new() }
}
