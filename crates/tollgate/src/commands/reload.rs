//! `tollgate reload`: tells a running gateway to reload, and with `--wait` reports its verdict.

use super::asking::Asked;
use super::{Failure, Outcome, output};
use crate::process::control::Question;
use crate::process::reload::Verdict;
use std::path::Path;

pub(crate) fn run(path: &Path, wait: bool) -> Result<Outcome, Failure> {
    let asked = Asked::new(path, &Question::Reload)?;
    if !wait {
        output::result_line("reload asked for");
        return Ok(Outcome::Yes);
    }
    let verdict: Verdict = asked.answer()?;
    output::notes(&verdict.diagnostics);
    if verdict.loaded {
        output::result_line(format_args!("loaded: revision {} serves", verdict.revision));
        Ok(Outcome::Yes)
    } else {
        output::result_line(format_args!("not loaded: revision {} keeps serving", verdict.revision));
        Ok(Outcome::No)
    }
}
