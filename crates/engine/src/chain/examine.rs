//! Why a token is accepted or refused, check by check: what `tollgate token` shows. The provider's checks and those that the chain
//! adds, in the order in which a request meets them.

use super::authenticate::{check_scopes, holder, named_plan};
use crate::identity::Identity;
use crate::names::{Name, RouteId};
use crate::policy::access;
use crate::policy::jwks::KeySet;
use crate::policy::jwt::{Check, Exam, Examiner, Facts, Provider, Said};
use crate::snapshot::Snapshot;
use limits::clock::Now;

/// What the token is held against.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    pub provider: &'a Provider,
    /// Verify with these instead of the provider's own.
    pub keys: Option<&'a KeySet>,
    /// All of them have to be there.
    pub scopes: &'a [Box<str>],
    /// Whether the caller's plan opens this route; none: not asked.
    pub route: Option<RouteId>,
}

/// What came of it. Who the token says it belongs to is proven only if nothing refused it.
#[derive(Debug)]
pub struct Examined {
    pub exam: Exam,
    /// As the token names it.
    pub consumer: Option<Name>,
    /// The consumer and the plan of the config.
    pub identity: Identity,
    pub scopes: Vec<Box<str>>,
}

/// Asks every check, also those after a refusal.
#[must_use]
pub fn examine_token(snapshot: &Snapshot, asked: Asked<'_>, token: &str, now: Now) -> Examined {
    let (mut exam, said) = asked.provider.examine(token, asked.keys, now);
    let Some(Said { consumer, plan, scopes, .. }) = said else {
        return Examined { exam, consumer: None, identity: Identity::default(), scopes: Vec::new() };
    };
    if !asked.scopes.is_empty() {
        let found = if scopes.is_empty() { "none".to_owned() } else { scopes.join(" ") };
        let facts = || Facts::new(Check::Scopes, asked.scopes.join(" "), found);
        go_on(exam.ask(facts, || check_scopes(&scopes, asked.scopes)));
    }
    let known = plan.as_ref().map(|name| {
        let facts = || Facts::new(Check::PlanKnown, "a plan of the config", &**name);
        go_on(exam.ask(facts, || named_plan(snapshot, Some(name))))
    });
    let identity = holder(snapshot, consumer.as_ref(), known.clone().flatten().flatten());
    if let Some((id, route)) = asked.route.and_then(|id| Some((id, snapshot.route(id)?))) {
        let found = identity.plan.as_ref().map_or_else(|| "no plan".to_owned(), |plan| format!("plan {}", plan.name));
        let facts = || Facts::new(Check::Access, format!("a consumer that may use route {}", route.name), found);
        if matches!(known, Some(None)) {
            exam.skip(facts, "the plan that the token names is refused");
        } else {
            go_on(exam.ask(facts, || access::check(&identity, id, &route.name)));
        }
    }
    Examined { exam, consumer, identity, scopes }
}

/// An exam never ends early.
fn go_on<T, E>(asked: Result<Option<T>, E>) -> Option<T> {
    asked.ok().flatten()
}
