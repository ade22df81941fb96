//! `plans`, `consumers`, `throttles`, `rateLimit`, `quota`: who there is, and how much each may call.

use std::collections::HashMap;
use std::sync::Arc;

use engine::identity::{ApiKeyHolder, Consumer, ConsumerPlan, PlanRoutes};
use engine::names::{ByConfig, Name, PlanId, RouteId};
use engine::naming::durable;
use engine::policy::api_key::{ApiKeyEntry, ApiKeys};
use engine::policy::concurrency::Concurrency;
use engine::policy::quota::Quota;
use engine::policy::throttle::{Applies, Throttle};
use engine::rules::PlanLimits;
use engine::snapshot::RateLimitField;
use engine::standing::QuotaHeaders;
use engine::trail::Mode;
use http::HeaderName;
use limits::bucket::Rate;
use limits::shared::Scope;
use limits::window::Period;
use sha2::{Digest as _, Sha256};

use super::counting::{count_by, mode, stricter};
use super::desk::Desk;
use super::names::Names;
use super::scope::scope;
use super::{concurrency, errors, identity};
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, RawConfig};
use crate::spans::deeper;

/// A named throttle and the routes that it counts; none is all of them.
pub(super) struct NamedThrottle<'r> {
    pub(super) raw: &'r raw::Throttle,
    pub(super) routes: Option<Vec<RouteId>>,
    pub(super) policy: engine::names::PolicyId,
    limit: NamedLimit<'r>,
}

/// What a named throttle counts.
enum NamedLimit<'r> {
    Rate(Rate, Scope, &'r raw::RateLimit),
    Concurrency(&'r raw::Concurrency),
}

impl NamedThrottle<'_> {
    pub(super) fn covers(&self, route: RouteId) -> bool {
        self.routes.as_ref().is_none_or(|routes| routes.contains(&route))
    }

    /// The throttle as one route has it; all routes share its counters. None if it counts requests in flight.
    pub(super) fn throttle(&self) -> Option<Throttle> {
        let NamedLimit::Rate(rate, scope, raw) = self.limit else { return None };
        Some(Throttle {
            policy: self.policy,
            name: self.raw.name.as_str().into(),
            rate,
            by: count_by(raw.key.as_ref()),
            mode: mode(stricter(self.raw.mode, raw.mode)),
            applies: self.applies(),
            scope,
        })
    }

    /// The same of one that counts requests in flight.
    pub(super) fn concurrency(&self, desk: &Desk<'_>) -> Option<Concurrency> {
        let NamedLimit::Concurrency(raw) = self.limit else { return None };
        let mode = mode(stricter(self.raw.mode, raw.mode));
        Some(concurrency::limit(&self.raw.name, raw, (self.policy, mode), self.applies(), desk))
    }

    fn applies(&self) -> Applies {
        let some = |names: &[String]| {
            let names: Vec<Name> = names.iter().map(|name| name.as_str().into()).collect();
            if names.is_empty() { None } else { Some(names) }
        };
        Applies { plans: some(&self.raw.when.plans), consumers: some(&self.raw.when.consumers) }
    }
}

pub(super) fn throttles<'r>(
    raw: &'r RawConfig,
    names: &Names<'_>,
    book: &mut errors::Book,
    desk: &mut Desk<'_>,
) -> Vec<NamedThrottle<'r>> {
    let mut throttles = Vec::new();
    for (index, throttle) in raw.throttles.iter().enumerate() {
        let pointer = format!("/throttles/{index}");
        let known = raw.consumers.iter().map(|consumer| &*consumer.id);
        let has_providers = !raw.jwt_providers.is_empty()
            || raw.auth_services.values().any(|service| service.consumer_header.is_some())
            || ["jwtProviders", "authServices"].iter().any(|section| desk.may_have(section));
        for (at, consumer) in throttle.when.consumers.iter().enumerate() {
            // A consumer that only tokens or auth services name needs no entry in the config.
            if !has_providers && !raw.consumers.iter().any(|known| known.id == *consumer) {
                desk.unknown(
                    &format!("{pointer}/when/consumers/{at}"),
                    ("consumer", "consumers"),
                    consumer,
                    known.clone(),
                );
            }
        }
        for (at, plan) in throttle.when.plans.iter().enumerate() {
            names.plan(plan, &format!("{pointer}/when/plans/{at}"), desk);
        }
        let routes = throttle.when.routes.iter().enumerate();
        let routes: Vec<RouteId> =
            routes.filter_map(|(at, name)| names.route(name, &format!("{pointer}/when/routes/{at}"), desk)).collect();
        let (limit, own_mode, field) = match (&throttle.rate_limit, &throttle.concurrency) {
            (Some(limit), _) => {
                let at_limit = format!("{pointer}/rateLimit");
                let Some(rate) = rate(limit, &at_limit, desk) else { continue };
                let scope = scope(limit.scope, limit.sync, rate.burst(), &at_limit, desk);
                (NamedLimit::Rate(rate, scope, limit), limit.mode, Some(throttle_field(&throttle.name, rate)))
            }
            (None, Some(limit)) => (NamedLimit::Concurrency(limit), limit.mode, None),
            // The schema has reported it.
            (None, None) => continue,
        };
        let effective = mode(stricter(throttle.mode, own_mode));
        if ["routes.", "plans."].iter().any(|begin| throttle.name.starts_with(begin)) {
            let message =
                format!("the name {} is like those of the limits of routes and plans", quoted(&throttle.name));
            let help = "give it another beginning: limits of one name share what they have counted";
            desk.error(Code::DuplicateName, &format!("{pointer}/name"), message, help);
        }
        let policy = desk.policy(throttle.name.as_str(), &pointer, effective, field);
        if let Some(error) = &throttle.error {
            book.throttle(policy, error, &format!("{pointer}/error"), desk);
        }
        if effective != Mode::Off {
            let routes = if throttle.when.routes.is_empty() { None } else { Some(routes) };
            throttles.push(NamedThrottle { raw: throttle, routes, policy, limit });
        }
    }
    throttles
}

type Plans = ByConfig<Name, Arc<ConsumerPlan>>;

pub(super) fn plans(raw: &RawConfig, names: &Names<'_>, desk: &mut Desk<'_>) -> (Plans, Vec<PlanLimits>) {
    let mut plans = Plans::default();
    let mut limits = Vec::new();
    for (id, (name, plan)) in (0..).map(PlanId).zip(&raw.plans) {
        let plan = self::plan(id, name, plan, names, desk, &mut limits);
        plans.insert(plan.name.clone(), Arc::new(plan));
    }
    (plans, limits)
}

fn plan(
    id: PlanId,
    name: &str,
    raw: &raw::Plan,
    names: &Names<'_>,
    desk: &mut Desk<'_>,
    limits: &mut Vec<PlanLimits>,
) -> ConsumerPlan {
    let pointer = deeper("/plans", name);
    let mut listed = vec![false; names.routes.len()];
    let mut all = false;
    for (index, route) in raw.routes.iter().enumerate() {
        if route == "*" {
            all = true;
        } else if let Some(id) = names.route(route, &format!("{pointer}/routes/{index}"), desk)
            && let Some(slot) = listed.get_mut(id.index())
        {
            *slot = true;
        }
    }
    let policy = desk.policy(format!("plans.{name}"), &format!("{pointer}/routes"), Mode::Enforce, None);
    let owner = format!("plans.{name}");
    let throttle = raw.rate_limit.as_ref().and_then(|limit| throttle(&owner, limit, &pointer, desk));
    let quota = raw.quota.as_ref().and_then(|limit| quota(&owner, limit, &pointer, desk));
    let concurrency = raw.concurrency.as_ref();
    let concurrency = concurrency.and_then(|limit| concurrency::of_owner(&owner, limit, &pointer, desk));
    limits.push(PlanLimits { concurrency, throttles: throttle.into_iter().collect(), quota });
    let routes = if all { PlanRoutes::All } else { PlanRoutes::Listed(listed) };
    ConsumerPlan { id, name: name.into(), routes, policy }
}

/// A `rateLimit` of a plan or a route. None if it is off or unfit.
pub(super) fn throttle(owner: &str, raw: &raw::RateLimit, pointer: &str, desk: &mut Desk<'_>) -> Option<Throttle> {
    let pointer = format!("{pointer}/rateLimit");
    let rate = rate(raw, &pointer, desk)?;
    let scope = scope(raw.scope, raw.sync, rate.burst(), &pointer, desk);
    let name = format!("{owner}.rateLimit");
    let field = Some(throttle_field(&name, rate));
    let policy = desk.policy(name.as_str(), &pointer, mode(raw.mode), field);
    (raw.mode != raw::Mode::Off).then(|| Throttle {
        policy,
        name: name.into(),
        rate,
        by: count_by(raw.key.as_ref()),
        mode: mode(raw.mode),
        applies: Applies::default(),
        scope,
    })
}

/// A `quota` of a plan or a route. None if it is off.
pub(super) fn quota(owner: &str, raw: &raw::Quota, pointer: &str, desk: &mut Desk<'_>) -> Option<Quota> {
    let name = format!("{owner}.quota");
    let period = period(raw.per);
    let headers = QuotaHeaders { limit: raw.headers.limit, remaining: raw.headers.remaining, next: raw.headers.next };
    let field = Some(quota_field(&name, raw.limit, period, headers));
    let pointer = format!("{pointer}/quota");
    let scope = scope(raw.scope, raw.sync, raw.limit, &pointer, desk);
    let policy = desk.policy(name.as_str(), &pointer, mode(raw.mode), field);
    (raw.mode != raw::Mode::Off).then(|| Quota {
        policy,
        counter: format!("{name}/{}", period.name()).into(),
        name: name.into(),
        limit: raw.limit,
        period,
        by: count_by(raw.key.as_ref()),
        mode: mode(raw.mode),
        headers,
        scope,
    })
}

const fn period(raw: raw::QuotaPeriod) -> Period {
    match raw {
        raw::QuotaPeriod::Hour => Period::Hour,
        raw::QuotaPeriod::SixHours => Period::SixHours,
        raw::QuotaPeriod::TwelveHours => Period::TwelveHours,
        raw::QuotaPeriod::Day => Period::Day,
        raw::QuotaPeriod::Week => Period::Week,
        raw::QuotaPeriod::Month => Period::Month,
    }
}

/// In thousandths of a request; the schema has seen to the bounds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "bounded to 0.001..=1_000_000 by the schema"
)]
fn rate(raw: &raw::RateLimit, pointer: &str, desk: &mut Desk<'_>) -> Option<Rate> {
    let milli = (raw.requests_per_second * 1_000.0).round().max(0.0) as u64;
    let burst = raw.burst.map_or_else(|| milli.div_ceil(1_000).max(1), u64::from);
    let rate = Rate::new(milli, burst);
    if rate.is_none() {
        let help = "requestsPerSecond is 0.001 to 1000000, burst 1 to 1000000";
        desk.error(Code::OutOfRange, pointer, "the rate is out of range", help);
    }
    rate
}

/// As a structured field (RFC 9651): a string that names the limit, its size, and the seconds in which it fills up again.
fn throttle_field(name: &str, rate: Rate) -> RateLimitField {
    let window = rate.burst().saturating_mul(1_000).div_ceil(rate.milli_per_second().max(1)).max(1);
    RateLimitField::new(name, rate.burst(), window, QuotaHeaders::default())
}

fn quota_field(name: &str, limit: u64, period: Period, headers: QuotaHeaders) -> RateLimitField {
    const DAY: u64 = 24 * 60 * 60;
    let window = match period {
        Period::Hour => DAY / 24,
        Period::SixHours => DAY / 4,
        Period::TwelveHours => DAY / 2,
        Period::Day => DAY,
        Period::Week => 7 * DAY,
        // The longest: a client that plans by it never comes too early.
        Period::Month => 31 * DAY,
    };
    RateLimitField::new(name, limit, window, headers)
}

pub(super) fn consumers(
    raw: &RawConfig,
    plans: &Plans,
    desk: &mut Desk<'_>,
) -> (ByConfig<Name, Arc<Consumer>>, ApiKeys) {
    let mut consumers = ByConfig::default();
    let mut entries = Vec::new();
    let mut seen: HashMap<[u8; 32], String> = HashMap::new();
    for (index, consumer) in raw.consumers.iter().enumerate() {
        let pointer = format!("/consumers/{index}");
        let plan = consumer.plan.as_ref().and_then(|name| {
            let found = plans.get(name.as_str()).cloned();
            if found.is_none() {
                desk.unknown(&format!("{pointer}/plan"), ("plan", "plans"), name, raw.plans.keys().map(|name| &**name));
            }
            found
        });
        let policy = desk.policy(format!("consumers.{}", consumer.id), &pointer, Mode::Enforce, None);
        let made = Arc::new(Consumer::new(consumer.id.as_str().into(), plan, consumer.disabled, policy));
        for (at, key) in consumer.api_keys.iter().enumerate() {
            let pointer = format!("{pointer}/apiKeys/{at}");
            if let Some(entry) = api_key(key, &made, &pointer, &mut seen, desk) {
                entries.push(entry);
            }
        }
        consumers.insert(made.id.clone(), made);
    }
    let location = identity::location(raw.api_keys.location.as_ref(), &HeaderName::from_static("x-api-key"));
    (consumers, ApiKeys::new(entries, location, raw.api_keys.hide_from_upstream))
}

fn api_key(
    raw: &raw::ApiKey,
    consumer: &Arc<Consumer>,
    pointer: &str,
    seen: &mut HashMap<[u8; 32], String>,
    desk: &mut Desk<'_>,
) -> Option<ApiKeyEntry> {
    let sha256: [u8; 32] = match (&raw.sha256, &raw.value) {
        (Some(hash), _) => hash.get(),
        (None, Some(value)) => Sha256::digest(value.as_bytes()).into(),
        (None, None) => return None,
    };
    if let Some(earlier) = seen.get(&sha256) {
        let (place, other) = (desk.place(pointer), desk.place(earlier));
        desk.push(
            Diagnostic::error(Code::DuplicateName, place, "this API key is given twice")
                .help("a key names one consumer: remove it from the other")
                .note(other, "the first one is here"),
        );
        return None;
    }
    seen.insert(sha256, pointer.to_owned());
    let holder = ApiKeyHolder {
        consumer: Arc::clone(consumer),
        label: raw.label.as_deref().map(Into::into),
        key: durable(&[b"apiKey", &sha256]),
    };
    let expires_unix_s = raw.expires.map(crate::text::Moment::unix_seconds);
    Some(ApiKeyEntry { sha256, holder: Arc::new(holder), expires_unix_s, revoked: raw.revoked })
}
