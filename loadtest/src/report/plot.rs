//! The plot: bars of CPU microseconds a request, a group for each row of the report. Colours of Okabe and Ito, which
//! colour-blind readers tell apart; each bar also carries its proxy's name.

use super::{Medians, Report};
use crate::case::{Peer, ROWS};
use std::fmt::{self, Write as _};

const WIDTH: f64 = 960.0;
const LEFT: f64 = 130.0;
const RIGHT: f64 = 90.0;
const TOP: f64 = 60.0;
const BAR: f64 = 18.0;
const TITLE: f64 = 24.0;
const GAP: f64 = 14.0;

struct Bar {
    peer: Peer,
    medians: Medians,
}

struct Group {
    says: &'static str,
    bars: Vec<Bar>,
}

pub(super) fn svg(report: &Report) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write_all(&mut text, &groups(report));
    text
}

fn groups(report: &Report) -> Vec<Group> {
    ROWS.into_iter()
        .map(|(row, says)| {
            let results = report.results.iter().filter(|(case, _)| case.row() == row);
            let bars = results
                .filter_map(|(case, samples)| Some(Bar { peer: case.peer, medians: Medians::of(samples)? }))
                .collect();
            Group { says, bars }
        })
        .filter(|group: &Group| !group.bars.is_empty())
        .collect()
}

fn write_all(text: &mut String, groups: &[Group]) -> fmt::Result {
    let bars = groups.iter().flat_map(|group| &group.bars);
    let most = bars.clone().map(|bar| bar.medians.cpu_us.most).fold(1.0, f64::max);
    let scale = (WIDTH - LEFT - RIGHT) / most;
    let bars_height = bars.map(|_| BAR).sum::<f64>();
    let height = TOP + bars_height + groups.iter().map(|_| TITLE + GAP).sum::<f64>() + 30.0;
    writeln!(
        text,
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" font-size="12">
<rect width="100%" height="100%" fill="white"/>
<text x="16" y="26" font-size="16" font-weight="bold">CPU of the proxy per request, microseconds (user + system)</text>
<text x="16" y="45" fill="#555">Median of the rounds; the line goes from the least to the most. Less is better.</text>"##
    )?;
    write_grid(text, scale, most, height)?;
    let mut y = TOP;
    for group in groups {
        writeln!(text, r#"<text x="16" y="{:.1}" font-weight="bold">{}</text>"#, y + 16.0, group.says)?;
        y += TITLE;
        for bar in &group.bars {
            write_bar(text, bar, scale, y)?;
            y += BAR;
        }
        y += GAP;
    }
    writeln!(text, "</svg>")
}

fn write_grid(text: &mut String, scale: f64, most: f64, height: f64) -> fmt::Result {
    let step = if most > 60.0 { 20.0 } else { 10.0 };
    let mut value = 0.0;
    while value <= most {
        let x = LEFT + value * scale;
        writeln!(
            text,
            r##"<line x1="{x:.1}" x2="{x:.1}" y1="{TOP}" y2="{:.1}" stroke="#ddd"/><text x="{x:.1}" y="{:.1}" text-anchor="middle" fill="#555">{value:.0}</text>"##,
            height - 26.0,
            height - 10.0
        )?;
        value += step;
    }
    Ok(())
}

fn write_bar(text: &mut String, bar: &Bar, scale: f64, y: f64) -> fmt::Result {
    let cpu = bar.medians.cpu_us;
    let x = |value: f64| LEFT + value * scale;
    let middle = y + BAR / 2.0;
    writeln!(
        text,
        r##"<text x="{:.1}" y="{:.1}" text-anchor="end">{}</text><rect x="{LEFT}" y="{:.1}" width="{:.1}" height="{:.1}" fill="{}"/><line x1="{:.1}" x2="{:.1}" y1="{middle:.1}" y2="{middle:.1}" stroke="#222" stroke-width="1.5"/><text x="{:.1}" y="{:.1}">{:.1}</text>"##,
        LEFT - 8.0,
        middle + 4.0,
        bar.peer.title(),
        y + 1.0,
        cpu.middle * scale,
        BAR - 3.0,
        colour(bar.peer),
        x(cpu.least),
        x(cpu.most),
        x(cpu.most) + 6.0,
        middle + 4.0,
        cpu.middle
    )
}

const fn colour(peer: Peer) -> &'static str {
    match peer {
        Peer::Direct => "#999999",
        Peer::Nginx => "#009E73",
        Peer::Haproxy => "#56B4E9",
        Peer::Bare => "#E69F00",
        Peer::Tollgate => "#D55E00",
    }
}
