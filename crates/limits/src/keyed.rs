//! What is counted, as 128 bits of a hash, so that nobody outside can choose two callers that share a counter, and the keyed hash
//! for counters that end with the process.

use std::hash::{BuildHasher, Hasher, RandomState};

/// The name of one counter. Two different things share one by chance only once in 2^64 counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Key(u128);

impl Key {
    #[must_use]
    pub const fn from_u128(value: u128) -> Self {
        Self(value)
    }

    #[must_use]
    pub const fn to_u128(self) -> u128 {
        self.0
    }

    /// The counter of one thing under one limit, where each of the two has a key of its own. Both are hashes, so that no two pairs
    /// meet but by chance.
    #[must_use]
    pub const fn under(self, limit: Self) -> Self {
        Self(self.0 ^ limit.0)
    }

    /// The name of both together. One of the two has to be a secret hash, or others could choose pairs that share a name.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

/// Makes [`Key`]s with a secret of its own: keys of two keyers do not compare, so none of them outlives its process.
#[derive(Clone, Debug, Default)]
pub struct Keyer {
    high: RandomState,
    low: RandomState,
}

impl Keyer {
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The key of a list of parts. `["ab", "c"]` and `["a", "bc"]` differ. Allocates nothing.
    #[must_use]
    pub fn key(&self, parts: &[&[u8]]) -> Key {
        let half = |state: &RandomState| {
            let mut hasher = state.build_hasher();
            for part in parts {
                hasher.write_usize(part.len());
                hasher.write(part);
            }
            hasher.finish()
        };
        Key((u128::from(half(&self.high)) << 64) | u128::from(half(&self.low)))
    }
}

#[cfg(test)]
mod tests {
    use super::Keyer;

    #[test]
    fn parts_are_kept_apart() {
        let keyer = Keyer::new();
        assert_eq!(keyer.key(&[b"ab", b"c"]), keyer.key(&[b"ab", b"c"]));
        assert_ne!(keyer.key(&[b"ab", b"c"]), keyer.key(&[b"a", b"bc"]));
        assert_ne!(keyer.key(&[b"ab"]), Keyer::new().key(&[b"ab"]));
    }
}
