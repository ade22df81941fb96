//! All routes, ready to be asked for one. Knows nothing of what a route does.

pub use super::condition::Conditions;
pub use super::group::Candidates;
pub use super::hidden::{Ambiguous, Hidden};
pub use super::method::Methods;
pub use super::near::{NearMiss, NearMissReason};
pub use super::rule::{MethodMismatch, RouteMatch, TrailingSlash};

use super::condition::Asked;
use super::group::{Choice, Entry, Fit, Group};
use super::host::HostPattern;
use super::path::{PathPattern, Shape};
use super::trie::{Cursor, Trie};
use crate::denial::{Denial, Detail};
use crate::names::{ByConfig, RouteId};
use crate::path::without_parameters;
use crate::reason::Reason;
use crate::request::RequestHead;
use http::HeaderName;
use regex::Regex;
use std::cmp::Reverse;
use std::ops::ControlFlow;

#[derive(Debug)]
pub struct RouteTable {
    exact: ByConfig<Box<str>, Level>,
    /// By suffix, with its leading dot.
    wildcards: ByConfig<Box<str>, Level>,
    any: Option<Level>,
    method_mismatch: MethodMismatch,
    /// As it was built, for [`Self::near_misses`].
    pub(super) matches: Vec<RouteMatch>,
}

/// The answer of routing.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    Route(RouteId),
    /// `path` is the request's with its trailing slash added or taken away. Query and status (308: the method stays) are the
    /// caller's.
    Redirect {
        route: RouteId,
        path: String,
    },
    /// `route` is the one whose path the request has, for a method it does not have.
    Denied {
        denial: Denial,
        route: Option<RouteId>,
    },
}

/// The patterns of one host pattern.
#[derive(Debug, Default)]
pub(super) struct Level {
    pub(super) trie: Trie,
    /// Longest text first, then by text.
    pub(super) regexes: Vec<(Regex, Group)>,
    /// Whether a regex asks for the path in its other form: adding a slash allocates.
    regex_slashes: bool,
}

impl RouteTable {
    /// The order of `matches` is of no account; where two routes are equal in everything else ([`Self::ambiguous`]), the smaller
    /// id wins.
    #[must_use]
    pub fn build(matches: Vec<RouteMatch>, method_mismatch: MethodMismatch) -> Self {
        let mut table =
            Self { exact: ByConfig::default(), wildcards: ByConfig::default(), any: None, method_mismatch, matches };
        let matches = std::mem::take(&mut table.matches);
        for rule in &matches {
            for path in &rule.paths {
                for host in rule.hosts_or_any() {
                    table.level(host).add(rule, path);
                }
            }
        }
        table.matches = matches;
        table
    }

    /// Allocates nothing when a route is found, but for a path with `;parameters`, and for a path without trailing slash where a
    /// regex has `trailingSlash` other than strict.
    #[must_use]
    pub fn find(&self, head: &RequestHead<'_>) -> Found {
        let path = without_parameters(&head.path);
        let mut known = Known { host: false, path: false };
        for level in self.levels(&head.host) {
            known.host = true;
            let found = level.visit(&path, &mut |group, fit| match group.choose(head, fit) {
                Choice::Nobody => ControlFlow::Continue(()),
                Choice::Unmet => {
                    known.path = true;
                    ControlFlow::Continue(())
                }
                Choice::Route(entry) => ControlFlow::Break(entry.found(head, fit)),
                Choice::WrongMethod { allow, route } => ControlFlow::Break(self.wrong_method(allow, route)),
            });
            if let ControlFlow::Break(found) = found {
                return found;
            }
        }
        let reason = match known {
            Known { path: true, .. } => Reason::ConditionUnmet,
            Known { host: true, path: false } => Reason::PathUnknown,
            Known { host: false, path: false } => Reason::HostUnknown,
        };
        Found::Denied { denial: Denial::new(reason), route: None }
    }

    /// Whose a request with this method would be that is to have the headers `coming`, with values that are not known yet: what a
    /// preflight is about. The head is that of the preflight but for its method.
    #[must_use]
    pub fn candidates(&self, head: &RequestHead<'_>, coming: &[HeaderName]) -> Candidates {
        let path = without_parameters(&head.path);
        let mut found = Candidates::default();
        for level in self.levels(&head.host) {
            if level.visit(&path, &mut |group, fit| group.collect(head, coming, fit, &mut found)).is_break() {
                break;
            }
        }
        if self.method_mismatch == MethodMismatch::NotFound {
            found.wrong_method = None;
        }
        found
    }

    /// The levels whose pattern matches, the most specific first.
    fn levels<'t>(&'t self, host: &'t str) -> impl Iterator<Item = &'t Level> {
        let dots = if self.wildcards.is_empty() { "" } else { host };
        let suffixes = dots.match_indices('.').filter_map(|(dot, _)| dots.get(dot..));
        self.exact
            .get(host)
            .into_iter()
            .chain(suffixes.filter_map(|suffix| self.wildcards.get(suffix)))
            .chain(&self.any)
    }

    fn level(&mut self, host: &HostPattern) -> &mut Level {
        match host {
            HostPattern::Exact(host) => self.exact.entry(host.as_str().into()).or_default(),
            HostPattern::Wildcard(suffix) => self.wildcards.entry(suffix.as_str().into()).or_default(),
            HostPattern::Any => self.any.get_or_insert_default(),
        }
    }

    fn wrong_method(&self, allow: String, route: RouteId) -> Found {
        match self.method_mismatch {
            MethodMismatch::MethodNotAllowed => {
                let denial = Denial::new(Reason::MethodNotAllowed).with(Detail::Allow(allow.into()));
                Found::Denied { denial, route: Some(route) }
            }
            // Without the route, whose own error template would give the path away.
            MethodMismatch::NotFound => Found::Denied { denial: Denial::new(Reason::PathUnknown), route: None },
        }
    }

    /// All groups, each with its host; `true` for those of `/*`.
    pub(super) fn each_group<'t>(&'t self, visit: &mut impl FnMut(HostPattern, &'t Group, bool)) {
        let exact = self.exact.iter().map(|(host, level)| (HostPattern::Exact(host.to_string()), level));
        let wildcards = self.wildcards.iter().map(|(host, level)| (HostPattern::Wildcard(host.to_string()), level));
        let any = self.any.iter().map(|level| (HostPattern::Any, level));
        for (host, level) in exact.chain(wildcards).chain(any) {
            level.trie.each(&mut |group, tail| visit(host.clone(), group, tail));
            for (_, group) in &level.regexes {
                visit(host.clone(), group, false);
            }
        }
    }
}

struct Known {
    host: bool,
    path: bool,
}

impl Level {
    fn add(&mut self, rule: &RouteMatch, path: &PathPattern) {
        let entry = Entry {
            route: rule.route,
            methods: rule.methods.clone(),
            asked: Asked::new(&rule.conditions),
            trailing_slash: rule.trailing_slash,
        };
        let regex = match &path.shape {
            Shape::Segments { segments, end } => {
                return self.trie.group(segments, *end).add(path.as_str(), entry);
            }
            Shape::Regex(regex) => regex,
        };
        self.regex_slashes |= rule.trailing_slash != TrailingSlash::Strict;
        let rank = |text: &str| (Reverse(text.len()), text.to_owned());
        let place = self.regexes.binary_search_by_key(&rank(path.as_str()), |(_, group)| rank(group.pattern()));
        if let Err(place) = place {
            self.regexes.insert(place, (regex.clone(), Group::default()));
        }
        let (Ok(place) | Err(place)) = place;
        if let Some((_, group)) = self.regexes.get_mut(place) {
            group.add(path.as_str(), entry);
        }
    }

    /// The patterns that `path` meets, the most specific first.
    fn visit<'t, B, F>(&'t self, path: &str, visit: &mut F) -> ControlFlow<B>
    where
        F: FnMut(&'t Group, Fit) -> ControlFlow<B>,
    {
        let Some(cursor) = Cursor::new(path) else { return ControlFlow::Continue(()) };
        self.trie.whole(cursor, visit)?;
        if !self.regexes.is_empty() {
            let other = if self.regex_slashes { other_slash(path) } else { None };
            for (regex, group) in &self.regexes {
                if regex.is_match(path) {
                    visit(group, Fit::AsItStands)?;
                } else if other.as_deref().is_some_and(|other| regex.is_match(other)) {
                    visit(group, Fit::OtherSlash)?;
                }
            }
        }
        self.trie.tails(cursor, visit)
    }
}

impl Entry {
    fn found(&self, head: &RequestHead<'_>, fit: Fit) -> Found {
        match (fit, self.trailing_slash) {
            (Fit::OtherSlash, TrailingSlash::Redirect) => {
                let path = other_slash(&head.path).unwrap_or_else(|| head.path.clone().into_owned());
                Found::Redirect { route: self.route, path }
            }
            (Fit::AsItStands, _) | (Fit::OtherSlash, TrailingSlash::Ignore | TrailingSlash::Strict) => {
                Found::Route(self.route)
            }
        }
    }
}

impl RouteMatch {
    pub(super) fn hosts_or_any(&self) -> &[HostPattern] {
        if self.hosts.is_empty() { &[HostPattern::Any] } else { &self.hosts }
    }
}

/// The path with its trailing slash added or taken away, parameters of an empty last segment with it; none for `/`.
pub(super) fn other_slash(path: &str) -> Option<String> {
    let (parent, last) = path.rsplit_once('/')?;
    match (parent, last.is_empty() || last.starts_with(';')) {
        ("", true) => None,
        (_, true) => Some(parent.to_owned()),
        (_, false) => Some(format!("{path}/")),
    }
}

#[cfg(test)]
mod tests;
