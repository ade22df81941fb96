//! What a route asks of headers and query beside host, path and method.

use crate::path::hex_value;
use crate::request::RequestHead;
use http::HeaderName;

/// All have to be met.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// Any one of the header's values is this text, byte for byte.
    pub headers: Vec<(HeaderName, String)>,
    /// Any one occurrence of the parameter has this value. Both are written as in a URL: `%20` and `+` are a space.
    pub query: Vec<(String, String)>,
}

/// [`Conditions`] ready to be asked: decoded, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Asked {
    headers: Box<[(HeaderName, Box<str>)]>,
    query: Box<[Parameter]>,
}

/// Name and value, decoded; not always UTF-8.
type Parameter = (Box<[u8]>, Box<[u8]>);

impl Asked {
    pub(super) fn new(conditions: &Conditions) -> Self {
        let mut headers: Vec<_> =
            conditions.headers.iter().map(|(name, value)| (name.clone(), value.as_str().into())).collect();
        headers.sort_unstable_by(|left: &(HeaderName, Box<str>), right| {
            (left.0.as_str(), &left.1).cmp(&(right.0.as_str(), &right.1))
        });
        headers.dedup();
        let mut query: Vec<Parameter> = conditions
            .query
            .iter()
            .map(|(name, value)| (decoded(name.as_bytes()).collect(), decoded(value.as_bytes()).collect()))
            .collect();
        query.sort_unstable();
        query.dedup();
        Self { headers: headers.into(), query: query.into() }
    }

    /// More wins.
    pub(super) fn count(&self) -> usize {
        self.headers.len().saturating_add(self.query.len())
    }

    /// Allocates nothing.
    pub(super) fn met(&self, head: &RequestHead<'_>) -> bool {
        self.headers.iter().all(|(name, value)| header_met(head, name, value))
            && self.query.iter().all(|(name, value)| query_met(head.query, name, value))
    }

    /// Whether a request like this one can meet them that has, beside what this one has, the headers `coming`: their values are not
    /// known yet.
    pub(super) fn could_be_met(&self, head: &RequestHead<'_>, coming: &[HeaderName]) -> bool {
        self.headers.iter().all(|(name, value)| coming.contains(name) || header_met(head, name, value))
            && self.query.iter().all(|(name, value)| query_met(head.query, name, value))
    }

    pub(super) fn has_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// Those that are not met, as the operator wrote them.
    pub(super) fn unmet(&self, head: &RequestHead<'_>) -> Vec<String> {
        let headers = self.headers.iter().filter(|(name, value)| !header_met(head, name, value));
        let query = self.query.iter().filter(|(name, value)| !query_met(head.query, name, value));
        headers
            .map(|(name, value)| format!("header {name} is {value:?}"))
            .chain(query.map(|(name, value)| {
                format!("query {} is {:?}", String::from_utf8_lossy(name), String::from_utf8_lossy(value))
            }))
            .collect()
    }

    /// Whether a usual request can meet both: they do not ask one header or parameter for two values. (A request that repeats it
    /// can.)
    pub(super) fn compatible(&self, other: &Self) -> bool {
        let differ =
            |left: &(HeaderName, Box<str>), right: &(HeaderName, Box<str>)| left.0 == right.0 && left.1 != right.1;
        !self.headers.iter().any(|left| other.headers.iter().any(|right| differ(left, right)))
            && !self.query.iter().any(|left| other.query.iter().any(|right| left.0 == right.0 && left.1 != right.1))
    }
}

fn header_met(head: &RequestHead<'_>, name: &HeaderName, value: &str) -> bool {
    head.headers.get_all(name).iter().any(|line| line.as_bytes() == value.as_bytes())
}

fn query_met(query: Option<&str>, name: &[u8], value: &[u8]) -> bool {
    query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()).any(|pair| {
        let (key, text) = pair.split_once('=').unwrap_or((pair, ""));
        decoded(key.as_bytes()).eq(name.iter().copied()) && decoded(text.as_bytes()).eq(value.iter().copied())
    })
}

/// `application/x-www-form-urlencoded`; a `%` without two digits stands for itself.
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let (&byte, after) = rest.split_first()?;
        rest = after;
        Some(match (byte, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex_value(*high), hex_value(*low)) {
                (Some(tens), Some(ones)) => {
                    rest = after;
                    (tens << 4) | ones
                }
                _ => byte,
            },
            _ => byte,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{Asked, Conditions, query_met};
    use http::HeaderName;

    #[test]
    fn query_parameters_are_compared_decoded() {
        let check = |query: &str, name: &str, value: &str, met: bool| {
            let asked = Asked::new(&Conditions { headers: Vec::new(), query: vec![(name.into(), value.into())] });
            let (name, value) = &asked.query[0];
            assert_eq!(query_met(Some(query), name, value), met, "{query}");
        };
        check("preview=true", "preview", "true", true);
        check("a=1&preview=true&b", "preview", "true", true);
        check("preview=false&preview=true", "preview", "true", true);
        check("preview=True", "preview", "true", false);
        check("previewx=true", "preview", "true", false);
        check("pre%76iew=%74rue", "preview", "true", true);
        check("q=a+b", "q", "a b", true);
        check("q=a%20b", "q", "a b", true);
        check("q=a b", "q", "a%20b", true);
        check("q=a%2Bb", "q", "a+b", false);
        check("q=a%2bb", "q", "a%2Bb", true);
        check("q=100%", "q", "100%", true);
        check("q=%zz", "q", "%zz", true);
        check("q=a=b", "q", "a=b", true);
        check("flag", "flag", "", true);
        check("flag=", "flag", "", true);
        check("", "", "", false);
        check("other", "flag", "", false);
        check("q=%C3%A9", "q", "é", true);
    }

    #[test]
    fn conditions_are_sets() {
        let header = |name: &'static str, value: &str| (HeaderName::from_static(name), value.to_owned());
        let asked = |headers: &[&(HeaderName, String)]| {
            let headers = headers.iter().copied().cloned().collect();
            Asked::new(&Conditions { headers, query: Vec::new() })
        };
        let (a, b, other) = (header("a", "1"), header("b", "2"), header("a", "2"));
        assert_eq!(asked(&[&a, &b, &a]), asked(&[&b, &a]));
        assert_eq!(asked(&[&a, &a]).count(), 1);
        assert!(asked(&[&a]).compatible(&asked(&[&b])));
        assert!(!asked(&[&a]).compatible(&asked(&[&other])));
    }
}
