//! Where in a table a key goes, when the key itself is no secret: a secret shuffle that can be undone. Names that outlive the process
//! have no secret in them, so that a client who chooses what is counted could look for values that all fall on one spot.

use std::hash::{BuildHasher, RandomState};

use crate::keyed::Key;

/// So many high bits of the product become the low ones, by which a shard is chosen.
const HIGH_BITS: u32 = 8;

/// Multiplies by an odd number that nobody outside knows: the high bits of the product then spread whatever keys are chosen.
#[derive(Debug)]
pub(crate) struct Scatter {
    factor: u128,
    /// Times `factor` it is 1, modulo 2^128.
    inverse: u128,
}

impl Scatter {
    pub(crate) fn new() -> Self {
        let half = || u128::from(RandomState::new().hash_one(0_u8));
        Self::by((half() << 64) | half())
    }

    fn by(number: u128) -> Self {
        let factor = number | 1;
        // Newton: an odd number is its own inverse to three bits, and each round doubles them.
        let round = |inverse: u128, _| inverse.wrapping_mul(2_u128.wrapping_sub(factor.wrapping_mul(inverse)));
        Self { factor, inverse: (0..6).fold(factor, round) }
    }

    pub(crate) fn place(&self, key: Key) -> Key {
        Key::from_u128(key.to_u128().wrapping_mul(self.factor).rotate_left(HIGH_BITS))
    }

    pub(crate) fn key(&self, place: Key) -> Key {
        Key::from_u128(place.to_u128().rotate_right(HIGH_BITS).wrapping_mul(self.inverse))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn comes_back(number: u128, keys in prop::collection::vec(any::<u128>(), 1..20)) {
            let scatter = Scatter::by(number);
            for key in keys.into_iter().map(Key::from_u128) {
                prop_assert_eq!(scatter.key(scatter.place(key)), key);
            }
        }
    }

    /// Keys with equal low bits, as somebody would choose them to crowd one of 64 shards.
    #[test]
    fn chosen_keys_are_spread() {
        let scatter = Scatter::by(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834);
        let mut hits = [0_u32; 64];
        for key in 0..6_400_u128 {
            let place = scatter.place(Key::from_u128(key << 7)).to_u128();
            hits[usize::try_from(place & 63).expect("below 64")] += 1;
        }
        assert!(hits.iter().all(|hits| (50..200).contains(hits)), "{hits:?}");
        assert_ne!(Scatter::new().place(Key::from_u128(1)), Scatter::new().place(Key::from_u128(1)));
    }
}
