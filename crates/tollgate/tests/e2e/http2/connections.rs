//! Connections: how long they may be silent, how many there may be, and what ends them.

use super::{OPEN, check_refusal, get, logged, post, with_echo};
use crate::reasons_intake;
use crate::support::until;
use engine::reason::Reason;
use testkit::client;
use testkit::gateway::Gateway;
use testkit::http2::{Code, Connection, End, Flags, Frame, Kind, PREFACE, Wire};

fn config(limits: &str) -> String {
    format!("limits: {{ {limits} }}\n{OPEN}")
}

async fn connections_open(gateway: &Gateway) -> f64 {
    gateway.metric("tollgate_connections_open", &[]).await
}

/// Nobody holds a connection that says nothing, or says it too slowly.
#[tokio::test]
async fn what_does_not_become_a_request_is_cut() {
    let gateway = with_echo(&config("headerTimeout: 200ms, idleTimeout: 1s")).await;
    let head = get("/", &[]).block();
    let greeting = [PREFACE, &Frame::settings(&[]).bytes()].concat();
    let half_head = [greeting.as_slice(), &Frame::headers(1, &head, true).bytes()[..12]].concat();
    let open_head = [greeting.as_slice(), &Frame::headers_begun(1, &head, true).bytes()].concat();
    let mut open = Vec::new();
    for (what, bytes) in [
        ("nothing", &b""[..]),
        ("one byte", b"P"),
        ("half of the preface", &PREFACE[..12]),
        ("all of the preface but one byte", &PREFACE[..23]),
        ("the preface alone", PREFACE),
        ("the preface and half of SETTINGS", &greeting[..28]),
        ("a greeting", &greeting),
        ("half of a HEADERS frame", &half_head),
        ("HEADERS that are never continued", &open_head),
    ] {
        let mut wire = Wire::connect(gateway.address("listen")).await.unwrap();
        wire.write(bytes).await.unwrap();
        open.push((what, wire));
    }
    for (what, mut wire) in open {
        assert!(wire.rest().await.is_ok(), "{what}: still open");
    }
    until("their end", async || (connections_open(&gateway).await < 1.0).then_some(())).await;
    assert_eq!(gateway.upstream(0).connections(), 0);
}

/// Its streams are told, and it is closed, although others on it were well.
#[tokio::test]
async fn a_head_that_is_never_continued_ends_its_connection() {
    let gateway = with_echo(&config("headerTimeout: 200ms")).await;
    let mut wire = gateway.http2_wire().await;
    assert!(matches!(wire.exchange(1, &get("/", &[])).await, Ok(End::Answered(_))));
    wire.send(&[Frame::headers_begun(3, &get("/", &[]).block(), true)]).await.unwrap();
    wire.ended().await.unwrap();
    assert_eq!(gateway.upstream(0).count(), 1);
}

/// RFC 9113, 9.1: an idle connection is ended with a word.
#[tokio::test]
async fn a_connection_without_streams_is_ended_in_time() {
    let gateway = with_echo(&config("idleTimeout: 1s")).await;
    let mut unused = gateway.http2_wire().await;
    let mut used = gateway.http2_wire().await;
    assert!(matches!(used.exchange(1, &get("/", &[])).await, Ok(End::Answered(_))));
    assert_eq!(used.ended().await.unwrap().map(|(_, code)| code), Some(Code::NO_ERROR));
    assert_eq!(unused.ended().await.unwrap().map(|(_, code)| code), Some(Code::NO_ERROR));
    let mut pinged = gateway.http2_wire().await;
    loop {
        // Fails if the connection has ended meanwhile.
        pinged.send(&[Frame::ping([0; 8])]).await.ok();
        if !matches!(pinged.next().await, Ok(Some(_))) {
            break;
        }
    }
    until("their end", async || (connections_open(&gateway).await < 1.0).then_some(())).await;
    assert_eq!(gateway.log_lines().len(), 1, "nothing was asked, so nothing is logged");
}

#[tokio::test]
async fn a_request_may_take_longer_than_a_connection_may_be_idle() {
    let gateway = with_echo(&config("idleTimeout: 1s, headerTimeout: 100ms")).await;
    let connection = gateway.http2().await;
    let mut upload = connection.begin(&post("/", &[])).await.unwrap();
    upload.sending.write(b"half", false).await.unwrap();
    let slow = connection.send(&get("/__misbehave/delay-head/1500", &[])).await;
    assert_eq!((slow.status, slow.text().as_str()), (200, "late"), "{slow}");
    upload.sending.write(b"half", true).await.unwrap();
    assert_eq!(upload.answering.read().await.unwrap().json()["body"], "halfhalf");
}

/// One connection too many is told so on its first stream, and the others are not hurt.
#[tokio::test]
async fn connections_are_counted_together() {
    for (limit, reason) in
        [("connections", Reason::ConnectionsExhausted), ("connectionsPerAddress", Reason::AddressConnectionsExhausted)]
    {
        let gateway = with_echo(&config(&format!("{limit}: 2"))).await;
        let first = gateway.http2().await;
        assert_eq!(first.send(&get("/", &[])).await.status, 200);
        let mut second = client::Connection::open(gateway.address("listen")).await.unwrap();
        assert_eq!(second.send(&crate::support::get("/", &[])).await.status, 200);
        let mut third = gateway.http2().await;
        let refused = third.send(&get("/", &[])).await;
        check_refusal(&gateway, &refused, reason).await;
        third.ended().await.unwrap();
        let mut fourth = client::Connection::open(gateway.address("listen")).await.unwrap();
        let refused = fourth.send(&crate::support::get("/", &[])).await;
        assert_eq!((refused.status, refused.header("connection")), (503, Some("close")), "{refused}");
        assert!(fourth.closed().await);
        assert_eq!(first.send(&get("/", &[])).await.status, 200, "the others are not hurt");
        assert_eq!(gateway.upstream(0).count(), 3);
        let counted = gateway.metric("tollgate_connections_refused_total", &[("reason", reason.code())]).await;
        assert!((counted - 2.0).abs() < 1e-9, "{limit}: {counted}");
        drop(first);
        let freed = async || {
            let next = Connection::open(gateway.address("listen")).await.ok()?;
            let response = next.exchange(&get("/", &[])).await.ok()?;
            (response.status == 200).then_some(())
        };
        until("a free place", freed).await;
    }
}

/// A connection that is one too many does not wait for a client that says nothing.
#[tokio::test]
async fn a_silent_connection_too_many_is_ended() {
    let config = reasons_intake::CONFIG.replace("limits: {", "limits: { connections: 1,");
    let gateway = with_echo(&config).await;
    let first = gateway.http2().await;
    assert_eq!(first.send(&get("/", &[])).await.status, 200);
    for (bytes, told) in [(&b""[..], &b"HTTP/1.1 503 "[..]), (&PREFACE[..12], b"HTTP/1.1 503 "), (PREFACE, b"")] {
        let mut second = Wire::connect(gateway.address("listen")).await.unwrap();
        second.write(bytes).await.unwrap();
        let rest = second.rest().await.unwrap();
        assert!(rest.starts_with(told), "{} bytes: {}", bytes.len(), rest.escape_ascii());
    }
    assert_eq!(first.send(&get("/", &[])).await.status, 200);
}

#[tokio::test]
async fn a_request_sees_the_config_that_it_began_with() {
    let gateway = with_echo(OPEN).await;
    let connection = gateway.http2().await;
    let mut begun = connection.begin(&post("/begun", &[])).await.unwrap();
    begun.sending.write(b"half", false).await.unwrap();
    until("its way upstream", async || (gateway.upstream(0).connections() == 1).then_some(())).await;
    gateway.reload_with(&OPEN.replace("none: {}", "apiKey: {}")).await;
    let next = connection.send(&get("/next", &[])).await;
    check_refusal(&gateway, &next, Reason::ApiKeyMissing).await;
    begun.sending.write(b"half", true).await.unwrap();
    let response = begun.answering.read().await.unwrap();
    assert_eq!(response.json()["body"], "halfhalf", "{response}");
    let (old, new) = (logged(&gateway, &response).await, logged(&gateway, &next).await);
    assert_ne!(old["configRevision"], new["configRevision"], "{old}");
}

/// Over HTTP/1.1 each of them ends its connection.
#[tokio::test]
async fn a_client_that_is_refused_again_and_again_is_sent_away() {
    let gateway = with_echo(OPEN).await;
    let mut wire = gateway.http2_wire().await;
    wire.send(&[Frame::headers(1, &post("/under-way", &[]).block(), false)]).await.unwrap();
    let mut refused = 0;
    while wire.goaway().is_none() {
        assert!(refused < 100, "nobody minds");
        let request = get("/", &[]).field("content_length", "1");
        let end = wire.exchange(refused * 2 + 3, &request).await.unwrap();
        assert!(matches!(&end, End::Answered(answer) if answer.status == 400), "{refused}: {end:?}");
        refused += 1;
    }
    wire.send(&[Frame::data(1, b"body", true)]).await.unwrap();
    let end = wire.end(1).await.unwrap();
    assert!(matches!(&end, End::Answered(answer) if answer.json()["body"] == "body"), "{end:?}");
    assert_eq!(wire.ended().await.unwrap().map(|(_, code)| code), Some(Code::NO_ERROR));
    // What policies refuse is another matter.
    let connection = gateway.http2().await;
    for _ in 0..50 {
        assert_eq!(connection.send(&get("/a%2fb", &[])).await.status, 400);
    }
}

/// What a listener speaks is fixed like its address: a reload that would change it is refused, and does not only look applied.
#[tokio::test]
async fn a_listener_cannot_learn_or_forget_a_protocol() {
    let gateway = with_echo(OPEN).await;
    gateway.reload_refused_with(&format!("listeners: [{{ address: \"{{{{listen}}}}\" }}]\n{OPEN}")).await;
    assert_eq!(gateway.http2().await.send(&get("/", &[])).await.status, 200);
    let gateway = crate::support::with_echo(OPEN).await;
    gateway.reload_refused_with(&format!("listeners: [{{ address: \"{{{{listen}}}}\", http2: true }}]\n{OPEN}")).await;
    assert_eq!(gateway.send(&crate::support::get("/", &[])).await.status, 200);
}

#[tokio::test]
async fn each_listener_speaks_what_it_was_told_to() {
    let listeners = "listeners: [{ address: \"{{listen}}\" }, { address: \"{{listen2}}\", http2: true }]\n";
    let gateway = crate::support::with_echo(&format!("{listeners}{OPEN}")).await;
    let both = Connection::open(gateway.address("listen2")).await.unwrap();
    assert_eq!(both.send(&get("/", &[])).await.status, 200);
    for place in ["listen", "listen2"] {
        let response = client::Client::new(gateway.address(place)).send(&crate::support::get("/", &[])).await;
        assert_eq!(response.status, 200, "{place}: {response}");
    }
    let mut wire = Wire::open(gateway.address("listen")).await.unwrap();
    wire.request(1, &get("/", &[])).await.ok();
    let said = wire.rest().await.unwrap();
    assert!(said.starts_with(b"HTTP/1.1 400 "), "{}", said.escape_ascii());
}

/// RFC 9113, 6.8: a client that will send no more still wants its answers.
#[tokio::test]
async fn a_client_that_says_farewell_gets_its_answers() {
    let gateway = with_echo(OPEN).await;
    let mut wire = gateway.http2_wire().await;
    wire.request(1, &get("/__misbehave/delay-head/300", &[])).await.unwrap();
    wire.request(3, &get("/__misbehave/delay-body/300", &[])).await.unwrap();
    wire.send(&[Frame::goaway(0, Code::NO_ERROR)]).await.unwrap();
    for (stream, text) in [(1, "late"), (3, "halfrest")] {
        let end = wire.end(stream).await.unwrap();
        assert!(matches!(&end, End::Answered(answer) if answer.body == text.as_bytes()), "{end:?}");
    }
    wire.ended().await.unwrap();
}

/// RFC 9113, 5.4.1: what leaves no sense in the connection ends it, with the reason. The library does not name every reason as the RFC
/// does, so that any but "no error" will do.
#[tokio::test]
async fn a_broken_connection_is_given_up() {
    let gateway = with_echo(OPEN).await;
    let head = get("/", &[]).block();
    let broken = [
        ("DATA without a stream", Frame::data(0, b"x", false)),
        ("HEADERS without a stream", Frame::headers(0, &head, true)),
        ("a stream of the server's", Frame::headers(2, &head, true)),
        ("DATA ahead of its HEADERS", Frame::data(1, b"x", true)),
        ("a pushed request", Frame::new(Kind(5), Flags::END_HEADERS, 1, [&[0, 0, 0, 2], &head[..]].concat())),
        ("a setting that is none", Frame::settings(&[(2, 2)])),
        ("frames that are too small", Frame::settings(&[(5, 1_000)])),
        ("a first window too large", Frame::settings(&[(4, 0x8000_0000)])),
        ("CONTINUATION of nothing", Frame::continuation(1, &head, true)),
        ("SETTINGS of five bytes", Frame::new(Kind::SETTINGS, 0, 0, [0; 5])),
        ("PING of four bytes", Frame::new(Kind::PING, 0, 0, [0; 4])),
        ("a window of nothing", Frame::window_update(0, 0)),
        ("a window too large", Frame::window_update(0, 0x7fff_ffff)),
        ("a frame too large", Frame::new(Kind(0x20), 0, 0, vec![0; 20_000])),
        ("fields that cannot be unpacked", Frame::headers(1, b"\xff\xff\xff", true)),
    ];
    for (nth, (what, frame)) in broken.into_iter().enumerate() {
        let mut wire = gateway.http2_wire().await;
        wire.send(&[frame]).await.unwrap();
        let said = wire.ended().await.unwrap();
        assert!(said.is_some_and(|(_, code)| code != Code::NO_ERROR), "{what}: {said:?}");
        let line = until(what, async || gateway.log_lines().into_iter().nth(nth)).await;
        assert_eq!((&line["reason"], &line["protocol"]), (&"protocol_violated".into(), &"HTTP/2".into()), "{what}");
    }
    let mut wire = gateway.http2_wire().await;
    let unknown = Frame::new(Kind(0xfa), 0xff, 0, *b"whatever");
    wire.send(&[unknown]).await.unwrap();
    assert!(matches!(wire.exchange(1, &get("/", &[])).await, Ok(End::Answered(_))), "frames nobody knows are ignored");
}
