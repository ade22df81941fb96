//! Why no set came, in a sentence for the log and a word for the metric.

use crate::fault;
use engine::policy::jwks::KeyFault;
use engine::policy::jwks::discovery::DiscoveryFault;
use engine::policy::jwks::source::DOCUMENT_BYTES_MAX;
use engine::reason::Reason;

#[derive(Debug, thiserror::Error)]
pub(super) enum FetchFault {
    #[error("{host} has no address")]
    Name { host: String },
    #[error("{host} is not on loopback, and the address is not https")]
    NotLoopback { host: String },
    #[error("{}: {text}", reason.code())]
    Network { reason: Reason, text: String },
    #[error("it took longer than the timeout")]
    Timeout,
    #[error("the provider answered with status {0}")]
    Status(u16),
    #[error("the provider answered with status {status} and sent us to {to}; redirects are not followed")]
    Redirect { status: u16, to: String },
    #[error("the answer is larger than {DOCUMENT_BYTES_MAX} bytes")]
    TooLarge,
    #[error("the answer is compressed, which was not asked for")]
    Encoded,
    #[error("{0}")]
    Unreadable(KeyFault),
    #[error("{0}")]
    Discovery(DiscoveryFault),
    #[error("the set has no key for the provider's algorithms")]
    NoUsableKey,
    #[error("the fetch was given up")]
    GivenUp,
}

impl FetchFault {
    pub(super) fn network(error: &pingora::Error) -> Self {
        /// Of an error's own words: some quote what was received.
        const CHARACTERS_MAX: usize = 200;
        let reason = fault::of_fetch(error);
        let text = error.root_cause().to_string();
        let plain = |letter: char| if letter.is_control() { ' ' } else { letter };
        let text: String = text.trim().chars().take(CHARACTERS_MAX).map(plain).collect();
        Self::Network { reason, text }
    }

    /// For the metric. A closed list.
    pub(super) const fn word(&self) -> &'static str {
        match self {
            Self::Name { .. } => Reason::DnsFailed.code(),
            Self::NotLoopback { .. } => "not_loopback",
            Self::Network { reason, .. } => reason.code(),
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Redirect { .. } => "redirect",
            Self::TooLarge => "too_large",
            Self::Encoded => "encoded",
            Self::Unreadable(_) => "unreadable",
            Self::Discovery(DiscoveryFault::Issuer { .. }) => Reason::IssuerMismatch.code(),
            Self::Discovery(
                DiscoveryFault::Unreadable { .. }
                | DiscoveryFault::Member { .. }
                | DiscoveryFault::Url(_)
                | DiscoveryFault::Loopback,
            ) => "metadata",
            Self::NoUsableKey => "no_usable_key",
            Self::GivenUp => "given_up",
        }
    }
}
