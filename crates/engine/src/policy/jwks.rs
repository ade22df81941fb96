//! The keys that a provider's tokens are verified with, as they are loaded. A [`KeySet`] that exists holds only keys that are
//! strong enough and meant for signatures (RFC 7517, 7518, 8725).
//!
//! Where a file lies or a set is fetched from is the caller's concern.

mod algorithm;
pub mod discovery;
mod fault;
mod fetched;
pub(crate) mod json;
mod jwk;
mod key;
mod lifetime;
mod pem;
pub mod remote;
pub mod source;
mod thumbprint;
pub mod url;

pub use algorithm::{Algorithm, KeyKind};
pub use fault::KeyFault;
pub use key::KeyFacts;
pub(crate) use key::SigningKey;
pub use lifetime::lifetime;
pub use thumbprint::Thumbprint;

use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt;

const KID_BYTES_MAX: usize = 256;

/// Public keys, or one secret; never both, never none.
#[derive(Clone)]
pub struct KeySet {
    keys: Vec<SigningKey>,
    notes: Vec<Box<str>>,
}

impl KeySet {
    /// One public key: SPKI, PKCS#1 or the key of an X.509 certificate (whose dates and issuer are not looked at).
    pub fn from_pem(pem: &[u8], kid: Option<&str>) -> Result<Self, KeyFault> {
        let kid = checked(kid)?;
        let name = kid.as_deref().map_or_else(|| "this".to_owned(), |kid| format!("key {kid}"));
        let key = pem::read(pem, &name)?.known_as(kid);
        Ok(Self { keys: vec![key], notes: Vec::new() })
    }

    /// A JSON Web Key Set. Entries that are declared for something else (encryption, a kind or curve that is not known here) are
    /// skipped with a note; an entry that is ours and is wrong refuses the set.
    pub fn from_jwks(json: &[u8]) -> Result<Self, KeyFault> {
        let set = json::object(json).map_err(|why| KeyFault::JwksUnreadable { why: why.into() })?;
        let Some(Value::Array(entries)) = set.get("keys") else {
            return Err(KeyFault::JwksUnreadable { why: "it has no list `keys`".into() });
        };
        let (mut keys, mut notes) = (Vec::new(), Vec::new());
        for (entry, place) in entries.iter().zip(1..) {
            match jwk::read(entry, place)? {
                jwk::Entry::Key(key) => keys.push(key),
                jwk::Entry::Skipped(note) => notes.push(note),
            }
        }
        if keys.is_empty() {
            return Err(KeyFault::JwksEmpty { notes });
        }
        Self::of(keys, notes)
    }

    /// A secret that the identity provider shares with us.
    pub fn from_secret(secret: &[u8], kid: Option<&str>, algorithm: Algorithm) -> Result<Self, KeyFault> {
        if algorithm.key_kind() != KeyKind::Secret {
            return Err(KeyFault::SecretAlgorithm { algorithm });
        }
        let key = SigningKey::secret(secret)?.known_as(checked(kid)?);
        Ok(Self { keys: vec![key], notes: Vec::new() })
    }

    /// All keys of a provider.
    pub fn merge(sets: Vec<Self>) -> Result<Self, KeyFault> {
        let (mut keys, mut notes) = (Vec::new(), Vec::new());
        for set in sets {
            keys.extend(set.keys);
            notes.extend(set.notes);
        }
        Self::of(keys, notes)
    }

    fn of(keys: Vec<SigningKey>, notes: Vec<Box<str>>) -> Result<Self, KeyFault> {
        let secrets = keys.iter().filter(|key| key.kind() == KeyKind::Secret).count();
        if keys.is_empty() {
            return Err(KeyFault::NoKeys);
        }
        if secrets > 0 && secrets < keys.len() {
            return Err(KeyFault::SecretMixed);
        }
        let mut kids = HashSet::new();
        if let Some(kid) = keys.iter().filter_map(SigningKey::kid).find(|kid| !kids.insert(*kid)) {
            return Err(KeyFault::KidDuplicate { kid: kid.into() });
        }
        Ok(Self { keys, notes })
    }

    /// What the operator should know though it is no mistake: one sentence for each entry that was skipped.
    #[must_use]
    pub fn notes(&self) -> &[Box<str>] {
        &self.notes
    }

    /// What each key is known by. A secret has no thumbprint.
    #[must_use]
    pub fn facts(&self) -> Vec<KeyFacts> {
        self.keys.iter().map(SigningKey::facts).collect()
    }

    /// Whether some key serves one of these.
    #[must_use]
    pub fn fits_any(&self, algorithms: &[Algorithm]) -> bool {
        self.keys.iter().any(|key| algorithms.iter().any(|algorithm| key.fits(*algorithm)))
    }

    pub(crate) const fn len(&self) -> usize {
        self.keys.len()
    }

    /// Equal for sets that verify the same tokens, in whatever order their keys come. Not for logs: it covers secrets.
    #[must_use]
    pub fn fingerprint(&self) -> [u8; 32] {
        let mut each: Vec<_> = self.keys.iter().map(SigningKey::fingerprint).collect();
        each.sort_unstable();
        Sha256::digest(each.concat()).into()
    }

    pub(crate) fn keys(&self) -> &[SigningKey] {
        &self.keys
    }
}

/// Names only.
impl fmt::Debug for KeySet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_list().entries(self.keys.iter().map(|key| (key.kind(), key.kid()))).finish()
    }
}

fn kid_fits(kid: &str) -> bool {
    (1..=KID_BYTES_MAX).contains(&kid.len())
}

fn checked(kid: Option<&str>) -> Result<Option<Box<str>>, KeyFault> {
    match kid {
        Some(kid) if !kid_fits(kid) => Err(KeyFault::KidInvalid { key: "this key".into() }),
        Some(kid) => Ok(Some(kid.into())),
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests;
