//! Broken configs and what is said about them, to the letter: `tests/invalid/NAME.yaml` beside `NAME.txt`.
//!
//! `UPDATE_GOLDEN=1 cargo nextest run -p tollgate-config` writes the texts anew; read the difference before it is committed.
//! In these files every secret is the word `hunter2`, and no text may ever hold it.

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};

use config::diagnostic::{Code, Severity};
use config::render;
use config::source::Disk;
use config::{Format, Loaded};
use engine::live::Live;

/// What no config can cause: a bug of the program.
const NOT_CAUSED: &[Code] = &[Code::Internal];

#[expect(clippy::unwrap_used, reason = "a test's helper")]
fn broken() -> Vec<PathBuf> {
    let entries = fs::read_dir("tests/invalid").unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml")).collect();
    paths.sort();
    paths
}

fn load(path: &Path) -> Loaded {
    let env = |name: &str| match name {
        "API_KEY" => Some("hunter2".to_owned()),
        "NUMBER" => Some("4711".to_owned()),
        "EMPTY" => Some(String::new()),
        _ => None,
    };
    config::load(path, &Disk, &env, &Live::new())
}

#[test]
fn every_mistake_is_worded_as_agreed() {
    let is_update = std::env::var_os("UPDATE_GOLDEN").is_some();
    let mut stale = Vec::new();
    for path in broken() {
        let said = load(&path).render(Format::Text { colour: false });
        let golden = path.with_extension("txt");
        if is_update {
            fs::write(&golden, &said).unwrap();
        } else if fs::read_to_string(&golden).ok().as_deref() != Some(said.as_str()) {
            stale.push(format!("--- {}\n{said}", golden.display()));
        }
    }
    assert!(stale.is_empty(), "these texts are no longer what was agreed:\n{}", stale.join("\n"));
}

#[test]
fn every_mistake_has_place_cause_and_help() {
    for path in broken() {
        let loaded = load(&path);
        assert!(!loaded.diagnostics.is_empty(), "{}", path.display());
        assert_eq!(loaded.config.is_none(), loaded.diagnostics.has_errors(), "{}", path.display());
        for diagnostic in loaded.diagnostics.sorted() {
            let place = diagnostic.place.as_ref().unwrap_or_else(|| panic!("{}: {diagnostic:?}", path.display()));
            let source = loaded.sources.named(&place.file).unwrap();
            let line = source.text.split('\n').nth(place.line as usize - 1);
            let width = line.unwrap_or_else(|| panic!("{}: {diagnostic:?}", path.display())).chars().count();
            assert!((place.column as usize) <= width + 1, "{}: {diagnostic:?}", path.display());
            assert!(
                diagnostic.help.as_ref().is_some_and(|help| !help.is_empty()),
                "{}: {diagnostic:?}",
                path.display()
            );
            assert!(!diagnostic.message.ends_with('.'), "{}: {diagnostic:?}", path.display());
        }
    }
}

#[test]
fn no_secret_is_ever_shown() {
    for path in broken() {
        let loaded = load(&path);
        let diagnostics = &loaded.diagnostics;
        let text = loaded.render(Format::Text { colour: true });
        for said in [text, render::json(diagnostics), render::github(diagnostics), format!("{diagnostics:?}")] {
            assert!(!said.contains("hunter2") && !said.contains("4711"), "{}:\n{said}", path.display());
        }
    }
}

#[test]
fn every_code_is_caused_by_one_of_the_files() {
    let mut caused: HashSet<Code> = HashSet::new();
    for path in broken() {
        caused.extend(load(&path).diagnostics.sorted().iter().map(|diagnostic| diagnostic.code));
    }
    for code in Code::ALL {
        assert_eq!(caused.contains(code), !NOT_CAUSED.contains(code), "{}", code.name());
    }
    assert!(Severity::Error < Severity::Warning);
}
