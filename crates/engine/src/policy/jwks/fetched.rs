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
        let (mut keys, mut notes) = (Vec::new(), Vec::<Box<str>>::new());
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
        let notes: Vec<Box<str>> = notes.iter().map(|note| harmless(note)).collect();
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

#[cfg(test)]
mod tests {
    use super::{ENTRIES_MAX, KeyFault, KeySet, NOTES_MAX};
    use serde_json::{Value, json};
    use testkit::tokens::{Algorithm, Signer};

    fn key(kid: &str) -> Value {
        Signer::fixed(Algorithm::ES256, Some(kid)).jwk()
    }

    fn read(keys: &[Value]) -> Result<KeySet, KeyFault> {
        KeySet::from_fetched(json!({ "keys": keys }).to_string().as_bytes())
    }

    #[test]
    fn one_bad_entry_does_not_take_the_good_ones_with_it() {
        #[track_caller]
        fn check(name: &str, bad: Value, says: &str) {
            let set = read(&[bad.clone(), key("good")]).unwrap();
            assert_eq!(set.len(), 1, "{name}");
            assert!(set.notes()[0].contains(says), "{name}: {:?}", set.notes());
            assert!(matches!(read(&[bad]), Err(KeyFault::JwksEmpty { .. })), "{name}");
        }
        let with = |member: &str, value: Value| {
            let mut key = key("bad");
            key[member] = value;
            key
        };
        check("weak", json!({"kty": "RSA", "kid": "bad", "n": "AQAB", "e": "AQAB"}), "2048");
        check("private", with("d", json!("AQ")), "private");
        check("secret", json!({"kty": "oct", "k": "AQ"}), "secret");
        check("off its curve", with("x", json!("AAAA")), "`x`");
        check("for encryption", with("use", json!("enc")), "enc");
        check("no object", json!("x"), "a string");
        check("kid of a control character", with("use", json!("e\u{1b}[31mnc")), "e?[31mnc");
    }

    #[test]
    fn of_two_with_one_kid_the_first_counts() {
        let mut second = Signer::generated(Algorithm::ES256, Some("good")).jwk();
        let set = read(&[key("good"), second.clone()]).unwrap();
        assert_eq!(set.fingerprint(), read(&[key("good")]).unwrap().fingerprint());
        assert!(set.notes()[0].contains("entry 2"), "{:?}", set.notes());
        second["kid"] = json!("other");
        assert_eq!(read(&[key("good"), second]).unwrap().len(), 2);
    }

    #[test]
    fn a_set_has_bounds() {
        let many: Vec<Value> = (0..ENTRIES_MAX).map(|number| key(&format!("k{number}"))).collect();
        assert_eq!(read(&many).unwrap().len(), ENTRIES_MAX);
        let more = [many, vec![key("one more")]].concat();
        assert!(matches!(read(&more), Err(KeyFault::JwksTooMany { .. })));
        let faults = vec![json!(1); ENTRIES_MAX - 1];
        let set = read(&[faults, vec![key("good")]].concat()).unwrap();
        assert_eq!(set.notes().len(), NOTES_MAX);
    }

    #[test]
    fn what_is_no_set_is_refused() {
        for text in ["", "<html>", "[]", "{}", r#"{"keys":{}}"#, r#"{"keys":[]}"#, r#"{"keys":[],"keys":[]}"#] {
            assert!(KeySet::from_fetched(text.as_bytes()).is_err(), "{text}");
        }
    }
}
