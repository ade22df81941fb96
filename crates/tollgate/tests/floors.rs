//! The rules of docs/ARCHITECTURE.md that a compiler does not see: who may depend on whom, who may ask the time, what is declared
//! where. Read off `cargo metadata` and the sources. Each failure says what to do.

#![expect(clippy::expect_used, reason = "a repository that cannot be read fails these tests")]

use cargo_metadata::{CargoOpt, DependencyKind, Metadata, MetadataCommand, PackageId};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// The longest file, in lines.
const LINES_MAX: usize = 400;

/// Policies that are one: what a token is, what it is verified with, and which have been verified.
const TOKENS: [&str; 3] = ["jwt", "jwks", "token_cache"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().expect("the repository")
}

fn metadata() -> Metadata {
    let mut command = MetadataCommand::new();
    command.manifest_path(root().join("Cargo.toml")).features(CargoOpt::AllFeatures);
    command.other_options(["--offline".to_owned(), "--locked".to_owned()]).exec().expect("cargo metadata")
}

/// All that a crate is built from, itself and what only its tests need aside: each with one that asks for it.
fn built_from(metadata: &Metadata, package: &str) -> BTreeMap<String, String> {
    let resolve = metadata.resolve.as_ref().expect("a resolved graph");
    let name = |id: &PackageId| metadata[id].name.to_string();
    let first = metadata.packages.iter().find(|candidate| *candidate.name == *package).expect(package);
    let mut open = vec![&first.id];
    let mut found = BTreeMap::new();
    while let Some(id) = open.pop() {
        let node = resolve.nodes.iter().find(|node| node.id == *id).expect("a node");
        for dependency in &node.deps {
            let is_built = dependency.dep_kinds.iter().any(|kind| kind.kind == DependencyKind::Normal);
            if is_built && !found.contains_key(&name(&dependency.pkg)) {
                found.insert(name(&dependency.pkg), name(id));
                open.push(&dependency.pkg);
            }
        }
    }
    found
}

/// What the manifest of a crate names, tests' needs included.
fn named_by(metadata: &Metadata, package: &str) -> BTreeSet<String> {
    let package = metadata.packages.iter().find(|candidate| *candidate.name == *package).expect(package);
    package.dependencies.iter().map(|dependency| dependency.name.clone()).collect()
}

/// Words that are spelled like a reason and are another thing: an example for editors, an error type of Proxy-Status (RFC 9209).
const ALIKE: [(&str, &str); 2] = [
    ("crates/config/src/text/words.rs", "text_type!(ReasonName"),
    ("crates/engine/src/reply/headers.rs", "\"connection_refused\""),
];

struct Source {
    /// From the repository's root.
    path: String,
    text: String,
}

impl Source {
    /// What is compiled into the program: no tests, no benches, no testkit.
    fn is_product(&self) -> bool {
        let aside = ["/tests/", "/tests.rs", "/benches/", "/examples/", "crates/testkit/"];
        !aside.iter().any(|part| self.path.contains(part))
    }

    /// Lines that are no comment, with their number, up to the tests at the bottom.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.lines().enumerate().map(|(index, line)| (index + 1, line));
        let lines = lines.take_while(|(_, line)| !line.starts_with("#[cfg(test)]"));
        lines.filter(|(_, line)| !line.trim_start().starts_with("//"))
    }

    fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }
}

fn sources() -> Vec<Source> {
    let root = root();
    let mut sources = Vec::new();
    for folder in ["crates", "loadtest"] {
        collect(&root, &root.join(folder), &mut sources);
    }
    assert!(sources.len() > 200, "only {} sources found", sources.len());
    sources
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() && path.file_name().is_none_or(|name| name != "target") {
            collect(root, &path, sources);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            let text = fs::read_to_string(&path).expect("a source");
            let path = path.strip_prefix(root).expect("below the root").display().to_string();
            sources.push(Source { path, text });
        }
    }
}

#[track_caller]
fn none(found: &[String], what_to_do: &str) {
    assert!(found.is_empty(), "{what_to_do}:\n  {}", found.join("\n  "));
}

/// Each line of code in which `is_wrong` finds something, as `path:line: text`.
fn lines<'s>(sources: impl Iterator<Item = &'s Source>, is_wrong: impl Fn(&Source, &str) -> bool) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let wrong = source.code().filter(|(_, line)| is_wrong(source, line));
        found.extend(wrong.map(|(number, line)| format!("{}:{number}: {}", source.path, line.trim())));
    }
    found
}

#[test]
fn engine_and_limits_know_no_network_no_runtime_and_no_log() {
    let metadata = metadata();
    let mut found = Vec::new();
    for package in ["tollgate-engine", "tollgate-limits"] {
        for (dependency, asked_by) in built_from(&metadata, package) {
            let barred =
                ["pingora", "pingora-core", "pingora-proxy", "tokio", "tracing", "log", "async-trait", "futures"];
            if barred.contains(&dependency.as_str()) {
                found.push(format!("{package} is built from {dependency}, which {asked_by} asks for"));
            }
        }
    }
    none(&found, "the engine is a function and limits only count: hand in what they need as arguments");
}

#[test]
fn only_proxy_and_the_program_name_pingora() {
    let metadata = metadata();
    let mut found = Vec::new();
    for package in metadata.workspace_packages() {
        let name = package.name.to_string();
        let may = name == "tollgate-proxy" || name == "tollgate";
        // Its sketch is a leaf: nothing else of Pingora's comes with it.
        let is_sketch = |named: &str| name == "tollgate-limits" && named == "pingora-limits";
        let mut named = named_by(&metadata, &name).into_iter().filter(|named| !is_sketch(named));
        let pingora = named.find(|named| named.starts_with("pingora"));
        found.extend(pingora.filter(|_| !may).map(|pingora| format!("{name} depends on {pingora}")));
    }
    let apart = ["crates/proxy/", "crates/tollgate/", "crates/limits/src/sketch", "loadtest/"];
    let sources = sources();
    let others = sources.iter().filter(|source| !apart.iter().any(|folder| source.is_in(folder)));
    found.extend(lines(others, |_, line| line.contains("pingora::") || line.contains("pingora_")));
    none(&found, "Pingora's changes must hit one crate: put what needs it into crates/proxy");
}

#[test]
fn config_and_proxy_do_not_know_each_other() {
    let metadata = metadata();
    let mut found = Vec::new();
    for (package, other) in [("tollgate-config", "tollgate-proxy"), ("tollgate-proxy", "tollgate-config")] {
        let knows = built_from(&metadata, package).contains_key(other) || named_by(&metadata, package).contains(other);
        found.extend(knows.then(|| format!("{package} depends on {other}")));
    }
    none(&found, "config makes a Snapshot and proxy serves one: introduce them in crates/tollgate");
}

#[test]
fn the_crates_stand_on_their_floors() {
    const FLOORS: [(&str, &[&str]); 6] = [
        ("tollgate-limits", &[]),
        ("tollgate-engine", &["tollgate-limits"]),
        ("tollgate-config", &["tollgate-engine", "tollgate-limits"]),
        ("tollgate-telemetry", &[]),
        ("tollgate-store", &["tollgate-engine", "tollgate-limits"]),
        ("tollgate-proxy", &["tollgate-engine", "tollgate-limits", "tollgate-store", "tollgate-telemetry"]),
    ];
    let metadata = metadata();
    let mut found = Vec::new();
    for (package, may) in FLOORS {
        let ours = built_from(&metadata, package).into_keys().filter(|name| name.starts_with("tollgate"));
        let wrong = ours.filter(|name| !may.contains(&name.as_str()));
        found.extend(wrong.map(|name| format!("{package} is built from {name}")));
    }
    none(&found, "a crate knows only what lies below it: move the code down, or hand it in as an argument");
}

#[test]
fn the_engine_derives_no_serde() {
    let metadata = metadata();
    let engine = metadata.packages.iter().find(|package| *package.name == "tollgate-engine").expect("the engine");
    let serde = engine.dependencies.iter().filter(|dependency| dependency.kind == DependencyKind::Normal);
    let derives = |features: &[String]| features.iter().any(|feature| feature == "derive");
    let wrong = serde.filter(|one| one.name == "serde_derive" || (one.name == "serde" && derives(&one.features)));
    let mut found: Vec<String> =
        wrong.map(|one| format!("tollgate-engine asks for {} with derive", one.name)).collect();
    let sources = sources();
    let engine = sources.iter().filter(|source| source.is_in("crates/engine/src/"));
    found.extend(lines(engine, |_, line| {
        line.contains("derive(") && (line.contains("Serialize") || line.contains("Deserialize"))
    }));
    none(&found, "the engine knows no config format: put the type that is read into crates/config/src/raw");
}

#[test]
fn nobody_below_the_proxy_asks_the_time() {
    let sources = sources();
    let below = ["crates/limits/src/", "crates/engine/src/"];
    let asked = sources.iter().filter(|source| below.iter().any(|folder| source.is_in(folder)));
    let asked = asked.filter(|source| source.path != "crates/limits/src/clock.rs");
    let found = lines(asked, |_, line| line.contains("Instant::now") || line.contains("SystemTime::now"));
    none(&found, "time comes in as an argument: take a limits::clock::Now");
}

/// The policy that a file of the engine belongs to.
fn policy_of(path: &str) -> Option<&str> {
    path.strip_prefix("crates/engine/src/policy/")?.split(['/', '.']).next()
}

/// The words that stand between punctuation.
fn words(text: &str) -> impl Iterator<Item = &str> {
    text.split(|character: char| !character.is_alphanumeric() && character != '_').filter(|word| !word.is_empty())
}

#[test]
fn a_policy_imports_no_other_policy() {
    let sources = sources();
    let policies: BTreeSet<&str> = sources.iter().filter_map(|source| policy_of(&source.path)).collect();
    assert!(policies.len() >= 8 && TOKENS.iter().all(|name| policies.contains(name)), "{policies:?}");
    let found = lines(sources.iter().filter(|source| source.is_product()), |source, line| {
        let Some(own) = policy_of(&source.path) else { return false };
        let is_own = |name: &str| name == own || (TOKENS.contains(&name) && TOKENS.contains(&own));
        let named = line.split("crate::policy::").nth(1).or_else(|| line.split("super::").nth(1));
        // One name, or all that stand in the braces.
        let named =
            named.map(|rest| if rest.starts_with('{') { rest } else { rest.split("::").next().unwrap_or(rest) });
        named.is_some_and(|rest| words(rest).any(|word| policies.contains(word) && !is_own(word)))
    });
    none(&found, "a policy knows no other one: move what both need out of crates/engine/src/policy");
}

#[test]
fn nobody_in_the_engine_imports_the_chain() {
    let sources = sources();
    let others = sources.iter().filter(|source| source.is_in("crates/engine/src/") && source.is_product());
    let others = others.filter(|source| source.path != "crates/engine/src/chain.rs");
    let found =
        lines(others, |source, line| line.contains("crate::chain") && !source.is_in("crates/engine/src/chain/"));
    none(&found, "the chain calls the policies, never the other way round: put the shared type beside them");
}

#[test]
fn no_file_is_too_long() {
    let sources = sources();
    let long = sources.iter().filter(|source| source.is_product());
    let long = long.map(|source| (source, source.text.lines().count())).filter(|(_, count)| *count > LINES_MAX);
    let found: Vec<String> = long.map(|(source, count)| format!("{}: {count} lines", source.path)).collect();
    none(&found, "a file has at most 400 lines: split it by noun");
}

#[test]
fn metrics_are_declared_in_one_file() {
    let metadata = metadata();
    let packages = metadata.workspace_packages();
    let names = packages.iter().map(|package| package.name.to_string()).filter(|name| name != "tollgate-telemetry");
    let others = names.filter(|name| named_by(&metadata, name).contains("prometheus"));
    let mut found: Vec<String> = others.map(|name| format!("{name} depends on prometheus")).collect();
    let sources = sources();
    let elsewhere = sources.iter().filter(|source| source.is_product() && !source.is_in("loadtest/"));
    let elsewhere = elsewhere.filter(|source| source.path != "crates/telemetry/src/metrics.rs");
    let names: Vec<String> =
        telemetry::metrics::reference().iter().map(|metric| format!("\"{}\"", metric.name)).collect();
    found.extend(lines(elsewhere, |_, line| names.iter().any(|name| line.contains(name.as_str()))));
    none(&found, "every metric is declared in crates/telemetry/src/metrics.rs, and used through its handle");
}

#[test]
fn reasons_are_declared_in_one_file() {
    let sources = sources();
    let codes = engine::reason::Reason::ALL.iter().map(|reason| reason.code());
    let codes: Vec<String> = codes.map(|code| format!("\"{code}\"")).collect();
    let elsewhere = sources.iter().filter(|source| source.is_product() && !source.is_in("loadtest/"));
    let elsewhere = elsewhere.filter(|source| !source.is_in("crates/fuzz/"));
    let elsewhere = elsewhere.filter(|source| source.path != "crates/engine/src/reason.rs");
    let found = lines(elsewhere, |source, line| {
        let is_alike = ALIKE.iter().any(|(path, word)| source.path == *path && line.contains(word));
        !is_alike && codes.iter().any(|code| line.contains(code.as_str()))
    });
    none(&found, "a reason's code stands in crates/engine/src/reason.rs alone: write Reason::Name.code()");
}

#[test]
fn exceptions_from_lints_are_expected_and_have_a_reason() {
    let mut found = Vec::new();
    for source in sources() {
        let mut rest = source.text.as_str();
        // In two pieces, so that this line is not found.
        while let Some((_, after)) = rest.split_once(concat!("[", "allow(")) {
            let attribute = after.split(")]").next().unwrap_or(after);
            if !attribute.contains("reason =") {
                found.push(format!("{}: [allow({}", source.path, attribute.lines().next().unwrap_or_default()));
            }
            rest = after;
        }
    }
    none(&found, "write #[expect(lint, reason = \"…\")]: it tells when it is needed no more");
}
