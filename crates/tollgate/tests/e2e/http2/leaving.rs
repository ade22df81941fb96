//! Who leaves before the end: clients that give a stream or a connection up, upstreams that break off, and clocks that run out.

use super::{OPEN, as_http2, get, post, with_echo};
use crate::support::{gateway, request, until};
use crate::{reasons_upstream, support};
use engine::reason::Reason;
use serde_json::Value;
use testkit::client::Response;
use testkit::gateway::Gateway;
use testkit::http2::{Code, Connection, Fault, Frame};
use testkit::upstream::Misbehaviour;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::mpsc;

/// The line about a client that cannot know its request's ID.
async fn line_of(gateway: &Gateway, reason: Reason, nth: usize) -> Value {
    let lines = async || gateway.log_lines().into_iter().filter(|line| line["reason"] == reason.code()).nth(nth);
    let line = until(reason.code(), lines).await;
    assert_eq!((&line["status"], &line["protocol"]), (&reason.status().into(), &"HTTP/2".into()), "{line}");
    line
}

/// An upstream that reads what comes and says nothing, but tells the test when a connection begins and when it has ended.
async fn witness() -> (String, mpsc::UnboundedReceiver<&'static str>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let (tell, told) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let tell = tell.clone();
            tokio::spawn(async move {
                let mut bytes = vec![0; 1024];
                let mut first = true;
                while matches!(stream.read(&mut bytes).await, Ok(count) if count > 0) {
                    if std::mem::take(&mut first) {
                        tell.send("begun").ok();
                    }
                }
                tell.send("ended").ok();
            });
        }
    });
    (address, told)
}

/// Before the answer, in the middle of the body, and both with the whole connection.
#[tokio::test]
async fn what_a_client_gives_up_is_given_up_upstream() {
    let (address, mut told) = witness().await;
    let gateway = gateway(&OPEN.replace("{{upstream}}", &address)).http2().start().await;
    let connection = gateway.http2().await;
    for (nth, fields) in [&["Content-Length: 8"][..], &[]].into_iter().enumerate() {
        let mut stream = connection.begin(&post("/", fields)).await.unwrap();
        stream.sending.write(b"half", false).await.unwrap();
        assert_eq!(told.recv().await, Some("begun"));
        stream.sending.reset(Code::CANCEL);
        assert_eq!(told.recv().await, Some("ended"), "{fields:?}");
        line_of(&gateway, Reason::ClientClosedRequest, nth).await;
    }
    let whole = post("/", &["Content-Length: 4"]);
    let mut stream = connection.begin(&whole).await.unwrap();
    stream.sending.write(b"body", true).await.unwrap();
    assert_eq!(told.recv().await, Some("begun"));
    stream.sending.reset(Code::CANCEL);
    assert_eq!(told.recv().await, Some("ended"), "while the answer is waited for");
    line_of(&gateway, Reason::ClientClosedRequest, 2).await;
    let (one, other) = (connection.ask(&get("/", &[])).await.unwrap(), connection.ask(&get("/", &[])).await.unwrap());
    assert_eq!((told.recv().await, told.recv().await), (Some("begun"), Some("begun")));
    drop((one, other, connection));
    assert_eq!((told.recv().await, told.recv().await), (Some("ended"), Some("ended")), "the connection is gone");
    line_of(&gateway, Reason::ClientClosedRequest, 4).await;
    assert_eq!(gateway.log_lines().len(), 5);
}

/// Not a word, just the end of the connection, in the middle of bodies that pass through and that are read.
#[tokio::test]
async fn a_connection_that_breaks_takes_its_requests_along() {
    let config = OPEN.replace(
        "routes: [",
        "routes: [{ name: read, paths: [/read], upstream: echo, auth: { none: {} }, body: { schema: {} } }, ",
    );
    let gateway = with_echo(&config).await;
    let mut wire = gateway.http2_wire().await;
    // The one that can be seen upstream is the last: by then both are known.
    for (stream, target) in [(1, "/read"), (3, "/passed")] {
        let head = post(target, &["Content-Length: 8"]).block();
        wire.send(&[Frame::headers(stream, &head, false), Frame::data(stream, b"half", false)]).await.unwrap();
    }
    until("its way upstream", async || (gateway.upstream(0).connections() == 1).then_some(())).await;
    drop(wire);
    for nth in 0..2 {
        line_of(&gateway, Reason::ClientClosedRequest, nth).await;
    }
    let whole = gateway.upstream(0).received().into_iter().filter(|received| received.fault.is_none()).count();
    assert_eq!((whole, gateway.log_lines().len()), (0, 2));
}

#[tokio::test]
async fn a_stream_that_is_given_up_ends_alone() {
    let gateway = with_echo(OPEN).await;
    let connection = gateway.http2().await;
    let mut kept = connection.begin(&post("/kept", &[])).await.unwrap();
    let mut given_up = connection.begin(&post("/given-up", &[])).await.unwrap();
    given_up.sending.write(b"half", false).await.unwrap();
    until("its way upstream", async || (gateway.upstream(0).connections() > 0).then_some(())).await;
    given_up.sending.reset(Code::CANCEL);
    line_of(&gateway, Reason::ClientClosedRequest, 0).await;
    kept.sending.write(b"whole", true).await.unwrap();
    assert_eq!(kept.answering.read().await.unwrap().json()["body"], "whole");
    let whole = gateway.upstream(0).received().into_iter().filter(|received| received.fault.is_none());
    assert_eq!(whole.map(|received| received.target).collect::<Vec<_>>(), ["/kept"]);
}

/// A client that leaves while it gets its answer.
#[tokio::test]
async fn an_answer_that_is_given_up_is_no_longer_asked_for() {
    let gateway = with_echo(OPEN).await;
    let connection = gateway.http2().await;
    let stream = connection.begin(&post("/__misbehave/flood", &[])).await.unwrap();
    let (mut sending, answering) = (stream.sending, stream.answering);
    sending.write(b"", true).await.unwrap();
    let (head, mut body) = answering.head().await.unwrap();
    assert!(head.status == 200 && body.next().await.unwrap().is_some());
    sending.reset(Code::CANCEL);
    let id = head.header("x-request-id").unwrap();
    let line = gateway.log_line(id).await;
    assert_eq!((&line["reason"], &line["upstreamStatus"]), (&"client_closed_request".into(), &200.into()), "{line}");
    assert_eq!(connection.send(&get("/", &[])).await.status, 200);
}

/// An answer that broke off: some of it, or nothing but the reset, if that was faster; or a whole refusal, where it broke off before its
/// head had gone out.
fn check_broken(what: &str, ended: Result<Response, Fault>) {
    match ended {
        Ok(response) if response.status == 502 => assert_eq!(response.cut, None, "{what}: {response}"),
        Ok(response) => {
            let cut = Fault::Reset(Code::INTERNAL_ERROR).to_string();
            assert_eq!((response.status, response.cut.as_deref()), (200, Some(cut.as_str())), "{what}: {response}");
        }
        Err(fault) => assert_eq!(fault, Fault::Reset(Code::INTERNAL_ERROR), "{what}"),
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_does_not_look_whole() {
    let (builder, _silent) = reasons_upstream::builder().await;
    let gateway = builder.http2().start().await;
    let connection = gateway.http2().await;
    for (nth, host, how, reason) in [
        (0, "calm", "reset-in-body", Reason::UpstreamReset),
        (1, "calm", "length-too-long", Reason::UpstreamReset),
        (2, "calm", "close-after-head", Reason::UpstreamReset),
        (0, "calm", "bad-chunk", Reason::UpstreamProtocolError),
        (0, "hasty", "delay-body/60000", Reason::IdleTimeout),
        (0, "brief", "delay-body/60000", Reason::TotalTimeout),
    ] {
        let sent = get(&format!("/__misbehave/{how}"), &[&format!("Host: {host}.example")]);
        check_broken(how, connection.exchange(&sent).await);
        let lines = async || gateway.log_lines().into_iter().filter(|line| line["reason"] == reason.code()).nth(nth);
        let line = until(how, lines).await;
        let told = line["status"].as_u64();
        assert!(matches!(told, Some(200 | 502)) && line["upstreamStatus"] == 200, "{how}: {line}");
        assert_eq!(connection.send(&get("/", &["Host: calm.example"])).await.status, 200, "the others go on");
    }
}

/// A body without a length ends with the connection over HTTP/1.1; here its end has to be said, or it was none.
#[tokio::test]
async fn an_answer_without_a_length_ends_with_upstreams_connection() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nto the end").await.unwrap();
        }
    });
    let gateway = gateway(&OPEN.replace("{{upstream}}", &address)).http2().start().await;
    let response = gateway.http2().await.send(&get("/", &[])).await;
    assert_eq!((response.text().as_str(), response.cut.as_ref()), ("to the end", None), "{response}");
}

/// `firstByte` begins when the request has been sent. The clock is another request, one that runs into its own 200 ms.
#[tokio::test]
async fn a_slow_upload_is_not_the_upstreams_delay() {
    let (builder, _silent) = reasons_upstream::builder().await;
    let gateway = builder.http2().start().await;
    let connection = gateway.http2().await;
    let mut upload = connection.begin(&post("/", &["Host: hasty.example"])).await.unwrap();
    upload.sending.write(b"half", false).await.unwrap();
    for _ in 0..2 {
        let late = connection.send(&get("/__misbehave/never", &["Host: hasty.example"])).await;
        super::check_refusal(&gateway, &late, Reason::FirstByteTimeout).await;
    }
    upload.sending.write(b"half", true).await.unwrap();
    assert_eq!(upload.answering.read().await.unwrap().json()["body"], "halfhalf");
}

/// `idle` is about upstream: a client that opens no window is not its fault.
#[tokio::test]
async fn a_client_that_reads_slowly_is_not_the_upstreams_delay() {
    const MUCH: usize = 8 << 20;
    let (builder, _silent) = reasons_upstream::builder().await;
    let gateway = builder.http2().start().await;
    let slow = Connection::open_with_window(gateway.address("listen"), 10_000).await.unwrap();
    let flood = get("/__misbehave/flood", &["Host: hasty.example"]);
    let (_, mut body) = slow.ask(&flood).await.unwrap().head().await.unwrap();
    for _ in 0..3 {
        let late = gateway.send(&support::get("/__misbehave/never", &["Host: hasty.example"])).await;
        assert_eq!(late.status, 504, "{late}");
    }
    let mut got = 0;
    while got < MUCH {
        got += body.next().await.unwrap().unwrap_or_else(|| panic!("ended behind {got} bytes")).len();
    }
}

/// The endpoint resets the connection that was kept: the same request goes over a new one, body and all.
#[tokio::test]
async fn a_request_is_sent_again_where_that_does_no_harm() {
    let upstream = testkit::upstream::misbehaving(Misbehaviour::ResetReused);
    let gateway = gateway(OPEN).http2().upstream(upstream).start().await;
    let connection = gateway.http2().await;
    let large = "x".repeat(50_000);
    for body in ["", "first", "second", &large] {
        let sent = as_http2(&request("PUT", "/", &[], body));
        let response = connection.send(&sent).await;
        assert_eq!(response.status, 200, "{response}");
        assert_eq!(gateway.upstream(0).received().last().unwrap().body, body.as_bytes());
        let pieces = post("/", &[]).with(":method", "PUT").pieces([body]);
        let response = connection.send(&pieces).await;
        assert_eq!(response.status, 200, "{response}");
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert_eq!(line["attempts"], 2, "{line}");
        assert_eq!(gateway.upstream(0).received().last().unwrap().body, body.as_bytes());
    }
}

/// An upstream that answers before it has the whole body: the client gets the answer, and the connection goes on.
#[tokio::test]
async fn an_early_answer_comes_whole() {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(b"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno").await.ok();
        }
    });
    let gateway = gateway(&OPEN.replace("{{upstream}}", &address)).http2().start().await;
    let connection = gateway.http2().await;
    let large = as_http2(&request("POST", "/", &[], &"x".repeat(3_000_000)));
    for _ in 0..5 {
        let response = connection.send(&large).await;
        // A reset behind the whole answer says that no more of the body is wanted (RFC 9113, 8.1).
        assert!(matches!(response.status, 403 | 502), "{response}");
    }
    assert!(!gateway.said().contains("WARN"), "{}", gateway.said());
}
