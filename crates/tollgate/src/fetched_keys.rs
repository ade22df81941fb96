//! Key sets that a running gateway would fetch, where nothing is fetched: `explain` and `test` take them from files.

use crate::failure::Failure;
use engine::policy::jwks::KeySet;
use engine::policy::jwks::remote::{Begin, Plan};
use engine::policy::jwt::Provider;
use engine::snapshot::Snapshot;
use limits::clock::Now;
use std::str::FromStr;
use std::time::Duration;

/// The set of one provider, in a file: `PROVIDER=FILE`.
#[derive(Clone, Debug)]
pub(crate) struct KeyFile {
    provider: String,
    file: String,
}

impl FromStr for KeyFile {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text.split_once('=') {
            Some((provider, file)) if !provider.is_empty() && !file.is_empty() => {
                Ok(Self { provider: provider.to_owned(), file: file.to_owned() })
            }
            Some(_) | None => Err("write the provider and its file, as in main=keys.json"),
        }
    }
}

/// Gives the providers their sets, as if they had just been fetched. They never grow old.
pub(crate) fn hand_in(files: &[KeyFile], snapshot: &Snapshot, now: Now) -> Result<(), Failure> {
    for KeyFile { provider: name, file } in files {
        let fetched = snapshot.providers.iter().find(|provider| **provider.name() == **name);
        let Some(fetched) = fetched.and_then(|provider| provider.keys().fetched.as_ref()) else {
            let message = format!("--jwks {name}={file}: the config has no provider {name} that fetches its keys");
            return Err(Failure::Usage(message));
        };
        let json = std::fs::read(file).map_err(|source| Failure::Read { path: file.clone(), source })?;
        let keys = KeySet::from_fetched(&json).map_err(|fault| Failure::Usage(format!("{file}: {fault}")))?;
        fetched.remote.succeeded(keys, FOR_EVER, now);
    }
    Ok(())
}

const FOR_EVER: Plan = Plan { due_in: Duration::MAX, next_in: Duration::MAX, unknown_for: Duration::ZERO };

/// Ends the fetch that a token has asked for.
pub(crate) fn not_here(provider: &Provider, now: Now) {
    let Some(fetched) = &provider.keys().fetched else { return };
    if fetched.remote.begin(now) == Begin::Now {
        let why = format!("nothing is fetched here; hand the set in with `--jwks {}=FILE`", provider.name());
        fetched.remote.failed(why.into(), |_| Duration::MAX, now);
    }
}
