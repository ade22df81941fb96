//! Where the service is: `--upstream URL`, or a place to be filled in.

use super::names;
use super::tree::{Map, Yaml};
use crate::text::{Endpoint, Text as _};

#[derive(Debug)]
pub(super) struct Upstream {
    pub(super) name: String,
    pub(super) map: Map,
    pub(super) is_given: bool,
}

impl Upstream {
    /// In words why the URL is none.
    pub(super) fn of(title: &str, url: Option<&str>) -> Result<Self, String> {
        let name = names::word(&title.to_ascii_lowercase());
        let Some(url) = url else {
            let map = Map::default().with("endpoints", vec!["127.0.0.1:9001"]);
            return Ok(Self { name, map, is_given: false });
        };
        let (is_tls, rest) = match url.split_once("://") {
            Some(("http", rest)) => (false, rest),
            Some(("https", rest)) => (true, rest),
            Some(_) | None => return Err(format!("`{url}` is no URL: write http://HOST:PORT or https://HOST:PORT")),
        };
        let authority = rest.trim_end_matches('/');
        if authority.contains(['/', '?', '#', '@']) {
            return Err(format!(
                "`{url}` has more than a host and a port: requests go on with the path that they came with"
            ));
        }
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(_, port)| !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit()));
        let endpoint = match (has_port, is_tls) {
            (true, _) => authority.to_owned(),
            (false, true) => format!("{authority}:443"),
            (false, false) => format!("{authority}:80"),
        };
        Endpoint::read(&endpoint).map_err(|fault| format!("`{url}`: {} {}", endpoint, fault.what))?;
        let host = endpoint.rsplit_once(':').map_or(authority, |(host, _)| host).to_owned();
        let mut map = Map::default().with("endpoints", vec![endpoint]);
        if is_tls {
            let is_name = host.parse::<std::net::IpAddr>().is_err() && !host.starts_with('[');
            if !is_name {
                return Err(format!(
                    "`{url}` names no host whose certificate could be checked: write its name, not its address"
                ));
            }
            map.set("tls", Yaml::Map(Map::default().with("serverName", host)));
        }
        Ok(Self { name, map, is_given: true })
    }
}

#[cfg(test)]
mod tests {
    use super::Upstream;

    #[test]
    fn urls_are_endpoints() {
        let check = |url: &str, expected: &str| {
            let shown = match Upstream::of("API", Some(url)) {
                Ok(upstream) => crate::openapi::tree::Yaml::from(upstream.map).to_json().to_string(),
                Err(why) => why,
            };
            assert!(shown.contains(expected), "{url}: {shown}");
        };
        check("http://10.0.0.5:9001/", "{\"endpoints\":[\"10.0.0.5:9001\"]}");
        check("http://orders.internal", "{\"endpoints\":[\"orders.internal:80\"]}");
        check(
            "https://orders.internal",
            "{\"endpoints\":[\"orders.internal:443\"],\"tls\":{\"serverName\":\"orders.internal\"}}",
        );
        check("http://[::1]:80", "[::1]:80");
        check("https://10.0.0.5", "names no host");
        check("http://a/v1", "more than a host");
        check("orders:80", "no URL");
        check("http://", "`http://`: ");
    }
}
