//! What leads to a key set: addresses, an issuer's metadata, and how long a response may be kept.

use engine::policy::jwks::discovery::{documents, jwks_uri};
use engine::policy::jwks::lifetime;
use engine::policy::jwks::url::KeyUrl;
use http::{HeaderMap, HeaderName, HeaderValue};
use serde_json::Value;
use std::net::IpAddr;

/// The first line is an address, which is also the issuer; then header lines up to an empty one; the rest is the issuer's metadata. What
/// may be asked is https or on loopback, and has one meaning; metadata counts only if it names this very issuer; a lifetime is some time.
pub fn key_metadata(data: &[u8]) {
    let (head, document) = split(data, b"\n\n");
    let head = String::from_utf8_lossy(head);
    let mut lines = head.lines();
    let issuer = lines.next().unwrap_or_default();
    address(issuer);
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), value.trim().parse::<HeaderValue>()) else { continue };
        headers.append(name, value);
    }
    let life = lifetime(&headers);
    assert!(life.is_none_or(|life| !life.is_zero()));
    let forbids = headers.get_all("cache-control").iter().any(|value| value == "no-store");
    assert!(!(forbids && life.is_some()), "{headers:?}");
    if let Ok(keys) = jwks_uri(document, issuer) {
        let parsed: Value = serde_json::from_slice(document).expect("a document of JSON");
        assert_eq!((parsed["issuer"].as_str(), parsed["jwks_uri"].as_str()), (Some(issuer), Some(keys.text())));
        assert_eq!(KeyUrl::parse(keys.text()).as_ref(), Ok(&keys));
        let is_local = KeyUrl::parse(issuer).is_ok_and(|issuer| issuer.is_on_loopback());
        assert!(!keys.is_on_loopback() || is_local, "{issuer} sends us to {keys}");
    }
}

fn address(text: &str) {
    let Ok(url) = KeyUrl::parse(text) else { return };
    assert!(url.port() > 0 && !url.host().is_empty() && url.target().starts_with('/'), "{url}");
    let is_loopback = url.host() == "localhost" || url.host().parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback());
    assert_eq!(is_loopback, url.is_on_loopback());
    assert!(url.is_secure() || is_loopback, "{url}");
    for part in [&url.authority(), url.target()] {
        assert!(part.bytes().all(|byte| (0x21..=0x7e).contains(&byte) && byte != b'#'), "{part:?}");
    }
    assert!(!url.authority().contains(['@', '/', '?']), "{url}");
    let again = format!("{}://{}{}", if url.is_secure() { "https" } else { "http" }, url.authority(), url.target());
    let again = KeyUrl::parse(&again).expect("the same address");
    assert_eq!((again.host(), again.port(), again.target()), (url.host(), url.port(), url.target()));
    if let Ok(issuer) = KeyUrl::issuer(text) {
        for document in documents(&issuer) {
            assert_eq!((document.host(), document.port()), (issuer.host(), issuer.port()));
            assert_eq!(KeyUrl::parse(document.text()).as_ref().map(KeyUrl::target), Ok(document.target()));
        }
    }
}

fn split<'d>(data: &'d [u8], by: &[u8]) -> (&'d [u8], &'d [u8]) {
    match data.windows(by.len()).position(|window| window == by) {
        Some(at) => (&data[..at], &data[at + by.len()..]),
        None => (data, &[]),
    }
}
