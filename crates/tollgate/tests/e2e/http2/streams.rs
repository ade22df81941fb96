//! Many requests on one connection: none waits for another, and HTTP/1.1 goes on beside them.

use super::{OPEN, get, logged, post, with_echo};
use crate::support::{self, gateway, told};
use testkit::client::Connection;
use testkit::http2::{self, Code, End, Frame, Kind};
use testkit::upstream::{Answer, Behaviour, echo};
use tokio::task::JoinSet;

const MANY: usize = 50;

/// All are open at once, and end from the last to the first.
#[tokio::test]
async fn answers_come_in_any_order() {
    let gateway = with_echo(OPEN).await;
    let connection = gateway.http2().await;
    let mut open = Vec::new();
    for number in 0..MANY {
        let mut stream =
            connection.begin(&post(&format!("/{number}"), &[&format!("X-Number: {number}")])).await.unwrap();
        stream.sending.write(b"body ", false).await.unwrap();
        open.push(stream);
    }
    for (number, mut stream) in open.into_iter().enumerate().rev() {
        stream.sending.write(number.to_string().as_bytes(), true).await.unwrap();
        let response = stream.answering.read().await.unwrap();
        let seen = response.json();
        assert_eq!(
            (&seen["target"], &seen["body"]),
            (&format!("/{number}").into(), &format!("body {number}").into()),
            "{response}"
        );
        assert_eq!(told(&response, "x-number"), Some(number.to_string()));
    }
    let line = logged(&gateway, &connection.send(&get("/", &[])).await).await;
    assert_eq!(line["status"], 200);
}

#[tokio::test]
async fn requests_at_once_get_each_its_own_answer() {
    let gateway = with_echo(OPEN).await;
    let connection = std::sync::Arc::new(gateway.http2().await);
    let mut sent = JoinSet::new();
    for number in 0..MANY {
        let connection = std::sync::Arc::clone(&connection);
        sent.spawn(async move {
            let body = number.to_string().repeat(2_000);
            let request = post(&format!("/{number}"), &[]).body(&body);
            (number, body, connection.exchange(&request).await.unwrap())
        });
    }
    let mut ids = std::collections::HashSet::new();
    while let Some(answered) = sent.join_next().await {
        let (number, body, response) = answered.unwrap();
        let seen = response.json();
        assert_eq!((&seen["target"], &seen["body"]), (&format!("/{number}").into(), &body.into()), "{number}");
        assert!(ids.insert(response.header("x-request-id").unwrap().to_owned()), "one ID twice");
    }
    assert_eq!(ids.len(), MANY);
}

#[tokio::test]
async fn a_slow_upstream_holds_up_no_other_request() {
    let gateway = with_echo(OPEN).await;
    let connection = gateway.http2().await;
    let never = connection.ask(&get("/__misbehave/never", &[])).await.unwrap();
    assert!(gateway.upstream(0).wait_for(1).await);
    for _ in 0..10 {
        assert_eq!(connection.send(&get("/", &[])).await.status, 200);
    }
    let mut other = Connection::open(gateway.address("listen")).await.unwrap();
    for _ in 0..2 {
        let response = other.send(&support::get("/", &[])).await;
        assert_eq!((response.status, told(&response, "via").as_deref()), (200, Some("1.1 tollgate")), "{response}");
    }
    drop(never);
}

/// What nobody reads fills the window of its own stream and no other.
#[tokio::test]
async fn an_answer_that_nobody_reads_holds_up_no_other() {
    const MUCH: usize = 1 << 20;
    let gateway = gateway(OPEN).http2().upstream(echo()).start().await;
    let large = Answer { status: 200, headers: vec![], body: vec![b'x'; MUCH] };
    gateway.upstream(0).behave(Behaviour::ByPath(vec![("/large".to_owned(), large)]));
    let connection = http2::Connection::open_with_window(gateway.address("listen"), 1_000).await.unwrap();
    let (head, mut unread) = connection.ask(&get("/large", &[])).await.unwrap().head().await.unwrap();
    assert_eq!(head.status, 200);
    for _ in 0..5 {
        let response = connection.send(&get("/small", &[])).await;
        assert_eq!((response.status, response.text().as_str()), (404, "nothing here"));
    }
    let mut got = 0;
    while let Some(piece) = unread.next().await.unwrap() {
        got += piece.len();
    }
    assert_eq!(got, MUCH);
}

/// RFC 9113, 5.1.2: a client is told how many streams it may have, and gets no more, whatever it thinks of that.
#[tokio::test]
async fn a_connection_has_no_more_streams_than_it_was_told() {
    const MAX_CONCURRENT_STREAMS: [u8; 2] = [0, 3];
    let gateway = with_echo(OPEN).await;
    let mut wire = gateway.http2_wire().await;
    let settings = wire.next().await.unwrap().unwrap();
    assert_eq!(settings.kind, Kind::SETTINGS, "{settings:?}");
    let most = settings.payload.chunks(6).find(|setting| setting.starts_with(&MAX_CONCURRENT_STREAMS));
    let most = most.map(|setting| u32::from_be_bytes([setting[2], setting[3], setting[4], setting[5]]));
    let most = most.unwrap_or_else(|| panic!("no limit in {settings:?}"));
    assert!((50..=1_000).contains(&most), "{most}");
    let head = post("/", &[]).block();
    let open: Vec<Frame> = (0..=most).map(|number| Frame::headers(number * 2 + 1, &head, false)).collect();
    wire.send(&open).await.unwrap();
    let end = wire.end(most * 2 + 1).await.unwrap();
    assert!(matches!(end, End::Reset(Code::REFUSED_STREAM | Code::PROTOCOL_ERROR, _)), "{end:?}");
    for number in 0..most {
        wire.send(&[Frame::data(number * 2 + 1, b"body", true)]).await.unwrap();
        let end = wire.end(number * 2 + 1).await.unwrap();
        assert!(matches!(&end, End::Answered(answer) if answer.status == 200), "{number}: {end:?}");
    }
    assert_eq!(gateway.upstream(0).count(), u64::from(most));
}

/// The first bytes tell which protocol it is. A request in HTTP/1.1 may be shorter than HTTP/2's greeting, come in pieces, or begin as
/// the greeting does.
#[tokio::test]
async fn http1_is_served_on_the_same_port() {
    let gateway = with_echo(OPEN).await;
    let address = gateway.address("listen");
    let short = gateway.send(b"GET / HTTP/1.0\r\n\r\n").await;
    let alone = crate::support::with_echo(OPEN).await.send(b"GET / HTTP/1.0\r\n\r\n").await;
    assert_eq!(short.status, alone.status, "{short}");
    for (method, target) in [("GET", "/"), ("PRI", "/x"), ("PUT", "/y"), ("P", "/z"), ("PRI*", "/")] {
        let mut connection = Connection::open(address).await.unwrap();
        let bytes = support::request(method, target, &[], "");
        for byte in bytes.chunks(1) {
            connection.write(byte).await.unwrap();
        }
        let response = connection.read(method).await.unwrap();
        assert_eq!((response.status, &response.json()["method"]), (200, &method.into()), "{response}");
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert_eq!(line["protocol"], "HTTP/1.1", "{line}");
        // And what is sent ahead is not lost.
        let twice = [support::get("/1", &[]), support::get("/2", &[])].concat();
        connection.write(&twice).await.unwrap();
        for target in ["/1", "/2"] {
            assert_eq!(connection.read("GET").await.unwrap().json()["target"], target);
        }
    }
    // RFC 9113, 3.1: the upgrade from HTTP/1.1 is no longer one.
    let fields = ["Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk"];
    let upgrade = gateway.send(&support::get("/", &fields)).await;
    assert_eq!((upgrade.status, told(&upgrade, "upgrade")), (200, None), "{upgrade}");
    let near = gateway.send(b"PRI * HTTP/1.1\r\nHost: a.example\r\n\r\n").await;
    assert_eq!(near.status, 400, "{near}");
    let old = gateway.send(b"PRI * HTTP/2.0\r\nHost: a.example\r\n\r\n").await;
    assert_eq!(old.status, 400, "{old}");
    assert_eq!(gateway.upstream(0).received().iter().filter(|received| received.fault.is_some()).count(), 0);
}

#[tokio::test]
async fn a_listener_that_was_not_told_to_does_not_speak_http2() {
    let gateway = crate::support::with_echo(OPEN).await;
    let mut wire = gateway.http2_wire().await;
    // Fails if the connection is closed first, with the answer on its way.
    wire.request(1, &get("/", &[])).await.ok();
    let said = wire.rest().await.unwrap();
    assert!(said.starts_with(b"HTTP/1.1 400 "), "{}", said.escape_ascii());
    assert_eq!(gateway.upstream(0).count(), 0);
}
