//! What is measured: which proxy does which work for which requests. The list is the order of measuring.

use std::fmt;

/// Who stands between the load generator and the upstream.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Peer {
    /// Nobody: a second upstream in the proxy's place. What it costs is the floor of every latency.
    Direct,
    Nginx,
    Haproxy,
    Bare,
    Tollgate,
}

impl Peer {
    pub(crate) const ALL: [Self; 5] = [Self::Direct, Self::Nginx, Self::Haproxy, Self::Bare, Self::Tollgate];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Direct => "direct",
            Self::Nginx => "nginx",
            Self::Haproxy => "haproxy",
            Self::Bare => "bare",
            Self::Tollgate => "tollgate",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Direct => "upstream alone",
            Self::Nginx => "nginx",
            Self::Haproxy => "HAProxy",
            Self::Bare => "bare Pingora",
            Self::Tollgate => "Tollgate",
        }
    }
}

/// What the proxy is configured to do: one configuration each.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Work {
    Plain,
    Routes,
    /// API key of 10,000, and a throttle per consumer.
    Key,
    /// RS256 token, and a throttle per consumer.
    Token,
    /// The same without the verified-token cache.
    TokenUncached,
    /// 1,000 routes, token, throttle, quota, JSON log, metrics.
    Full,
    /// Reads every body and asks a schema. Tollgate alone.
    Schema,
    /// One limit and nothing else but what it needs. Tollgate alone: its rows are compared with each other.
    Limit(Limit),
}

/// What a limit counts by, and limits that are no throttle. The throttle by consumer is the row `key`.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Limit {
    ApiKey,
    Token,
    Claim,
    Header,
    Route,
    /// By route, shared by nodes through a Redis on the load's core: in chunks ahead of need.
    Lease,
    /// The same, with a call of the Redis for each request.
    Exact,
    Address,
    /// By address, with room for a tenth of those who call: nine of ten are counted in a sketch.
    Crowd,
    Concurrency,
    /// A thousand networks that may call and a thousand that may not.
    AddressList,
}

impl Work {
    /// Whether a Redis has to be there.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::Limit(Limit::Lease | Limit::Exact))
    }
}

/// Which requests come in.
#[derive(Copy, Clone, Debug, PartialEq, Eq)]
pub(crate) enum Traffic {
    /// One request without credentials.
    Plain,
    /// One request for each of 1,000 routes.
    Routes,
    /// 10,000 API keys in turn.
    Keys,
    OneToken,
    /// 1,000 tokens in turn, one path.
    Tokens,
    /// 1,000 tokens in turn on 1,000 routes.
    Full,
    /// 10,000 client addresses in turn, told by a trusted proxy.
    Addresses,
    /// 10,000 values of a header in turn.
    Tenants,
    /// One POST with 1 KiB of JSON, or 64 KiB.
    Body1k,
    Body64k,
}

#[derive(Copy, Clone, Debug)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) peer: Peer,
    pub(crate) work: Work,
    pub(crate) traffic: Traffic,
    /// The status that every single answer must have.
    pub(crate) status: u16,
}

/// The rows of the report: what a case is called behind its proxy's name, and what that says.
pub(crate) const ROWS: [(&str, &str); 22] = [
    ("plain", "nothing"),
    ("token-header", "nothing, with the requests of `full`"),
    ("routes", "1,000 routes"),
    ("key", "API key of 10,000 + throttle"),
    ("jwt-one", "one RS256 token + throttle"),
    ("jwt", "1,000 RS256 tokens + throttle"),
    ("jwt-uncached", "1,000 RS256 tokens + throttle, token cache off"),
    ("full", "1,000 routes, 1,000 tokens, throttle, quota, JSON log, metrics"),
    ("refusal", "401 by itself"),
    ("by-key", "API key of 10,000 + throttle by key"),
    ("by-token", "1,000 RS256 tokens + throttle by token"),
    ("by-claim", "1,000 RS256 tokens + throttle by claim"),
    ("by-header", "throttle by header, 10,000 values"),
    ("by-route", "throttle by route"),
    ("by-route-lease", "the same, shared through Redis, leased"),
    ("by-route-exact", "the same, shared through Redis, a call for each request"),
    ("by-ip", "throttle by address, 10,000 addresses"),
    ("by-ip-crowd", "throttle by address, 10,000 addresses, nine of ten in a sketch"),
    ("concurrency", "concurrency by address, 10,000 addresses"),
    ("schema-1k", "1 KiB of JSON against a schema"),
    ("schema-64k", "64 KiB of JSON against a schema"),
    ("ip-access", "address lists of 1,000 and 1,000 networks, 10,000 addresses"),
];

/// In the order of measuring: what the report compares is measured within seconds.
pub(crate) const CASES: [Case; 38] = [
    case("direct-plain", Peer::Direct, Work::Plain, Traffic::Plain, 200),
    case("nginx-plain", Peer::Nginx, Work::Plain, Traffic::Plain, 200),
    case("haproxy-plain", Peer::Haproxy, Work::Plain, Traffic::Plain, 200),
    case("nginx-routes", Peer::Nginx, Work::Routes, Traffic::Routes, 200),
    case("haproxy-routes", Peer::Haproxy, Work::Routes, Traffic::Routes, 200),
    case("nginx-key", Peer::Nginx, Work::Key, Traffic::Keys, 200),
    case("haproxy-key", Peer::Haproxy, Work::Key, Traffic::Keys, 200),
    case("nginx-jwt-one", Peer::Nginx, Work::Token, Traffic::OneToken, 200),
    case("haproxy-jwt-one", Peer::Haproxy, Work::Token, Traffic::OneToken, 200),
    case("nginx-jwt", Peer::Nginx, Work::Token, Traffic::Tokens, 200),
    case("haproxy-jwt", Peer::Haproxy, Work::Token, Traffic::Tokens, 200),
    case("nginx-refusal", Peer::Nginx, Work::Key, Traffic::Plain, 401),
    case("haproxy-refusal", Peer::Haproxy, Work::Key, Traffic::Plain, 401),
    case("nginx-full", Peer::Nginx, Work::Full, Traffic::Full, 200),
    case("haproxy-full", Peer::Haproxy, Work::Full, Traffic::Full, 200),
    case("tollgate-full", Peer::Tollgate, Work::Full, Traffic::Full, 200),
    case("bare-token-header", Peer::Bare, Work::Plain, Traffic::Full, 200),
    case("bare-plain", Peer::Bare, Work::Plain, Traffic::Plain, 200),
    case("tollgate-plain", Peer::Tollgate, Work::Plain, Traffic::Plain, 200),
    case("tollgate-routes", Peer::Tollgate, Work::Routes, Traffic::Routes, 200),
    case("tollgate-key", Peer::Tollgate, Work::Key, Traffic::Keys, 200),
    case("tollgate-jwt", Peer::Tollgate, Work::Token, Traffic::Tokens, 200),
    case("tollgate-jwt-one", Peer::Tollgate, Work::Token, Traffic::OneToken, 200),
    case("tollgate-jwt-uncached", Peer::Tollgate, Work::TokenUncached, Traffic::Tokens, 200),
    case("tollgate-refusal", Peer::Tollgate, Work::Key, Traffic::Plain, 401),
    case("tollgate-by-key", Peer::Tollgate, Work::Limit(Limit::ApiKey), Traffic::Keys, 200),
    case("tollgate-by-token", Peer::Tollgate, Work::Limit(Limit::Token), Traffic::Tokens, 200),
    case("tollgate-by-claim", Peer::Tollgate, Work::Limit(Limit::Claim), Traffic::Tokens, 200),
    case("tollgate-by-header", Peer::Tollgate, Work::Limit(Limit::Header), Traffic::Tenants, 200),
    case("tollgate-by-route", Peer::Tollgate, Work::Limit(Limit::Route), Traffic::Plain, 200),
    case("tollgate-by-route-lease", Peer::Tollgate, Work::Limit(Limit::Lease), Traffic::Plain, 200),
    case("tollgate-by-route-exact", Peer::Tollgate, Work::Limit(Limit::Exact), Traffic::Plain, 200),
    case("tollgate-by-ip", Peer::Tollgate, Work::Limit(Limit::Address), Traffic::Addresses, 200),
    case("tollgate-by-ip-crowd", Peer::Tollgate, Work::Limit(Limit::Crowd), Traffic::Addresses, 200),
    case("tollgate-concurrency", Peer::Tollgate, Work::Limit(Limit::Concurrency), Traffic::Addresses, 200),
    case("tollgate-schema-1k", Peer::Tollgate, Work::Schema, Traffic::Body1k, 200),
    case("tollgate-schema-64k", Peer::Tollgate, Work::Schema, Traffic::Body64k, 200),
    case("tollgate-ip-access", Peer::Tollgate, Work::Limit(Limit::AddressList), Traffic::Addresses, 200),
];

const fn case(name: &'static str, peer: Peer, work: Work, traffic: Traffic, status: u16) -> Case {
    Case { name, peer, work, traffic, status }
}

impl Case {
    /// The case's row: its name without its proxy.
    pub(crate) fn row(&self) -> &'static str {
        self.name.split_once('-').map_or("", |(_, row)| row)
    }

    /// A selection names a case, a proxy or a row.
    pub(crate) fn is_selected_by(&self, selection: &str) -> bool {
        [self.name, self.peer.name(), self.row()].contains(&selection)
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_case_has_a_row_and_begins_with_its_proxy() {
        for case in CASES {
            assert!(case.name.starts_with(case.peer.name()), "{case}");
            assert!(ROWS.iter().any(|(row, _)| *row == case.row()), "{case}");
        }
    }

    #[test]
    fn a_selection_is_a_case_a_proxy_or_a_row() {
        let count = |selection: &str| CASES.iter().filter(|case| case.is_selected_by(selection)).count();
        assert_eq!(count("nginx-jwt"), 1);
        assert_eq!(count("bare"), 2);
        assert_eq!(count("jwt"), 3);
        assert_eq!(count("ngin"), 0);
    }
}
