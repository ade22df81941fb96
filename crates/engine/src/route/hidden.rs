//! Routes that get in each other's way, for `check`. Errs towards silence: what is reported here can really never match, or really
//! depends on the order of ids.

use super::group::{Entry, Fit};
use super::method::Methods;
use super::table::RouteTable;
use crate::names::RouteId;
use std::collections::{BTreeMap, BTreeSet};

/// A route that no request can reach.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hidden {
    pub route: RouteId,
    /// The first of those that get its requests instead.
    pub by: RouteId,
}

/// Two routes of which a request can mean either; the smaller id gets it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Ambiguous {
    pub route: RouteId,
    pub with: RouteId,
    /// Where, once for the pair: host pattern, then path pattern.
    pub pattern: String,
}

impl RouteTable {
    /// The routes that others with the same hosts, paths and conditions and all their methods come before, everywhere. Sorted.
    #[must_use]
    pub fn hidden(&self) -> Vec<Hidden> {
        let mut routes: BTreeMap<RouteId, Option<RouteId>> = BTreeMap::new();
        self.each_group(&mut |_, group, tail| {
            for (place, entry) in group.entries().iter().enumerate() {
                let by = group.entries().get(..place).and_then(|earlier| hidden_by(entry, earlier, tail));
                routes.entry(entry.route).and_modify(|known| *known = known.and_then(|_| by)).or_insert(by);
            }
        });
        routes.into_iter().filter_map(|(route, by)| by.map(|by| Hidden { route, by })).collect()
    }

    /// The pairs of routes at one host and path pattern with a method in common and as many conditions, which one usual request can
    /// meet. (A request that sends one header twice, with the values of two routes, meets both; they are not listed.) Sorted.
    #[must_use]
    pub fn ambiguous(&self) -> Vec<Ambiguous> {
        let mut pairs: BTreeMap<(RouteId, RouteId), BTreeSet<String>> = BTreeMap::new();
        self.each_group(&mut |host, group, _| {
            for (place, entry) in group.entries().iter().enumerate() {
                let earlier = group.entries().get(..place).unwrap_or_default();
                for with in earlier.iter().filter(|with| with.route != entry.route && ties(entry, with)) {
                    let pattern = format!("{host}{}", group.pattern());
                    pairs.entry((entry.route, with.route)).or_default().insert(pattern);
                }
            }
        });
        let first = |((route, with), patterns): (_, BTreeSet<String>)| {
            patterns.into_iter().next().map(|pattern| Ambiguous { route, with, pattern })
        };
        pairs.into_iter().filter_map(first).collect()
    }
}

/// Below `/*` both forms of a path match as they stand, so `trailingSlash` does not count there.
fn hidden_by(entry: &Entry, earlier: &[Entry], tail: bool) -> Option<RouteId> {
    let covers = |other: &&Entry| {
        other.route != entry.route
            && other.asked == entry.asked
            && (tail || other.takes(Fit::OtherSlash) || !entry.takes(Fit::OtherSlash))
    };
    let others: Vec<&Entry> = earlier.iter().filter(covers).collect();
    let methods: Vec<&Methods> = others.iter().map(|other| &other.methods).collect();
    let first = others.iter().find(|other| other.methods.overlap(&entry.methods))?;
    entry.methods.covered_by(&methods).then_some(first.route)
}

fn ties(left: &Entry, right: &Entry) -> bool {
    left.asked.count() == right.asked.count()
        && left.methods.overlap(&right.methods)
        && left.asked.compatible(&right.asked)
}
