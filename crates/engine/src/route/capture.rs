//! What the parameters of a route's path stand for in one request. Asked only by routes that do something with it; matching a route
//! needs none of this.

use super::path::{End, PathPattern, Segment, Shape};
use crate::path::without_parameters;
use regex::Regex;
use std::cmp::Reverse;

/// The name of what `/*` stands for.
pub const REST: &str = "rest";

/// The patterns of one route, the most specific first.
#[derive(Clone, Debug)]
pub struct CapturePatterns(Box<[PathPattern]>);

/// Names and what they stand for: percent-encoded as in the path, and without `;parameters`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captures {
    values: Vec<(Box<str>, Box<str>)>,
    /// `/files` was matched by `/files/*`: there is not even a slash.
    bare: bool,
}

impl PathPattern {
    /// The names of the parameters, in their order; a `/*` has the name [`REST`].
    #[must_use]
    pub fn capture_names(&self) -> Vec<&str> {
        match &self.shape {
            Shape::Regex(regex) => regex.capture_names().flatten().collect(),
            Shape::Segments { end, .. } => {
                let rest = (*end == End::Tail).then_some(REST);
                self.segment_names().filter_map(|(_, name)| name).chain(rest).collect()
            }
        }
    }

    /// A request could have a path that begins with these segments. Of a regex nobody knows.
    #[must_use]
    pub fn may_begin_with<'s>(&self, prefix: impl Iterator<Item = &'s str>) -> bool {
        let Shape::Segments { segments, end } = &self.shape else { return true };
        let mut own = segments.iter();
        for wanted in prefix {
            match own.next() {
                Some(Segment::Literal(literal)) if **literal == *wanted => {}
                Some(Segment::Param) => {}
                Some(Segment::Literal(_)) => return false,
                None => return *end == End::Tail,
            }
        }
        true
    }

    /// Each segment with its parameter's name.
    fn segment_names(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let pieces = self.as_str().split('/').skip(1).filter(|piece| !piece.is_empty());
        pieces.map(|piece| (piece, piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}'))))
    }

    /// How little it leaves open, as the route table orders patterns: the smallest first.
    pub(crate) fn openness(&self) -> (u8, Reverse<usize>, Vec<bool>) {
        match &self.shape {
            Shape::Regex(_) => (1, Reverse(self.as_str().len()), Vec::new()),
            Shape::Segments { segments, end } => {
                let is_tail = *end == End::Tail;
                let length = if is_tail { segments.len() } else { 0 };
                (
                    if is_tail { 2 } else { 0 },
                    Reverse(length),
                    segments.iter().map(|one| *one == Segment::Param).collect(),
                )
            }
        }
    }

    fn capture(&self, path: &str) -> Option<Captures> {
        match &self.shape {
            Shape::Regex(regex) => by_regex(regex, path),
            Shape::Segments { segments, end } => self.by_segments(segments, *end, path),
        }
    }

    /// A slash at the end is looked past: whether it fits, the table has decided.
    fn by_segments(&self, segments: &[Segment], end: End, path: &str) -> Option<Captures> {
        let mut captures = Captures::default();
        let mut rest = path;
        let mut names = self.segment_names();
        for segment in segments {
            let after = rest.strip_prefix('/')?;
            let (piece, behind) = after.split_at_checked(after.find('/').unwrap_or(after.len()))?;
            let (_, name) = names.next()?;
            match (segment, name) {
                (Segment::Literal(literal), _) if **literal == *piece => {}
                (Segment::Param, Some(name)) if !piece.is_empty() => captures.push(name, piece),
                (Segment::Literal(_) | Segment::Param, _) => return None,
            }
            rest = behind;
        }
        match end {
            End::Bare | End::Slash => matches!(rest, "" | "/").then_some(captures),
            End::Tail => {
                captures.bare = rest.is_empty();
                captures.push(REST, rest.strip_prefix('/').unwrap_or(rest));
                Some(captures)
            }
        }
    }
}

fn by_regex(regex: &Regex, path: &str) -> Option<Captures> {
    let found = regex.captures(path)?;
    let mut captures = Captures::default();
    for name in regex.capture_names().flatten() {
        captures.push(name, found.name(name).map_or("", |group| group.as_str()));
    }
    Some(captures)
}

impl CapturePatterns {
    #[must_use]
    pub fn new(paths: &[PathPattern]) -> Self {
        let mut paths = paths.to_vec();
        paths.sort_by_cached_key(PathPattern::openness);
        Self(paths.into_boxed_slice())
    }

    /// `path` in normal form. What matches as it stands comes before what matches but for a slash at its end.
    #[must_use]
    pub fn capture(&self, path: &str) -> Option<Captures> {
        let path = without_parameters(path);
        let exact = self.0.iter().filter(|pattern| pattern.matches(&path)).find_map(|pattern| pattern.capture(&path));
        exact.or_else(|| {
            let other = match path.strip_suffix('/') {
                Some(shorter) => shorter.to_owned(),
                None => format!("{path}/"),
            };
            self.0.iter().find_map(|pattern| pattern.capture(&path).or_else(|| pattern.capture(&other)))
        })
    }
}

impl Captures {
    fn push(&mut self, name: &str, value: &str) {
        self.values.push((name.into(), value.into()));
    }

    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.values.iter().find(|(known, _)| **known == *name).map(|(_, value)| &**value)
    }

    /// Whether it is what `/*` stands for, and there was not even a slash.
    #[must_use]
    pub fn is_bare(&self, name: &str) -> bool {
        self.bare && name == REST
    }
}

#[cfg(test)]
mod tests {
    use super::{CapturePatterns, PathPattern};

    fn pattern(text: &str) -> PathPattern {
        text.strip_prefix('~').map_or_else(|| PathPattern::parse(text), PathPattern::regex).unwrap()
    }

    #[test]
    fn parameters_stand_for_what_the_path_has() {
        let check = |patterns: &[&str], path: &str, expected: &[(&str, &str)]| {
            let patterns: Vec<_> = patterns.iter().map(|text| pattern(text)).collect();
            let captures = CapturePatterns::new(&patterns).capture(path).unwrap_or_else(|| panic!("{path}"));
            let found: Vec<(&str, &str)> = captures.values.iter().map(|(name, value)| (&**name, &**value)).collect();
            assert_eq!(found, expected, "{path}");
        };
        check(&["/a/{id}"], "/a/7", &[("id", "7")]);
        check(&["/a/{id}"], "/a/7%20b;v=1", &[("id", "7%20b")]);
        check(&["/a/{id}"], "/a/7/", &[("id", "7")]);
        check(&["/a/{id}/"], "/a/7", &[("id", "7")]);
        check(&["/{a}/x/{b}/*"], "/1/x/2/3/4", &[("a", "1"), ("b", "2"), ("rest", "3/4")]);
        check(&["/f/*"], "/f", &[("rest", "")]);
        check(&["/f/*"], "/f/", &[("rest", "")]);
        check(&["/*"], "/a/b/", &[("rest", "a/b/")]);
        check(&["/*", "/a/*", "/a/{id}", "/a/b"], "/a/b", &[]);
        check(&["/*", "/a/*", "/a/{id}"], "/a/b", &[("id", "b")]);
        check(&["/*", "/a/*", "/a/{id}"], "/a/b/c", &[("rest", "b/c")]);
        check(&["/{x}/b", "/a/{y}"], "/a/b", &[("y", "b")]);
        check(&["~/v(?<major>\\d+)/(?<rest>.*)"], "/v2/a/b", &[("major", "2"), ("rest", "a/b")]);
        check(&["~/v(?<major>\\d+)?"], "/v", &[("major", "")]);
        check(&["~/v(?<major>\\d+)"], "/v1/", &[("major", "1")]);
    }

    #[test]
    fn prefixes_that_a_path_may_have() {
        let check = |text: &str, prefix: &str, expected: bool| {
            assert_eq!(pattern(text).may_begin_with(prefix.split('/').skip(1)), expected, "{text} {prefix}");
        };
        check("/v1/orders", "/v1", true);
        check("/v1/orders", "/v1/orders", true);
        check("/v1/orders", "/v2", false);
        check("/v1/orders", "/v1/orders/x", false);
        check("/v1/*", "/v1/orders/x", true);
        check("/{version}/orders", "/v1", true);
        check("~/v\\d", "/v1", true);
        check("/", "/v1", false);
    }
}
