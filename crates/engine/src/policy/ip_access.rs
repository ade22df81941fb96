//! From where: lists of networks that may call and that may not. The address is the client's as trusted proxies give it, in its one
//! form: an IPv4 address in IPv6 clothes is an IPv4 address, and so is a network of such addresses.
//!
//! `deny` goes before `allow`; a list of allowed networks shuts out everybody else. Networks either nest or have nothing in common, so
//! each list is kept as its outermost networks, sorted: one binary search, however long the list is.

use crate::denial::Denial;
use crate::names::PolicyId;
use crate::reason::Reason;
use crate::trail::Mode;
use ipnet::{IpNet, Ipv4Net};
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A route's address rule.
#[derive(Debug)]
pub struct IpAccess {
    pub policy: PolicyId,
    pub mode: Mode,
    /// None is everybody.
    pub allow: Option<Networks>,
    pub deny: Networks,
}

/// Why an address may call or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decided {
    Denied(IpNet),
    Allowed(IpNet),
    /// There is a list of allowed networks and this address is in none of them.
    Unlisted,
    /// Nothing names this address, and nothing has to.
    Free,
}

impl IpAccess {
    /// Refuses what is denied, and what is not allowed where something is.
    pub fn check(&self, client: IpAddr) -> Result<(), Denial> {
        match self.decide(client) {
            Decided::Allowed(_) | Decided::Free => Ok(()),
            decided @ (Decided::Denied(_) | Decided::Unlisted) => {
                Err(Denial::new(Reason::IpDenied).because(format!("{client} {decided}")))
            }
        }
    }

    /// Which network decides about this address.
    #[must_use]
    pub fn decide(&self, client: IpAddr) -> Decided {
        if let Some(network) = self.deny.find(client) {
            return Decided::Denied(network);
        }
        match &self.allow {
            None => Decided::Free,
            Some(allow) => allow.find(client).map_or(Decided::Unlisted, Decided::Allowed),
        }
    }
}

impl fmt::Display for Decided {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Denied(network) => write!(formatter, "is in deny {network}"),
            Self::Allowed(network) => write!(formatter, "is in allow {network}"),
            Self::Unlisted => formatter.write_str("is in no network of allow"),
            Self::Free => formatter.write_str("is in no network of deny"),
        }
    }
}

/// A list of networks, ready to be searched.
#[derive(Debug, Default)]
pub struct Networks {
    /// Outermost ones only, so none overlap; sorted by their first address, IPv4 before IPv6.
    sorted: Box<[IpNet]>,
}

impl Networks {
    #[must_use]
    pub fn new(networks: impl IntoIterator<Item = IpNet>) -> Self {
        let mut all: Vec<IpNet> = networks.into_iter().map(canonical).collect();
        // A network comes before all that lie in it.
        all.sort_unstable_by_key(|network| (network.network(), network.prefix_len()));
        all.dedup_by(|network, before| before.contains(&*network));
        Self { sorted: all.into() }
    }

    /// The outermost network that has this address.
    #[must_use]
    pub fn find(&self, address: IpAddr) -> Option<IpNet> {
        let address = address.to_canonical();
        let after = self.sorted.partition_point(|network| network.network() <= address);
        let candidate = self.sorted.get(after.checked_sub(1)?)?;
        candidate.contains(&address).then_some(*candidate)
    }

    /// The outermost network that has all of this one.
    #[must_use]
    pub fn covering(&self, network: IpNet) -> Option<IpNet> {
        let network = canonical(network);
        self.find(network.network()).filter(|found| found.contains(&network))
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }
}

/// `::ffff:10.0.0.0/104` is `10.0.0.0/8`; without the bits behind the prefix.
fn canonical(network: IpNet) -> IpNet {
    const MAPPED_BITS: u8 = 96;
    let network = network.trunc();
    let IpNet::V6(wide) = network else { return network };
    let mapped = wide.prefix_len().checked_sub(MAPPED_BITS).zip(mapped(wide.network()));
    mapped.map_or(network, |(length, address)| Ipv4Net::new(address, length).map_or(network, IpNet::V4))
}

fn mapped(address: Ipv6Addr) -> Option<std::net::Ipv4Addr> {
    address.to_ipv4_mapped()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn networks(list: &str) -> Networks {
        Networks::new(list.split_whitespace().map(|text| text.parse().unwrap()))
    }

    fn rule(allow: &str, deny: &str) -> IpAccess {
        let allow = Some(networks(allow)).filter(|allow| !allow.is_empty());
        IpAccess { policy: PolicyId(0), mode: Mode::Enforce, allow, deny: networks(deny) }
    }

    #[track_caller]
    fn check(allow: &str, deny: &str, client: &str, expected: &str) {
        let rule = rule(allow, deny);
        let client: IpAddr = client.parse().unwrap();
        assert_eq!(rule.decide(client).to_string(), expected, "{client}");
        let is_let_in = matches!(rule.decide(client), Decided::Allowed(_) | Decided::Free);
        assert_eq!(rule.check(client).is_ok(), is_let_in);
        assert!(rule.check(client).err().is_none_or(|denial| denial.reason == Reason::IpDenied));
    }

    #[test]
    fn deny_goes_before_allow_and_allow_shuts_out_the_rest() {
        const NONE: &str = "is in no network of deny";
        check("", "", "192.0.2.1", NONE);
        check("", "192.0.2.0/24", "192.0.3.1", NONE);
        check("", "192.0.2.0/24", "192.0.2.255", "is in deny 192.0.2.0/24");
        check("192.0.2.0/24", "", "192.0.2.0", "is in allow 192.0.2.0/24");
        check("192.0.2.0/24", "", "192.0.1.255", "is in no network of allow");
        check("192.0.2.0/24", "", "2001:db8::1", "is in no network of allow");
        check("10.0.0.0/8", "10.9.0.0/16", "10.9.1.1", "is in deny 10.9.0.0/16");
        check("10.0.0.0/8", "10.9.0.0/16", "10.10.1.1", "is in allow 10.0.0.0/8");
        check("0.0.0.0/0", "", "203.0.113.9", "is in allow 0.0.0.0/0");
        check("0.0.0.0/0", "", "2001:db8::1", "is in no network of allow");
        check("::/0", "", "203.0.113.9", "is in no network of allow");
        check("2001:db8::/32", "2001:db8:1::/48", "2001:db8:2::7", "is in allow 2001:db8::/32");
    }

    #[test]
    fn nested_networks_are_one_and_the_outermost_is_named() {
        check("", "10.0.0.0/8 10.1.0.0/16 10.1.2.0/24 10.200.0.0/16", "10.1.3.1", "is in deny 10.0.0.0/8");
        check("", "10.1.2.0/24 10.1.0.0/16", "10.1.3.1", "is in deny 10.1.0.0/16");
        check("", "10.0.0.0/16 10.2.0.0/16", "10.1.0.1", "is in no network of deny");
        assert_eq!(networks("10.1.2.0/24 10.0.0.0/8 10.0.0.0/8 ::/0 2001:db8::/32").sorted.len(), 2);
    }

    #[test]
    fn mapped_addresses_are_ipv4_on_both_sides() {
        check("", "10.0.0.0/8", "::ffff:10.1.1.1", "is in deny 10.0.0.0/8");
        check("", "::ffff:10.0.0.0/104", "10.1.1.1", "is in deny 10.0.0.0/8");
        check("", "::ffff:0:0/96", "10.1.1.1", "is in deny 0.0.0.0/0");
        check("", "::/0", "::ffff:10.1.1.1", "is in no network of deny");
    }

    #[test]
    fn a_network_is_covered_by_one_that_has_all_of_it() {
        let check = |list: &str, network: &str, expected: Option<&str>| {
            let found = networks(list).covering(network.parse().unwrap());
            assert_eq!(found.map(|found| found.to_string()).as_deref(), expected, "{list} {network}");
        };
        check("10.0.0.0/8", "10.1.0.0/16", Some("10.0.0.0/8"));
        check("10.0.0.0/8", "10.0.0.0/8", Some("10.0.0.0/8"));
        check("10.1.0.0/16", "10.0.0.0/8", None);
        check("10.0.0.0/16", "10.0.0.0/8", None);
        check("", "10.0.0.0/8", None);
        check("::/0", "10.0.0.0/8", None);
    }

    fn network() -> impl Strategy<Value = IpNet> {
        // A few bits that differ, so that networks nest and touch.
        let v4 = (0_u32..64, 24_u8..=32).prop_map(|(low, length)| {
            IpNet::new(IpAddr::from((0xc000_0200 | low).to_be_bytes()), length).unwrap().trunc()
        });
        let v6 = (0_u128..64, 112_u8..=128)
            .prop_map(|(low, length)| IpNet::new(Ipv6Addr::from(low << 8).into(), length).unwrap().trunc());
        prop_oneof![v4, v6]
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn finds_what_a_walk_over_all_finds(
            list in prop::collection::vec(network(), 0..40),
            low in 0_u32..80,
            is_v4: bool,
        ) {
            let address: IpAddr = if is_v4 {
                (0xc000_0200 | low).to_be_bytes().into()
            } else {
                Ipv6Addr::from(u128::from(low) << 6).into()
            };
            let found = Networks::new(list.clone()).find(address);
            let outermost = list.iter().filter(|net| net.contains(&address)).min_by_key(|net| net.prefix_len());
            prop_assert_eq!(found, outermost.copied());
        }
    }
}
