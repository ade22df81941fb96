//! What admission has to ask somebody else, and the answers it has so far. The walk through a route's `auth` is made anew with each
//! answer, so nothing of it has to be kept but these.

use super::Room;
use crate::denial::Denial;
use crate::identity::Consumer;
use crate::policy::basic::{PasswordAnswer, PasswordQuestion};
use crate::policy::forward_auth::{ServiceAnswer, ServiceQuestion, Standing};
use crate::reason::Reason;
use std::sync::Arc;

/// What has to be found out elsewhere.
#[derive(Clone, Debug)]
pub enum Question {
    /// Work that takes long.
    Password(PasswordQuestion),
    /// Somebody else's word.
    Service(ServiceQuestion),
}

/// What was found out.
#[derive(Debug)]
pub enum Answer {
    Password(PasswordAnswer),
    Service(ServiceAnswer),
}

/// What has been answered. Each question is asked once, so a route's `auth` bounds them.
#[derive(Debug, Default)]
pub(super) struct Answers {
    pub(super) password: Option<Result<Arc<Consumer>, Denial>>,
    services: Vec<(usize, Standing)>,
}

impl Answers {
    pub(super) fn of_service(&self, service: usize) -> Option<&Standing> {
        self.services.iter().find(|(asked, _)| *asked == service).map(|(_, standing)| standing)
    }

    /// Here, once for each answer, it is remembered what there is to remember, and counted what there is to count.
    pub(super) fn take(&mut self, room: Room<'_>, question: Question, answer: Answer) {
        let mixed = || Denial::new(Reason::InternalError).because("the answer is not to the question");
        match (question, answer) {
            (Question::Password(question), Answer::Password(answer)) => {
                self.password = Some(room.snapshot.users.judge(question, answer, room.now));
            }
            (Question::Service(question), Answer::Service(answer)) => {
                let standing = match room.snapshot.auth_services.get(question.service) {
                    Some(service) => service.policy.judge(&question, answer, room.now),
                    None => Err(Denial::new(Reason::InternalError).because("an auth service that is not there")),
                };
                self.services.push((question.service, standing));
            }
            (Question::Password(_), Answer::Service(_)) => self.password = Some(Err(mixed())),
            (Question::Service(question), Answer::Password(_)) => self.services.push((question.service, Err(mixed()))),
        }
    }
}

/// Why the walk does not go on now.
#[derive(Debug)]
pub(super) enum Halt {
    Denied(Denial),
    Ask(Box<Question>),
}

impl From<Denial> for Halt {
    fn from(denial: Denial) -> Self {
        Self::Denied(denial)
    }
}
