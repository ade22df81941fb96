use aws_lc_rs::signature as s;
use base64::Engine as _;
use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use testkit::tokens::*;
fn b(c: &mut Criterion) {
    for (alg, params) in [
        (Algorithm::RS256, &s::RSA_PKCS1_2048_8192_SHA256 as &'static dyn s::VerificationAlgorithm),
        (Algorithm::PS256, &s::RSA_PSS_2048_8192_SHA256),
        (Algorithm::ES256, &s::ECDSA_P256_SHA256_FIXED),
        (Algorithm::ES384, &s::ECDSA_P384_SHA384_FIXED),
        (Algorithm::EdDSA, &s::ED25519),
    ] {
        let signer = Signer::fixed(alg, Some("a"));
        let token = signer.token(&serde_json::json!({"iss":"https://idp.example.com/","sub":"acme","aud":"orders-api","exp":1800000000u64,"scope":"a b c"}));
        let (msg, sig) = token.rsplit_once('.').unwrap();
        let pem = signer.public_pem();
        let key = match alg.family() {
            jsonwebtoken::AlgorithmFamily::Rsa => jsonwebtoken::DecodingKey::from_rsa_pem(pem.as_bytes()),
            jsonwebtoken::AlgorithmFamily::Ec => jsonwebtoken::DecodingKey::from_ec_pem(pem.as_bytes()),
            _ => jsonwebtoken::DecodingKey::from_ed_pem(pem.as_bytes()),
        }
        .unwrap();
        c.bench_function(&format!("jsonwebtoken {alg:?}"), |b| {
            b.iter(|| {
                assert!(jsonwebtoken::crypto::verify(black_box(sig), black_box(msg.as_bytes()), &key, alg).unwrap())
            })
        });
        let parsed = s::ParsedPublicKey::new(params, key.try_get_as_bytes().unwrap()).unwrap();
        c.bench_function(&format!("parsed {alg:?}"), |b| {
            b.iter(|| {
                let sig = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(black_box(sig)).unwrap();
                parsed.verify_sig(black_box(msg.as_bytes()), &sig).unwrap()
            })
        });
    }
}
criterion_group!(g, b);
criterion_main!(g);
