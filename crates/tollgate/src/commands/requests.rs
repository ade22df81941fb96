//! `tollgate requests`: what a running gateway knows of one request that it refused or that failed. Answers three questions: did it come
//! in, what decided on it, and did the upstream answer?

use super::ask::Asked;
use super::denials::{self, End};
use super::{Failure, Outcome, output};
use crate::cli::ListFormat;
use crate::process::control::Question;
use crate::process::records::desk::{RecordsQuestion, Selection};
use crate::process::records::{Record, Verdict};
use crate::shown::{harmless, span};
use std::fmt::Write as _;
use std::path::Path;

/// The end of an ID may fit several requests.
const LIMIT: usize = 20;

/// No, if it knows of none.
pub(crate) fn run(config: &Path, id: &str, format: ListFormat) -> Result<Outcome, Failure> {
    let which = Selection { id: Some(id.to_owned()), ..Selection::default() };
    let question = RecordsQuestion { which, limit: LIMIT, fold: false, follow: false };
    let mut asked = Asked::new(config, &Question::Records(question))?;
    let (found, end) = denials::list(&mut asked)?;
    if found.is_empty() {
        let End { kept, noted, .. } = end;
        output::note(format_args!(
            "no record of it. Only what was refused or failed is kept, {kept} records of {noted} since the gateway started: \
             the access log has every request"
        ));
        return Ok(Outcome::No);
    }
    match format {
        ListFormat::Json => super::print_json(&found)?,
        ListFormat::Text => found.iter().for_each(|record| output::result(text(record))),
    }
    Ok(Outcome::Yes)
}

fn text(record: &Record) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(out, "{name:<9} {value}");
    };
    line("request", &record.request_id);
    let from = record.client.map_or_else(|| "an unknown address".to_owned(), |client| client.to_string());
    line("received", &format!("{}, from {from}", record.time));
    line("asked for", &harmless(&denials::request(record)));
    line("route", record.route.as_deref().unwrap_or("none"));
    let plan = record.plan.as_deref().map(|plan| format!(", plan {plan}")).unwrap_or_default();
    line("caller", &format!("{}{plan}", denials::caller(record)));
    line("answered", &answer(record));
    if let Some(denied) = &record.denied {
        verdict(denied, &mut line);
    }
    for watched in &record.would_deny {
        let place = watched.place.as_deref().map(|place| format!(", {place}")).unwrap_or_default();
        let by = watched.policy.as_deref().unwrap_or("a policy");
        line("dry run", &format!("{by}{place} would refuse it: {}", watched.reason));
    }
    if record.without_store {
        line("store", "not reached: a shared limit was decided without it");
    }
    line("upstream", &denials::upstream(record).unwrap_or_else(|| "not turned to".to_owned()));
    if let Some(retry) = &record.retry {
        line("retry", &denials::habit(retry));
    }
    line("config", &record.config_revision);
    out.push('\n');
    out
}

fn answer(record: &Record) -> String {
    let what = match &record.denied {
        Some(denied) if denied.kind == denied.reason => denied.reason.clone(),
        Some(denied) => format!("{}, because of {}", denied.kind, denied.reason),
        None => "not refused".to_owned(),
    };
    format!("{} {what}, after {:.3} ms", record.status, record.duration_ms)
}

fn verdict(denied: &Verdict, line: &mut impl FnMut(&str, &str)) {
    if let Some(policy) = &denied.policy {
        let place = denied.place.as_deref().map(|place| format!(", {place}")).unwrap_or_default();
        line("by", &format!("{policy}{place}"));
    }
    if let Some(detail) = &denied.detail {
        line("because", &harmless(detail));
    }
    if let Some(wait) = denied.retry_after_seconds {
        line("again in", &span(wait));
    }
}
