//! Where an issuer publishes its keys: its metadata document (`OpenID` Connect Discovery 1.0; RFC 8414) and what of it is believed.

use super::json;
use super::url::{KeyUrl, UrlFault};
use serde_json::Value;
use std::fmt;

const OPENID: &str = "/.well-known/openid-configuration";
const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Where the document may be, in the order in which it is looked for: behind the issuer's path (`OpenID` Connect Discovery 1.0, 4), then
/// before it (RFC 8414, 3).
#[must_use]
pub fn documents(issuer: &KeyUrl) -> [KeyUrl; 2] {
    let path = issuer.target().trim_end_matches('/');
    [issuer.at(format!("{path}{OPENID}")), issuer.at(format!("{OAUTH}{path}"))]
}

/// The address of the key set, if the document is the issuer's own.
pub fn jwks_uri(document: &[u8], issuer: &str) -> Result<KeyUrl, DiscoveryFault> {
    let document = json::object(document).map_err(|why| DiscoveryFault::Unreadable { why: why.into() })?;
    let text = |name: &'static str| match document.get(name) {
        Some(Value::String(text)) => Ok(text.as_str()),
        Some(_) | None => Err(DiscoveryFault::Member { name }),
    };
    // To the byte (RFC 8414, 3.3): a document of somebody else's must not name the keys.
    let found = text("issuer")?;
    if found != issuer {
        return Err(DiscoveryFault::Issuer { found: shown(found) });
    }
    let url = KeyUrl::parse(text("jwks_uri")?).map_err(DiscoveryFault::Url)?;
    let asks_us = url.is_on_loopback() && !KeyUrl::parse(issuer).is_ok_and(|issuer| issuer.is_on_loopback());
    if asks_us { Err(DiscoveryFault::Loopback) } else { Ok(url) }
}

/// Why a document is not believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DiscoveryFault {
    Unreadable {
        why: Box<str>,
    },
    /// Absent or no string.
    Member {
        name: &'static str,
    },
    Issuer {
        found: Box<str>,
    },
    Url(UrlFault),
    /// An issuer elsewhere sends us to our own machine.
    Loopback,
}

impl std::error::Error for DiscoveryFault {}

impl fmt::Display for DiscoveryFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { why } => write!(out, "this is no metadata document: {why}"),
            Self::Member { name } => write!(out, "the metadata document has no text `{name}`"),
            Self::Issuer { found } => write!(out, "the metadata document is of issuer {found}"),
            Self::Url(fault) => write!(out, "the document's `jwks_uri` is not asked: {fault}"),
            Self::Loopback => out.write_str("the document's `jwks_uri` is on loopback, and the issuer is not"),
        }
    }
}

/// Short and harmless in a log.
fn shown(text: &str) -> Box<str> {
    const CHARACTERS_MAX: usize = 200;
    format!("{:?}", text.chars().take(CHARACTERS_MAX).collect::<String>()).into()
}

#[cfg(test)]
mod tests {
    use super::{DiscoveryFault, KeyUrl, UrlFault, documents, jwks_uri};
    use serde_json::json;

    #[test]
    fn both_places_are_made_of_the_issuer() {
        #[track_caller]
        fn check(issuer: &str, openid: &str, oauth: &str) {
            let found = documents(&KeyUrl::issuer(issuer).unwrap());
            assert_eq!(found.each_ref().map(KeyUrl::text), [openid, oauth], "{issuer}");
            assert_eq!(found.map(|url| KeyUrl::parse(url.text()).unwrap() == url), [true, true], "{issuer}");
        }
        const A: &str = "https://a.example";
        let openid = "/.well-known/openid-configuration";
        let oauth = "/.well-known/oauth-authorization-server";
        check("https://a.example", &format!("{A}{openid}"), &format!("{A}{oauth}"));
        check("https://a.example/", &format!("{A}{openid}"), &format!("{A}{oauth}"));
        check("https://a.example/t/1", &format!("{A}/t/1{openid}"), &format!("{A}{oauth}/t/1"));
        check("https://a.example/t/1/", &format!("{A}/t/1{openid}"), &format!("{A}{oauth}/t/1"));
        check("http://[::1]:9/t", &format!("http://[::1]:9/t{openid}"), &format!("http://[::1]:9{oauth}/t"));
    }

    #[test]
    fn only_the_issuers_own_document_counts() {
        const ISSUER: &str = "https://a.example/t";
        let check = |name: &str, issuer: &str, uri: &str, expected: Result<&str, DiscoveryFault>| {
            let document = json!({"issuer": issuer, "jwks_uri": uri, "more": [1]}).to_string();
            let found = jwks_uri(document.as_bytes(), ISSUER);
            assert_eq!(found.as_ref().map(KeyUrl::text), expected.as_ref().copied(), "{name}");
        };
        let keys = "https://keys.example/set";
        let other = |issuer: &str| Err(DiscoveryFault::Issuer { found: format!("{issuer:?}").into() });
        check("good", ISSUER, keys, Ok(keys));
        check("one slash more", "https://a.example/t/", keys, other("https://a.example/t/"));
        check("other case", "https://A.example/t", keys, other("https://A.example/t"));
        check("plain http", ISSUER, "http://keys.example/set", Err(DiscoveryFault::Url(UrlFault::Insecure)));
        check("our own machine", ISSUER, "http://127.0.0.1/set", Err(DiscoveryFault::Loopback));
        check("our own machine by TLS", ISSUER, "https://[::1]/set", Err(DiscoveryFault::Loopback));
        let refused = |text: &str| jwks_uri(text.as_bytes(), ISSUER).unwrap_err().to_string();
        assert!(refused("<html>").contains("no metadata document"));
        assert!(refused(r#"{"issuer":"a","issuer":"b"}"#).contains("no metadata document"));
        assert!(refused(r#"{"jwks_uri":"https://a.example/k"}"#).contains("`issuer`"));
        assert!(refused(&json!({"issuer": ISSUER, "jwks_uri": 1}).to_string()).contains("`jwks_uri`"));
        let local = json!({"issuer": "http://127.0.0.1:1", "jwks_uri": "http://127.0.0.1:1/k"}).to_string();
        assert!(jwks_uri(local.as_bytes(), "http://127.0.0.1:1").is_ok());
    }
}
