//! Where a provider's keys are fetched from, and within which bounds. What the config says; nothing of it changes while it serves.

use super::algorithm::Algorithm;
use super::url::KeyUrl;
use std::fmt;
use std::time::Duration;

/// The largest key set or metadata document that is read.
pub const DOCUMENT_BYTES_MAX: usize = 256 * 1024;

/// How a provider's set is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    Url(KeyUrl),
    /// From the metadata of this issuer.
    Issuer {
        issuer: Box<str>,
        url: KeyUrl,
    },
}

impl KeyPlace {
    /// For logs and operators: without a query, which may hold a secret.
    #[must_use]
    pub fn text(&self) -> &str {
        match self {
            Self::Url(url) => url.without_query(),
            Self::Issuer { issuer, .. } => issuer,
        }
    }

    /// What makes it another place. Not for logs.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::Url(url) => format!("url {}", url.text()),
            Self::Issuer { issuer, .. } => format!("issuer {issuer}"),
        }
    }
}

impl fmt::Display for KeyPlace {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.text())
    }
}

/// A set that is fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySource {
    pub place: KeyPlace,
    /// The longest time between two fetches.
    pub refresh: Duration,
    /// How long a set serves after it should have been renewed.
    pub stale_for: Duration,
    /// The shortest time between a fetch and one that a token's unknown key asks for.
    pub refetch_interval: Duration,
    /// For one fetch, from the name to the last byte.
    pub timeout: Duration,
    /// In DER; empty: those of the system.
    pub authorities: Vec<Vec<u8>>,
    /// Whether the gateway is not ready before there has been a set.
    pub ready: ReadyWhen,
    /// A set without a key for one of these is of no use.
    pub algorithms: Vec<Algorithm>,
}

/// What readiness waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadyWhen {
    Fetched,
    Listening,
}
