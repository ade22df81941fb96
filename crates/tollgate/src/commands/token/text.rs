//! The report for people. Whatever a token holds is shown short and harmless in a terminal.

use super::clock::{self, TIMES};
use super::{Report, Verdict};
use crate::shown::{harmless, span};
use engine::calendar::Rfc3339;
use engine::denial::Denial;
use engine::policy::jwt::{Answer, Finding};
use limits::clock::Now;
use serde_json::{Map, Value};
use std::fmt::Write as _;

/// Members that are shown of header and claims each.
const MEMBERS_MAX: usize = 100;
/// The longest name that the columns are made for.
const NAME_WIDTH_MAX: usize = 24;

pub(super) fn text(report: &Report) -> String {
    let mut out = format!(
        "token     {} bytes, decoded without trusting it: only the checks below prove anything\n",
        report.input.token.len()
    );
    for note in &report.input.notes {
        let _ = writeln!(out, "note      {note}");
    }
    match &report.decoded {
        Ok(decoded) => {
            members(&mut out, "header", decoded.header.as_ref(), report.at);
            members(&mut out, "claims", decoded.claims.as_ref(), report.at);
        }
        Err(denial) => {
            let _ = writeln!(out, "\nit cannot be taken apart: {}", facts(denial));
        }
    }
    provider(&mut out, report);
    let _ = writeln!(out, "\nchecks");
    for finding in &report.exam().findings {
        line(&mut out, finding);
    }
    if report.exam().refusal().is_some() && report.decoded.as_ref().is_ok_and(|decoded| decoded.claims.is_err()) {
        let _ = writeln!(out, "  the rest cannot be asked: there are no claims");
    }
    let before = out.len();
    holder(&mut out, report);
    for remark in &report.clock {
        let _ = writeln!(out, "clock     {remark}");
    }
    if out.len() > before {
        out.insert(before, '\n');
    }
    verdict(&mut out, report);
    out
}

fn provider(out: &mut String, report: &Report) {
    let Some(judged) = &report.judged else { return };
    let _ = writeln!(out, "\nprovider  {}: {}", judged.provider, judged.why);
    for (name, why) in &judged.others {
        let _ = writeln!(out, "  not {name}: {why}");
    }
    for note in &judged.notes {
        let _ = writeln!(out, "note      {note}");
    }
}

fn holder(out: &mut String, report: &Report) {
    let Some(examined) = report.examined() else { return };
    if let Some(consumer) = &examined.consumer {
        let known = if examined.identity.consumer.is_some() { "" } else { ", whom the config does not list" };
        let _ = writeln!(out, "consumer  {}{known}", harmless(consumer));
    }
    if let Some(plan) = &examined.identity.plan {
        let _ = writeln!(out, "plan      {}", plan.name);
    }
    if !examined.scopes.is_empty() {
        let _ = writeln!(out, "scopes    {}", harmless(&examined.scopes.join(" ")));
    }
}

fn verdict(out: &mut String, report: &Report) {
    match report.verdict() {
        Verdict::Accepted => {
            let _ = writeln!(out, "\naccepted");
        }
        Verdict::Undecided(why) => {
            let _ = writeln!(out, "\nnot decided: {why}");
        }
        Verdict::Refused(denial) => {
            let (kind, reason) = (denial.kind(), denial.reason);
            let _ = writeln!(out, "\nrefused   {} {} ({})", kind.status(), kind.code(), reason.code());
            let _ = writeln!(out, "because   {}", facts(denial));
            let _ = writeln!(out, "runbook   tollgate reasons {}", kind.code());
        }
    }
}

fn line(out: &mut String, Finding { facts: found, answer }: &Finding) {
    let word = match answer {
        Answer::Pass => "ok",
        Answer::Refuse(_) => "REFUSED",
        Answer::Unasked(_) => "unasked",
    };
    let check = found.check.to_string();
    let _ = writeln!(out, "  {word:<8} {check:<12} {}; expected {}", found.found, found.expected);
    match answer {
        Answer::Pass => {}
        Answer::Refuse(denial) => {
            let _ = writeln!(out, "  {:<8} {:<12} {}: {}", "", "", denial.reason.code(), facts(denial));
        }
        Answer::Unasked(why) => {
            let _ = writeln!(out, "  {:<8} {:<12} {why}", "", "");
        }
    }
}

fn members(out: &mut String, what: &str, members: Result<&Map<String, Value>, &Denial>, at: Now) {
    let members = match members {
        Ok(members) => members,
        Err(denial) => {
            let _ = writeln!(out, "\n{what}\n  {}", facts(denial));
            return;
        }
    };
    let _ = writeln!(out, "\n{what}");
    let width = members.keys().map(|name| name.chars().count()).max().unwrap_or(0).min(NAME_WIDTH_MAX);
    for (name, value) in members.iter().take(MEMBERS_MAX) {
        let time = if TIMES.contains(&&**name) { clock::seconds(members, name) } else { None };
        let time = time.map_or_else(String::new, |seconds| format!("  {}", moment(seconds, at)));
        let _ = writeln!(out, "  {:<width$}  {}{time}", harmless(name), harmless(&value.to_string()));
    }
    match members.len().saturating_sub(MEMBERS_MAX) {
        0 => {}
        more => {
            let _ = writeln!(out, "  and {more} more");
        }
    }
}

/// `2026-11-21T14:02:11Z, in 10 min 0 s`
pub(super) fn moment(seconds: u64, at: Now) -> String {
    let now = at.unix_seconds();
    let far = match seconds.checked_sub(now) {
        Some(0) => "now".to_owned(),
        Some(ahead) => format!("in {}", span(ahead)),
        None => format!("{} ago", span(now.saturating_sub(seconds))),
    };
    format!("{}, {far}", Rfc3339::from_unix_seconds(seconds))
}

pub(super) fn facts(denial: &Denial) -> String {
    denial.facts().unwrap_or_else(|| denial.reason.detail().to_owned())
}
