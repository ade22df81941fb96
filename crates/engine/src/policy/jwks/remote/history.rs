//! Which keys a provider has had since the process began, for the operator.

use crate::policy::jwks::KeyFacts;

/// Keys that are gone and still told about.
const VANISHED_MAX: usize = 16;

/// A key and when it was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenKey {
    pub facts: KeyFacts,
    pub first_seen_unix_ms: u64,
    pub last_seen_unix_ms: u64,
    /// In the set that was fetched last.
    pub is_present: bool,
}

#[derive(Debug, Default)]
pub(super) struct History {
    keys: Vec<SeenKey>,
}

impl History {
    pub(super) fn keys(&self) -> &[SeenKey] {
        &self.keys
    }

    /// Notes the keys of a set; gives those that were not in the last one, and those that only were in that.
    pub(super) fn seen(&mut self, facts: Vec<KeyFacts>, unix_ms: u64) -> (Vec<KeyFacts>, Vec<KeyFacts>) {
        let (mut appeared, mut vanished) = (Vec::new(), Vec::new());
        for key in &mut self.keys {
            if key.is_present && !facts.contains(&key.facts) {
                key.is_present = false;
                vanished.push(key.facts.clone());
            }
        }
        for facts in facts {
            if let Some(known) = self.keys.iter_mut().find(|key| key.facts == facts) {
                if !known.is_present {
                    appeared.push(facts);
                }
                known.is_present = true;
                known.last_seen_unix_ms = unix_ms;
            } else {
                appeared.push(facts.clone());
                let (first_seen_unix_ms, last_seen_unix_ms) = (unix_ms, unix_ms);
                self.keys.push(SeenKey { facts, first_seen_unix_ms, last_seen_unix_ms, is_present: true });
            }
        }
        self.forget();
        (appeared, vanished)
    }

    /// Those that are gone longest.
    fn forget(&mut self) {
        let mut gone: Vec<u64> =
            self.keys.iter().filter(|key| !key.is_present).map(|key| key.last_seen_unix_ms).collect();
        gone.sort_unstable_by(|one, other| other.cmp(one));
        let Some(oldest) = gone.get(VANISHED_MAX.saturating_sub(1)).copied() else { return };
        let mut room = VANISHED_MAX;
        self.keys.retain(|key| {
            let stays = key.is_present || (key.last_seen_unix_ms >= oldest && room > 0);
            if stays && !key.is_present {
                room = room.saturating_sub(1);
            }
            stays
        });
    }
}
