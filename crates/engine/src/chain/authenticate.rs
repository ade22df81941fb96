//! The identity step: walks a route's `auth` and finds out who calls.

use super::{PROVIDERS_MAX, Room};
use crate::denial::{Denial, Detail};
use crate::identity::{ConsumerPlan, Identity};
use crate::names::Name;
use crate::policy::jwt::{Keys, Patience, Refusal};
use crate::reason::{Kind, Reason};
use crate::rules::Auth;
use crate::snapshot::Snapshot;
use arrayvec::ArrayVec;
use std::sync::Arc;

/// What a walk through the ways in may do, and what it found out besides who calls.
pub(super) struct Walk<'w> {
    pub(super) patience: Patience,
    /// Providers whose keys are being fetched and might let the caller in.
    pub(super) coming: &'w mut ArrayVec<usize, PROVIDERS_MAX>,
}

pub(super) fn run(room: Room<'_>, auth: &Auth, walk: &mut Walk<'_>) -> Result<Identity, Denial> {
    match auth {
        Auth::Open => Ok(Identity::default()),
        Auth::ApiKey => by_api_key(room),
        Auth::Jwt { provider, scopes } => by_token(room, *provider, scopes, walk),
        Auth::Any(ways) => any(room, ways, walk),
        Auth::All(ways) => all(room, ways, walk),
    }
}

fn by_api_key(room: Room<'_>) -> Result<Identity, Denial> {
    let holder = room.snapshot.api_keys.check(room.head, None, room.now)?;
    let consumer = Arc::clone(&holder.consumer);
    let plan = consumer.plan.clone();
    Ok(Identity { api_key: Some(holder), token: None, consumer: Some(consumer), plan })
}

fn by_token(room: Room<'_>, id: usize, scopes: &[Box<str>], walk: &mut Walk<'_>) -> Result<Identity, Denial> {
    let Some(provider) = room.snapshot.providers.get(id) else {
        return Err(Denial::new(Reason::InternalError).because("the route names a provider that is not there"));
    };
    let token = provider.judge(room.head, walk.patience, room.now).map_err(|Refusal { denial, keys }| {
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
    Identity { api_key: None, token: None, consumer, plan }
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

/// The first way in. When none opens, the refusal that says most about the credential that was sent.
fn any(room: Room<'_>, ways: &[Auth], walk: &mut Walk<'_>) -> Result<Identity, Denial> {
    let mut refusal: Option<Denial> = None;
    for way in ways {
        match run(room, way, walk) {
            Ok(identity) => return Ok(identity),
            Err(denial) => {
                if refusal.as_ref().is_none_or(|best| telling(&denial) > telling(best)) {
                    refusal = Some(denial);
                }
            }
        }
    }
    Err(refusal.unwrap_or_else(|| Denial::new(Reason::InternalError).because("auth lists no way in")))
}

fn all(room: Room<'_>, ways: &[Auth], walk: &mut Walk<'_>) -> Result<Identity, Denial> {
    let mut identity = Identity::default();
    for way in ways {
        let Identity { api_key, token, consumer, plan } = run(room, way, walk)?;
        identity.api_key = identity.api_key.or(api_key);
        identity.token = identity.token.or(token);
        identity.consumer = identity.consumer.or(consumer);
        identity.plan = identity.plan.or(plan);
    }
    Ok(identity)
}

/// A credential that was sent and failed tells more than one that is absent, one that only lacks a scope most of all.
fn telling(denial: &Denial) -> u8 {
    let kind = denial.kind();
    if kind == Kind::ApiKeyMissing || kind == Kind::JwtMissing {
        0
    } else if kind == Kind::ScopeInsufficient {
        2
    } else {
        1
    }
}
