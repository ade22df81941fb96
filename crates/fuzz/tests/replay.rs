//! The corpus, every input that once failed, and some neighbours of both: what a run of libFuzzer has learnt is asked again on
//! every change, on a stable toolchain and in seconds.

use fuzz::TARGETS;
use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

/// Neighbours that are tried for each target, whatever the size of its corpus.
const NEIGHBOURS: usize = 20_000;
/// Loading a config takes much longer than all else.
const NEIGHBOURS_OF_CONFIGS: usize = 3_000;

fn folder(kind: &str, target: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(kind).join(target)
}

/// Name and content, in the order of the names.
fn inputs(kind: &str, target: &str) -> Vec<(String, Vec<u8>)> {
    let Ok(entries) = fs::read_dir(folder(kind, target)) else { return Vec::new() };
    let mut inputs: Vec<_> = entries
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (format!("{kind}/{target}/{}", path.file_name().unwrap().display()), fs::read(&path).unwrap()))
        .collect();
    inputs.sort();
    inputs
}

fn check(target: &str) {
    let (_, body) = TARGETS.iter().find(|(name, _)| *name == target).expect("a target");
    let run = |name: &str, data: &[u8]| {
        let outcome = catch_unwind(AssertUnwindSafe(|| body(data)));
        assert!(outcome.is_ok(), "{name} fails: \"{}\"", data.escape_ascii());
    };
    let corpus = inputs("corpus", target);
    assert!(!corpus.is_empty(), "no corpus");
    let known: Vec<_> = inputs("regressions", target).into_iter().chain(corpus).collect();
    for (name, data) in &known {
        run(name, data);
    }
    let count = if matches!(target, "config_parse" | "openapi_import") { NEIGHBOURS_OF_CONFIGS } else { NEIGHBOURS };
    let mut dice = Dice(0x9e37_79b9_7f4a_7c15);
    for number in 0..count {
        let (name, data) = &known[number % known.len()];
        let other = &known[dice.below(known.len())].1;
        run(&format!("neighbour {number}, of {name},"), &dice.neighbour(data, other));
    }
}

/// The same numbers on every run.
struct Dice(u64);

impl Dice {
    /// xorshift64.
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound.max(1)
    }

    /// One to four bytes changed, lost, doubled or taken over from `other`.
    fn neighbour(&mut self, data: &[u8], other: &[u8]) -> Vec<u8> {
        let mut data = data.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(data.len() + 1);
            let length = self.below(9).min(data.len() - at);
            let byte = u8::try_from(self.below(256)).unwrap();
            match self.below(5) {
                0 => data.insert(at, byte),
                1 => drop(data.drain(at..at + length)),
                2 => {
                    let part = data[at..at + length].to_vec();
                    data.splice(at..at, part);
                }
                3 => {
                    let from = self.below(other.len() + 1);
                    let taken = other[from..].iter().take(self.below(40)).copied();
                    data.splice(at..at + length, taken);
                }
                _ => {
                    if let Some(changed) = data.get_mut(at) {
                        *changed = byte;
                    }
                }
            }
        }
        data
    }
}

macro_rules! replay {
    ($($target:ident)+) => {
        $(
            #[test]
            fn $target() {
                check(stringify!($target));
            }
        )+

        const REPLAYED: &[&str] = &[$(stringify!($target)),+];
    };
}

replay! {
    accept basic body_guard body_read chunked config_parse content_type credential forwarded jwks jwt key_metadata openapi_import
    path_normal_form pointer_mapping route_match template traceparent transform wire_head
}

fn names(kind: &str) -> BTreeSet<String> {
    let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().path().file_stem().unwrap().display().to_string();
    fs::read_dir(folder(kind, "")).expect(kind).map(name).collect()
}

#[test]
fn every_target_is_replayed_and_has_a_binary_and_a_corpus() {
    let targets: BTreeSet<String> = TARGETS.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(REPLAYED.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>(), targets);
    assert_eq!(names("fuzz_targets"), targets);
    assert_eq!(names("corpus"), targets);
    assert!(names("regressions").is_subset(&targets));
}

#[test]
fn the_corpus_is_small() {
    for (target, _) in TARGETS {
        let corpus = inputs("corpus", target);
        assert!(corpus.len() <= 60, "{target} has {} files: minimise it", corpus.len());
        for (name, data) in corpus {
            assert!(data.len() < 4_096, "{name} has {} bytes", data.len());
        }
    }
}
