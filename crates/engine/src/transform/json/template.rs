//! JSON with `{{variable}}`s: values are escaped as what they become a part of, so that it is JSON whatever they are.

use super::split::{Parts, decoded, is_list, is_object};
use crate::transform::absent::Absent;
use crate::transform::misfit::{Cause, Misfit};
use crate::transform::text::{Text, TextFault};
use crate::transform::variable::{Facts, Found, Scope, Variable};
use serde::de::IgnoredAny;
use std::fmt;

/// How deep what is written may be nested.
const DEPTH_MAX: usize = 64;
/// How long a template's own text may be.
const TEXT_BYTES_MAX: usize = 64 * 1_024;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonTemplate {
    tree: Tree,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Tree {
    /// A JSON text without variables.
    Fixed(Box<str>),
    /// A string with variables in it.
    String(Text),
    /// One variable alone, which keeps its type.
    Lone(Text),
    List(Box<[Tree]>),
    /// Keys with their quotes.
    Object(Box<[(Box<str>, Tree)]>),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JsonFault {
    /// The parser's words.
    NotJson(String),
    TooDeep,
    TooLong,
    /// Variables stand for values.
    VariableKey(String),
    /// An object has this name twice.
    TwiceNamed(String),
    Text(TextFault),
}

impl fmt::Display for JsonFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(cause) => write!(formatter, "it is not JSON: {cause}"),
            Self::TooDeep => write!(formatter, "it is nested deeper than {DEPTH_MAX} levels"),
            Self::TooLong => write!(formatter, "it is longer than {TEXT_BYTES_MAX} bytes"),
            Self::VariableKey(key) => write!(formatter, "the name `{key}` has a variable in it"),
            Self::TwiceNamed(key) => write!(formatter, "it has the name `{key}` twice"),
            Self::Text(fault) => fault.fmt(formatter),
        }
    }
}

impl std::error::Error for JsonFault {}

impl JsonFault {
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::NotJson(_) => {
                "write a map, or JSON in which a variable stands within a string or in place of a value".to_owned()
            }
            Self::TooDeep | Self::TooLong => "make it smaller".to_owned(),
            Self::VariableKey(_) => "names are fixed; variables stand for values".to_owned(),
            Self::TwiceNamed(_) => "remove one of them".to_owned(),
            Self::Text(fault) => fault.help(),
        }
    }

    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Text(fault) => fault.word(),
            Self::VariableKey(key) | Self::TwiceNamed(key) => key,
            Self::NotJson(_) | Self::TooDeep | Self::TooLong => "",
        }
    }
}

impl JsonTemplate {
    /// `text` is JSON, but for `{{variable}}`s that stand in place of a value.
    pub fn parse(text: &str, scope: &Scope<'_>) -> Result<Self, JsonFault> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(JsonFault::TooLong);
        }
        let quoted = quote_lone(text);
        serde_json::from_str::<IgnoredAny>(&quoted).map_err(|fault| JsonFault::NotJson(fault.to_string()))?;
        Ok(Self { tree: tree(quoted.trim(), scope, DEPTH_MAX)? })
    }

    #[must_use]
    pub fn asks_captures(&self) -> bool {
        self.tree.asks_captures()
    }

    /// It is a text, number, boolean or null whatever the variables are: nothing can be below it.
    #[must_use]
    pub(super) fn is_scalar(&self) -> bool {
        match &self.tree {
            Tree::Fixed(text) => !is_object(text) && !is_list(text),
            Tree::String(_) => true,
            Tree::Lone(_) | Tree::List(_) | Tree::Object(_) => false,
        }
    }

    /// A whole body; nothing at all is `null`.
    pub(in super::super) fn body(&self, facts: &Facts<'_>, absent: &Absent) -> Result<String, Misfit> {
        let mut out = String::new();
        if !self.tree.write(facts, absent, &mut out)? {
            out.push_str("null");
        }
        Ok(out)
    }

    /// None: it is absent, and to be left out.
    pub(super) fn render(&self, facts: &Facts<'_>, absent: &Absent) -> Result<Option<String>, Misfit> {
        let mut out = String::new();
        Ok(self.tree.write(facts, absent, &mut out)?.then_some(out))
    }
}

/// Variables outside of strings get quotes, which they lose again when they are all of a string.
fn quote_lone(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let (mut in_string, mut escaped) = (false, false);
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        if !in_string
            && let Some((inside, after)) = rest.strip_prefix("{{").and_then(|inside| inside.split_once("}}"))
            && !inside.contains(['"', '{', '\n'])
        {
            out.push_str("\"{{");
            out.push_str(inside);
            out.push_str("}}\"");
            rest = after;
            continue;
        }
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = in_string,
            '"' => in_string = !in_string,
            _ => {}
        }
        out.push(character);
        rest = rest.get(character.len_utf8()..).unwrap_or_default();
    }
    out
}

fn tree(text: &str, scope: &Scope<'_>, depth: usize) -> Result<Tree, JsonFault> {
    let depth = depth.checked_sub(1).ok_or(JsonFault::TooDeep)?;
    if is_object(text) {
        let mut members: Vec<(Box<str>, Tree)> = Vec::new();
        for part in Parts::of(text) {
            let key = part.key.unwrap_or_default();
            let name = decoded(key).unwrap_or_default();
            if name.contains("{{") {
                return Err(JsonFault::VariableKey(name.into_owned()));
            }
            if members.iter().any(|(other, _)| decoded(other).is_some_and(|other| other == name)) {
                return Err(JsonFault::TwiceNamed(name.into_owned()));
            }
            members.push((key.into(), tree(part.value, scope, depth)?));
        }
        let is_fixed = members.iter().all(|(_, tree)| matches!(tree, Tree::Fixed(_)));
        return Ok(if is_fixed { Tree::Fixed(text.into()) } else { Tree::Object(members.into()) });
    }
    if is_list(text) {
        let items = Parts::of(text).map(|part| tree(part.value, scope, depth)).collect::<Result<Vec<_>, _>>()?;
        let is_fixed = items.iter().all(|tree| matches!(tree, Tree::Fixed(_)));
        return Ok(if is_fixed { Tree::Fixed(text.into()) } else { Tree::List(items.into()) });
    }
    let Some(string) = text.starts_with('"').then(|| decoded(text)).flatten() else {
        return Ok(Tree::Fixed(text.into()));
    };
    let filled = Text::parse(&string, scope).map_err(JsonFault::Text)?;
    Ok(match filled.literal() {
        // `{{{{` is two braces by now.
        Some(literal) => {
            let mut fixed = String::new();
            super::push_string(literal, &mut fixed);
            Tree::Fixed(fixed.into())
        }
        None if filled.lone().is_some() => Tree::Lone(filled),
        None => Tree::String(filled),
    })
}

impl Tree {
    fn asks_captures(&self) -> bool {
        match self {
            Self::Fixed(_) => false,
            Self::String(text) | Self::Lone(text) => text.asks_captures(),
            Self::List(items) => items.iter().any(Self::asks_captures),
            Self::Object(members) => members.iter().any(|(_, tree)| tree.asks_captures()),
        }
    }

    /// False: it is absent, and nothing was written.
    fn write(&self, facts: &Facts<'_>, absent: &Absent, out: &mut String) -> Result<bool, Misfit> {
        match self {
            Self::Fixed(text) => out.push_str(text),
            Self::String(text) => match text.fill(facts) {
                Ok(filled) => super::push_string(&filled, out),
                Err(variable) => return instead(&variable, absent, out),
            },
            Self::Lone(text) => match text.lone().and_then(|variable| variable.value(facts)) {
                Some(found) => Found::push_json(&found, out),
                None => return instead(&text.lone().map(Variable::name).unwrap_or_default(), absent, out),
            },
            Self::List(items) => {
                let mut wrote = false;
                out.push('[');
                for item in items {
                    let before = out.len();
                    out.push_str(if wrote { "," } else { "" });
                    if item.write(facts, absent, out)? {
                        wrote = true;
                    } else {
                        out.truncate(before);
                    }
                }
                out.push(']');
            }
            Self::Object(members) => {
                let mut wrote = false;
                out.push('{');
                for (key, member) in members {
                    let before = out.len();
                    out.push_str(if wrote { "," } else { "" });
                    out.push_str(key);
                    out.push(':');
                    if member.write(facts, absent, out)? {
                        wrote = true;
                    } else {
                        out.truncate(before);
                    }
                }
                out.push('}');
            }
        }
        Ok(true)
    }
}

fn instead(variable: &str, absent: &Absent, out: &mut String) -> Result<bool, Misfit> {
    let misfit = Misfit::new(Cause::Missing, format!("the body needs {variable}, which is absent"));
    let default = absent.instead(misfit)?;
    out.push_str(default.unwrap_or_default());
    Ok(default.is_some())
}
