//! Fast random numbers for IDs, a generator for each thread. Unique, not unpredictable: never for keys, nonces or anything that
//! must not be guessed.

use std::array;
use std::cell::Cell;
use std::hash::{BuildHasher, RandomState};

/// 128 random bits.
#[must_use]
pub fn bits128() -> u128 {
    u128::from(bits64()) << 64 | u128::from(bits64())
}

/// `N` random bytes.
#[must_use]
pub fn bytes<const N: usize>() -> [u8; N] {
    let mut out = [0; N];
    for chunk in out.chunks_mut(8) {
        for (byte, random) in chunk.iter_mut().zip(bits64().to_le_bytes()) {
            *byte = random;
        }
    }
    out
}

fn bits64() -> u64 {
    thread_local! {
        static STATE: Cell<Xoshiro> = Cell::new(Xoshiro::from_system());
    }
    STATE.with(|state| {
        let mut generator = state.get();
        let bits = generator.next();
        state.set(generator);
        bits
    })
}

/// xoshiro256++ of Blackman and Vigna: 256 bits of state, passes the usual statistical batteries.
#[derive(Clone, Copy)]
struct Xoshiro([u64; 4]);

impl Xoshiro {
    /// Seeded by std's hash keys, which come from the operating system and differ for each thread.
    fn from_system() -> Self {
        let keys = RandomState::new();
        let mut seed = array::from_fn(|index| keys.hash_one(index));
        if seed == [0; 4] {
            seed = [1; 4];
        }
        Self(seed)
    }

    const fn next(&mut self) -> u64 {
        let [a, b, c, d] = self.0;
        let result = a.wrapping_add(d).rotate_left(23).wrapping_add(a);
        let (c2, d2) = (c ^ a, d ^ b);
        self.0 = [a ^ d2, b ^ c2, c2 ^ (b << 17), d2.rotate_left(45)];
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;
    use std::thread;

    /// The first outputs for the state 1, 2, 3, 4, as the authors' C program prints them.
    #[test]
    fn the_generator_is_the_published_one() {
        let mut generator = Xoshiro([1, 2, 3, 4]);
        let outputs: [u64; 4] = array::from_fn(|_| generator.next());
        assert_eq!(outputs, [41_943_041, 58_720_359, 3_588_806_011_781_223, 3_591_011_842_654_386]);
    }

    #[test]
    fn threads_do_not_repeat_each_other() {
        let threads: Vec<_> =
            (0..4).map(|_| thread::spawn(|| (0..1_000).map(|_| bits128()).collect::<Vec<_>>())).collect();
        let all: Vec<u128> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let distinct: HashSet<u128> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len());
    }

    #[test]
    fn every_byte_is_filled() {
        let mut seen = [0_u8; 24];
        for _ in 0..64 {
            for (seen, byte) in seen.iter_mut().zip(bytes::<24>()) {
                *seen |= byte;
            }
        }
        assert_eq!(seen, [0xff; 24]);
    }
}
