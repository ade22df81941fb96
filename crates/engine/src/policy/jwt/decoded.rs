//! A token taken apart for reading, without believing a word of it: what `tollgate token` shows before it says what is proven.

use super::compact::{Parts, check_size, decoded, unreadable};
use crate::denial::Denial;
use crate::policy::jwks::json;
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
    let claims = decoded("payload", parts.payload).and_then(|payload| {
        json::object(&payload).map_err(|why| unreadable(format!("the token's payload cannot be read: {why}")))
    });
    Ok(Unproven { header: parts.header(), claims })
}
