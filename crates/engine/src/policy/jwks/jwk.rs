//! One entry of a key set (RFC 7517, 7518, 8037): what is in it, and whether it may verify signatures.

use super::algorithm::{Algorithm, KeyKind};
use super::fault::KeyFault;
use super::json;
use super::key::SigningKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

/// What became of an entry.
pub(super) enum Entry {
    Key(SigningKey),
    /// Not for us, with the reason: a set may hold keys for others.
    Skipped(Box<str>),
}

pub(super) fn read(entry: &Value, place: usize) -> Result<Entry, KeyFault> {
    let unnamed = format!("entry {place} of `keys`");
    let Value::Object(members) = entry else {
        return Err(KeyFault::JwksUnreadable { why: format!("{unnamed} is {}", json::type_name(entry)).into() });
    };
    let kid = kid(members, &unnamed)?;
    let key = kid.as_deref().map_or(unnamed, |kid| format!("key {kid}"));
    let jwk = Jwk { key, members };
    if jwk.members.contains_key("d") {
        return Err(KeyFault::PrivateKey { key: jwk.key.into() });
    }
    let kty = jwk.text("kty", "a string")?;
    if kty == "oct" {
        return Err(KeyFault::SecretInSet { key: jwk.key.into() });
    }
    if let Some(note) = jwk.unfit()? {
        return Ok(Entry::Skipped(note));
    }
    let algorithm = match jwk.optional_text("alg")? {
        None => None,
        Some(name) => match Algorithm::named(name) {
            Some(algorithm) => Some(algorithm),
            None => return Ok(Entry::Skipped(jwk.skipped("alg", name))),
        },
    };
    let key = match kty {
        "RSA" => SigningKey::rsa(&jwk.key, &jwk.bytes("n")?, &jwk.bytes("e")?)?,
        "EC" => match jwk.text("crv", "the name of a curve")? {
            "P-256" => SigningKey::point(&jwk.key, KeyKind::P256, &jwk.sec1()?)?,
            "P-384" => SigningKey::point(&jwk.key, KeyKind::P384, &jwk.sec1()?)?,
            other => return Ok(Entry::Skipped(jwk.skipped("crv", other))),
        },
        "OKP" => match jwk.text("crv", "the name of a curve")? {
            "Ed25519" => SigningKey::point(&jwk.key, KeyKind::Ed25519, &jwk.bytes("x")?)?,
            other => return Ok(Entry::Skipped(jwk.skipped("crv", other))),
        },
        other => return Ok(Entry::Skipped(jwk.skipped("kty", other))),
    };
    key.limited_to(algorithm, &jwk.key).map(|key| Entry::Key(key.known_as(kid)))
}

struct Jwk<'a> {
    /// What messages call it.
    key: String,
    members: &'a Map<String, Value>,
}

impl Jwk<'_> {
    /// A key that is honestly declared for something else is not ours to judge.
    fn unfit(&self) -> Result<Option<Box<str>>, KeyFault> {
        if let Some(purpose) = self.optional_text("use")?
            && purpose != "sig"
        {
            return Ok(Some(self.skipped("use", purpose)));
        }
        let Some(operations) = self.members.get("key_ops") else { return Ok(None) };
        let list = operations.as_array().filter(|list| list.iter().all(Value::is_string));
        let list = list.ok_or_else(|| self.fault("key_ops", "a list of strings"))?;
        if list.iter().any(|operation| operation == "verify") {
            return Ok(None);
        }
        Ok(Some(format!("{} is skipped: its key_ops lack verify", self.key).into()))
    }

    fn skipped(&self, member: &str, value: &str) -> Box<str> {
        let value: String =
            value.chars().take(64).map(|letter| if letter.is_control() { '?' } else { letter }).collect();
        format!("{} is skipped: its {member} is {value}, which verifies no token here", self.key).into()
    }

    fn text(&self, member: &'static str, expected: &'static str) -> Result<&str, KeyFault> {
        self.members.get(member).and_then(Value::as_str).ok_or_else(|| self.fault(member, expected))
    }

    fn optional_text(&self, member: &'static str) -> Result<Option<&str>, KeyFault> {
        match self.members.get(member) {
            None => Ok(None),
            Some(_) => self.text(member, "a string").map(Some),
        }
    }

    fn bytes(&self, member: &'static str) -> Result<Vec<u8>, KeyFault> {
        const EXPECTED: &str = "base64url without padding";
        let text = self.text(member, EXPECTED)?;
        URL_SAFE_NO_PAD.decode(text).map_err(|_| self.fault(member, EXPECTED))
    }

    /// `x` and `y` as an uncompressed point (SEC 1, 2.3.3). A wrong length of one shows in the whole.
    fn sec1(&self) -> Result<Vec<u8>, KeyFault> {
        let (x, y) = (self.bytes("x")?, self.bytes("y")?);
        if x.len() != y.len() {
            return Err(self.fault("x", "as long as `y`"));
        }
        Ok([&[4], x.as_slice(), y.as_slice()].concat())
    }

    fn fault(&self, member: &'static str, expected: &'static str) -> KeyFault {
        KeyFault::Member { key: self.key.as_str().into(), member, expected }
    }
}

fn kid(members: &Map<String, Value>, key: &str) -> Result<Option<Box<str>>, KeyFault> {
    match members.get("kid") {
        None => Ok(None),
        Some(Value::String(kid)) if super::kid_fits(kid) => Ok(Some(kid.as_str().into())),
        Some(_) => Err(KeyFault::KidInvalid { key: key.into() }),
    }
}
