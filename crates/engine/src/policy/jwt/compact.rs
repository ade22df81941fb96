//! The compact form of a signed token, read strictly (RFC 7515, 7.1; RFC 8725): three parts, one reading, nothing that asks us to
//! trust what the token itself brings. Believes nothing yet: the signature comes later.

use super::shown;
use crate::denial::Denial;
use crate::policy::jwks::{Algorithm, json};
use crate::reason::Reason;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest token that is looked at, in bytes.
pub(super) const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Members that change what is signed or how (`b64`, `zip`, `enc`), demand understanding (`crit`) or bring a key along.
const FORBIDDEN: [&str; 8] = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"];

/// A token taken apart.
#[derive(Debug)]
pub(super) struct Compact<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<Box<str>>,
    /// Header and payload as they were signed.
    pub(super) message: &'a str,
    /// Decoded, not yet read.
    pub(super) payload: Vec<u8>,
    /// base64url, proved to decode to `signature_bytes` bytes.
    pub(super) signature: &'a str,
    pub(super) signature_bytes: usize,
}

impl<'a> Compact<'a> {
    /// Not longer than [`TOKEN_BYTES_MAX`], which the caller has checked.
    pub(super) fn parse(token: &'a str) -> Result<Self, Denial> {
        let known = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
        if let Some(other) = token.chars().find(|letter| !u8::try_from(*letter).is_ok_and(known)) {
            return Err(unreadable(format!("the token holds {other:?}, which is neither base64url nor a dot")));
        }
        let dots = token.bytes().filter(|byte| *byte == b'.').count();
        if dots == 4 {
            return Err(Denial::new(Reason::CriticalHeaderUnsupported)
                .because("the token has five parts: it is encrypted (JWE), and only signed tokens are supported"));
        }
        let (message, signature) = token.rsplit_once('.').unwrap_or_default();
        let (header, payload) = message.split_once('.').unwrap_or_default();
        if dots != 2 {
            return Err(unreadable(format!("the token has {} parts, a signed one has 3", dots.saturating_add(1))));
        }
        let header = json::object(&decoded("header", header)?)
            .map_err(|why| unreadable(format!("the token's header cannot be read: {why}")))?;
        let (algorithm, kid) = checked(&header)?;
        let payload = decoded("payload", payload)?;
        let signature_bytes = decoded("signature", signature)?.len();
        Ok(Self { algorithm, kid, message, payload, signature, signature_bytes })
    }
}

fn checked(header: &Map<String, Value>) -> Result<(Algorithm, Option<Box<str>>), Denial> {
    if let Some(name) = FORBIDDEN.iter().find(|name| header.contains_key(**name)) {
        return Err(Denial::new(Reason::CriticalHeaderUnsupported)
            .because(format!("the token's header has `{name}`, which is not supported")));
    }
    let kid = match header.get("kid") {
        None => None,
        Some(Value::String(kid)) => Some(kid.as_str().into()),
        Some(other) => return Err(unreadable(format!("the token's kid is {}, not a string", json::type_name(other)))),
    };
    match header.get("alg") {
        Some(Value::String(name)) => match Algorithm::named(name) {
            Some(algorithm) => Ok((algorithm, kid)),
            None => Err(Denial::new(Reason::AlgorithmNotAllowed)
                .because(format!("the token's alg {} is not supported", shown::text(name)))),
        },
        Some(other) => Err(unreadable(format!("the token's alg is {}, not a string", json::type_name(other)))),
        None => Err(unreadable("the token's header has no alg".to_owned())),
    }
}

/// Without padding, white space and bits that mean nothing.
fn decoded(part: &str, text: &str) -> Result<Vec<u8>, Denial> {
    if text.is_empty() {
        return Err(unreadable(format!("the token's {part} is empty")));
    }
    URL_SAFE_NO_PAD
        .decode(text)
        .map_err(|_| unreadable(format!("the token's {part} is not base64url without padding and unused bits")))
}

pub(super) fn unreadable(text: String) -> Denial {
    Denial::new(Reason::JwsUnreadable).because(text)
}
