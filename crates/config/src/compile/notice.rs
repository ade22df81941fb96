//! Warnings: what is allowed, but will hurt later.

use std::collections::HashSet;

use engine::counted::CountBy;
use engine::names::RouteId;
use engine::rules::{Auth, Route};

use super::desk::Desk;
use crate::diagnostic::Code;
use crate::raw::{self, RawConfig};
use crate::spans::deeper;

/// Things that have a name and that nothing refers to.
pub(super) fn unused(raw: &RawConfig, desk: &mut Desk<'_>) {
    let routes = raw.routes.iter();
    let upstreams: HashSet<&str> =
        routes.clone().filter_map(|route| route.upstream.as_deref()).chain(raw.defaults.upstream.as_deref()).collect();
    for name in raw.upstreams.keys().filter(|name| !upstreams.contains(name.as_str())) {
        let help = "remove it, or name it as a route's `upstream`";
        desk.warn(Code::Unused, &deeper("/upstreams", name), format!("no route leads to upstream `{name}`"), help);
    }
    let mut providers = HashSet::new();
    for auth in routes.filter_map(|route| route.auth.as_ref()).chain(&raw.defaults.auth) {
        asked(auth, &mut providers);
    }
    for name in raw.jwt_providers.keys().filter(|name| !providers.contains(name.as_str())) {
        let help = "remove it, or name it in a route's `auth: { jwt: { provider: … } }`";
        desk.warn(Code::Unused, &deeper("/jwtProviders", name), format!("no route asks provider `{name}`"), help);
    }
    let plans: HashSet<&str> = raw.consumers.iter().filter_map(|consumer| consumer.plan.as_deref()).collect();
    let by_claim = raw.jwt_providers.values().any(|provider| provider.plan_claim.is_some());
    for name in raw.plans.keys().filter(|name| !by_claim && !plans.contains(name.as_str())) {
        let help = "give it to a consumer, or set a provider's `planClaim`";
        desk.warn(Code::Unused, &deeper("/plans", name), format!("nobody has plan `{name}`"), help);
    }
}

fn asked<'r>(auth: &'r raw::Auth, providers: &mut HashSet<&'r str>) {
    providers.extend(auth.jwt.as_ref().map(|jwt| jwt.provider.as_str()));
    for way in auth.any.iter().chain(&auth.all).flatten() {
        asked(way, providers);
    }
}

/// Limits that count something else than they say, and routes that nobody can call.
pub(super) fn routes(raw: &RawConfig, routes: &[(RouteId, Route)], desk: &mut Desk<'_>) {
    let has_keys = raw.consumers.iter().any(|consumer| !consumer.api_keys.is_empty());
    for (_, route) in routes {
        let index = raw.routes.iter().position(|raw| *raw.name == *route.name).unwrap_or_default();
        let pointer = format!("/routes/{index}");
        if needs_key(&route.rules.auth) && !has_keys {
            let help = "add `consumers` with `apiKeys` (`tollgate key new` makes one)";
            let message = format!("route `{}` asks for an API key and no consumer has one", route.name);
            desk.warn(Code::Pointless, &pointer, message, help);
        }
        let own = format!("routes.{}.rateLimit", route.name);
        let of_throttle =
            route.rules.throttles.iter().find(|throttle| **throttle.name.name() == *own).map(|limit| &limit.by);
        let of_quota = route.rules.quota.as_ref().map(|quota| &quota.by);
        let own = format!("routes.{}.concurrency", route.name);
        let of_slots = route.rules.concurrency.iter().find(|limit| **limit.name.name() == *own).map(|limit| &limit.by);
        for (key, by) in [("rateLimit", of_throttle), ("concurrency", of_slots), ("quota", of_quota)] {
            let Some(by) = by else { continue };
            if matches!(route.rules.auth, Auth::Open) && needs_caller(by) {
                let help = "count by `ip`, `route` or a header, or ask callers who they are";
                let message =
                    format!("`{key}` of route `{}` counts callers, but the route does not ask who calls", route.name);
                desk.warn(Code::Pointless, &format!("{pointer}/{key}/key"), message + ": it counts by address", help);
            }
        }
    }
}

fn needs_key(auth: &Auth) -> bool {
    match auth {
        Auth::ApiKey => true,
        Auth::Open | Auth::Jwt { .. } => false,
        Auth::Any(ways) => ways.iter().all(needs_key),
        Auth::All(ways) => ways.iter().any(needs_key),
    }
}

const fn needs_caller(by: &CountBy) -> bool {
    match by {
        CountBy::Consumer | CountBy::ApiKey | CountBy::Token | CountBy::Claim(_) => true,
        CountBy::Address | CountBy::Route | CountBy::Header(_) => false,
    }
}
