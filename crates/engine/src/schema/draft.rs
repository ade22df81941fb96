//! Which draft a schema is written in.

use super::SchemaFault;
use jsonschema::Draft;
use serde_json::Value;

const KNOWN: [(&str, Draft); 5] = [
    ("http://json-schema.org/draft-04/schema", Draft::Draft4),
    ("http://json-schema.org/draft-06/schema", Draft::Draft6),
    ("http://json-schema.org/draft-07/schema", Draft::Draft7),
    ("https://json-schema.org/draft/2019-09/schema", Draft::Draft201909),
    ("https://json-schema.org/draft/2020-12/schema", Draft::Draft202012),
];

/// By `$schema`; one that is not known is a mistake: its keywords would mean something else, or nothing.
pub(super) fn of(schema: &Value) -> Result<Draft, SchemaFault> {
    let Some(named) = schema.get("$schema") else { return Ok(Draft::Draft202012) };
    let text = named.as_str().unwrap_or_default();
    let found = KNOWN.iter().find(|(url, _)| *url == text.trim_end_matches('#'));
    found.map(|(_, draft)| *draft).ok_or_else(|| SchemaFault {
        pointer: "/$schema".into(),
        message: "`$schema` names no draft that is known here".into(),
        help: "use `https://json-schema.org/draft/2020-12/schema`, 2019-09, draft-07, draft-06 or draft-04; or leave it out".into(),
    })
}
