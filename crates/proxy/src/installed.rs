//! A snapshot made ready to serve: metric handles resolved, peers prebuilt, error text assembled. Swapped as one on reload.

use crate::key_sets::{KeySets, Source};
use crate::resolve::{Resolved, Resolver};
use engine::names::{PlanId, RouteId, UpstreamId};
use engine::snapshot::Snapshot;
use engine::upstream::{Address, Endpoint, Upstream};
use pingora::upstreams::peer::{HttpPeer, HttpUpstreamRequestPolicy};
use pingora::utils::tls::WrappedX509;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
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
    plans: Vec<PlanMetrics>,
    /// The sets that providers fetch, by their place; none for one that no route asks.
    key_sources: Vec<Option<Arc<Source>>>,
}

/// An upstream with everything built that a request would otherwise build.
pub(crate) struct Prepared {
    pub(crate) metrics: UpstreamMetrics,
    endpoints: Vec<PreparedEndpoint>,
}

struct PreparedEndpoint {
    peer: HttpPeer,
    name: Option<Arc<Resolved>>,
}

impl Installed {
    pub(crate) fn new(
        snapshot: Arc<Snapshot>,
        access_log: Arc<AccessLog>,
        metrics: &Metrics,
        resolver: &Resolver,
        key_sets: &KeySets,
    ) -> Self {
        Self {
            key_sources: key_sets.of(&snapshot, metrics),
            routes: snapshot.routes.iter().map(|route| metrics.route(&route.name)).collect(),
            no_route: metrics.no_route(),
            access_log,
            upstreams: snapshot.upstreams.iter().map(|upstream| prepare(upstream, metrics, resolver)).collect(),
            plans: plans(&snapshot, metrics),
            snapshot,
        }
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

    pub(crate) fn plan_metrics(&self, id: PlanId) -> Option<&PlanMetrics> {
        self.plans.get(id.index())
    }
}

impl Prepared {
    /// A peer for that endpoint; none while its name has no address.
    pub(crate) async fn peer(&self, endpoint: usize) -> Option<HttpPeer> {
        let PreparedEndpoint { peer, name } = self.endpoints.get(endpoint)?;
        let mut peer = peer.clone();
        if let Some(name) = name {
            peer._address = pingora::protocols::l4::socket::SocketAddr::Inet(name.address().await?);
        }
        Some(peer)
    }
}

/// In the order of their IDs.
fn plans(snapshot: &Snapshot, metrics: &Metrics) -> Vec<PlanMetrics> {
    let mut plans: Vec<_> = snapshot.plans.values().collect();
    plans.sort_by_key(|plan| plan.id);
    plans.into_iter().map(|plan| metrics.plan(&plan.name)).collect()
}

fn prepare(upstream: &Upstream, metrics: &Metrics, resolver: &Resolver) -> Prepared {
    let endpoints = upstream.endpoints.iter().map(|endpoint| prepare_endpoint(upstream, endpoint, resolver)).collect();
    Prepared { metrics: metrics.upstream(&upstream.name), endpoints }
}

fn prepare_endpoint(upstream: &Upstream, endpoint: &Endpoint, resolver: &Resolver) -> PreparedEndpoint {
    let (address, name) = match &endpoint.address {
        Address::Socket(address) => (*address, None),
        // Replaced by the resolved address before each use.
        Address::Name { host, port } => {
            (SocketAddr::from((Ipv4Addr::UNSPECIFIED, *port)), Some(resolver.name(host, *port)))
        }
    };
    let server_name = upstream.tls.as_ref().map(|tls| tls.server_name.to_string()).unwrap_or_default();
    let mut peer = HttpPeer::new(address, upstream.tls.is_some(), server_name);
    // The pool's own key has neither authorities nor time-outs: two upstreams never share a connection.
    peer.group_key = group_key(upstream);
    let timeouts = upstream.timeouts;
    let options = &mut peer.options;
    options.connection_timeout = Some(timeouts.connect);
    options.total_connection_timeout = Some(timeouts.connect);
    // Reads have the deadline of the request (`deadline.rs`), which costs one timer a connection instead of one a read.
    options.read_timeout = None;
    options.write_timeout = Some(timeouts.idle);
    options.idle_timeout = Some(upstream.idle_timeout);
    options.http_upstream_request_policy = HttpUpstreamRequestPolicy::deny_upgrades();
    if let Some(tls) = &upstream.tls
        && !tls.authorities.is_empty()
    {
        let authorities: Vec<WrappedX509> = tls.authorities.iter().map(|der| wrapped(der)).collect();
        options.ca = Some(Arc::from(authorities));
    }
    PreparedEndpoint { peer, name }
}

fn wrapped(der: &[u8]) -> WrappedX509 {
    WrappedX509::new(der.to_vec(), pingora::utils::tls::parse_x509)
}

fn group_key(upstream: &Upstream) -> u64 {
    let mut hasher = DefaultHasher::new();
    upstream.name.hash(&mut hasher);
    if let Some(tls) = &upstream.tls {
        tls.server_name.hash(&mut hasher);
        tls.authorities.hash(&mut hasher);
    }
    hasher.finish()
}
