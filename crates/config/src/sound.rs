//! What of a broken config can be judged all the same: its sound part, and what had to be left out of it.
//!
//! Where a value is not as its schema wants it, the key of the route or the item around it is left out, so that all else is compiled and
//! checked in the same run. What was left out is remembered: nobody is told that something is missing which only cannot be read.

use std::collections::{HashMap, HashSet};

use crate::source::Span;
use crate::spans::{Spans, deeper};
use crate::structure::{self, Faults};
use crate::tree::{Entry, Node, Origin, Style, Value};

/// How often what is left is checked anew: a key that was left out may be one that its item needs.
const ROUNDS_MAX: usize = 6;

/// Sections that things are named in, and the key of an item that is its name; none is a map by name.
const NAMING: &[(&str, Option<&str>)] = &[
    ("routes", Some("name")),
    ("consumers", Some("id")),
    ("upstreams", None),
    ("plans", None),
    ("jwtProviders", None),
    ("authServices", None),
];

/// What a sound part lacks. The default is nothing: the whole config is there.
#[derive(Debug, Default)]
pub(crate) struct LeftOut {
    /// Pointers into the sound part, as they would be.
    pointers: HashSet<String>,
    /// All names of a section, those of items that were left out as well.
    names: HashMap<&'static str, Vec<String>>,
    /// Sections that have names nobody can read.
    unread: HashSet<&'static str>,
    /// A file could not be read as a whole: anything may be in what is missing.
    anything: bool,
    is_something: bool,
}

impl LeftOut {
    /// Whether all of the config is there.
    pub(crate) const fn is_nothing(&self) -> bool {
        !self.is_something
    }

    /// Whether the item at this place, or one around it, is not there because it could not be read.
    pub(crate) fn has(&self, pointer: &str) -> bool {
        let mut around = pointer;
        self.anything
            || std::iter::once(pointer)
                .chain(std::iter::from_fn(|| {
                    around = around.rsplit_once('/')?.0;
                    Some(around)
                }))
                .any(|pointer| self.pointers.contains(pointer))
    }

    /// Whether a name that no sound item has may belong to one that was left out.
    pub(crate) fn may_name(&self, section: &str, name: &str) -> bool {
        self.anything || self.unread.contains(section) || self.names(section).any(|known| known == name)
    }

    /// Whether anything may be named in a section.
    pub(crate) fn may_have(&self, section: &str) -> bool {
        self.anything || self.unread.contains(section) || self.names(section).next().is_some()
    }

    /// All names of a section that can be read.
    pub(crate) fn names(&self, section: &str) -> impl Iterator<Item = &str> {
        self.names.get(section).into_iter().flatten().map(String::as_str)
    }
}

/// The part of a broken config that has no structural mistake, if there is one, and what it lacks.
pub(crate) fn part(spans: &Spans, faults: &Faults, is_cut_off: bool) -> (Option<Spans>, LeftOut) {
    let root = spans.root();
    let mut cuts: HashSet<String> = faults.places.iter().map(|place| unit(place)).collect();
    unresolved(root, "", &mut cuts);
    let mut found = None;
    for _ in 0..ROUNDS_MAX {
        let mut pass = Cutting { cuts: &cuts, meant: &faults.meant, pointers: HashSet::new(), kept: HashMap::new() };
        let sound = pass.node(root, "", "", 0);
        let Cutting { mut pointers, kept, .. } = pass;
        let sound = Spans::new(completed(sound, &mut pointers));
        let places = structure::places(sound.root());
        found = Some((places.is_empty().then_some(sound), pointers));
        if places.is_empty() {
            break;
        }
        for place in places {
            let unit = unit(&as_written(&place, &kept));
            // Without it what is around it cannot stand.
            let around = unit.rsplit_once('/').map_or("", |(around, _)| around).to_owned();
            let is_news = cuts.insert(unit);
            cuts.extend((!is_news).then_some(around));
        }
    }
    let (sound, pointers) = found.unwrap_or_default();
    let mut left_out = LeftOut { pointers, anything: is_cut_off, ..LeftOut::default() };
    left_out.is_something = is_cut_off || !cuts.is_empty();
    for (section, key) in NAMING {
        names(root, (section, *key), faults, &mut left_out);
    }
    (sound, left_out)
}

/// What is left out because of a mistake at `place`: a key of a route, an item, a section. Small enough that little is lost, and large
/// enough that what is left means what its author meant.
fn unit(place: &str) -> String {
    let tokens: Vec<&str> = place.split('/').skip(1).collect();
    let depth = match tokens.as_slice() {
        ["routes", _, "errors", ..] | ["consumers", _, "apiKeys" | "passwords", ..] => 4,
        ["routes" | "consumers" | "plans", ..] | ["defaults", "errors", ..] | ["errors", "templates" | "parts", ..] => {
            3
        }
        [
            "throttles" | "tests" | "listeners" | "upstreams" | "jwtProviders" | "authServices" | "defaults" | "errors",
            ..,
        ] => 2,
        _ => 1,
    };
    tokens.iter().take(depth).fold(String::new(), |pointer, token| format!("{pointer}/{token}"))
}

/// Values with a placeholder that nothing stands for.
fn unresolved(node: &Node, at: &str, cuts: &mut HashSet<String>) {
    if node.origin == Origin::Unresolved {
        cuts.insert(unit(at));
    }
    for_each(node, |token, inner| unresolved(inner, &deeper(at, token), cuts));
}

fn for_each(node: &Node, mut visit: impl FnMut(&str, &Node)) {
    match &node.value {
        Value::Map(entries) => entries.iter().for_each(|entry| visit(&entry.key, &entry.node)),
        Value::List(items) => {
            items.iter().enumerate().for_each(|(index, item)| visit(&index.to_string(), item));
        }
        Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_) | Value::Text(_) => {}
    }
}

/// One round: the tree without what is cut.
struct Cutting<'a> {
    cuts: &'a HashSet<String>,
    /// Maps with an unknown key, and the key that it was taken for.
    meant: &'a [(String, String)],
    pointers: HashSet<String>,
    /// Of each list that lost items: where its items were.
    kept: HashMap<String, Vec<usize>>,
}

impl Cutting<'_> {
    /// `old` is where the node was, `new` where it will be. Nothing is cut below the fourth level.
    fn node(&mut self, node: &Node, old: &str, new: &str, depth: usize) -> Node {
        if depth > 3 {
            return node.clone();
        }
        for (_, key) in self.meant.iter().filter(|(around, _)| around == old) {
            self.pointers.insert(deeper(new, key));
        }
        let inner = depth.saturating_add(1);
        let value = match &node.value {
            Value::Map(entries) => {
                let mut kept = Vec::with_capacity(entries.len());
                for entry in entries {
                    let (was, will) = (deeper(old, &entry.key), deeper(new, &entry.key));
                    if self.cuts.contains(&was) {
                        self.pointers.insert(will);
                    } else {
                        let node = self.node(&entry.node, &was, &will, inner);
                        kept.push(Entry { key: entry.key.clone(), key_span: entry.key_span, node });
                    }
                }
                Value::Map(kept)
            }
            Value::List(items) => {
                let at = |index: usize| format!("{old}/{index}");
                let kept: Vec<usize> = (0..items.len()).filter(|index| !self.cuts.contains(&at(*index))).collect();
                let sound = kept.iter().enumerate().filter_map(|(will, was)| Some((will, *was, items.get(*was)?)));
                let sound = sound.map(|(will, was, item)| self.node(item, &at(was), &format!("{new}/{will}"), inner));
                let sound = sound.collect();
                self.kept.insert(new.to_owned(), kept);
                Value::List(sound)
            }
            Value::Null | Value::Bool(_) | Value::Integer(_) | Value::Large(_) | Value::Float(_) | Value::Text(_) => {
                node.value.clone()
            }
        };
        Node { value, ..node.clone() }
    }
}

/// Where an item of the sound part was.
fn as_written(pointer: &str, kept: &HashMap<String, Vec<usize>>) -> String {
    let (mut new, mut old) = (String::new(), String::new());
    for token in pointer.split('/').skip(1) {
        let was = kept.get(&new).and_then(|kept| kept.get(token.parse::<usize>().ok()?));
        old = match was {
            Some(was) => format!("{old}/{was}"),
            None => format!("{old}/{token}"),
        };
        new = format!("{new}/{token}");
    }
    old
}

/// With what every config and every route has to say; that they do not has been reported.
fn completed(mut root: Node, pointers: &mut HashSet<String>) -> Node {
    let span = root.span;
    let text = |text: &str| plain(Value::Text(text.to_owned()), span);
    let list = |item: Node| plain(Value::List(vec![item]), span);
    let add = |map: &mut Node, key: &str, node: Node| {
        let Value::Map(entries) = &mut map.value else { return false };
        let is_new = entries.iter().all(|entry| entry.key != key);
        if is_new {
            entries.push(Entry { key: key.to_owned(), key_span: span, node });
        }
        is_new
    };
    add(&mut root, "version", plain(Value::Integer(1), span));
    if let Value::Map(entries) = &mut root.value {
        entries.retain(|entry| entry.key != "listeners" || entry.node.value != Value::List(Vec::new()));
    }
    let mut listener = plain(Value::Map(Vec::new()), span);
    add(&mut listener, "address", text("127.0.0.1:1"));
    add(&mut root, "listeners", list(listener));
    let Value::Map(entries) = &mut root.value else { return root };
    let routes = entries.iter_mut().find(|entry| entry.key == "routes").map(|entry| &mut entry.node.value);
    if let Some(Value::List(routes)) = routes {
        for (index, route) in routes.iter_mut().enumerate() {
            // What depends on paths asks whether they were left out.
            if add(route, "paths", list(text("/"))) {
                pointers.insert(format!("/routes/{index}/paths"));
            }
        }
    }
    root
}

const fn plain(value: Value, span: Span) -> Node {
    Node { value, span, style: Style::Plain, origin: Origin::Written }
}

/// The names of one section, and whether there may be more.
fn names(root: &Node, (section, key): (&'static str, Option<&str>), faults: &Faults, left_out: &mut LeftOut) {
    let mut known = Vec::new();
    let mut is_read = !faults.meant.iter().any(|(around, meant)| around.is_empty() && meant == section);
    match (root.get(section).map(|entry| &entry.node), key) {
        (None, _) => {}
        (Some(node), _) if node.origin == Origin::Unresolved => is_read = false,
        (Some(Node { value: Value::Map(entries), .. }), None) => {
            known.extend(entries.iter().map(|entry| entry.key.clone()));
        }
        (Some(Node { value: Value::List(items), .. }), Some(key)) => {
            let name = |item: &Node| {
                let node = &item.get(key)?.node;
                node.as_text().filter(|_| node.origin != Origin::Unresolved).map(str::to_owned)
            };
            known.extend(items.iter().filter_map(name));
            is_read &= known.len() == items.len();
        }
        (Some(_), _) => is_read = false,
    }
    if !is_read {
        left_out.unread.insert(section);
    }
    left_out.names.insert(section, known);
}
