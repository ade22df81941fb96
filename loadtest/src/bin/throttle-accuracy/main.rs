//! How exact are throttles on the wire? Many callers, each with a limit of its own, call at a multiple of it for a minute; each has to be
//! admitted `burst + rate x time` times, one more or less.
//!
//! With `--nodes 4` there are four gateways behind one Redis, and each caller divides its calls among them: nine, four, two and one in
//! sixteen. `--sync exact` has to be as exact as one gateway, `--sync lease` may be off by 2 %.
//!
//! What is due is worked out from when each request was sent, by one bucket. When it was decided is not seen from here, only that it was
//! before its answer had come: what the rate gives in that time is allowed for, and told.

mod caller;
mod gateway;
#[path = "../../wire.rs"]
mod wire;

use anyhow::{Result, ensure};
use caller::{Call, Task};
use clap::Parser;
use gateway::Process;
use std::io::Write as _;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};
use wire::Upstream;

/// Until all callers are ready.
const READY: Duration = Duration::from_secs(1);
/// What leases may be off.
const LEASED: f64 = 0.02;

#[derive(Parser)]
struct Options {
    /// The program under test
    #[arg(long)]
    tollgate: PathBuf,
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Callers, each with a bucket of its own
    #[arg(long, default_value_t = 250)]
    keys: usize,
    /// Requests a second that each of them may send
    #[arg(long, default_value_t = 2)]
    rate: u32,
    #[arg(long, default_value_t = 5)]
    burst: u32,
    /// How many times its limit each of them sends
    #[arg(long, default_value_t = 3.0)]
    times: f64,
    /// Gateways; more than one share a `redis-server`, which is started for them
    #[arg(long, default_value_t = 1)]
    nodes: usize,
    #[arg(long, default_value = "lease", value_parser = ["lease", "exact"])]
    sync: String,
}

fn main() -> Result<ExitCode> {
    let options = Options::parse();
    ensure!(options.times > 0.0 && options.rate > 0 && options.keys > 0 && options.nodes > 0, "zero of something");
    let upstream = Upstream::start()?;
    let redis = if options.nodes > 1 { Some(Process::redis()?) } else { None };
    let store = redis.as_ref().map(|redis| redis.address);
    let gateways: Result<Vec<Process>> =
        (0..options.nodes).map(|number| Process::gateway(number, &options, upstream.address, store)).collect();
    let gateways = gateways?;
    let addresses: Arc<[SocketAddr]> = gateways.iter().map(|gateway| gateway.address).collect();
    let mut sum = Sum::new(&options);
    for calls in load(&options, &addresses)? {
        sum.add(&calls);
    }
    for gateway in &gateways {
        ensure!(
            !gateway.lost_its_store()?,
            "the store did not answer in time: this machine is too busy for these figures"
        );
    }
    sum.tell(&options)
}

/// The calls of each caller.
fn load(options: &Options, gateways: &Arc<[SocketAddr]>) -> Result<Vec<Vec<Call>>> {
    let every = Duration::from_secs_f64(1.0 / (f64::from(options.rate) * options.times));
    let begin = Instant::now() + READY;
    let keys = u32::try_from(options.keys)?;
    let callers = (0..keys).zip(0_usize..).map(|(number, consumer)| {
        // Evenly spread.
        let first = begin + every * number / keys;
        let task = Task { consumer, first, every, lasting: Duration::from_secs(options.seconds) };
        let gateways = Arc::clone(gateways);
        std::thread::spawn(move || caller::call(&gateways, task))
    });
    let callers: Vec<_> = callers.collect();
    callers.into_iter().map(|caller| caller.join().map_err(|_panic| anyhow::anyhow!("a caller failed"))?).collect()
}

/// What all callers together came to.
struct Sum {
    rate: f64,
    burst: f64,
    /// The share of what is due that may be missing or too much.
    share: f64,
    callers: u32,
    sent: usize,
    admitted: u64,
    due: u64,
    least: u64,
    most: u64,
    /// How many callers were off by so many.
    off: std::collections::BTreeMap<i64, u32>,
    late_max: Duration,
    broken: u32,
}

impl Sum {
    fn new(options: &Options) -> Self {
        let is_leased = options.nodes > 1 && options.sync == "lease";
        Self {
            rate: f64::from(options.rate),
            burst: f64::from(options.burst),
            share: if is_leased { LEASED } else { 0.0 },
            callers: 0,
            sent: 0,
            admitted: 0,
            due: 0,
            least: u64::MAX,
            most: 0,
            off: std::collections::BTreeMap::new(),
            late_max: Duration::ZERO,
            broken: 0,
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a caller makes fewer than 2^52 calls")]
    fn add(&mut self, calls: &[Call]) {
        let admitted: u64 = calls.iter().map(|call| u64::from(call.admitted)).sum();
        let due = self.due(calls);
        let late =
            calls.iter().map(|call| call.answered.saturating_duration_since(call.sent)).max().unwrap_or_default();
        // A decision that comes later than its request was sent moves the sum by what the rate gives meanwhile, and no more.
        let allowed = 1.0 + self.rate * late.as_secs_f64() + due as f64 * self.share;
        self.broken += u32::from(admitted.abs_diff(due) as f64 > allowed);
        self.callers += 1;
        self.sent += calls.len();
        self.admitted += admitted;
        self.due += due;
        self.least = self.least.min(admitted);
        self.most = self.most.max(admitted);
        self.late_max = self.late_max.max(late);
        let off = i64::try_from(admitted).unwrap_or(i64::MAX).saturating_sub(i64::try_from(due).unwrap_or(i64::MAX));
        *self.off.entry(off).or_default() += 1;
    }

    /// What one bucket would have admitted of requests that were decided as they were sent.
    fn due(&self, calls: &[Call]) -> u64 {
        let (mut level, mut at, mut admitted) = (0.0_f64, None, 0);
        for call in calls {
            let since = at.map_or(Duration::ZERO, |at| call.sent.saturating_duration_since(at));
            level = (level - self.rate * since.as_secs_f64()).max(0.0);
            at = Some(call.sent);
            // A little less than a whole one: sums of fractions are not exact.
            if level + 1.0 <= self.burst + 1e-6 {
                level += 1.0;
                admitted += 1;
            }
        }
        admitted
    }

    fn tell(&self, options: &Options) -> Result<ExitCode> {
        let Self { callers, sent, admitted, due, least, most, off, late_max, broken, .. } = self;
        let Options { rate, burst, seconds, times, nodes, sync, .. } = options;
        let mut out = std::io::stdout().lock();
        let how = if *nodes > 1 { format!("{nodes} gateways, shared, {sync}") } else { "one gateway".to_owned() };
        writeln!(
            out,
            "{how}: {callers} callers at {times} times {rate}/s, burst {burst}, for {seconds} s: {sent} requests"
        )?;
        let whole = u64::from(*burst) + u64::from(*rate) * seconds;
        writeln!(out, "burst + rate x time is {whole} for each; admitted were {least} to {most}")?;
        writeln!(out, "admitted in all: {admitted} of {due} due")?;
        for (off, callers) in off {
            writeln!(out, "  {off:+} of what was due: {callers} callers")?;
        }
        let unseen = f64::from(*rate) * late_max.as_secs_f64();
        writeln!(
            out,
            "slowest answer: {:.1} ms, in which the rate gives {unseen:.2}",
            late_max.as_secs_f64() * 1_000.0
        )?;
        ensure!(*admitted > 0, "nothing was admitted: nothing was tested");
        let told = if *broken == 0 {
            "every caller got what was due".to_owned()
        } else {
            format!("BROKEN: {broken} callers did not get it")
        };
        writeln!(out, "{told}")?;
        Ok(if *broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
