//! Why a request or an answer cannot be given its shape, for the record; which reason that is, depends on the side.

use super::side::Side;
use crate::denial::Denial;
use crate::reason::Reason;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    pub cause: Cause,
    /// For the operator.
    pub text: Box<str>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// A value is absent, and its `absent` says `refuse`.
    Missing,
    /// A value is there, and cannot stand where it should.
    Unfit,
    /// The body is not what can be edited.
    Unreadable,
}

impl Misfit {
    pub(super) fn new(cause: Cause, text: impl Into<Box<str>>) -> Self {
        Self { cause, text: text.into() }
    }

    #[must_use]
    pub fn unreadable(text: impl Into<Box<str>>) -> Self {
        Self::new(Cause::Unreadable, text)
    }

    #[must_use]
    pub fn denial(self, side: Side) -> Denial {
        let reason = match (side, self.cause) {
            (Side::Request, Cause::Missing) => Reason::TransformValueMissing,
            (Side::Request, Cause::Unfit) => Reason::TransformValueUnfit,
            (Side::Request, Cause::Unreadable) => Reason::TransformBodyUnreadable,
            (Side::Response, Cause::Missing | Cause::Unfit) => Reason::ResponseValueMissing,
            (Side::Response, Cause::Unreadable) => Reason::ResponseUnreadable,
        };
        Denial::new(reason).because(self.text)
    }
}
