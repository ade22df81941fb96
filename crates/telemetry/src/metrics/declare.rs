//! How a line of the list becomes a registered metric. Knows no single one of them.

use super::MetricDoc;
use prometheus::core::Collector;
use prometheus::{
    Error, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};
use std::slice;

/// A type that the list may name.
pub(super) trait Declare: Collector + Clone + Sized + 'static {
    /// As the reference page has it.
    const KIND: &'static str;

    fn declare(doc: &MetricDoc) -> Result<Self, Error>;
}

/// Takes the next declaration off the list and registers it.
pub(super) fn next<T: Declare>(list: &mut slice::Iter<'_, MetricDoc>, registry: &Registry) -> Result<T, Error> {
    let doc = list.next().ok_or_else(|| Error::Msg("more metrics than declarations".to_owned()))?;
    let family = T::declare(doc)?;
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
    ($($family:ident $kind:literal |$doc:ident| $make:expr;)+) => {$(
        impl Declare for $family {
            const KIND: &'static str = $kind;

            fn declare($doc: &MetricDoc) -> Result<Self, Error> {
                $make
            }
        }
    )+};
}

declare! {
    IntCounter "counter" |doc| Self::with_opts(opts(doc));
    IntCounterVec "counter" |doc| Self::new(opts(doc), doc.labels);
    Gauge "gauge" |doc| Self::with_opts(opts(doc));
    GaugeVec "gauge" |doc| Self::new(opts(doc), doc.labels);
    IntGauge "gauge" |doc| Self::with_opts(opts(doc));
    IntGaugeVec "gauge" |doc| Self::new(opts(doc), doc.labels);
    HistogramVec "histogram" |doc| Self::new(HistogramOpts::from(opts(doc)).buckets(doc.buckets.to_vec()), doc.labels);
}
