//! Routes that all but one aspect of a request would have met: what `explain` shows below a 404. Looks at every route, so never on
//! traffic.

use super::condition::Asked;
use super::distance::edits;
use super::host::HostPattern;
use super::method::Methods;
use super::path::{PathPattern, Shape};
use super::rule::{RouteMatch, TrailingSlash};
use super::table::{RouteTable, other_slash};
use crate::names::RouteId;
use crate::path::without_parameters;
use crate::request::RequestHead;
use std::fmt;

/// A route, and the one thing that kept the request from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearMiss {
    pub route: RouteId,
    /// Host pattern, then path pattern.
    pub pattern: String,
    pub why: NearMissReason,
}

/// From the most to the least telling.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum NearMissReason {
    /// The path would match with its trailing slash added or taken away.
    TrailingSlash,
    /// Conditions that are not met, each as a sentence.
    Condition { unmet: Vec<String> },
    /// The methods that the route has, as `Allow` lists them.
    Method { allow: String },
    /// So many edits would make the path match.
    Path { edits: usize },
    /// The path is right, but at another host, so many edits away.
    Host { edits: usize },
}

impl fmt::Display for NearMissReason {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TrailingSlash => formatter.write_str("the trailing slash differs"),
            Self::Condition { unmet } => write!(formatter, "not met: {}", unmet.join(", ")),
            Self::Method { allow } => write!(formatter, "its methods are {allow}"),
            Self::Path { edits } => write!(formatter, "the path differs in {edits} places"),
            Self::Host { edits } => write!(formatter, "the host differs in {edits} places"),
        }
    }
}

impl RouteTable {
    /// At most `max`, each route once, the nearest first. A route that the request meets but another one wins is not among them.
    #[must_use]
    pub fn near_misses(&self, head: &RequestHead<'_>, max: usize) -> Vec<NearMiss> {
        let path = without_parameters(&head.path);
        let mut misses: Vec<NearMiss> = self.matches.iter().filter_map(|rule| nearest(rule, head, &path)).collect();
        misses.sort_by(|left, right| (&left.why, left.route).cmp(&(&right.why, right.route)));
        misses.truncate(max);
        misses
    }
}

fn nearest(rule: &RouteMatch, head: &RequestHead<'_>, path: &str) -> Option<NearMiss> {
    let unmet = Asked::new(&rule.conditions).unmet(head);
    let method = (!rule.methods.contains(head.method))
        .then(|| NearMissReason::Method { allow: Methods::allow([&rule.methods]) });
    let condition = (!unmet.is_empty()).then_some(NearMissReason::Condition { unmet });
    let mut best: Option<NearMiss> = None;
    for pattern in &rule.paths {
        let path = match path_aspect(rule, pattern, path) {
            PathAspect::Right => None,
            PathAspect::Wrong(why) => Some(why),
            PathAspect::Far => continue,
        };
        for host in rule.hosts_or_any() {
            let mut aspects =
                [host_miss(host, &head.host), path.clone(), method.clone(), condition.clone()].into_iter().flatten();
            let (Some(why), None) = (aspects.next(), aspects.next()) else { continue };
            if best.as_ref().is_none_or(|best| why < best.why) {
                best = Some(NearMiss { route: rule.route, pattern: format!("{host}{}", pattern.as_str()), why });
            }
        }
    }
    best
}

fn host_miss(pattern: &HostPattern, host: &str) -> Option<NearMissReason> {
    let edits = || strsim::osa_distance(&pattern.to_string(), host);
    (!pattern.matches(host)).then(|| NearMissReason::Host { edits: edits() })
}

enum PathAspect {
    Right,
    Wrong(NearMissReason),
    /// So is every path that a regex does not match: it has no distance.
    Far,
}

fn path_aspect(rule: &RouteMatch, pattern: &PathPattern, path: &str) -> PathAspect {
    if pattern.matches(path) {
        return PathAspect::Right;
    }
    if other_slash(path).is_some_and(|other| pattern.matches(&other)) {
        return match rule.trailing_slash {
            TrailingSlash::Strict => PathAspect::Wrong(NearMissReason::TrailingSlash),
            TrailingSlash::Ignore | TrailingSlash::Redirect => PathAspect::Right,
        };
    }
    let edits = match &pattern.shape {
        Shape::Segments { segments, end } => edits(segments, *end, path),
        Shape::Regex(_) => None,
    };
    edits.map_or(PathAspect::Far, |edits| PathAspect::Wrong(NearMissReason::Path { edits }))
}
