//! What a route changes before upstream gets the request.

use crate::offline::Shaped;
use serde_json::{Map, Value, json};
use std::fmt::Write as _;

pub(super) fn text(out: &mut String, shaped: &Shaped) {
    let Shaped { target: _, removed, written, body } = shaped;
    if !removed.is_empty() || !written.is_empty() {
        let _ = writeln!(out, "\nheaders that the route changes");
    }
    for name in removed {
        let _ = writeln!(out, "  - {name}");
    }
    for (name, values) in written {
        for value in values {
            let _ = writeln!(out, "  + {name}: {value}");
        }
    }
    if let Some(body) = body {
        let _ = writeln!(out, "\nthe body that upstream gets\n  {body}");
    }
}

pub(super) fn json(shaped: &Shaped) -> Value {
    let Shaped { target: _, removed, written, body } = shaped;
    let removed: Vec<&str> = removed.iter().map(http::HeaderName::as_str).collect();
    let written: Map<String, Value> = written.iter().map(|(name, values)| (name.to_string(), json!(values))).collect();
    json!({ "removed": removed, "headers": written, "body": body })
}
