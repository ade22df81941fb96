//! Who holds the API key that a request carries. The config knows keys only as SHA-256 hashes, and so does this file.
//!
//! Not asked here: whether the consumer is enabled and what its plan opens.

mod new_key;

pub use new_key::{NewKey, checksum_holds};

use crate::calendar::Rfc3339;
use crate::credential::{Carried, Location, is_named};
use crate::denial::Denial;
use crate::identity::ApiKeyHolder;
use crate::names::ByConfig;
use crate::reason::Reason;
use crate::request::RequestHead;
use limits::clock::Now;
use sha2::{Digest, Sha256};
use std::borrow::Cow;

use std::sync::Arc;
use subtle::ConstantTimeEq;

/// The longest key that is looked at, in bytes.
const KEY_BYTES_MAX: usize = 256;

/// One key of the config.
#[derive(Debug)]
pub struct ApiKeyEntry {
    pub sha256: [u8; 32],
    pub holder: Arc<ApiKeyHolder>,
    /// From this second on the key opens nothing.
    pub expires_unix_s: Option<u64>,
    pub revoked: bool,
}

/// All keys of the config.
#[derive(Debug)]
pub struct ApiKeys {
    entries: ByConfig<[u8; 32], ApiKeyEntry>,
    location: Location,
    hide: bool,
}

impl ApiKeys {
    /// Of two entries with one hash the first counts; the compiler of the config refuses the second.
    #[must_use]
    pub fn new(entries: Vec<ApiKeyEntry>, location: Location, hide: bool) -> Self {
        let mut by_hash = ByConfig::with_capacity_and_hasher(entries.len(), foldhash::fast::RandomState::default());
        for entry in entries {
            by_hash.entry(entry.sha256).or_insert(entry);
        }
        Self { entries: by_hash, location, hide }
    }

    /// Nobody has a key.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where keys are expected unless a route says otherwise.
    #[must_use]
    pub const fn location(&self) -> &Location {
        &self.location
    }

    /// Whether the key is taken out of the request before it is forwarded.
    #[must_use]
    pub const fn hidden_from_upstream(&self) -> bool {
        self.hide
    }

    /// The query without the key, where keys come by query and are hidden.
    #[must_use]
    pub fn query_for_upstream<'q>(&self, query: &'q str) -> Cow<'q, str> {
        let hidden = match (&self.location, self.hide) {
            (Location::Query(name), true) => name,
            (Location::Query(_) | Location::Header(_) | Location::Cookie(_), _) => return Cow::Borrowed(query),
        };
        let is_hidden = |pair: &str| is_named(pair, hidden);
        if !query.split('&').any(is_hidden) {
            return Cow::Borrowed(query);
        }
        let kept: Vec<&str> = query.split('&').filter(|pair| !is_hidden(pair)).collect();
        Cow::Owned(kept.join("&"))
    }

    /// `api_key_missing`, `key_unknown`, `key_revoked` or `key_expired`, in this order. A good key in a header allocates nothing.
    pub fn check(
        &self,
        head: &RequestHead<'_>,
        location_override: Option<&Location>,
        now: Now,
    ) -> Result<Arc<ApiKeyHolder>, Denial> {
        let location = location_override.unwrap_or(&self.location);
        let key = match location.find(head) {
            Carried::Absent => return Err(missing(location, "is absent")),
            Carried::One(key) if key.is_empty() => return Err(missing(location, "is empty")),
            Carried::One(key) => key,
            Carried::Several => return Err(unknown(format!("{location} was sent more than once"))),
        };
        if key.len() > KEY_BYTES_MAX {
            return Err(unknown(format!("{location} holds {} bytes, a key at most {KEY_BYTES_MAX}", key.len())));
        }
        let entry = self.find(key.as_bytes()).ok_or_else(|| no_such_key(&key))?;
        if entry.revoked {
            return Err(Denial::new(Reason::KeyRevoked).because(format!("{} is revoked", name(&entry.holder))));
        }
        match entry.expires_unix_s {
            Some(expires) if now.unix_seconds() >= expires => Err(expired(&entry.holder, expires)),
            Some(_) | None => Ok(Arc::clone(&entry.holder)),
        }
    }

    /// The map finds the candidate; that it is the key is decided in constant time.
    fn find(&self, key: &[u8]) -> Option<&ApiKeyEntry> {
        let sha256: [u8; 32] = Sha256::digest(key).into();
        self.entries.get(&sha256).filter(|entry| bool::from(entry.sha256.ct_eq(&sha256)))
    }
}

fn missing(location: &Location, what: &str) -> Denial {
    Denial::new(Reason::ApiKeyMissing).because(format!("{location} {what}"))
}

fn unknown(text: String) -> Denial {
    Denial::new(Reason::KeyUnknown).because(text)
}

/// Tells a typo from a foreign key without telling the key.
fn no_such_key(key: &str) -> Denial {
    unknown(match checksum_holds(key) {
        None => "no consumer has this key".to_owned(),
        Some(true) => {
            "no consumer has this key, though its checksum holds: it was made by `tollgate key new`".to_owned()
        }
        Some(false) => {
            "no consumer has this key, and its checksum does not hold: it is mistyped or cut short".to_owned()
        }
    })
}

fn expired(holder: &ApiKeyHolder, expires_unix_s: u64) -> Denial {
    let expires = Rfc3339::from_unix_seconds(expires_unix_s);
    Denial::new(Reason::KeyExpired).because(format!("{} has expired at {expires}", name(holder)))
}

fn name(holder: &ApiKeyHolder) -> String {
    match &holder.label {
        Some(label) => format!("key {label} of consumer {}", holder.consumer.id),
        None => format!("a key of consumer {}", holder.consumer.id),
    }
}

#[cfg(test)]
mod tests {
    use super::{ApiKeys, Location};

    #[test]
    fn a_hidden_key_is_taken_out_of_the_query_and_nothing_else_is() {
        #[track_caller]
        fn check(hide: bool, query: &str, expected: &str) {
            let keys = ApiKeys::new(Vec::new(), Location::Query("key".into()), hide);
            assert_eq!(keys.query_for_upstream(query), expected, "{query}");
        }
        check(true, "key=1", "");
        check(true, "a=1&key=2&b=3&key=4", "a=1&b=3");
        check(true, "a&k%65y=2&b", "a&b");
        check(true, "keys=1&Key=2&akey=3", "keys=1&Key=2&akey=3");
        check(true, "a=%20&&b", "a=%20&&b");
        check(true, "", "");
        check(false, "a=1&key=2", "a=1&key=2");
        let elsewhere = ApiKeys::new(Vec::new(), Location::Cookie("key".into()), true);
        assert_eq!(elsewhere.query_for_upstream("key=1"), "key=1");
    }
}
