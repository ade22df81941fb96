//! How the name of a counter is made from what it counts. Counts that end with the process have names with a secret in them;
//! counts that outlive it, or that several nodes share, have the same name in every process. Does not know what is counted.

use limits::keyed::{Key, Keyer};
use sha2::{Digest, Sha256};

/// Whose names: each kind has its own counters.
#[derive(Clone, Copy, Debug)]
pub enum Naming<'k> {
    /// With this process's secret: cheaper, and nobody outside can tell a name. For throttles in memory.
    Secret(&'k Keyer),
    /// The same in the next process and on every node. For quotas, and for whatever nodes share.
    Durable,
}

impl Naming<'_> {
    /// `["ab", "c"]` and `["a", "bc"]` differ. Allocates nothing.
    #[must_use]
    pub fn key(self, parts: &[&[u8]]) -> Key {
        match self {
            Self::Secret(keyer) => keyer.key(parts),
            Self::Durable => durable(parts),
        }
    }
}

/// The first 128 bits, big-endian, of the SHA-256 of the parts, each after its length as four bytes, big-endian.
///
/// This is a format: counts on disk and in shared stores are found by it. To find a value that falls on a given name takes 2^128
/// attempts; two values of one's own that share a name take 2^64, and would only share one allowance between them.
#[must_use]
pub fn durable(parts: &[&[u8]]) -> Key {
    let mut hash = Sha256::new();
    for part in parts {
        // No part comes near 4 GiB: heads and tokens are bounded in kilobytes.
        hash.update(u32::try_from(part.len()).unwrap_or(u32::MAX).to_be_bytes());
        hash.update(part);
    }
    let digest: [u8; 32] = hash.finalize().into();
    let mut name = [0; 16];
    name.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    Key::from_u128(u128::from_be_bytes(name))
}

#[cfg(test)]
mod tests {
    use super::{Naming, durable};
    use limits::keyed::Keyer;

    /// `printf '\0\0\0\2ab\0\0\0\1c' | sha256sum | cut -c1-32`
    #[test]
    fn a_durable_name_is_a_format() {
        assert_eq!(format!("{:032x}", durable(&[b"ab", b"c"]).to_u128()), "f2939f903016e5bb29b1e4a61cdbd376");
        assert_eq!(format!("{:032x}", durable(&[]).to_u128()), "e3b0c44298fc1c149afbf4c8996fb924");
    }

    #[test]
    fn parts_are_kept_apart_and_kinds_too() {
        assert_ne!(durable(&[b"ab", b"c"]), durable(&[b"a", b"bc"]));
        assert_ne!(durable(&[b"ab"]), durable(&[b"ab", b""]));
        let keyer = Keyer::new();
        assert_eq!(Naming::Secret(&keyer).key(&[b"ab"]), keyer.key(&[b"ab"]));
        assert_ne!(Naming::Secret(&keyer).key(&[b"ab"]), Naming::Durable.key(&[b"ab"]));
    }
}
