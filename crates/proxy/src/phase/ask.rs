//! Finds out what admission has to know from elsewhere: whether a password is right, and what an auth service says.

use crate::context::RequestContext;
use crate::shared::Shared;
use engine::chain::{Answer, Question};
use engine::policy::basic::PasswordAnswer;
use engine::policy::forward_auth::{ServiceAnswer, ServiceQuestion};
use http::HeaderName;
use limits::clock::now;
use std::sync::Arc;

const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

pub(crate) async fn answer(shared: &Shared, context: &RequestContext, question: &Question) -> Answer {
    match question {
        Question::Password(question) => {
            let answer = shared.passwords.verify(question, &shared.live).await;
            match answer {
                PasswordAnswer::Match => shared.metrics.password_checked("match"),
                PasswordAnswer::Mismatch => shared.metrics.password_checked("mismatch"),
                PasswordAnswer::Busy => shared.metrics.password_checked("busy"),
                // Not looked at: the denial is counted as one.
                PasswordAnswer::Exceeded { .. } => {}
            }
            Answer::Password(answer)
        }
        Question::Service(question) => Answer::Service(of_service(shared, context, question).await),
    }
}

async fn of_service(shared: &Shared, context: &RequestContext, question: &ServiceQuestion) -> ServiceAnswer {
    let installed = Arc::clone(&context.installed);
    let Some((service, prepared)) = installed.auth_service(question.service) else {
        return ServiceAnswer::Failed("it is not in the config".into());
    };
    let mut fields = question.fields.clone();
    fields.push((installed.snapshot.request_id.header.clone(), context.request_id_value()));
    let trace = context.trace.as_ref().and_then(|trace| http::HeaderValue::from_bytes(&trace.header()).ok());
    fields.extend(trace.map(|trace| (TRACEPARENT, trace)));
    let asked = now();
    let answer = shared.callouts.ask(service, prepared, fields).await;
    prepared.metrics.answered(
        match &answer {
            ServiceAnswer::Answered(reply) => match reply.status {
                200..=299 => "allowed",
                300..=399 => "redirected",
                401 | 403 => "denied",
                _ => "failed",
            },
            ServiceAnswer::Failed(_) => "failed",
            ServiceAnswer::TimedOut(_) => "timeout",
            ServiceAnswer::Busy => "busy",
        },
        now().since(asked),
    );
    match &answer {
        ServiceAnswer::Answered(reply) if !matches!(reply.status, 200..=399 | 401 | 403) => {
            prepared.complain(service, &format!("it answered {}", reply.status), asked);
        }
        ServiceAnswer::Failed(why) | ServiceAnswer::TimedOut(why) => prepared.complain(service, why, asked),
        ServiceAnswer::Answered(_) | ServiceAnswer::Busy => {}
    }
    answer
}
