//! Every algorithm's happy path, the examples of the RFCs, keys that rotate, and providers that cannot work.

use super::{Algorithm, KeySet, TokenCache, claims, keys, now, provider, rules, text, try_provider, verdict};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use engine::policy::jwt::{ConsumerClaim, ProviderFault};
use limits::clock::Now;
use serde_json::json;
use std::sync::Arc;
use testkit::tokens::{self, Algorithm as Alg, Signer};

fn pem(signer: &Signer, kid: Option<&str>) -> KeySet {
    KeySet::from_pem(signer.public_pem().as_bytes(), kid).unwrap()
}

#[test]
fn every_algorithm_verifies() {
    #[track_caller]
    fn check(algorithm: Algorithm, in_testkit: Alg) {
        let signer = Signer::fixed(in_testkit, Some("a"));
        let token = signer.token(&claims(json!({})));
        for keys in [keys(&[&signer]), pem(&signer, Some("a")), pem(&signer, None)] {
            let gate = provider(rules(&[algorithm]), keys);
            let verified = gate.check_token(&token, now()).unwrap();
            assert_eq!(verified.consumer.as_deref(), Some("acme"), "{algorithm}");
            assert_eq!(verdict(&gate.check_token(&token.replace("eyJhdWQ", "eyJhdXQ"), now())), "signature_mismatch");
        }
    }
    check(Algorithm::RS256, Alg::RS256);
    check(Algorithm::RS384, Alg::RS384);
    check(Algorithm::RS512, Alg::RS512);
    check(Algorithm::PS256, Alg::PS256);
    check(Algorithm::ES256, Alg::ES256);
    check(Algorithm::ES384, Alg::ES384);
    check(Algorithm::EdDSA, Alg::EdDSA);
    let names: Vec<_> = Algorithm::ALL.iter().map(|algorithm| algorithm.name()).collect();
    assert_eq!(names, ["RS256", "RS384", "RS512", "PS256", "ES256", "ES384", "EdDSA", "HS256"]);
    assert!(Algorithm::ALL.iter().all(|algorithm| Algorithm::named(algorithm.name()) == Some(*algorithm)));
}

#[test]
fn the_examples_of_rfc_7515_verify() {
    const PAYLOAD: &str =
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    #[track_caller]
    fn check(algorithm: Algorithm, keys: KeySet, header: &str, signature: &str) {
        let mut rules = rules(&[algorithm]);
        rules.issuer = Some("joe".into());
        rules.audiences = Vec::new();
        rules.consumer_claim = ConsumerClaim::Required("iss".into());
        let gate = provider(rules, keys);
        let token = format!("{header}.{PAYLOAD}.{signature}");
        let verified = gate.check_token(&token, Now::at_unix_seconds(1_300_819_380)).unwrap();
        assert_eq!(verified.claims["http://example.com/is_root"], true);
        assert_eq!(verdict(&gate.check_token(&token, now())), "token_expired");
    }
    let secret = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow";
    let secret = URL_SAFE_NO_PAD.decode(secret).unwrap();
    check(
        Algorithm::HS256,
        KeySet::from_secret(&secret, None, Algorithm::HS256).unwrap(),
        "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9",
        "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk",
    );
    let public = json!({"keys": [{
        "kty": "EC",
        "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
        "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    }]});
    check(
        Algorithm::ES256,
        KeySet::from_jwks(public.to_string().as_bytes()).unwrap(),
        "eyJhbGciOiJFUzI1NiJ9",
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q",
    );
}

#[test]
fn the_example_of_rfc_8037_verifies_though_its_payload_is_no_token() {
    let public =
        json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]});
    let gate = provider(rules(&[Algorithm::EdDSA]), KeySet::from_jwks(public.to_string().as_bytes()).unwrap());
    let message = "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
    let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";
    let result = gate.check_token(&format!("{message}.{signature}"), now());
    assert_eq!(verdict(&result), "jws_unreadable");
    assert!(text(&result).contains("payload"), "{result:?}");
    let forged = format!("{message}.{}", signature.replace("hgyY", "hgyZ"));
    assert_eq!(verdict(&gate.check_token(&forged, now())), "signature_mismatch");
}

#[test]
fn two_keys_serve_during_a_rotation() {
    let old = Signer::from_pem(Alg::RS256, Some("2025"), tokens::RSA_A);
    let new = Signer::from_pem(Alg::RS256, Some("2026"), tokens::RSA_B);
    let gate = |signers: &[&Signer]| provider(rules(&[Algorithm::RS256]), keys(signers));
    let judge = |signers: &[&Signer], signer: &Signer| {
        verdict(&gate(signers).check_token(&signer.token(&claims(json!({}))), now()))
    };
    assert_eq!([judge(&[&old], &old), judge(&[&old], &new)], ["ok", "signing_key_unknown"]);
    assert_eq!([judge(&[&old, &new], &old), judge(&[&old, &new], &new)], ["ok", "ok"]);
    assert_eq!([judge(&[&new], &old), judge(&[&new], &new)], ["signing_key_unknown", "ok"]);
}

#[test]
fn a_token_without_kid_is_tried_with_four_keys_that_fit() {
    let signers: Vec<_> = (0..5).map(|number| Signer::generated(Alg::ES256, Some(&number.to_string()))).collect();
    let rsa = Signer::fixed(Alg::RS256, Some("r"));
    let mut all = vec![&rsa];
    all.extend(&signers);
    let gate = provider(rules(&[Algorithm::RS256, Algorithm::ES256]), keys(&all));
    for (place, signer) in signers.iter().enumerate() {
        let mut header = signer.header();
        header.remove("kid");
        let token = signer.token_of(
            serde_json::Value::Object(header).to_string().as_bytes(),
            claims(json!({})).to_string().as_bytes(),
        );
        let result = gate.check_token(&token, now());
        assert_eq!(verdict(&result), if place < 4 { "ok" } else { "signature_mismatch" }, "{place}");
        assert!(place < 4 || text(&result).contains("1 more that fit were not tried"), "{result:?}");
    }
    let only_384 = provider(rules(&[Algorithm::RS384, Algorithm::RS256]), {
        let other = Signer::from_pem(Alg::RS384, Some("b"), tokens::RSA_B);
        keys(&[&Signer::fixed(Alg::RS256, Some("a")), &other])
    });
    assert_eq!(verdict(&only_384.check_token(&Signer::fixed(Alg::RS256, None).token(&claims(json!({}))), now())), "ok");
}

#[test]
fn a_key_without_kid_may_be_any_but_a_key_with_kid_only_its_own() {
    let signer = Signer::fixed(Alg::RS256, Some("whatever"));
    let token = signer.token(&claims(json!({})));
    let judge = |keys| verdict(&provider(rules(&[Algorithm::RS256]), keys).check_token(&token, now()));
    assert_eq!(judge(pem(&signer, None)), "ok");
    assert_eq!(judge(pem(&signer, Some("other"))), "signing_key_unknown");
    let stranger = Signer::from_pem(Alg::RS256, None, tokens::RSA_B);
    assert_eq!(judge(pem(&stranger, None)), "signature_mismatch");
    assert_eq!(
        judge(KeySet::merge(vec![pem(&stranger, Some("whatever")), pem(&signer, None)]).unwrap()),
        "signature_mismatch"
    );
}

#[test]
fn a_provider_that_cannot_work_is_refused() {
    use Algorithm::{ES256, HS256, RS256, RS384};
    let rsa = || keys(&[&Signer::fixed(Alg::RS256, Some("a"))]);
    let secret = || KeySet::from_secret(&[7; 32], None, Algorithm::HS256).unwrap();
    let fault = |algorithms: &[Algorithm], keys| {
        try_provider(rules(algorithms), keys, &Arc::new(TokenCache::new(0)), &Arc::default()).unwrap_err()
    };
    assert_eq!(fault(&[], rsa()), ProviderFault::NoAlgorithms);
    assert_eq!(fault(&[HS256], rsa()), ProviderFault::SecretMissing);
    assert_eq!(fault(&[HS256, RS256], rsa()), ProviderFault::SecretMixed { algorithm: RS256 });
    assert_eq!(fault(&[RS256, HS256], secret()), ProviderFault::SecretMixed { algorithm: RS256 });
    assert_eq!(fault(&[ES256, RS256], rsa()), ProviderFault::KeyMissing { algorithm: ES256, have: "RSA".into() });
    assert_eq!(fault(&[RS384], rsa()), ProviderFault::KeyMissing { algorithm: RS384, have: "RSA".into() });
    assert_eq!(fault(&[RS256], secret()), ProviderFault::KeyMissing { algorithm: RS256, have: "secret".into() });
    assert!(fault(&[ES256], rsa()).to_string().contains("EC P-256 keys, and these are RSA"));
}
