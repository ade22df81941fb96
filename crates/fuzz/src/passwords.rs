//! User names and passwords as clients send them, and hashes as configs have them.

use engine::credential::Carried;
use engine::policy::basic::{Credentials, CredentialsFault, PasswordHash};

/// A text that begins with `$` is read as a hash, everything else as the value of an `Authorization` field, which is taken apart once
/// more in the simplest words.
pub fn basic(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    if text.starts_with('$') {
        hash(text);
        return;
    }
    let read = Credentials::read(&Carried::One(text.into()));
    match (read, expected(text)) {
        (Ok(credentials), Ok((user, password))) => {
            assert_eq!((&*credentials.user, credentials.password.bytes()), (&*user, password.as_bytes()));
            assert!(!user.contains(':'));
            assert_eq!(format!("{credentials:?} {:?}", credentials.password), "Credentials hidden");
            let again = format!("bAsIc  {}", encoded(format!("{user}:{password}").as_bytes()));
            assert_eq!(Credentials::read(&Carried::One(again.into())), Ok(credentials));
        }
        (Err(fault), Err(expected)) => assert_eq!(fault, expected),
        (read, expected) => panic!("{read:?}, expected {expected:?}"),
    }
}

/// What verifies a password takes no more than the bounds, and shows nothing but its cost.
fn hash(text: &str) {
    let Ok(hash) = PasswordHash::parse(text) else { return };
    assert!(hash.work() <= 256 * 1024 * 16);
    let shown = format!("{hash:?}");
    let secret = text.rsplit('$').next().unwrap();
    assert!(!shown.contains(secret), "{shown}");
    assert_eq!(hash.decoy().work(), hash.work());
}

fn expected(text: &str) -> Result<(String, String), CredentialsFault> {
    let scheme: String = text.chars().take_while(|letter| *letter != ' ').collect();
    if !scheme.eq_ignore_ascii_case("basic") {
        return Err(CredentialsFault::OtherScheme);
    }
    let rest = text[scheme.len()..].trim_start_matches(' ');
    if rest.len() > 1024 {
        return Err(CredentialsFault::TooLong);
    }
    let bytes = decoded(rest).ok_or(CredentialsFault::Base64)?;
    let pair = String::from_utf8(bytes).map_err(|_| CredentialsFault::Utf8)?;
    if pair.chars().any(char::is_control) {
        return Err(CredentialsFault::Control);
    }
    let at = pair.find(':').ok_or(CredentialsFault::Colon)?;
    Ok((pair[..at].to_owned(), pair[at + 1..].to_owned()))
}

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// In its one form: what does not come out again as it went in is no base64.
fn decoded(text: &str) -> Option<Vec<u8>> {
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for letter in text.trim_end_matches('=').bytes() {
        let value = LETTERS.iter().position(|known| *known == letter)?;
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).unwrap());
            bits &= (1 << count) - 1;
        }
    }
    (encoded(&out) == text).then_some(out)
}

fn encoded(bytes: &[u8]) -> String {
    let mut out = String::new();
    for part in bytes.chunks(3) {
        let byte = |at: usize| u32::from(part.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for place in 0..4 {
            let value = usize::try_from(bits >> (18 - 6 * place) & 63).unwrap();
            out.push(if place <= part.len() { char::from(LETTERS[value]) } else { '=' });
        }
    }
    out
}
