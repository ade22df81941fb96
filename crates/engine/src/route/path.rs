//! Patterns for paths: `/v1/orders`, `/v1/orders/{id}`, `/v1/files/*`, and regexes. They are matched against the normal form of
//! a path, `;parameters` aside, so a pattern that is not in normal form could never match and is refused.

use crate::path::{PathFault, normal_form};
use regex::{Regex, RegexBuilder};
use std::fmt;

/// The most segments of one pattern: what the trie's recursion is bounded by.
pub const SEGMENTS_MAX: usize = 64;
/// The largest compiled regex, in bytes.
pub const REGEX_BYTES_MAX: usize = 1024 * 1024;

#[derive(Clone, Debug)]
pub struct PathPattern {
    text: Box<str>,
    pub(super) shape: Shape,
}

#[derive(Clone, Debug)]
pub(super) enum Shape {
    Segments { segments: Vec<Segment>, end: End },
    Regex(Regex),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Segment {
    Literal(Box<str>),
    /// Exactly one segment, not empty.
    Param,
}

/// What follows the last segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Bare,
    Slash,
    /// `/*`: nothing, a slash, or anything below it.
    Tail,
}

/// Why a text is no pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathPatternFault {
    /// It has no normal form.
    Path(PathFault),
    /// It is not in normal form, so that no request could match it.
    NotNormal { normal: Box<str> },
    /// A `*` that is not the whole last segment.
    Star,
    /// Braces that do not stand around a whole segment's name.
    Param { segment: Box<str> },
    /// `;` in a literal: parameters are not matched.
    Parameters,
    /// More than [`SEGMENTS_MAX`].
    TooManySegments,
    /// What the regex compiler says.
    Regex(Box<str>),
}

impl fmt::Display for PathPatternFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(fault) => fault.fmt(formatter),
            Self::NotNormal { normal } => {
                write!(formatter, "no request has this path: paths are matched in their normal form, here `{normal}`")
            }
            Self::Star => {
                formatter.write_str("`*` can only be the last segment, as in `/files/*`; a literal one is `%2A`")
            }
            Self::Param { segment } => write!(
                formatter,
                "`{segment}` is no parameter: it has to be a whole segment, `{{name}}` of letters, digits, `-` and `_`"
            ),
            Self::Parameters => formatter.write_str("`;` begins parameters of a segment, which are not matched"),
            Self::TooManySegments => write!(formatter, "the pattern has more than {SEGMENTS_MAX} segments"),
            Self::Regex(text) => write!(formatter, "the regex does not compile: {text}"),
        }
    }
}

impl std::error::Error for PathPatternFault {}

impl PathPattern {
    /// Percent-encoding is normalised; dot segments and `//` are refused with the form they should have.
    pub fn parse(text: &str) -> Result<Self, PathPatternFault> {
        let rest = text.strip_prefix('/').ok_or(PathPatternFault::Path(PathFault::NotAbsolute))?;
        let mut segments = Vec::new();
        let mut normal = true;
        let mut end = End::Bare;
        let mut pieces = rest.split('/').peekable();
        while let Some(piece) = pieces.next() {
            match (piece, pieces.peek().is_none()) {
                ("", true) => end = End::Slash,
                ("*", true) => end = End::Tail,
                ("", false) => normal = false,
                _ => match segment(piece)? {
                    Some(segment) => segments.push(segment),
                    None => normal = false,
                },
            }
        }
        if !normal {
            return Err(PathPatternFault::NotNormal { normal: normal_text(text)?.into() });
        }
        if segments.len() > SEGMENTS_MAX {
            return Err(PathPatternFault::TooManySegments);
        }
        Ok(Self { text: spelled(rest, &segments, end), shape: Shape::Segments { segments, end } })
    }

    /// The whole path has to match, whether the text says so or not. Linear time.
    pub fn regex(text: &str) -> Result<Self, PathPatternFault> {
        let compile = |text: &str| {
            let built = RegexBuilder::new(text).size_limit(REGEX_BYTES_MAX).dfa_size_limit(REGEX_BYTES_MAX).build();
            built.map_err(|error| PathPatternFault::Regex(error.to_string().into()))
        };
        // First alone: `a)|(b` would only be balanced by our own parentheses.
        compile(text)?;
        let anchored = compile(&format!("\\A(?:{text})\\z"))?;
        Ok(Self { text: text.into(), shape: Shape::Regex(anchored) })
    }

    /// As it is matched: the normalised pattern, or the regex as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    #[must_use]
    pub fn is_regex(&self) -> bool {
        matches!(self.shape, Shape::Regex(_))
    }

    /// `path` in normal form and without `;parameters`.
    #[must_use]
    pub fn matches(&self, path: &str) -> bool {
        let Some(rest) = path.strip_prefix('/') else { return false };
        let (segments, end) = match &self.shape {
            Shape::Regex(regex) => return regex.is_match(path),
            Shape::Segments { segments, end } => (segments, *end),
        };
        let slash = rest.is_empty() || rest.ends_with('/');
        let mut pieces = rest.strip_suffix('/').unwrap_or(rest).split('/').filter(|piece| !piece.is_empty());
        let prefix = segments.iter().all(|segment| match (segment, pieces.next()) {
            (Segment::Literal(literal), Some(piece)) => **literal == *piece,
            (Segment::Param, Some(_)) => true,
            (_, None) => false,
        });
        prefix
            && match end {
                End::Tail => true,
                End::Slash => slash && pieces.next().is_none(),
                End::Bare => !slash && pieces.next().is_none(),
            }
    }
}

/// None for a dot segment.
fn segment(piece: &str) -> Result<Option<Segment>, PathPatternFault> {
    if piece.contains(['{', '}']) {
        let name = piece.strip_prefix('{').and_then(|rest| rest.strip_suffix('}'));
        let named = |name: &&str| {
            let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
            !name.is_empty() && name.bytes().all(allowed)
        };
        return match name.filter(named) {
            Some(_) => Ok(Some(Segment::Param)),
            None => Err(PathPatternFault::Param { segment: piece.into() }),
        };
    }
    if piece.contains('*') {
        return Err(PathPatternFault::Star);
    }
    if piece.contains(';') {
        return Err(PathPatternFault::Parameters);
    }
    let path = format!("/{piece}");
    let normal = normal_form(&path).map_err(PathPatternFault::Path)?;
    let literal = normal.strip_prefix('/').unwrap_or_default();
    Ok((!literal.is_empty()).then(|| Segment::Literal(literal.into())))
}

/// The normal form of a whole pattern. Braces cannot stand in a path, so they go through it encoded.
fn normal_text(text: &str) -> Result<String, PathPatternFault> {
    let encoded = text.replace('{', "%7B").replace('}', "%7D");
    let normal = normal_form(&encoded).map_err(PathPatternFault::Path)?;
    Ok(normal.replace("%7B", "{").replace("%7D", "}"))
}

/// The pattern's text from its parts; parameters keep their names.
fn spelled(rest: &str, segments: &[Segment], end: End) -> Box<str> {
    let mut text = String::new();
    for (piece, segment) in rest.split('/').zip(segments) {
        text.push('/');
        match segment {
            Segment::Literal(literal) => text.push_str(literal),
            Segment::Param => text.push_str(piece),
        }
    }
    text.push_str(match end {
        End::Bare => "",
        End::Slash => "/",
        End::Tail => "/*",
    });
    text.into()
}

#[cfg(test)]
mod tests {
    use super::{PathPattern, PathPatternFault, SEGMENTS_MAX};

    fn shown(text: &str) -> String {
        PathPattern::parse(text).map_or_else(|fault| fault.to_string(), |pattern| pattern.as_str().to_owned())
    }

    #[test]
    fn patterns_are_normalised_or_refused() {
        let check = |text: &str, expected: &str| assert_eq!(shown(text), expected);
        check("/", "/");
        check("/*", "/*");
        check("/v1/orders/", "/v1/orders/");
        check("/v1/{id}/x/*", "/v1/{id}/x/*");
        check("/%7euser/%c3%a9", "/~user/%C3%A9");
        let normal = |form: &str| PathPatternFault::NotNormal { normal: form.into() }.to_string();
        assert!(normal("/a/b").contains("`/a/b`"));
        check("/a//b", &normal("/a/b"));
        check("/a/./{x}/*", &normal("/a/{x}/*"));
        check("/a/{x}/../%62", &normal("/a/b"));
        check("//", &normal("/"));
        check("/%2e", &normal("/"));
        check("/a*", &PathPatternFault::Star.to_string());
        check("/*/a", &PathPatternFault::Star.to_string());
        check("/a/*/", &PathPatternFault::Star.to_string());
        check("/a;x", &PathPatternFault::Parameters.to_string());
        for bad in ["{}", "a{id}", "{id}a", "{a}{b}", "{*rest}", "{", "}", "{a b}"] {
            check(&format!("/x/{bad}"), &PathPatternFault::Param { segment: bad.into() }.to_string());
        }
        check("", "the path does not begin with `/`");
        check("a", "the path does not begin with `/`");
        check("/a?b", "the path contains '?', which has to be percent-encoded");
        check("/a%2fb", "the path contains an encoded slash (%2F)");
        check(&"/a".repeat(SEGMENTS_MAX + 1), &PathPatternFault::TooManySegments.to_string());
    }

    #[test]
    fn patterns_match_whole_paths() {
        let check = |pattern: &str, path: &str, met: bool| {
            assert_eq!(PathPattern::parse(pattern).unwrap().matches(path), met, "{pattern} {path}");
        };
        check("/", "/", true);
        check("/", "/a", false);
        check("/a", "/a", true);
        check("/a", "/a/", false);
        check("/a/", "/a/", true);
        check("/a/", "/a", false);
        check("/a", "/ab", false);
        check("/a", "/A", false);
        check("/a/{id}", "/a/b", true);
        check("/a/{id}", "/a/", false);
        check("/a/{id}", "/a/b/c", false);
        check("/a/{id}/", "/a/b/", true);
        check("/{id}", "/", false);
        check("/v1/files/*", "/v1/files", true);
        check("/v1/files/*", "/v1/files/", true);
        check("/v1/files/*", "/v1/files/a/b", true);
        check("/v1/files/*", "/v1/filesx", false);
        check("/*", "/", true);
        check("/*", "/a", true);
        check("/*", "*", false);
    }

    #[test]
    fn regexes_are_anchored() {
        let check = |regex: &str, path: &str, met: bool| {
            assert_eq!(PathPattern::regex(regex).unwrap().matches(path), met, "{regex} {path}");
        };
        check("/v\\d+/x", "/v1/x", true);
        check("^/v\\d+/x$", "/v1/x", true);
        check("/v\\d+/x", "/v1/xy", false);
        check("/a|/b", "/bc", false);
        check("/a|/b", "/b", true);
        check("(?m)^/a$", "/a", true);
        check(".*", "*", false);
        for bad in ["/a)|(?:/b", "(", "/(a{1000}){1000}", "(?x)/a # comment", "(?=a)"] {
            assert!(matches!(PathPattern::regex(bad), Err(PathPatternFault::Regex(_))), "{bad}");
        }
    }
}
