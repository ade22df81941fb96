//! Bodies that pass through: bounds, lengths, time, and who hears of what.

use super::{as_http2, check_refusal, get, is_protocol_error, logged, post, with_echo};
use crate::support::{request, until};
use engine::reason::Reason;
use testkit::gateway::Gateway;
use testkit::http2::{Code, End, Frame, Request, block};

const CONFIG: &str = r#"
limits: { bodyTimeout: 200ms }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - { name: small, paths: [/small], body: { bytesMax: 16B } }
  - { name: sized, paths: [/sized], body: { requireLength: true } }
  - { name: order, paths: [/order], body: { schema: { type: object } } }
  - { name: open, paths: [/open] }
"#;

/// Nothing of it reached upstream whole.
fn check_none_whole(gateway: &Gateway) {
    let whole: Vec<_> =
        gateway.upstream(0).received().into_iter().filter(|received| received.fault.is_none()).collect();
    assert!(whole.is_empty(), "{whole:?}");
}

/// Even while the body is still to come.
#[tokio::test]
async fn a_length_that_is_too_large_is_refused_at_once() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    let head = post("/small", &["Content-Length: 17"]);
    let stream = connection.begin(&head).await.unwrap();
    check_refusal(&gateway, &stream.answering.read().await.unwrap(), Reason::BodyTooLarge).await;
    let large = connection.send(&post("/small", &[]).body(vec![b'x'; 1_000_000])).await;
    check_refusal(&gateway, &large, Reason::BodyTooLarge).await;
    assert_eq!(gateway.upstream(0).connections(), 0, "nobody was asked");
    assert_eq!(connection.send(&post("/small", &[]).body("1234567890123456")).await.status, 200);
}

/// The upstream answers only what is whole, so that there is time for a whole refusal.
#[tokio::test]
async fn a_body_that_grows_too_large_is_refused() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    for pieces in [vec!["x"; 17], vec!["12345678901234567"], vec!["12345678", "123456789"], vec!["x"; 1_000]] {
        let response = connection.send(&Request::new("POST", "a.example", "/small").pieces(&pieces)).await;
        check_refusal(&gateway, &response, Reason::BodyTooLarge).await;
    }
    check_none_whole(&gateway);
    let good = Request::new("POST", "a.example", "/small").pieces(["1234567890", "123456"]);
    assert_eq!(connection.send(&good).await.json()["body"], "1234567890123456");
    let unsized_body = Request::new("POST", "a.example", "/sized").pieces(["x"]);
    check_refusal(&gateway, &connection.send(&unsized_body).await, Reason::LengthRequired).await;
}

/// RFC 9113, 8.1.1: a request whose body is not as long as it says is malformed.
#[tokio::test]
async fn a_body_of_another_length_is_never_taken_for_whole() {
    let gateway = with_echo(CONFIG).await;
    let mut wire = gateway.http2_wire().await;
    let mut stream = 1;
    for target in ["/open", "/order"] {
        let head = |length: &str| Request::new("POST", "a.example", target).field("content-length", length);
        for (what, request) in [
            ("shorter", head("5").pieces(["{}"])),
            ("longer", head("2").pieces(["{} "])),
            ("longer in pieces", head("2").pieces(["{}", "{}"])),
            ("nothing at all", head("2")),
            ("nothing in the end", head("2").pieces([""])),
            ("something where there is nothing", head("0").pieces(["{}"])),
        ] {
            let end = wire.exchange(stream, &request).await.unwrap();
            let refused = matches!(&end, End::Answered(answer) if answer.status == 400);
            assert!(refused || is_protocol_error(&end), "{what} on {target}: {end:?}");
            stream += 2;
        }
    }
    let good = wire.exchange(stream, &post("/open", &[]).body("{}")).await.unwrap();
    assert!(matches!(&good, End::Answered(answer) if answer.status == 200), "the others go on: {good:?}");
    let whole = gateway.upstream(0).received().into_iter().filter(|received| received.fault.is_none());
    // To an upstream a body of length 0 is whole with its head, whatever comes then.
    let whole = whole.filter(|received| received.header("content-length") != Some("0"));
    assert_eq!(whole.map(|received| received.body).collect::<Vec<_>>(), [b"{}"]);
}

#[tokio::test]
async fn large_bodies_pass_both_ways() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    let large = "0123456789abcdef".repeat(200_000);
    for request in [
        as_http2(&request("POST", "/open", &[], &large)),
        Request::new("POST", "a.example", "/open").pieces(large.as_bytes().chunks(50_000)),
    ] {
        let response = connection.send(&request).await;
        assert_eq!((response.status, response.cut.as_ref()), (200, None));
        assert!(response.json()["body"] == large, "{} bytes came back", response.body.len());
        let line = logged(&gateway, &response).await;
        assert_eq!((&line["bytesIn"], &line["bytesOut"]), (&large.len().into(), &response.body.len().into()), "{line}");
    }
}

/// However it is cut up and filled up, the same bytes arrive.
#[tokio::test]
async fn padding_and_small_frames_change_nothing() {
    let gateway = with_echo(CONFIG).await;
    let mut wire = gateway.http2_wire().await;
    let body = br#"{"orderId":"A-1","items":[1,2,3]}"#;
    let mut stream = 1;
    for target in ["/open", "/order"] {
        for length in [None, Some(body.len())] {
            let mut head = Request::new("POST", "a.example", target);
            if let Some(length) = length {
                head = head.field("content-length", length.to_string());
            }
            let mut frames = vec![Frame::headers(stream, &head.block(), false)];
            for (at, byte) in body.chunks(1).enumerate() {
                let padding = u8::try_from(at * 7).unwrap();
                frames.push(Frame::padded_data(stream, byte, padding, false));
                frames.push(Frame::ping([0; 8]));
            }
            // Of these only a few are borne.
            frames.push(Frame::data(stream, b"", false));
            frames.push(Frame::padded_data(stream, b"", 255, true));
            wire.send(&frames).await.unwrap();
            let end = wire.end(stream).await.unwrap();
            let End::Answered(answer) = &end else { panic!("{target} {length:?}: {end:?}") };
            assert_eq!(answer.json()["body"].as_str().map(str::as_bytes), Some(&body[..]), "{target}: {end:?}");
            stream += 2;
        }
    }
}

/// HTTP/1.1 upstreams get none, announced or not.
#[tokio::test]
async fn fields_behind_a_body_are_dropped() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    for (target, fields) in [
        ("/open", &[][..]),
        ("/open", &["Content-Length: 2"]),
        ("/order", &[]),
        ("/order", &["Content-Length: 2", "TE: trailers"]),
    ] {
        let mut stream = connection.begin(&post(target, fields)).await.unwrap();
        stream.sending.write(b"{}", false).await.unwrap();
        stream.sending.trailers(&[("x-consumer-id", "root"), ("x-sum", "2")]).unwrap();
        let response = stream.answering.read().await.unwrap();
        assert_eq!((response.status, &response.json()["body"]), (200, &"{}".into()), "{target}: {response}");
    }
    for received in gateway.upstream(0).received() {
        let raw = received.raw.escape_ascii().to_string();
        assert!(received.fault.is_none() && !raw.contains("x-sum") && !raw.contains("root"), "{raw}");
    }
}

/// RFC 9113, 8.1: what stands behind a body is fields, and the end. A body in front of anything else is not whole.
#[tokio::test]
async fn what_is_wrong_behind_a_body_spoils_it() {
    let gateway = with_echo(CONFIG).await;
    let mut wire = gateway.http2_wire().await;
    let mut stream = 1;
    for target in ["/open", "/order"] {
        for (what, block, ends) in [
            ("a field of a connection", block(&[("transfer-encoding", "chunked")]), true),
            ("fields that do not end it", block(&[("x-a", "1")]), false),
        ] {
            let head = post(target, &[]).block();
            let frames = [Frame::headers(stream, &head, false), Frame::data(stream, b"{}", false)];
            wire.send(&frames).await.unwrap();
            wire.send(&[Frame::headers(stream, &block, ends)]).await.unwrap();
            let end = wire.end(stream).await.unwrap();
            assert!(is_protocol_error(&end), "{what} on {target}: {end:?}");
            stream += 2;
        }
    }
    check_none_whole(&gateway);
    // The library lets these through. They are dropped with all that stands behind a body.
    let head = post("/open", &[]).block();
    let trailers = Frame::headers(stream, &block(&[(":path", "/b"), (":authority", "b.example")]), true);
    wire.send(&[Frame::headers(stream, &head, false), Frame::data(stream, b"{}", false), trailers]).await.unwrap();
    wire.end(stream).await.unwrap();
    let raw: Vec<u8> = gateway.upstream(0).received().into_iter().flat_map(|received| received.raw).collect();
    assert!(!raw.windows(9).any(|window| window == b"b.example"), "{}", raw.escape_ascii());
}

/// The stream ends, and no other with it.
#[tokio::test]
async fn a_body_that_stops_is_given_up() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    for (target, fields) in [("/open", &["Content-Length: 10"][..]), ("/open", &[]), ("/order", &[])] {
        let mut stream = connection.begin(&post(target, fields)).await.unwrap();
        stream.sending.write(b"{\"a\"", false).await.unwrap();
        let response = stream.answering.read().await.unwrap();
        check_refusal(&gateway, &response, Reason::BodyTimeout).await;
        assert_eq!(connection.send(&get("/open", &[])).await.status, 200);
    }
    let mut silent = gateway.http2_wire().await;
    silent.send(&[Frame::headers(1, &post("/open", &[]).block(), false)]).await.unwrap();
    let end = silent.end(1).await.unwrap();
    let (End::Answered(answer) | End::Reset(Code::NO_ERROR, answer)) = &end else { panic!("{end:?}") };
    assert_eq!((answer.status, &answer.json()["code"]), (408, &"request_timeout".into()), "{end:?}");
}

/// What else a connection carries is no sign of life: the silence is that of the body.
#[tokio::test]
async fn others_do_not_keep_a_body_alive() {
    let gateway = with_echo(CONFIG).await;
    let mut wire = gateway.http2_wire().await;
    wire.send(&[Frame::headers(1, &post("/open", &["Content-Length: 9"]).block(), false)]).await.unwrap();
    let mut other = 1;
    while wire.answered(1).is_none() {
        other += 2;
        let end = wire.exchange(other, &Request::new("HEAD", "a.example", "/nowhere")).await;
        assert!(matches!(&end, Ok(End::Answered(answer)) if answer.status == 404), "{end:?}");
    }
    assert_eq!(wire.answered(1), Some(408), "after {other}");
}

/// A frame is handed over when it is whole, but what has come of it is no silence.
#[tokio::test]
async fn a_frame_may_take_its_time() {
    let gateway = with_echo(CONFIG).await;
    let mut wire = gateway.http2_wire().await;
    let body = "x".repeat(400);
    let frame = Frame::data(1, body.as_bytes(), true).bytes();
    wire.send(&[Frame::headers(1, &post("/open", &[]).block(), false)]).await.unwrap();
    for byte in frame.chunks(1) {
        wire.write(byte).await.unwrap();
        // Takes about as long as anything may that is asked between two bytes.
        assert_eq!(gateway.client().get("/nowhere").send().await.status, 404);
    }
    let end = wire.end(1).await.unwrap();
    let End::Answered(answer) = &end else { panic!("{end:?}") };
    assert_eq!((answer.status, answer.json()["body"].as_str()), (200, Some(&*body)));
}

/// A hundred bodies that nobody reads are far more than a connection has room for.
#[tokio::test]
async fn refused_bodies_leave_their_room() {
    let gateway = with_echo(CONFIG).await;
    let connection = gateway.http2().await;
    for number in 0..100 {
        let (target, status) = [("/nowhere", 404), ("/small", 413), ("/a%2fb", 400)][number % 3];
        let sent = Request::new("POST", "a.example", target).pieces([vec![b'x'; 30_000], vec![b'x'; 30_000]]);
        let response = connection.send(&sent).await;
        assert_eq!(response.status, status, "{number}: {response}");
    }
    let large = "x".repeat(2_000_000);
    let response = connection.send(&post("/open", &[]).body(&large)).await;
    assert!(response.json()["body"] == large, "{} bytes came back", response.body.len());
}

/// What was told at the beginning is asked for nothing more.
#[tokio::test]
async fn a_refusal_lets_the_client_stop() {
    let gateway = with_echo(CONFIG).await;
    let mut wire = gateway.http2_wire().await;
    let head = post("/small", &["Content-Length: 100000"]);
    wire.send(&[Frame::headers(1, &head.block(), false), Frame::data(1, b"some", false)]).await.unwrap();
    let (End::Answered(answer) | End::Reset(Code::NO_ERROR, answer)) = wire.end(1).await.unwrap() else { panic!() };
    assert_eq!(answer.status, 413);
    // The rest of what was on its way costs the connection nothing.
    wire.send(&[Frame::data(1, b"more", false), Frame::data(1, b"", true)]).await.unwrap();
    let next = wire.exchange(3, &get("/open", &[])).await.unwrap();
    assert!(matches!(&next, End::Answered(answer) if answer.status == 200), "{next:?}");
    until("the log", async || (gateway.log_lines().len() == 2).then_some(())).await;
}
