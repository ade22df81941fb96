//! How much of bodies is held at once, for all requests together. A body that has to be read takes up memory before anybody knows
//! whether it is any good; what does not fit is refused rather than swapped.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The bytes that all requests hold.
#[derive(Debug, Default)]
pub(crate) struct HeldBodies {
    bytes: AtomicUsize,
}

/// One request's part, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<HeldBodies>,
    bytes: usize,
}

/// There is no room for more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;

impl HeldBodies {
    pub(crate) fn share(self: &Arc<Self>) -> Share {
        Share { of: Arc::clone(self), bytes: 0 }
    }

    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }
}

impl Share {
    /// `bytes_max` is for all together, as the request's own config has it.
    pub(crate) fn grow(&mut self, bytes: usize, bytes_max: usize) -> Result<(), Full> {
        let within = |held: usize| held.checked_add(bytes).filter(|held| *held <= bytes_max);
        // Relaxed: the number is all that is shared.
        self.of.bytes.fetch_update(Ordering::Relaxed, Ordering::Relaxed, within).map_err(|_| Full)?;
        self.bytes = self.bytes.saturating_add(bytes);
        Ok(())
    }

    pub(crate) fn shrink(&mut self, bytes: usize) {
        let bytes = bytes.min(self.bytes);
        self.bytes = self.bytes.saturating_sub(bytes);
        self.of.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::{Full, HeldBodies};
    use std::sync::Arc;

    #[test]
    fn what_is_held_is_counted_for_all_and_given_back() {
        let bodies = Arc::new(HeldBodies::default());
        let (mut one, mut two) = (bodies.share(), bodies.share());
        assert_eq!(one.grow(60, 100), Ok(()));
        assert_eq!(two.grow(41, 100), Err(Full));
        assert_eq!(two.grow(40, 100), Ok(()));
        assert_eq!(bodies.bytes(), 100);
        one.shrink(20);
        assert_eq!(two.grow(20, 100), Ok(()));
        assert_eq!(two.grow(usize::MAX, usize::MAX), Err(Full));
        drop(one);
        assert_eq!(bodies.bytes(), 60);
        two.shrink(1_000);
        assert_eq!(bodies.bytes(), 0);
        drop(two);
        assert_eq!(bodies.bytes(), 0);
    }
}
