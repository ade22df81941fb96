//! The ID by which a request is found again: ours (`UUIDv7`, RFC 9562, 5.7: sorts by time), or a trusted caller's if it is safe to
//! put into headers, logs and URLs as it is. Does not know whom to trust.

use crate::text::{self, Text};
use std::fmt;

/// The longest ID that we accept from a caller, in bytes.
pub const LENGTH_MAX: usize = 128;

/// An ID of 1 to 128 characters of `A-Z a-z 0-9 . _ : -`, without heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RequestId(Text<LENGTH_MAX>);

impl RequestId {
    /// A new ID: 48 bits of time, 74 of `random`.
    #[must_use]
    pub fn new(unix_ms: u64, random: u128) -> Self {
        const VERSION_7: u128 = 0x7 << 76;
        const VARIANT: u128 = 0b10 << 62;
        const RANDOM: u128 = (0xfff << 64) | ((1 << 62) - 1);
        let uuid = u128::from(unix_ms) << 80 | VERSION_7 | VARIANT | (random & RANDOM);
        // All digits at once, which is what a processor is good at; then the dashes.
        let mut digits = [0; 32];
        text::hex(&uuid.to_be_bytes(), &mut digits);
        let mut out = [b'-'; 36];
        let (mut digits, mut places) = (digits.as_slice(), out.as_mut_slice());
        for group in [8, 4, 4, 4, 12] {
            let (place, after) = places.split_at_mut(group);
            let (front, back) = digits.split_at(group);
            place.copy_from_slice(front);
            digits = back;
            // Behind the last group there is no dash.
            places = after.get_mut(1..).unwrap_or_default();
        }
        Self(Text::own(&out))
    }

    /// A caller's own ID; none if it is empty, too long or has a character outside the safe set.
    #[must_use]
    pub fn accept(value: &[u8]) -> Option<Self> {
        let safe = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b':' | b'-');
        if value.is_empty() || !value.iter().all(safe) {
            return None;
        }
        Text::new(value).map(Self)
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl AsRef<str> for RequestId {
    fn as_ref(&self) -> &str {
        self.as_str()
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_id_is_a_uuid_of_version_7() {
        #[track_caller]
        fn check(unix_ms: u64, random: u128, expected: &str) {
            assert_eq!(RequestId::new(unix_ms, random).as_str(), expected);
        }
        // RFC 9562, appendix A.6.
        check(0x017F_22E2_79B0, 0x0CC3 << 64 | 0x18C4_DC0C_0C07_398F, "017f22e2-79b0-7cc3-98c4-dc0c0c07398f");
        check(0, 0, "00000000-0000-7000-8000-000000000000");
        check(0, u128::MAX, "00000000-0000-7fff-bfff-ffffffffffff");
        check(u64::MAX >> 16, u128::MAX, "ffffffff-ffff-7fff-bfff-ffffffffffff");
    }

    #[test]
    fn later_ids_sort_later() {
        let earlier = RequestId::new(1_700_000_000_000, u128::MAX);
        let later = RequestId::new(1_700_000_000_001, 0);
        assert!(earlier.as_str() < later.as_str());
    }

    #[test]
    fn a_callers_id_is_accepted_only_if_it_is_safe() {
        #[track_caller]
        fn check(value: &[u8], accepted: bool) {
            let id = RequestId::accept(value);
            let expected = accepted.then_some(value);
            assert_eq!(id.as_ref().map(|id| id.as_str().as_bytes()), expected, "{}", value.escape_ascii());
        }
        check(b"a", true);
        check(b"017f22e2-79b0-7cc3-98c4-dc0c0c07398f", true);
        check(b"Root=1-67891233:abc_DEF.9", false);
        check(b"1-67891233:abc_DEF.9", true);
        check(&[b'x'; 128], true);
        check(&[b'x'; 129], false);
        check(b"", false);
        for unsafe_byte in (0..=u8::MAX).filter(|b| !b.is_ascii_alphanumeric() && !b"._:-".contains(b)) {
            check(&[b'a', unsafe_byte, b'b'], false);
        }
    }
}
