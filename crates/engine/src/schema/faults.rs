//! All that is wrong with a schema, for the one who wrote it. The validator names the first fault only; what is at fault is taken out of a
//! copy, and the copy is compiled again.

use super::{Formats, Schema, SchemaFault};
use serde_json::{Map, Value};

/// How many faults of one schema are told. Each costs two compilations at most.
pub const FAULTS_MAX: usize = 32;

/// Every fault that can be told apart, in the order in which they are found; none if the schema compiles.
pub(super) fn of(schema: &Value, formats: Formats) -> Vec<SchemaFault> {
    let mut left = schema.clone();
    let mut found: Vec<SchemaFault> = Vec::new();
    let mut next = Schema::compile(&left, formats).err();
    while let Some(fault) = next {
        let pointer = fault.pointer.clone();
        // Without its draft nobody knows what the rest means.
        let is_last = matches!(&*pointer, "" | "/$schema") || found.len() >= FAULTS_MAX.saturating_sub(1);
        if !follows(&fault, &left, &found) {
            found.push(fault);
        }
        if is_last {
            break;
        }
        next = without(&mut left, &pointer, formats);
    }
    found
}

/// The next fault. What can be a schema becomes one that says nothing, so that references to it still lead somewhere.
fn without(left: &mut Value, pointer: &str, formats: Formats) -> Option<SchemaFault> {
    *left.pointer_mut(pointer)? = Value::Object(Map::new());
    let next = Schema::compile(left, formats).err()?;
    if next.pointer != pointer {
        return Some(next);
    }
    let (mut around, mut key) = pointer.rsplit_once('/')?;
    // An item's list goes as a whole, so that pointers stay what they were.
    while left.pointer(around).is_some_and(Value::is_array) {
        (around, key) = around.rsplit_once('/')?;
    }
    left.pointer_mut(around)?.as_object_mut()?.remove(&key.replace("~1", "/").replace("~0", "~"))?;
    Schema::compile(left, formats).err()
}

/// A reference to something that has been taken out.
fn follows(fault: &SchemaFault, left: &Value, found: &[SchemaFault]) -> bool {
    let target = left.pointer(&fault.pointer).and_then(Value::as_str).and_then(|text| text.strip_prefix('#'));
    target.is_some_and(|target| {
        found.iter().any(|earlier| !earlier.pointer.is_empty() && target.starts_with(&earlier.pointer))
    })
}
