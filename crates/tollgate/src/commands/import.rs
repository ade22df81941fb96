//! `tollgate import openapi`: a document of another tool as a config, and what it could not carry over.

use super::{Failure, Outcome, output};
use crate::cli::{ImportAuth, ImportOpenapi};
use crate::origin::Origin;
use config::openapi::{Access, Fault, Imported, Options};
use config::source::{Disk, Memory};
use engine::live::Live;
use std::io::Write as _;
use std::path::Path;

pub(crate) fn openapi(arguments: &ImportOpenapi) -> Result<Outcome, Failure> {
    let access = match arguments.auth {
        ImportAuth::Document => Access::AsWritten,
        ImportAuth::None => Access::Open,
        ImportAuth::ApiKey => Access::ApiKey,
    };
    let options = Options { upstream: arguments.upstream.clone(), hosts: arguments.hosts.clone(), access };
    let imported = config::openapi::import(&arguments.file, &Disk, &options).map_err(failure)?;
    passes(&imported)?;
    match &arguments.out {
        None => output::result(&imported.config),
        Some(out) => {
            write(out, &imported.config, arguments.force)?;
            output::result_line(format_args!("{}: {}", out.display(), counted(imported.routes, "route")));
        }
    }
    report(&imported);
    let is_whole = imported.notes.is_empty();
    Ok(if is_whole || !arguments.strict { Outcome::Yes } else { Outcome::No })
}

fn failure(fault: Fault) -> Failure {
    match fault {
        Fault::Read { path, source } => Failure::Read { path, source },
        Fault::Syntax(diagnostics) => {
            output::notes(diagnostics);
            Failure::Usage("the document cannot be read".to_owned())
        }
        fault @ (Fault::TooLarge
        | Fault::NoOpenApi(_)
        | Fault::TooManyOperations(_)
        | Fault::ConfigTooLarge
        | Fault::Option(_)) => Failure::Usage(fault.to_string()),
    }
}

/// A config of ours with a mistake in it is a bug of ours.
fn passes(imported: &Imported) -> Result<(), Failure> {
    let path = Path::new("imported.yaml");
    let files = Memory::default().with(path, imported.config.as_str());
    let loaded = Origin::new(path, files, Box::new(|_: &str| None)).load(&Live::new());
    if !loaded.diagnostics.has_errors() {
        return Ok(());
    }
    output::notes(loaded.render(config::Format::Text { colour: output::colour_on_stderr() }));
    let text = "the config that was made has the mistakes above: this is a bug of Tollgate, please report it with the document";
    Err(Failure::Usage(text.to_owned()))
}

/// A config that was there already is somebody's work.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    let failed = |source: std::io::Error| Failure::Write { path: path.display().to_string(), source };
    let mut options = std::fs::OpenOptions::new();
    let opened =
        if force { options.write(true).create(true).truncate(true) } else { options.write(true).create_new(true) }
            .open(path);
    let mut file = match opened {
        Err(source) if source.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(Failure::Usage(format!("{} is there already: --force writes over it", path.display())));
        }
        opened => opened.map_err(failed)?,
    };
    file.write_all(text.as_bytes()).map_err(failed)
}

fn report(imported: &Imported) {
    for note in &imported.notes {
        output::note(format_args!("not as in the document: {note}"));
    }
    if imported.notes_left_out > 0 {
        output::note(format_args!("and {} more", imported.notes_left_out));
    }
    let notes = imported.notes.len().saturating_add(imported.notes_left_out);
    let routes = counted(imported.routes, "route");
    let open = imported.open;
    output::note(format_args!(
        "{routes}, {open} of them open to anybody; {} not as in the document",
        counted(notes, "thing")
    ));
}

fn counted(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}
