//! `tollgate denials`: what a running gateway refused lately, and what failed. Newest last, as a log has it.

use super::ask::Asked;
use super::{Failure, Outcome, output};
use crate::cli::{Denials, ListFormat};
use crate::process::control::Question;
use crate::process::records::desk::{Line, RecordsQuestion, Selection};
use crate::process::records::{Record, Retry, Verdict};
use crate::shown::{Columns, harmless, harmless_to, span};
use config::closest;
use engine::reason::{Kind, Reason};
use std::fmt::Write as _;

/// Records of a list, and of the beginning of one that is followed, unless the user says how many.
const LIMIT: usize = 100;
const LIMIT_FOLLOWED: usize = 10;
/// Of an ID in a table: its end is what tells requests apart.
const ID_CHARACTERS: usize = 12;
/// Of a method, host and path in a table.
const REQUEST_CHARACTERS: usize = 60;
/// Of the facts behind a refusal in a table; `tollgate requests` has all of them.
const FACTS_CHARACTERS: usize = 120;

type Row = [String; 8];
/// Of a list whose rows are not known yet.
const WIDTHS: [usize; 8] = [20, 6, 24, 12, 15, 30, ID_CHARACTERS, 0];
const HEAD: [&str; 8] = ["TIME", "STATUS", "REASON", "ROUTE", "CALLER", "REQUEST", "ID", "WHY"];

pub(crate) fn run(arguments: &Denials) -> Result<Outcome, Failure> {
    let Denials { config, reason, route, consumer, client, limit, follow, format } = arguments;
    if let Some(reason) = reason {
        must_be_known(reason)?;
    }
    let which = Selection {
        reason: reason.clone(),
        route: route.clone(),
        consumer: consumer.clone(),
        client: *client,
        id: None,
    };
    let limit = limit.unwrap_or(if *follow { LIMIT_FOLLOWED } else { LIMIT });
    let fold = *format == ListFormat::Text;
    let question = Question::Records(RecordsQuestion { which, limit, fold, follow: *follow });
    let mut asked = Asked::new(config, &question)?;
    let (found, end) = list(&mut asked)?;
    let columns = if *follow { Columns::at_least(WIDTHS) } else { Columns::new() };
    let mut printer = Printer { format: *format, columns, streams: *follow };
    printer.print(&found)?;
    if *format == ListFormat::Text {
        notes(found.len(), &end, *follow);
    }
    if *follow {
        stream(&mut asked, &mut printer)?;
    }
    Ok(Outcome::Yes)
}

/// How a list ended.
pub(super) struct End {
    fitting: usize,
    pub(super) kept: usize,
    pub(super) noted: u64,
}

/// All records up to the end of the list.
pub(super) fn list(asked: &mut Asked) -> Result<(Vec<Record>, End), Failure> {
    let mut found = Vec::new();
    loop {
        match asked.line()? {
            Line::Record(record) => found.push(*record),
            Line::Refused(why) => return Err(Failure::Usage(why)),
            Line::Lost(_) | Line::Quiet => {}
            Line::End { fitting, kept, noted } => return Ok((found, End { fitting, kept, noted })),
        }
    }
}

/// What comes, until the gateway ends or the user has seen enough.
fn stream(asked: &mut Asked, printer: &mut Printer) -> Result<(), Failure> {
    loop {
        match asked.line_or_end()? {
            Some(Line::Record(record)) => printer.print(&[*record])?,
            Some(Line::Lost(lost)) => {
                output::note(format_args!("{lost} more came than the gateway keeps, and are not shown"));
            }
            Some(Line::Refused(why)) => return Err(Failure::Usage(why)),
            Some(Line::Quiet | Line::End { .. }) => {}
            None => {
                output::note("the gateway has ended");
                return Ok(());
            }
        }
    }
}

/// A misspelt reason would find nothing, and nobody would know why.
fn must_be_known(name: &str) -> Result<(), Failure> {
    if Kind::named(name).is_some() || Reason::named(name).is_some() {
        return Ok(());
    }
    let codes = Kind::ALL.iter().map(|kind| kind.code()).chain(Reason::ALL.iter().map(|reason| reason.code()));
    Err(Failure::Usage(match closest(name, codes) {
        Some(code) => format!("no kind or reason is called {name}; did you mean {code}?"),
        None => format!("no kind or reason is called {name}; `tollgate reasons` has them"),
    }))
}

fn notes(shown: usize, end: &End, follow: bool) {
    let End { fitting, kept, noted } = end;
    if *noted == 0 && !follow {
        output::note("nothing was refused and nothing failed since the gateway started");
    } else if *fitting == 0 && !follow {
        output::note(format_args!("none of the {kept} records that are kept fits"));
    }
    if *fitting > shown && !follow {
        output::note(format_args!("the newest {shown} of {fitting}; --limit N shows more"));
    }
    if *noted > u64::try_from(*kept).unwrap_or(u64::MAX) && !follow {
        output::note(format_args!(
            "{kept} records are kept of {noted} since the gateway started: the newest, and some of each reason"
        ));
    }
}

struct Printer {
    format: ListFormat,
    columns: Columns<8>,
    /// One object a line, instead of a list of them.
    streams: bool,
}

impl Printer {
    fn print(&mut self, records: &[Record]) -> Result<(), Failure> {
        match self.format {
            ListFormat::Text => {
                let head = self.columns.is_new().then(|| HEAD.map(str::to_owned));
                let rows: Vec<Row> = head.into_iter().chain(records.iter().map(row)).collect();
                if !records.is_empty() || self.streams {
                    output::result(self.columns.lines(&rows));
                }
            }
            ListFormat::Json if self.streams => records.iter().try_for_each(|record| {
                output::result_line(serde_json::to_string(record).map_err(|error| Failure::Usage(error.to_string()))?);
                Ok(())
            })?,
            ListFormat::Json => super::print_json(records)?,
        }
        Ok(())
    }
}

fn row(record: &Record) -> Row {
    let id = &record.request_id;
    let start = id.chars().count().saturating_sub(ID_CHARACTERS);
    [
        // To the second: `tollgate requests` has the rest.
        format!("{}Z", record.time.split('.').next().unwrap_or_default()),
        record.status.to_string(),
        reason(record),
        record.route.clone().unwrap_or_else(|| "-".to_owned()),
        caller(record),
        harmless_to(&request(record), REQUEST_CHARACTERS),
        id.chars().skip(start).collect(),
        why(record),
    ]
}

/// In brackets if it only would have been one.
fn reason(record: &Record) -> String {
    match (&record.denied, record.would_deny.first()) {
        (Some(denied), _) => denied.reason.clone(),
        (None, Some(watched)) => format!("({})", watched.reason),
        (None, None) => "-".to_owned(),
    }
}

pub(super) fn caller(record: &Record) -> String {
    let consumer = record.consumer.as_deref().map(harmless);
    consumer.or_else(|| record.client.map(|client| client.to_string())).unwrap_or_else(|| "-".to_owned())
}

/// `GET a.example/orders`, as far as it is known.
pub(super) fn request(record: &Record) -> String {
    let Record { method, host, path, .. } = record;
    let target = format!("{}{}", host.as_deref().unwrap_or_default(), path.as_deref().unwrap_or_default());
    let words: Vec<&str> =
        [method.as_deref().unwrap_or_default(), &target].into_iter().filter(|word| !word.is_empty()).collect();
    if words.is_empty() { "-".to_owned() } else { words.join(" ") }
}

/// The worst first.
fn why(record: &Record) -> String {
    let mut parts = Vec::new();
    if let Some(retry) = &record.retry {
        parts.push(habit(retry));
    }
    parts.extend(record.denied.as_ref().map(because).filter(|said| !said.is_empty()));
    for verdict in &record.would_deny {
        let by = verdict.policy.as_deref().unwrap_or("a policy");
        parts.push(format!("dry run: {by} would refuse it"));
    }
    if record.without_store {
        parts.push("decided without the store".to_owned());
    }
    if let Some(upstream) = upstream(record) {
        parts.push(upstream);
    }
    parts.join("; ")
}

/// `LOOPING: 212 tries in 40 s`
pub(super) fn habit(retry: &Retry) -> String {
    let Retry { habit, tries, seconds } = retry;
    let lasting = if *seconds == 0 { "less than 1 s".to_owned() } else { span(*seconds) };
    let spent = format!("{tries} tries in {lasting}");
    if habit == "looping" { format!("LOOPING: {spent}") } else { format!("backs off: {spent}") }
}

fn because(verdict: &Verdict) -> String {
    let facts = verdict.detail.as_deref().map(|facts| harmless_to(facts, FACTS_CHARACTERS));
    let mut said = match (&verdict.policy, facts) {
        (Some(by), Some(facts)) if !facts.contains(by.as_str()) => format!("{by}: {facts}"),
        (_, Some(facts)) => facts,
        (Some(by), None) => by.clone(),
        (None, None) => String::new(),
    };
    if let Some(wait) = verdict.retry_after_seconds {
        let _ = write!(said, ", again in {}", span(wait));
    }
    said
}

/// What an upstream has to do with it, if one was turned to.
pub(super) fn upstream(record: &Record) -> Option<String> {
    let upstream = record.upstream.as_deref()?;
    let endpoint = record.endpoint.as_deref().unwrap_or("no endpoint");
    let answered = match record.upstream_status {
        Some(status) => format!("answered {status}"),
        None => "did not answer".to_owned(),
    };
    let tried = if record.attempts > 1 { format!(", tried {} times", record.attempts) } else { String::new() };
    Some(format!("upstream {upstream} ({endpoint}) {answered}{tried}"))
}
