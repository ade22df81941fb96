//! The routes that share one host and one path pattern: conditions and methods choose among them.

use super::condition::Asked;
use super::method::Methods;
use super::rule::TrailingSlash;
use crate::names::RouteId;
use crate::request::RequestHead;
use std::cmp::Reverse;

#[derive(Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) route: RouteId,
    pub(super) methods: Methods,
    pub(super) asked: Asked,
    pub(super) trailing_slash: TrailingSlash,
}

/// How a path has met a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fit {
    AsItStands,
    /// With its trailing slash added or taken away.
    OtherSlash,
}

#[derive(Debug)]
pub(super) enum Choice<'t> {
    /// No route here takes the path in this form.
    Nobody,
    /// The path is known, but no route's conditions are met.
    Unmet,
    Route(&'t Entry),
    /// Conditions are met, but the method is none of these routes'. `route` is the one that would have come first.
    WrongMethod {
        allow: String,
        route: RouteId,
    },
}

#[derive(Debug, Default)]
pub(super) struct Group {
    /// As the first route spells it: parameters may have other names elsewhere.
    pattern: Box<str>,
    /// The more conditions the earlier, so that the first that fits is the one.
    entries: Vec<Entry>,
}

impl Group {
    /// A route that is here already (its patterns differ in parameter names only) is not added twice.
    pub(super) fn add(&mut self, pattern: &str, entry: Entry) {
        if self.entries.contains(&entry) {
            return;
        }
        if self.entries.is_empty() {
            self.pattern = pattern.into();
        }
        let rank = |entry: &Entry| (Reverse(entry.asked.count()), entry.route);
        let place = self.entries.partition_point(|known| rank(known) <= rank(&entry));
        self.entries.insert(place, entry);
    }

    pub(super) fn pattern(&self) -> &str {
        &self.pattern
    }

    /// In the order of precedence.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Allocates only for a method that is wrong.
    pub(super) fn choose(&self, head: &RequestHead<'_>, fit: Fit) -> Choice<'_> {
        let mut choice = Choice::Nobody;
        for entry in self.entries.iter().filter(|entry| entry.takes(fit)) {
            if !entry.asked.met(head) {
                if matches!(choice, Choice::Nobody) {
                    choice = Choice::Unmet;
                }
            } else if entry.methods.contains(head.method) {
                return Choice::Route(entry);
            } else if !matches!(choice, Choice::WrongMethod { .. }) {
                choice = Choice::WrongMethod { allow: String::new(), route: entry.route };
            }
        }
        if let Choice::WrongMethod { allow, .. } = &mut choice {
            let met = self.entries.iter().filter(|entry| entry.takes(fit) && entry.asked.met(head));
            *allow = Methods::allow(met.map(|entry| &entry.methods));
        }
        choice
    }
}

impl Entry {
    pub(super) fn takes(&self, fit: Fit) -> bool {
        match (fit, self.trailing_slash) {
            (Fit::AsItStands, _) | (Fit::OtherSlash, TrailingSlash::Ignore | TrailingSlash::Redirect) => true,
            (Fit::OtherSlash, TrailingSlash::Strict) => false,
        }
    }
}
