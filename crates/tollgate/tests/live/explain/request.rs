//! Random requests from small alphabets, so that they meet the config's routes and nearly meet them.

use crate::random::Random;
use limits::clock::now;
use serde_json::{Value, json};
use std::fmt;
use testkit::tokens::{Signer, with_signature};

/// Keys and tokens, good and bad, the good ones more often.
pub(super) struct Credentials {
    keys: Vec<&'static str>,
    tokens: Vec<String>,
}

impl Credentials {
    pub(super) fn new(signer: &Signer) -> Self {
        let issued = now().unix_seconds();
        let claims = |changes: Value| {
            let mut claims = json!({
                "iss": "https://idp.test/", "aud": "gateway", "sub": "zoe", "tier": "gold", "scope": "read write",
                "iat": issued - 60, "exp": issued + 3_600,
            });
            let members = claims.as_object_mut().unwrap();
            members.extend(changes.as_object().unwrap().clone());
            members.retain(|_, value| !value.is_null());
            claims
        };
        let good = signer.token(&claims(json!({})));
        let other = signer.token_with(&json!({ "kid": "other" }), &claims(json!({})));
        let none = signer.token_with(&json!({ "alg": "none" }), &claims(json!({})));
        let changed = [
            json!({ "plan": "small" }),
            json!({ "plan": "large", "scope": "write" }),
            json!({ "plan": "nobodys" }),
            json!({ "sub": "gone" }),
            json!({ "sub": "acme" }),
            json!({ "scope": null }),
            json!({ "tier": "bronze" }),
            json!({ "tier": null }),
            json!({ "iss": "https://other.test/" }),
            json!({ "aud": ["x"] }),
            json!({ "exp": issued - 3_600 }),
            json!({ "nbf": issued + 3_600 }),
            json!({ "exp": null }),
        ];
        let mut tokens: Vec<String> = changed.into_iter().map(|changes| signer.token(&claims(changes))).collect();
        tokens.extend([
            with_signature(&good, &[7; 64]),
            with_signature(&good, b"short"),
            other,
            none,
            "garbage".into(),
            "a.b.c".into(),
        ]);
        tokens.extend(std::iter::repeat_n(good, 10));
        let good_keys = ["key-acme", "key-globex", "key-loner"];
        let keys = ["key-gone", "key-revoked", "key-expired", "nobodys-key", "a key", ""];
        Self { keys: [&good_keys[..], &good_keys[..], &keys[..]].concat(), tokens }
    }
}

pub(super) struct RandomRequest {
    pub(super) method: String,
    /// `http://HOST/TARGET`, the target as it is sent.
    pub(super) url: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<String>,
}

const HOSTS: &[&str] =
    &["a.test", "a.test", "a.test", "a.test", "a.test", "a.test", "x.a.test", "y.a.test", "b.test", "c.test"];
const ODD_HOSTS: &[&str] = &[
    "A.Test",
    "a.test:8080",
    "a.test.",
    "a..test",
    "*.a.test",
    "[::1]",
    "127.0.0.1",
    "a_b.test",
    "xa.test",
    "a.test:x",
];
const METHODS: &[&str] = &["GET", "GET", "GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"];
const ODD_METHODS: &[&str] = &["get", "G@T", "CONNECT", "TRACE", "BREW", "G(T"];
/// Paths of the config.
const KNOWN: &[&str] = &[
    "/a", "/a/b", "/a/x", "/a/b/b", "/x/b/y", "/k", "/k", "/k/a", "/k/b", "/t", "/t", "/t", "/t/1", "/t/1", "/t/1",
    "/e", "/e", "/e/1", "/body", "/body", "/body/a", "/body/b", "/body/k", "/c", "/i", "/i/", "/i/a/", "/r", "/r/",
    "/r/a", "/ab/x", "/b/c", "/s",
];
const SEGMENTS: &[&str] = &[
    "a", "b", "k", "t", "e", "x", "body", "i", "r", "", ".", "..", "%61", "%2e", "%2E%2e", "a;v=1", ";", "..;", "%2F",
    "%5C", "%00", "%zz", "%", "a%20b", "~", "%7E", "\u{e9}", "a b", "\\", "|",
];
const QUERIES: &[&str] = &["", "p=1", "p=2", "q&p=1", "p=1&p=2", "p", "P=1", "p=%31", "x=/../", "a b", "#f"];
const TYPES: &[&str] = &[
    "application/json",
    "application/json",
    "text/plain",
    "application/json; charset=utf-8",
    "APPLICATION/JSON",
    "image/png",
    "",
    "text",
    "application/json, text/plain",
];
const BODIES: &[&str] = &[
    "",
    "{}",
    "12345678",
    "123456789",
    "1234567890123456",
    "12345678901234567",
    "a body of more than all limits of the config",
];

impl RandomRequest {
    pub(super) fn new(random: &mut Random, credentials: &Credentials) -> Self {
        let methods = if random.once_in(25) { ODD_METHODS } else { METHODS };
        let method = random.one_of(methods).to_owned();
        let mut headers = Vec::new();
        let hosts = if random.once_in(12) { ODD_HOSTS } else { HOSTS };
        let host = random.one_of(hosts);
        let mut url = format!("http://{host}{}", path(random));
        if random.once_in(3) {
            url = format!("{url}?{}", random.one_of(QUERIES));
        }
        if random.once_in(3) {
            let name = random.one_of(&["k", "k", "k", "K", "%6b", "kk"]);
            let key = random.one_of(&credentials.keys).replace(' ', "%20");
            url = format!("{url}{}{name}={key}", if url.contains('?') { '&' } else { '?' });
        }
        let mut add = |name: &str, value: &str| headers.push((name.to_owned(), value.to_owned()));
        if random.once_in(40) {
            add("Host", random.one_of(&["", "a.test", "b.test", "x y"]));
        }
        if random.once_in(4) {
            add("X-V", random.one_of(&["2", "2", "1", "2 ", "\u{e9}"]));
        }
        if random.below(2) == 0 {
            add(random.one_of(&["x-api-key", "X-Api-Key"]), random.one_of(&credentials.keys));
            if random.once_in(20) {
                add("x-api-key", random.one_of(&credentials.keys));
            }
        }
        if random.below(3) > 0 {
            let token = &credentials.tokens[random.below(credentials.tokens.len())];
            let scheme = random.one_of(&["Bearer", "Bearer", "Bearer", "bearer", "Basic", "Bearer "]);
            add("Authorization", &format!("{scheme} {token}"));
        }
        if random.once_in(6) {
            add(
                "Accept",
                random.one_of(&["text/html", "application/xml", "*/*", "text/plain;q=0.5, text/html;q=0.1", ""]),
            );
        }
        if random.once_in(40) {
            add(
                random.one_of(&["X Y", "", "Connection", "X-Forwarded-For", "Expect", "Transfer-Encoding"]),
                random.one_of(&["close", "x", "1.2.3.4", "\u{7f}"]),
            );
        }
        let body = body(random, &mut headers);
        Self { method, url, headers, body }
    }

    /// The request as it goes over the wire.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let rest = self.url.strip_prefix("http://").unwrap();
        let (host, target) = rest.split_at(rest.find('/').unwrap());
        // Nobody sends a fragment.
        let target = target.split('#').next().unwrap();
        let mut head = format!("{} {target} HTTP/1.1\r\n", self.method);
        let has = |wanted: &str| self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        if !has("host") {
            head.extend(["Host: ", host, "\r\n"]);
        }
        for (name, value) in &self.headers {
            head.extend([name, ": ", value, "\r\n"]);
        }
        let chunked = has("transfer-encoding");
        let body = match &self.body {
            Some(body) if chunked && body.is_empty() => "0\r\n\r\n".to_owned(),
            Some(body) if chunked => format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()),
            Some(body) => {
                head.extend(["Content-Length: ", &body.len().to_string(), "\r\n"]);
                body.clone()
            }
            None => String::new(),
        };
        format!("{head}\r\n{body}").into_bytes()
    }
}

impl fmt::Display for RandomRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.bytes().escape_ascii())
    }
}

fn path(random: &mut Random) -> String {
    if random.below(5) > 0 {
        let mut path = random.one_of(KNOWN).to_owned();
        if random.once_in(8) {
            path.push_str(random.one_of(&["/", "//", "/.", "/../a", ";x=1", "%"]));
        }
        return path;
    }
    let mut path = String::new();
    for _ in 0..=random.below(3) {
        path.push('/');
        path.push_str(random.one_of(SEGMENTS));
    }
    path
}

fn body(random: &mut Random, headers: &mut Vec<(String, String)>) -> Option<String> {
    if random.below(5) > 1 {
        return None;
    }
    if random.below(4) > 0 {
        headers.push(("Content-Type".into(), random.one_of(TYPES).into()));
    }
    if random.once_in(3) && !headers.iter().any(|(name, _)| name == "Transfer-Encoding") {
        headers.push(("Transfer-Encoding".into(), "chunked".into()));
    }
    Some(random.one_of(BODIES).to_owned())
}
