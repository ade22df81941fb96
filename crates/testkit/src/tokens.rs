//! Tokens for tests and for the demo: genuine ones of every algorithm, and whatever a hostile client could send instead.
//!
//! Signs with aws-lc directly, so that what verifies a token in the gateway is not what made it. Headers and claims go in as they
//! are: nothing here knows what a token should look like.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "a test key that does not work should stop the test"
)]

use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RsaEncoding, RsaKeyPair,
    RsaPublicKeyComponents,
};
use aws_lc_rs::{hmac, rsa};
use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
pub use jsonwebtoken::Algorithm;
use serde_json::{Map, Value, json};

/// Private key of `keys/`, known to everybody.
pub const RSA_A: &str = include_str!("../keys/rsa-a.pem");
/// Private key of `keys/`, known to everybody.
pub const RSA_B: &str = include_str!("../keys/rsa-b.pem");
const EC_P256: &str = include_str!("../keys/ec-p256.pem");
const EC_P384: &str = include_str!("../keys/ec-p384.pem");
const ED25519: &str = include_str!("../keys/ed25519.pem");
const SECRET: &[u8] = b"a secret that everybody knows by heart";

/// [`RSA_A`]'s public part in PKCS#1.
pub const RSA_A_PKCS1: &str = include_str!("../keys/rsa-a.pkcs1.pub.pem");
/// A self-signed certificate of [`RSA_A`].
pub const RSA_A_CERTIFICATE: &str = include_str!("../keys/rsa-a.certificate.pem");
/// A self-signed certificate of the fixed P-256 key.
pub const EC_P256_CERTIFICATE: &str = include_str!("../keys/ec-p256.certificate.pem");
/// Public keys that a gateway has to refuse.
pub const WEAK_RSA_1024: &str = include_str!("../keys/weak-rsa-1024.pub.pem");
pub const EC_P521: &str = include_str!("../keys/ec-p521.pub.pem");
pub const EC_SECP256K1: &str = include_str!("../keys/ec-secp256k1.pub.pem");
pub const ED448: &str = include_str!("../keys/ed448.pub.pem");

/// A key that signs, the algorithm it signs with and the `kid` it is known by.
#[derive(Debug)]
pub struct Signer {
    algorithm: Algorithm,
    kid: Option<String>,
    private: Private,
}

#[derive(Debug)]
enum Private {
    Rsa(RsaKeyPair),
    Ec(EcdsaKeyPair),
    Ed(Ed25519KeyPair),
    Secret(Vec<u8>),
}

impl Signer {
    /// The fixed key that fits the algorithm: the same in every process, so that a config file can hold its public part.
    #[must_use]
    pub fn fixed(algorithm: Algorithm, kid: Option<&str>) -> Self {
        match algorithm.family() {
            jsonwebtoken::AlgorithmFamily::Rsa => Self::from_pem(algorithm, kid, RSA_A),
            jsonwebtoken::AlgorithmFamily::Ec if algorithm == Algorithm::ES384 => {
                Self::from_pem(algorithm, kid, EC_P384)
            }
            jsonwebtoken::AlgorithmFamily::Ec => Self::from_pem(algorithm, kid, EC_P256),
            jsonwebtoken::AlgorithmFamily::Ed => Self::from_pem(algorithm, kid, ED25519),
            jsonwebtoken::AlgorithmFamily::Hmac => Self::secret(algorithm, kid, SECRET),
        }
    }

    /// A key that nobody has seen yet. RSA takes a while: prefer [`Self::fixed`].
    #[must_use]
    pub fn generated(algorithm: Algorithm, kid: Option<&str>) -> Self {
        let random = SystemRandom::new();
        let private = match algorithm.family() {
            jsonwebtoken::AlgorithmFamily::Rsa => {
                Private::Rsa(RsaKeyPair::generate(rsa::KeySize::Rsa2048).expect("an RSA key"))
            }
            jsonwebtoken::AlgorithmFamily::Ec => {
                Private::Ec(EcdsaKeyPair::generate(curve(algorithm)).expect("an EC key"))
            }
            jsonwebtoken::AlgorithmFamily::Ed => Private::Ed(Ed25519KeyPair::generate().expect("an Ed25519 key")),
            jsonwebtoken::AlgorithmFamily::Hmac => {
                let secret: [u8; 64] = aws_lc_rs::rand::generate(&random).expect("randomness").expose();
                Private::Secret(secret.to_vec())
            }
        };
        Self { algorithm, kid: kid.map(str::to_owned), private }
    }

    /// A private key in PKCS#8.
    #[must_use]
    pub fn from_pem(algorithm: Algorithm, kid: Option<&str>, pem: &str) -> Self {
        let body: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
        let der = STANDARD.decode(body).expect("PEM holds base64");
        let private = match algorithm.family() {
            jsonwebtoken::AlgorithmFamily::Rsa => Private::Rsa(RsaKeyPair::from_pkcs8(&der).expect("an RSA key")),
            jsonwebtoken::AlgorithmFamily::Ec => {
                Private::Ec(EcdsaKeyPair::from_pkcs8(curve(algorithm), &der).expect("an EC key"))
            }
            jsonwebtoken::AlgorithmFamily::Ed => Private::Ed(Ed25519KeyPair::from_pkcs8(&der).expect("an Ed25519 key")),
            jsonwebtoken::AlgorithmFamily::Hmac => Private::Secret(der),
        };
        Self { algorithm, kid: kid.map(str::to_owned), private }
    }

    /// Any bytes as an HMAC key, a public key's PEM among them.
    #[must_use]
    pub fn secret(algorithm: Algorithm, kid: Option<&str>, secret: &[u8]) -> Self {
        Self { algorithm, kid: kid.map(str::to_owned), private: Private::Secret(secret.to_vec()) }
    }

    /// `{"alg":…,"typ":"JWT","kid":…}`, without `kid` if the signer has none.
    #[must_use]
    pub fn header(&self) -> Map<String, Value> {
        let mut header = Map::new();
        header.insert("alg".into(), json!(format!("{:?}", self.algorithm)));
        header.insert("typ".into(), json!("JWT"));
        if let Some(kid) = &self.kid {
            header.insert("kid".into(), json!(kid));
        }
        header
    }

    /// A genuine token with these claims.
    #[must_use]
    pub fn token(&self, claims: &Value) -> String {
        self.token_of(Value::Object(self.header()).to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A genuine signature over the usual header with these members added or replaced.
    #[must_use]
    pub fn token_with(&self, members: &Value, claims: &Value) -> String {
        let mut header = self.header();
        header.extend(members.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), value.clone())));
        self.token_of(Value::Object(header).to_string().as_bytes(), claims.to_string().as_bytes())
    }

    /// A genuine signature over any bytes.
    #[must_use]
    pub fn token_of(&self, header: &[u8], payload: &[u8]) -> String {
        let message = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(payload));
        let signature = self.sign(message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    #[must_use]
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.private {
            Private::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(rsa_encoding(self.algorithm), &random, message, &mut signature).expect("an RSA signature");
                signature
            }
            Private::Ec(key) => key.sign(&random, message).expect("an EC signature").as_ref().to_vec(),
            Private::Ed(key) => key.sign(message).as_ref().to_vec(),
            Private::Secret(secret) => {
                hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message).as_ref().to_vec()
            }
        }
    }

    /// What a key set would publish, with `alg`, `use` and `kid`. A secret comes as `oct`, which no set should hold.
    #[must_use]
    pub fn jwk(&self) -> Value {
        let encode = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
        let mut jwk = match &self.private {
            Private::Rsa(key) => {
                let public = RsaPublicKeyComponents::<Vec<u8>>::from(key.public_key());
                json!({"kty": "RSA", "n": encode(&public.n), "e": encode(&public.e)})
            }
            Private::Ec(key) => {
                let point = key.public_key().as_ref();
                let (x, y) = point.get(1..).expect("a point").split_at((point.len() - 1) / 2);
                let curve = if self.algorithm == Algorithm::ES384 { "P-384" } else { "P-256" };
                json!({"kty": "EC", "crv": curve, "x": encode(x), "y": encode(y)})
            }
            Private::Ed(key) => json!({"kty": "OKP", "crv": "Ed25519", "x": encode(key.public_key().as_ref())}),
            Private::Secret(secret) => json!({"kty": "oct", "k": encode(secret)}),
        };
        let members = jwk.as_object_mut().expect("an object");
        members.insert("use".into(), json!("sig"));
        members.insert("alg".into(), json!(format!("{:?}", self.algorithm)));
        if let Some(kid) = &self.kid {
            members.insert("kid".into(), json!(kid));
        }
        jwk
    }

    /// The public key as `-----BEGIN PUBLIC KEY-----`; a secret has none.
    #[must_use]
    pub fn public_pem(&self) -> String {
        let der: PublicKeyX509Der<'_> = match &self.private {
            Private::Rsa(key) => key.public_key().as_der(),
            Private::Ec(key) => key.public_key().as_der(),
            Private::Ed(key) => key.public_key().as_der(),
            Private::Secret(_) => return String::new(),
        }
        .expect("a public key");
        pem("PUBLIC KEY", der.as_ref())
    }

    /// The secret's bytes; nothing for other keys.
    #[must_use]
    pub fn secret_bytes(&self) -> &[u8] {
        match &self.private {
            Private::Secret(secret) => secret,
            Private::Rsa(_) | Private::Ec(_) | Private::Ed(_) => &[],
        }
    }
}

/// A key set as an identity provider publishes it.
#[must_use]
pub fn jwks(signers: &[&Signer]) -> String {
    json!({"keys": signers.iter().map(|signer| signer.jwk()).collect::<Vec<_>>()}).to_string()
}

/// Three parts in compact form, signed by nobody.
#[must_use]
pub fn unsigned(header: &[u8], payload: &[u8], signature: &[u8]) -> String {
    let parts = [header, payload, signature].map(|part| URL_SAFE_NO_PAD.encode(part));
    parts.join(".")
}

/// The same token with another signature.
#[must_use]
pub fn with_signature(token: &str, signature: &[u8]) -> String {
    let message = token.rsplit_once('.').map_or(token, |(message, _)| message);
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// A PEM block of 64 columns.
#[must_use]
pub fn pem(label: &str, der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut pem = format!("-----BEGIN {label}-----\n");
    for (index, digit) in text.chars().enumerate() {
        if index > 0 && index % 64 == 0 {
            pem.push('\n');
        }
        pem.push(digit);
    }
    pem.push_str("\n-----END ");
    pem.push_str(label);
    pem.push_str("-----\n");
    pem
}

fn curve(algorithm: Algorithm) -> &'static aws_lc_rs::signature::EcdsaSigningAlgorithm {
    if algorithm == Algorithm::ES384 { &ECDSA_P384_SHA384_FIXED_SIGNING } else { &ECDSA_P256_SHA256_FIXED_SIGNING }
}

fn rsa_encoding(algorithm: Algorithm) -> &'static dyn RsaEncoding {
    if algorithm == Algorithm::RS384 {
        &RSA_PKCS1_SHA384
    } else if algorithm == Algorithm::RS512 {
        &RSA_PKCS1_SHA512
    } else if algorithm == Algorithm::PS256 {
        &RSA_PSS_SHA256
    } else {
        &RSA_PKCS1_SHA256
    }
}
