//! The load test's runner: checks, measures in rounds, reports. `run.sh` builds what it needs; README.md says how to
//! read what comes out.
//!
//! Reading order: `case` (what), `peers` (the proxies' configurations), `check`, `measure`, `generate`, `report`.

mod case;
mod check;
mod generate;
mod http;
mod machine;
mod material;
mod measure;
mod options;
mod peers;
mod ports;
mod process;
mod report;
mod slices;

use crate::case::{Case, Peer};
use crate::check::Checker;
use crate::machine::Machine;
use crate::measure::Meter;
use crate::options::Options;
use crate::peers::{Peers, Programs};
use crate::ports::Ports;
use crate::process::{Launch, Running};
use crate::report::Report;
use crate::slices::Slices;
use anyhow::{Context, Result, ensure};
use clap::Parser;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use time::OffsetDateTime;

/// The load generator's and upstream's core, and the proxy's.
#[derive(Copy, Clone)]
struct Cores {
    count: usize,
    load: usize,
    proxy: usize,
}

fn main() -> Result<()> {
    let options = Options::parse();
    if options.list {
        return list(&options.selected()?);
    }
    let effort = options.effort()?;
    let cases = options.selected()?;
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let cores = pin()?;
    if options.urgent {
        hurry()?;
    }
    let programs = find_programs(&options, &cases)?;
    let out_dir = options.folder.join("out");
    let work_dir = out_dir.join("work");
    // Counts of quotas outlive a process: those of the last run would be in this one's way.
    if work_dir.exists() {
        fs::remove_dir_all(&work_dir)?;
    }
    fs::create_dir_all(&work_dir)?;
    let work_dir = work_dir.canonicalize()?;
    let repository = options.folder.join("..");
    let machine = Machine::look(&repository, &programs, cores.count);
    let now = u64::try_from(OffsetDateTime::now_utc().unix_timestamp())?;
    let material = material::Material::new(now)?;
    let mut ports = Ports::new();

    let launch = launch_upstream(&programs, &work_dir, &mut ports)?;
    let mut upstream = Running::start(&launch, cores.load)?;
    upstream.wait_for(launch.listen, &stop)?;
    let redis = start_store(&cases, &work_dir, cores.load, &stop, &mut ports)?;
    let peers = Peers {
        programs: &programs,
        material: &material,
        upstream: launch.listen,
        store: redis.as_ref().map(|(address, _)| *address),
        work_dir: &work_dir,
    };

    check_all(&Checker { peers: &peers, core: cores.proxy, stop: &stop }, &cases, &mut ports)?;
    let meter = Meter { peers: &peers, material: &material, effort, core: cores.proxy, stop: &stop };
    if let Some(turns) = options.slices {
        let slices = Slices::measure(&meter, &cases, turns, &mut ports)?;
        writeln!(std::io::stdout().lock(), "{}", slices.markdown())?;
        return Ok(());
    }
    let report = measure_all(&meter, &cases, machine, &out_dir, &mut ports)?;
    if options.write_baseline {
        report.write_baseline(&options.folder)?;
        say(&format!("baseline: {}", options.folder.join("BASELINE.md").display()));
    }
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", report.markdown())?;
    Ok(())
}

fn list(cases: &[Case]) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    for case in cases {
        let says = case::ROWS.iter().find(|(row, _)| *row == case.row()).map_or("", |(_, says)| says);
        writeln!(stdout, "{:<22} {}: {says}", case.name, case.peer.title())?;
    }
    Ok(())
}

fn check_all(checker: &Checker<'_>, cases: &[Case], ports: &mut Ports) -> Result<()> {
    let mut seen: Vec<(Peer, case::Work)> = Vec::new();
    let mut requests = 0;
    for case in cases {
        if !seen.contains(&(case.peer, case.work)) {
            seen.push((case.peer, case.work));
            requests += checker.check(case, ports)?;
        }
    }
    say(&format!("{} configurations do their work: {requests} requests checked", seen.len()));
    Ok(())
}

/// Rounds of all cases, each round beginning at another case: what changes with time does not fall on one of them.
fn measure_all(
    meter: &Meter<'_>,
    cases: &[Case],
    machine: Machine,
    out_dir: &Path,
    ports: &mut Ports,
) -> Result<Report> {
    let minutes =
        f64::from(meter.effort.rounds) * meter.effort.case_s() * f64::from(u32::try_from(cases.len())?) / 60.0;
    say(&format!("{} cases, {} rounds: about {minutes:.0} minutes", cases.len(), meter.effort.rounds));
    let mut report = Report::new(machine, meter.effort, cases);
    for round in 1..=meter.effort.rounds {
        let first = usize::try_from(round - 1)? * cases.len() / usize::try_from(meter.effort.rounds)?;
        for case in cases.iter().cycle().skip(first).take(cases.len()) {
            ensure!(!meter.stop.load(Ordering::Relaxed), "interrupted");
            let sample = meter.measure(case, round, ports)?;
            say(&format!(
                "round {round}/{} {:<22} {:7.2} us/request, {:7.0} requests/s, p99 {:6.0} us, {:5.1} MiB",
                meter.effort.rounds,
                case.name,
                sample.cpu_us,
                sample.requests_per_second,
                sample.latency_us.p99,
                sample.memory_mib
            ));
            report.add(case, sample);
        }
        report.write(out_dir)?;
    }
    say(&format!("written: {}", out_dir.join("report.md").display()));
    Ok(report)
}

/// This process, and with it the upstream, onto the first core; proxies get the last.
fn pin() -> Result<Cores> {
    let allowed = sched_getaffinity(None)?;
    let cores = (0..CpuSet::MAX_CPU).filter(|core| allowed.is_set(*core)).collect::<Vec<_>>();
    let (Some(load), Some(proxy)) = (cores.first().copied(), cores.last().copied()) else {
        anyhow::bail!("no core to run on");
    };
    ensure!(load != proxy, "one core is not enough: the proxy needs one for itself");
    let mut own = CpuSet::new();
    own.set(load);
    sched_setaffinity(None, &own)?;
    // Requests of the open loop are due at times of their own, not 50 us later.
    rustix::thread::set_current_timer_slack(NonZeroU64::new(1))?;
    Ok(Cores { count: cores.len(), load, proxy })
}

/// Ahead of the machine's other programs. Where the kernel shares out time by session first, niceness counts within
/// one only: then this run needs a session of its own, and that has to be nice as well.
fn hurry() -> Result<()> {
    const AUTOGROUP: &str = "/proc/self/autogroup";
    rustix::process::setpriority_process(None, -20).context("--urgent needs root")?;
    if Path::new(AUTOGROUP).exists() {
        rustix::process::setsid().context("--urgent does not work from an interactive shell: use run.sh")?;
        fs::write(AUTOGROUP, "-20").context("--urgent cannot raise this session")?;
    }
    Ok(())
}

fn launch_upstream(programs: &Programs, work_dir: &Path, ports: &mut Ports) -> Result<Launch> {
    let dir = work_dir.join("upstream");
    fs::create_dir_all(&dir)?;
    let listen = ports.free()?;
    let args = vec!["--listen".to_owned(), listen.to_string()];
    Ok(Launch { program: programs.upstream.clone(), args, dir, listen, access_log: None, metrics: None })
}

/// A Redis on the load's core, if a case needs one: what it costs there is the store's, not the proxy's.
fn start_store(
    cases: &[Case],
    work_dir: &Path,
    core: usize,
    stop: &AtomicBool,
    ports: &mut Ports,
) -> Result<Option<(SocketAddr, Running)>> {
    if !cases.iter().any(|case| case.work.is_shared()) {
        return Ok(None);
    }
    let program = PathBuf::from("/usr/bin/redis-server");
    ensure!(program.is_file(), "{} is missing: run.sh installs it", program.display());
    let dir = work_dir.join("redis");
    fs::create_dir_all(&dir)?;
    let listen = ports.free()?;
    let port = listen.port().to_string();
    let args = ["--bind", "127.0.0.1", "--port", &port, "--save", ""].map(str::to_owned).to_vec();
    let launch = Launch { program, args, dir, listen, access_log: None, metrics: None };
    let mut running = Running::start(&launch, core)?;
    running.wait_for(listen, stop)?;
    Ok(Some((listen, running)))
}

fn find_programs(options: &Options, cases: &[Case]) -> Result<Programs> {
    let beside = std::env::current_exe()?.parent().context("no directory of programs")?.to_owned();
    let is_needed = |peer| cases.iter().any(|case| case.peer == peer);
    let tollgate =
        options.tollgate.as_ref().map(|path| path.canonicalize().with_context(|| path.display().to_string()));
    let programs = Programs {
        nginx: PathBuf::from("/usr/sbin/nginx"),
        nginx_modules: PathBuf::from("/usr/lib/nginx/modules"),
        haproxy: PathBuf::from("/usr/sbin/haproxy"),
        bare: beside.join("bare"),
        upstream: beside.join("upstream"),
        tollgate: tollgate.transpose()?,
    };
    let needed = [(Peer::Nginx, &programs.nginx), (Peer::Haproxy, &programs.haproxy), (Peer::Bare, &programs.bare)];
    for (peer, path) in needed {
        ensure!(!is_needed(peer) || path.is_file(), "{} is missing: run.sh installs it", path.display());
    }
    ensure!(
        programs.tollgate.is_some() || !is_needed(Peer::Tollgate),
        "no tollgate to measure: --tollgate PATH, or --without-tollgate"
    );
    Ok(programs)
}

/// Progress goes to stderr: stdout is the report.
fn say(line: &str) {
    // Nobody listens: nothing to be done about it.
    let _ = writeln!(std::io::stderr(), "{line}");
}
