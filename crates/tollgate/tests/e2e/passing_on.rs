//! Upstream's answers pass untouched, and requests are spread as the config says.

use crate::support::{gateway, get, request, until, with_echo};
use testkit::client::Connection;
use testkit::upstream::{Answer, Behaviour, echo, fixed};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
errors: { headers: { X-Error: "ours" }, templates: [{ on: "*", contentType: text/plain, body: "ours" }] }
routes: [{ name: all, paths: ["/*"], upstream: echo, auth: { none: {} } }]
"#;

#[tokio::test]
async fn upstreams_own_errors_pass_untouched() {
    let gateway = with_echo(CONFIG).await;
    for status in [400, 401, 403, 404, 405, 413, 429, 500, 502, 503, 504, 599] {
        let headers =
            [("Content-Type", "text/x-own"), ("X-Own", "1"), ("WWW-Authenticate", "Basic"), ("Retry-After", "7")];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        gateway.upstream(0).behave(Behaviour::Fixed(Answer { status, headers, body: b"theirs".to_vec() }));
        let response = gateway.send(&get("/", &[])).await;
        assert_eq!((response.status, response.text()), (status, "theirs".to_owned()), "{response}");
        for (name, value) in
            [("content-type", "text/x-own"), ("x-own", "1"), ("www-authenticate", "Basic"), ("retry-after", "7")]
        {
            assert_eq!(response.headers(name), [value], "{status}: {response}");
        }
        assert_eq!(response.header("x-error"), None, "{status}: {response}");
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert!(line["kind"].is_null() && line["upstreamStatus"] == status && line["status"] == status, "{line}");
    }
    let denied = gateway.metric("tollgate_denials_total", &[]).await;
    assert!(denied.abs() < 1e-9, "{denied}");
}

#[tokio::test]
async fn answers_of_every_framing_pass() {
    let gateway = with_echo(CONFIG).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let chunked = connection.send(&get("/__misbehave/chunked", &[])).await;
    assert_eq!((chunked.status, chunked.text()), (200, "part and parts".to_owned()), "{chunked}");
    let interim = connection.send(&get("/__misbehave/interim", &[])).await;
    assert_eq!((interim.status, interim.text()), (200, "late".to_owned()), "{interim}");
    let slow = connection.send(&get("/__misbehave/trickle/1", &[])).await;
    assert_eq!((slow.status, slow.text()), (200, "late".to_owned()), "{slow}");
    gateway.upstream(0).behave(Behaviour::Fixed(Answer { status: 204, headers: vec![], body: vec![] }));
    assert_eq!(connection.send(&request("DELETE", "/", &[], "")).await.status, 204);
    gateway.upstream(0).behave(Behaviour::Echo);
    assert_eq!(connection.send(&get("/", &[])).await.status, 200, "the connection is where it should be");
}

/// RFC 9110, 7.6.1: what upstream says to the gateway alone does not reach the client.
#[tokio::test]
async fn what_belongs_to_upstreams_connection_stays_there() {
    let gateway = with_echo(CONFIG).await;
    let headers = [
        ("Connection", "X-Hop, close, Content-Length"),
        ("X-Hop", "1"),
        ("Keep-Alive", "timeout=5"),
        ("Upgrade", "h2c"),
        ("X-End", "1"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    gateway.upstream(0).behave(Behaviour::Fixed(Answer { status: 200, headers, body: b"x".to_vec() }));
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    for _ in 0..2 {
        let response = connection.send(&get("/", &[])).await;
        assert_eq!((response.status, response.header("x-end"), response.text()), (200, Some("1"), "x".to_owned()));
        assert_eq!(response.headers("connection"), ["keep-alive"], "{response}");
        for name in ["x-hop", "keep-alive", "upgrade"] {
            assert_eq!(response.header(name), None, "{response}");
        }
    }
}

/// What follows the announced length is nobody's answer.
#[tokio::test]
async fn a_forged_second_answer_reaches_nobody() {
    let gateway = with_echo(CONFIG).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let first = connection.send(&get("/__misbehave/length-too-short", &[])).await;
    assert_eq!((first.status, first.text()), (200, "long".to_owned()), "{first}");
    for _ in 0..3 {
        let next = connection.send(&get("/next", &[])).await;
        assert_eq!((next.status, &next.json()["target"]), (200, &"/next".into()), "{next}");
    }
}

/// A kept connection that upstream has closed or resets costs no request, if asking twice does no harm.
#[tokio::test]
async fn a_stale_connection_is_replaced() {
    let gateway = with_echo(CONFIG).await;
    for how in ["reset-reused", "close-idle"] {
        for _ in 0..4 {
            let response = gateway.send(&get(&format!("/__misbehave/{how}"), &[])).await;
            assert_eq!(response.status, 200, "{how}: {response}");
        }
    }
}

#[tokio::test]
async fn endpoints_take_turns_by_weight() {
    let config = r#"
upstreams:
  echo: { endpoints: [{ address: "{{upstream}}", weight: 3 }, "{{upstream2}}", { address: "{{upstream3}}", weight: 2 }] }
routes: [{ name: all, paths: ["/*"], upstream: echo, auth: { none: {} } }]
"#;
    let started = gateway(config).upstream(echo()).upstream(echo()).upstream(fixed(200, &[], b"third"));
    let gateway = started.start().await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    for round in 1..=10_u64 {
        for _ in 0..6 {
            assert_eq!(connection.send(&get("/", &[])).await.status, 200);
        }
        let counts = [0, 1, 2].map(|index| gateway.upstream(index).count());
        assert_eq!(counts, [3 * round, round, 2 * round]);
    }
}

/// RFC 9110, 15.2 and 10.1.1: HTTP/1.0 knows no interim answers, and cannot ask for one.
#[tokio::test]
async fn a_client_of_old_gets_no_interim_answer() {
    let gateway = with_echo(CONFIG).await;
    for fields in [&["Connection: keep-alive"][..], &["Connection: keep-alive", "Expect: 100-continue"]] {
        let new = String::from_utf8(request("POST", "/__misbehave/interim", fields, "body")).unwrap();
        let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
        let response = connection.send(new.replacen("HTTP/1.1", "HTTP/1.0", 1).as_bytes()).await;
        assert_eq!((response.status, response.text().as_str()), (200, "late"), "{response}");
        assert!(response.interim.is_empty(), "{response}");
        assert_eq!(gateway.upstream(0).received().last().unwrap().header("expect"), None);
        assert_eq!(connection.send(&get("/", &[])).await.status, 200, "the connection is where it should be");
    }
}

/// Upstream's own 100 asks for the body, and is no answer in haste.
#[tokio::test]
async fn a_body_that_upstream_asks_for_does_not_cost_the_connection() {
    let upstream = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    let serving = tokio::spawn(async move {
        let (mut stream, _) = upstream.accept().await.unwrap();
        for _ in 0..2 {
            let mut got = Vec::new();
            while !got.ends_with(b"\r\n\r\n") {
                got.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await.unwrap();
            stream.read_exact(&mut [0; 4]).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.unwrap();
        }
    });
    let gateway = gateway(&CONFIG.replace("{{upstream}}", &address)).start().await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    for _ in 0..2 {
        let head = request("POST", "/", &["Expect: 100-continue", "Content-Length: 4"], "");
        connection.write(&head).await.unwrap();
        assert_eq!(connection.interim().await.unwrap(), 100);
        connection.write(b"body").await.unwrap();
        let response = connection.read("POST").await.unwrap();
        assert_eq!((response.status, response.header("connection")), (200, Some("keep-alive")), "{response}");
    }
    serving.await.unwrap();
}

/// Whoever sends can have it happen as often as they like, so it is a line of the access log and none of the program's.
#[tokio::test]
async fn an_upload_that_is_cut_short_is_no_line_of_the_program_log() {
    let upstream = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = upstream.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = upstream.accept().await {
            stream.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno").await.ok();
        }
    });
    let gateway = gateway(&CONFIG.replace("{{upstream}}", &address)).start().await;
    let upload = request("POST", "/", &[], &"x".repeat(3_000_000));
    for _ in 0..5 {
        let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
        let _ = connection.exchange(&upload).await;
    }
    until("the access log", async || (gateway.log_lines().len() == 5).then_some(())).await;
    assert!(!gateway.said().contains("WARN"), "{}", gateway.said());
}
