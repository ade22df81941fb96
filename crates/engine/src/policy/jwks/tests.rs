//! Key material that has to be refused, and what is said about it.

use super::{Algorithm, KeyFault, KeyKind, KeySet};
use serde_json::{Value, json};
use testkit::tokens::{self, Algorithm as Alg, Signer};

fn rsa() -> Value {
    Signer::fixed(Alg::RS256, Some("a")).jwk()
}

fn p256() -> Value {
    Signer::fixed(Alg::ES256, Some("e")).jwk()
}

/// The key with these members replaced; null removes one.
fn changed(mut key: Value, members: Value) -> Value {
    let object = key.as_object_mut().unwrap();
    let Value::Object(members) = members else { panic!("members") };
    for (name, value) in members {
        if value.is_null() {
            object.remove(&name);
        } else {
            object.insert(name, value);
        }
    }
    key
}

fn set(keys: &[Value]) -> Result<KeySet, KeyFault> {
    KeySet::from_jwks(json!({ "keys": keys }).to_string().as_bytes())
}

/// Expects a fault that says all of this.
#[track_caller]
fn refused(name: &str, result: Result<KeySet, KeyFault>, says: &[&str]) {
    let fault = result.expect_err(name);
    let fault = format!("{fault}; {}", fault.help());
    for part in says {
        assert!(fault.contains(part), "{name}: {fault:?} does not say {part:?}");
    }
}

#[test]
fn key_sets_with_a_fault_are_refused() {
    let entry = |key| set(&[key]);
    let b64 = |bytes: &[u8]| {
        let token = tokens::unsigned(bytes, b"x", b"x");
        token.split('.').next().unwrap().to_owned()
    };
    let mut odd = vec![0xff_u8; 128];
    let weak = b64(&odd);
    odd.resize(1025, 0xff);
    let huge = b64(&odd);
    let barely = b64(&[&[0x7f], [0xff; 255].as_slice()].concat());
    let even = b64(&[[0xff; 255].as_slice(), &[0xfe]].concat());

    refused("1024 bits", entry(changed(rsa(), json!({"n": weak}))), &["key a", "1024 bits", "2048"]);
    refused("2047 bits", entry(changed(rsa(), json!({"n": barely}))), &["2047 bits"]);
    refused("8200 bits", entry(changed(rsa(), json!({"n": huge}))), &["8200 bits", "8192"]);
    refused("even modulus", entry(changed(rsa(), json!({"n": even}))), &["key a", "odd"]);
    refused("e = 1", entry(changed(rsa(), json!({"e": "AQ"}))), &["exponent", "65537"]);
    refused("e = 2", entry(changed(rsa(), json!({"e": "Ag"}))), &["exponent"]);
    refused("e = 0", entry(changed(rsa(), json!({"e": "AA"}))), &["exponent"]);
    refused("long e", entry(changed(rsa(), json!({"e": b64(&[1, 0, 0, 0, 1])}))), &["exponent"]);
    refused("padded n", entry(changed(rsa(), json!({"n": "AQAB=="}))), &["key a", "`n`", "base64url"]);
    refused("no n", entry(changed(rsa(), json!({"n": null}))), &["`n`"]);
    refused("n is a number", entry(changed(rsa(), json!({"n": 5}))), &["`n`"]);

    let (x, y) = (p256()["x"].clone(), p256()["y"].clone());
    refused("off the curve", entry(changed(p256(), json!({"x": y, "y": x}))), &["key e", "P-256", "point"]);
    refused("short", entry(changed(p256(), json!({"x": b64(&[1; 31]), "y": b64(&[1; 31])}))), &["P-256", "length"]);
    refused("uneven", entry(changed(p256(), json!({"x": b64(&[1; 31])}))), &["as long as"]);
    refused("other curve", entry(changed(p256(), json!({"crv": "P-384", "alg": "ES384"}))), &["P-384"]);
    refused("infinity", entry(changed(p256(), json!({"x": "", "y": ""}))), &["P-256"]);
    let ed = Signer::fixed(Alg::EdDSA, Some("d")).jwk();
    refused("short Ed25519", entry(changed(ed, json!({"x": b64(&[1; 31])}))), &["key d", "Ed25519"]);

    refused("alg of another kind", entry(changed(rsa(), json!({"alg": "ES256"}))), &["key a", "ES256", "RSA"]);
    refused("alg of another curve", entry(changed(p256(), json!({"alg": "ES384"}))), &["ES384", "P-384", "P-256"]);
    refused("HMAC with a public key", entry(changed(rsa(), json!({"alg": "HS256"}))), &["HS256", "secret"]);
    refused("alg is a number", entry(changed(rsa(), json!({"alg": 1}))), &["`alg`", "string"]);
    refused("private", entry(changed(rsa(), json!({"d": "AQAB"}))), &["key a", "private key", "public part"]);
    refused("secret", entry(Signer::fixed(Alg::HS256, Some("s")).jwk()), &["key s", "oct", "HS256"]);
    refused("secret among others", set(&[rsa(), json!({"kty": "oct", "k": "AQAB"})]), &["entry 2", "oct"]);
    refused("duplicate kid", set(&[rsa(), changed(p256(), json!({"kid": "a"}))]), &["kid a", "rename"]);
    refused("kid is a number", entry(changed(rsa(), json!({"kid": 1}))), &["entry 1", "kid"]);
    refused("empty kid", entry(changed(rsa(), json!({"kid": ""}))), &["kid"]);
    refused("no kty", entry(changed(rsa(), json!({"kty": null}))), &["`kty`"]);
    refused("key_ops is a string", entry(changed(rsa(), json!({"key_ops": "verify"}))), &["key_ops", "list"]);
}

#[test]
fn texts_that_are_no_key_set_are_refused() {
    let text = |text: &str| KeySet::from_jwks(text.as_bytes());
    refused("empty", text(""), &["no key set", "\"keys\""]);
    refused("a list", text("[]"), &["a list, not an object"]);
    refused("no keys", text("{}"), &["no list `keys`"]);
    refused("keys is an object", text(r#"{"keys":{}}"#), &["no list `keys`"]);
    refused("no entries", text(r#"{"keys":[]}"#), &["empty", "at least one"]);
    refused("an entry is a string", text(r#"{"keys":["a"]}"#), &["entry 1", "a string"]);
    refused("a key twice", text(r#"{"keys":[],"keys":[]}"#), &["occurs twice"]);
    refused("a PEM file", text(tokens::WEAK_RSA_1024), &["no key set"]);
}

#[test]
fn entries_for_somebody_else_are_skipped_and_noted() {
    #[track_caller]
    fn check(other: Value, says: &str) {
        refused(says, set(std::slice::from_ref(&other)), &["no key that can be used", says]);
        let set = set(&[other, changed(rsa(), json!({"kid": "good"}))]).unwrap();
        assert_eq!((set.keys().len(), set.notes().len()), (1, 1));
        assert!(set.notes()[0].contains(says), "{}", set.notes()[0]);
    }
    check(changed(rsa(), json!({"use": "enc"})), "key a is skipped: its use is enc");
    check(changed(rsa(), json!({"alg": "RSA-OAEP"})), "its alg is RSA-OAEP");
    check(changed(rsa(), json!({"alg": "none"})), "its alg is none");
    check(changed(rsa(), json!({"key_ops": ["sign", "encrypt"]})), "key_ops lack verify");
    check(changed(p256(), json!({"crv": "P-521", "alg": null})), "its crv is P-521");
    check(json!({"kty": "OKP", "crv": "X25519", "x": "AA"}), "entry 1 of `keys` is skipped: its crv is X25519");
    check(json!({"kty": "AKP"}), "its kty is AKP");
}

#[test]
fn good_sets_are_read() {
    let keys: Vec<_> =
        [Alg::RS256, Alg::ES256, Alg::ES384, Alg::EdDSA].iter().map(|alg| Signer::fixed(*alg, None).jwk()).collect();
    let set = set(&keys).unwrap();
    let kinds: Vec<_> = set.keys().iter().map(super::SigningKey::kind).collect();
    assert_eq!(kinds, [KeyKind::Rsa, KeyKind::P256, KeyKind::P384, KeyKind::Ed25519]);
    assert!(set.notes().is_empty());
    let lenient = changed(rsa(), json!({"use": null, "alg": null, "key_ops": ["verify"], "x5c": ["…"]}));
    let set = super::tests::set(&[lenient]).unwrap();
    assert!(set.keys()[0].fits(Algorithm::PS256) && !set.keys()[0].fits(Algorithm::ES256));
    assert_eq!(set.keys()[0].signature_bytes(), 256);
}

#[test]
fn pem_files() {
    #[track_caller]
    fn check(pem: &str, expected: KeyKind) {
        let set = KeySet::from_pem(pem.as_bytes(), Some("a")).unwrap();
        assert_eq!((set.keys()[0].kind(), set.keys()[0].kid()), (expected, Some("a")));
    }
    check(&Signer::fixed(Alg::RS256, None).public_pem(), KeyKind::Rsa);
    check(&Signer::fixed(Alg::ES256, None).public_pem(), KeyKind::P256);
    check(&Signer::fixed(Alg::ES384, None).public_pem(), KeyKind::P384);
    check(&Signer::fixed(Alg::EdDSA, None).public_pem(), KeyKind::Ed25519);
    check(tokens::RSA_A_PKCS1, KeyKind::Rsa);
    check(tokens::RSA_A_CERTIFICATE, KeyKind::Rsa);
    check(tokens::EC_P256_CERTIFICATE, KeyKind::P256);
    check(&Signer::fixed(Alg::RS256, None).public_pem().replace('\n', "\r\n"), KeyKind::Rsa);
    check(&format!("made by hand\n\n{}", Signer::fixed(Alg::RS256, None).public_pem()), KeyKind::Rsa);
}

#[test]
fn pem_files_with_a_fault_are_refused() {
    let pem = |text: &str| KeySet::from_pem(text.as_bytes(), Some("a"));
    let good = Signer::fixed(Alg::RS256, None).public_pem();
    refused("1024 bits", pem(tokens::WEAK_RSA_1024), &["key a", "1024 bits"]);
    refused("P-521", pem(tokens::EC_P521), &["PUBLIC KEY", "P-256"]);
    refused("secp256k1", pem(tokens::EC_SECP256K1), &["PUBLIC KEY", "P-256"]);
    refused("Ed448", pem(tokens::ED448), &["PUBLIC KEY", "Ed25519"]);
    refused("private", pem(tokens::RSA_A), &["private key", "openssl pkey"]);
    refused("private and public", pem(&format!("{good}{}", tokens::RSA_A)), &["private key"]);
    refused("PKCS#1 private", pem("-----BEGIN RSA PRIVATE KEY-----\nAA==\n"), &["private key"]);
    refused("encrypted", pem("-----BEGIN ENCRYPTED PRIVATE KEY-----\nAA==\n"), &["private key"]);
    refused("two", pem(&format!("{good}{good}")), &["2 PEM blocks"]);
    refused(
        "parameters",
        pem("-----BEGIN EC PARAMETERS-----\nAA==\n-----END EC PARAMETERS-----\n"),
        &["EC PARAMETERS"],
    );
    refused("empty", pem(""), &["no PEM file", "jwksFile"]);
    refused("a key set", pem(&tokens::jwks(&[])), &["no PEM file"]);
    refused(
        "no base64",
        pem("-----BEGIN PUBLIC KEY-----\n!\n-----END PUBLIC KEY-----\n"),
        &["no key that can be used"],
    );
    refused("no DER", pem(&tokens::pem("PUBLIC KEY", b"hello")), &["no key that can be used"]);
    refused("cut short", pem(good.get(..200).unwrap()), &["no key that can be used"]);
    refused("kid", KeySet::from_pem(good.as_bytes(), Some("")), &["kid"]);
    refused("long kid", KeySet::from_pem(good.as_bytes(), Some(&"k".repeat(257))), &["256 bytes"]);
}

#[test]
fn secrets() {
    refused("31 bytes", KeySet::from_secret(&[7; 31], None, Algorithm::HS256), &["31 bytes", "32"]);
    refused("RS256", KeySet::from_secret(&[7; 64], None, Algorithm::RS256), &["HS256", "RS256"]);
    assert!(KeySet::from_secret(&[7; 32], None, Algorithm::HS256).unwrap().keys()[0].fits(Algorithm::HS256));
}

#[test]
fn sets_are_merged() {
    let one = |alg, kid| KeySet::from_pem(Signer::fixed(alg, None).public_pem().as_bytes(), kid).unwrap();
    let merged = KeySet::merge(vec![one(Alg::RS256, Some("a")), one(Alg::ES256, Some("b")), one(Alg::EdDSA, None)]);
    assert_eq!(merged.unwrap().keys().len(), 3);
    refused("same kid", KeySet::merge(vec![one(Alg::RS256, Some("a")), one(Alg::ES256, Some("a"))]), &["kid a"]);
    refused("nothing", KeySet::merge(Vec::new()), &["no keys"]);
    let secret = KeySet::from_secret(&[7; 32], None, Algorithm::HS256).unwrap();
    refused("with a secret", KeySet::merge(vec![one(Alg::RS256, Some("a")), secret]), &["secret and public keys"]);
}

#[test]
fn a_fingerprint_stands_for_what_a_set_verifies() {
    let a = || KeySet::from_jwks(json!({ "keys": [rsa()] }).to_string().as_bytes()).unwrap();
    let e = || KeySet::from_jwks(json!({ "keys": [p256()] }).to_string().as_bytes()).unwrap();
    let merged = |sets| KeySet::merge(sets).unwrap().fingerprint();
    assert_eq!(merged(vec![a(), e()]), merged(vec![e(), a()]));
    assert_ne!(merged(vec![a(), e()]), merged(vec![a()]));
    let with = |members| set(&[changed(rsa(), members)]).unwrap().fingerprint();
    assert_eq!(a().fingerprint(), with(json!({"use": null})));
    let others = [json!({"kid": "b"}), json!({"kid": null}), json!({"alg": "RS512"}), json!({"alg": null})];
    assert!(others.into_iter().all(|members| with(members) != a().fingerprint()));
    let other_key = Signer::from_pem(Alg::RS256, Some("a"), tokens::RSA_B).jwk();
    assert_ne!(set(&[other_key]).unwrap().fingerprint(), a().fingerprint());
    assert_eq!(format!("{:?}", a()), r#"[(Rsa, Some("a"))]"#);
}
