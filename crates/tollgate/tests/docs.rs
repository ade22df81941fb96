//! What the documents say and what is: generated pages are the committed ones, every kind has its page, every name that a page
//! gives to an operator exists, and links lead somewhere.

#![expect(clippy::expect_used, clippy::panic, reason = "a repository that cannot be read fails these tests")]

use engine::reason::{Kind, Reason};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The longest that docs/ARCHITECTURE.md may get, in lines.
const ARCHITECTURE_LINES_MAX: usize = 200;

/// Folders that hold no document of ours.
const ASIDE: [&str; 4] = ["target", ".git", "node_modules", "invalid"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below a folder, sorted.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            let is_aside = path.file_name().is_some_and(|name| ASIDE.iter().any(|aside| name == *aside));
            match path.is_dir() {
                true if !is_aside => open.push(path),
                true => {}
                false => found.push(path),
            }
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<(String, String)> {
    let root = root();
    let pages = files(&root).into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "md"));
    let shown = |path: &Path| path.strip_prefix(&root).expect("below the root").display().to_string();
    pages.map(|path| (shown(&path), fs::read_to_string(&path).expect("a page"))).collect()
}

#[track_caller]
fn none(found: &[String], what_to_do: &str) {
    assert!(found.is_empty(), "{what_to_do}:\n  {}", found.join("\n  "));
}

#[test]
fn generated_pages_are_the_committed_ones() {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("reference");
    // The schema goes to a sibling of docs/, as in the repository.
    let folder = place.join("docs/reference");
    for needed in [&folder, &place.join("conf")] {
        fs::create_dir_all(needed).expect("a folder");
    }
    let made = Command::new(env!("CARGO_BIN_EXE_tollgate")).arg("reference").arg(&folder).output().expect("tollgate");
    assert!(made.status.success(), "{made:?}");
    let pages = String::from_utf8(made.stdout).expect("text").lines().count();
    let made = files(&place);
    assert_eq!(made.len(), pages, "a page of before lies in {}", place.display());
    let mut stale = Vec::new();
    for page in made {
        let name = page.strip_prefix(&place).expect("below").display().to_string();
        let is_committed = fs::read(root().join(&name)).is_ok_and(|text| text == fs::read(&page).expect("a page"));
        if !is_committed {
            stale.push(name);
        }
    }
    none(&stale, "run `tollgate reference docs/reference` and commit what it writes");
}

#[test]
fn every_kind_has_a_runbook_and_every_runbook_a_kind() {
    let pages: BTreeSet<String> = files(&root().join("docs/runbooks"))
        .iter()
        .filter_map(|path| path.file_stem()?.to_str().map(str::to_owned))
        .filter(|name| name != "README")
        .collect();
    let kinds: BTreeSet<String> = Kind::ALL.iter().map(|kind| kind.code().to_owned()).collect();
    assert_eq!(pages, kinds, "docs/runbooks has one page for each kind: see docs/adding-a-reason.md");
    for kind in Kind::ALL {
        let page = read(&format!("docs/runbooks/{}.md", kind.code()));
        let said = |reason: &&Reason| page.contains(reason.code()) || kind.reasons().len() == 1;
        let silent = kind.reasons().iter().filter(|reason| !said(reason)).map(|reason| reason.code().to_owned());
        none(&silent.collect::<Vec<_>>(), &format!("docs/runbooks/{}.md says what each reason means", kind.code()));
    }
}

/// Every name that an operator can meet.
struct Known {
    names: BTreeSet<String>,
}

impl Known {
    fn all() -> Self {
        let mut names: BTreeSet<String> = BTreeSet::new();
        names.extend(Kind::ALL.iter().map(|kind| kind.code().to_owned()));
        names.extend(Reason::ALL.iter().map(|reason| reason.code().to_owned()));
        for metric in telemetry::metrics::reference() {
            names.extend(metric.labels.iter().map(|label| (*label).to_owned()));
            names.insert(metric.name.to_owned());
        }
        names.extend(telemetry::access_log::fields().iter().map(|(name, _)| (*name).to_owned()));
        names.extend(config::diagnostic::Code::ALL.iter().map(|code| code.name().to_owned()));
        words_of(&config::schema(), &mut names);
        Self { names }
    }

    fn has_metric(&self, name: &str) -> bool {
        let base = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
        self.names.contains(name) || self.names.contains(base)
    }
}

/// Keys and closed values of the schema.
fn words_of(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            words.extend(
                object.get("properties").and_then(Value::as_object).into_iter().flat_map(|keys| keys.keys().cloned()),
            );
            for list in ["enum", "examples"] {
                let values = object.get(list).and_then(Value::as_array).into_iter().flatten();
                words.extend(values.filter_map(Value::as_str).map(str::to_owned));
            }
            object.values().for_each(|inner| words_of(inner, words));
        }
        Value::Array(items) => items.iter().for_each(|inner| words_of(inner, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// What stands between single backticks, code blocks aside.
fn quoted(page: &str) -> Vec<String> {
    let mut quoted = Vec::new();
    let mut in_block = false;
    for line in page.lines() {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
        } else if !in_block {
            quoted.extend(line.split('`').skip(1).step_by(2).map(str::to_owned));
        }
    }
    quoted
}

fn is_word(text: &str, allowed: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || allowed.contains(letter))
}

/// Pieces of a page that look like a metric.
fn metrics_in(page: &str) -> impl Iterator<Item = &str> {
    page.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')
        .filter(|word| word.strip_prefix("tollgate_").is_some_and(|rest| !rest.is_empty() && !rest.ends_with('_')))
}

#[test]
fn documents_name_only_what_exists() {
    /// Words of others: error types of Proxy-Status (RFC 9209), keys of an orchestrator.
    const OF_OTHERS: &[&str] = &[
        "allOf",
        "connection_read_timeout",
        "destination_ip_unroutable",
        "dns_error",
        "oneOf",
        "openIdConnect",
        "operationId",
        "readOnly",
        "requestBody",
        "terminationGracePeriodSeconds",
        "tls_protocol_error",
    ];
    /// Outcomes in the `HELP` of `tollgate_key_set_fetches_total` that are no reasons.
    const OUTCOMES: &[&str] = &["no_usable_key", "too_large"];
    let known = Known::all();
    let mut found = Vec::new();
    for (path, page) in documents() {
        let is_for_operators = ["docs/runbooks/", "docs/concepts/", "docs/guides/", "README.md", "deploy/"];
        if !is_for_operators.iter().any(|folder| path.starts_with(folder)) {
            continue;
        }
        found.extend(
            metrics_in(&page).filter(|name| !known.has_metric(name)).map(|name| format!("{path}: metric {name}")),
        );
        for word in quoted(&page) {
            // Snake case is a reason, kind, metric or label; camel case a config key or log field.
            let is_name =
                is_word(&word, "_") && (word.contains('_') || word.contains(|letter: char| letter.is_uppercase()));
            let is_told = OF_OTHERS.contains(&word.as_str()) || OUTCOMES.contains(&word.as_str());
            if is_name && !known.has_metric(&word) && !is_told {
                found.push(format!("{path}: `{word}`"));
            }
        }
    }
    none(&found, "nothing has this name: correct it, or add it to OF_OTHERS if it is not ours");
}

#[test]
fn documents_name_only_commands_that_exist() {
    let commands = read("docs/reference/commands.md");
    let commands: BTreeSet<&str> = commands.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    assert!(commands.contains("check") && commands.contains("run"), "{commands:?}");
    let mut found = Vec::new();
    for (path, page) in documents() {
        let said = quoted(&page);
        let blocks = page.split("```").skip(1).step_by(2).flat_map(str::lines).map(str::to_owned);
        for line in said.into_iter().chain(blocks) {
            let mut words = line.trim_start_matches("$ ").split_whitespace();
            let is_ours = words.next() == Some("tollgate");
            let command = words.next().filter(|word| is_ours && is_word(word, "-"));
            let wrong = command.filter(|command| !commands.contains(command) && *command != "reference");
            found.extend(wrong.map(|command| format!("{path}: tollgate {command}")));
        }
    }
    none(&found, "the program has no such command: see docs/reference/commands.md");
}

#[test]
fn every_key_is_annotated_in_the_config_that_shows_all() {
    let shown = read("conf/tollgate.yaml");
    let mut keys = BTreeSet::new();
    keys_of(&config::schema(), &mut keys);
    assert!(keys.len() > 80, "{}", keys.len());
    let is_shown = |key: &str| {
        shown.match_indices(key).any(|(at, _)| {
            let before = shown.get(..at).and_then(|text| text.chars().next_back());
            let after = shown.get(at + key.len()..).and_then(|text| text.chars().next());
            let is_letter = |letter: Option<char>| letter.is_some_and(|letter| letter.is_ascii_alphanumeric());
            !is_letter(before) && !is_letter(after)
        })
    };
    let absent: Vec<String> = keys.into_iter().filter(|key| !is_shown(key)).collect();
    none(&absent, "conf/tollgate.yaml shows every key with its unit, default and bounds: add these");
}

fn keys_of(schema: &Value, keys: &mut BTreeSet<String>) {
    match schema {
        Value::Object(object) => {
            for (key, property) in object.get("properties").and_then(Value::as_object).into_iter().flatten() {
                let description = property.get("description").and_then(Value::as_str).unwrap_or_default();
                assert!(
                    !description.is_empty(),
                    "{key} has no description: write a doc comment in crates/config/src/raw"
                );
                keys.insert(key.clone());
            }
            object.values().for_each(|inner| keys_of(inner, keys));
        }
        Value::Array(items) => items.iter().for_each(|inner| keys_of(inner, keys)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn alerts_ask_for_metrics_that_exist() {
    let known = Known::all();
    let rules = read("deploy/prometheus/rules.yaml");
    assert!(metrics_in(&rules).count() > 5, "the rules name no metrics");
    let found: Vec<String> = metrics_in(&rules).filter(|name| !known.has_metric(name)).map(str::to_owned).collect();
    none(&found, "deploy/prometheus/rules.yaml asks for what nobody measures: see docs/reference/metrics.md");
}

#[test]
fn links_lead_somewhere() {
    let root = root();
    let mut found = Vec::new();
    for (path, page) in documents() {
        for (_, rest) in page.match_indices("](").map(|(at, _)| page.split_at(at + 2)) {
            let target = rest.split(')').next().unwrap_or_default();
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            if file.contains("://") || file.starts_with("mailto:") || target.contains(char::is_whitespace) {
                continue;
            }
            let folder = root.join(&path).parent().expect("a folder").to_owned();
            let to = if file.is_empty() { root.join(&path) } else { folder.join(file) };
            if !to.exists() {
                found.push(format!("{path}: {target}"));
            } else if !anchor.is_empty() && !anchors(&to).contains(anchor) {
                found.push(format!("{path}: {target} (no such heading)"));
            }
        }
    }
    none(&found, "these links lead nowhere");
}

/// Headings of a page as links name them.
fn anchors(page: &Path) -> BTreeSet<String> {
    let text = fs::read_to_string(page).unwrap_or_default();
    let headings = text.lines().filter(|line| line.starts_with('#')).map(|line| line.trim_start_matches('#').trim());
    let named = |heading: &str| -> String {
        let kept = heading.to_lowercase();
        kept.chars()
            .filter(|letter| letter.is_alphanumeric() || " -_".contains(*letter))
            .collect::<String>()
            .replace(' ', "-")
    };
    headings.map(named).collect()
}

#[test]
fn the_architecture_stays_short() {
    let lines = read("docs/ARCHITECTURE.md").lines().count();
    assert!(lines < ARCHITECTURE_LINES_MAX, "docs/ARCHITECTURE.md has {lines} lines: move details into docs/concepts");
}
