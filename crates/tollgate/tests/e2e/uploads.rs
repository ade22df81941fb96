//! Bodies that upstream does not take: they end when the whole exchange does, although nobody listens to the client meanwhile.

use crate::support::{gateway, until};
use std::net::TcpListener;
use testkit::client::DEADLINE;
use testkit::gateway::Gateway;
use testkit::http2::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const CONFIG: &str = r#"
upstreams: { deaf: { endpoints: ["DEAF"], timeouts: { idle: 200ms, total: 500ms } } }
routes: [{ name: all, paths: ["/*"], upstream: deaf, auth: { none: {} } }]
"#;

/// More than any kernel keeps for somebody who does not read.
const LENGTH: usize = 64 << 20;

/// Its connections are made, and that is all that becomes of them.
fn deaf() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let config = CONFIG.replace("DEAF", &listener.local_addr().unwrap().to_string());
    (listener, config)
}

async fn check_line(gateway: &Gateway, protocol: &str) {
    let line = until("its line", async || gateway.log_lines().pop()).await;
    assert_eq!((&line["status"], &line["reason"]), (&504.into(), &"total_timeout".into()), "{line}");
    assert_eq!(line["protocol"], protocol);
}

#[tokio::test]
async fn over_http_1() {
    let (_deaf, config) = deaf();
    let gateway = gateway(&config).start().await;
    let stream = TcpStream::connect(gateway.address("listen")).await.unwrap();
    let (mut read, mut write) = stream.into_split();
    let head = format!("POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: {LENGTH}\r\n\r\n");
    let sending = tokio::spawn(async move {
        write.write_all(head.as_bytes()).await.unwrap();
        // Nobody takes all of it.
        let _ = write.write_all(&vec![b'x'; LENGTH]).await;
    });
    let mut status = [0; 12];
    timeout(DEADLINE, read.read_exact(&mut status)).await.expect("it waits for ever").unwrap();
    assert_eq!(&status, b"HTTP/1.1 504");
    check_line(&gateway, "HTTP/1.1").await;
    sending.abort();
}

#[tokio::test]
async fn over_http_2() {
    let (_deaf, config) = deaf();
    let gateway = gateway(&config).http2().start().await;
    let connection = gateway.http2().await;
    let pieces = vec![vec![b'x'; 1 << 20]; LENGTH >> 20];
    let response = connection.send(&Request::new("POST", "a.example", "/").pieces(pieces)).await;
    assert_eq!(response.status, 504, "{response}");
    check_line(&gateway, "HTTP/2").await;
}
