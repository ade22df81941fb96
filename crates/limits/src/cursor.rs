//! Turns: a number that goes up by one for each request, kept by name over reloads.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Whose turn it is. Wraps around.
#[derive(Debug, Default)]
pub struct Cursor(AtomicUsize);

impl Cursor {
    /// This turn; the next caller gets the next one.
    pub fn turn(&self) -> usize {
        // Relaxed: turns need to differ, not to be ordered with anything else.
        self.0.fetch_add(1, Ordering::Relaxed)
    }
}

/// Cursors by name. Bounded by [`NAMES_MAX`]: a reload forgets none, as the config before it may still serve.
#[derive(Debug, Default)]
pub struct Cursors(Mutex<HashMap<String, Arc<Cursor>>>);

/// More names than any config has; past it the map starts anew.
const NAMES_MAX: usize = 100_000;

impl Cursors {
    /// The cursor of that name, made at its first use.
    pub fn named(&self, name: &str) -> Arc<Cursor> {
        let mut cursors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(cursor) = cursors.get(name) {
            return Arc::clone(cursor);
        }
        if cursors.len() >= NAMES_MAX {
            cursors.clear();
        }
        Arc::clone(cursors.entry(name.to_owned()).or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::Cursors;

    #[test]
    fn the_same_name_goes_on_counting() {
        let cursors = Cursors::default();
        assert_eq!(cursors.named("a").turn(), 0);
        assert_eq!(cursors.named("a").turn(), 1);
        assert_eq!(cursors.named("b").turn(), 0);
    }
}
