//! A key set as it came over the network: read as strictly as a file, but one bad entry does not take the good ones with it, since
//! nobody stands by to mend it.

use super::fault::KeyFault;
use super::{KeySet, json, jwk};
use serde_json::Value;
use std::collections::HashSet;

/// Entries of one set. The largest providers publish some twenty.
const ENTRIES_MAX: usize = 128;
/// Notes that are kept: a set may be all faults.
const NOTES_MAX: usize = 16;

impl KeySet {
    /// Like [`KeySet::from_jwks`], but an entry that is weak, private, a secret, broken or the second of its `kid` is left out with a
    /// note. The set is refused when it is none, has too many entries, or when nothing is left.
    pub fn from_fetched(json: &[u8]) -> Result<Self, KeyFault> {
        let set = json::object(json).map_err(|why| KeyFault::JwksUnreadable { why: why.into() })?;
        let Some(Value::Array(entries)) = set.get("keys") else {
            return Err(KeyFault::JwksUnreadable { why: "it has no list `keys`".into() });
        };
        if entries.len() > ENTRIES_MAX {
            return Err(KeyFault::JwksTooMany { entries: entries.len(), entries_max: ENTRIES_MAX });
        }
        let (mut keys, mut notes) = (Vec::new(), Vec::new());
        let mut kids: HashSet<Box<str>> = HashSet::new();
        for (entry, place) in entries.iter().zip(1..) {
            match jwk::read(entry, place) {
                Ok(jwk::Entry::Key(key)) => match key.kid() {
                    Some(kid) if !kids.insert(kid.into()) => {
                        notes.push(format!("entry {place} is left out: an earlier one has its kid").into());
                    }
                    Some(_) | None => keys.push(key),
                },
                Ok(jwk::Entry::Skipped(note)) => notes.push(note),
                Err(fault) => notes.push(fault.to_string().into()),
            }
        }
        notes.truncate(NOTES_MAX);
        // The note is for a log: a `kid` is the provider's own text.
        let notes: Vec<Box<str>> = notes.iter().map(|note: &Box<str>| harmless(note)).collect();
        if keys.is_empty() {
            return Err(KeyFault::JwksEmpty { notes });
        }
        Ok(Self { keys, notes })
    }
}

fn harmless(text: &str) -> Box<str> {
    const CHARACTERS_MAX: usize = 300;
    let plain = |letter: char| if letter.is_control() { '?' } else { letter };
    text.chars().take(CHARACTERS_MAX).map(plain).collect::<String>().into()
}
