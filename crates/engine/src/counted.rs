//! What a limit counts by, and the name of the counter that a request falls under. Shared by throttles and quotas.

use crate::identity::Identity;
use crate::names::{Name, RouteId};
use crate::naming::Naming;
use crate::request::RequestHead;
use http::HeaderName;
use limits::keyed::Key;
use serde_json::Value;
use std::net::IpAddr;

/// The operator's `key:`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CountBy {
    Consumer,
    ApiKey,
    /// The client's address; an IPv6 client is its /64, which is what one subscriber is given.
    Address,
    Token,
    /// All requests of the route together.
    Route,
    Header(HeaderName),
    Claim(Box<str>),
}

/// Everything that a limit may look at.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    pub head: &'a RequestHead<'a>,
    pub identity: &'a Identity,
    pub route: RouteId,
    pub route_name: &'a Name,
}

impl CountBy {
    /// Whether the number of different values is bounded by the config rather than by the clients.
    #[must_use]
    pub const fn is_bounded_by_config(&self) -> bool {
        match self {
            Self::Consumer | Self::ApiKey | Self::Route => true,
            Self::Address | Self::Token | Self::Header(_) | Self::Claim(_) => false,
        }
    }

    /// The counter of the limit called `limit` that this caller falls under. A request that lacks what is counted by falls under
    /// its address: leaving a header out must not open a way around the limit, nor into somebody else's share.
    #[must_use]
    pub fn counter(&self, naming: Naming<'_>, limit: &str, caller: Caller<'_>) -> Key {
        let limit = limit.as_bytes();
        let identity = caller.identity;
        let found = match self {
            Self::Consumer => identity.consumer_id().map(|id| naming.key(&[limit, b"consumer", id.as_bytes()])),
            Self::ApiKey => identity
                .api_key
                .as_ref()
                .map(|holder| naming.key(&[limit, b"apiKey", &holder.key.to_u128().to_be_bytes()])),
            Self::Token => {
                identity.token.as_ref().map(|token| naming.key(&[limit, b"token", &token.key.to_u128().to_be_bytes()]))
            }
            Self::Route => Some(naming.key(&[limit, b"route", caller.route_name.as_bytes()])),
            Self::Header(name) => {
                caller.head.headers.get(name).map(|value| naming.key(&[limit, b"header", value.as_bytes()]))
            }
            Self::Claim(name) => claim_counter(naming, limit, identity, name),
            Self::Address => None,
        };
        found.unwrap_or_else(|| address_counter(naming, limit, caller.head.client))
    }
}

fn claim_counter(naming: Naming<'_>, limit: &[u8], identity: &Identity, name: &str) -> Option<Key> {
    match identity.token.as_ref()?.claims.get(name)? {
        Value::String(text) => Some(naming.key(&[limit, b"claim", text.as_bytes()])),
        Value::Null => None,
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(naming.key(&[limit, b"claim", other.to_string().as_bytes()]))
        }
    }
}

fn address_counter(naming: Naming<'_>, limit: &[u8], client: IpAddr) -> Key {
    match client.to_canonical() {
        IpAddr::V4(address) => naming.key(&[limit, b"address", &address.octets()]),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64;
            naming.key(&[limit, b"address", &network.to_be_bytes()])
        }
    }
}
