//! Keys, tokens and requests, made anew for each run: nothing here is a secret worth keeping.

use crate::case::Traffic;
use anyhow::{Context, Result, anyhow};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::{KeyPair as _, RSA_PKCS1_SHA256};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use std::fmt::Write as _;

pub(crate) const HOST: &str = "api.example.com";
pub(crate) const ISSUER: &str = "https://idp.example.com/";
pub(crate) const AUDIENCE: &str = "orders-api";
pub(crate) const KEY_ID: &str = "bench";
/// The header that a throttle counts by.
pub(crate) const TENANT: &str = "X-Tenant";
pub(crate) const ROUTES: usize = 1_000;
pub(crate) const KEYS: usize = 10_000;
pub(crate) const TOKENS: usize = 1_000;
pub(crate) const ADDRESSES: usize = 10_000;

pub(crate) struct Material {
    pub(crate) signer: Signer,
    /// Signs what no proxy may accept.
    pub(crate) stranger: Signer,
    /// What clients send; the n-th belongs to consumer n.
    pub(crate) api_keys: Vec<String>,
    /// The n-th belongs to consumer n.
    pub(crate) tokens: Vec<String>,
    now_unix_s: u64,
}

pub(crate) struct Signer {
    keys: KeyPair,
    random: SystemRandom,
}

impl Material {
    pub(crate) fn new(now_unix_s: u64) -> Result<Self> {
        let signer = Signer::new()?;
        let api_keys = (0..KEYS).map(|_| api_key()).collect::<Result<Vec<_>>>()?;
        let mut material = Self { signer, stranger: Signer::new()?, api_keys, tokens: Vec::new(), now_unix_s };
        material.tokens = (0..TOKENS)
            .map(|number| material.signer.token(&material.claims(&consumer(number))))
            .collect::<Result<Vec<_>>>()?;
        Ok(material)
    }

    /// The claims of a good token, good for a day.
    pub(crate) fn claims(&self, consumer: &str) -> Value {
        json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": consumer, "iat": self.now_unix_s, "exp": self.now_unix_s + 86_400,
            "scope": "orders:read orders:write", "jti": format!("{consumer}-0123456789abcdef"),
        })
    }

    pub(crate) fn expired_claims(&self, consumer: &str) -> Value {
        let mut claims = self.claims(consumer);
        if let Some(expiry) = claims.get_mut("exp") {
            *expiry = json!(self.now_unix_s - 3_600);
        }
        claims
    }

    /// The requests that a case rotates through.
    pub(crate) fn requests(&self, traffic: Traffic) -> Vec<Vec<u8>> {
        let first = route_path(0);
        match traffic {
            Traffic::Plain => vec![get(&first, &[])],
            Traffic::Routes => (0..ROUTES).map(|number| get(&route_path(number), &[])).collect(),
            Traffic::Keys => self.api_keys.iter().map(|key| get(&first, &[("x-api-key", key)])).collect(),
            Traffic::OneToken => self.tokens.iter().take(1).map(|token| with_token(&first, token)).collect(),
            Traffic::Tokens => self.tokens.iter().map(|token| with_token(&first, token)).collect(),
            Traffic::Full => self
                .tokens
                .iter()
                .enumerate()
                .map(|(number, token)| with_token(&route_path(number % ROUTES), token))
                .collect(),
            Traffic::Addresses => (0..ADDRESSES).map(|number| from_address(&first, number)).collect(),
            Traffic::Tenants => (0..ADDRESSES).map(|number| of_tenant(&first, number)).collect(),
            Traffic::Body1k => vec![post(&first, &order(1024, 1))],
            Traffic::Body64k => vec![post(&first, &order(64 * 1024, 1))],
        }
    }
}

impl Signer {
    fn new() -> Result<Self> {
        let keys = KeyPair::generate(KeySize::Rsa2048).map_err(|_| anyhow!("cannot make an RSA key"))?;
        Ok(Self { keys, random: SystemRandom::new() })
    }

    pub(crate) fn token(&self, claims: &Value) -> Result<String> {
        let signed = signing_input("RS256", claims);
        let mut signature = vec![0; self.keys.public_modulus_len()];
        self.keys
            .sign(&RSA_PKCS1_SHA256, &self.random, signed.as_bytes(), &mut signature)
            .map_err(|_| anyhow!("cannot sign a token"))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }

    /// The confusion of algorithms: an HS256 token whose secret is the public key's PEM text.
    pub(crate) fn confused_token(&self, claims: &Value) -> Result<String> {
        let signed = signing_input("HS256", claims);
        let key = hmac::Key::new(hmac::HMAC_SHA256, self.public_pem()?.as_bytes());
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(hmac::sign(&key, signed.as_bytes()))))
    }

    pub(crate) fn public_pem(&self) -> Result<String> {
        let der: PublicKeyX509Der =
            self.keys.public_key().as_der().map_err(|_| anyhow!("cannot encode a public key"))?;
        let text = STANDARD.encode(der.as_ref());
        let mut pem = String::from("-----BEGIN PUBLIC KEY-----\n");
        for line in text.as_bytes().chunks(64) {
            pem.push_str(std::str::from_utf8(line).context("base64 is ASCII")?);
            pem.push('\n');
        }
        pem.push_str("-----END PUBLIC KEY-----\n");
        Ok(pem)
    }
}

/// A token with `alg: none` and an empty signature.
pub(crate) fn unsigned_token(claims: &Value) -> String {
    format!("{}.", signing_input("none", claims))
}

fn signing_input(algorithm: &str, claims: &Value) -> String {
    let header = json!({ "alg": algorithm, "typ": "JWT", "kid": KEY_ID }).to_string();
    format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims.to_string()))
}

fn api_key() -> Result<String> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| anyhow!("no random bytes"))?;
    Ok(format!("bench_{}", hex(&bytes)))
}

pub(crate) fn sha256_hex(text: &str) -> String {
    hex(digest(&SHA256, text.as_bytes()).as_ref())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

pub(crate) fn consumer(number: usize) -> String {
    format!("client-{number:04}")
}

pub(crate) fn route(number: usize) -> String {
    format!("service-{number:04}")
}

/// The path prefix of a route, without its slash at the end.
pub(crate) fn route_prefix(number: usize) -> String {
    format!("/v1/{}", route(number))
}

pub(crate) fn route_path(number: usize) -> String {
    format!("{}/items/4711", route_prefix(number))
}

pub(crate) fn with_token(path: &str, token: &str) -> Vec<u8> {
    get(path, &[("Authorization", &format!("Bearer {token}"))])
}

/// As a trusted proxy passes it on.
pub(crate) fn from_address(path: &str, number: usize) -> Vec<u8> {
    get(path, &[("X-Forwarded-For", &format!("100.64.{}.{}", number / 256 % 256, number % 256))])
}

pub(crate) fn of_tenant(path: &str, number: usize) -> Vec<u8> {
    get(path, &[(TENANT, &consumer(number))])
}

pub(crate) fn get(path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    request("GET", path, headers)
}

/// An order of at most this many bytes, which the schema of the rows `schema` takes if the quantity is positive.
pub(crate) fn order(bytes_max: usize, quantity: i64) -> String {
    let item = json!({ "sku": "AB-1234-56789", "quantity": quantity, "price": 12.5, "gift": null });
    let with = |count: usize| json!({ "orderId": "A-1001", "items": vec![&item; count] }).to_string();
    let (empty, one) = (with(0).len(), with(1).len());
    // A comma for each item but the first; one byte to spare for it.
    with(((bytes_max - empty) / (one - empty + 1)).max(1))
}

pub(crate) fn post(path: &str, body: &str) -> Vec<u8> {
    let length = body.len().to_string();
    let mut bytes = request("POST", path, &[("Content-Type", "application/json"), ("Content-Length", &length)]);
    bytes.extend_from_slice(body.as_bytes());
    bytes
}

pub(crate) fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Vec<u8> {
    let mut text =
        format!("{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: tollgate-loadtest\r\nAccept: */*\r\n");
    for (name, value) in headers {
        // Writing to a String cannot fail.
        let _ = write!(text, "{name}: {value}\r\n");
    }
    text.push_str("\r\n");
    text.into_bytes()
}
