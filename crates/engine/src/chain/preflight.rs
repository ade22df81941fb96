//! A browser asks ahead whether a page of another origin may call: answered here, before any caller is known, for the request that is
//! to come and not for the OPTIONS that asks.
//!
//! A preflight carries none of the headers that the request will have, only their names. Where routes of one path are told apart by
//! headers it can be about several of them: then all have to permit it, since any of them could get the request.

use super::Outcome;
use crate::denial::Denial;
use crate::identity::Identity;
use crate::names::RouteId;
use crate::policy::cors::{Cors, Preflight};
use crate::reason::Reason;
use crate::request::RequestHead;
use crate::snapshot::Snapshot;
use crate::trail::{Entry, Mode, Step, Trail, Verdict};
use http::header::{self, HeaderName};

/// What a request may have though its preflight did not announce it: the headers that any form could send (Fetch, 2.2.2), and those
/// that a browser adds by itself.
static UNANNOUNCED: [HeaderName; 7] = [
    header::ACCEPT,
    header::ACCEPT_LANGUAGE,
    header::AUTHORIZATION,
    header::CONTENT_LANGUAGE,
    header::CONTENT_TYPE,
    header::COOKIE,
    header::RANGE,
];

/// None for what is no preflight, and where no route answers for CORS: then it is an OPTIONS like any other.
pub(super) fn answer(snapshot: &Snapshot, head: &RequestHead<'_>, trail: &mut Trail) -> Option<Outcome> {
    let asked = Preflight::of(head.method, head.headers)?;
    let meant = RequestHead { method: &asked.method, ..head.clone() };
    let coming: Vec<HeaderName> = asked.names.iter().flatten().chain(&UNANNOUNCED).cloned().collect();
    let found = snapshot.table.candidates(&meant, &coming);
    // Beside a route that could get it, 405 is no danger.
    let wrong_method = found.wrong_method.filter(|_| found.routes.is_empty());
    let candidates: Vec<(RouteId, Option<&Cors>)> =
        found.routes.iter().chain(&wrong_method).map(|id| (*id, rule(snapshot, *id))).collect();
    let (first, deciding) = candidates.iter().find_map(|(id, cors)| Some((*id, (*cors)?)))?;
    // In dry run the bytes are those of a gateway without the rule.
    let answers = candidates.iter().filter_map(|(_, cors)| *cors).all(|cors| cors.mode == Mode::Enforce);
    if answers {
        trail.push(Entry { step: Step::Route, policy: None, mode: Mode::Enforce, verdict: Verdict::Pass });
    }
    for (id, cors) in &candidates {
        let rule = cors.unwrap_or(deciding);
        let result = match cors {
            Some(cors) if wrong_method == Some(*id) => cors.check_preflight(&asked).and_then(|()| {
                let text = format!("no route of this path has {}", asked.method);
                Err(Denial::new(Reason::CorsMethodDenied).because(text))
            }),
            Some(cors) => cors.check_preflight(&asked),
            None => Err(without_rule(snapshot, *id)),
        };
        if let Err(denial) = trail.judge(Step::Cors, Some(rule.policy), rule.mode, result)
            && answers
        {
            return Some(Outcome::Denied { route: Some(*id), identity: Identity::default(), denial });
        }
    }
    answers.then(|| Outcome::Preflight { route: first, reply: deciding.permission(&asked, found.by_header) })
}

fn rule(snapshot: &Snapshot, id: RouteId) -> Option<&Cors> {
    snapshot.route(id)?.rules.cors.as_deref()
}

/// A header that is only announced could lead to a route that permits nothing to other origins.
fn without_rule(snapshot: &Snapshot, id: RouteId) -> Denial {
    let name = snapshot.route(id).map_or("", |route| &route.name);
    Denial::new(Reason::CorsOriginDenied).because(format!("the request could be route `{name}`'s, which has no `cors`"))
}
