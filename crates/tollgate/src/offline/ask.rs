//! What admission asks for, answered without a network: a password is verified here and now, and an auth service is not asked. Its
//! answer is the one that the user gives, if any.

use config::AuthAnswer;
use engine::chain::{Answer, Question};
use engine::live::Live;
use engine::policy::basic::PasswordAnswer;
use engine::policy::forward_auth::{ServiceAnswer, ServiceQuestion, ServiceReply, TOLD};
use engine::snapshot::Snapshot;
use http::{HeaderMap, HeaderName, HeaderValue};
use limits::clock::Now;

/// None if nobody has said what the service answers.
pub(super) fn answer(question: &Question, given: Option<&AuthAnswer>, live: &Live, now: Now) -> Option<Answer> {
    match question {
        Question::Password(question) => Some(Answer::Password(match question.stake(live, now) {
            Err(retry_after) => PasswordAnswer::Exceeded { retry_after },
            Ok(()) if question.hash.verifies(question.password.bytes()) => {
                question.win_back(live, now);
                PasswordAnswer::Match
            }
            Ok(()) => PasswordAnswer::Mismatch,
        })),
        Question::Service(_) => Some(Answer::Service(ServiceAnswer::Answered(reply(given?)))),
    }
}

/// What cannot stand in an answer is left out of it; the config and the command line have seen to it before.
fn reply(given: &AuthAnswer) -> ServiceReply {
    let mut headers = HeaderMap::new();
    for (name, value) in &given.headers {
        let name = HeaderName::from_bytes(name.as_bytes());
        if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(value.trim())) {
            headers.append(name, value);
        }
    }
    ServiceReply { status: given.status, headers, body: Vec::new() }
}

/// A call that a running gateway would make.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) service: String,
    pub(crate) url: String,
    /// What the service is told about the request; of what is copied from it, the names alone.
    pub(crate) fields: Vec<(String, String)>,
}

impl Call {
    pub(super) fn of(question: &Question, snapshot: &Snapshot) -> Self {
        let none = || Self { service: String::new(), url: String::new(), fields: Vec::new() };
        let Question::Service(ServiceQuestion { service, fields, .. }) = question else { return none() };
        let Some(service) = snapshot.auth_services.get(*service) else { return none() };
        let shown = |(name, value): &(HeaderName, HeaderValue)| {
            let value = if TOLD.contains(name) { String::from_utf8_lossy(value.as_bytes()) } else { "…".into() };
            (name.to_string(), value.into_owned())
        };
        let scheme = if service.tls.is_some() { "https" } else { "http" };
        let authority = service.authority.to_str().unwrap_or_default();
        Self {
            service: service.policy.name().to_string(),
            url: format!("{scheme}://{authority}{}", service.target),
            fields: fields.iter().map(shown).collect(),
        }
    }
}
