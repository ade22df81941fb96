//! `tollgate reasons`: the error catalogue, and the runbook pages built in.

use super::{Failure, Outcome, output};
use crate::cli::ListFormat;
use engine::reason::{Kind, Reason};
use serde_json::json;
use std::fmt::Write as _;

/// The runbook pages, by kind. Made by the build script from `docs/runbooks/`.
pub(crate) const PAGES: &[(&str, &str)] = include!(concat!(env!("OUT_DIR"), "/runbooks.rs"));

pub(crate) fn run(name: Option<&str>, format: ListFormat) -> Result<Outcome, Failure> {
    match (name, format) {
        (None, ListFormat::Text) => output::result(table()),
        (None, ListFormat::Json) => output::result_line(format_args!("{:#}", list())),
        (Some(name), _) => {
            let kind = Kind::named(name).or_else(|| Some(Reason::named(name)?.kind()));
            let Some(kind) = kind else { return Err(Failure::Usage(unknown(name))) };
            let page = PAGES.iter().find(|(code, _)| *code == kind.code()).map(|(_, page)| *page);
            output::result(page.unwrap_or_else(|| kind.doc()));
        }
    }
    Ok(Outcome::Yes)
}

fn table() -> String {
    let mut text = String::new();
    for kind in Kind::ALL {
        let _ = writeln!(text, "{} {}  {}", kind.status(), kind.code(), kind.title());
        for reason in kind.reasons().iter().filter(|reason| reason.code() != kind.code()) {
            let _ = writeln!(text, "      {:<30}{}", reason.code(), reason.doc().trim());
        }
    }
    text
}

fn list() -> serde_json::Value {
    let reasons = |kind: &Kind| -> Vec<serde_json::Value> {
        kind.reasons().iter().map(|reason| json!({ "reason": reason.code(), "doc": reason.doc().trim() })).collect()
    };
    Kind::ALL
        .iter()
        .map(|kind| {
            json!({
                "kind": kind.code(), "status": kind.status(), "title": kind.title(),
                "whoActs": kind.fault().code(), "doc": kind.doc().trim(), "reasons": reasons(kind),
            })
        })
        .collect()
}

fn unknown(name: &str) -> String {
    let codes = Kind::ALL.iter().map(|kind| kind.code()).chain(Reason::ALL.iter().map(|reason| reason.code()));
    match config::closest(name, codes) {
        Some(code) => format!("no kind or reason is called {name}; did you mean {code}?"),
        None => format!("no kind or reason is called {name}"),
    }
}
