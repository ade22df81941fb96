//! Texts with `{{variable}}`s that go into requests and answers. They are not those of error templates: what they are filled with is
//! never cut and never escaped here, and a variable that stands for nothing makes the whole text absent.

use super::variable::{Facts, Found, Scope, Variable, VariableFault};
use std::borrow::Cow;
use std::fmt;

const OPEN: &str = "{{";
const CLOSE: &str = "}}";

/// How long a text may be.
pub const TEXT_BYTES_MAX: usize = 8 * 1_024;
/// How many variables one text may have.
pub const VARIABLES_MAX: usize = 32;

/// Ready to be filled in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Literal(Box<str>),
    Variable(Variable),
}

/// Why a text cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TextFault {
    /// `{{` without `}}`.
    Unclosed,
    /// More than [`TEXT_BYTES_MAX`].
    TooLong,
    /// More than [`VARIABLES_MAX`].
    TooManyVariables,
    Variable(VariableFault),
}

impl fmt::Display for TextFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unclosed => formatter.write_str("`{{` is not closed by `}}`"),
            Self::TooLong => write!(formatter, "the text is longer than {TEXT_BYTES_MAX} bytes"),
            Self::TooManyVariables => write!(formatter, "the text has more than {VARIABLES_MAX} variables"),
            Self::Variable(fault) => fault.fmt(formatter),
        }
    }
}

impl std::error::Error for TextFault {}

impl TextFault {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> String {
        match self {
            Self::Unclosed => "close it, or write `{{{{` for two literal braces".to_owned(),
            Self::TooLong => "shorten it".to_owned(),
            Self::TooManyVariables => "name some of them fewer times".to_owned(),
            Self::Variable(fault) => fault.help(),
        }
    }

    /// The variable as the text spells it, braces aside, if it is about one.
    #[must_use]
    pub fn word(&self) -> &str {
        match self {
            Self::Variable(fault) => fault.name(),
            Self::Unclosed | Self::TooLong | Self::TooManyVariables => "",
        }
    }
}

impl Text {
    pub fn parse(text: &str, scope: &Scope<'_>) -> Result<Self, TextFault> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(TextFault::TooLong);
        }
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut variables: usize = 0;
        let mut rest = text;
        while let Some((before, from)) = rest.split_once(OPEN) {
            literal.push_str(before);
            if let Some(after) = from.strip_prefix(OPEN) {
                literal.push_str(OPEN);
                rest = after;
                continue;
            }
            let (inside, after) = from.split_once(CLOSE).ok_or(TextFault::Unclosed)?;
            let variable = Variable::named(inside.trim(), scope).map_err(TextFault::Variable)?;
            variables = variables.saturating_add(1);
            if !literal.is_empty() {
                parts.push(Part::Literal(std::mem::take(&mut literal).into_boxed_str()));
            }
            parts.push(Part::Variable(variable));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal.into_boxed_str()));
        }
        if variables > VARIABLES_MAX {
            return Err(TextFault::TooManyVariables);
        }
        Ok(Self { parts: parts.into_boxed_slice() })
    }

    /// The whole text, if it has no variables.
    #[must_use]
    pub fn literal(&self) -> Option<&str> {
        match &*self.parts {
            [] => Some(""),
            [Part::Literal(literal)] => Some(literal),
            [Part::Variable(_)] | [_, _, ..] => None,
        }
    }

    /// All that is literal in it.
    pub fn literals(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Literal(literal) => Some(&**literal),
            Part::Variable(_) => None,
        })
    }

    /// The variable that is all of it.
    pub(super) fn lone(&self) -> Option<&Variable> {
        match &*self.parts {
            [Part::Variable(variable)] => Some(variable),
            [] | [Part::Literal(_)] | [_, _, ..] => None,
        }
    }

    #[must_use]
    pub fn asks_captures(&self) -> bool {
        self.parts.iter().any(|part| match part {
            Part::Literal(_) => false,
            Part::Variable(variable) => variable.is_capture(),
        })
    }

    /// The variable that stands for nothing, if one does.
    pub(super) fn fill<'v>(&'v self, facts: &Facts<'v>) -> Result<Cow<'v, str>, String> {
        match &*self.parts {
            [] => Ok(Cow::Borrowed("")),
            [Part::Literal(literal)] => Ok(Cow::Borrowed(literal)),
            [Part::Variable(variable)] => text(variable, facts),
            parts => {
                let mut filled = String::new();
                for part in parts {
                    match part {
                        Part::Literal(literal) => filled.push_str(literal),
                        Part::Variable(variable) => filled.push_str(&text(variable, facts)?),
                    }
                }
                Ok(Cow::Owned(filled))
            }
        }
    }
}

fn text<'v>(variable: &'v Variable, facts: &Facts<'v>) -> Result<Cow<'v, str>, String> {
    variable.value(facts).and_then(Found::into_text).ok_or_else(|| variable.name())
}
