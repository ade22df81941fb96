//! `tollgate token`: why a JWT is accepted or refused. The checks are the gateway's own; here is only which provider is asked, and
//! what is shown. Never shown: the signature, and the token as a whole.

mod clock;
mod input;
mod json;
mod provider;
mod text;

use super::{Failure, Outcome, output};
use crate::cli::{ListFormat, Token};
use engine::chain::Examined;
use engine::denial::Denial;
use engine::live::Live;
use engine::policy::jwt::{self, Exam, Unproven};
use input::Input;
use limits::clock::Now;
use provider::Judged;

/// All that is said about one token.
struct Report {
    input: Input,
    /// The refusal of what is no token at all.
    decoded: Result<Unproven, Denial>,
    at: Now,
    /// Without a config: what can be said without one.
    form: Exam,
    judged: Option<Judged>,
    clock: Vec<String>,
}

/// What the gateway would do with it.
enum Verdict<'r> {
    Accepted,
    Refused(&'r Denial),
    /// Something could not be asked, or there is no config to ask: what.
    Undecided(&'static str),
}

impl Report {
    fn exam(&self) -> &Exam {
        self.judged.as_ref().map_or(&self.form, |judged| &judged.examined.exam)
    }

    fn examined(&self) -> Option<&Examined> {
        self.judged.as_ref().map(|judged| &judged.examined)
    }

    fn verdict(&self) -> Verdict<'_> {
        let exam = self.exam();
        match exam.refusal() {
            Some(denial) => Verdict::Refused(denial),
            None if exam.left_out() => Verdict::Undecided("its signature was not checked"),
            None if self.judged.is_none() => Verdict::Undecided("there is no config to hold it against: give --config"),
            None => Verdict::Accepted,
        }
    }
}

pub(crate) fn run(arguments: &Token) -> Result<Outcome, Failure> {
    let at = super::time_at(arguments.at.as_deref())?;
    let input = input::read(&arguments.file)?;
    let decoded = jwt::decode(&input.token);
    let judged = match &arguments.config {
        None => None,
        Some(path) => {
            let live = Live::new();
            let config = super::load(path, &live)?;
            Some(provider::judge(&config.snapshot, arguments, &input.token, decoded.as_ref().ok(), at)?)
        }
    };
    let skew_s = judged.as_ref().map(|judged| judged.clock_skew_s);
    let clock = decoded.as_ref().map(|decoded| clock::remarks(decoded, skew_s, at)).unwrap_or_default();
    let report = Report { form: jwt::examine_form(&input.token), input, decoded, at, judged, clock };
    match arguments.format {
        ListFormat::Text => output::result(text::text(&report)),
        ListFormat::Json => output::result_line(format_args!("{:#}", json::json(&report))),
    }
    match report.verdict() {
        Verdict::Accepted => Ok(Outcome::Yes),
        Verdict::Refused(_) => Ok(Outcome::No),
        // Taking a token apart is all that was asked for.
        Verdict::Undecided(_) if report.judged.is_none() => Ok(Outcome::Yes),
        Verdict::Undecided(why) => Err(Failure::Usage(format!("not decided: {why}"))),
    }
}
