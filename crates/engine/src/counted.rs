//! What a limit counts by, the name of the counter that a request falls under, and who falls under it at all. Shared by throttles,
//! quotas and concurrency limits.

mod name;

use crate::identity::{Identity, consumer_key};
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

/// The counter that a request falls under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counter {
    pub key: Key,
    pub population: Population,
}

/// Who decides how many counters of a sort there can be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Population {
    /// The config or an issuer: consumers, API keys, routes.
    Listed,
    /// Whoever sets headers and claims.
    Values,
    /// Anybody: addresses and tokens.
    Crowd,
}

/// `when:` of a limit with a name of its own, routes aside: those are settled at load. AND across kinds, OR within one.
#[derive(Clone, Debug, Default)]
pub struct Applies {
    /// None is every plan, and callers without one.
    pub plans: Option<Vec<Name>>,
    /// None is everybody.
    pub consumers: Option<Vec<Name>>,
}

impl Applies {
    pub(crate) fn to(&self, caller: Caller<'_>) -> bool {
        let named = |names: &Option<Vec<Name>>, name: Option<&Name>| match names {
            None => true,
            Some(names) => name.is_some_and(|name| names.contains(name)),
        };
        named(&self.plans, caller.identity.plan.as_ref().map(|plan| &plan.name))
            && named(&self.consumers, caller.identity.consumer_id())
    }
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
    /// How many counters of this sort there can be.
    const fn population(&self) -> Population {
        match self {
            Self::Consumer | Self::ApiKey | Self::Route => Population::Listed,
            Self::Header(_) | Self::Claim(_) => Population::Values,
            Self::Address | Self::Token => Population::Crowd,
        }
    }

    /// The key of [`CountBy::find`], for who keeps all counters alike.
    #[must_use]
    pub fn counter(&self, naming: Naming<'_>, limit: &LimitName, caller: Caller<'_>) -> Key {
        self.find(naming, limit, caller).key
    }

    /// The counter of `limit` that the consumer of this name falls under; none if it takes more than a name to know.
    #[must_use]
    pub fn of_consumer(&self, limit: &LimitName, consumer: &str) -> Option<Key> {
        match self {
            Self::Consumer => Some(consumer_key(consumer).under(limit.key)),
            Self::ApiKey | Self::Token | Self::Route | Self::Header(_) | Self::Claim(_) | Self::Address => None,
        }
    }

    /// The counter of `limit` that this caller falls under. A request that lacks what is counted by falls under its address: leaving
    /// a header out must not open a way around the limit, nor into somebody else's share. Consumers, API keys and tokens have their
    /// key from when they became known; only what a request brings along is hashed here.
    #[must_use]
    pub fn find(&self, naming: Naming<'_>, limit: &LimitName, caller: Caller<'_>) -> Counter {
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
        match found {
            Some(key) => Counter { key: key.under(limit.key), population: self.population() },
            None => {
                Counter { key: address(naming, caller.head.client).under(limit.key), population: Population::Crowd }
            }
        }
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
    match identity.token.as_ref()?.claim(name)? {
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

#[cfg(test)]
mod tests {
    use super::{Caller, CountBy, LimitName, Naming, Population};
    use crate::identity::{Consumer, Identity};
    use crate::names::{Name, PolicyId, RouteId};
    use crate::request::{RequestHead, RequestParts, RequestRules};
    use http::{HeaderMap, HeaderName, HeaderValue, Method};
    use limits::keyed::{Key, Keyer};
    use std::sync::Arc;

    /// The counter of a request from `client`, with a header and a consumer if there are any.
    fn find(keyer: &Keyer, by: &CountBy, client: &str, tenant: Option<&str>, id: Option<&str>) -> (Key, Population) {
        let mut headers = HeaderMap::from_iter([(http::header::HOST, HeaderValue::from_static("a.example"))]);
        if let Some(tenant) = tenant {
            headers.insert("x-tenant", HeaderValue::from_str(tenant).unwrap());
        }
        let peer = client.parse().unwrap();
        let parts = RequestParts { method: &Method::GET, target: "/", headers: &headers, peer, tls: false };
        let rules = RequestRules { trusted_proxies: Vec::new(), uri_bytes_max: 100 };
        let head = RequestHead::parse(parts, &rules).unwrap();
        let consumer = id.map(|id| Arc::new(Consumer::new(id.into(), None, false, PolicyId(0))));
        let identity = Identity { consumer, ..Identity::default() };
        let route_name: Name = "orders".into();
        let caller = Caller { head: &head, identity: &identity, route: RouteId(0), route_name: &route_name };
        let (naming, limit) = (Naming::Secret(keyer), LimitName::from("limit"));
        let counter = by.find(naming, &limit, caller);
        assert_eq!(counter.key, by.counter(naming, &limit, caller));
        (counter.key, counter.population)
    }

    #[test]
    fn who_lacks_what_is_counted_by_is_one_of_the_crowd() {
        let keyer = Keyer::new();
        let header = CountBy::Header(HeaderName::from_static("x-tenant"));
        let address = |client: &str| find(&keyer, &CountBy::Address, client, None, None);
        let check = |by: &CountBy, population: Population| {
            let (key, found) = find(&keyer, by, "192.0.2.1", Some("a"), Some("acme"));
            assert_eq!((found, key == address("192.0.2.1").0), (population, population == Population::Crowd), "{by:?}");
            assert_eq!(
                find(&keyer, by, "192.0.2.2", Some("a"), Some("acme")).0 == key,
                population != Population::Crowd
            );
        };
        check(&CountBy::Consumer, Population::Listed);
        check(&CountBy::Route, Population::Listed);
        check(&header, Population::Values);
        check(&CountBy::Address, Population::Crowd);
        check(&CountBy::ApiKey, Population::Crowd);
        check(&CountBy::Token, Population::Crowd);
        check(&CountBy::Claim("sub".into()), Population::Crowd);
        for by in [CountBy::Consumer, header] {
            assert_eq!(find(&keyer, &by, "192.0.2.1", None, None), address("192.0.2.1"), "{by:?}");
        }
    }

    #[test]
    fn an_address_of_ipv6_is_its_64_and_a_mapped_one_is_ipv4() {
        let keyer = Keyer::new();
        let address = |client: &str| find(&keyer, &CountBy::Address, client, None, None).0;
        assert_eq!(address("2001:db8::1"), address("2001:db8:0:0:ffff::2"));
        assert_ne!(address("2001:db8::1"), address("2001:db8:0:1::1"));
        assert_eq!(address("::ffff:192.0.2.1"), address("192.0.2.1"));
        assert_ne!(address("192.0.2.2"), address("192.0.2.1"));
    }
}
