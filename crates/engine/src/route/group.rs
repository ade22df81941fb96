//! The routes that share one host and one path pattern: conditions and methods choose among them.

use super::condition::Asked;
use super::method::Methods;
use super::rule::TrailingSlash;
use crate::names::RouteId;
use crate::request::RequestHead;
use http::HeaderName;
use std::cmp::Reverse;
use std::ops::ControlFlow;

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

/// The routes that a request could be meant for of which only a preflight is here.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates {
    /// The most specific first. None is certain but, in most cases, the last.
    pub routes: Vec<RouteId>,
    /// The path is known, but not with this method; `routes` may have what comes before.
    pub wrong_method: Option<RouteId>,
    /// Which one it is hangs on request headers.
    pub by_header: bool,
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

impl Group {
    /// As [`Self::choose`], with headers that are only announced; breaks where no other group can have the request.
    pub(super) fn collect(
        &self,
        head: &RequestHead<'_>,
        coming: &[HeaderName],
        fit: Fit,
        found: &mut Candidates,
    ) -> ControlFlow<()> {
        let mut wrong = None;
        for entry in self.entries.iter().filter(|entry| entry.takes(fit)) {
            found.by_header |= entry.asked.has_headers();
            if !entry.asked.could_be_met(head, coming) {
                continue;
            }
            let is_certain = entry.asked.met(head);
            if entry.methods.contains(head.method) {
                found.routes.push(entry.route);
                if is_certain {
                    return ControlFlow::Break(());
                }
            } else if is_certain {
                wrong = wrong.or(Some(entry.route));
            }
        }
        found.wrong_method = wrong;
        if wrong.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
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
