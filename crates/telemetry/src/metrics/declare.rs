//! How a line of the list becomes a registered metric. Knows no single one of them.

use super::MetricDoc;
use super::durations::DurationVec;
use super::routes::{RouteDurations, RouteGatewayDurations, RouteRequests, Routes};
use prometheus::core::Collector;
use prometheus::{Error, Gauge, GaugeVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry};
use std::slice;
use std::sync::Arc;

/// A type that the list may name.
pub(super) trait Declare: Collector + Clone + Sized + 'static {
    /// As the reference page has it.
    const KIND: &'static str;

    /// `routes` for the families that are about them.
    fn declare(doc: &MetricDoc, routes: &Arc<Routes>) -> Result<Self, Error>;
}

/// Takes the next declaration off the list and registers it.
pub(super) fn next<T: Declare>(
    list: &mut slice::Iter<'_, MetricDoc>,
    registry: &Registry,
    routes: &Arc<Routes>,
) -> Result<T, Error> {
    let doc = list.next().ok_or_else(|| Error::Msg("more metrics than declarations".to_owned()))?;
    let family = T::declare(doc, routes)?;
    registry.register(Box::new(family.clone()))?;
    Ok(family)
}

/// Milliseconds as Prometheus's seconds.
pub(super) fn seconds(milliseconds: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "exact for the next 285,000 years")]
    let milliseconds = milliseconds as f64;
    milliseconds / 1_000.0
}

fn opts(doc: &MetricDoc) -> Opts {
    Opts::new(doc.name, doc.help)
}

macro_rules! declare {
    ($($family:ident $kind:literal |$doc:ident, $routes:pat_param| $make:expr;)+) => {$(
        impl Declare for $family {
            const KIND: &'static str = $kind;

            fn declare($doc: &MetricDoc, $routes: &Arc<Routes>) -> Result<Self, Error> {
                $make
            }
        }
    )+};
}

declare! {
    IntCounter "counter" |doc, _| Self::with_opts(opts(doc));
    IntCounterVec "counter" |doc, _| Self::new(opts(doc), doc.labels);
    Gauge "gauge" |doc, _| Self::with_opts(opts(doc));
    GaugeVec "gauge" |doc, _| Self::new(opts(doc), doc.labels);
    IntGauge "gauge" |doc, _| Self::with_opts(opts(doc));
    IntGaugeVec "gauge" |doc, _| Self::new(opts(doc), doc.labels);
    DurationVec "histogram" |doc, _| Self::declare(doc);
    RouteRequests "counter" |doc, routes| Self::declare(doc, routes);
    RouteDurations "histogram" |doc, routes| Self::declare(doc, routes);
    RouteGatewayDurations "histogram" |doc, routes| Self::declare(doc, routes);
}
