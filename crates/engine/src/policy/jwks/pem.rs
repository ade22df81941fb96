//! One public key from a PEM file. jsonwebtoken reads the block; what kind of key is in it is found out by trying, and proved by
//! [`SigningKey`]'s own checks.

use super::algorithm::KeyKind;
use super::fault::KeyFault;
use super::key::SigningKey;
use aws_lc_rs::signature::{RsaPublicKeyComponents, RsaSubjectPublicKey};
use jsonwebtoken::DecodingKey;

pub(super) fn read(pem: &[u8], key: &str) -> Result<SigningKey, KeyFault> {
    let text = std::str::from_utf8(pem).map_err(|_| KeyFault::PemUnreadable)?;
    let mut labels = text.lines().filter_map(|line| line.trim().strip_prefix("-----BEGIN ")?.strip_suffix("-----"));
    let label = labels.next().ok_or(KeyFault::PemUnreadable)?;
    let blocks = labels.count().saturating_add(1);
    if text.contains("PRIVATE KEY-----") {
        return Err(KeyFault::PrivateKey { key: key.into() });
    }
    if blocks > 1 {
        return Err(KeyFault::PemSeveral { blocks });
    }
    if !matches!(label, "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE") {
        return Err(KeyFault::PemLabelUnknown { label: label.into() });
    }
    public_key(pem, key).unwrap_or_else(|| Err(KeyFault::PublicKeyUnreadable { label: label.into() }))
}

/// None if the block holds nothing that we know.
fn public_key(pem: &[u8], key: &str) -> Option<Result<SigningKey, KeyFault>> {
    if let Ok(decoding) = DecodingKey::from_rsa_pem(pem) {
        return rsa(&decoding, key);
    }
    let (kind, decoding) = match (DecodingKey::from_ec_pem(pem), DecodingKey::from_ed_pem(pem)) {
        (Ok(decoding), _) if decoding.try_get_as_bytes().is_ok_and(|point| point.len() == 97) => {
            (KeyKind::P384, decoding)
        }
        (Ok(decoding), _) => (KeyKind::P256, decoding),
        (Err(_), Ok(decoding)) => (KeyKind::Ed25519, decoding),
        (Err(_), Err(_)) => return None,
    };
    // The block does not say which curve it is in a way that jsonwebtoken passes on: another curve's point shows here.
    SigningKey::point(key, kind, decoding.try_get_as_bytes().ok()?).ok().map(Ok)
}

/// None if what looked like an RSA key is none.
fn rsa(decoding: &DecodingKey, key: &str) -> Option<Result<SigningKey, KeyFault>> {
    let public = RsaSubjectPublicKey::from_der(decoding.try_get_as_bytes().ok()?).ok()?;
    let numbers = RsaPublicKeyComponents::<Vec<u8>>::from(&public);
    Some(SigningKey::rsa(key, &numbers.n, &numbers.e))
}
