//! `tollgate key new`: a key that works.

use crate::program::{BINARY, tollgate};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::fmt::Write as _;
use testkit::gateway::gateway;
use testkit::upstream;

fn sha256(text: &str) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text.as_bytes()) {
        write!(hex, "{byte:02x}").unwrap();
    }
    hex
}

#[test]
fn keys_are_new_and_their_hash_is_theirs() {
    let mut keys = HashSet::new();
    for _ in 0..10 {
        let ran = tollgate(&["key", "new"]).expect(0);
        let key = ran.stdout.trim_end().to_owned();
        // 22 characters of base 62 are 128 bits.
        assert!(key.starts_with("tg_") && key.len() >= "tg_".len() + 22, "{ran}");
        assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_'), "{ran}");
        assert!(ran.stderr.contains(&format!("sha256: \"{}\"", sha256(&key))), "{ran}");
        assert!(!ran.stderr.contains(&key), "{ran}");
        keys.insert(key);
    }
    assert_eq!(keys.len(), 10);
}

#[tokio::test]
async fn the_lines_for_the_config_make_the_key_work() {
    let ran = tollgate(&["key", "new", "--consumer", "acme"]).expect(0);
    let key = ran.stdout.trim_end();
    let consumers = ran.stderr.split_once("consumers:").unwrap().1;
    let config = format!(
        "upstreams: {{ main: {{ endpoints: [\"{{{{upstream}}}}\"] }} }}\n\
         identityHeaders: {{ consumer: X-Consumer-ID }}\n\
         routes: [{{ name: keyed, paths: [/keyed], upstream: main, auth: {{ apiKey: {{}} }} }}]\n\
         consumers:{consumers}"
    );
    let gateway = gateway(BINARY, &config).upstream(upstream::echo()).start().await;
    gateway.get("/keyed").expect_denial("api_key_missing").await;
    let mut mistyped = key.to_owned();
    mistyped.pop();
    gateway.get("/keyed").header("x-api-key", &mistyped).expect_denial("key_unknown").await;
    let response = gateway.get("/keyed").header("x-api-key", key).expect(200).await;
    let headers = response.json()["headers"].to_string();
    assert!(headers.contains("\"acme\"") && !headers.contains(key), "{headers}");
}
