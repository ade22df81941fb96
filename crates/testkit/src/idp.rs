//! A fake identity provider: publishes a key set and its metadata, rotates, dies, and misbehaves in every way that an upstream can.

#![expect(clippy::expect_used, reason = "without an identity provider the test is over")]

use crate::tokens::{Signer, jwks};
use crate::upstream::{Answer, Behaviour, Misbehaviour, Upstream};
use serde_json::json;
use std::net::SocketAddr;

/// Where the set is.
pub const JWKS: &str = "/jwks.json";
/// Where the metadata may be (`OpenID` Connect Discovery 1.0; RFC 8414).
pub const OPENID: &str = "/.well-known/openid-configuration";
pub const OAUTH: &str = "/.well-known/oauth-authorization-server";

/// Path, status, header lines, body.
pub type PathAnswer<'a> = (&'a str, u16, &'a [(&'a str, &'a str)], &'a str);

/// A running provider; it is dead when dropped.
pub struct IdentityProvider {
    upstream: Upstream,
}

impl IdentityProvider {
    /// On a loopback port that the system chooses.
    ///
    /// # Panics
    /// If no socket or thread can be had.
    #[must_use]
    pub fn start(signers: &[&Signer]) -> Self {
        Self::start_at(([127, 0, 0, 1], 0).into(), signers)
    }

    /// One that comes back to life where another one died.
    ///
    /// # Panics
    /// If no socket or thread can be had.
    #[must_use]
    pub fn start_at(address: SocketAddr, signers: &[&Signer]) -> Self {
        let started = Upstream::start_at(address, Behaviour::ByPath(Vec::new()));
        let provider = Self { upstream: started.expect("an identity provider") };
        provider.publish(signers);
        provider
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.upstream.address()
    }

    /// The issuer of its metadata: its own address.
    #[must_use]
    pub fn issuer(&self) -> String {
        format!("http://{}", self.address())
    }

    /// These keys and no others from now on.
    pub fn publish(&self, signers: &[&Signer]) {
        self.answer(200, &[("Content-Type", "application/jwk-set+json")], &jwks(signers));
    }

    /// This for the key set, and good metadata.
    pub fn answer(&self, status: u16, headers: &[(&str, &str)], body: &str) {
        let metadata = json!({"issuer": self.issuer(), "jwks_uri": format!("{}{JWKS}", self.issuer())}).to_string();
        self.answer_by_path(&[(JWKS, status, headers, body), (OPENID, 200, &[], &metadata)]);
    }

    /// These answers and 404 everywhere else.
    pub fn answer_by_path(&self, answers: &[PathAnswer<'_>]) {
        let answers = answers.iter().map(|(path, status, headers, body)| {
            let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            ((*path).to_owned(), Answer { status: *status, headers, body: body.as_bytes().to_vec() })
        });
        self.upstream.behave(Behaviour::ByPath(answers.collect()));
    }

    /// To whatever it is asked.
    pub fn misbehave(&self, how: Misbehaviour) {
        self.upstream.behave(Behaviour::Misbehave(how));
    }

    /// How often the key set was asked for.
    #[must_use]
    pub fn fetches(&self) -> usize {
        self.asked(JWKS)
    }

    /// How often this path was asked for.
    #[must_use]
    pub fn asked(&self, path: &str) -> usize {
        self.upstream.received().iter().filter(|received| received.path() == path).count()
    }

    /// What stands behind a TLS server of the test's own.
    #[must_use]
    pub fn into_upstream(self) -> Upstream {
        self.upstream
    }
}
