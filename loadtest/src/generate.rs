//! The load: prepared requests in turn over kept-alive connections, each answer's status checked.
//!
//! One thread and one epoll, since it shares its core with the upstream. Closed loop for saturation: the next request
//! goes out when an answer is in. Open loop for latency: requests are due at times fixed beforehand, whatever the
//! proxy does, and a latency counts from when the request was due. Knows nothing of proxies; the caller's `probe` is
//! called at both ends of the measured window.

mod fleet;
mod schedule;

use anyhow::{Result, bail, ensure};
pub(crate) use fleet::BODY_BYTES;
use fleet::Fleet;
use hdrhistogram::Histogram;
use schedule::Schedule;
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// No answer for this long is the end of the case.
const SILENCE_MAX: Duration = Duration::from_secs(5);
const LATENCY_NS_MAX: u64 = 60_000_000_000;

#[derive(Copy, Clone)]
pub(crate) struct Load<'a> {
    pub(crate) target: SocketAddr,
    pub(crate) requests: &'a [Vec<u8>],
    pub(crate) status: u16,
    pub(crate) connections: usize,
    /// Set when the run is to end.
    pub(crate) stop: &'a AtomicBool,
}

/// What happened between the two probes.
pub(crate) struct Window<T> {
    pub(crate) requests: u64,
    pub(crate) wall: Duration,
    pub(crate) before: T,
    pub(crate) after: T,
}

struct Opened<T> {
    at: Instant,
    before: T,
    requests: u64,
}

/// As many requests as the proxy answers.
pub(crate) fn closed<T>(
    load: &Load<'_>,
    warm_up: Duration,
    duration: Duration,
    probe: &mut impl FnMut() -> Result<T>,
) -> Result<Window<T>> {
    let mut fleet = Fleet::connect(load)?;
    let start = Instant::now();
    for index in 0..load.connections {
        fleet.send(index, start)?;
    }
    let mut opened: Option<Opened<T>> = None;
    let mut heard = start;
    loop {
        fleet.wait_awake(Duration::from_secs(1))?;
        let now = Instant::now();
        heard = still_heard(load, fleet.done().len(), heard, now)?;
        if let Some(window) = &mut opened {
            window.requests += u64::try_from(fleet.done().len())?;
        }
        fleet.send_again(now)?;
        match opened {
            None if now >= start + warm_up => {
                opened = Some(Opened { before: probe()?, at: Instant::now(), requests: 0 });
            }
            Some(window) if now >= window.at + duration => return finish(window, probe),
            None | Some(_) => {}
        }
    }
}

/// `rate` requests a second, at times drawn beforehand; the latency of each from the time it was due.
pub(crate) fn open<T>(
    load: &Load<'_>,
    rate: u32,
    warm_up: Duration,
    duration: Duration,
    probe: &mut impl FnMut() -> Result<T>,
) -> Result<(Window<T>, Histogram<u64>)> {
    let mut fleet = Fleet::connect(load)?;
    let mut latencies = Histogram::new_with_bounds(1, LATENCY_NS_MAX, 3)?;
    let start = Instant::now();
    let mut schedule = Schedule::new(start, rate);
    let mut free: VecDeque<usize> = (0..load.connections).collect();
    let mut due: VecDeque<Instant> = VecDeque::new();
    let mut opened: Option<Opened<T>> = None;
    let mut heard = start;
    loop {
        let now = Instant::now();
        match opened {
            None if now >= start + warm_up => {
                opened = Some(Opened { before: probe()?, at: Instant::now(), requests: 0 });
            }
            Some(window) if now >= window.at + duration => {
                let window = finish(window, probe)?;
                drain(load, &mut fleet, &due, start + warm_up, &mut latencies)?;
                return Ok((window, latencies));
            }
            None | Some(_) => {}
        }
        due.extend(schedule.until(now));
        ensure!(due.len() <= usize::try_from(rate)?, "the proxy is a second behind a rate of {rate}/s");
        while !due.is_empty()
            && let Some(index) = free.pop_front()
        {
            fleet.send(index, due.pop_front().unwrap_or(now))?;
        }
        fleet.wait(schedule.next().saturating_duration_since(Instant::now()))?;
        let waiting = free.len() < load.connections;
        heard = still_heard(load, fleet.done().len() + usize::from(!waiting), heard, now)?;
        for done in fleet.done() {
            free.push_back(done.index);
            if done.since >= start + warm_up {
                latencies.record(nanoseconds(done.at - done.since))?;
            }
            if let Some(window) = &mut opened {
                window.requests += 1;
            }
        }
    }
}

/// Waits for the answers that are still out: the slowest must not be left out of the percentiles. Requests that never
/// found a free connection are as late as they were at the end.
fn drain(
    load: &Load<'_>,
    fleet: &mut Fleet<'_>,
    due: &VecDeque<Instant>,
    from: Instant,
    latencies: &mut Histogram<u64>,
) -> Result<()> {
    let mut heard = Instant::now();
    for since in due {
        latencies.record(nanoseconds(heard - *since))?;
    }
    while fleet.waiting() > 0 {
        fleet.wait(Duration::from_secs(1))?;
        heard = still_heard(load, fleet.done().len(), heard, Instant::now())?;
        for done in fleet.done().iter().filter(|done| done.since >= from) {
            latencies.record(nanoseconds(done.at - done.since))?;
        }
    }
    Ok(())
}

fn finish<T>(window: Opened<T>, probe: &mut impl FnMut() -> Result<T>) -> Result<Window<T>> {
    ensure!(window.requests > 0, "no answer within the measured time");
    let wall = window.at.elapsed();
    Ok(Window { requests: window.requests, wall, before: window.before, after: probe()? })
}

/// When something was heard last. An error when that is too long ago, or the run is to end.
fn still_heard(load: &Load<'_>, answers: usize, heard: Instant, now: Instant) -> Result<Instant> {
    if load.stop.load(Ordering::Relaxed) {
        bail!("interrupted");
    }
    if answers > 0 {
        return Ok(now);
    }
    ensure!(now.saturating_duration_since(heard) < SILENCE_MAX, "no answer for {} s", SILENCE_MAX.as_secs());
    Ok(heard)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(LATENCY_NS_MAX).clamp(1, LATENCY_NS_MAX)
}
