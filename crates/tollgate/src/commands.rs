//! One file a command. A command returns what it found out: yes, no, or why it could not.

mod ask;
mod check;
mod demo;
mod denials;
mod explain;
mod import;
mod key;
mod keys;
mod password;
mod quota;
mod reasons;
mod reference;
mod reload;
mod requests;
mod run;
mod test;
mod token;
mod version;

use crate::cli::{Arguments, Command, ImportCommand, KeyCommand, PasswordCommand};
pub(crate) use crate::failure::Failure;
use crate::origin::Origin;
use crate::output;
use clap::CommandFactory as _;
use engine::live::Live;
use limits::clock::{Now, now};
use std::path::Path;
use std::process::ExitCode;

/// What a command found out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Yes,
    No,
    /// It takes somebody else's word, which was not asked for.
    Undecided,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Yes => Self::SUCCESS,
            Outcome::No => Self::from(1),
            Outcome::Undecided => Self::from(2),
        }
    }
}

pub(crate) fn run(command: Command) -> Result<Outcome, Failure> {
    match command {
        Command::Run { config } => run::run(&config),
        Command::Demo { listen } => demo::run(listen),
        Command::Check { files, format, strict } => check::run(&files, format, strict),
        Command::Explain(arguments) => explain::run(&arguments),
        Command::Test { file, against, jwks } => test::run(&file, against.as_deref(), &jwks),
        Command::Reload { config, wait } => reload::run(&config, wait),
        Command::Quota { command } => quota::run(&command),
        Command::Denials(arguments) => denials::run(&arguments),
        Command::Requests { config, id, format } => requests::run(&config, &id, format),
        Command::Reasons { name, format } => reasons::run(name.as_deref(), format),
        Command::Schema => {
            output::result_line(format_args!("{:#}", config::schema()));
            Ok(Outcome::Yes)
        }
        Command::Token(arguments) => token::run(&arguments),
        Command::Key { command: KeyCommand::New { consumer } } => key::new(consumer.as_deref()),
        Command::Keys { config, format } => keys::run(&config, format),
        Command::Password { command: PasswordCommand::Hash { user } } => password::hash(user.as_deref()),
        Command::Import { command: ImportCommand::Openapi(arguments) } => import::openapi(&arguments),
        Command::Completions { shell } => {
            // By way of memory: clap_complete panics if its reader goes away.
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Arguments::command(), "tollgate", &mut script);
            output::result(String::from_utf8_lossy(&script));
            Ok(Outcome::Yes)
        }
        Command::Version => version::run(),
        Command::Reference { folder } => reference::run(&folder),
    }
}

/// A config that is to be used: its mistakes go to stderr, and only one without any comes back.
pub(crate) fn load(path: &Path, live: &Live) -> Result<config::Config, Failure> {
    must_open(path)?;
    Origin::disk(path).load_or_tell(live)
}

/// A file that is not there or may not be read is no mistake in a config. A pipe is not tried: what is written to it comes once.
fn must_open(path: &Path) -> Result<(), Failure> {
    let opened = std::fs::metadata(path)
        .and_then(|found| if found.is_file() { std::fs::File::open(path).map(drop) } else { Ok(()) });
    opened.map_err(|source| Failure::Read { path: path.display().to_string(), source })
}

/// A list, as `--format json` has it.
fn print_json(list: &[impl serde::Serialize]) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(list).map_err(|error| Failure::Usage(error.to_string()))?;
    output::result_line(text);
    Ok(())
}

/// The time of `--at`, or now.
fn time_at(text: Option<&str>) -> Result<Now, Failure> {
    let Some(text) = text else { return Ok(now()) };
    match config::unix_seconds(text) {
        Some(seconds) => Ok(Now::at_unix_seconds(seconds)),
        None => Err(Failure::Usage(format!("--at {text}: not a time like 2026-11-21T20:00:00Z"))),
    }
}
