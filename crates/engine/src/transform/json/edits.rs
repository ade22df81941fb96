//! Steps that change a JSON document, one after the other.

use super::node::Node;
use super::pointer::Pointer;
use super::template::JsonTemplate;
use crate::transform::absent::Absent;
use crate::transform::misfit::{Cause, Misfit};
use crate::transform::variable::Facts;
use std::fmt;

/// How many steps one body may have.
pub const STEPS_MAX: usize = 64;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Puts a value there, in place of what is there.
    Set {
        at: Pointer,
        value: JsonTemplate,
        absent: Absent,
    },
    Remove {
        at: Pointer,
        absent: Absent,
    },
    /// Gives a member another name where it is.
    Rename {
        at: Pointer,
        to: Box<str>,
        absent: Absent,
    },
    Move {
        from: Pointer,
        to: Pointer,
        absent: Absent,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JsonEdits(Box<[Step]>);

/// What is wrong with a step, seen from those before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StepFault {
    /// It is about the whole document.
    Root,
    /// `-` where no item can be added.
    Append,
    /// What an earlier step has put there has nothing below it.
    BelowScalar {
        earlier: usize,
        at: Box<str>,
    },
    /// It would move something into itself.
    IntoItself,
    /// The name that it has already.
    SameName,
    TooMany,
}

impl fmt::Display for StepFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => formatter.write_str("a step changes a part of the document, not all of it"),
            Self::Append => formatter.write_str("`-` is the place behind the last item: nothing is there yet"),
            Self::BelowScalar { earlier, at } => {
                write!(formatter, "step {earlier} has put a value without parts at `{at}`: nothing can be below it")
            }
            Self::IntoItself => formatter.write_str("this would move something into itself"),
            Self::SameName => formatter.write_str("this is the name that it has already"),
            Self::TooMany => write!(formatter, "there are more than {STEPS_MAX} steps"),
        }
    }
}

impl std::error::Error for StepFault {}

impl StepFault {
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::Root => "write `template` for a whole new body, or a pointer such as `/order`",
            Self::Append => "use `-` at the end of `set` or of `to`; an item that is there has a number",
            Self::BelowScalar { .. } => "set the whole value in one step, or swap the steps",
            Self::IntoItself | Self::SameName => "name another place",
            Self::TooMany => "write `template` for a whole new body",
        }
    }
}

impl JsonEdits {
    /// The fault comes with the place of its step.
    pub fn new(steps: Vec<Step>) -> Result<Self, (usize, StepFault)> {
        if steps.len() > STEPS_MAX {
            return Err((STEPS_MAX, StepFault::TooMany));
        }
        for (place, step) in steps.iter().enumerate() {
            check(step, steps.get(..place).unwrap_or_default()).map_err(|fault| (place, fault))?;
        }
        Ok(Self(steps.into_boxed_slice()))
    }

    #[must_use]
    pub fn asks_captures(&self) -> bool {
        self.0.iter().any(|step| matches!(step, Step::Set { value, .. } if value.asks_captures()))
    }

    /// `text` is known to be JSON.
    pub(in super::super) fn apply(&self, text: &str, facts: &Facts<'_>) -> Result<String, Misfit> {
        let mut document = Node::of(text);
        for step in &self.0 {
            apply(step, &mut document, facts)?;
        }
        let mut out = String::with_capacity(text.len());
        document.write(&mut out);
        Ok(out)
    }
}

fn check(step: &Step, earlier: &[Step]) -> Result<(), StepFault> {
    let appends = |pointer: &Pointer| pointer.tokens().iter().any(|token| **token == *"-");
    let appends_within = |pointer: &Pointer| {
        pointer.tokens().split_last().is_some_and(|(_, path)| path.iter().any(|token| **token == *"-"))
    };
    let (taken, put) = match step {
        Step::Set { at, .. } => (None, Some(at)),
        Step::Remove { at, .. } | Step::Rename { at, .. } => (Some(at), None),
        Step::Move { from, to, .. } => (Some(from), Some(to)),
    };
    if taken.into_iter().chain(put).any(|pointer| pointer.tokens().is_empty()) {
        return Err(StepFault::Root);
    }
    if taken.is_some_and(appends) || put.is_some_and(appends_within) {
        return Err(StepFault::Append);
    }
    match step {
        Step::Move { from, to, .. } if to.is_within(from) => return Err(StepFault::IntoItself),
        Step::Rename { at, to, .. } if at.tokens().last() == Some(to) => return Err(StepFault::SameName),
        Step::Set { .. } | Step::Remove { .. } | Step::Rename { .. } | Step::Move { .. } => {}
    }
    taken.into_iter().chain(put).try_for_each(|pointer| below_scalar(pointer, earlier))
}

/// Whether a step before has made it impossible that anything is there.
fn below_scalar(pointer: &Pointer, earlier: &[Step]) -> Result<(), StepFault> {
    for (place, step) in earlier.iter().enumerate().rev() {
        match step {
            Step::Set { at, value, .. } if pointer != at && pointer.is_within(at) => {
                if value.is_scalar() {
                    let earlier = place.saturating_add(1);
                    return Err(StepFault::BelowScalar { earlier, at: at.as_str().into() });
                }
                return Ok(());
            }
            // What was there is gone, or is something else.
            Step::Remove { at, .. } | Step::Rename { at, .. } if pointer.is_within(at) => return Ok(()),
            Step::Move { from, to, .. } if pointer.is_within(from) || pointer.is_within(to) => return Ok(()),
            Step::Set { .. } | Step::Remove { .. } | Step::Rename { .. } | Step::Move { .. } => {}
        }
    }
    Ok(())
}

fn apply<'t>(step: &'t Step, document: &mut Node<'t>, facts: &Facts<'_>) -> Result<(), Misfit> {
    match step {
        Step::Set { at, value, absent } => {
            let Some(value) = value.render(facts, absent)? else { return Ok(()) };
            put(document, at, owned(value), absent)
        }
        Step::Remove { at, absent } => match document.holder(at.tokens())? {
            Some((holder, spot)) => {
                holder.take(spot);
                Ok(())
            }
            None => nothing(at, absent).map(drop),
        },
        Step::Rename { at, to, absent } => {
            if let Some((holder, spot)) = document.holder(at.tokens())? {
                return if holder.rename(spot, to) { Ok(()) } else { nothing(at, absent).map(drop) };
            }
            let Some(default) = nothing(at, absent)? else { return Ok(()) };
            let mut tokens = at.tokens().to_vec();
            tokens.pop();
            tokens.push(to.clone());
            placed(document.put(&tokens, Node::of(default))?, at, absent)
        }
        Step::Move { from, to, absent } => {
            // Asked first: what is taken out and finds no place would be lost.
            if document.holder(from.tokens())?.is_some() && !document.has_room(to.tokens())? {
                return placed(false, to, absent);
            }
            match document.holder(from.tokens())?.and_then(|(holder, spot)| holder.take(spot)) {
                // Only the place behind the end of the list that it came from is gone with it.
                Some(value) => put(document, to, value, &Absent::Refuse),
                None => match nothing(from, absent)? {
                    Some(default) => put(document, to, Node::of(default), absent),
                    None => Ok(()),
                },
            }
        }
    }
}

fn owned<'t>(text: String) -> Node<'t> {
    Node::Text(text.into())
}

fn put<'t>(document: &mut Node<'t>, at: &Pointer, value: Node<'t>, absent: &Absent) -> Result<(), Misfit> {
    placed(document.put(at.tokens(), value)?, at, absent)
}

/// A place that cannot be made is left alone, unless the step insists.
fn placed(is_placed: bool, at: &Pointer, absent: &Absent) -> Result<(), Misfit> {
    if is_placed || *absent != Absent::Refuse {
        return Ok(());
    }
    Err(Misfit::new(Cause::Missing, format!("the body has no place for {}", at.as_str())))
}

/// What is done where nothing is.
fn nothing<'a>(at: &Pointer, absent: &'a Absent) -> Result<Option<&'a str>, Misfit> {
    absent.instead(Misfit::new(Cause::Missing, format!("the body has nothing at {}", at.as_str())))
}
