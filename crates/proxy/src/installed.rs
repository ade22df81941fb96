//! A snapshot made ready to serve: metric handles resolved, peers prebuilt, error text assembled. Swapped as one on reload.

use crate::callout::PreparedService;
use crate::endpoint::{PreparedEndpoint, bare_endpoint};
use crate::key_sets::{KeySets, Source};
use crate::pool::keep_at_home;
use crate::resolve::Resolver;
use engine::auth_service::AuthService;
use engine::names::{PlanId, RouteId, UpstreamId};
use engine::snapshot::Snapshot;
use engine::upstream::{Endpoint, Upstream};
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use telemetry::access_log::{AccessLog, Target};
use telemetry::metrics::{Metrics, PlanMetrics, RouteMetrics, UpstreamMetrics};

/// Where the access log goes, and how much of it.
#[derive(Clone, Debug, PartialEq)]
pub struct LogSettings {
    pub target: Target,
    /// The share of successes that are logged, 0 to 1.
    pub sample: f64,
}

impl LogSettings {
    pub(crate) fn open(&self, metrics: &Metrics) -> io::Result<Arc<AccessLog>> {
        AccessLog::open(self.target.clone(), self.sample, metrics.access_log_dropped()).map(Arc::new)
    }
}

pub(crate) struct Installed {
    pub(crate) snapshot: Arc<Snapshot>,
    routes: Vec<RouteMetrics>,
    no_route: RouteMetrics,
    pub(crate) access_log: Arc<AccessLog>,
    upstreams: Vec<Prepared>,
    auth_services: Vec<PreparedService>,
    plans: Vec<PlanMetrics>,
    /// The sets that providers fetch, by their place; none for one that no route asks.
    key_sources: Vec<Option<Arc<Source>>>,
    stopping: Arc<AtomicBool>,
}

/// An upstream with everything built that a request would otherwise build.
pub(crate) struct Prepared {
    pub(crate) metrics: UpstreamMetrics,
    endpoints: Vec<PreparedEndpoint>,
}

impl Installed {
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        access_log: Arc<AccessLog>,
        metrics: &Metrics,
        resolver: &Resolver,
        key_sets: &KeySets,
        stopping: Arc<AtomicBool>,
    ) -> Self {
        Self {
            stopping,
            key_sources: key_sets.of(&snapshot, metrics),
            routes: snapshot.routes.iter().map(|route| metrics.route(&route.name)).collect(),
            no_route: metrics.no_route(),
            access_log,
            upstreams: snapshot.upstreams.iter().map(|upstream| prepare(upstream, metrics, resolver)).collect(),
            plans: plans(&snapshot, metrics),
            auth_services: auth_services(&snapshot, metrics, resolver),
            snapshot,
        }
    }

    /// Whether the gateway has been told to stop: connections end behind the answers that are under way.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn route_metrics(&self, route: Option<RouteId>) -> &RouteMetrics {
        route.and_then(|route| self.routes.get(route.index())).unwrap_or(&self.no_route)
    }

    pub(crate) fn upstream(&self, id: UpstreamId) -> Option<(&Upstream, &Prepared)> {
        Some((self.snapshot.upstream(id)?, self.upstreams.get(id.index())?))
    }

    pub(crate) fn key_source(&self, provider: usize) -> Option<&Arc<Source>> {
        self.key_sources.get(provider)?.as_ref()
    }

    pub(crate) fn key_sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.key_sources.iter().flatten()
    }

    pub(crate) fn auth_service(&self, place: usize) -> Option<(&AuthService, &PreparedService)> {
        Some((self.snapshot.auth_services.get(place)?, self.auth_services.get(place)?))
    }

    pub(crate) fn plan_metrics(&self, id: PlanId) -> Option<&PlanMetrics> {
        self.plans.get(id.index())
    }
}

impl Prepared {
    /// A peer for that endpoint; none while its name has no address.
    pub(crate) async fn peer(&self, endpoint: usize, within: Duration) -> Option<Box<HttpPeer>> {
        self.endpoints.get(endpoint)?.peer(within).await
    }
}

/// In the order of their IDs.
fn plans(snapshot: &Snapshot, metrics: &Metrics) -> Vec<PlanMetrics> {
    let mut plans: Vec<_> = snapshot.plans.values().collect();
    plans.sort_by_key(|plan| plan.id);
    plans.into_iter().map(|plan| metrics.plan(&plan.name)).collect()
}

fn auth_services(snapshot: &Snapshot, metrics: &Metrics, resolver: &Resolver) -> Vec<PreparedService> {
    let prepare = |service: &AuthService| {
        let name = service.policy.name();
        let mut endpoint =
            bare_endpoint(&service.endpoint, service.tls.as_ref(), &format!("authServices.{name}"), resolver);
        // All time-outs are the call's own one.
        endpoint.peer.options.connection_timeout = Some(service.timeout);
        endpoint.peer.options.total_connection_timeout = Some(service.timeout);
        PreparedService::new(service, endpoint, metrics.auth_service(name))
    };
    snapshot.auth_services.iter().map(prepare).collect()
}

fn prepare(upstream: &Upstream, metrics: &Metrics, resolver: &Resolver) -> Prepared {
    let endpoints = upstream.endpoints.iter().map(|endpoint| prepare_endpoint(upstream, endpoint, resolver)).collect();
    Prepared { metrics: metrics.upstream(&upstream.name), endpoints }
}

fn prepare_endpoint(upstream: &Upstream, endpoint: &Endpoint, resolver: &Resolver) -> PreparedEndpoint {
    let mut prepared = bare_endpoint(endpoint, upstream.tls.as_ref(), &upstream.name, resolver);
    let timeouts = upstream.timeouts;
    let options = &mut prepared.peer.options;
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    // Reads have the deadline of the request (`deadline.rs`), which costs one timer a connection instead of one a read.
    options.read_timeout = None;
    options.write_timeout = Some(timeouts.idle);
    options.idle_timeout = Some(upstream.idle_timeout);
    // The gateway strips by itself what is of the client's connection (`phase/forward.rs`).
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::preserve();
    keep_at_home(&mut prepared.peer);
    prepared
}
