//! `tollgate quota`: what a running gateway has counted, and counting from zero again.

use super::ask::Asked;
use super::{Failure, Outcome, output};
use crate::cli::{ListFormat, NamedCounters, QuotaCommand, Which};
use crate::process::control::Question;
use crate::process::quota::question::{Act, Counter, Line, QuotaQuestion, Selection};
use crate::shown::Columns;
use std::path::Path;

/// Digits of an ID in a table: enough to tell counters apart.
const ID_DIGITS: usize = 12;

pub(crate) fn run(command: &QuotaCommand) -> Result<Outcome, Failure> {
    match command {
        QuotaCommand::List { config, which, ended, format } => list(config, select(which, None, *ended), *format),
        QuotaCommand::Show(named) => show(&named.config, name(named, true)?, named.format),
        QuotaCommand::Reset(named) => reset(&named.config, name(named, false)?, named.format),
        QuotaCommand::Export { config, which } => {
            let (counters, _) = ask(config, Act::List, select(which, None, true))?;
            counters.iter().try_for_each(json)?;
            Ok(Outcome::Yes)
        }
    }
}

fn list(config: &Path, which: Selection, format: ListFormat) -> Result<Outcome, Failure> {
    let (counters, _) = ask(config, Act::List, which)?;
    match format {
        ListFormat::Text if counters.is_empty() => output::note("nothing is counted that fits"),
        ListFormat::Text => output::result(table(&counters)),
        ListFormat::Json => super::print_json(&counters)?,
    }
    Ok(Outcome::Yes)
}

fn show(config: &Path, which: Selection, format: ListFormat) -> Result<Outcome, Failure> {
    let (counters, _) = ask(config, Act::List, which)?;
    if counters.is_empty() {
        output::note("no counter fits");
        return Ok(Outcome::No);
    }
    match format {
        ListFormat::Json => super::print_json(&counters)?,
        ListFormat::Text => counters.iter().for_each(|counter| output::result(details(counter))),
    }
    Ok(Outcome::Yes)
}

fn reset(config: &Path, which: Selection, format: ListFormat) -> Result<Outcome, Failure> {
    let (counters, written) = ask(config, Act::Reset, which)?;
    if counters.is_empty() {
        output::note("no counter fits: nothing was reset");
        return Ok(Outcome::No);
    }
    match format {
        ListFormat::Json => super::print_json(&counters)?,
        ListFormat::Text => {
            for Counter { id, policy, per, by, value, used, .. } in &counters {
                output::result_line(format_args!("reset {id}: {policy} of {by} {value}, {used} used this {per}"));
            }
        }
    }
    if !written {
        output::note("the reset holds, but could not be written to the disk: a crash now would undo it");
    }
    Ok(Outcome::Yes)
}

/// For a command that has to be told which counters are meant.
fn name(named: &NamedCounters, ended: bool) -> Result<Selection, Failure> {
    let NamedCounters { id, which, .. } = named;
    if id.is_none() && which.policy.is_none() && which.consumer.is_none() {
        return Err(Failure::Usage(
            "which counters? Give an ID, --policy or --consumer; `tollgate quota list` has them".into(),
        ));
    }
    Ok(select(which, id.as_deref(), ended))
}

fn select(which: &Which, id: Option<&str>, ended: bool) -> Selection {
    let Which { policy, consumer } = which;
    Selection { id: id.map(str::to_lowercase), policy: policy.clone(), consumer: consumer.clone(), ended }
}

/// The counters, ordered by policy and value, and whether the disk has them.
fn ask(config: &Path, act: Act, which: Selection) -> Result<(Vec<Counter>, bool), Failure> {
    let mut asked = Asked::new(config, &Question::Quota(QuotaQuestion { act, which }))?;
    let mut found = Vec::new();
    loop {
        match asked.line()? {
            Line::Counter(counter) => found.push(*counter),
            Line::Refused(why) => return Err(Failure::Usage(why)),
            Line::Note(note) => output::note(note),
            Line::End { written, .. } => {
                found.sort_by(|one, other| sorted_by(one).cmp(&sorted_by(other)));
                return Ok((found, written));
            }
        }
    }
}

fn sorted_by(counter: &Counter) -> (&str, &str, &str, &str, &str) {
    let Counter { policy, by, value, starts, id, .. } = counter;
    (policy, by, value, starts, id)
}

fn json(counter: &Counter) -> Result<(), Failure> {
    output::result_line(serde_json::to_string(counter).map_err(|error| Failure::Usage(error.to_string()))?);
    Ok(())
}

fn details(counter: &Counter) -> String {
    let Counter { id, policy, per, by, value, consumer, used, limit, starts, ends, shared } = counter;
    let left = limit.map_or("the config has no such quota any more".to_owned(), |limit| {
        format!("{used} of {limit}, {} left", limit.saturating_sub(*used))
    });
    format!(
        "id        {id}\npolicy    {policy}\ncounts by {by}\nvalue     {value}\nconsumer  {}\nused      {used} ({left})\n\
         period    {per}, from {starts} to {ends}\n{}\n",
        consumer.as_deref().unwrap_or("-"),
        if *shared { "counted   in the store, for all nodes; what they hold of it counts as used\n" } else { "" },
    )
}

fn table(counters: &[Counter]) -> String {
    let head = ["ID", "POLICY", "PER", "BY", "VALUE", "CONSUMER", "USED", "LIMIT", "ENDS"].map(str::to_owned);
    let rows: Vec<[String; 9]> = std::iter::once(head).chain(counters.iter().map(row)).collect();
    Columns::new().lines(&rows)
}

fn row(counter: &Counter) -> [String; 9] {
    let Counter { id, policy, per, by, value, consumer, used, limit, starts: _, ends, shared } = counter;
    [
        id.chars().take(ID_DIGITS).collect(),
        if *shared { format!("{policy} (all nodes)") } else { policy.clone() },
        per.clone(),
        by.clone(),
        value.clone(),
        consumer.clone().unwrap_or_else(|| "-".to_owned()),
        used.to_string(),
        limit.map_or_else(|| "-".to_owned(), |limit| limit.to_string()),
        ends.clone(),
    ]
}
