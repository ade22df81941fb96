//! Upstream and client, tested against each other.

use super::*;
use crate::client::{Client, Connection, Response};
use crate::http1::Fault;
use serde_json::json;

fn client(upstream: &Upstream) -> Client {
    Client::new(upstream.address())
}

#[tokio::test]
async fn an_echo_says_what_it_received() {
    let upstream = echo();
    let request =
        client(&upstream).post("/a?b=c", "käse").header("X-One", "1").header("x-one", " 2 ").header("Host", "h");
    let response = request.expect(200).await;
    let expected = json!({
        "method": "POST", "target": "/a?b=c", "version": "HTTP/1.1", "body": "käse",
        "headers": [["X-One", "1"], ["x-one", "2"], ["Host", "h"], ["Content-Length", "5"]],
    });
    assert_eq!(response.json(), expected);
    assert_eq!(response.header("CONTENT-TYPE"), Some("application/json"));
}

#[tokio::test]
async fn every_byte_is_recorded() {
    let upstream = echo();
    let sent =
        b"PUT /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nT: 1\r\n\r\n";
    let mut connection = client(&upstream).connect().await;
    assert_eq!(connection.send(sent).await.json()["body"], "abcde");
    connection.send(b"GET /y?z HTTP/1.1\r\nHost: h\r\n\r\n").await;
    let received = upstream.received();
    assert_eq!((received.len(), upstream.count(), upstream.connections()), (2, 2, 1));
    assert_eq!((received[0].raw.as_slice(), received[0].body.as_slice()), (sent.as_slice(), b"abcde".as_slice()));
    assert_eq!((received[1].path(), received[1].target.as_str(), received[1].connection), ("/y", "/y?z", 1));
}

#[tokio::test]
async fn what_is_no_request_is_recorded_too() {
    #[track_caller]
    fn has(upstream: &Upstream, raw: &[u8]) {
        let received = upstream.received();
        let [one] = received.as_slice() else { panic!("{received:?}") };
        assert!(one.fault.is_some() && one.raw == raw, "{one:?}");
        assert_eq!(upstream.count(), 0);
    }
    for raw in [
        "GET / HTTP/1.1\r\nno colon\r\n\r\n",
        "GET /\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx",
        "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nx\r\n0\r\n\r\n",
    ] {
        let upstream = echo();
        assert_eq!(client(&upstream).send(raw.as_bytes()).await.status, 400, "{raw}");
        has(&upstream, raw.as_bytes());
    }
    let upstream = echo();
    let mut connection = client(&upstream).connect().await;
    connection.write(b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf").await.unwrap();
    connection.finish().await.unwrap();
    connection.read("POST").await.unwrap();
    has(&upstream, b"POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf");
}

#[tokio::test]
async fn a_fixed_answer_is_always_the_same() {
    let upstream = fixed(418, &[("X-A", "1"), ("X-A", "2")], b"teapot");
    let mut connection = client(&upstream).connect().await;
    for _ in 0..2 {
        let response = connection.send(b"GET / HTTP/1.1\r\n\r\n").await;
        assert_eq!(
            (response.status, response.text().as_str(), response.headers("x-a")),
            (418, "teapot", vec!["1", "2"])
        );
    }
    let head = connection.send(b"HEAD / HTTP/1.1\r\n\r\n").await;
    assert_eq!((head.body.len(), head.header("content-length")), (0, Some("6")));
    connection.send(b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n").await;
    assert!(connection.closed().await);
    upstream.behave(Behaviour::Fixed(Answer { status: 204, headers: Headers::new(), body: Vec::new() }));
    assert_eq!(client(&upstream).get("/").expect(204).await.header("content-length"), None);
    assert!(upstream.wait_for(5).await);
}

#[tokio::test]
async fn a_waiting_body_is_asked_for() {
    let upstream = echo();
    let mut connection = client(&upstream).connect().await;
    connection.write(b"POST / HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n").await.unwrap();
    connection.write(b"ok").await.unwrap();
    let response = connection.read("POST").await.unwrap();
    assert_eq!(
        (response.status, response.interim, upstream.received()[0].body.as_slice()),
        (200, vec![100], b"ok".as_slice())
    );
}

/// The response to each way of misbehaving, in short.
fn told(response: Result<Response, Fault>) -> String {
    match response {
        Ok(Response { status, interim, cut, body, .. }) => {
            let statuses: Vec<String> = interim.iter().chain([&status]).map(u16::to_string).collect();
            let body = String::from_utf8_lossy(&body).into_owned();
            format!("{} {body}{}", statuses.join(" "), cut.map_or(String::new(), |cut| format!(" [{cut}]")))
        }
        Err(Fault::Io(error)) => format!("{:?}", error.kind()),
        Err(fault) => fault.to_string(),
    }
}

#[tokio::test]
async fn each_misbehaviour_is_what_it_says() {
    async fn check(name: &str, expected: &str) {
        let upstream = echo();
        let response = client(&upstream).get(&format!("/__misbehave/{name}?query")).try_send().await;
        assert_eq!(told(response), expected, "{name}");
        assert_eq!(upstream.count(), 1, "{name}");
    }
    check("delay-head/1", "200 late").await;
    check("delay-body/1", "200 halfrest").await;
    check("close", "the connection was closed").await;
    check("close-after-head", "200  [the connection was closed]").await;
    check("reset", "ConnectionReset").await;
    check("reset-in-body", "200 half [the connection failed: Connection reset by peer (os error 104)]").await;
    check("reset-reused", "200 late").await;
    check("garbage", "malformed message: the status line").await;
    check("huge-head", "200 ").await;
    check("chunked", "200 part and parts").await;
    check("bad-chunk", "200 part [malformed message: chunk size]").await;
    check("length-too-long", "200 short [the connection was closed]").await;
    check("length-too-short", "200 long").await;
    check("two-lengths", "malformed message: two Content-Length lines").await;
    check("trickle/0", "200 late").await;
    check("interim", "103 100 200 late").await;
    check("switch", "101 ").await;
    check("close-idle", "200 late").await;
    check("status/503", "503 status").await;
}

#[test]
fn unknown_names_are_not_misbehaviour() {
    for name in ["", "nonsense", "status", "status/99", "status/100", "status/600", "delay-head/x", "reset/1/2"] {
        assert_eq!(Misbehaviour::named(name), None, "{name}");
    }
}

#[tokio::test]
async fn a_reused_connection_is_reset_and_an_idle_one_closed() {
    let upstream = misbehaving(Misbehaviour::ResetReused);
    let get = b"GET / HTTP/1.1\r\n\r\n";
    let mut connection = client(&upstream).connect().await;
    assert_eq!(connection.send(get).await.status, 200);
    assert_eq!(told(connection.exchange(get).await), "ConnectionReset");
    upstream.behave(Behaviour::Misbehave(Misbehaviour::CloseIdle));
    let mut connection = client(&upstream).connect().await;
    let response = connection.send(get).await;
    assert_eq!((response.status, response.header("connection")), (200, None));
    assert!(connection.closed().await);
}

#[tokio::test]
async fn an_upstream_that_never_answers_ends_with_its_handle() {
    let upstream = misbehaving(Misbehaviour::Never);
    let mut connection = Connection::open(upstream.address()).await.unwrap();
    connection.write(b"GET / HTTP/1.1\r\n\r\n").await.unwrap();
    assert!(upstream.wait_for(1).await);
    let address = upstream.address();
    drop(upstream);
    assert!(connection.read("GET").await.is_err());
    assert!(matches!(Connection::open(address).await, Err(Fault::Io(_))));
}
