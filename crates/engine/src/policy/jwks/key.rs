//! One key that verifies signatures, checked once at load: afterwards it is strong enough, on its curve and of a known kind.

use super::algorithm::{Algorithm, KeyKind};
use super::fault::KeyFault;
use super::thumbprint::Thumbprint;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ED25519, ParsedPublicKey};
use jsonwebtoken::DecodingKey;
use sha2::{Digest, Sha256};

const RSA_BITS_MIN: usize = 2048;
const RSA_BITS_MAX: usize = 8192;
/// As long as the hash of HS256 (RFC 7518, 3.2).
const SECRET_BYTES_MIN: usize = 32;

/// A key, its name in tokens and what it may be used for.
#[derive(Clone)]
pub(crate) struct SigningKey {
    kid: Option<Box<str>>,
    kind: KeyKind,
    /// From a JWK's `alg`; without it every algorithm of the kind fits.
    only: Option<Algorithm>,
    signature: SignatureBytes,
    decoding: DecodingKey,
    /// Of the key's public numbers or secret.
    sha256: [u8; 32],
    /// None for a secret.
    thumbprint: Option<Thumbprint>,
}

/// What a key is known by, for the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyFacts {
    pub kid: Option<Box<str>>,
    pub kind: KeyKind,
    /// The only algorithm that it serves, if its `alg` says so.
    pub algorithm: Option<Algorithm>,
    /// None for a secret.
    pub thumbprint: Option<Thumbprint>,
}

/// How long a signature by this key is.
#[derive(Clone, Copy)]
struct SignatureBytes(usize);

impl SigningKey {
    /// Big-endian numbers, as a JWK has them.
    pub(super) fn rsa(key: &str, modulus: &[u8], exponent: &[u8]) -> Result<Self, KeyFault> {
        let modulus = without_leading_zeros(modulus);
        let exponent = without_leading_zeros(exponent);
        let unused = modulus.first().map_or(0, |byte| byte.leading_zeros() as usize);
        let bits = modulus.len().saturating_mul(8).saturating_sub(unused);
        if !(RSA_BITS_MIN..=RSA_BITS_MAX).contains(&bits) {
            return Err(KeyFault::RsaBits { key: key.into(), bits });
        }
        let odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
        // aws-lc refuses exponents over 33 bits at the first signature: better now.
        if !odd(modulus) || !odd(exponent) || exponent == [1] || exponent.len() > 4 {
            return Err(KeyFault::RsaExponent { key: key.into() });
        }
        let decoding = DecodingKey::from_rsa_raw_components(modulus, exponent);
        let length = SignatureBytes(modulus.len());
        let thumbprint = Thumbprint::rsa(modulus, exponent);
        Ok(Self::new(KeyKind::Rsa, length, decoding, &[modulus, exponent]).printed(thumbprint))
    }

    /// An uncompressed point of P-256 or P-384, or the 32 bytes of an Ed25519 key.
    pub(super) fn point(key: &str, kind: KeyKind, point: &[u8]) -> Result<Self, KeyFault> {
        let invalid = || KeyFault::PointInvalid { key: key.into(), kind };
        let (point_bytes, parsed, decoding, signature) = match kind {
            KeyKind::P256 => {
                (65, ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point), DecodingKey::from_ec_der(point), 64)
            }
            KeyKind::P384 => {
                (97, ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, point), DecodingKey::from_ec_der(point), 96)
            }
            KeyKind::Ed25519 => (32, ParsedPublicKey::new(&ED25519, point), DecodingKey::from_ed_der(point), 64),
            KeyKind::Rsa | KeyKind::Secret => return Err(invalid()),
        };
        if point.len() != point_bytes || parsed.is_err() {
            return Err(invalid());
        }
        let thumbprint = match kind {
            KeyKind::P256 => Thumbprint::ec("P-256", point),
            KeyKind::P384 => Thumbprint::ec("P-384", point),
            KeyKind::Ed25519 | KeyKind::Rsa | KeyKind::Secret => Thumbprint::ed25519(point),
        };
        Ok(Self::new(kind, SignatureBytes(signature), decoding, &[point]).printed(thumbprint))
    }

    pub(super) fn secret(secret: &[u8]) -> Result<Self, KeyFault> {
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyFault::SecretTooShort { bytes: secret.len(), bytes_min: SECRET_BYTES_MIN });
        }
        Ok(Self::new(KeyKind::Secret, SignatureBytes(32), DecodingKey::from_secret(secret), &[secret]))
    }

    fn new(kind: KeyKind, signature: SignatureBytes, decoding: DecodingKey, material: &[&[u8]]) -> Self {
        let mut hash = Sha256::new_with_prefix(kind.name());
        for part in material {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        Self { kid: None, kind, only: None, signature, decoding, sha256: hash.finalize().into(), thumbprint: None }
    }

    const fn printed(mut self, thumbprint: Thumbprint) -> Self {
        self.thumbprint = Some(thumbprint);
        self
    }

    pub(super) fn known_as(mut self, kid: Option<Box<str>>) -> Self {
        self.kid = kid;
        self
    }

    pub(super) fn limited_to(mut self, algorithm: Option<Algorithm>, key: &str) -> Result<Self, KeyFault> {
        if let Some(algorithm) = algorithm
            && algorithm.key_kind() != self.kind
        {
            return Err(KeyFault::AlgorithmMismatch { key: key.into(), algorithm, kind: self.kind });
        }
        self.only = algorithm;
        Ok(self)
    }

    pub(crate) fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    pub(crate) const fn kind(&self) -> KeyKind {
        self.kind
    }

    pub(super) fn facts(&self) -> KeyFacts {
        KeyFacts { kid: self.kid.clone(), kind: self.kind, algorithm: self.only, thumbprint: self.thumbprint }
    }

    pub(crate) fn fits(&self, algorithm: Algorithm) -> bool {
        algorithm.key_kind() == self.kind && self.only.is_none_or(|only| only == algorithm)
    }

    /// How long a signature has to be: exactly so, or it is not even tried (RFC 7518, 3.4; RFC 8017, 8.2.2).
    pub(crate) const fn signature_bytes(&self) -> usize {
        self.signature.0
    }

    /// Whether `signature` (base64url) is this key's over `message`. The caller has asked [`Self::fits`].
    pub(crate) fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &str) -> bool {
        let algorithm = algorithm.in_jsonwebtoken();
        jsonwebtoken::crypto::verify(signature, message, &self.decoding, algorithm).unwrap_or(false)
    }

    /// Of all that decides what this key verifies.
    pub(super) fn fingerprint(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(self.sha256);
        hash.update(self.only.map_or("", Algorithm::name));
        hash.update([0, u8::from(self.kid.is_some())]);
        hash.update(self.kid.as_deref().unwrap_or_default());
        hash.finalize().into()
    }
}

fn without_leading_zeros(mut number: &[u8]) -> &[u8] {
    while let [0, rest @ ..] = number {
        number = rest;
    }
    number
}
