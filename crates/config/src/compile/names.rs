//! Which names there are. That each is given once has been checked before.

use std::collections::HashMap;

use engine::names::{RouteId, UpstreamId};

use super::desk::Desk;
use crate::raw::RawConfig;

pub(super) struct Names<'r> {
    pub(super) routes: HashMap<&'r str, RouteId>,
    pub(super) upstreams: HashMap<&'r str, UpstreamId>,
    /// Places in the snapshot's list of providers.
    pub(super) providers: HashMap<&'r str, usize>,
    /// Places in the snapshot's list of auth services.
    pub(super) auth_services: HashMap<&'r str, usize>,
    pub(super) raw: &'r RawConfig,
}

impl<'r> Names<'r> {
    pub(super) fn of(raw: &'r RawConfig) -> Self {
        let number = |index: usize| u32::try_from(index).unwrap_or(u32::MAX);
        // IDs follow the names, not the file: a tie between two routes must not depend on their order in the file.
        let mut route_names: Vec<&str> = raw.routes.iter().map(|route| &*route.name).collect();
        route_names.sort_unstable();
        route_names.dedup();
        let upstreams = raw.upstreams.keys().enumerate();
        Self {
            routes: route_names.into_iter().enumerate().map(|(index, name)| (name, RouteId(number(index)))).collect(),
            upstreams: upstreams.map(|(index, name)| (&**name, UpstreamId(number(index)))).collect(),
            providers: raw.jwt_providers.keys().enumerate().map(|(index, name)| (&**name, index)).collect(),
            auth_services: raw.auth_services.keys().enumerate().map(|(index, name)| (&**name, index)).collect(),
            raw,
        }
    }

    /// The route of that name; a name that leads nowhere is reported at `pointer`.
    pub(super) fn route(&self, name: &str, pointer: &str, desk: &mut Desk<'_>) -> Option<RouteId> {
        let found = self.routes.get(name).copied();
        if found.is_none() {
            desk.unknown(pointer, ("route", "routes"), name, self.raw.routes.iter().map(|route| &*route.name));
        }
        found
    }

    pub(super) fn upstream(&self, name: &str, pointer: &str, desk: &mut Desk<'_>) -> Option<UpstreamId> {
        let found = self.upstreams.get(name).copied();
        if found.is_none() {
            desk.unknown(pointer, ("upstream", "upstreams"), name, self.raw.upstreams.keys().map(|name| &**name));
        }
        found
    }

    pub(super) fn provider(&self, name: &str, pointer: &str, desk: &mut Desk<'_>) -> Option<usize> {
        let found = self.providers.get(name).copied();
        if found.is_none() {
            desk.unknown(
                pointer,
                ("JWT provider", "jwtProviders"),
                name,
                self.raw.jwt_providers.keys().map(|name| &**name),
            );
        }
        found
    }

    pub(super) fn auth_service(&self, name: &str, pointer: &str, desk: &mut Desk<'_>) -> Option<usize> {
        let found = self.auth_services.get(name).copied();
        if found.is_none() {
            let known = self.raw.auth_services.keys().map(|name| &**name);
            desk.unknown(pointer, ("auth service", "authServices"), name, known);
        }
        found
    }

    /// True if a plan has that name.
    pub(super) fn plan(&self, name: &str, pointer: &str, desk: &mut Desk<'_>) -> bool {
        let found = self.raw.plans.contains_key(name);
        if !found {
            desk.unknown(pointer, ("plan", "plans"), name, self.raw.plans.keys().map(|name| &**name));
        }
        found
    }
}
