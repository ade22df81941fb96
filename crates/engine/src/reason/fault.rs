//! Whose turn it is.

/// Who has to act so that the refusal ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The caller: its request or its credentials.
    Client,
    /// The gateway's operator: its config, its stores, its capacity.
    Operator,
    /// The service behind the gateway or the network towards it.
    Upstream,
}

impl Fault {
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Operator => "operator",
            Self::Upstream => "upstream",
        }
    }
}
