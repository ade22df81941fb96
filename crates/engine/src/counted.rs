//! What a limit counts by, and the name of the counter that a request falls under. Shared by throttles and quotas.

mod name;

use crate::identity::Identity;
use crate::names::{Name, RouteId};
use crate::naming::{Naming, durable};
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

    /// The counter of `limit` that this caller falls under. A request that lacks what is counted by falls under its address: leaving
    /// a header out must not open a way around the limit, nor into somebody else's share. Consumers, API keys and tokens have their
    /// key from when they became known; only what a request brings along is hashed here.
    #[must_use]
    pub fn counter(&self, naming: Naming<'_>, limit: &LimitName, caller: Caller<'_>) -> Key {
        let identity = caller.identity;
        let found = match self {
            Self::Consumer => identity.consumer_key(),
            Self::ApiKey => identity.api_key.as_ref().map(|holder| holder.key),
            Self::Token => identity.token.as_ref().map(|token| token.key),
            Self::Route => Some(naming.key(&[b"route", caller.route_name.as_bytes()])),
            Self::Header(name) => caller.head.headers.get(name).map(|value| naming.key(&[b"header", value.as_bytes()])),
            Self::Claim(name) => claim(naming, identity, name),
            Self::Address => None,
        };
        found.unwrap_or_else(|| address(naming, caller.head.client)).under(limit.key)
    }
}

/// The name under which a limit's state is kept, and its share in the keys of its counters: same name, same counters.
#[derive(Clone, Debug)]
pub struct LimitName {
    name: Name,
    key: Key,
}

impl LimitName {
    #[must_use]
    pub const fn name(&self) -> &Name {
        &self.name
    }
}

impl<T: Into<Name>> From<T> for LimitName {
    fn from(name: T) -> Self {
        let name = name.into();
        let key = durable(&[b"limit", name.as_bytes()]);
        Self { name, key }
    }
}

fn claim(naming: Naming<'_>, identity: &Identity, name: &str) -> Option<Key> {
    match identity.token.as_ref()?.claims.get(name)? {
        Value::String(text) => Some(naming.key(&[b"claim", text.as_bytes()])),
        Value::Null => None,
        other @ (Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
            Some(naming.key(&[b"claim", other.to_string().as_bytes()]))
        }
    }
}

fn address(naming: Naming<'_>, client: IpAddr) -> Key {
    match client.to_canonical() {
        IpAddr::V4(address) => naming.key(&[b"address", &address.octets()]),
        IpAddr::V6(address) => {
            let network = u128::from(address) >> 64;
            naming.key(&[b"address", &network.to_be_bytes()])
        }
    }
}
