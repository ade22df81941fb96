//! `routes` and `defaults`: what each route matches and asks, defaults merged in key by key.

use std::sync::Arc;

use engine::chain::{CONCURRENCY_MAX, THROTTLES_MAX};
use engine::counted::CountBy;
use engine::names::RouteId;
use engine::policy::concurrency::Concurrency;
use engine::policy::cors::Cors;
use engine::policy::ip_access::IpAccess;
use engine::policy::parameters::Parameters;
use engine::policy::throttle::Throttle;
use engine::response::{CacheControl, ResponseRules};
use engine::route::host::HostPattern;
use engine::route::path::PathPattern;
use engine::route::table::{Ambiguous, MethodMismatch, Methods, RouteMatch, RouteTable, TrailingSlash};
use engine::rules::{Auth, Route, Rules};
use engine::target::Target;
use engine::trail::Mode;
use engine::transform::Transform;

use super::body::{self, Body};
use super::desk::Desk;
use super::limit::{self, NamedThrottle};
use super::names::Names;
use super::target::{self, Chosen};
use super::{auth, concurrency, cors, errors, ip_access, needed, notice, parameters, patterns, response, transform};
use crate::diagnostic::{Code, Diagnostic, quoted};
use crate::raw::{self, Defaults, RawConfig};

/// The table and the routes in the order of their IDs; none if a route is unfit.
pub(super) fn compile(
    raw: &RawConfig,
    names: &Names<'_>,
    throttles: &[NamedThrottle<'_>],
    book: &mut errors::Book,
    desk: &mut Desk<'_>,
) -> Option<(RouteTable, Vec<Route>)> {
    if raw.routes.is_empty() {
        let help = "add one: `routes: [{ name: orders, paths: [/v1/orders], upstream: orders, auth: { none: {} } }]`";
        desk.warn(Code::Pointless, "/routes", "the config has no routes: every request gets 404", help);
    }
    let mut table = Vec::new();
    let mut routes: Vec<(RouteId, Route)> = Vec::new();
    let mut sound = true;
    for (index, route) in raw.routes.iter().enumerate() {
        let merged = Merged::of(route, &raw.defaults, index);
        let Some(id) = names.routes.get(&*route.name).copied() else { continue };
        let matched = merged.matches(id, desk);
        let paths = matched.as_ref().map_or(&[][..], |matched: &RouteMatch| &matched.paths);
        let (mut transform, mut parameters) = (None, None);
        if !merged.lacks_paths(desk) {
            transform = merged.transform(&transform::Subject { config: raw, paths }, desk);
            parameters = matched.as_ref().and_then(|matched| merged.parameters(&matched.paths, raw, desk));
        }
        let asked = merged.route((id, paths), raw, names, throttles, book, desk);
        if let (Some(matched), Some(mut asked)) = (matched, asked) {
            asked.rules.parameters = parameters;
            table.push(matched);
            routes.push((id, Route { transform, ..asked }));
        } else {
            sound = false;
        }
    }
    if !sound || routes.len() != names.routes.len() {
        return None;
    }
    table.sort_by_key(|matched| matched.route);
    routes.sort_by_key(|(id, _)| *id);
    response::vary(&table, &mut routes);
    let mismatch = match raw.method_mismatch {
        Some(404) => MethodMismatch::NotFound,
        Some(_) | None => MethodMismatch::MethodNotAllowed,
    };
    let table = RouteTable::build(table, mismatch);
    overlaps(raw, &table, &routes, desk);
    notice::routes(raw, &routes, desk);
    Some((table, routes.into_iter().map(|(_, route)| route).collect()))
}

/// Routes that get no requests, and routes between which only their names decide.
fn overlaps(raw: &RawConfig, table: &RouteTable, routes: &[(RouteId, Route)], desk: &mut Desk<'_>) {
    let pointer = |id: RouteId| {
        let name = routes.iter().find(|(other, _)| *other == id).map(|(_, route)| &*route.name);
        let index = raw.routes.iter().position(|route| Some(&*route.name) == name);
        format!("/routes/{}/name", index.unwrap_or_default())
    };
    let name = |id: RouteId| routes.iter().find(|(other, _)| *other == id).map_or("", |(_, route)| &*route.name);
    let hidden = table.hidden();
    for hidden in &hidden {
        let (place, other) = (desk.place(&pointer(hidden.route)), desk.place(&pointer(hidden.by)));
        let message = format!("route `{}` never gets a request", name(hidden.route));
        desk.push(
            Diagnostic::warning(Code::HiddenRoute, place, message)
                .help("give it a host, path, method or condition that the other one does not have, or remove it")
                .note(other, format!("route `{}` gets its requests instead", name(hidden.by))),
        );
    }
    let is_hidden = |tie: &Ambiguous| hidden.iter().any(|hidden| hidden.route == tie.route || hidden.route == tie.with);
    for tie in table.ambiguous().into_iter().filter(|tie| !is_hidden(tie)) {
        let (place, other) = (desk.place(&pointer(tie.route)), desk.place(&pointer(tie.with)));
        let message = format!(
            "routes {} and {} are equally specific at {}: the one whose name sorts first gets the request",
            quoted(name(tie.route)),
            quoted(name(tie.with)),
            quoted(tie.pattern.strip_prefix('*').unwrap_or(&tie.pattern))
        );
        desk.push(
            Diagnostic::warning(Code::AmbiguousRoutes, place, message)
                .help("give one of them a further condition, or methods of its own")
                .note(other, "the other route is here"),
        );
    }
}

/// A route with what it leaves to the defaults, and where each of its parts stands.
struct Merged<'r> {
    raw: &'r raw::Route,
    defaults: &'r Defaults,
    pointer: String,
}

impl<'r> Merged<'r> {
    fn of(raw: &'r raw::Route, defaults: &'r Defaults, index: usize) -> Self {
        Self { raw, defaults, pointer: format!("/routes/{index}") }
    }

    /// Where a key stands: in the route or, if it is not there, in the defaults.
    fn at(&self, key: &str, own: bool) -> String {
        if own { format!("{}/{key}", self.pointer) } else { format!("/defaults/{key}") }
    }

    /// Its paths could not be read, so that nothing can be said of what takes something from them.
    fn lacks_paths(&self, desk: &Desk<'_>) -> bool {
        desk.is_left_out(&format!("{}/paths", self.pointer))
    }

    fn matches(&self, id: RouteId, desk: &mut Desk<'_>) -> Option<RouteMatch> {
        let hosts = self.hosts(desk);
        let paths = self.paths(desk);
        let methods = self.raw.methods.as_ref().or(self.defaults.methods.as_ref());
        let methods = methods.map(|methods| methods.iter().map(|method| method.get().clone()).collect());
        let conditions = self.raw.conditions.as_ref().or(self.defaults.conditions.as_ref());
        let at = self.at("match", self.raw.conditions.is_some());
        let conditions = conditions.map(|conditions| patterns::conditions(conditions, &at, desk));
        let trailing_slash = self.raw.trailing_slash.or(self.defaults.trailing_slash);
        Some(RouteMatch {
            route: id,
            hosts: hosts?,
            paths: paths?,
            methods: methods.map_or_else(Methods::any, Methods::of),
            conditions: conditions.unwrap_or_default(),
            trailing_slash: match trailing_slash {
                None | Some(raw::TrailingSlash::Strict) => TrailingSlash::Strict,
                Some(raw::TrailingSlash::Ignore) => TrailingSlash::Ignore,
                Some(raw::TrailingSlash::Redirect) => TrailingSlash::Redirect,
            },
        })
    }

    fn hosts(&self, desk: &mut Desk<'_>) -> Option<Vec<HostPattern>> {
        let one = self.raw.host.iter().map(|host| (format!("{}/host", self.pointer), host));
        let several = self.raw.hosts.iter().enumerate();
        let several = several.map(|(index, host)| (format!("{}/hosts/{index}", self.pointer), host));
        // Every one is looked at, so that every mistake is found.
        let all: Vec<_> = one.chain(several).map(|(pointer, host)| patterns::host(host, &pointer, desk)).collect();
        all.into_iter().collect()
    }

    fn paths(&self, desk: &mut Desk<'_>) -> Option<Vec<PathPattern>> {
        let all = self.raw.paths.iter().enumerate();
        let all = all.map(|(index, entry)| patterns::path(entry, &format!("{}/paths/{index}", self.pointer), desk));
        all.collect::<Vec<_>>().into_iter().collect()
    }

    fn route(
        &self,
        (id, paths): (RouteId, &[PathPattern]),
        raw: &RawConfig,
        names: &Names<'_>,
        throttles: &[NamedThrottle<'_>],
        book: &mut errors::Book,
        desk: &mut Desk<'_>,
    ) -> Option<Route> {
        let owner = format!("routes.{}", self.raw.name);
        let target = self.target(paths, names, book, desk);
        let auth = self.auth(names, desk);
        let auth_at = self.at("auth", self.raw.auth.is_some());
        let auth_policy = desk.policy(format!("{owner}.auth"), &auth_at, Mode::Enforce, None);
        let deprecation =
            self.raw.deprecation.as_ref().or(self.defaults.deprecation.as_ref()).and_then(|deprecation| {
                response::deprecation(
                    &owner,
                    deprecation,
                    &self.at("deprecation", self.raw.deprecation.is_some()),
                    desk,
                )
            });
        let cors = self.cors(&owner, raw, deprecation.is_some(), desk);
        let cache_control = self.cache_control(auth.as_ref(), desk);
        let ip_access = self.ip_access(&owner, desk);
        let concurrency = self.concurrency(&owner, id, throttles, desk);
        let (before, after) = self.throttles(&owner, id, throttles, desk);
        let quota = self.raw.quota.as_ref().or(self.defaults.quota.as_ref());
        let quota_at = if self.raw.quota.is_some() { &*self.pointer } else { "/defaults" };
        let quota = quota.and_then(|quota| limit::quota(&owner, quota, quota_at, desk));
        let Body { payload, reading } = self.body(&owner, raw, desk);
        let compression = self.raw.compression.as_ref().or(self.defaults.compression.as_ref());
        let compression_at = self.at("compression", self.raw.compression.is_some());
        let compression = compression.and_then(|raw| super::compression::compile(raw, &compression_at, desk));
        let errors_at = self.at("errors", true);
        let own_errors = self.raw.errors.as_deref().map(|templates| (templates, &*errors_at));
        book.route(id, own_errors, self.defaults.errors.as_deref(), desk);
        Some(Route {
            name: self.raw.name.as_str().into(),
            place: desk.engine_place(&format!("{}/name", self.pointer)),
            target: target?,
            response: ResponseRules {
                cors: cors.clone(),
                deprecation: deprecation.clone(),
                cache_control,
                vary: Box::default(),
            }
            .boxed(),
            rules: Rules {
                cors,
                ip_access: ip_access.map(Box::new),
                deprecation,
                throttles_before_identity: before,
                auth: auth?,
                auth_policy,
                concurrency,
                throttles: after,
                // Where the paths are known.
                parameters: None,
                payload,
                quota,
                reading: reading.map(Box::new),
            },
            transform: None,
            compression,
        })
    }

    /// What was checked with other paths in view has been checked for these, too: a change in `defaults` must fit every route.
    fn transform(&self, subject: &transform::Subject<'_>, desk: &mut Desk<'_>) -> Option<Box<Transform>> {
        let request = self.raw.request.as_ref().or(self.defaults.request.as_ref());
        let request_at = self.at("request", self.raw.request.is_some());
        let response = self.raw.response.as_ref().or(self.defaults.response.as_ref());
        let response_at = self.at("response", self.raw.response.is_some());
        let (request, response) = (request.map(|raw| (raw, &*request_at)), response.map(|raw| (raw, &*response_at)));
        transform::compile(request, response, subject, desk)
    }

    /// The route's own word counts before the defaults', whichever of the three it is.
    fn target(
        &self,
        paths: &[PathPattern],
        names: &Names<'_>,
        book: &mut errors::Book,
        desk: &mut Desk<'_>,
    ) -> Option<Target> {
        let raw::Route { upstream, redirect, respond, .. } = self.raw;
        let own = target::chosen(upstream.as_ref(), redirect.as_ref(), respond.as_ref(), &self.pointer, desk);
        let Defaults { upstream, redirect, respond, .. } = self.defaults;
        let common = target::chosen(upstream.as_ref(), redirect.as_ref(), respond.as_ref(), "/defaults", desk);
        let at = |key| self.at(key, own.is_some());
        match own.or(common) {
            Some(Chosen::Upstream(name)) => names.upstream(name, &at("upstream"), desk).map(Target::Upstream),
            Some(Chosen::Redirect(_)) if self.lacks_paths(desk) => None,
            Some(Chosen::Redirect(redirect)) => target::redirect(redirect, paths, &at("redirect"), desk),
            Some(Chosen::Respond(respond)) => target::respond(respond, &at("respond"), book, desk),
            None => {
                needed::upstream(self.raw, &self.pointer, desk);
                None
            }
        }
    }

    fn cors(&self, owner: &str, config: &RawConfig, is_deprecated: bool, desk: &mut Desk<'_>) -> Option<Arc<Cors>> {
        let is_own = self.raw.cors.is_some();
        let rule = self.raw.cors.as_ref().or(self.defaults.cors.as_ref())?;
        let of = cors::Of {
            owner,
            config,
            methods: self.raw.methods.as_deref().or(self.defaults.methods.as_deref()),
            auth: self.raw.auth.as_ref().or(self.defaults.auth.as_ref()),
            body: self.raw.body.as_ref().or(self.defaults.body.as_ref()),
            is_deprecated,
            is_own,
        };
        cors::compile(rule, &of, &self.at("cors", is_own), desk)
    }

    fn cache_control(&self, auth: Option<&Auth>, desk: &mut Desk<'_>) -> Option<CacheControl> {
        let raw = self.raw.cache_control.as_ref().or(self.defaults.cache_control.as_ref())?;
        let at = self.at("cacheControl", self.raw.cache_control.is_some());
        Some(response::cache_control(raw, matches!(auth, Some(Auth::Open) | None), &at, desk))
    }

    fn auth(&self, names: &Names<'_>, desk: &mut Desk<'_>) -> Option<Auth> {
        let own = self.raw.auth.is_some();
        let Some(auth) = self.raw.auth.as_ref().or(self.defaults.auth.as_ref()) else {
            needed::auth(self.raw, &self.pointer, desk);
            return None;
        };
        auth::compile(auth, &self.at("auth", own), names, desk)
    }

    /// The named ones that cover the route and its own: those that count by address stand before identity.
    fn throttles(
        &self,
        owner: &str,
        id: RouteId,
        named: &[NamedThrottle<'_>],
        desk: &mut Desk<'_>,
    ) -> (Vec<Throttle>, Vec<Throttle>) {
        let covers = |throttle: &&NamedThrottle<'_>| throttle.covers(id);
        let mut all: Vec<Throttle> = named.iter().filter(covers).filter_map(NamedThrottle::throttle).collect();
        let own = self.raw.rate_limit.is_some();
        let at = if own { &*self.pointer } else { "/defaults" };
        if let Some(limit) = self.raw.rate_limit.as_ref().or(self.defaults.rate_limit.as_ref()) {
            all.extend(limit::throttle(owner, limit, at, desk));
        }
        let needs_identity = |throttle: &Throttle| {
            throttle.by != CountBy::Address || throttle.applies.plans.is_some() || throttle.applies.consumers.is_some()
        };
        let (after, before): (Vec<_>, Vec<_>) = all.into_iter().partition(needs_identity);
        // One place is left for the plan's own.
        if before.len() > THROTTLES_MAX || after.len() >= THROTTLES_MAX {
            let message = format!("route `{}` falls under {} throttles", self.raw.name, before.len().max(after.len()));
            let at_most = if before.len() > THROTTLES_MAX { THROTTLES_MAX } else { THROTTLES_MAX.saturating_sub(1) };
            let help = format!("at most {at_most} can cover one route: narrow some with `when`");
            desk.error(Code::OutOfRange, &format!("{}/name", self.pointer), message, help);
        }
        (before, after)
    }

    /// The named ones that cover the route and its own.
    fn concurrency(
        &self,
        owner: &str,
        id: RouteId,
        named: &[NamedThrottle<'_>],
        desk: &mut Desk<'_>,
    ) -> Vec<Concurrency> {
        let named = named.iter().filter(|throttle| throttle.covers(id));
        let mut all: Vec<Concurrency> = named.filter_map(|throttle| throttle.concurrency(desk)).collect();
        let at = if self.raw.concurrency.is_some() { &*self.pointer } else { "/defaults" };
        if let Some(limit) = self.raw.concurrency.as_ref().or(self.defaults.concurrency.as_ref()) {
            all.extend(concurrency::of_owner(owner, limit, at, desk));
        }
        // One place is left for the plan's own.
        if all.len() >= CONCURRENCY_MAX {
            let message = format!("route `{}` falls under {} concurrency limits", self.raw.name, all.len());
            let help =
                format!("at most {} can cover one route: narrow some with `when`", CONCURRENCY_MAX.saturating_sub(1));
            desk.error(Code::OutOfRange, &format!("{}/name", self.pointer), message, help);
        }
        all
    }

    fn ip_access(&self, owner: &str, desk: &mut Desk<'_>) -> Option<IpAccess> {
        let at = self.at("ipAccess", self.raw.ip_access.is_some());
        let rule = self.raw.ip_access.as_ref().or(self.defaults.ip_access.as_ref())?;
        ip_access::compile(owner, rule, &at, desk)
    }

    fn parameters(&self, paths: &[PathPattern], raw: &RawConfig, desk: &mut Desk<'_>) -> Option<Box<Parameters>> {
        let rules = self.raw.parameters.as_ref().or(self.defaults.parameters.as_ref())?;
        let is_default = self.raw.parameters.is_none();
        let conditions = self.raw.conditions.as_ref().or(self.defaults.conditions.as_ref());
        let owner = parameters::Owner { name: &self.raw.name, paths, conditions, is_default };
        parameters::compile(&owner, rules, raw, &self.at("parameters", !is_default), desk)
    }

    fn body(&self, owner: &str, raw: &RawConfig, desk: &mut Desk<'_>) -> Body {
        let at = self.at("body", self.raw.body.is_some());
        let found = self.raw.body.as_ref().or(self.defaults.body.as_ref());
        found.map(|found| body::compile(owner, found, raw.limits.held_body_bytes, &at, desk)).unwrap_or_default()
    }
}
