//! What can be wrong with key material. Each sentence says what is wrong and what would be right; none holds a secret.

use super::algorithm::{Algorithm, KeyKind};
use std::fmt;

/// Why a file, a set or a secret yields no keys. `key` names the one at fault: its `kid`, or its place in the set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyFault {
    /// No PEM block was found, or its body is no base64.
    PemUnreadable,
    PemSeveral {
        blocks: usize,
    },
    PemLabelUnknown {
        label: Box<str>,
    },
    /// The DER inside is no public key of a kind that we know.
    PublicKeyUnreadable {
        label: Box<str>,
    },
    PrivateKey {
        key: Box<str>,
    },
    JwksUnreadable {
        why: Box<str>,
    },
    /// Of a set that was fetched.
    JwksTooMany {
        entries: usize,
        entries_max: usize,
    },
    /// No key is left; the notes say why each was skipped.
    JwksEmpty {
        notes: Vec<Box<str>>,
    },
    /// A member of a key is absent or has the wrong type or encoding.
    Member {
        key: Box<str>,
        member: &'static str,
        expected: &'static str,
    },
    SecretInSet {
        key: Box<str>,
    },
    RsaBits {
        key: Box<str>,
        bits: usize,
    },
    RsaExponent {
        key: Box<str>,
    },
    /// `alg` is for another kind of key.
    AlgorithmMismatch {
        key: Box<str>,
        algorithm: Algorithm,
        kind: KeyKind,
    },
    /// Not a point of the curve, or of another length.
    PointInvalid {
        key: Box<str>,
        kind: KeyKind,
    },
    SecretTooShort {
        bytes: usize,
        bytes_min: usize,
    },
    SecretAlgorithm {
        algorithm: Algorithm,
    },
    KidInvalid {
        key: Box<str>,
    },
    KidDuplicate {
        kid: Box<str>,
    },
    /// A secret and public keys for one provider.
    SecretMixed,
    /// Nothing was configured at all.
    NoKeys,
}

impl std::error::Error for KeyFault {}

impl fmt::Display for KeyFault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::PemUnreadable => out.write_str("this is no PEM file"),
            Self::PemSeveral { blocks } => write!(out, "the file holds {blocks} PEM blocks"),
            Self::PemLabelUnknown { label } => write!(out, "a PEM block of type {label} is no public key"),
            Self::PublicKeyUnreadable { label } => write!(out, "the {label} block holds no key that can be used"),
            Self::PrivateKey { key } => write!(out, "{key} is a private key, and only its public part belongs here"),
            Self::JwksUnreadable { why } => write!(out, "this is no key set: {why}"),
            Self::JwksTooMany { entries, entries_max } => {
                write!(out, "the key set has {entries} entries, allowed are {entries_max}")
            }
            Self::JwksEmpty { notes } if notes.is_empty() => out.write_str("the key set is empty"),
            Self::JwksEmpty { notes } => write!(out, "the key set has no key that can be used: {}", notes.join("; ")),
            Self::Member { key, member, expected } => write!(out, "{key}: `{member}` has to be {expected}"),
            Self::SecretInSet { key } => write!(out, "{key} is a secret (kty oct) in a key set"),
            Self::RsaBits { key, bits } => write!(out, "{key} has {bits} bits: an RSA key needs 2048 to 8192"),
            Self::RsaExponent { key } => write!(out, "{key} has an unsafe RSA exponent or modulus"),
            Self::AlgorithmMismatch { key, algorithm, kind } => write!(
                out,
                "{key}: `alg` is {algorithm}, which needs {} keys, but this key is {kind}",
                algorithm.key_kind()
            ),
            Self::PointInvalid { key, kind } => write!(
                out,
                "{key} is no valid {kind} key: its coordinates have the wrong length or are no point of the curve"
            ),
            Self::SecretTooShort { bytes, bytes_min } => {
                write!(out, "the secret has {bytes} bytes: HS256 needs at least {bytes_min}")
            }
            Self::SecretAlgorithm { algorithm } => write!(out, "a secret can only serve HS256, not {algorithm}"),
            Self::KidInvalid { key } => write!(out, "{key}: `kid` has to be a string of 1 to 256 bytes"),
            Self::KidDuplicate { kid } => {
                write!(out, "two keys have the kid {kid}: a token that names it could mean either")
            }
            Self::SecretMixed => out.write_str(
                "a secret and public keys cannot serve one provider: whoever knows the public key could sign with it",
            ),
            Self::NoKeys => out.write_str("no keys: a provider needs at least one"),
        }
    }
}

impl KeyFault {
    /// What to do about it.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::PemUnreadable => {
                "the file has one block that begins with `-----BEGIN PUBLIC KEY-----`; a key set in JSON belongs into `jwksFile`"
            }
            Self::PemSeveral { .. } => "give each key its own file and its own `kid`",
            Self::PemLabelUnknown { .. } => "a block is a PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE",
            Self::PublicKeyUnreadable { .. } => "keys are RSA of 2048 to 8192 bits, EC P-256, EC P-384 or Ed25519",
            Self::PrivateKey { .. } => {
                "make the public part with `openssl pkey -in KEY.pem -pubout`; whoever can read the private one can sign tokens"
            }
            Self::JwksUnreadable { .. } => {
                "a key set is `{\"keys\": […]}` (RFC 7517), as the provider's `jwks_uri` serves it"
            }
            Self::JwksTooMany { .. } => "let the identity provider publish only the keys that it signs with",
            Self::JwksEmpty { .. } => "it needs at least one RSA, EC or Ed25519 key with `\"use\": \"sig\"`",
            Self::Member { .. } | Self::PointInvalid { .. } => {
                "take the key set from the identity provider anew, byte by byte"
            }
            Self::SecretInSet { .. } => {
                "a set holds public keys: for HS256 write `keys: [{ secret: \"${JWT_SECRET}\" }]`"
            }
            Self::RsaBits { .. } => "let the identity provider make a new key; 2048 bits or ES256 are usual",
            Self::RsaExponent { .. } => "both have to be odd and the exponent 3 or more; 65537 is usual",
            Self::AlgorithmMismatch { .. } => "correct or remove the key's `alg`",
            Self::SecretTooShort { .. } => {
                "make a new one with `openssl rand -base64 48`, and give it to the issuer too"
            }
            Self::SecretAlgorithm { .. } => "list `HS256` alone, or give a public key instead of the secret",
            Self::KidInvalid { .. } => "write the `kid` that the tokens' headers have, or leave it out",
            Self::KidDuplicate { .. } => "rename or remove one of them",
            Self::SecretMixed => "make two providers: one with the secret, one with the public keys",
            Self::NoKeys => "add a `pemFile`, a `jwksFile`, a `jwksUrl` or a `secret`",
        }
    }
}
