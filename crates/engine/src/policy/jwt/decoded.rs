//! A token taken apart for reading, without believing a word of it: what `tollgate token` shows before it says what is proven.

use super::compact::{self, Form, Parts, check_size, decoded};
use super::exam::Exam;
use crate::denial::Denial;
use serde_json::{Map, Value};

/// Header and claims as the token has them. Nothing of this is proven.
#[derive(Debug)]
pub struct Unproven {
    pub header: Result<Map<String, Value>, Denial>,
    pub claims: Result<Map<String, Value>, Denial>,
}

/// Reads what can be read; refuses what is no token at all.
pub fn decode(token: &str) -> Result<Unproven, Denial> {
    check_size(token)?;
    let parts = Parts::split(token)?;
    let claims = decoded("payload", parts.payload).and_then(|payload| compact::claims(&payload));
    Ok(Unproven { header: parts.header(), claims })
}

/// The checks that need no provider.
#[must_use]
pub fn examine_form(token: &str) -> Exam {
    let mut exam = Exam::default();
    // An exam goes on after a refusal, so there is no error.
    if let Ok(Some(form)) = Form::read(token, &mut exam) {
        let _ = form.claims(&mut exam);
    }
    exam
}
