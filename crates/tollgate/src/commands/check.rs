//! `tollgate check`: all mistakes of a config in one run.

use super::{Failure, Outcome, output};
use crate::cli::DiagnosticFormat;
use crate::origin::Origin;
use config::Format;
use engine::live::Live;
use std::path::{Path, PathBuf};

pub(crate) fn run(files: &[PathBuf], format: DiagnosticFormat, strict: bool) -> Result<Outcome, Failure> {
    let mut outcome = Outcome::Yes;
    for file in files {
        readable(file)?;
        let loaded = Origin::disk(file).load(&Live::new());
        let (errors, warnings) = (loaded.diagnostics.errors(), loaded.diagnostics.warnings());
        match format {
            DiagnosticFormat::Text => {
                output::notes(loaded.render(Format::Text { colour: output::colour_on_stderr() }));
                output::result_line(verdict(file, errors, warnings));
            }
            DiagnosticFormat::Json => output::result_line(loaded.render(Format::Json)),
            DiagnosticFormat::Github => output::result(loaded.render(Format::Github)),
        }
        if errors > 0 || (strict && warnings > 0) {
            outcome = Outcome::No;
        }
    }
    Ok(outcome)
}

/// A file that cannot be read is no mistake of the config: exit code 2.
fn readable(file: &Path) -> Result<(), Failure> {
    match std::fs::metadata(file) {
        Ok(metadata) if metadata.is_dir() => Err(Failure::Read {
            path: file.display().to_string(),
            source: std::io::Error::new(std::io::ErrorKind::IsADirectory, "it is a folder"),
        }),
        Ok(_) => Ok(()),
        Err(source) => Err(Failure::Read { path: file.display().to_string(), source }),
    }
}

fn verdict(file: &Path, errors: usize, warnings: usize) -> String {
    let count = |number: usize, noun: &str| format!("{number} {noun}{}", if number == 1 { "" } else { "s" });
    match (errors, warnings) {
        (0, 0) => format!("{}: ok", file.display()),
        (0, warnings) => format!("{}: ok, {}", file.display(), count(warnings, "warning")),
        (errors, 0) => format!("{}: {}", file.display(), count(errors, "error")),
        (errors, warnings) => format!("{}: {}, {}", file.display(), count(errors, "error"), count(warnings, "warning")),
    }
}
