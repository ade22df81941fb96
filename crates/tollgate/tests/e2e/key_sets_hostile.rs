//! Providers that lie, hang, drip and flood; metadata that is somebody else's; certificates that prove nothing. None of it costs a valid
//! token its way in, and none of it brings a key in.

use crate::key_sets::{config, send, signer, token, url, with_keys};
use crate::support::{gateway, until};
use serde_json::json;
use std::time::Duration;
use testkit::gateway::Gateway;
use testkit::idp::{IdentityProvider, JWKS, OAUTH, OPENID, PathAnswer};
use testkit::tls_upstream::{Authority, TlsUpstream, Validity};
use testkit::tokens::{Signer, jwks};
use testkit::upstream::{Misbehaviour, echo};

async fn ended(gateway: &Gateway, outcome: &str) {
    let labels = [("provider", "main"), ("outcome", outcome)];
    until(outcome, async || (gateway.metric("tollgate_key_set_fetches_total", &labels).await > 0.0).then_some(()))
        .await;
}

#[tokio::test]
async fn whatever_it_answers_the_last_good_set_serves() {
    let key = signer("a");
    let provider = IdentityProvider::start(&[&key]);
    let options = "refresh: 1s, timeout: 300ms";
    let gate = gateway(&config(&url(&provider), options)).upstream(echo()).start().await;
    for (outcome, how) in [
        ("timeout", Misbehaviour::Never),
        ("timeout", Misbehaviour::Trickle(Duration::from_millis(50))),
        ("too_large", Misbehaviour::Flood),
        ("upstream_protocol_error", Misbehaviour::Garbage),
        ("upstream_reset", Misbehaviour::Close),
        ("upstream_reset", Misbehaviour::LengthTooLong),
        ("unreadable", Misbehaviour::LengthTooShort),
        ("unreadable", Misbehaviour::Chunked),
        ("status", Misbehaviour::Status(500)),
    ] {
        provider.misbehave(how);
        ended(&gate, outcome).await;
        assert_eq!(send(&gate, &token(&key)).await.status, 200, "{how:?}");
    }
    let stranger = signer("stranger");
    let weak = json!({"keys": [{"kty": "RSA", "kid": "w", "alg": "RS256", "n": "AQAB", "e": "AQAB"}]}).to_string();
    let other = json!({"keys": [Signer::fixed(testkit::tokens::Algorithm::EdDSA, Some("ed")).jwk()]}).to_string();
    let huge = format!("{}{}", " ".repeat(300_000), jwks(&[&stranger]));
    let moved = "http://127.0.0.1:1/elsewhere";
    let answers: [PathAnswer<'_>; 7] = [
        ("unreadable", 200, &[("Content-Type", "text/html")], "<html>please log in</html>"),
        ("unreadable", 200, &[], &weak),
        ("no_usable_key", 200, &[], &other),
        ("too_large", 200, &[], &huge),
        ("encoded", 200, &[("Content-Encoding", "gzip")], &jwks(&[&stranger])),
        ("redirect", 302, &[("Location", moved)], ""),
        ("status", 204, &[], ""),
    ];
    for (outcome, status, headers, body) in answers {
        provider.answer(status, headers, body);
        ended(&gate, outcome).await;
        assert_eq!(send(&gate, &token(&key)).await.status, 200, "{outcome}");
        assert_ne!(send(&gate, &token(&stranger)).await.status, 200, "{outcome}");
    }
    // And it comes to its senses.
    provider.publish(&[&key, &stranger]);
    until("the new key", async || (send(&gate, &token(&stranger)).await.status == 200).then_some(())).await;
}

fn metadata(issuer: &str, jwks_uri: &str) -> String {
    json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string()
}

/// A token of the issuer that the provider itself is.
fn own_token(signer: &Signer, provider: &IdentityProvider) -> String {
    signer.token(&json!({"iss": provider.issuer(), "sub": "ada", "exp": 4_102_444_800_u64}))
}

#[tokio::test]
async fn the_issuers_metadata_names_the_keys() {
    let key = signer("a");
    let provider = IdentityProvider::start(&[&key]);
    let gate = gateway(&with_keys(&provider.issuer(), "discovery: true")).upstream(echo()).start().await;
    assert_eq!(send(&gate, &own_token(&key, &provider)).await.status, 200);
    assert_eq!((provider.asked(OPENID), provider.asked(OAUTH), provider.fetches()), (1, 0, 1));
    // A rotation asks for the set alone.
    let new = signer("b");
    provider.publish(&[&new]);
    assert_eq!(send(&gate, &own_token(&new, &provider)).await.status, 200);
    assert_eq!((provider.asked(OPENID), provider.fetches()), (1, 2));
}

#[tokio::test]
async fn metadata_in_the_second_place_counts_too() {
    let key = signer("a");
    let provider = IdentityProvider::start(&[&key]);
    let set = jwks(&[&key]);
    let good = metadata(&provider.issuer(), &url(&provider));
    provider.answer_by_path(&[(JWKS, 200, &[], &set), (OAUTH, 200, &[], &good)]);
    let gate = gateway(&with_keys(&provider.issuer(), "discovery: true")).upstream(echo()).start().await;
    assert_eq!(send(&gate, &own_token(&key, &provider)).await.status, 200);
    assert_eq!((provider.asked(OPENID), provider.asked(OAUTH)), (1, 1));
}

#[tokio::test]
async fn metadata_of_another_issuer_names_nothing() {
    let key = signer("a");
    let provider = IdentityProvider::start(&[&key]);
    let set = jwks(&[&key]);
    let (issuer, keys) = (provider.issuer(), url(&provider));
    let options = "discovery: { refresh: 1s, gatesReadiness: false }";
    for (outcome, document) in [
        ("issuer_mismatch", metadata(&format!("{issuer}/"), &keys)),
        ("metadata", metadata(&issuer, "http://idp.example.com/keys")),
        ("metadata", metadata(&issuer, "file:///etc/passwd")),
        ("metadata", "<html>".to_owned()),
    ] {
        // Also where the second place would be right: what the first one has counts.
        let right = metadata(&issuer, &keys);
        provider.answer_by_path(&[(JWKS, 200, &[], &set), (OPENID, 200, &[], &document), (OAUTH, 200, &[], &right)]);
        let gate = gateway(&with_keys(&issuer, options)).upstream(echo()).start().await;
        ended(&gate, outcome).await;
        assert_eq!(send(&gate, &own_token(&key, &provider)).await.status, 503, "{document}");
    }
    assert_eq!(provider.fetches(), 0);
}

#[tokio::test]
async fn a_set_comes_over_tls_from_whom_the_certificate_names() {
    let (authority, stranger) = (Authority::new("good"), Authority::new("stranger"));
    let key = signer("a");
    for (name, certificate, outcome) in [
        ("good", authority.certify("localhost", Validity::Good), None),
        ("expired", authority.certify("localhost", Validity::Expired), Some("certificate_expired")),
        ("another host", authority.certify("other.example", Validity::Good), Some("certificate_name_mismatch")),
        ("a stranger's", stranger.certify("localhost", Validity::Good), Some("certificate_untrusted")),
    ] {
        let server = TlsUpstream::start(certificate, IdentityProvider::start(&[&key]).into_upstream()).unwrap();
        let url = format!("https://localhost:{}/jwks.json", server.address().port());
        let text = config(&url, "caFile: ca.pem, gatesReadiness: false, refresh: 1s");
        let gate = gateway(&text).upstream(echo()).file("ca.pem", authority.pem()).start().await;
        match outcome {
            None => {
                until(name, async || (send(&gate, &token(&key)).await.status == 200).then_some(())).await;
            }
            Some(outcome) => {
                ended(&gate, outcome).await;
                assert_eq!(send(&gate, &token(&key)).await.status, 503, "{name}");
                assert_eq!(server.inner().count(), 0, "{name}");
            }
        }
    }
}
