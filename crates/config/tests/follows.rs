//! Shipped configs with one mistake of structure each: that one is told and nothing else. What is left out because of it is not called
//! missing, unknown or without effect anywhere.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

use config::Loaded;
use config::diagnostic::Code;
use config::source::{Disk, Files};
use engine::live::Live;
use serde_json::{Value, json};

/// The shipped files, one of them with another text.
struct Spoiled<'t> {
    path: PathBuf,
    text: &'t str,
}

impl Files for Spoiled<'_> {
    fn read(&self, path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
        if path == self.path { Ok(self.text.as_bytes().to_vec()) } else { Disk.read(path, bytes_max) }
    }

    fn names(&self, directory: &Path) -> io::Result<Vec<String>> {
        Disk.names(directory)
    }
}

fn load(path: &Path, text: &str) -> Loaded {
    config::load(path, &Spoiled { path: path.to_owned(), text }, &|_| Some("x".repeat(40)), &Live::new())
}

fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    if !at.is_empty() {
        all.push(at.to_owned());
    }
    match value {
        Value::Object(map) => {
            map.iter().for_each(|(key, inner)| pointers(inner, &config::spans::deeper(at, key), all));
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(index, inner)| pointers(inner, &format!("{at}/{index}"), all));
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A value of another type.
fn mistyped(value: &Value, pointer: &str) -> Option<Value> {
    let mut bad = value.clone();
    let place = bad.pointer_mut(pointer)?;
    *place = if place.is_object() { json!(7) } else { json!({ "no": "such" }) };
    Some(bad)
}

/// A key with a letter too many.
fn misspelt(value: &Value, pointer: &str) -> Option<Value> {
    let (around, key) = pointer.rsplit_once('/')?;
    let key = key.replace("~1", "/").replace("~0", "~");
    let mut bad = value.clone();
    let map = bad.pointer_mut(around)?.as_object_mut()?;
    let value = map.remove(&key)?;
    map.insert(format!("{key}z"), value);
    Some(bad)
}

/// Of a long file, every so many places.
fn check(path: &str, step: usize) {
    let path = Path::new(path);
    let whole = config::parse(path, &Disk, &|_| Some("x".repeat(40)));
    let good = whole.spans.root().to_json();
    // In the same words as the spoiled ones: there, too, the values of placeholders are written out.
    let known: HashSet<String> =
        load(path, &good.to_string()).diagnostics.sorted().iter().map(|known| known.message.clone()).collect();
    let mut all = Vec::new();
    pointers(&good, "", &mut all);
    let mut told = 0;
    for pointer in all.into_iter().step_by(step) {
        for bad in [mistyped(&good, &pointer), misspelt(&good, &pointer)].into_iter().flatten() {
            let text = bad.to_string();
            let files = Spoiled { path: path.to_owned(), text: &text };
            let first = config::parse(path, &files, &|_| Some("x".repeat(40)));
            if !first.diagnostics.has_errors() {
                continue;
            }
            told += 1;
            let loaded = load(path, &text);
            assert!(loaded.config.is_none(), "{pointer}");
            let said = first.diagnostics.sorted();
            for more in loaded.diagnostics.sorted() {
                let is_known = said.contains(&more) || known.contains(&more.message);
                assert!(is_known && more.code != Code::Internal, "{pointer}: {more:#?}\nfollows from {said:#?}");
            }
        }
    }
    assert!(told > 15, "{}: {told}", path.display());
}

#[test]
fn the_annotated_config() {
    check("../../conf/tollgate.yaml", 2);
}

#[test]
fn examples_of_requests() {
    check("../../conf/examples/transformations.yaml", 1);
    check("../../conf/examples/bodies.yaml", 1);
    check("../../conf/examples/routing.yaml", 1);
}

#[test]
fn examples_of_answers() {
    check("../../conf/examples/error-templates.yaml", 3);
    check("../../conf/examples/browser.yaml", 1);
    check("../../conf/examples/versions.yaml", 2);
}

#[test]
fn examples_of_callers() {
    check("../../conf/examples/forward-auth.yaml", 2);
    check("../../conf/examples/plans-and-quotas.yaml", 1);
    check("../../conf/examples/cluster.yaml", 1);
    check("../../conf/examples/jwt.yaml", 1);
}
