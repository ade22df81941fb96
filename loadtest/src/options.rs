//! The command line.

use crate::case::{CASES, Case};
use crate::measure::Effort;
use anyhow::{Result, ensure};
use clap::Parser;
use std::path::PathBuf;

/// Measures Tollgate beside nginx, HAProxy and a bare Pingora, in one run on one machine.
#[derive(Parser)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command line")]
pub(crate) struct Options {
    /// About 90 seconds: does the harness work? Its figures are noise.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Cases (nginx-jwt), proxies (nginx) or rows (jwt) by name, separated by commas; all when left out.
    #[arg(long, value_delimiter = ',')]
    pub(crate) cases: Vec<String>,
    /// The gateway to measure.
    #[arg(long)]
    pub(crate) tollgate: Option<PathBuf>,
    /// Leave Tollgate's cases out.
    #[arg(long, conflicts_with = "tollgate")]
    pub(crate) without_tollgate: bool,
    /// How often each case is measured.
    #[arg(long)]
    pub(crate) rounds: Option<u32>,
    /// Seconds at saturation, and as many at the fixed rate, a case and round.
    #[arg(long)]
    pub(crate) seconds: Option<f64>,
    /// Two cases in this many pairs of short turns a round, instead of one after the other (`--seconds 0.2` suits).
    #[arg(long, conflicts_with = "write_baseline")]
    pub(crate) slices: Option<u32>,
    /// Requests a second for the latencies.
    #[arg(long, default_value_t = 2_000)]
    pub(crate) rate: u32,
    #[arg(long, default_value_t = 32)]
    pub(crate) connections: usize,
    /// Run everything at nice -20, against the other programs of a busy machine. Needs root.
    #[arg(long)]
    pub(crate) urgent: bool,
    /// Also write BASELINE.md and baseline.svg.
    #[arg(long)]
    pub(crate) write_baseline: bool,
    /// Only list the cases.
    #[arg(long)]
    pub(crate) list: bool,
    /// The directory `loadtest/` of the repository.
    #[arg(long, default_value = env!("CARGO_MANIFEST_DIR"))]
    pub(crate) folder: PathBuf,
}

impl Options {
    pub(crate) fn effort(&self) -> Result<Effort> {
        let (rounds, warm_up_s, part_s) = if self.quick { (1, 0.2, 0.8) } else { (5, 0.5, 2.0) };
        let seconds = self.seconds.unwrap_or(part_s);
        let rounds = self.rounds.unwrap_or(rounds);
        ensure!((1..=100).contains(&rounds), "--rounds: 1 to 100");
        ensure!(self.slices.is_none_or(|turns| (1..=10_000).contains(&turns)), "--slices: 1 to 10000");
        ensure!((0.1..=60.0).contains(&seconds), "--seconds: 0.1 to 60");
        ensure!((1..=100_000).contains(&self.rate), "--rate: 1 to 100000");
        ensure!((1..=1_000).contains(&self.connections), "--connections: 1 to 1000");
        let (rate, connections) = (self.rate, self.connections);
        Ok(Effort { rounds, warm_up_s, saturated_s: seconds, paced_s: seconds, rate, connections })
    }

    /// In the order of measuring.
    pub(crate) fn selected(&self) -> Result<Vec<Case>> {
        for selection in &self.cases {
            ensure!(
                CASES.iter().any(|case| case.is_selected_by(selection)),
                "--cases: no case, proxy or row is called {selection} (--list shows all)"
            );
        }
        let is_selected = |case: &Case| {
            let by_name = self.cases.is_empty() || self.cases.iter().any(|selection| case.is_selected_by(selection));
            by_name && !(self.without_tollgate && case.peer == crate::case::Peer::Tollgate)
        };
        let selected = CASES.into_iter().filter(is_selected).collect::<Vec<_>>();
        ensure!(!selected.is_empty(), "no case is left");
        Ok(selected)
    }
}
