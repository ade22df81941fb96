//! Whether a JSON template stays JSON whatever its values are.

use super::Template;
use super::fault::{self, TemplateFault, TemplateProblem};
use super::parse::Segment;
use super::variable::Values;
use crate::violation::{Place, Violation};
use serde_json::{Map, Value};

/// Leaves a string, ends an object, and is no JSON by itself.
const HOSTILE: &str = "\"}],\\\n\u{0}\u{2028}</script>";
/// No error, one, two, and so many that every further one stands where the one before it stood.
const ERRORS_TRIED: [usize; 4] = [0, 1, 2, 4];

pub(super) fn check(template: &Template) -> Result<(), TemplateFault> {
    Strings::default().walk(&template.segments)?;
    // Escaped values cannot change whether what follows is in a string, so one hostile and one empty value speak for all.
    let claims = template.claims().map(|name| (name.to_owned(), Value::from(HOSTILE))).collect();
    for errors in ERRORS_TRIED {
        let plain = vec![Violation::new(Place::Body, "/a", "is wrong"); errors];
        let worst = vec![Violation::new(Place::Body, HOSTILE, HOSTILE); errors];
        for values in [Values { errors: &plain, ..Values::default() }, hostile(&claims, &worst)] {
            let mut rendered = Vec::new();
            template.render(&values, &mut rendered);
            if let Err(error) = serde_json::from_slice::<Value>(&rendered) {
                let near = fault::around(&String::from_utf8_lossy(&rendered), error.line(), error.column());
                return Err(TemplateFault::whole(TemplateProblem::NotJson { cause: error.to_string(), near, errors }));
            }
        }
    }
    Ok(())
}

/// Whether the text so far ends inside of a string.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Strings {
    inside: bool,
    escaped: bool,
}

impl Strings {
    fn read(&mut self, literal: &str) {
        for byte in literal.bytes() {
            if std::mem::take(&mut self.escaped) {
                continue;
            }
            match byte {
                b'"' => self.inside = !self.inside,
                b'\\' => self.escaped = self.inside,
                _ => {}
            }
        }
    }

    /// Text stands inside of strings, a list outside of them, and a section leaves everything as it was.
    fn walk(&mut self, segments: &[Segment]) -> Result<(), TemplateFault> {
        for segment in segments {
            match segment {
                Segment::Literal(literal) => self.read(literal),
                Segment::Variable { variable, spot, .. } => {
                    if !self.inside && !variable.is_number() {
                        let name = variable.name().into_owned();
                        return Err(spot.fault(TemplateProblem::OutsideOfString { name }));
                    }
                }
                Segment::List { spot } => {
                    if self.inside {
                        return Err(spot.fault(TemplateProblem::ListInString));
                    }
                }
                Segment::Section { separator, segments, spot } => {
                    let before = *self;
                    self.walk(segments)?;
                    let after_turn = *self;
                    self.read(separator);
                    if after_turn != before || *self != before {
                        return Err(spot.fault(TemplateProblem::SectionUnbalanced));
                    }
                }
            }
        }
        Ok(())
    }
}

fn hostile<'a>(claims: &'a Map<String, Value>, errors: &'a [Violation]) -> Values<'a> {
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
        errors,
    }
}
