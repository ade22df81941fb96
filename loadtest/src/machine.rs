//! Where and with what was measured.

use crate::peers::Programs;
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::process::Command;
use time::OffsetDateTime;
use time::macros::format_description;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Machine {
    pub(crate) cpu: String,
    pub(crate) cores: usize,
    pub(crate) kernel: String,
    pub(crate) date: String,
    pub(crate) commit: String,
    /// What was measured, each with its version.
    pub(crate) versions: Vec<(String, String)>,
    /// One, five and fifteen minutes before the run.
    pub(crate) load_before: String,
}

impl Machine {
    pub(crate) fn look(repository: &Path, programs: &Programs, cores: usize) -> Self {
        let cpu_info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let field = |name: &str| {
            let line = cpu_info.lines().find(|line| line.starts_with(name))?;
            Some(line.split_once(':')?.1.trim().to_owned())
        };
        let repository = repository.display().to_string();
        let commit = output("git", &["-C", &repository, "rev-parse", "--short=12", "HEAD"]);
        let is_changed = !output("git", &["-C", &repository, "status", "--porcelain", "-uno"]).is_empty();
        Self {
            cpu: field("model name").unwrap_or_else(|| "unknown".to_owned()),
            cores,
            kernel: fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default().trim().to_owned(),
            date: OffsetDateTime::now_utc()
                .format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC"))
                .unwrap_or_default(),
            commit: if is_changed { format!("{commit} (with uncommitted changes)") } else { commit },
            versions: versions(programs),
            load_before: fs::read_to_string("/proc/loadavg").unwrap_or_default().trim().to_owned(),
        }
    }
}

fn versions(programs: &Programs) -> Vec<(String, String)> {
    let run = |program: &Path, option: &str| output(&program.display().to_string(), &[option]);
    let mut versions = vec![
        ("nginx".to_owned(), run(&programs.nginx, "-v")),
        ("HAProxy".to_owned(), run(&programs.haproxy, "-v")),
        ("bare Pingora".to_owned(), "0.9.1".to_owned()),
    ];
    if let Some(tollgate) = &programs.tollgate {
        versions.push(("Tollgate".to_owned(), run(tollgate, "version")));
    }
    versions
}

/// The first line that a program writes, to whichever of its two outputs.
fn output(program: &str, args: &[&str]) -> String {
    let Ok(output) = Command::new(program).args(args).output() else {
        return "not found".to_owned();
    };
    let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
    String::from_utf8_lossy(&text).lines().next().unwrap_or_default().trim().to_owned()
}
