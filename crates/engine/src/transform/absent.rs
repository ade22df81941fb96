//! A value with what becomes of it when it is not there.

use super::misfit::{Cause, Misfit};
use super::text::Text;
use super::variable::Facts;
use std::borrow::Cow;
use std::fmt::Display;

/// What is done without a value, or with one that cannot stand in its place.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Absent {
    /// What it was for is left out.
    #[default]
    Omit,
    /// The request is refused.
    Refuse,
    /// This stands in for it; in a JSON body a JSON text.
    Default(Box<str>),
}

/// A text that is filled in for each request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Value {
    pub text: Text,
    pub absent: Absent,
}

impl Value {
    /// None: it is to be left out. `what` names its place for the record.
    pub(super) fn resolve<'v>(
        &'v self,
        facts: &Facts<'v>,
        what: &dyn Display,
        fits: impl Fn(&str) -> bool,
    ) -> Result<Option<Cow<'v, str>>, Misfit> {
        let misfit = match self.text.fill(facts) {
            Ok(filled) if fits(&filled) => return Ok(Some(filled)),
            // Not the value itself: it is whatever a client sent.
            Ok(_) => Misfit::new(Cause::Unfit, format!("the value for {what} cannot stand there")),
            Err(variable) => Misfit::new(Cause::Missing, format!("{what} needs {variable}, which is absent")),
        };
        self.absent.instead(misfit).map(|default| default.map(Cow::Borrowed))
    }
}

impl Absent {
    /// What stands in for a value that cannot be had.
    pub(super) fn instead(&self, misfit: Misfit) -> Result<Option<&str>, Misfit> {
        match self {
            Self::Omit => Ok(None),
            Self::Refuse => Err(misfit),
            Self::Default(default) => Ok(Some(default)),
        }
    }
}
