//! Warnings: what is allowed, but will hurt later.

use std::collections::HashSet;

use engine::counted::CountBy;
use engine::names::RouteId;
use engine::rules::{Auth, Route};
use engine::target::Target;

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
    let (mut providers, mut services) = (HashSet::new(), HashSet::new());
    for auth in routes.filter_map(|route| route.auth.as_ref()).chain(&raw.defaults.auth) {
        asked(auth, &mut providers, &mut services);
    }
    for name in raw.auth_services.keys().filter(|name| !services.contains(name.as_str())) {
        let help = "remove it, or name it in a route's `auth: { forwardAuth: { service: … } }`";
        desk.warn(Code::Unused, &deeper("/authServices", name), format!("no route asks auth service `{name}`"), help);
    }
    for name in raw.jwt_providers.keys().filter(|name| !providers.contains(name.as_str())) {
        let help = "remove it, or name it in a route's `auth: { jwt: { provider: … } }`";
        desk.warn(Code::Unused, &deeper("/jwtProviders", name), format!("no route asks provider `{name}`"), help);
    }
    let plans: HashSet<&str> = raw.consumers.iter().filter_map(|consumer| consumer.plan.as_deref()).collect();
    let by_claim = raw.jwt_providers.values().any(|provider| provider.plan_claim.is_some())
        || raw.auth_services.values().any(|service| service.plan_header.is_some());
    for name in raw.plans.keys().filter(|name| !by_claim && !plans.contains(name.as_str())) {
        let help = "give it to a consumer, or set a provider's `planClaim`";
        desk.warn(Code::Unused, &deeper("/plans", name), format!("nobody has plan `{name}`"), help);
    }
}

fn asked<'r>(auth: &'r raw::Auth, providers: &mut HashSet<&'r str>, services: &mut HashSet<&'r str>) {
    providers.extend(auth.jwt.as_ref().map(|jwt| jwt.provider.as_str()));
    services.extend(auth.forward_auth.as_ref().map(|forward| forward.service.as_str()));
    for way in auth.any.iter().chain(&auth.all).flatten() {
        asked(way, providers, services);
    }
}

/// Limits that count something else than they say, and routes that nobody can call.
pub(super) fn routes(raw: &RawConfig, routes: &[(RouteId, Route)], desk: &mut Desk<'_>) {
    let has_keys = raw.consumers.iter().any(|consumer| !consumer.api_keys.is_empty());
    let has_users = raw.consumers.iter().any(|consumer| !consumer.passwords.is_empty());
    for (_, route) in routes {
        let index = raw.routes.iter().position(|raw| *raw.name == *route.name).unwrap_or_default();
        let pointer = format!("/routes/{index}");
        if needs(&route.rules.auth, |way| matches!(way, Auth::Basic)) && !has_users {
            let help = "add `passwords` to a consumer (`tollgate password hash` makes the hash)";
            let message = format!("route `{}` asks for a user and a password and no consumer has any", route.name);
            desk.warn(Code::Pointless, &pointer, message, help);
        }
        if needs(&route.rules.auth, |way| matches!(way, Auth::ApiKey)) && !has_keys {
            let help = "add `consumers` with `apiKeys` (`tollgate key new` makes one)";
            let message = format!("route `{}` asks for an API key and no consumer has one", route.name);
            desk.warn(Code::Pointless, &pointer, message, help);
        }
        unforwarded(raw.routes.get(index), &route.target, &pointer, desk);
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

/// Changes to requests that go nowhere and to answers of no upstream. Those of `defaults` are for the other routes.
fn unforwarded(raw: Option<&raw::Route>, target: &Target, pointer: &str, desk: &mut Desk<'_>) {
    let what = match target {
        Target::Upstream(_) => return,
        Target::Redirect(_) => "redirect",
        Target::Respond(_) => "respond",
    };
    let Some(raw) = raw else { return };
    if raw.request.is_some() {
        let message = format!("`request` changes what upstream gets, and this route answers by itself: `{what}`");
        let help = "remove it, or lead the route to an `upstream`";
        desk.warn(Code::Pointless, &format!("{pointer}/request"), message, help);
    }
    if raw.response.is_some() {
        let message = format!("`response` changes what upstream answers, and this route answers by itself: `{what}`");
        let help = if what == "respond" {
            "write it into `respond`"
        } else {
            "remove it, or use `respond`, which takes `headers`"
        };
        desk.warn(Code::Pointless, &format!("{pointer}/response"), message, help);
    }
}

/// Whether nobody gets in without a way of that sort.
fn needs(auth: &Auth, is_sort: fn(&Auth) -> bool) -> bool {
    match auth {
        Auth::Open | Auth::ApiKey | Auth::Basic | Auth::Forward(_) | Auth::Jwt { .. } => is_sort(auth),
        Auth::Any(ways) => ways.iter().all(|way| needs(way, is_sort)),
        Auth::All(ways) => ways.iter().any(|way| needs(way, is_sort)),
    }
}

const fn needs_caller(by: &CountBy) -> bool {
    match by {
        CountBy::Consumer | CountBy::ApiKey | CountBy::Token | CountBy::Claim(_) => true,
        CountBy::Address | CountBy::Route | CountBy::Header(_) => false,
    }
}
