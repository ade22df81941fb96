//! The program. Reads the command line, calls one command, turns its outcome into an exit code: 0 yes, 1 no, 2 could not.

mod cli;
mod commands;
mod failure;
mod fetched_keys;
mod offline;
mod origin;
mod output;
mod process;
mod shown;

use clap::Parser as _;
use std::process::ExitCode;

// Chosen by measurement: see docs/decisions/.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    process::hangup::hold();
    let arguments = match cli::Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // clap prints help and version to stdout, mistakes to stderr, and knows which is which.
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    if !arguments.command.serves() {
        process::hangup::release();
    }
    match commands::run(arguments.command) {
        Ok(outcome) => outcome.into(),
        Err(failure) => {
            output::failure(&failure);
            ExitCode::from(2)
        }
    }
}
