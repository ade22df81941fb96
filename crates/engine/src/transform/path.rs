//! Changes to the path. Whatever a capture holds, the result is a path in normal form, or the request is refused.

use super::misfit::{Cause, Misfit};
use crate::path::{PathFault, normal_form};
use crate::route::capture::Captures;
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathEdit {
    ReplacePrefix(PrefixEdit),
    Template(PathTemplate),
}

/// A prefix of whole segments, and what stands there instead. Both without a slash at their end; the root is empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PrefixEdit {
    from: Box<str>,
    to: Box<str>,
}

/// `/internal/{id}/{rest}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathTemplate {
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Capture(Box<str>),
}

/// Why a text is no path to make of another one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PathEditFault {
    /// It has no normal form.
    Path(PathFault),
    /// It is not in normal form.
    NotNormal { normal: Box<str> },
    /// A brace without the other one, or nothing between them.
    Braces,
    /// A query: that is changed by other keys.
    Query,
    /// Not every path of the route has this parameter.
    Capture { name: Box<str>, path: Box<str> },
}

impl fmt::Display for PathEditFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Path(fault) => fault.fmt(formatter),
            Self::NotNormal { normal } => write!(formatter, "the path is not in its normal form, `{normal}`"),
            Self::Braces => formatter.write_str("a parameter is a name between braces: `{id}`"),
            Self::Query => formatter.write_str("the query is no part of the path"),
            Self::Capture { name, path } => {
                write!(formatter, "a request for `{path}` has nothing to put in place of `{{{name}}}`")
            }
        }
    }
}

impl std::error::Error for PathEditFault {}

impl PathEditFault {
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Path(_) => "write a path such as `/internal/orders`, other characters percent-encoded".to_owned(),
            Self::NotNormal { normal } => format!("write `{normal}`"),
            Self::Braces => "braces that are meant themselves are `%7B` and `%7D`".to_owned(),
            Self::Query => "set parameters by `query: { set: { NAME: VALUE } }`".to_owned(),
            Self::Capture { .. } => {
                "name the segment alike in all `paths` of the route (what `/*` matches is `{rest}`), or split the route"
                    .to_owned()
            }
        }
    }
}

/// Without the slash at the end of a path in normal form.
fn prefix(text: &str) -> Result<Box<str>, PathEditFault> {
    if text.contains('?') {
        return Err(PathEditFault::Query);
    }
    let normal = normal_form(text).map_err(PathEditFault::Path)?;
    if normal != text {
        return Err(PathEditFault::NotNormal { normal: normal.into() });
    }
    Ok(text.strip_suffix('/').unwrap_or(text).into())
}

impl PrefixEdit {
    pub fn new(from: &str, to: &str) -> Result<Self, (PathEditFault, &'static str)> {
        let from = prefix(from).map_err(|fault| (fault, "from"))?;
        Ok(Self { from, to: prefix(to).map_err(|fault| (fault, "to"))? })
    }

    /// The segments that are taken away.
    pub fn segments(&self) -> impl Iterator<Item = &str> {
        self.from.split('/').skip(1)
    }

    /// None: the path does not begin so. A segment goes with its `;parameters`, which routes do not look at either.
    fn apply(&self, path: &str) -> Option<String> {
        let mut rest = path;
        for segment in self.segments() {
            let after = rest.strip_prefix('/')?;
            let end = after.find('/').unwrap_or(after.len());
            let (found, behind) = after.split_at_checked(end)?;
            if found.split(';').next() != Some(segment) {
                return None;
            }
            rest = behind;
        }
        let mut path = self.to.to_string();
        path.push_str(rest);
        if path.is_empty() {
            path.push('/');
        }
        Some(path)
    }
}

impl PathTemplate {
    /// `paths`: each path of the route with the names of its parameters.
    pub fn parse(text: &str, paths: &[(&str, Vec<&str>)]) -> Result<Self, PathEditFault> {
        if text.contains('?') {
            return Err(PathEditFault::Query);
        }
        let mut parts = Vec::new();
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            let (literal, from) = rest.split_at_checked(at).ok_or(PathEditFault::Braces)?;
            let (name, after) =
                from.strip_prefix('{').and_then(|inside| inside.split_once('}')).ok_or(PathEditFault::Braces)?;
            if name.is_empty() || name.contains('{') {
                return Err(PathEditFault::Braces);
            }
            if let Some((path, _)) = paths.iter().find(|(_, names)| !names.contains(&name)) {
                return Err(PathEditFault::Capture { name: name.into(), path: (*path).into() });
            }
            if !literal.is_empty() {
                parts.push(Part::Literal(literal.into()));
            }
            parts.push(Part::Capture(name.into()));
            rest = after;
        }
        if !rest.is_empty() {
            parts.push(Part::Literal(rest.into()));
        }
        let template = Self { parts: parts.into_boxed_slice() };
        let filled: String = template.parts.iter().map(|part| part.text(&|_| "x")).collect();
        let normal = normal_form(&filled).map_err(PathEditFault::Path)?;
        if normal != filled {
            return Err(PathEditFault::NotNormal { normal: normal.into() });
        }
        Ok(template)
    }

    #[must_use]
    pub fn asks_captures(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Capture(_)))
    }

    fn apply(&self, captures: Option<&Captures>) -> Result<String, Misfit> {
        let value = |name: &str| captures.and_then(|captures| captures.get(name)).unwrap_or_default();
        let mut filled = String::new();
        for part in &self.parts {
            let text = part.text(&value);
            // A capture that is empty leaves no empty segment.
            let text = if filled.ends_with('/') { text.trim_start_matches('/') } else { text };
            filled.push_str(text);
        }
        let ends_in_rest = matches!(self.parts.last(), Some(Part::Capture(name)) if captures.is_some_and(|captures| captures.is_bare(name)));
        if ends_in_rest && filled.len() > 1 && filled.ends_with('/') {
            filled.pop();
        }
        let escapes = || Misfit::new(Cause::Unfit, "what the path's parameters stand for makes no path in normal form");
        // Not resolved, refused: what would climb out of the template is not what its author meant.
        match normal_form(&filled) {
            Ok(normal) if normal == filled => Ok(filled),
            Ok(_) | Err(_) => Err(escapes()),
        }
    }
}

impl Part {
    fn text<'p>(&'p self, value: &impl Fn(&str) -> &'p str) -> &'p str {
        match self {
            Self::Literal(literal) => literal,
            Self::Capture(name) => value(name),
        }
    }
}

impl PathEdit {
    /// None: it stays.
    pub(super) fn apply(&self, path: &str, captures: Option<&Captures>) -> Result<Option<String>, Misfit> {
        match self {
            Self::ReplacePrefix(prefix) => Ok(prefix.apply(path)),
            Self::Template(template) => template.apply(captures).map(Some),
        }
    }
}
