//! How a new API key looks: `tg_`, 160 random bits and a checksum. The prefix is what secret scanners search for, the checksum
//! tells a mistyped key from an unknown one. Where the randomness comes from is the caller's concern.

use sha2::{Digest, Sha256};
use std::fmt;

const PREFIX: &str = "tg_";
/// 62^27 exceeds 2^160.
const BODY_DIGITS: usize = 27;
/// 62^6 exceeds 2^32.
const CHECKSUM_DIGITS: usize = 6;
const DIGITS: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

/// A key that nobody has seen yet: shown once, then only its hash is kept.
pub struct NewKey {
    pub text: String,
    pub sha256: [u8; 32],
}

impl NewKey {
    /// `entropy` comes from a cryptographic source.
    #[must_use]
    pub fn from_entropy(entropy: [u8; 20]) -> Self {
        let mut text = String::from(PREFIX);
        text.push_str(&base62::<BODY_DIGITS>(&entropy));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        let sha256 = Sha256::digest(text.as_bytes()).into();
        Self { text, sha256 }
    }
}

/// Never the key.
impl fmt::Debug for NewKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("NewKey").finish_non_exhaustive()
    }
}

/// None for what does not begin like a key of ours.
#[must_use]
pub fn checksum_holds(text: &str) -> Option<bool> {
    if !text.starts_with(PREFIX) {
        return None;
    }
    let at = text.len().saturating_sub(CHECKSUM_DIGITS);
    Some(text.split_at_checked(at).is_some_and(|(body, found)| checksum(body) == found))
}

fn checksum(text: &str) -> String {
    base62::<CHECKSUM_DIGITS>(&crc32(text.as_bytes()).to_be_bytes())
}

/// A big-endian number in `WIDTH` digits, leading zeros kept. The caller sees to it that the number fits.
fn base62<const WIDTH: usize>(number: &[u8]) -> String {
    let mut number = number.to_vec();
    let mut digits = [b'0'; WIDTH];
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0_u16;
        for byte in &mut number {
            let value = remainder << 8 | u16::from(*byte);
            // Both fit: the remainder is below 62, so the quotient is below 256.
            *byte = u8::try_from(value / 62).unwrap_or(u8::MAX);
            remainder = value % 62;
        }
        *digit = DIGITS.get(usize::from(remainder)).copied().unwrap_or(b'0');
    }
    String::from_utf8_lossy(&digits).into_owned()
}

/// CRC-32 as in IEEE 802.3, bit by bit: it runs once for each unknown key, and a table would be longer than this.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

#[cfg(test)]
mod tests {
    use super::{NewKey, base62, checksum_holds, crc32};
    use sha2::{Digest, Sha256};

    #[test]
    fn the_checksum_is_the_common_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn numbers_keep_their_width() {
        assert_eq!(base62::<6>(&0_u32.to_be_bytes()), "000000");
        assert_eq!(base62::<6>(&61_u32.to_be_bytes()), "00000z");
        assert_eq!(base62::<6>(&62_u32.to_be_bytes()), "000010");
        assert_eq!(base62::<6>(&u32::MAX.to_be_bytes()), "4gfFC3");
        // 2^160 - 1 and its neighbour differ in the last digit only: nothing is cut off.
        let (last, before) = ([0xff; 20], {
            let mut number = [0xff; 20];
            number[19] = 0xfe;
            number
        });
        assert_ne!(base62::<27>(&last), base62::<27>(&before));
        assert_ne!(base62::<27>(&last).as_bytes()[0], b'0');
    }

    #[test]
    fn a_new_key_is_recognised_and_a_typo_is_noticed() {
        let key = NewKey::from_entropy([7; 20]);
        assert_eq!(key.text.len(), 36);
        assert!(key.text.strip_prefix("tg_").unwrap().bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(key.sha256, <[u8; 32]>::from(Sha256::digest(key.text.as_bytes())));
        assert_ne!(key.text, NewKey::from_entropy([8; 20]).text);
        assert_eq!(checksum_holds(&key.text), Some(true));
        for at in 3..key.text.len() {
            let mut typo = key.text.clone().into_bytes();
            typo[at] = if typo[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(checksum_holds(std::str::from_utf8(&typo).unwrap()), Some(false), "at {at}");
        }
        assert_eq!(checksum_holds(key.text.get(..35).unwrap()), Some(false));
        assert_eq!(checksum_holds("tg_"), Some(false));
        assert_eq!(checksum_holds("tg_ää"), Some(false));
        assert_eq!(checksum_holds("sk_live_1234"), None);
        assert_eq!(format!("{key:?}"), "NewKey { .. }");
    }
}
