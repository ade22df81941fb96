//! Two cases in short turns: the machine's moods, which last for seconds, fall on both alike.
//!
//! On a virtual machine the same system calls cost 5 microseconds a request at one time and 12 at another, whatever the proxy; rounds
//! that measure one case for seconds compare moods. Here both proxies run at once, and the load goes to one, then to the other, then
//! again. Each pair of turns gives a difference of its own.

use crate::case::Case;
use crate::generate::{self, Load};
use crate::measure::{Meter, lines};
use crate::peers::Limits;
use crate::ports::Ports;
use crate::process::{Launch, Running};
use anyhow::{Context, Result, ensure};
use std::fs;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Of a turn, on top of it: connections are opened and caches are warmed for the one whose turn it is.
const WARM_UP_PART: f64 = 0.3;

pub(crate) struct Slices {
    names: [&'static str; 2],
    /// Of each pair of turns, in microseconds a request.
    pairs: Vec<[f64; 2]>,
    sums: [Turn; 2],
}

#[derive(Copy, Clone, Default)]
struct Turn {
    spent_us: f64,
    answered: f64,
}

impl Turn {
    fn cost(self) -> f64 {
        self.spent_us / self.answered
    }
}

struct Contender<'a> {
    launch: Launch,
    running: Running,
    requests: &'a [Vec<u8>],
    status: u16,
    answered: u64,
}

impl Slices {
    /// `turns` pairs in each round; both proxies are started anew for a round.
    pub(crate) fn measure(meter: &Meter<'_>, cases: &[Case], turns: u32, ports: &mut Ports) -> Result<Self> {
        let [first, second] = cases else { anyhow::bail!("--slices compares two cases: --cases A,B") };
        let [mine, theirs] = [first, second].map(|case| meter.material.requests(case.traffic));
        let mut slices =
            Self { names: [first.name, second.name], pairs: Vec::new(), sums: [Turn::default(), Turn::default()] };
        for round in 0..meter.effort.rounds {
            let mut one = Contender::start(meter, first, mine.as_ref(), ports)?;
            let mut other = Contender::start(meter, second, theirs.as_ref(), ports)?;
            for turn in 0..turns {
                ensure!(!meter.stop.load(Ordering::Relaxed), "interrupted");
                // Neither is always the one that comes first.
                let (one, other) = if (round + turn) % 2 == 0 {
                    let first = one.turn(meter)?;
                    (first, other.turn(meter)?)
                } else {
                    let first = other.turn(meter)?;
                    (one.turn(meter)?, first)
                };
                slices.pairs.push([one, other].map(Turn::cost));
                for (sum, turn) in slices.sums.iter_mut().zip([one, other]) {
                    sum.spent_us += turn.spent_us;
                    sum.answered += turn.answered;
                }
            }
            one.end()?;
            other.end()?;
        }
        Ok(slices)
    }

    pub(crate) fn markdown(&self) -> String {
        let mut ratios: Vec<f64> = self.pairs.iter().map(|[one, other]| (one / other - 1.0) * 100.0).collect();
        ratios.sort_by(f64::total_cmp);
        let at = |part: usize| ratios.get(ratios.len().saturating_sub(1) * part / 4).copied().unwrap_or(f64::NAN);
        let ([first, second], [one, other]) = (self.names, self.sums.map(Turn::cost));
        format!(
            "{first} over {second}, {} pairs of turns: {:+.1} % by the median (quartiles {:+.1} to {:+.1}); \
             all turns together {:.2} against {:.2} us/request, {:+.1} %",
            ratios.len(),
            at(2),
            at(1),
            at(3),
            one,
            other,
            (one / other - 1.0) * 100.0
        )
    }
}

impl<'a> Contender<'a> {
    fn start(meter: &Meter<'_>, case: &Case, requests: &'a [Vec<u8>], ports: &mut Ports) -> Result<Self> {
        let launch = meter.peers.launch(case.peer, case.work, Limits::Open, ports)?;
        let mut running = Running::start(&launch, meter.core)?;
        running.wait_for(launch.listen, meter.stop)?;
        Ok(Self { launch, running, requests, status: case.status, answered: 0 })
    }

    fn turn(&mut self, meter: &Meter<'_>) -> Result<Turn> {
        let load = Load {
            target: self.launch.listen,
            requests: self.requests,
            status: self.status,
            connections: meter.effort.connections,
            stop: meter.stop,
        };
        let seconds = meter.effort.saturated_s;
        let (warm_up, turn) = (Duration::from_secs_f64(seconds * WARM_UP_PART), Duration::from_secs_f64(seconds));
        let window = generate::closed(&load, warm_up, turn, &mut || self.running.usage(meter.core))
            .with_context(|| self.running.complaint())?;
        self.answered += window.requests;
        let spent = window.after.total.saturating_sub(window.before.total);
        Ok(Turn { spent_us: spent.as_secs_f64() * 1e6, answered: f64::from(u32::try_from(window.requests)?) })
    }

    fn end(self) -> Result<()> {
        drop(self.running);
        let Some(log) = &self.launch.access_log else { return Ok(()) };
        let lines = lines(log).context("the proxy wrote no access log")?;
        fs::remove_file(log)?;
        ensure!(lines >= self.answered, "{lines} lines in the log for {} requests", self.answered);
        Ok(())
    }
}
