//! Whether a JSON template stays JSON whatever its values are.

use super::Template;
use super::fault::{TemplateFault, TemplateProblem};
use super::parse::Segment;
use super::variable::Values;
use serde_json::{Map, Value};

/// Leaves a string, ends an object, and is no JSON by itself.
const HOSTILE: &str = "\"}],\\\n\u{0}\u{2028}</script>";

pub(super) fn check(template: &Template) -> Result<(), TemplateFault> {
    outside_of_string(&template.segments)?;
    // Escaped values cannot change whether what follows is in a string, so one hostile and one empty value speak for all.
    let claims = claims(&template.segments);
    for values in [Values::default(), hostile(&claims)] {
        let mut rendered = Vec::new();
        template.render(&values, &mut rendered);
        if let Err(error) = serde_json::from_slice::<Value>(&rendered) {
            return Err(TemplateFault::new(0, TemplateProblem::NotJson { cause: error.to_string() }));
        }
    }
    Ok(())
}

/// The first text variable that no string surrounds.
fn outside_of_string(segments: &[Segment]) -> Result<(), TemplateFault> {
    let mut in_string = false;
    let mut escaped = false;
    for segment in segments {
        match segment {
            Segment::Literal(literal) => {
                for byte in literal.bytes() {
                    if std::mem::take(&mut escaped) {
                        continue;
                    }
                    match byte {
                        b'"' => in_string = !in_string,
                        b'\\' => escaped = in_string,
                        _ => {}
                    }
                }
            }
            Segment::Variable { variable, offset, .. } => {
                if !in_string && !variable.is_number() {
                    let name = variable.name().into_owned();
                    return Err(TemplateFault::new(*offset, TemplateProblem::OutsideOfString { name }));
                }
            }
        }
    }
    Ok(())
}

fn claims(segments: &[Segment]) -> Map<String, Value> {
    let names = segments.iter().filter_map(|segment| match segment {
        Segment::Literal(_) => None,
        Segment::Variable { variable, .. } => variable.claim(),
    });
    names.map(|name| (name.to_owned(), Value::from(HOSTILE))).collect()
}

fn hostile(claims: &Map<String, Value>) -> Values<'_> {
    Values {
        request_id: HOSTILE,
        method: HOSTILE,
        host: HOSTILE,
        path: HOSTILE,
        error_kind: HOSTILE,
        error_reason: HOSTILE,
        error_title: HOSTILE,
        error_detail: HOSTILE,
        error_status: 599,
        error_type: HOSTILE,
        retry_after_s: Some(u64::MAX),
        allow: HOSTILE,
        accept: HOSTILE,
        scopes: HOSTILE,
        limit_name: HOSTILE,
        quota_limit: Some(u64::MAX),
        quota_resets_unix_s: Some(u64::MAX),
        route_name: HOSTILE,
        consumer_id: HOSTILE,
        plan_name: HOSTILE,
        policy_name: HOSTILE,
        now_unix_s: u64::MAX,
        claims: Some(claims),
    }
}
