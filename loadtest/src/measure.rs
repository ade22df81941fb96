//! One case in one round: start, warm up, saturate, then a fixed rate; the proxy is started anew each time.

use crate::case::Case;
use crate::generate::{self, Load, Window};
use crate::material::Material;
use crate::peers::{Limits, Peers};
use crate::ports::Ports;
use crate::process::{Running, Usage};
use anyhow::{Context, Result, ensure};
use hdrhistogram::Histogram;
use serde::Serialize;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// How long and how hard.
#[derive(Copy, Clone, Debug, Serialize)]
pub(crate) struct Effort {
    pub(crate) rounds: u32,
    pub(crate) warm_up_s: f64,
    pub(crate) saturated_s: f64,
    pub(crate) paced_s: f64,
    /// Requests a second of the paced part.
    pub(crate) rate: u32,
    pub(crate) connections: usize,
}

impl Effort {
    /// What one case takes in one round, start and stop included.
    pub(crate) fn case_s(self) -> f64 {
        self.warm_up_s * 1.5 + self.saturated_s + self.paced_s + 0.3
    }
}

/// What one round found out about one case.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Sample {
    pub(crate) round: u32,
    pub(crate) requests: u64,
    /// Processor time of the proxy a request, in microseconds, at saturation.
    pub(crate) cpu_us: f64,
    pub(crate) user_us: f64,
    pub(crate) system_us: f64,
    pub(crate) requests_per_second: f64,
    /// Which part of its core the proxy used at saturation: well under 1, and the load side was the limit.
    pub(crate) busy: f64,
    /// Which part of the proxy's core others took at saturation.
    pub(crate) disturbed: f64,
    pub(crate) paced_cpu_us: f64,
    pub(crate) paced_disturbed: f64,
    pub(crate) latency_us: Latency,
    /// After the load; pages shared between a proxy's processes count once.
    pub(crate) memory_mib: f64,
}

#[derive(Copy, Clone, Debug, Serialize)]
pub(crate) struct Latency {
    pub(crate) p50: f64,
    pub(crate) p90: f64,
    pub(crate) p99: f64,
    pub(crate) p999: f64,
    pub(crate) max: f64,
}

pub(crate) struct Meter<'a> {
    pub(crate) peers: &'a Peers<'a>,
    pub(crate) material: &'a Material,
    pub(crate) effort: Effort,
    pub(crate) core: usize,
    pub(crate) stop: &'a AtomicBool,
}

impl Meter<'_> {
    pub(crate) fn measure(&self, case: &Case, round: u32, ports: &mut Ports) -> Result<Sample> {
        let launch = self.peers.launch(case.peer, case.work, Limits::Open, ports)?;
        let mut running = Running::start(&launch, self.core)?;
        running.wait_for(launch.listen, self.stop)?;
        let requests = self.material.requests(case.traffic);
        let load = Load {
            target: launch.listen,
            requests: &requests,
            status: case.status,
            connections: self.effort.connections,
            stop: self.stop,
        };
        let measured = self.load(&load, &running, round);
        let measured = measured.with_context(|| format!("{case}, round {round}: {}", running.complaint()));
        drop(running);
        let logged = launch.access_log.as_ref().map(|log| {
            let lines = lines(log);
            // Some 100 MB a round.
            fs::remove_file(log).and(lines).context("the proxy wrote no access log")
        });
        let (sample, answered) = measured?;
        if let Some(lines) = logged.transpose()? {
            ensure!(lines >= answered, "{case}, round {round}: {lines} lines in the log for {answered} requests");
        }
        Ok(sample)
    }

    /// Also how many requests were answered while something was measured.
    fn load(&self, load: &Load<'_>, running: &Running, round: u32) -> Result<(Sample, u64)> {
        let mut probe = || running.usage(self.core);
        let effort = self.effort;
        let (warm_up, saturated) = (seconds(effort.warm_up_s), seconds(effort.saturated_s));
        let full = generate::closed(load, warm_up, saturated, &mut probe)?;
        let (paced, latencies) = generate::open(load, effort.rate, warm_up / 2, seconds(effort.paced_s), &mut probe)?;
        let answered = full.requests + paced.requests;
        let spent = Spent::of(&full);
        let paced = Spent::of(&paced);
        let sample = Sample {
            round,
            requests: full.requests,
            cpu_us: spent.cpu_us,
            user_us: spent.cpu_us * spent.user_part,
            system_us: spent.cpu_us * (1.0 - spent.user_part),
            requests_per_second: as_f64(full.requests) / full.wall.as_secs_f64(),
            busy: spent.busy,
            disturbed: spent.disturbed,
            paced_cpu_us: paced.cpu_us,
            paced_disturbed: paced.disturbed,
            latency_us: Latency::of(&latencies),
            memory_mib: as_f64(running.resident_kib()?) / 1024.0,
        };
        Ok((sample, answered))
    }
}

pub(crate) fn lines(log: &Path) -> io::Result<u64> {
    let (mut log, mut count, mut part) = (File::open(log)?, 0, vec![0; 1 << 20]);
    loop {
        match log.read(&mut part)? {
            0 => return Ok(count),
            read => count += part.iter().take(read).map(|byte| u64::from(*byte == b'\n')).sum::<u64>(),
        }
    }
}

struct Spent {
    cpu_us: f64,
    user_part: f64,
    busy: f64,
    disturbed: f64,
}

impl Spent {
    fn of(window: &Window<Usage>) -> Self {
        let part = |of: fn(&Usage) -> Duration| (of(&window.after).saturating_sub(of(&window.before))).as_secs_f64();
        let total = part(|usage| usage.total);
        let (user, system) = (part(|usage| usage.user), part(|usage| usage.system));
        let wall = window.wall.as_secs_f64();
        Self {
            cpu_us: total * 1e6 / as_f64(window.requests),
            user_part: if user + system > 0.0 { user / (user + system) } else { 0.0 },
            busy: total / wall,
            disturbed: ((part(|usage| usage.core_busy) - total) / wall).max(0.0),
        }
    }
}

impl Latency {
    fn of(latencies: &Histogram<u64>) -> Self {
        let at = |quantile| as_f64(latencies.value_at_quantile(quantile)) / 1e3;
        Self { p50: at(0.5), p90: at(0.9), p99: at(0.99), p999: at(0.999), max: as_f64(latencies.max()) / 1e3 }
    }
}

fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or_default()
}

/// Counts of requests, nanoseconds and KiB stay far below 2^52.
#[expect(clippy::cast_precision_loss, reason = "exact below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}
