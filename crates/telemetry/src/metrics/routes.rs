//! What is counted for every request of a route. All of it is one piece of memory, ordered so that the usual request (200, answered
//! within milliseconds) touches two lines of it.

use super::durations::{desc, family, histogram, labelled, observe};
use super::lanes::{Count, Hand, Lanes};
use super::{GATEWAY_SECONDS, MetricDoc, REQUEST_SECONDS};
use prometheus::Result;
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Counter, Metric, MetricFamily, MetricType};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::Duration;

const STATUS_MIN: u16 = 100;
const STATUSES: usize = 500;
/// Statuses come in clusters; a cluster's counts are made when its first status occurs.
const CLUSTER: usize = 25;

type Cluster = OnceLock<Box<[Count; CLUSTER]>>;

#[derive(Default)]
#[repr(C, align(64))]
struct Cells {
    ok: Count,
    duration_sum_ns: Count,
    gateway_sum_ns: Count,
    gateway: [Count; GATEWAY_SECONDS.len() + 1],
    duration: [Count; REQUEST_SECONDS.len() + 1],
    /// What is no status of HTTP; an upstream may send it nevertheless.
    other: Count,
    /// All but 200.
    by_status: [Cluster; STATUSES / CLUSTER],
}

impl Cells {
    fn count_status(&self, status: u16, hand: Hand) {
        if status == 200 {
            return hand.add(&self.ok, 1);
        }
        hand.add(self.slot(status).unwrap_or(&self.other), 1);
    }

    fn slot(&self, status: u16) -> Option<&Count> {
        let place = usize::from(status.checked_sub(STATUS_MIN)?);
        let cluster = self.by_status.get(place / CLUSTER)?;
        cluster.get_or_init(Box::default).get(place % CLUSTER)
    }

    /// Without making any.
    fn of_status(&self, place: usize) -> u64 {
        let cluster = self.by_status.get(place / CLUSTER).and_then(OnceLock::get);
        cluster.and_then(|cluster| cluster.get(place % CLUSTER)).map_or(0, Count::get)
    }
}

/// The routes that were ever in force, by name.
#[derive(Default)]
pub(super) struct Routes(Mutex<BTreeMap<Box<str>, Arc<Lanes<Cells>>>>);

impl Routes {
    /// The same name gives the same series.
    pub(super) fn of(&self, route: &str) -> RouteMetrics {
        let mut routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lanes = match routes.get(route) {
            Some(known) => Arc::clone(known),
            None => Arc::clone(routes.entry(route.into()).or_insert_with(|| Arc::new(Lanes::new()))),
        };
        RouteMetrics { lanes, route: route.into() }
    }

    fn each<T>(&self, show: impl Fn(&str, &Lanes<Cells>) -> T) -> Vec<T> {
        let routes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        routes.iter().map(|(route, lanes)| show(route, lanes)).collect()
    }
}

/// What is counted for each request of one route.
pub struct RouteMetrics {
    lanes: Arc<Lanes<Cells>>,
    route: Box<str>,
}

impl RouteMetrics {
    /// A request has been answered: by which status, how long it took and how much of that was the gateway's.
    pub fn answered(&self, status: u16, duration: Duration, gateway: Duration) {
        let (cells, hand) = self.lanes.here();
        cells.count_status(status, hand);
        observe(gateway, GATEWAY_SECONDS, &cells.gateway, &cells.gateway_sum_ns, hand);
        observe(duration, REQUEST_SECONDS, &cells.duration, &cells.duration_sum_ns, hand);
    }

    /// The name in the `route` label.
    #[must_use]
    pub fn route(&self) -> &str {
        &self.route
    }
}

/// One of the families that routes have.
#[derive(Clone)]
pub(super) struct OfRoutes<const PART: u8> {
    desc: Desc,
    routes: Arc<Routes>,
}

const REQUESTS: u8 = 0;
const DURATION: u8 = 1;
const GATEWAY: u8 = 2;

pub(super) type RouteRequests = OfRoutes<REQUESTS>;
pub(super) type RouteDurations = OfRoutes<DURATION>;
pub(super) type RouteGatewayDurations = OfRoutes<GATEWAY>;

impl<const PART: u8> OfRoutes<PART> {
    pub(super) fn declare(doc: &MetricDoc, routes: &Arc<Routes>) -> Result<Self> {
        Ok(Self { desc: desc(doc)?, routes: Arc::clone(routes) })
    }

    fn requests(&self) -> Vec<Metric> {
        let shown = |route: &str, lanes: &Lanes<Cells>| {
            let of = |place| match place {
                100 => lanes.sum(|cells| cells.ok.get()),
                _ => lanes.sum(|cells| cells.of_status(place)),
            };
            let statuses = (STATUS_MIN..).zip(0..STATUSES).map(|(status, place)| (status.to_string(), of(place)));
            let other = ("other".to_owned(), lanes.sum(|cells| cells.other.get()));
            let counted = statuses.chain([other]).filter(|(_, count)| *count > 0);
            counted.map(|(status, count)| counter(labelled(&self.desc, [route, &status]), count)).collect::<Vec<_>>()
        };
        self.routes.each(shown).into_iter().flatten().collect()
    }

    fn durations(
        &self,
        bounds: &[f64],
        sum_ns: impl Fn(&Cells) -> u64,
        bucket: impl Fn(&Cells, usize) -> u64,
    ) -> Vec<Metric> {
        self.routes.each(|route, lanes| {
            let mut metric = labelled(&self.desc, [route]);
            let of_bucket = |place| lanes.sum(|cells| bucket(cells, place));
            metric.set_histogram(histogram(bounds, lanes.sum(&sum_ns), of_bucket));
            metric
        })
    }
}

fn counter(mut metric: Metric, count: u64) -> Metric {
    let mut counter = Counter::default();
    #[expect(clippy::cast_precision_loss, reason = "Prometheus counts in floating point; exact up to 2^53")]
    counter.set_value(count as f64);
    metric.set_counter(counter);
    metric
}

impl<const PART: u8> Collector for OfRoutes<PART> {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let at = |buckets: &[Count], place: usize| buckets.get(place).map_or(0, Count::get);
        let (kind, series) = match PART {
            REQUESTS => (MetricType::COUNTER, self.requests()),
            DURATION => {
                let sum_ns = |cells: &Cells| cells.duration_sum_ns.get();
                let bucket = |cells: &Cells, place| at(&cells.duration, place);
                (MetricType::HISTOGRAM, self.durations(REQUEST_SECONDS, sum_ns, bucket))
            }
            _ => {
                let sum_ns = |cells: &Cells| cells.gateway_sum_ns.get();
                let bucket = |cells: &Cells, place| at(&cells.gateway, place);
                (MetricType::HISTOGRAM, self.durations(GATEWAY_SECONDS, sum_ns, bucket))
            }
        };
        family(&self.desc, kind, series)
    }
}
