//! Patterns for hosts: `api.example.com`, `*.example.com`, any.

use crate::authority::Authority;
pub use crate::authority::HostFault;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// In the normal form of [`Authority`].
    Exact(String),
    /// With its leading dot. All hosts below it, however deep: `.example.com` is met by `a.example.com` and `a.b.example.com`,
    /// not by `example.com`.
    Wildcard(String),
    Any,
}

/// How much a pattern says; the greater wins. Two patterns of one rank that match the same host are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostRank {
    Any,
    /// The length of the wildcard: of two that match one host, the longer lies within the shorter.
    Wildcard(usize),
    Exact,
}

impl HostPattern {
    /// `*` alone is any host. Normalises as a request's Host is normalised.
    pub fn parse(text: &str) -> Result<Self, HostFault> {
        if text == "*" {
            return Ok(Self::Any);
        }
        let parent = text.strip_prefix("*.");
        let name = parent.unwrap_or(text);
        if name.contains('*') {
            return Err(HostFault::Star);
        }
        let Authority { host, port } = Authority::parse(name)?;
        match (port, parent) {
            (Some(_), _) => Err(HostFault::PatternPort),
            (None, Some(_)) if host.starts_with('[') => Err(HostFault::Star),
            (None, Some(_)) => Ok(Self::Wildcard(format!(".{host}"))),
            (None, None) => Ok(Self::Exact(host.into_owned())),
        }
    }

    /// `host` in its normal form.
    #[must_use]
    pub fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == host,
            Self::Wildcard(suffix) => host.len() > suffix.len() && host.ends_with(suffix.as_str()),
            Self::Any => true,
        }
    }

    #[must_use]
    pub fn rank(&self) -> HostRank {
        match self {
            Self::Exact(_) => HostRank::Exact,
            Self::Wildcard(suffix) => HostRank::Wildcard(suffix.len()),
            Self::Any => HostRank::Any,
        }
    }

    /// The most specific first, then by name: an order for lists.
    #[must_use]
    pub fn order(&self) -> (Reverse<HostRank>, Cow<'_, str>) {
        let text = match self {
            Self::Exact(text) | Self::Wildcard(text) => Cow::Borrowed(text.as_str()),
            Self::Any => Cow::Borrowed(""),
        };
        (Reverse(self.rank()), text)
    }
}

impl fmt::Display for HostPattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(host) => formatter.write_str(host),
            Self::Wildcard(suffix) => write!(formatter, "*{suffix}"),
            Self::Any => formatter.write_str("*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{HostFault, HostPattern};

    #[test]
    fn patterns_are_normalised() {
        let check = |text: &str, shown: Result<&str, HostFault>| {
            assert_eq!(
                HostPattern::parse(text).map(|pattern| pattern.to_string()).as_deref(),
                shown.as_ref().copied(),
                "{text}"
            );
        };
        check("*", Ok("*"));
        check("API.example.com.", Ok("api.example.com"));
        check("*.Example.com", Ok("*.example.com"));
        check("[::1]", Ok("[::1]"));
        check("[0::1]", Ok("[::1]"));
        check("", Err(HostFault::Empty));
        check("*.", Err(HostFault::Empty));
        check("*.*.com", Err(HostFault::Star));
        check("a.*.com", Err(HostFault::Star));
        check("*a.com", Err(HostFault::Star));
        check("*.[::1]", Err(HostFault::Star));
        check("a.com:80", Err(HostFault::PatternPort));
        check("a.com/x", Err(HostFault::Character('/')));
    }

    #[test]
    fn a_wildcard_is_met_below_at_any_depth() {
        let check = |pattern: &str, host: &str, met: bool| {
            assert_eq!(HostPattern::parse(pattern).unwrap().matches(host), met, "{pattern} {host}");
        };
        check("*.example.com", "a.example.com", true);
        check("*.example.com", "a.b.example.com", true);
        check("*.example.com", "example.com", false);
        check("*.example.com", "badexample.com", false);
        check("example.com", "example.com", true);
        check("example.com", "a.example.com", false);
        check("*", "[::1]", true);
    }

    #[test]
    fn more_specific_comes_first() {
        let mut patterns: Vec<_> =
            ["*", "*.com", "b.com", "*.example.com", "a.com"].map(|text| HostPattern::parse(text).unwrap()).into();
        patterns.sort_by(|left, right| left.order().cmp(&right.order()));
        let shown: Vec<_> = patterns.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["a.com", "b.com", "*.example.com", "*.com", "*"]);
    }
}
