//! Whatever comes in, the process lives and goes on serving.

use crate::support::{get, with_echo};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use testkit::client::Connection;

const CONFIG: &str = r#"
limits: { headerTimeout: 100ms, idleTimeout: 1s }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
routes: [{ name: all, paths: ["/*"], upstream: echo, auth: { none: {} } }]
"#;

const STRINGS: usize = 10_000;
/// Connections that are open at once.
const AT_ONCE: usize = 50;

/// Pieces that get further into a parser than noise does.
const PIECES: [&[u8]; 24] = [
    b"GET ",
    b"POST ",
    b"HEAD ",
    b"/",
    b"/a?b=c",
    b"%2e%2e",
    b"%",
    b" HTTP/1.1\r\n",
    b" HTTP/1.0\r\n",
    b" HTTP/2.0\r\n",
    b"Host: a.example\r\n",
    b"Host:\r\n",
    b"Content-Length: 5\r\n",
    b"Content-Length: 99999999999999999999\r\n",
    b"Transfer-Encoding: chunked\r\n",
    b"Expect: 100-continue\r\n",
    b"Connection: close\r\n",
    b"Cookie: a=b;=;;\r\n",
    b"Authorization: Bearer a.b.c\r\n",
    b"\r\n",
    b"\r\n\r\n",
    b"5\r\nabcde\r\n0\r\n\r\n",
    b"\x00\xff\x7f",
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
];

/// Noise and pieces, at most 400 bytes or so; always the same for the same number.
fn string(number: usize) -> Vec<u8> {
    let random = BuildHasherDefault::<DefaultHasher>::default();
    let mut bytes = Vec::new();
    for step in 0..16_u64 {
        let value = random.hash_one((number, step));
        match value % 8 {
            0 => break,
            1 => bytes.extend_from_slice(&value.to_le_bytes()),
            _ => bytes.extend_from_slice(PIECES[usize::try_from(value >> 8).unwrap_or_default() % PIECES.len()]),
        }
    }
    bytes
}

#[tokio::test]
async fn ten_thousand_strings() {
    let gateway = with_echo(CONFIG).await;
    for batch in 0..STRINGS / AT_ONCE {
        let mut open = tokio::task::JoinSet::new();
        for number in 0..AT_ONCE {
            let bytes = string(batch * AT_ONCE + number);
            let address = gateway.address("listen");
            open.spawn(async move {
                let mut connection = Connection::open(address).await.unwrap();
                // Half of them leave at once, the others say that they have finished and look at what comes.
                if connection.write(&bytes).await.is_ok() && number % 2 == 0 {
                    connection.finish().await.ok();
                    connection.read("GET").await.ok();
                }
            });
        }
        while let Some(ended) = open.join_next().await {
            ended.unwrap();
        }
    }
    let response = gateway.send(&get("/alive", &[])).await;
    assert_eq!((response.status, &response.json()["target"]), (200, &"/alive".into()));
    let said = gateway.said();
    assert!(!said.contains("panicked"), "{said}");
    let counted = gateway.metric("tollgate_denials_total", &[("reason", "internal_error")]).await;
    assert!(counted.abs() < 1e-9, "{counted} internal errors");
    assert!(gateway.stop().await.success());
}
