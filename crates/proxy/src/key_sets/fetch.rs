//! One fetch of one set: metadata first if the issuer has to be asked, then the set.

use super::document::{Document, Names, get};
use super::fault::FetchFault;
use crate::resolve::Resolver;
use engine::policy::jwks::discovery::{documents, jwks_uri};
use engine::policy::jwks::source::{KeyPlace, KeySource};
use engine::policy::jwks::url::KeyUrl;
use engine::policy::jwks::{KeySet, lifetime};
use limits::clock::Now;
use pingora::connectors::http::v1::Connector;
use std::time::Duration;

/// How long the address in an issuer's metadata is believed without asking again.
const METADATA_LIFETIME: Duration = Duration::from_secs(60 * 60);

/// What one fetch found out that the next one may use.
#[derive(Clone, Default)]
pub(super) struct Found {
    /// From the issuer's metadata, and when.
    keys_at: Option<(KeyUrl, Now)>,
    names: Names,
}

impl Found {
    /// After a failure everything is asked anew; names stay, as the resolver keeps their last good answer.
    pub(super) fn after_failure(self) -> Self {
        Self { keys_at: None, names: self.names }
    }
}

pub(super) struct Answer {
    pub(super) keys: KeySet,
    /// As the response says; none if it does not.
    pub(super) lifetime: Option<Duration>,
}

pub(super) async fn fetch(
    rules: &KeySource,
    connector: &Connector,
    resolver: &Resolver,
    found: &mut Found,
    now: Now,
) -> Result<Answer, FetchFault> {
    let url = match &rules.place {
        KeyPlace::Url(url) => url.clone(),
        KeyPlace::Issuer { issuer, url } => match &found.keys_at {
            Some((keys_at, asked)) if now.since(*asked) < METADATA_LIFETIME => keys_at.clone(),
            Some(_) | None => {
                let keys_at = discover(issuer, url, rules, connector, resolver, &mut found.names).await?;
                found.keys_at = Some((keys_at.clone(), now));
                keys_at
            }
        },
    };
    let Document { headers, body } = get(&url, &rules.authorities, connector, resolver, &mut found.names).await?;
    let keys = KeySet::from_fetched(&body).map_err(FetchFault::Unreadable)?;
    if keys.fits_any(&rules.algorithms) {
        Ok(Answer { keys, lifetime: lifetime(&headers) })
    } else {
        Err(FetchFault::NoUsableKey)
    }
}

/// The second place is asked only if the first has nothing there: what it does have counts, wrong or right.
async fn discover(
    issuer: &str,
    url: &KeyUrl,
    rules: &KeySource,
    connector: &Connector,
    resolver: &Resolver,
    names: &mut Names,
) -> Result<KeyUrl, FetchFault> {
    let [first, second] = documents(url);
    let document = match get(&first, &rules.authorities, connector, resolver, names).await {
        Err(FetchFault::Status(_)) => get(&second, &rules.authorities, connector, resolver, names).await?,
        other => other?,
    };
    jwks_uri(&document.body, issuer).map_err(FetchFault::Discovery)
}
