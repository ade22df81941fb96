//! The identity step: walks a route's `auth` and finds out who calls.
//!
//! What the gateway can tell by itself comes first: within `any` and `all` nobody is asked before every way that needs no asking has
//! had its say.

use super::asking::{Halt, Question};
use super::paused::Known;
use super::{PROVIDERS_MAX, Room};
use crate::denial::{Denial, Detail};
use crate::identity::{Consumer, ConsumerPlan, Identity, Vouched};
use crate::names::Name;
use crate::policy::jwt::{Keys, Refusal};
use crate::policy::{basic, forward_auth};
use crate::reason::{Fault, Kind, Reason};
use crate::rules::Auth;
use crate::snapshot::Snapshot;
use arrayvec::ArrayVec;
use std::sync::Arc;

/// What a walk through the ways in goes by, and what it found out besides who calls.
pub(super) struct Walk<'w> {
    pub(super) known: &'w Known,
    /// Providers whose keys are being fetched and might let the caller in.
    pub(super) coming: &'w mut ArrayVec<usize, PROVIDERS_MAX>,
}

pub(super) fn run(room: Room<'_>, auth: &Auth, walk: &mut Walk<'_>) -> Result<Identity, Halt> {
    match auth {
        Auth::Open => Ok(Identity::default()),
        Auth::ApiKey => Ok(by_api_key(room)?),
        Auth::Basic => by_password(room, walk),
        Auth::Forward(service) => by_service(room, *service, walk),
        Auth::Jwt { provider, scopes } => Ok(by_token(room, *provider, scopes, walk)?),
        Auth::Any(ways) => any(room, ways, walk),
        Auth::All(ways) => all(room, ways, walk),
    }
}

fn by_api_key(room: Room<'_>) -> Result<Identity, Denial> {
    let holder = room.snapshot.api_keys.check(room.head, None, room.now)?;
    let consumer = Arc::clone(&holder.consumer);
    Ok(Identity { api_key: Some(holder), ..known(consumer) })
}

fn by_password(room: Room<'_>, walk: &Walk<'_>) -> Result<Identity, Halt> {
    if let Some(answer) = &walk.known.answers.password {
        return Ok(known(answer.clone()?));
    }
    let nobody = Identity::default();
    match room.snapshot.users.check(room.caller(&nobody), room.live, room.now)? {
        basic::Checked::Known(consumer) => Ok(known(consumer)),
        basic::Checked::Ask(question) => Err(Halt::Ask(Box::new(Question::Password(question)))),
    }
}

fn by_service(room: Room<'_>, service: usize, walk: &Walk<'_>) -> Result<Identity, Halt> {
    if let Some(standing) = walk.known.answers.of_service(service) {
        return Ok(vouched_for(room, standing.clone()?)?);
    }
    let Some(asked) = room.snapshot.auth_services.get(service) else {
        let denial = Denial::new(Reason::InternalError).because("the route names an auth service that is not there");
        return Err(Halt::Denied(denial));
    };
    let query = room.head.query.map(|query| room.snapshot.api_keys.query_for_upstream(query));
    match asked.policy.check(service, room.head, query.as_deref(), room.now)? {
        forward_auth::Checked::Known(standing) => Ok(vouched_for(room, standing?)?),
        forward_auth::Checked::Ask(question) => Err(Halt::Ask(Box::new(Question::Service(question)))),
    }
}

fn vouched_for(room: Room<'_>, vouched: Arc<Vouched>) -> Result<Identity, Denial> {
    let consumer = vouched.consumer.as_ref().and_then(|id| room.snapshot.consumers.get(id)).cloned();
    let unknown = |name: &str| {
        let text = format!("auth service {} names plan {name:?}, no plan of the config", vouched.service);
        Denial::new(Reason::AuthServiceFailed).because(text)
    };
    let plan = match &vouched.plan {
        None => consumer.as_ref().and_then(|consumer| consumer.plan.clone()),
        Some(name) => Some(Arc::clone(room.snapshot.plans.get(name).ok_or_else(|| unknown(name))?)),
    };
    Ok(Identity { vouched: vec![vouched], consumer, plan, ..Identity::default() })
}

fn known(consumer: Arc<Consumer>) -> Identity {
    let plan = consumer.plan.clone();
    Identity { consumer: Some(consumer), plan, ..Identity::default() }
}

fn by_token(room: Room<'_>, id: usize, scopes: &[Box<str>], walk: &mut Walk<'_>) -> Result<Identity, Denial> {
    let Some(provider) = room.snapshot.providers.get(id) else {
        return Err(Denial::new(Reason::InternalError).because("the route names a provider that is not there"));
    };
    let token = provider.judge(room.head, walk.known.patience, room.now).map_err(|Refusal { denial, keys }| {
        if keys != Keys::Settled && !walk.coming.contains(&id) {
            // A full list only means that this one is not waited for.
            let _ = walk.coming.try_push(id);
        }
        denial
    })?;
    check_scopes(&token.scopes, scopes)?;
    let plan = named_plan(room.snapshot, token.plan.as_ref())?;
    let identity = holder(room.snapshot, token.consumer.as_ref(), plan);
    Ok(Identity { token: Some(token), ..identity })
}

pub(super) fn check_scopes(held: &[Box<str>], asked: &[Box<str>]) -> Result<(), Denial> {
    if asked.iter().all(|scope| held.contains(scope)) {
        return Ok(());
    }
    Err(Denial::new(Reason::ScopeInsufficient).with(Detail::Scopes(asked.join(" ").into())))
}

/// The consumer that a token names, and the plan: the token's own before the consumer's.
pub(super) fn holder(snapshot: &Snapshot, consumer: Option<&Name>, plan: Option<Arc<ConsumerPlan>>) -> Identity {
    let consumer = consumer.and_then(|id| snapshot.consumers.get(id)).cloned();
    let plan = plan.or_else(|| consumer.as_ref().and_then(|consumer| consumer.plan.clone()));
    Identity { consumer, plan, ..Identity::default() }
}

/// The plan that the token's plan claim names. A plan that the config does not have is refused: its limits are unknown.
pub(super) fn named_plan(snapshot: &Snapshot, name: Option<&Name>) -> Result<Option<Arc<ConsumerPlan>>, Denial> {
    let Some(name) = name else { return Ok(None) };
    match snapshot.plans.get(name) {
        Some(plan) => Ok(Some(Arc::clone(plan))),
        None => {
            Err(Denial::new(Reason::ClaimMismatch)
                .because(format!("the plan claim names {name:?}, no plan of the config")))
        }
    }
}

/// The first way in, those that ask behind those that do not. When none opens, the refusal that says most about the credential that
/// was sent; among equals that of the way that is listed first.
fn any(room: Room<'_>, ways: &[Auth], walk: &mut Walk<'_>) -> Result<Identity, Halt> {
    let mut refusal: Option<(u8, usize, Denial)> = None;
    for asks in [false, true] {
        for (place, way) in ways.iter().enumerate().filter(|(_, way)| way.asks() == asks) {
            let denial = match run(room, way, walk) {
                Ok(identity) => return Ok(identity),
                Err(Halt::Ask(question)) => return Err(Halt::Ask(question)),
                Err(Halt::Denied(denial)) => denial,
            };
            let rank = telling(&denial);
            if refusal.as_ref().is_none_or(|(best, at, _)| rank > *best || (rank == *best && place < *at)) {
                refusal = Some((rank, place, denial));
            }
        }
    }
    let nothing = || Denial::new(Reason::InternalError).because("auth lists no way in");
    Err(Halt::Denied(refusal.map_or_else(nothing, |(_, _, denial)| denial)))
}

/// Who fails a check of ours costs nobody else a call. Their order is the config's all the same: the first names the consumer, unless
/// another one is disabled: its credential opens nothing, wherever it stands. A plan that a token or an auth service names comes
/// before every consumer's own.
fn all(room: Room<'_>, ways: &[Auth], walk: &mut Walk<'_>) -> Result<Identity, Halt> {
    if ways.iter().any(Auth::asks) {
        for way in ways.iter().filter(|way| !way.asks()) {
            run(room, way, walk)?;
        }
    }
    let mut identity = Identity::default();
    let mut own_plan = None;
    for way in ways {
        let Identity { api_key, token, vouched, consumer, plan } = run(room, way, walk)?;
        let is_named = token.as_ref().is_some_and(|token| token.plan.is_some())
            || vouched.iter().any(|vouched| vouched.plan.is_some());
        if is_named {
            identity.plan = identity.plan.or(plan);
        } else {
            own_plan = own_plan.or(plan);
        }
        identity.api_key = identity.api_key.or(api_key);
        identity.token = identity.token.or(token);
        identity.vouched.extend(vouched);
        identity.consumer = match (identity.consumer, consumer) {
            (Some(first), Some(other)) if other.disabled && !first.disabled => Some(other),
            (first, other) => first.or(other),
        };
    }
    identity.plan = identity.plan.or(own_plan);
    Ok(identity)
}

/// A credential that was sent and failed tells more than one that is absent, one that only lacks a scope more than that. What could
/// not be checked tells most: it might have opened.
fn telling(denial: &Denial) -> u8 {
    let kind = denial.kind();
    if matches!(kind, Kind::ApiKeyMissing | Kind::JwtMissing | Kind::BasicMissing) {
        0
    } else if kind == Kind::ScopeInsufficient {
        2
    } else if kind.fault() == Fault::Operator {
        3
    } else {
        1
    }
}
