//! What the answer tells: identity, limits, clock. Reads buckets and takes from none. Of limits that all nodes share only the bound is
//! told: what is left of them is known elsewhere, and this answer waits for nobody.

use super::{NO_ROUTE, Room};
use crate::calendar::{Rfc3339, http_date};
use crate::counted::CountBy;
use crate::identity::Identity;
use crate::names::{Name, PolicyId, RouteId};
use crate::policy::concurrency::Concurrency;
use crate::policy::quota::Quota;
use crate::policy::throttle::Throttle;
use crate::reply::Reply;
use crate::rules::{Auth, PlanLimits, Route};
use crate::standing::Standing;
use crate::trail::Mode;
use http::{HeaderValue, header};
use limits::clock::Now;
use limits::counts::QuotaCharge;
use limits::shared::Scope;
use serde_json::{Map, Value, json};

/// Limits that one answer lists; more are counted and not told.
const LIMITS_MAX: usize = 64;

/// Everything that the answer tells but the counts, which the store has.
#[derive(Debug)]
pub struct Introduction {
    identity: Identity,
    provider: Option<Name>,
    throttles: Vec<Value>,
    quotas: Vec<(Map<String, Value>, QuotaCharge)>,
    clock: Value,
    now: Now,
}

impl Introduction {
    pub(super) fn new(room: Room<'_>, identity: Identity, provider: Option<usize>) -> Self {
        let name =
            provider.and_then(|index| room.snapshot.providers.get(index)).map(|provider| provider.name().clone());
        let mut told = Told { room, identity: &identity, seen: Vec::new(), throttles: Vec::new(), quotas: Vec::new() };
        let plan = identity.plan.as_ref();
        if let Some(PlanLimits { throttles, concurrency, quota }) =
            plan.and_then(|plan| room.snapshot.plan_limits(plan.id))
        {
            for throttle in throttles {
                told.throttle(throttle, NO_ROUTE);
            }
            if let Some(limit) = concurrency {
                told.concurrency(limit, NO_ROUTE);
            }
            if let Some(quota) = quota {
                told.quota(quota, NO_ROUTE);
            }
        }
        for (id, route) in (0..).map(RouteId).zip(&room.snapshot.routes) {
            if plan.is_none_or(|plan| plan.routes.include(id)) && opens(&route.rules.auth, &identity, provider) {
                told.route(id, route);
            }
        }
        let Told { throttles, quotas, .. } = told;
        let clock = clock(room, &identity);
        Self { identity, provider: name, throttles, quotas, clock, now: room.now }
    }

    #[must_use]
    pub const fn identity(&self) -> &Identity {
        &self.identity
    }

    /// The answer. `used` says what is used of a quota's window, without asking anybody.
    #[must_use]
    pub fn reply(&self, used: impl Fn(&QuotaCharge) -> u64) -> Reply {
        let mut limits = self.throttles.clone();
        for (quota, charge) in &self.quotas {
            let (mut quota, used) = (quota.clone(), used(charge));
            quota.insert("used".into(), used.into());
            quota.insert("remaining".into(), charge.limit.saturating_sub(used).into());
            limits.push(Value::Object(quota));
        }
        let scopes = self.identity.token.as_ref().map(|token| &token.scopes);
        let answer = json!({
            "consumer": self.identity.consumer_id().map(|id| &**id),
            "plan": self.identity.plan.as_ref().map(|plan| &*plan.name),
            "scopes": scopes,
            "credentials": self.credentials(),
            "limits": limits,
            "clock": self.clock,
        });
        let mut body = format!("{answer:#}").into_bytes();
        body.push(b'\n');
        let fixed = |value: &'static str| HeaderValue::from_static(value);
        let headers = vec![
            (header::CONTENT_TYPE, fixed("application/json")),
            (header::CACHE_CONTROL, fixed("no-store")),
            (header::X_CONTENT_TYPE_OPTIONS, fixed("nosniff")),
        ];
        Reply { status: 200, headers, body }
    }

    fn credentials(&self) -> Vec<Value> {
        let key = self.identity.api_key.as_ref().map(|key| json!({ "kind": "apiKey", "label": key.label.as_deref() }));
        let token = self.identity.token.as_ref().map(|token| {
            let expires = token.expires_unix_s.map(shown);
            let left = token.expires_unix_s.map(|expires| expires.saturating_sub(self.now.unix_seconds()));
            json!({
                "kind": "token", "provider": self.provider.as_deref(), "expiresAt": expires, "expiresInSeconds": left,
            })
        });
        key.into_iter().chain(token).collect()
    }
}

/// The limits as they come together, each once.
struct Told<'a> {
    room: Room<'a>,
    identity: &'a Identity,
    seen: Vec<PolicyId>,
    throttles: Vec<Value>,
    quotas: Vec<(Map<String, Value>, QuotaCharge)>,
}

impl Told<'_> {
    fn route(&mut self, id: RouteId, route: &Route) {
        let rules = &route.rules;
        for throttle in rules.throttles_before_identity.iter().chain(&rules.throttles) {
            self.throttle(throttle, id);
        }
        for limit in &rules.concurrency {
            self.concurrency(limit, id);
        }
        if let Some(quota) = &rules.quota {
            self.quota(quota, id);
        }
    }

    fn throttle(&mut self, throttle: &Throttle, route: RouteId) {
        let Room { live, now, .. } = self.room;
        if !self.is_told(throttle.policy, &throttle.by, throttle.mode) {
            return;
        }
        let caller = self.room.caller(self.identity, route);
        if throttle.scope != Scope::Node {
            if throttle.applies.to(caller) {
                self.throttles.push(json!({
                    "kind": "throttle", "name": &**throttle.name.name(), "burst": throttle.rate.burst(),
                    "requestsPerSecond": per_second(throttle.rate.milli_per_second()), "scope": "cluster",
                }));
            }
            return;
        }
        let Some(left) = throttle.peek(caller, live, now) else { return };
        let standing = Standing::of_throttle(throttle.policy, left);
        self.throttles.push(json!({
            "kind": "throttle", "name": &**throttle.name.name(), "burst": throttle.rate.burst(),
            "requestsPerSecond": per_second(throttle.rate.milli_per_second()),
            "remaining": standing.remaining, "resetSeconds": standing.reset_s,
        }));
    }

    /// How many are in flight is over before it is read: only the bound is told.
    fn concurrency(&mut self, limit: &Concurrency, route: RouteId) {
        let applies = limit.applies.to(self.room.caller(self.identity, route));
        if applies && self.is_told(limit.policy, &limit.by, limit.mode) {
            let (name, max) = (&**limit.name.name(), limit.max);
            self.throttles.push(json!({ "kind": "concurrency", "name": name, "max": max }));
        }
    }

    fn quota(&mut self, quota: &Quota, route: RouteId) {
        let now = self.room.now;
        if !self.is_told(quota.policy, &quota.by, quota.mode) {
            return;
        }
        let charge = quota.charge(self.room.caller(self.identity, route), now);
        let ends = charge.window.end_unix_s;
        let told = [
            ("kind", Value::from("quota")),
            ("name", (&*quota.name).into()),
            ("limit", quota.limit.into()),
            ("per", quota.period.name().into()),
            ("resetsAt", shown(ends).into()),
            ("resetSeconds", ends.saturating_sub(now.unix_seconds()).into()),
        ];
        let mut told: Map<String, Value> = told.into_iter().map(|(name, value)| (String::from(name), value)).collect();
        if quota.scope != Scope::Node {
            told.insert("scope".into(), "cluster".into());
            self.throttles.push(Value::Object(told));
            return;
        }
        self.quotas.push((told, charge));
    }

    /// Whether a limit is this caller's own, and not told yet.
    fn is_told(&mut self, policy: PolicyId, by: &CountBy, mode: Mode) -> bool {
        let own = match by {
            CountBy::Consumer | CountBy::ApiKey | CountBy::Address | CountBy::Token | CountBy::Claim(_) => true,
            CountBy::Route | CountBy::Header(_) => false,
        };
        if !own || mode != Mode::Enforce || self.seen.len() >= LIMITS_MAX || self.seen.contains(&policy) {
            return false;
        }
        self.seen.push(policy);
        true
    }
}

/// Whether a route lets in somebody with these credentials.
fn opens(auth: &Auth, identity: &Identity, provider: Option<usize>) -> bool {
    match auth {
        Auth::Open => true,
        Auth::ApiKey => identity.api_key.is_some(),
        // Neither is asked here who calls, so neither has let anybody in.
        Auth::Basic | Auth::Forward(_) => false,
        Auth::Jwt { provider: asked, scopes } => {
            let held = identity.token.as_ref().map(|token| &token.scopes);
            provider == Some(*asked) && held.is_some_and(|held| scopes.iter().all(|scope| held.contains(scope)))
        }
        Auth::Any(ways) => ways.iter().any(|way| opens(way, identity, provider)),
        Auth::All(ways) => ways.iter().all(|way| opens(way, identity, provider)),
    }
}

/// What the caller's own `Date` and its token's `iat` say of its clock; positive is ahead of the gateway's.
fn clock(room: Room<'_>, identity: &Identity) -> Value {
    let now = room.now.unix_seconds();
    let ahead = |theirs: u64| i64::try_from(theirs).unwrap_or(i64::MAX).saturating_sub(now.cast_signed());
    let mut clock = Map::new();
    clock.insert("now".into(), shown(now).into());
    let date = room.head.headers.get(header::DATE).and_then(|date| http_date(date.to_str().ok()?));
    if let Some(date) = date {
        clock.insert("dateAheadSeconds".into(), ahead(date).into());
    }
    let issued = identity.token.as_ref().and_then(|token| token.claims.get("iat")?.as_u64());
    if let Some(issued) = issued {
        clock.insert("tokenIssuedAt".into(), shown(issued).into());
        clock.insert("tokenIssuedAheadSeconds".into(), ahead(issued).into());
    }
    Value::Object(clock)
}

fn shown(unix_s: u64) -> String {
    Rfc3339::from_unix_seconds(unix_s).to_string()
}

/// Thousandths as the config writes them.
fn per_second(milli: u64) -> Value {
    if milli.is_multiple_of(1_000) {
        return (milli / 1_000).into();
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 10^9, which is exact")]
    let exact = milli as f64;
    (exact / 1_000.0).into()
}
