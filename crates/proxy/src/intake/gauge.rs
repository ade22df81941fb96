//! Stands in for `limits::gauge` with the same signatures; goes when that is here.

use limits::keyed::Key;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

#[derive(Debug, Default)]
pub(super) struct Gauge {
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    keys: HashMap<Key, usize>,
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Full {
    All,
    Key,
}

impl Gauge {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn enter(self: &Arc<Self>, key: Key, max: usize, per_key_max: usize) -> Result<Entered, Full> {
        let mut counts = self.lock();
        let inside = counts.keys.get(&key).copied().unwrap_or(0);
        if inside >= per_key_max {
            return Err(Full::Key);
        }
        if counts.all >= max {
            return Err(Full::All);
        }
        counts.all = counts.all.saturating_add(1);
        counts.keys.insert(key, inside.saturating_add(1));
        Ok(Entered { gauge: Arc::clone(self), key })
    }

    fn lock(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One that is in. Leaves when dropped.
#[derive(Debug)]
#[must_use = "dropping it is leaving"]
pub(super) struct Entered {
    gauge: Arc<Gauge>,
    key: Key,
}

impl Drop for Entered {
    fn drop(&mut self) {
        let mut counts = self.gauge.lock();
        counts.all = counts.all.saturating_sub(1);
        let left = counts.keys.get(&self.key).map_or(0, |inside| inside.saturating_sub(1));
        if left == 0 {
            counts.keys.remove(&self.key);
        } else {
            counts.keys.insert(self.key, left);
        }
    }
}
