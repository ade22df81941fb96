//! What the operator is told about every provider's keys.

use engine::names::Name;
use engine::policy::jwks::remote::RemoteStatus;
use engine::policy::jwks::{KeyFacts, KeySet};
use engine::snapshot::Snapshot;
use limits::clock::Now;

/// The keys of one provider.
#[derive(Clone, Debug)]
pub struct KeySetReport {
    pub provider: Name,
    /// Those that the config itself has.
    pub fixed: Vec<KeyFacts>,
    /// Where the others are fetched from, and how that stands.
    pub fetched: Option<(String, RemoteStatus)>,
}

#[must_use]
pub fn key_set_reports(snapshot: &Snapshot, now: Now) -> Vec<KeySetReport> {
    let report = |provider: &engine::policy::jwt::Provider| {
        let keys = provider.keys();
        KeySetReport {
            provider: provider.name().clone(),
            fixed: keys.fixed.as_ref().map(KeySet::facts).unwrap_or_default(),
            fetched: keys.fetched.as_ref().map(|fetched| {
                let stale_for = fetched.source.stale_for;
                (fetched.source.place.text().to_owned(), fetched.remote.status(stale_for, now))
            }),
        }
    };
    snapshot.providers.iter().map(report).collect()
}
