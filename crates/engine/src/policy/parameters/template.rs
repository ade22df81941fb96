//! Where in a path a parameter stands.

use crate::route::path::PathPattern;

/// A path pattern with the names of its parameters. A regex has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    segments: Vec<Segment>,
    /// It ends in `/*`.
    has_tail: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Segment {
    Literal(Box<str>),
    Param(Box<str>),
}

impl PathTemplate {
    /// None for a regex.
    #[must_use]
    pub fn of(pattern: &PathPattern) -> Option<Self> {
        if pattern.is_regex() {
            return None;
        }
        let (text, has_tail) =
            pattern.as_str().strip_suffix("/*").map_or((pattern.as_str(), false), |text| (text, true));
        let segments = pieces(text).map(|piece| {
            let name = piece.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
            name.map_or_else(|| Segment::Literal(piece.into()), |name| Segment::Param(name.into()))
        });
        Some(Self { segments: segments.collect(), has_tail })
    }

    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.segments.iter().filter_map(|segment| match segment {
            Segment::Literal(_) => None,
            Segment::Param(name) => Some(&**name),
        })
    }

    /// The order in which the router prefers them: a whole path before `/*`, then segment by segment a literal before a parameter, and
    /// more segments before the end.
    pub fn sort(templates: &mut [Self]) {
        let rank = |segment: &Segment| match segment {
            Segment::Literal(_) => 0_u8,
            Segment::Param(_) => 1,
        };
        templates.sort_by_key(|template| {
            let ranks: Vec<u8> = template.segments.iter().map(rank).chain([2]).collect();
            (template.has_tail, ranks)
        });
    }

    /// `path` in normal form; `;parameters` of a segment do not count. A slash at the end does not count: the router has judged it.
    pub(super) fn matches(&self, path: &str) -> bool {
        let mut found = pieces(path);
        let fits = self.segments.iter().all(|segment| match (segment, found.next()) {
            (Segment::Literal(literal), Some(piece)) => **literal == *bare(piece),
            (Segment::Param(_), Some(_)) => true,
            (Segment::Literal(_) | Segment::Param(_), None) => false,
        });
        fits && (self.has_tail || found.next().is_none())
    }

    /// The segment of a matching path that stands for the parameter, as it is spelled, its `;parameters` included.
    pub(super) fn value<'p>(&self, name: &str, path: &'p str) -> Option<&'p str> {
        let is_it = |segment: &Segment| matches!(segment, Segment::Param(known) if **known == *name);
        self.segments.iter().zip(pieces(path)).find(|(segment, _)| is_it(segment)).map(|(_, piece)| piece)
    }
}

/// One that has nothing but `;parameters` is an empty one, as for the router.
fn pieces(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|piece| !bare(piece).is_empty())
}

fn bare(piece: &str) -> &str {
    piece.split(';').next().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::PathTemplate;
    use crate::route::path::PathPattern;

    fn template(text: &str) -> PathTemplate {
        PathTemplate::of(&PathPattern::parse(text).unwrap()).unwrap()
    }

    #[test]
    fn a_parameter_is_the_segment_in_its_place() {
        let check = |pattern: &str, path: &str, name: &str, expected: Option<&str>| {
            let template = template(pattern);
            let value = template.matches(path).then(|| template.value(name, path)).flatten();
            assert_eq!(value, expected, "{pattern} {path}");
        };
        check("/v1/orders/{id}", "/v1/orders/5", "id", Some("5"));
        check("/v1/orders/{id}", "/v1/orders/5/", "id", Some("5"));
        check("/v1/orders/{id}/", "/v1/orders/5", "id", Some("5"));
        check("/v1/orders/{id}", "/v1/orders", "id", None);
        check("/v1/orders/{id}", "/v1/orders/5/x", "id", None);
        check("/v1/{a}/{b}/*", "/v1/1/2/3/4", "b", Some("2"));
        check("/{a}/*", "/1", "a", Some("1"));
        check("/{a}", "/1", "b", None);
        check("/v1/{a}", "/v1;y/;z/1;b=2/", "a", Some("1;b=2"));
        check("/{a}/%7B", "/1/%7B", "a", Some("1"));
        assert_eq!(PathTemplate::of(&PathPattern::regex("/(?<id>.+)").unwrap()), None);
        assert_eq!(template("/{a}/x/{b}/*").names().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn the_order_is_the_routers() {
        let mut all = ["/{a}/*", "/{a}/{b}", "/x/*", "/{a}/y/*", "/{a}/y", "/x/{b}", "/x/y/*"].map(template);
        PathTemplate::sort(&mut all);
        assert_eq!(all, ["/x/{b}", "/{a}/y", "/{a}/{b}", "/x/y/*", "/x/*", "/{a}/y/*", "/{a}/*"].map(template));
    }
}
