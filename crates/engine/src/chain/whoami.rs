//! Who the caller is and what is left of its limits. Authenticated by whatever credential is sent; every one that is sent has to be
//! good. Reads limits and takes from none of them but its own throttle.
//!
//! Nothing about anybody else: what all callers of a route share is not told, nor what a header value that the caller chose is
//! counted under. Nor is dry run.

use super::Outcome;
mod answer;

pub use answer::Introduction;

use super::authenticate::{holder, named_plan};
use crate::counted::Caller;
use crate::credential::Carried;
use crate::denial::{Denial, Detail};
use crate::identity::Identity;
use crate::live::Live;
use crate::names::RouteId;
use crate::policy::access;
use crate::policy::jwt::Provider;
use crate::reason::{Kind, Reason};
use crate::request::RequestHead;
use crate::snapshot::Snapshot;
use crate::trail::{Entry, Mode, Step, Trail, Verdict};
use crate::whoami::Whoami;
use http::Method;
use limits::clock::Now;

/// Who asks where.
#[derive(Clone, Copy)]
struct Room<'a> {
    snapshot: &'a Snapshot,
    live: &'a Live,
    head: &'a RequestHead<'a>,
    now: Now,
}

pub(super) fn introduce(
    snapshot: &Snapshot,
    live: &Live,
    whoami: &Whoami,
    head: &RequestHead<'_>,
    now: Now,
    trail: &mut Trail,
) -> Outcome {
    let room = Room { snapshot, live, head, now };
    let mut identity = Identity::default();
    match admit(room, whoami, trail, &mut identity) {
        Ok(provider) => Outcome::Whoami(Box::new(Introduction::new(room, identity, provider))),
        Err(denial) => Outcome::Denied { route: None, identity, denial },
    }
}

/// The provider of the token, if there is one.
fn admit(room: Room<'_>, whoami: &Whoami, trail: &mut Trail, identity: &mut Identity) -> Result<Option<usize>, Denial> {
    let Room { snapshot: _, live, head, now } = room;
    trail.push(Entry { step: Step::Route, policy: None, mode: Mode::Enforce, verdict: Verdict::Pass });
    if *head.method != Method::GET && *head.method != Method::HEAD {
        return Err(Denial::new(Reason::MethodNotAllowed).with(Detail::Allow("GET, HEAD".into())));
    }
    let nobody = Identity::default();
    let throttle = &whoami.throttle;
    if let Some(taken) = throttle.check(room.caller(&nobody, NO_ROUTE), live, now) {
        trail.judge(Step::AddressThrottle, Some(throttle.policy), throttle.mode, taken)?;
    }
    let found = trail.judge(Step::Identity, Some(whoami.auth_policy), Mode::Enforce, authenticate(room))?;
    let (found, provider) = found.unwrap_or_default();
    *identity = found;
    let decided_by = access::policy(identity);
    if decided_by.is_some() {
        trail.judge(Step::Access, decided_by, Mode::Enforce, access::check_enabled(identity))?;
    }
    Ok(provider)
}

/// What no route has; limits by route are not told.
const NO_ROUTE: RouteId = RouteId(u32::MAX);

impl<'a> Room<'a> {
    fn caller(self, identity: &'a Identity, route: RouteId) -> Caller<'a> {
        let route_name = self.snapshot.route(route).map_or(&self.snapshot.revision, |route| &route.name);
        Caller { head: self.head, identity, route, route_name }
    }
}

/// Every credential that was sent has to be good: one that is not is what the caller wants to know about.
fn authenticate(room: Room<'_>) -> Result<(Identity, Option<usize>), Denial> {
    let Room { snapshot, head, now, .. } = room;
    let key = match snapshot.api_keys.check(head, None, now) {
        Ok(holder) => Some(holder),
        Err(denial) if denial.kind() == Kind::ApiKeyMissing => None,
        Err(denial) => return Err(denial),
    };
    let token = by_token(room)?;
    if key.is_none() && token.is_none() {
        let reason = if snapshot.api_keys.is_empty() { Reason::JwtMissing } else { Reason::ApiKeyMissing };
        let detail = if snapshot.providers.is_empty() { Detail::None } else { Detail::NoCredential };
        return Err(Denial::new(reason).with(detail));
    }
    let (of_token, provider) = token.unwrap_or_default();
    let consumer = key.as_ref().map(|key| key.consumer.clone());
    let plan = consumer.as_ref().and_then(|consumer| consumer.plan.clone());
    let identity = Identity {
        api_key: key,
        token: of_token.token,
        vouched: Vec::new(),
        consumer: consumer.or(of_token.consumer),
        plan: plan.or(of_token.plan),
    };
    Ok((identity, provider))
}

/// The first provider that accepts what was sent to it; none if nothing was. Otherwise the refusal that says most.
fn by_token(room: Room<'_>) -> Result<Option<(Identity, Option<usize>)>, Denial> {
    let Room { snapshot, head, now, .. } = room;
    let mut refusal: Option<Denial> = None;
    for (index, provider) in snapshot.providers.iter().enumerate() {
        if !is_sent(provider, head) {
            continue;
        }
        match provider.check(head, now) {
            Ok(token) => {
                let plan = named_plan(snapshot, token.plan.as_ref())?;
                let identity = holder(snapshot, token.consumer.as_ref(), plan);
                return Ok(Some((Identity { token: Some(token), ..identity }, Some(index))));
            }
            // Another scheme in Authorization is no token.
            Err(denial) if denial.kind() == Kind::JwtMissing => {}
            Err(denial) => {
                if refusal.as_ref().is_none_or(|best| telling(&denial) > telling(best)) {
                    refusal = Some(denial);
                }
            }
        }
    }
    refusal.map_or(Ok(None), Err)
}

fn is_sent(provider: &Provider, head: &RequestHead<'_>) -> bool {
    match provider.location().find(head) {
        Carried::Absent => false,
        Carried::One(_) | Carried::Several => true,
    }
}

/// How far a token has come with a provider.
fn telling(denial: &Denial) -> u8 {
    match (denial.kind(), denial.reason) {
        (Kind::JwtClaimValueInvalid, Reason::IssuerMismatch) => 2,
        (Kind::JwtClaimValueInvalid, _) => 3,
        (Kind::JwtSignatureInvalid, _) => 1,
        (_, _) => 0,
    }
}
