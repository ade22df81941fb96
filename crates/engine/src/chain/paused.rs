//! A request that stopped before its identity: what has been taken of its limits, and what is known of who calls. Nothing can be
//! forwarded with it.

use super::asking::{Answers, Question};
use super::{Limited, Outcome};
use crate::denial::Denial;
use crate::identity::Identity;
use crate::names::RouteId;
use crate::policy::jwt::Patience;
use crate::reason::Reason;

/// All that a request takes along over a pause.
#[derive(Debug)]
pub(super) struct Paused {
    pub(super) route: RouteId,
    /// Stays taken.
    pub(super) limited: Limited,
    pub(super) known: Known,
}

/// An admission that waits for an answer.
#[derive(Debug)]
pub struct Asking {
    pub(super) paused: Paused,
    pub(super) question: Question,
}

impl Asking {
    #[must_use]
    pub const fn question(&self) -> &Question {
        &self.question
    }

    #[must_use]
    pub const fn route(&self) -> RouteId {
        self.paused.route
    }
}

/// What a walk through the ways in goes by. Each pause adds to it and none takes from it, so that a request which waits for keys and
/// asks a service, or the reverse, comes to an end.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) patience: Patience,
    pub(super) answers: Answers,
}

impl Default for Known {
    fn default() -> Self {
        Self { patience: Patience::Asks, answers: Answers::default() }
    }
}

/// A request begins and ends with one config.
pub(super) fn gone() -> Outcome {
    let denial = Denial::new(Reason::InternalError).because("a request went on with another config");
    Outcome::Denied { route: None, identity: Identity::default(), denial }
}
