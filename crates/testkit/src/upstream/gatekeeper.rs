//! What an auth service of a test answers.

use super::record::Received;
use super::{Answer, Misbehaviour};

pub(super) enum Judgement {
    Answer(Answer),
    Misbehave(Misbehaviour),
}

pub(super) fn judged(received: &Received) -> Judgement {
    let token = received.header("authorization").and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if let Some(how) = Misbehaviour::named(token) {
        return Judgement::Misbehave(how);
    }
    let page = ("Content-Type", "text/html");
    let (word, rest) = token.split_once('/').unwrap_or((token, ""));
    Judgement::Answer(match word {
        "allow" => answer(200, &[("X-Auth-User", rest), ("X-Auth-Groups", "staff"), ("X-Internal", "1")], ""),
        "plan" => answer(200, &[("X-Auth-User", rest), ("X-Auth-Plan", rest)], ""),
        "deny" => answer(403, &[page], "<p>No.</p>"),
        "move" => answer(302, &[("Location", "/sign-in")], ""),
        "bare" => answer(rest.parse().unwrap_or(500), &[("Location", "/sign-in")], ""),
        _ => {
            let challenge = ("WWW-Authenticate", "Bearer realm=\"sso\"");
            answer(401, &[page, challenge, ("Set-Cookie", "a=1"), ("X-Internal", "1")], "<p>Sign in.</p>")
        }
    })
}

fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Answer {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    Answer { status, headers, body: body.into() }
}
