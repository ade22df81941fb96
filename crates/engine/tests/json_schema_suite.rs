//! The JSON-Schema-Test-Suite's required cases, each through a route's reading as a body that is sent: a valid one passes, an invalid one is
//! `body_schema_mismatch`.
//!
//! The suite is not part of this repository: `./test.sh` downloads it and names its folder. By hand:
//! `JSON_SCHEMA_TEST_SUITE=FOLDER cargo nextest run -p tollgate-engine json_schema_suite --no-capture`. Without it nothing is tested
//! here, which fails under `CI=true` and is said otherwise; `schema/tests.rs` has cases of our own for every keyword.

#![expect(clippy::expect_used, clippy::panic, reason = "a broken expectation ends the test")]

use engine::denial::Denial;
use engine::names::PolicyId;
use engine::policy::reading::Reading;
use engine::reason::Reason;
use engine::schema::{Formats, Schema};
use engine::trail::Mode;
use http::{HeaderMap, HeaderValue, Method, header};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};

/// Folder of the suite, and what `$schema` says for a schema that does not say it.
const DRAFTS: [(&str, &str); 5] = [
    ("draft4", "http://json-schema.org/draft-04/schema#"),
    ("draft6", "http://json-schema.org/draft-06/schema#"),
    ("draft7", "http://json-schema.org/draft-07/schema#"),
    ("draft2019-09", "https://json-schema.org/draft/2019-09/schema"),
    ("draft2020-12", "https://json-schema.org/draft/2020-12/schema"),
];

/// Why a schema of the suite is none for us: a part of its text, and the reason. Nothing else may be refused.
const REFUSED: [(&str, &str); 3] = [
    ("http://localhost:1234/", "refers to another document: nothing is fetched"),
    ("nested-absolute-ref", "refers to another document"),
    ("$vocabulary", "a meta-schema of its own"),
];

fn judge(schema: Schema, body: &[u8]) -> Result<(), Denial> {
    let reading = Reading {
        policy: PolicyId(0),
        mode: Mode::Enforce,
        bytes_max: 1 << 20,
        decompressed_bytes_max: 1 << 20,
        depth_max: 127,
        schema: Some(schema),
    };
    let mut headers = HeaderMap::new();
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    reading.check(&Method::POST, &headers)?;
    let wanted = reading.wants(&Method::POST, &headers).expect("a body is wanted");
    reading.judge(&wanted, body).map(|_| ())
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.expect("an entry").path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    paths
}

struct Tally {
    agreed: usize,
    refused: usize,
    wrong: Vec<String>,
}

#[test]
fn required_cases() {
    let Some(suite) = std::env::var_os("JSON_SCHEMA_TEST_SUITE").map(PathBuf::from) else {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "JSON_SCHEMA_TEST_SUITE names no folder");
        println!("JSON_SCHEMA_TEST_SUITE names no folder: the suite is left out");
        return;
    };
    for (draft, named) in DRAFTS {
        let mut tally = Tally { agreed: 0, refused: 0, wrong: Vec::new() };
        for file in files(&suite.join("tests").join(draft)) {
            let groups: Value = serde_json::from_slice(&fs::read(&file).expect("a file")).expect("JSON");
            for group in groups.as_array().expect("a list of groups") {
                play(&file, group, named, &mut tally);
            }
        }
        println!("{draft}: {} agreed, {} in schemas that are refused", tally.agreed, tally.refused);
        assert!(tally.wrong.is_empty(), "{draft}:\n{}", tally.wrong.join("\n"));
        assert!(tally.agreed > 500, "{draft}: only {} cases", tally.agreed);
    }
}

fn play(file: &Path, group: &Value, draft: &str, tally: &mut Tally) {
    let name = file.file_stem().and_then(|name| name.to_str()).unwrap_or_default();
    let mut schema = group["schema"].clone();
    if let Some(members) = schema.as_object_mut() {
        members.entry("$schema").or_insert_with(|| draft.into());
    }
    let text = schema.to_string();
    for test in group["tests"].as_array().expect("tests") {
        let what = format!("{name}: {}: {}", group["description"], test["description"]);
        let compiled = match Schema::compile(&schema, Formats::Ignored) {
            Ok(compiled) => compiled,
            Err(_) if REFUSED.iter().any(|(part, _)| text.contains(part)) => {
                tally.refused += 1;
                continue;
            }
            Err(fault) => {
                tally.wrong.push(format!("{what}: {fault:?}"));
                continue;
            }
        };
        let body = test["data"].to_string();
        let valid = match judge(compiled, body.as_bytes()) {
            Ok(()) => Some(true),
            Err(denial) if denial.reason == Reason::BodySchemaMismatch => Some(false),
            Err(_) => None,
        };
        if valid == test["valid"].as_bool() {
            tally.agreed += 1;
        } else {
            tally.wrong.push(format!("{what}: {valid:?} for {body}"));
        }
    }
}
