//! A route that sends its callers elsewhere. What a client has sent can fill a place in the target's path, in the encoding that it
//! came in, and its query can be taken along; scheme, host and port are the operator's to the letter.

use crate::path::{PathFault, normal_form, without_parameters};
use crate::request::RequestHead;
use crate::route::path::PathPattern;
use std::borrow::Cow;
use std::fmt;

/// Where a route sends its callers.
#[derive(Debug)]
pub struct Redirect {
    /// 301, 302, 303, 307 or 308.
    pub status: u16,
    pub to: Location,
    /// The route's own, for what the places of `to` stand for.
    pub paths: Vec<PathPattern>,
    pub keep_query: bool,
}

/// The target with its places: `{path}` is the whole path, `{rest}` what `/*` stood for, any other name a parameter of the route's
/// paths; none of them has a slash in front.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Location {
    /// Scheme and authority; empty for a path on the same host.
    base: Box<str>,
    pieces: Vec<Piece>,
    /// Without `?`.
    query: Option<Box<str>>,
    /// With `#`.
    fragment: Box<str>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Literal(Box<str>),
    Path,
    Rest,
    Parameter(Box<str>),
}

/// Why a text is no target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LocationFault {
    /// Neither an http or https URL nor a path.
    Neither,
    /// `//host` is another host to a browser.
    TwoSlashes,
    /// The host is missing, has a place or a user in it, or is none.
    Authority,
    /// A place outside of the path.
    Place,
    /// Braces that do not stand around a name.
    Braces,
    Path(PathFault),
    /// Dot segments or `//`, or an encoding that is not the usual one.
    NotNormal,
    /// A character of query or fragment that has to be percent-encoded.
    Character,
}

impl fmt::Display for LocationFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Neither => formatter.write_str("it is neither an http or https URL nor a path that begins with `/`"),
            Self::TwoSlashes => formatter.write_str("what begins with `//` names a host"),
            Self::Authority => {
                formatter.write_str("between `://` and the path there has to be a host, and nothing but it")
            }
            Self::Place => {
                formatter.write_str("query and fragment have no places: what a client sends could add to them")
            }
            Self::Braces => formatter.write_str("braces stand around a name of letters, digits, `-` and `_`"),
            Self::Path(fault) => fault.fmt(formatter),
            Self::NotNormal => {
                formatter.write_str("its path has dot segments, `//`, or characters encoded that need not be")
            }
            Self::Character => formatter.write_str("it contains a character that has to be percent-encoded"),
        }
    }
}

impl std::error::Error for LocationFault {}

impl Redirect {
    /// The `Location` for this request. `query` is what may be taken along.
    #[must_use]
    pub fn location(&self, head: &RequestHead<'_>, query: Option<&str>) -> String {
        let query = query.filter(|query| self.keep_query && !query.is_empty());
        self.to.fill(&head.path, self.pattern(&head.path), query)
    }

    /// The most specific pattern that the path has met, as the router has it, be it with the slash that `trailingSlash` looks past.
    fn pattern(&self, path: &str) -> &str {
        let path = without_parameters(path);
        let other = path.strip_suffix('/').map_or_else(|| Cow::Owned(format!("{path}/")), Cow::Borrowed);
        let matching = |form: &str| {
            self.paths.iter().filter(|pattern| pattern.matches(form)).min_by_key(|pattern| pattern.openness())
        };
        matching(&path).or_else(|| matching(&other)).map_or("", PathPattern::as_str)
    }
}

impl Location {
    pub fn parse(text: &str) -> Result<Self, LocationFault> {
        let (text, fragment) = split_at(text, '#');
        let (text, query) = split_at(text, '?');
        let (base, path) = base(text)?;
        let query = query.strip_prefix('?');
        for part in [query.unwrap_or_default(), fragment] {
            if part.contains(['{', '}']) {
                return Err(LocationFault::Place);
            }
            if part
                .bytes()
                .any(|byte| !byte.is_ascii_graphic() || matches!(byte, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'|'))
            {
                return Err(LocationFault::Character);
            }
        }
        let pieces = pieces(if path.is_empty() { "/" } else { path })?;
        normal(&pieces)?;
        Ok(Self { base: base.into(), pieces, query: query.map(Into::into), fragment: fragment.into() })
    }

    /// Whether it is a path, on whatever host the client has asked.
    #[must_use]
    pub fn is_local(&self) -> bool {
        self.base.is_empty()
    }

    /// The path, if it has no places.
    #[must_use]
    pub fn literal_path(&self) -> Option<&str> {
        match &*self.pieces {
            [Piece::Literal(path)] => Some(path),
            _ => None,
        }
    }

    /// Whether its path is the one that was asked for.
    #[must_use]
    pub fn is_whole_path(&self) -> bool {
        matches!(&*self.pieces, [Piece::Literal(slash), Piece::Path] if **slash == *"/")
    }

    /// The parameters that the paths need to have.
    pub fn parameters(&self) -> impl Iterator<Item = &str> {
        self.pieces.iter().filter_map(|piece| match piece {
            Piece::Parameter(name) => Some(&**name),
            Piece::Literal(_) | Piece::Path | Piece::Rest => None,
        })
    }

    /// Whether the paths need to end with `/*`.
    #[must_use]
    pub fn has_rest(&self) -> bool {
        self.pieces.contains(&Piece::Rest)
    }

    fn fill(&self, path: &str, pattern: &str, query: Option<&str>) -> String {
        let mut filled = String::with_capacity(path.len().saturating_add(64));
        for piece in &self.pieces {
            let text = match piece {
                Piece::Literal(literal) => literal,
                Piece::Path => path.strip_prefix('/').unwrap_or(path),
                Piece::Rest => rest(pattern, path),
                Piece::Parameter(name) => parameter(pattern, path, name).unwrap_or_default(),
            };
            // An empty place would leave two slashes, and two at the beginning would make a host of what follows.
            let text = if filled.ends_with('/') { text.trim_start_matches('/') } else { text };
            filled.push_str(text);
        }
        let mut location = String::with_capacity(self.base.len().saturating_add(filled.len()).saturating_add(64));
        location.push_str(&self.base);
        location.push_str(&filled);
        let mut mark = '?';
        for part in self.query.as_deref().into_iter().chain(query).filter(|part| !part.is_empty()) {
            location.push(mark);
            location.push_str(part);
            mark = '&';
        }
        location.push_str(&self.fragment);
        location
    }
}

/// What stands before the first `mark`, and the rest with it.
fn split_at(text: &str, mark: char) -> (&str, &str) {
    text.find(mark).and_then(|at| text.split_at_checked(at)).unwrap_or((text, ""))
}

fn base(text: &str) -> Result<(&str, &str), LocationFault> {
    if text.starts_with("//") {
        return Err(LocationFault::TwoSlashes);
    }
    if text.starts_with('/') {
        return Ok(("", text));
    }
    let Some((scheme, rest)) = text.split_once("://") else { return Err(LocationFault::Neither) };
    if !matches!(scheme, "http" | "https") {
        return Err(LocationFault::Neither);
    }
    let (authority, path) = split_at(rest, '/');
    crate::authority::Authority::parse(authority).map_err(|_| LocationFault::Authority)?;
    let end = text.len().saturating_sub(path.len());
    Ok((text.get(..end).unwrap_or_default(), path))
}

fn pieces(path: &str) -> Result<Vec<Piece>, LocationFault> {
    let mut pieces = Vec::new();
    let mut left = path;
    while let Some((before, after)) = left.split_once('{') {
        let (name, after) = after.split_once('}').ok_or(LocationFault::Braces)?;
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
        if name.is_empty() || !name.bytes().all(letter) {
            return Err(LocationFault::Braces);
        }
        if !before.is_empty() {
            pieces.push(Piece::Literal(before.into()));
        }
        pieces.push(match name {
            "path" => Piece::Path,
            "rest" => Piece::Rest,
            name => Piece::Parameter(name.into()),
        });
        left = after;
    }
    if !left.is_empty() {
        pieces.push(Piece::Literal(left.into()));
    }
    Ok(pieces)
}

/// Whether it is a normal path with something plain in its places.
fn normal(pieces: &[Piece]) -> Result<(), LocationFault> {
    let sample: String = pieces
        .iter()
        .map(|piece| match piece {
            Piece::Literal(literal) => literal,
            Piece::Path | Piece::Rest | Piece::Parameter(_) => "x",
        })
        .collect();
    let normal = normal_form(&sample).map_err(LocationFault::Path)?;
    if *normal == *sample { Ok(()) } else { Err(LocationFault::NotNormal) }
}

/// Segment by segment: both have the same number of them up to `/*`.
fn parameter<'p>(pattern: &str, path: &'p str, name: &str) -> Option<&'p str> {
    let is_it = |piece: &str| piece.strip_prefix('{').and_then(|piece| piece.strip_suffix('}')) == Some(name);
    pattern.split('/').zip(path.split('/')).find(|(piece, _)| is_it(piece)).map(|(_, segment)| segment)
}

fn rest<'p>(pattern: &str, path: &'p str) -> &'p str {
    let segments = pattern.split('/').count();
    path.splitn(segments, '/').nth(segments.saturating_sub(1)).unwrap_or_default()
}

#[cfg(test)]
#[path = "redirect/tests.rs"]
mod tests;
