//! The report as Markdown.

use super::{Medians, Report, ratio};
use crate::case::{Case, Peer, ROWS};
use crate::measure::Sample;
use std::fmt::{self, Write as _};

/// Below this part of its core the proxy waited for load.
const BUSY_MIN: f64 = 0.95;
/// From this part of the proxy's core on, others disturbed the measurement.
const DISTURBED_MAX: f64 = 0.05;

pub(super) fn markdown(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, report);
    text
}

fn write_all(text: &mut String, report: &Report) -> fmt::Result {
    write_origin(text, report)?;
    write_matrix(text, report)?;
    write_ratios(text, report)?;
    write_cases(text, report)?;
    write_reservations(text, report)
}

fn write_origin(text: &mut String, report: &Report) -> fmt::Result {
    let (machine, effort) = (&report.machine, report.effort);
    writeln!(
        text,
        "{}, commit {}, {} ({} cores), Linux {}, load before the run {}.",
        machine.date, machine.commit, machine.cpu, machine.cores, machine.kernel, machine.load_before
    )?;
    let versions = machine.versions.iter().map(|(name, version)| format!("{name}: {version}"));
    writeln!(text, "{}.", versions.collect::<Vec<_>>().join("; "))?;
    writeln!(
        text,
        "Median of {} interleaved rounds, each {} s at saturation over {} connections and {} s at {} requests/s. \
         One worker thread, alone on one core; load generator and upstream share the other; HTTP/1.1 kept alive, 1 KiB \
         JSON.\n",
        effort.rounds, effort.saturated_s, effort.connections, effort.paced_s, effort.rate
    )
}

fn write_matrix(text: &mut String, report: &Report) -> fmt::Result {
    writeln!(text, "## CPU of the proxy per request, microseconds (user + system, at saturation)\n")?;
    let peers = Peer::ALL.into_iter().filter(|peer| report.results.iter().any(|(case, _)| case.peer == *peer));
    let peers = peers.collect::<Vec<_>>();
    let titles = peers.iter().map(|peer| peer.title()).collect::<Vec<_>>();
    writeln!(text, "| | {} |\n|---|{}", titles.join(" | "), "---:|".repeat(peers.len()))?;
    for (row, says) in ROWS {
        let cell = |peer: &Peer| {
            let (_, samples) = report.results.iter().find(|(case, _)| case.peer == *peer && case.row() == row)?;
            Some(format!("{:.1}", Medians::of(samples)?.cpu_us.middle))
        };
        let cells = peers.iter().map(cell).collect::<Vec<_>>();
        if cells.iter().any(Option::is_some) {
            let cells = cells.into_iter().map(Option::unwrap_or_default).collect::<Vec<_>>();
            writeln!(text, "| {says} | {} |", cells.join(" | "))?;
        }
    }
    writeln!(text)
}

fn write_ratios(text: &mut String, report: &Report) -> fmt::Result {
    let ratios = ratio::ratios(report);
    if ratios.is_empty() {
        return Ok(());
    }
    writeln!(text, "## Side by side (median of the rounds' differences, least and most)\n")?;
    writeln!(text, "| | median | of the least of each | target, by the median |\n|---|---:|---:|---:|")?;
    for ratio in ratios {
        let (value, unit) = (ratio.value, ratio.unit);
        let target = ratio.target.map(|target| {
            let verdict = if value.middle <= target { "met" } else { "missed" };
            format!("at most {target:+} {unit}: {verdict}")
        });
        writeln!(
            text,
            "| {} (`{}`, `{}`) | {:+.1} {unit} ({:+.1} to {:+.1}) | {:+.1} {unit} | {} |",
            ratio.says,
            ratio.first,
            ratio.second,
            value.middle,
            value.least,
            value.most,
            ratio.of_least,
            target.unwrap_or_default()
        )?;
    }
    writeln!(text)
}

fn write_cases(text: &mut String, report: &Report) -> fmt::Result {
    writeln!(text, "## All figures\n")?;
    writeln!(
        text,
        "| case | CPU us/request (least to most) | user | system | CPU us at {} requests/s | requests/s at saturation | \
         p50 us | p99 us | p99.9 us | memory MiB |\n|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
        report.effort.rate
    )?;
    for (case, samples) in &report.results {
        write_case(text, case, samples)?;
    }
    writeln!(text)
}

fn write_case(text: &mut String, case: &Case, samples: &[Sample]) -> fmt::Result {
    let Some(medians) = Medians::of(samples) else { return Ok(()) };
    let cpu = medians.cpu_us;
    let load_bound = if is_load_bound(&medians) { ">= " } else { "" };
    writeln!(
        text,
        "| {case} | {:.1} ({:.1} to {:.1}) | {:.1} | {:.1} | {:.1} | {load_bound}{:.0} | {:.0} | {:.0} | {:.0} | {:.1} |",
        cpu.middle,
        cpu.least,
        cpu.most,
        medians.user_us.middle,
        medians.system_us.middle,
        medians.paced_cpu_us.middle,
        medians.requests_per_second.middle,
        medians.p50_us.middle,
        medians.p99_us.middle,
        medians.p999_us.middle,
        medians.memory_mib.middle
    )
}

fn is_load_bound(medians: &Medians) -> bool {
    medians.busy.middle + medians.disturbed.middle < BUSY_MIN
}

/// What a reader has to know before quoting a figure.
fn write_reservations(text: &mut String, report: &Report) -> fmt::Result {
    let medians = |samples: &Vec<Sample>| Medians::of(samples);
    if report.results.iter().any(|(_, samples)| medians(samples).is_some_and(|medians| is_load_bound(&medians))) {
        writeln!(
            text,
            "`>=`: the proxy's core was not busy (under {:.0} %), the load side was the limit; the proxy alone would do more.",
            BUSY_MIN * 100.0
        )?;
    }
    let disturbed = report.results.iter().filter_map(|(case, samples)| {
        let disturbed = medians(samples)?.disturbed.middle;
        (disturbed > DISTURBED_MAX).then(|| format!("{case} {:.0} %", disturbed * 100.0))
    });
    let disturbed = disturbed.collect::<Vec<_>>();
    if !disturbed.is_empty() {
        writeln!(
            text,
            "**The machine was busy.** Others took part of the proxy's core, so rates and latencies mean little and \
             CPU figures are too high: {}.",
            disturbed.join(", ")
        )?;
    }
    Ok(())
}
