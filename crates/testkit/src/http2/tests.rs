//! Bytes against the RFCs' own, and both clients against a peer on the `h2` crate.

use super::frame::status;
use super::*;
use crate::ports;
use bytes::Bytes;
use h2::server;
use std::net::SocketAddr;
use tokio::net::TcpListener;

#[test]
fn frames_are_written_and_read() {
    #[track_caller]
    fn check(frame: &Frame, expected: &[u8]) {
        assert_eq!(frame.bytes(), expected, "{frame:?}");
        let more = [expected, b"more"].concat();
        assert_eq!(Frame::parse(&more), Some((frame.clone(), expected.len())), "{frame:?}");
        for short in 0..expected.len() {
            assert_eq!(Frame::parse(&expected[..short]), None, "{short} bytes of {frame:?}");
        }
    }
    check(&Frame::settings(&[(3, 100)]), b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64");
    check(&Frame::headers(1, b"\x82", true), b"\0\0\x01\x01\x05\0\0\0\x01\x82");
    check(&Frame::headers_begun(3, b"\x82", false), b"\0\0\x01\x01\0\0\0\0\x03\x82");
    check(&Frame::continuation(3, b"\x84", true), b"\0\0\x01\x09\x04\0\0\0\x03\x84");
    check(&Frame::data(1, b"ab", false), b"\0\0\x02\0\0\0\0\0\x01ab");
    check(&Frame::padded_data(1, b"ab", 2, true), b"\0\0\x05\0\x09\0\0\0\x01\x02ab\0\0");
    check(&Frame::reset(5, Code::CANCEL), b"\0\0\x04\x03\0\0\0\0\x05\0\0\0\x08");
    check(&Frame::ping(*b"12345678"), b"\0\0\x08\x06\0\0\0\0\x0012345678");
    check(&Frame::goaway(7, Code::NO_ERROR), b"\0\0\x08\x07\0\0\0\0\0\0\0\0\x07\0\0\0\0");
    check(&Frame::window_update(0, 65_535), b"\0\0\x04\x08\0\0\0\0\0\0\0\xff\xff");
    let large = vec![b'x'; 70_000];
    check(&Frame::data(1, &large, true), &[b"\x01\x11\x70\0\x01\0\0\0\x01".as_slice(), &large].concat());
}

#[test]
fn padding_is_no_content() {
    for padding in [0, 1, 255] {
        assert_eq!(Frame::padded_data(1, b"body", padding, false).content(), b"body", "{padding}");
    }
    assert_eq!(Frame::new(Kind::DATA, Flags::PADDED, 1, *b"\x09ab").content(), b"", "more padding than there is");
    assert_eq!(Frame::new(Kind::DATA, Flags::PADDED, 1, []).content(), b"");
}

#[test]
fn fields_are_literal() {
    assert_eq!(block(&[(":path", "/"), ("a", "")]), b"\0\x05:path\x01/\0\x01a\0");
    // RFC 7541, C.1.3: 1337 is 31 and 154 and 10 with a prefix of five bits; of seven it is 127, 186 and 9.
    assert_eq!(block(&[("", "x".repeat(1_337))])[..5], *b"\0\0\x7f\xba\x09");
    assert_eq!(block(&[("", "x".repeat(127))])[..4], *b"\0\0\x7f\0");
    assert_eq!(block(&[("", "x".repeat(126))])[..3], *b"\0\0\x7e");
}

#[test]
fn a_block_begins_with_its_status() {
    for (block, expected) in [
        (&b"\x88"[..], Some(200)),
        (b"\x8d\x40", Some(404)),
        (b"\x20\x8e", Some(500)),
        (b"\x48\x03503", Some(503)),
        // RFC 7541, C.6.1.
        (b"\x48\x82\x64\x02", Some(302)),
        (b"\x08\x83\x69\x7d\xff", None),
        (b"\x48\x82\x10\x03", Some(201)),
        (b"\x40\x01a\x01b", None),
        (b"", None),
    ] {
        assert_eq!(status(block), expected, "{}", block.escape_ascii());
    }
}

#[test]
fn a_request_of_http1_is_the_same_in_http2() {
    #[track_caller]
    fn check(bytes: &str, expected: &str) {
        let request = Request::of_http1(bytes.replace('\n', "\r\n").as_bytes()).unwrap();
        let mut text = String::new();
        for (name, value) in &request.fields {
            text.extend([&String::from_utf8_lossy(name), "=", &String::from_utf8_lossy(value), " "]);
        }
        for piece in &request.pieces {
            text.extend(["| ", &String::from_utf8_lossy(piece)]);
        }
        assert_eq!(text.trim_end(), expected);
    }
    check("GET /a?b HTTP/1.1\nHost: x.y\nX-A:  1 \n\n", ":method=GET :scheme=http :authority=x.y :path=/a?b x-a=1");
    check("GET / HTTP/1.1\n\n", ":method=GET :scheme=http :path=/");
    check("GET ftp://a HTTP/1.1\nHost: b\n\n", ":method=GET :scheme=ftp :authority=a :path=/ host=b");
    check("GET http://a?q HTTP/1.1\n\n", ":method=GET :scheme=http :authority=a :path=/?q");
    check("GET /http://a HTTP/1.1\n\n", ":method=GET :scheme=http :path=/http://a");
    check(
        "PUT / HTTP/1.1\nHost: a\nConnection: close\nContent-Length: 3\n\nabc",
        ":method=PUT :scheme=http :authority=a :path=/ content-length=3 | abc",
    );
    check(
        "PUT / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n2;x=y\nab\n1\nc\n0\n\n",
        ":method=PUT :scheme=http :authority=a :path=/ | ab| c",
    );
}

#[test]
fn what_only_http1_can_say_is_no_request() {
    for bytes in [
        "GET / HTTP/1.1\nHost: a\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n b\r\n\r\n",
        "GET / HTTP/1.1\r\nX: a\r\n\tb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n",
    ] {
        assert_eq!(Request::of_http1(bytes.as_bytes()), None, "{bytes:?}");
    }
}

/// Answers by path: `/echo` with the body, `/early` with 103 first, `/hold` never, `/cut` with half a body and a reset, `/quiet` with more
/// than a HEAD may have, `/bye` and then no more, and others with 404.
async fn peer() -> SocketAddr {
    let address = ports::free().unwrap();
    let listener = TcpListener::bind(address).await.unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut connection = server::handshake(stream).await?;
                while let Some(request) = connection.accept().await {
                    let (request, answer) = request?;
                    if request.uri().path() == "/bye" {
                        connection.graceful_shutdown();
                    }
                    tokio::spawn(answered(request, answer));
                }
                Ok::<_, h2::Error>(())
            });
        }
    });
    address
}

async fn answered(
    request: http::Request<h2::RecvStream>,
    mut answer: server::SendResponse<Bytes>,
) -> Result<(), h2::Error> {
    let head = |status: u16| http::Response::builder().status(status).body(()).unwrap();
    let path = request.uri().path().to_owned();
    let mut body = request.into_body();
    match path.as_str() {
        "/echo" => {
            let mut bytes = Vec::new();
            while let Some(piece) = body.data().await {
                let piece = piece?;
                body.flow_control().release_capacity(piece.len())?;
                bytes.extend_from_slice(&piece);
            }
            let mut sending = answer.send_response(head(200), false)?;
            sending.send_data(bytes.into(), false)?;
            let trailers = body.trailers().await?.unwrap_or_default();
            sending.send_trailers(trailers)?;
        }
        "/early" => {
            answer.send_informational(head(103))?;
            answer.send_response(head(204), true)?;
        }
        "/hold" => {
            std::future::pending::<()>().await;
        }
        "/cut" => {
            let mut sending = answer.send_response(head(200), false)?;
            sending.send_data(Bytes::from_static(b"half"), false)?;
            // Told once the first half is out.
            body.data().await.transpose()?;
            sending.send_reset(Code::INTERNAL_ERROR);
        }
        _ => {
            answer.send_response(head(404), true)?;
        }
    }
    Ok(())
}

const HOST: &str = "a.example";

#[tokio::test]
async fn a_connection_carries_many_requests_at_once() {
    let connection = Connection::open(peer().await).await.unwrap();
    let mut held = connection.begin(&Request::new("POST", HOST, "/echo")).await.unwrap();
    let large = vec![b'x'; 300_000];
    let response = connection.send(&Request::new("PUT", HOST, "/echo").body(&large).field("x-a", "1")).await;
    assert!(response.status == 200 && response.body == large && response.cut.is_none(), "{}", response.status);
    assert_eq!(connection.send(&Request::get(HOST, "/nowhere")).await.status, 404);
    held.sending.write(b"first ", false).await.unwrap();
    held.sending.write(b"second", false).await.unwrap();
    held.sending.trailers(&[("x-sum", "12")]).unwrap();
    let response = held.answering.read().await.unwrap();
    assert_eq!((response.text().as_str(), &response.trailers), ("first second", &vec![("x-sum".into(), "12".into())]));
}

#[tokio::test]
async fn an_interim_answer_comes_first() {
    let connection = Connection::open(peer().await).await.unwrap();
    let response = connection.send(&Request::get(HOST, "/early")).await;
    assert_eq!((response.status, response.interim.as_slice()), (204, &[103][..]));
    let mut answering = connection.ask(&Request::get(HOST, "/early")).await.unwrap();
    assert_eq!((answering.interim().await, answering.interim().await), (Ok(Some(103)), Ok(None)));
    assert_eq!(answering.read().await.unwrap().status, 204);
}

#[tokio::test]
async fn a_reset_is_told_apart_from_an_end() {
    let connection = Connection::open(peer().await).await.unwrap();
    let mut cut = connection.begin(&Request::new("POST", HOST, "/cut")).await.unwrap();
    let (_, mut body) = cut.answering.head().await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "half");
    cut.sending.write(b"go on", true).await.unwrap();
    assert_eq!(body.next().await, Err(Fault::Reset(Code::INTERNAL_ERROR)));
    let mut wire = Wire::open(peer().await).await.unwrap();
    let request = Request::new("POST", HOST, "/cut").pieces(["go on"]);
    let End::Reset(Code::INTERNAL_ERROR, answer) = wire.exchange(1, &request).await.unwrap() else { panic!() };
    // The peer's library throws away what had not gone out.
    assert!([&b""[..], b"half"].contains(&answer.body.as_slice()), "{answer:?}");
}

#[tokio::test]
async fn a_connection_ends_on_both_sides() {
    let mut connection = Connection::open(peer().await).await.unwrap();
    assert_eq!(connection.send(&Request::get(HOST, "/bye")).await.status, 404);
    connection.ended().await.unwrap();
    let mut wire = Wire::open(peer().await).await.unwrap();
    let End::Answered(answer) = wire.exchange(1, &Request::get(HOST, "/bye")).await.unwrap() else { panic!() };
    assert_eq!(answer.status, 404);
    assert_eq!(wire.ended().await, Ok(Some((1, Code::NO_ERROR))));
}

#[tokio::test]
async fn a_wire_sends_what_nobody_should() {
    let mut wire = Wire::open(peer().await).await.unwrap();
    let bad = Request::get(HOST, "/echo").field("connection", "close");
    assert_eq!(wire.exchange(1, &bad).await, Ok(End::Reset(Code::PROTOCOL_ERROR, Answer::default())));
    let large = Request::new("PUT", HOST, "/echo").field("x", "y".repeat(15_000)).pieces(["a", "", "b"]);
    let End::Answered(answer) = wire.exchange(3, &large).await.unwrap() else { panic!() };
    assert_eq!((answer.status, answer.body.as_slice()), (200, &b"ab"[..]));
    let early = Request::get(HOST, "/early");
    let End::Answered(answer) = wire.exchange(5, &early).await.unwrap() else { panic!() };
    assert_eq!((answer.status, answer.interim.as_slice()), (204, &[103][..]));
    wire.send(&[Frame::data(0, b"for nobody", true)]).await.unwrap();
    assert_eq!(wire.end(7).await, Ok(End::GoAway(Code::PROTOCOL_ERROR)));
}

#[tokio::test]
async fn what_a_well_behaved_client_cannot_send_is_said() {
    let connection = Connection::open(peer().await).await.unwrap();
    for request in [
        Request::get(HOST, "/echo").without(":authority"),
        Request::get(HOST, "/echo").field(":strange", "1"),
        Request::get(HOST, "/echo").field("connection", "close"),
        Request::get(HOST, "/\0"),
    ] {
        let sent = connection.exchange(&request).await;
        assert!(matches!(sent, Err(Fault::Unsendable(_))), "{request:?}: {sent:?}");
    }
    assert_eq!(connection.send(&Request::get(HOST, "/early")).await.status, 204, "the connection lives on");
}

#[tokio::test]
async fn a_client_takes_no_more_than_it_has_room_for() {
    let connection = Connection::open_with_window(peer().await, 10).await.unwrap();
    let request = Request::new("PUT", HOST, "/echo").body("more than ten bytes of it");
    let full = connection.begin(&request).await.unwrap();
    let Stream { mut sending, answering } = full;
    sending.write(b"more than ten bytes of it", true).await.unwrap();
    let (_, mut body) = answering.head().await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), "more than ");
    assert_eq!(body.next().await.unwrap().unwrap(), "ten bytes ");
}
