//! `tollgate check` for machines.

use super::{BAD, GOOD, WARNED};
use crate::program::{BINARY, Folder, tollgate};
use serde_json::Value;
use std::process::Command;

#[test]
fn json_has_every_finding_with_its_place() {
    let folder = Folder::new();
    let check = |content: &str, code: i32, expected: &[(&str, u64)]| {
        let file = folder.with("config.yaml", content);
        let ran = tollgate(&["check", "--format", "json", &file]).expect(code);
        assert!(ran.stderr.is_empty(), "{ran}");
        let found: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {ran}"));
        let found: Vec<&Value> = found.as_array().unwrap().iter().collect();
        let facts: Vec<_> = found
            .iter()
            .map(|finding| (finding["severity"].as_str().unwrap(), finding["place"]["line"].as_u64().unwrap()))
            .collect();
        assert_eq!(facts, expected, "{ran}");
        for finding in found {
            assert_eq!(finding["place"]["file"], file.as_str(), "{ran}");
            assert!(finding["message"].as_str().is_some_and(|text| !text.is_empty()), "{ran}");
            assert!(finding["help"].as_str().is_some_and(|text| !text.is_empty()), "{ran}");
        }
    };
    check(GOOD, 0, &[]);
    check(WARNED, 0, &[("warning", 4)]);
    check(BAD, 1, &[("error", 5), ("error", 6)]);
}

#[test]
fn github_lines_are_workflow_commands() {
    let folder = Folder::new();
    let [bad, warned] = [folder.with("bad.yaml", BAD), folder.with("warned.yaml", WARNED)];
    let ran = tollgate(&["check", "--format", "github", &bad, &warned]).expect(1);
    assert!(ran.stderr.is_empty(), "{ran}");
    let lines: Vec<&str> = ran.stdout.lines().collect();
    let starts = [
        format!("::error file={bad},line=5,col="),
        format!("::error file={bad},line=6,col="),
        format!("::warning file={warned},line=4,col="),
    ];
    assert_eq!(lines.len(), starts.len(), "{ran}");
    for (line, start) in lines.iter().zip(starts) {
        assert!(line.starts_with(&start), "{start}: {ran}");
    }
    assert!(!ran.stdout.contains("a-literal-secret"), "a secret was printed: {ran}");
}

/// `script` is there to make the program believe in a terminal; where it is missing, there is none to try.
#[test]
fn colours_are_for_terminals_without_no_color() {
    let folder = Folder::new();
    let bad = folder.with("bad.yaml", BAD);
    let colours = |environment: &[(&str, &str)]| {
        let mut command = Command::new("script");
        command.args(["-qec", &format!("'{BINARY}' check '{bad}'"), "/dev/null"]).env_remove("NO_COLOR");
        command.envs(environment.iter().copied());
        crate::program::run(&mut command).expect(1).stdout.contains('\u{1b}')
    };
    let has_script = Command::new("script").arg("--version").output().is_ok();
    if has_script {
        assert!(colours(&[]), "no colours on a terminal");
        assert!(!colours(&[("NO_COLOR", "1")]), "colours in spite of NO_COLOR");
        assert!(colours(&[("NO_COLOR", "")]), "an empty NO_COLOR counts as none");
    } else {
        assert!(std::env::var_os("CI").is_none(), "`script` is missing: colours are not tested");
    }
    // Into a file there are none in any case.
    let ran = tollgate(&["check", &bad]).expect(1);
    assert!(!ran.stderr.contains('\u{1b}'), "{ran}");
}
