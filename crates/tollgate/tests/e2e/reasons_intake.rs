//! Refusals before there is a request: heads that are no HTTP or too large or too slow, and connections that are one too many.

use crate::support::{Doing, Scenario, Seen, Steps, get, play, request, with_echo};
use engine::reason::Reason;
use testkit::client::{Client, Connection, DEADLINE};
use testkit::gateway::Gateway;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

pub const CONFIG: &str = r#"
listeners: [{ address: "{{listen}}", http2: true }]
limits: { headerBytes: 4KiB, headers: 20, uriBytes: 512B, headerTimeout: 200ms }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
routes: [{ name: all, paths: ["/*"], upstream: echo, auth: { none: {} } }]
"#;

/// Two at once, in all or from one address.
const CONNECTIONS: &str = r#"
limits: { LIMIT: 2 }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
routes: [{ name: all, paths: ["/*"], upstream: echo, auth: { none: {} } }]
"#;

pub fn scenarios() -> Vec<Scenario> {
    let send = |reason, what, bytes: &[u8]| Scenario::new(reason, what, Steps::Send(bytes.to_vec()));
    let malformed = Reason::HeaderMalformed;
    let ambiguous = Reason::FramingAmbiguous;
    let path = Reason::PathMalformed;
    let host = Reason::HostMissing;
    let many: Vec<String> = (0..30).map(|number| format!("X-{number}: 1")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    vec![
        send(malformed, "a bare LF", b"GET / HTTP/1.1\nHost: a.example\n\n"),
        send(malformed, "a space before the colon", &get("/", &["X-A : 1"])),
        send(malformed, "a folded line", &get("/", &["X-A: 1\r\n 2"])),
        send(malformed, "no version", b"GET /\r\nHost: a.example\r\n\r\n"),
        send(malformed, "a NUL in a value", &get("/", &["X-A: 1\x002"])),
        send(ambiguous, "length and coding", &get("/", &["Content-Length: 4", "Transfer-Encoding: chunked"])),
        send(ambiguous, "two lengths", &get("/", &["Content-Length: 4", "Content-Length: 5"])),
        send(ambiguous, "an unknown coding", &get("/", &["Transfer-Encoding: gzip"])),
        send(path, "an encoded slash", &get("/a%2Fb", &[])),
        send(path, "a backslash", &get("/a\\b", &[])),
        send(path, "an encoded NUL", &get("/a%00", &[])),
        send(path, "half of a percent sign", &get("/a%2", &[])),
        send(host, "no Host", b"GET / HTTP/1.1\r\n\r\n"),
        send(host, "two Hosts", &get("/", &["Host: a.example", "Host: b.example"])),
        send(host, "no host in Host", &get("/", &["Host: a b"])),
        send(Reason::UriTooLong, "600 bytes", &get(&format!("/{}", "a".repeat(600)), &[])),
        send(Reason::HeadersTooLarge, "5 KiB in one field", &get("/", &[&format!("X-A: {}", "a".repeat(5_000))])),
        send(Reason::HeadersTooLarge, "30 lines", &get("/", &many)),
        send(Reason::HeadTimeout, "half a head", b"GET / HTTP/1.1\r\nHost: a.ex"),
        Scenario::new(Reason::ProtocolViolated, "data on the stream that has none", Steps::Do(data_on_stream_0)),
        send(malformed, "HEAD gets no body", &request("HEAD", "/", &["X-A : 1"], "")),
    ]
}

pub fn all_connections() -> Vec<Scenario> {
    vec![Scenario::new(Reason::ConnectionsExhausted, "the third of two", Steps::Do(one_too_many))]
}

pub fn connections_of_an_address() -> Vec<Scenario> {
    let third = Scenario::new(Reason::AddressConnectionsExhausted, "the third of two", Steps::Do(one_too_many));
    vec![third]
}

/// RFC 9113, 6.1.
fn data_on_stream_0(gateway: &Gateway) -> Doing<'_> {
    const SETTINGS: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];
    const DATA: &[u8] = &[0, 0, 1, 0, 0, 0, 0, 0, 0, b'x'];
    Box::pin(async move {
        let mut connection = TcpStream::connect(gateway.address("listen")).await.unwrap();
        let bytes = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", SETTINGS, DATA].concat();
        connection.write_all(&bytes).await.unwrap();
        let mut frames = Vec::new();
        timeout(DEADLINE, connection.read_to_end(&mut frames)).await.unwrap().unwrap();
        // GOAWAY with PROTOCOL_ERROR.
        assert_eq!(frames.get(frames.len() - 17..), Some(&[0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1][..]));
        Seen::Nothing
    })
}

fn one_too_many(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move {
        let address = gateway.address("listen");
        let mut open = Vec::new();
        for _ in 0..2 {
            let mut connection = Connection::open(address).await.unwrap();
            assert_eq!(connection.send(&get("/", &[])).await.status, 200);
            open.push(connection);
        }
        let mut third = Connection::open(address).await.unwrap();
        // Nothing has to be sent to be turned away.
        let response = third.read("GET").await.unwrap();
        assert_eq!(response.header("connection"), Some("close"));
        assert!(third.closed().await);
        for connection in &mut open {
            assert_eq!(connection.send(&get("/", &[])).await.status, 200, "the others are not hurt");
        }
        Seen::Refusal(response)
    })
}

#[tokio::test]
async fn heads() {
    let gateway = with_echo(CONFIG).await;
    play(&gateway, &scenarios()).await;
    assert_eq!(gateway.upstream(0).count(), 0, "nothing of it reached upstream");
}

#[tokio::test]
async fn the_connection_is_closed_behind_a_refused_head() {
    let gateway = with_echo(CONFIG).await;
    for scenario in scenarios() {
        let Steps::Send(bytes) = &scenario.steps else { continue };
        let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
        let response = connection.send(bytes).await;
        let closes = response.header("connection") == Some("close");
        // Some paths are judged with the request, whose end is known.
        assert!(closes || scenario.reason == Reason::PathMalformed, "{}: {response}", scenario.what);
        if closes {
            assert!(connection.closed().await, "{}", scenario.what);
        }
    }
}

#[tokio::test]
async fn connections() {
    for (limit, scenarios, reason) in [
        ("connections", all_connections(), "connections_exhausted"),
        ("connectionsPerAddress", connections_of_an_address(), "address_connections_exhausted"),
    ] {
        let gateway = with_echo(&CONNECTIONS.replace("LIMIT", limit)).await;
        play(&gateway, &scenarios).await;
        let refused = gateway.metric("tollgate_connections_refused_total", &[("reason", reason)]).await;
        assert!((refused - 1.0).abs() < 1e-9, "{reason}: {refused}");
        // Places become free again.
        let client = Client::new(gateway.address("listen"));
        crate::support::until("a free place", async || {
            client.get("/").try_send().await.is_ok_and(|response| response.status == 200).then_some(())
        })
        .await;
    }
}
