//! The compact form of a signed token, read strictly (RFC 7515, 7.1; RFC 8725): three parts, one reading, nothing that asks us to
//! trust what the token itself brings. Believes nothing yet: the signature comes later.

use super::exam::{Check, Examiner, Facts};
use super::shown;
use crate::denial::Denial;
use crate::policy::jwks::{Algorithm, json};
use crate::reason::Reason;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// The longest token that is looked at, in bytes.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// Members that change what is signed or how (`b64`, `zip`, `enc`), demand understanding (`crit`) or bring a key along.
const FORBIDDEN: [&str; 8] = ["crit", "b64", "zip", "enc", "jwk", "jku", "x5u", "x5c"];

/// A token cut into its parts, none of them decoded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts<'a> {
    pub(super) header: &'a str,
    pub(super) payload: &'a str,
    /// base64url.
    pub(super) signature: &'a str,
    /// Header and payload as they were signed.
    pub(super) message: &'a str,
}

/// What the header says about key and signature.
#[derive(Debug)]
pub(super) struct Header {
    pub(super) algorithm: Algorithm,
    pub(super) kid: Option<Box<str>>,
}

/// The other two parts, decoded but not yet read.
#[derive(Debug)]
pub(super) struct Decoded {
    pub(super) payload: Vec<u8>,
    pub(super) signature_bytes: usize,
}

/// A token taken apart as far as its form allows. Complete unless an examiner let a refusal pass.
#[derive(Debug)]
pub(super) struct Form<'a> {
    pub(super) parts: Parts<'a>,
    pub(super) header: Option<Header>,
    pub(super) decoded: Option<Decoded>,
}

impl<'a> Form<'a> {
    /// All that can be said of a token before it is held against a provider.
    pub(super) fn read(token: &'a str, asks: &mut impl Examiner) -> Result<Option<Self>, Denial> {
        let facts =
            || Facts::new(Check::Size, format!("at most {TOKEN_BYTES_MAX} bytes"), format!("{} bytes", token.len()));
        if asks.ask(facts, || check_size(token))?.is_none() {
            return Ok(None);
        }
        let facts = || {
            let found = format!("{} parts", token.split('.').count());
            Facts::new(Check::Structure, "three parts of base64url between dots", found)
        };
        let Some(parts) = asks.ask(facts, || Parts::split(token))? else { return Ok(None) };
        let header = Header::read(&parts, asks)?;
        let facts = || {
            let found = format!("{} and {} characters", parts.payload.len(), parts.signature.len());
            Facts::new(Check::Encoding, "payload and signature in base64url without padding", found)
        };
        let decoded = asks.ask(facts, || parts.decode())?;
        Ok(Some(Self { parts, header, decoded }))
    }

    /// The payload's members, each name once; nothing of an encoding that was refused.
    pub(super) fn claims(&self, asks: &mut impl Examiner) -> Result<Option<Map<String, Value>>, Denial> {
        let Some(Decoded { payload, .. }) = &self.decoded else { return Ok(None) };
        let facts = || {
            let found = format!("{} bytes", payload.len());
            Facts::new(Check::Payload, "a JSON object that names nothing twice", found)
        };
        asks.ask(facts, || claims(payload))
    }
}

pub(super) fn claims(payload: &[u8]) -> Result<Map<String, Value>, Denial> {
    json::object(payload).map_err(|why| unreadable(format!("the token's payload cannot be read: {why}")))
}

pub(super) fn check_size(token: &str) -> Result<(), Denial> {
    if token.len() > TOKEN_BYTES_MAX {
        let text = format!("the token has {} bytes, allowed are {TOKEN_BYTES_MAX}", token.len());
        return Err(Denial::new(Reason::TokenTooLarge).because(text));
    }
    Ok(())
}

impl<'a> Parts<'a> {
    pub(super) fn split(token: &'a str) -> Result<Self, Denial> {
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
        Ok(Self { header, payload, signature, message })
    }

    pub(super) fn decode(&self) -> Result<Decoded, Denial> {
        let payload = decoded("payload", self.payload)?;
        let signature_bytes = decoded("signature", self.signature)?.len();
        Ok(Decoded { payload, signature_bytes })
    }

    /// The header's members, each name once.
    pub(super) fn header(&self) -> Result<Map<String, Value>, Denial> {
        json::object(&decoded("header", self.header)?)
            .map_err(|why| unreadable(format!("the token's header cannot be read: {why}")))
    }
}

impl Header {
    /// `None` when something in it was refused and the examiner goes on.
    pub(super) fn read(parts: &Parts<'_>, asks: &mut impl Examiner) -> Result<Option<Self>, Denial> {
        let facts = || {
            let found = format!("{} characters of base64url", parts.header.len());
            Facts::new(Check::Header, "a JSON object that names nothing twice", found)
        };
        let Some(header) = asks.ask(facts, || parts.header())? else { return Ok(None) };
        let facts = || {
            let names: Vec<_> = header.keys().map(|name| shown::plain(name)).collect();
            Facts::new(Check::Critical, format!("none of {}", FORBIDDEN.join(", ")), names.join(", "))
        };
        let critical = asks.ask(facts, || check_critical(&header))?;
        let found = |name: &str| header.get(name).map_or_else(|| "absent".to_owned(), shown::value);
        let kid = asks.ask(|| Facts::new(Check::KeyName, "a string, or none", found("kid")), || kid(&header))?;
        let known = || Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect::<Vec<_>>().join(", ");
        let facts = || Facts::new(Check::Algorithm, format!("one of {}", known()), found("alg"));
        let algorithm = asks.ask(facts, || algorithm(&header))?;
        Ok(match (critical, kid, algorithm) {
            (Some(()), Some(kid), Some(algorithm)) => Some(Self { algorithm, kid }),
            _ => None,
        })
    }
}

fn check_critical(header: &Map<String, Value>) -> Result<(), Denial> {
    match FORBIDDEN.iter().find(|name| header.contains_key(**name)) {
        Some(name) => Err(Denial::new(Reason::CriticalHeaderUnsupported)
            .because(format!("the token's header has `{name}`, which is not supported"))),
        None => Ok(()),
    }
}

fn kid(header: &Map<String, Value>) -> Result<Option<Box<str>>, Denial> {
    match header.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) => Ok(Some(kid.as_str().into())),
        Some(other) => Err(unreadable(format!("the token's kid is {}, not a string", json::type_name(other)))),
    }
}

fn algorithm(header: &Map<String, Value>) -> Result<Algorithm, Denial> {
    match header.get("alg") {
        Some(Value::String(name)) => Algorithm::named(name).ok_or_else(|| {
            Denial::new(Reason::AlgorithmNotAllowed)
                .because(format!("the token's alg {} is not supported", shown::text(name)))
        }),
        Some(other) => Err(unreadable(format!("the token's alg is {}, not a string", json::type_name(other)))),
        None => Err(unreadable("the token's header has no alg".to_owned())),
    }
}

/// Without padding, white space and bits that mean nothing.
pub(super) fn decoded(part: &str, text: &str) -> Result<Vec<u8>, Denial> {
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
