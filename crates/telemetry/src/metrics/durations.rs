//! Durations as Prometheus's histograms show them. The library's own histogram writes five numbers in as many places for each
//! duration, each with a locked instruction; here they are two, side by side, in memory of the thread's own.

use super::MetricDoc;
use super::lanes::{Count, Hand, Lanes};
use prometheus::core::{Collector, Desc};
use prometheus::proto::{Bucket, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Bounds of one family; the bucket above them all is not among them.
const BOUNDS_MAX: usize = 22;

/// A family of histograms with one label.
#[derive(Clone)]
pub(super) struct DurationVec(Arc<Family>);

struct Family {
    desc: Desc,
    bounds: &'static [f64],
    series: Mutex<BTreeMap<Box<str>, Durations>>,
}

/// One series.
#[derive(Clone)]
pub(super) struct Durations {
    bounds: &'static [f64],
    lanes: Arc<Lanes<Cells>>,
}

#[derive(Default)]
#[repr(C, align(64))]
struct Cells {
    sum_ns: Count,
    buckets: [Count; BOUNDS_MAX + 1],
}

impl DurationVec {
    pub(super) fn declare(doc: &MetricDoc) -> Result<Self> {
        if doc.buckets.len() > BOUNDS_MAX {
            return Err(Error::Msg("more bounds than a series has room for".to_owned()));
        }
        Ok(Self(Arc::new(Family { desc: desc(doc)?, bounds: doc.buckets, series: Mutex::default() })))
    }

    /// The series of that label value: the same one whenever it is asked for.
    pub(super) fn of(&self, value: &str) -> Durations {
        let Family { desc: _, bounds, series } = &*self.0;
        let mut series = series.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = series.get(value) {
            return known.clone();
        }
        let new = Durations { bounds, lanes: Arc::new(Lanes::new()) };
        series.insert(value.into(), new.clone());
        new
    }
}

impl Durations {
    pub(super) fn observe(&self, duration: Duration) {
        let (Cells { sum_ns, buckets }, hand) = self.lanes.here();
        observe(duration, self.bounds, buckets, sum_ns, hand);
    }

    fn shown(&self) -> Histogram {
        let sum_ns = self.lanes.sum(|cells| cells.sum_ns.get());
        histogram(self.bounds, sum_ns, |place| self.lanes.sum(|cells| cells.buckets.get(place).map_or(0, Count::get)))
    }
}

/// Counts a duration in the first bucket whose bound it does not pass; there is one bucket more than `bounds`.
pub(super) fn observe(duration: Duration, bounds: &[f64], buckets: &[Count], sum_ns: &Count, hand: Hand) {
    let seconds = duration.as_secs_f64();
    let place = bounds.iter().position(|bound| seconds <= *bound).unwrap_or(bounds.len());
    if let Some(bucket) = buckets.get(place) {
        hand.add(bucket, 1);
    }
    // 584 years in all.
    hand.add(sum_ns, u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
}

/// The number of all is that of the buckets, so the two always agree; the sum may be ahead or behind by the requests of this moment.
pub(super) fn histogram(bounds: &[f64], sum_ns: u64, bucket: impl Fn(usize) -> u64) -> Histogram {
    let mut below: u64 = 0;
    let mut buckets = Vec::with_capacity(bounds.len());
    for (place, bound) in bounds.iter().enumerate() {
        below = below.saturating_add(bucket(place));
        let mut shown = Bucket::default();
        shown.set_upper_bound(*bound);
        shown.set_cumulative_count(below);
        buckets.push(shown);
    }
    let mut shown = Histogram::default();
    shown.set_bucket(buckets);
    shown.set_sample_count(below.saturating_add(bucket(bounds.len())));
    shown.set_sample_sum(Duration::from_nanos(sum_ns).as_secs_f64());
    shown
}

pub(super) fn desc(doc: &MetricDoc) -> Result<Desc> {
    let labels = doc.labels.iter().map(ToString::to_string).collect();
    Desc::new(doc.name.to_owned(), doc.help.to_owned(), labels, HashMap::new())
}

/// One series with the labels of its family.
pub(super) fn labelled<'v>(desc: &Desc, values: impl IntoIterator<Item = &'v str>) -> Metric {
    let pair = |(name, value): (&String, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.clone());
        pair.set_value(value.to_owned());
        pair
    };
    Metric::from_label(desc.variable_labels.iter().zip(values).map(pair).collect())
}

pub(super) fn family(desc: &Desc, kind: MetricType, series: Vec<Metric>) -> Vec<MetricFamily> {
    let mut family = MetricFamily::default();
    family.set_name(desc.fq_name.clone());
    family.set_help(desc.help.clone());
    family.set_field_type(kind);
    family.set_metric(series);
    vec![family]
}

impl Collector for DurationVec {
    fn desc(&self) -> Vec<&Desc> {
        vec![&self.0.desc]
    }

    fn collect(&self) -> Vec<MetricFamily> {
        let Family { desc, bounds: _, series } = &*self.0;
        let series = series.lock().unwrap_or_else(PoisonError::into_inner);
        let shown = series.iter().map(|(value, durations)| {
            let mut metric = labelled(desc, [&**value]);
            metric.set_histogram(durations.shown());
            metric
        });
        family(desc, MetricType::HISTOGRAM, shown.collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOC: MetricDoc =
        MetricDoc { name: "test_seconds", kind: "histogram", labels: &["of"], help: "Help.", buckets: &[0.001, 0.1] };

    /// What is shown after those milliseconds: the cumulative counts, the count of all and their sum.
    fn check(milliseconds: &[u64], buckets: [u64; 2], count: u64, sum: f64) {
        let family = DurationVec::declare(&DOC).unwrap();
        let (of_a, _of_b) = (family.of("a"), family.of("b"));
        for milliseconds in milliseconds {
            of_a.observe(Duration::from_millis(*milliseconds));
        }
        let collected = family.collect();
        let shown = collected[0].get_metric()[0].get_histogram();
        let counts: Vec<u64> = shown.get_bucket().iter().map(Bucket::cumulative_count).collect();
        assert_eq!((counts.as_slice(), shown.get_sample_count()), (buckets.as_slice(), count), "{milliseconds:?}");
        assert!((shown.get_sample_sum() - sum).abs() < 1e-9);
        assert_eq!(collected[0].get_metric()[1].get_histogram().get_sample_count(), 0);
    }

    #[test]
    fn counts_add_up_and_a_bound_belongs_to_its_bucket() {
        check(&[], [0, 0], 0, 0.0);
        check(&[0, 1, 2, 100, 101, 5_000], [2, 4], 6, 5.204);
    }

    #[test]
    fn more_bounds_than_there_is_room_for_are_refused() {
        const MANY: &[f64] = &[1.0; BOUNDS_MAX + 1];
        assert!(DurationVec::declare(&MetricDoc { buckets: MANY, ..DOC }).is_err());
    }
}
