//! What came out: raw samples and medians as JSON, tables as Markdown, a plot as SVG.

mod plot;
mod ratio;
mod table;

use crate::case::Case;
use crate::machine::Machine;
use crate::measure::{Effort, Latency, Sample};
use anyhow::{Context, Result};
use serde::Serialize;
use serde_json::json;
use std::fs;
use std::path::Path;

pub(crate) struct Report {
    machine: Machine,
    effort: Effort,
    results: Vec<(Case, Vec<Sample>)>,
}

/// The middle of all rounds, and how far they lie apart.
#[derive(Copy, Clone, Debug, Serialize)]
struct Median {
    middle: f64,
    least: f64,
    most: f64,
}

#[derive(Clone, Debug, Serialize)]
struct Medians {
    cpu_us: Median,
    user_us: Median,
    system_us: Median,
    requests_per_second: Median,
    busy: Median,
    disturbed: Median,
    paced_cpu_us: Median,
    p50_us: Median,
    p90_us: Median,
    p99_us: Median,
    p999_us: Median,
    memory_mib: Median,
}

impl Report {
    pub(crate) fn new(machine: Machine, effort: Effort, cases: &[Case]) -> Self {
        Self { machine, effort, results: cases.iter().map(|case| (*case, Vec::new())).collect() }
    }

    pub(crate) fn add(&mut self, case: &Case, sample: Sample) {
        if let Some((_, samples)) = self.results.iter_mut().find(|(known, _)| known.name == case.name) {
            samples.push(sample);
        }
    }

    pub(crate) fn markdown(&self) -> String {
        table::markdown(self)
    }

    /// Overwrites the last run's files.
    pub(crate) fn write(&self, out_dir: &Path) -> Result<()> {
        let write = |name: &str, text: String| {
            let path = out_dir.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
        };
        write("report.json", serde_json::to_string_pretty(&self.json())?)?;
        write("report.md", format!("{}\n![CPU of the proxy per request](report.svg)\n", self.markdown()))?;
        write("report.svg", plot::svg(self))
    }

    pub(crate) fn write_baseline(&self, folder: &Path) -> Result<()> {
        let text = format!(
            "# Baseline\n\nWritten by `loadtest/run.sh --write-baseline`; README.md says how to read it.\n\n\
             ![CPU of the proxy per request](baseline.svg)\n\n{}",
            self.markdown()
        );
        fs::write(folder.join("BASELINE.md"), text).context("cannot write BASELINE.md")?;
        fs::write(folder.join("baseline.svg"), plot::svg(self)).context("cannot write baseline.svg")
    }

    fn json(&self) -> serde_json::Value {
        let cases = self.results.iter().map(|(case, samples)| {
            json!({
                "case": case.name, "proxy": case.peer.title(), "row": case.row(),
                "medians": Medians::of(samples), "samples": samples,
            })
        });
        json!({
            "machine": self.machine, "effort": self.effort, "cases": cases.collect::<Vec<_>>(),
            "ratios": ratio::ratios(self),
        })
    }

    /// The samples of a case, in rounds.
    fn samples(&self, name: &str) -> Option<&[Sample]> {
        self.results.iter().find(|(case, _)| case.name == name).map(|(_, samples)| samples.as_slice())
    }
}

impl Median {
    /// None of nothing.
    fn of(values: impl Iterator<Item = f64>) -> Option<Self> {
        let mut values = values.collect::<Vec<_>>();
        values.sort_by(f64::total_cmp);
        let upper = *values.get(values.len() / 2)?;
        let lower = *values.get((values.len() - 1) / 2)?;
        Some(Self { middle: f64::midpoint(lower, upper), least: *values.first()?, most: *values.last()? })
    }
}

impl Medians {
    fn of(samples: &[Sample]) -> Option<Self> {
        let of = |field: fn(&Sample) -> f64| Median::of(samples.iter().map(field));
        let latency = |field: fn(&Latency) -> f64| Median::of(samples.iter().map(|sample| field(&sample.latency_us)));
        Some(Self {
            cpu_us: of(|sample| sample.cpu_us)?,
            user_us: of(|sample| sample.user_us)?,
            system_us: of(|sample| sample.system_us)?,
            requests_per_second: of(|sample| sample.requests_per_second)?,
            busy: of(|sample| sample.busy)?,
            disturbed: of(|sample| sample.disturbed)?,
            paced_cpu_us: of(|sample| sample.paced_cpu_us)?,
            p50_us: latency(|latency| latency.p50)?,
            p90_us: latency(|latency| latency.p90)?,
            p99_us: latency(|latency| latency.p99)?,
            p999_us: latency(|latency| latency.p999)?,
            memory_mib: of(|sample| sample.memory_mib)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(values: &[f64], expected: Option<(f64, f64, f64)>) {
        let median = Median::of(values.iter().copied());
        assert_eq!(median.map(|median| (median.least, median.middle, median.most)), expected, "{values:?}");
    }

    #[test]
    fn medians() {
        check(&[], None);
        check(&[3.0], Some((3.0, 3.0, 3.0)));
        check(&[4.0, 1.0], Some((1.0, 2.5, 4.0)));
        check(&[9.0, 1.0, 2.0], Some((1.0, 2.0, 9.0)));
    }
}
