//! Builds the runbook pages into the program, so that `tollgate reasons NAME` shows them on a machine without the sources, and
//! notes the commit for `tollgate version`.

use std::error::Error;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/runbooks");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut pages = Vec::new();
    for entry in std::fs::read_dir(&folder)? {
        let path = entry?.path();
        let name = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default().to_owned();
        if path.extension().is_some_and(|extension| extension == "md") && name != "README" {
            pages.push((name, path.canonicalize()?));
        }
    }
    pages.sort();
    let mut text = String::from("&[");
    for (name, path) in pages {
        write!(text, "({name:?}, include_str!({:?})),", path.display().to_string())?;
    }
    text.push(']');
    std::fs::write(Path::new(&std::env::var("OUT_DIR")?).join("runbooks.rs"), text)?;

    // A debug build names no commit: it would be compiled again after each.
    if std::env::var("PROFILE").is_ok_and(|profile| profile == "release") {
        println!("cargo::rerun-if-changed=../../.git/logs/HEAD");
        if let Ok(output) = Command::new("git").args(["rev-parse", "--short=12", "HEAD"]).output()
            && output.status.success()
        {
            println!("cargo::rustc-env=TOLLGATE_COMMIT={}", String::from_utf8_lossy(&output.stdout).trim());
        }
    }
    Ok(())
}
