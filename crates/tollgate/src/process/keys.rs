//! What a running gateway says of its providers' keys: what `tollgate keys` is answered, and prints as JSON. Public parts only.

use engine::calendar::Rfc3339;
use engine::policy::jwks::KeyFacts;
use engine::policy::jwks::remote::{RemoteStatus, SeenKey};
use limits::clock::Now;
use proxy::{Handle, KeySetReport};
use serde::{Deserialize, Serialize};

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Keys {
    pub(crate) providers: Vec<Provider>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Provider {
    pub(crate) name: String,
    /// None if all of its keys stand in the config.
    pub(crate) fetched: Option<Fetched>,
    pub(crate) keys: Vec<Key>,
}

/// How fetching stands.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Fetched {
    /// The URL, or the issuer whose metadata names it.
    pub(crate) from: String,
    /// Whether the set may still be trusted.
    pub(crate) serves: bool,
    /// RFC 3339; none if it was never fetched.
    pub(crate) last: Option<String>,
    pub(crate) age_seconds: Option<u64>,
    /// None while a fetch is under way.
    pub(crate) next_in_seconds: Option<u64>,
    /// Since the last success.
    pub(crate) failure: Option<Failure>,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Failure {
    pub(crate) why: String,
    pub(crate) times: u32,
    pub(crate) since: String,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Key {
    pub(crate) kid: Option<String>,
    pub(crate) kind: String,
    /// The only algorithm that the key may serve, if it says one.
    pub(crate) algorithm: Option<String>,
    /// RFC 7638; none for a secret.
    pub(crate) thumbprint: Option<String>,
    pub(crate) state: State,
    /// RFC 3339; none for a key of the config.
    pub(crate) first_seen: Option<String>,
    pub(crate) last_seen: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum State {
    /// It stands in the config.
    Config,
    Fetched,
    /// The provider does not publish it any more: nothing is verified with it.
    Vanished,
}

impl State {
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Config => "config",
            Self::Fetched => "fetched",
            Self::Vanished => "vanished",
        }
    }
}

impl Keys {
    pub(crate) fn of(handle: &Handle, now: Now) -> Self {
        Self { providers: handle.key_sets(now).into_iter().map(|report| Provider::of(report, now)).collect() }
    }
}

impl Provider {
    fn of(report: KeySetReport, now: Now) -> Self {
        let KeySetReport { provider, fixed, fetched } = report;
        let mut keys: Vec<Key> = fixed.into_iter().map(|facts| Key::of(facts, State::Config)).collect();
        let fetched = fetched.map(|(from, status)| {
            keys.extend(status.keys.iter().map(Key::seen));
            Fetched::of(from, status, now)
        });
        Self { name: provider.to_string(), fetched, keys }
    }
}

impl Fetched {
    fn of(from: String, status: RemoteStatus, now: Now) -> Self {
        let RemoteStatus { fetched_unix_ms, serves, next_in, failure, keys: _ } = status;
        Self {
            from,
            serves,
            last: fetched_unix_ms.map(time),
            age_seconds: fetched_unix_ms.map(|fetched| now.unix_ms.saturating_sub(fetched) / 1_000),
            next_in_seconds: next_in.map(|wait| wait.as_secs()),
            failure: failure.map(|failure| Failure {
                why: failure.why.into(),
                times: failure.times,
                since: time(failure.since_unix_ms),
            }),
        }
    }
}

impl Key {
    fn of(facts: KeyFacts, state: State) -> Self {
        let KeyFacts { kid, kind, algorithm, thumbprint } = facts;
        Self {
            kid: kid.map(String::from),
            kind: kind.name().to_owned(),
            algorithm: algorithm.map(|algorithm| algorithm.name().to_owned()),
            thumbprint: thumbprint.map(|thumbprint| thumbprint.to_string()),
            state,
            first_seen: None,
            last_seen: None,
        }
    }

    fn seen(seen: &SeenKey) -> Self {
        let SeenKey { facts, first_seen_unix_ms, last_seen_unix_ms, is_present } = seen;
        let state = if *is_present { State::Fetched } else { State::Vanished };
        let (first_seen, last_seen) = (Some(time(*first_seen_unix_ms)), Some(time(*last_seen_unix_ms)));
        Self { first_seen, last_seen, ..Self::of(facts.clone(), state) }
    }
}

fn time(unix_ms: u64) -> String {
    Rfc3339::from_unix_seconds(unix_ms / 1_000).to_string()
}
