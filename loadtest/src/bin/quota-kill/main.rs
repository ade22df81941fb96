//! `kill -9` under load, at random moments, again and again: do quotas survive it?
//!
//! Each life of the gateway is put under load by clients that note when each admitted call was answered, and ended by SIGKILL at a
//! moment drawn from a seed. The next life is asked what it has counted, and for every consumer it must hold that
//!
//! - everything answered a second or more before the kill is counted: at most one second is lost;
//! - nothing is counted that was not sent;
//! - the count is not below what it was before: no period begins again.

mod gateway;
mod load;
#[path = "../../wire.rs"]
mod wire;

use anyhow::{Context, Result, ensure};
use clap::Parser;
use gateway::Gateway;
use load::Life;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use wire::Upstream;

/// What may be lost.
const SECOND: Duration = Duration::from_secs(1);
/// The longest life, from the first call to the kill.
const LIFE_MS_MAX: u64 = 2_500;

#[derive(Parser)]
struct Options {
    /// The program under test
    #[arg(long)]
    tollgate: PathBuf,
    #[arg(long, default_value_t = 200)]
    kills: u32,
    /// The same seed draws the same moments
    #[arg(long)]
    seed: Option<u64>,
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Consumers, each with a counter of its own
    #[arg(long, default_value_t = 100)]
    consumers: usize,
}

/// What all lives together came to.
#[derive(Default)]
struct Sum {
    admitted: u64,
    lost: u64,
    lost_max: u64,
    /// How long before its kill the oldest lost call was answered, at most.
    oldest_lost: Duration,
    start_max: Duration,
    broken: Vec<String>,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    let from_clock = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos());
    let seed = options.seed.unwrap_or_else(|| u64::try_from(from_clock() % u128::from(u32::MAX)).unwrap_or(1));
    let mut out = std::io::stdout().lock();
    writeln!(out, "seed {seed}, {} kills of {}", options.kills, options.tollgate.display())?;
    let upstream = Upstream::start()?;
    let mut gateway = Gateway::new(&options.tollgate, upstream.address, options.consumers)?;
    let mut random = Random(seed);
    let mut sum = Sum::default();
    let mut before = vec![0; options.consumers];
    gateway.start()?;
    for kill in 1..=options.kills {
        let life = Life::begin(gateway.listen, options.connections, options.consumers);
        std::thread::sleep(Duration::from_millis(random.next() % LIFE_MS_MAX));
        let killed = Instant::now();
        gateway.kill()?;
        let life = life.ended()?;
        let started = Instant::now();
        gateway.start()?;
        sum.start_max = sum.start_max.max(started.elapsed());
        let found = gateway.counted(options.consumers).with_context(|| format!("after kill {kill}"))?;
        sum.compare(kill, &before, &found, &life, killed);
        before = found;
        if kill % 20 == 0 {
            writeln!(
                out,
                "{kill} kills: {} calls admitted, {} lost, {} broken rules",
                sum.admitted,
                sum.lost,
                sum.broken.len()
            )?;
        }
    }
    gateway.kill()?;
    let Sum { admitted, lost, lost_max, oldest_lost, start_max, broken } = sum;
    writeln!(
        out,
        "calls admitted: {admitted}\nlost: {lost}, at most {lost_max} by one kill\noldest lost call: answered {} ms before its kill\n\
         slowest start, to the first connection: {} ms",
        oldest_lost.as_millis(),
        start_max.as_millis()
    )?;
    ensure!(admitted > 0, "nothing was admitted: nothing was tested");
    for rule in &broken {
        writeln!(out, "BROKEN: {rule}")?;
    }
    writeln!(out, "{}", if broken.is_empty() { "no rule was broken" } else { "see above" })?;
    Ok(if broken.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

impl Sum {
    fn compare(&mut self, kill: u32, before: &[u64], found: &[u64], life: &load::Seen, killed: Instant) {
        let mut lost_now = 0;
        for (consumer, ((before, found), seen)) in before.iter().zip(found).zip(&life.consumers).enumerate() {
            let answered = u64::try_from(seen.answered.len()).unwrap_or(u64::MAX);
            let age = |at: &Instant| killed.saturating_duration_since(*at);
            let safe = seen.answered.iter().filter(|at| age(at) >= SECOND).count();
            let least = before + u64::try_from(safe).unwrap_or(u64::MAX);
            let most = before + seen.sent;
            if !(least..=most).contains(found) {
                self.broken.push(format!(
                    "kill {kill}, consumer {consumer}: {found} counted, expected {least} to {most} ({before} before, {answered} \
                     answered of {} sent)",
                    seen.sent
                ));
            }
            let lost = (before + answered).saturating_sub(*found);
            // The last calls are those that are lost.
            let oldest = usize::try_from(lost).ok().and_then(|lost| seen.answered.len().checked_sub(lost));
            if let Some(at) = oldest.filter(|_| lost > 0).and_then(|position| seen.answered.get(position)) {
                self.oldest_lost = self.oldest_lost.max(age(at));
            }
            self.admitted += answered;
            lost_now += lost;
        }
        self.lost += lost_now;
        self.lost_max = self.lost_max.max(lost_now);
    }
}

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }
}
