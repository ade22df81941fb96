mod agreement;
mod harness;
mod listeners;

use super::{IntakeLimits, Pace};
use harness::{Client, Seen, gateway};
pub(super) use harness::{LIMITS, PATIENCE};
use std::time::{Duration, Instant};
use testkit::heads::{Expect, corpus};

const SHORT: Duration = Duration::from_millis(200);
const STEP: Duration = Duration::from_millis(20);

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n")
}

fn request(line: &str, body: &[u8]) -> Seen {
    Seen::Request(format!("{line} HTTP/1.1"), body.to_vec())
}

#[expect(clippy::disallowed_methods, reason = "the deadline that is tested runs on the real clock")]
fn clock() -> Instant {
    Instant::now()
}

/// Writes a byte at a time until the other side has had enough; what it says about that.
async fn drip(client: &mut Client, bytes: &[u8]) -> String {
    let patience = clock() + PATIENCE;
    for byte in bytes.iter().cycle() {
        assert!(clock() < patience, "nobody stops the drip");
        if client.send_fails(&[*byte]).await || client.hears() {
            break;
        }
        tokio::time::sleep(STEP).await;
    }
    client.rest().await
}

#[tokio::test]
async fn every_head_of_the_corpus_is_refused_or_is_one_request() {
    let mut gateway = gateway(LIMITS).await;
    for case in corpus() {
        let mut client = gateway.connect().await;
        let sent = client.send_fails(&case.bytes);
        match case.expect {
            Expect::Refused(code, status) => {
                sent.await;
                let answer = client.rest().await;
                assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{}: {answer}", case.name);
                assert_eq!(answer.matches("HTTP/1.1 ").count(), 1, "{}: {answer}", case.name);
                assert_eq!(gateway.front.refused(), [code], "{}", case.name);
                assert_eq!(gateway.upstream.all(), [], "{}", case.name);
            }
            Expect::OneRequest => {
                assert!(!sent.await, "{}", case.name);
                let answer = client.response().await;
                assert!(answer.starts_with("HTTP/1.1 200 OK"), "{}: {answer}", case.name);
                drop(client);
                let seen = gateway.upstream.all();
                assert!(matches!(seen[..], [Seen::Request(..)]), "{}: {seen:?}", case.name);
                assert_eq!(gateway.front.refused(), [""; 0], "{}", case.name);
            }
        }
    }
    // Nothing is left on a pooled connection, to come out before the next request.
    assert!(gateway.exchange(b"GET /last HTTP/1.0\r\nHost: a.example\r\n\r\n").await.starts_with("HTTP/1.1 200 OK"));
    let [Seen::Request(line, _)] = &gateway.upstream.all()[..] else { panic!("not one request") };
    assert!(line.starts_with("GET /last "), "{line}");
}

#[tokio::test]
async fn a_head_that_drips_is_cut_at_the_deadline() {
    let mut gateway = gateway(IntakeLimits { header_timeout: SHORT, ..LIMITS }).await;
    let mut client = gateway.connect().await;
    let start = clock();
    let answer = drip(&mut client, b"GET").await;
    let took = start.elapsed();
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(took >= SHORT && took < PATIENCE, "{took:?}");
    assert_eq!(gateway.front.refused(), ["head_timeout"]);
    assert_eq!(gateway.upstream.all(), []);
}

#[tokio::test]
async fn an_unfinished_head_is_answered_when_the_client_waits() {
    let gateway = gateway(IntakeLimits { header_timeout: SHORT, ..LIMITS }).await;
    assert!(gateway.exchange(b"GET / HTTP/1.1\r\nHo").await.starts_with("HTTP/1.1 408 "));
    assert_eq!(gateway.front.refused(), ["head_timeout"]);
    assert_eq!(gateway.exchange(b"\r\n").await, "", "an empty line is no request");
    assert_eq!(gateway.front.refused(), [""; 0]);
}

#[tokio::test]
async fn idle_connections_are_closed_in_silence() {
    let gateway = gateway(IntakeLimits { idle_timeout: SHORT, ..LIMITS }).await;
    let start = clock();
    assert_eq!(gateway.exchange(b"").await, "");
    assert!(start.elapsed() >= SHORT);
    let mut client = gateway.connect().await;
    for _ in 0..2 {
        client.send(get("/").as_bytes()).await;
        assert!(client.response().await.starts_with("HTTP/1.1 200 OK"));
    }
    assert_eq!(client.rest().await, "");
    assert_eq!(gateway.front.refused(), [""; 0]);
}

#[tokio::test]
async fn a_head_in_pieces_is_one_request() {
    let mut gateway = gateway(LIMITS).await;
    let mut client = gateway.connect().await;
    for byte in b"\r\nPOST /pieces HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc" {
        client.send(&[*byte]).await;
        tokio::task::yield_now().await;
    }
    assert!(client.response().await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(gateway.upstream.all(), [request("POST /pieces", b"abc")]);
}

/// Everything is sent at once; `expected`: the statuses in order, and what the upstream saw.
async fn check_pipeline(name: &str, bytes: &[u8], statuses: &[&str], expected: &[Seen]) {
    let mut gateway = gateway(LIMITS).await;
    let mut client = gateway.connect().await;
    client.send(bytes).await;
    for status in statuses {
        let answer = client.response().await;
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{name}: {answer}");
    }
    assert_eq!(gateway.upstream.all(), expected, "{name}");
}

#[tokio::test]
async fn pipelined_requests_are_served_in_order_and_each_is_checked() {
    let post = "POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nabc";
    let chunked = "POST /c HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
    let pair = get("/a") + &get("/b");
    check_pipeline("a pair", pair.as_bytes(), &["200", "200"], &[request("GET /a", b""), request("GET /b", b"")]).await;
    let bodies = format!("{post}{chunked}{}", get("/b"));
    let seen = [request("POST /a", b"abc"), request("POST /c", b"3\r\nabc\r\n0\r\n\r\n"), request("GET /b", b"")];
    check_pipeline("behind bodies", bodies.as_bytes(), &["200", "200", "200"], &seen).await;
    let broken = format!("{post}GET /b HTTP/1.1\r\n\r\n");
    check_pipeline("the second is malformed", broken.as_bytes(), &["200", "400"], &[request("POST /a", b"abc")]).await;
    let long = format!("{post}d{}", get("/b"));
    check_pipeline(
        "a body longer than said",
        long.as_bytes(),
        &["200", "200"],
        &[request("POST /a", b"abc"), request("dGET /b", b"")],
    )
    .await;
    let early = format!("GET /early HTTP/1.1\r\nHost: a.example\r\n\r\n{}", get("/b"));
    check_pipeline("behind an early answer", early.as_bytes(), &["403", "200"], &[request("GET /b", b"")]).await;
}

#[tokio::test]
async fn a_request_that_arrives_while_another_is_served_waits() {
    let mut gateway = gateway(LIMITS).await;
    let mut client = gateway.connect().await;
    client.send(get("/hold").as_bytes()).await;
    assert_eq!(gateway.upstream.next().await, request("GET /hold", b""));
    client.send(get("/b").as_bytes()).await;
    // The proxy is looking at the connection by now: the bytes are taken without disturbing it.
    tokio::task::yield_now().await;
    gateway.upstream.go();
    for _ in 0..2 {
        assert!(client.response().await.starts_with("HTTP/1.1 200 OK"));
    }
    assert_eq!(gateway.upstream.all(), [request("GET /b", b"")]);
}

#[tokio::test]
async fn a_client_that_goes_away_frees_the_upstream() {
    let mut gateway = gateway(LIMITS).await;
    let mut client = gateway.connect().await;
    client.send(get("/hold").as_bytes()).await;
    assert_eq!(gateway.upstream.next().await, request("GET /hold", b""));
    drop(client);
    assert_eq!(gateway.upstream.next().await, Seen::Gone);
}

#[tokio::test]
async fn connections_are_capped_in_all_and_by_address() {
    for (limits, code) in [
        (IntakeLimits { connections_max: 1, ..LIMITS }, "connections_exhausted"),
        (IntakeLimits { connections_per_address_max: 1, ..LIMITS }, "address_connections_exhausted"),
    ] {
        let gateway = gateway(limits).await;
        let mut first = gateway.connect().await;
        first.send(get("/").as_bytes()).await;
        assert!(first.response().await.starts_with("HTTP/1.1 200 OK"));
        let answer = gateway.exchange(get("/").as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
        assert_eq!(gateway.front.refused(), [code]);
        first.send(get("/").as_bytes()).await;
        assert!(first.response().await.starts_with("HTTP/1.1 200 OK"), "the first is not disturbed");
        first.send(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n").await;
        assert!(first.rest().await.starts_with("HTTP/1.1 200 OK"));
        let again = tokio::time::timeout(PATIENCE, async {
            while !gateway.exchange(b"GET / HTTP/1.0\r\nHost: a.example\r\n\r\n").await.starts_with("HTTP/1.1 200 OK") {
            }
        });
        again.await.expect("there is room again");
    }
}

#[tokio::test]
async fn idle_connections_are_closed_at_once_when_the_gateway_stops() {
    let mut gateway = gateway(IntakeLimits { idle_timeout: 10 * PATIENCE, ..LIMITS }).await;
    let (mut fresh, mut used, mut busy) = (gateway.connect().await, gateway.connect().await, gateway.connect().await);
    used.send(get("/").as_bytes()).await;
    assert!(used.response().await.starts_with("HTTP/1.1 200 OK"));
    busy.send(get("/hold").as_bytes()).await;
    assert_eq!(gateway.upstream.next().await, request("GET /", b""));
    assert_eq!(gateway.upstream.next().await, request("GET /hold", b""));
    gateway.stop.send(true).unwrap();
    assert_eq!(fresh.rest().await, "");
    assert_eq!(used.rest().await, "");
    gateway.upstream.go();
    assert!(busy.rest().await.starts_with("HTTP/1.1 200 OK"), "what was begun is finished");
}

#[tokio::test]
async fn an_early_answer_keeps_the_connection_if_little_is_left() {
    let mut gateway = gateway(LIMITS).await;
    let mut client = gateway.connect().await;
    client.send(b"POST /early HTTP/1.1\r\nHost: a.example\r\nContent-Length: 60000\r\n\r\n").await;
    let answer = client.response().await.to_ascii_lowercase();
    assert!(answer.starts_with("http/1.1 403 ") && answer.contains("connection: keep-alive"), "{answer}");
    client.send(&b"x".repeat(60_000)).await;
    client.send(get("/b").as_bytes()).await;
    assert!(client.response().await.starts_with("HTTP/1.1 200 OK"));
    assert_eq!(gateway.upstream.all(), [request("GET /b", b"")]);
}

#[tokio::test]
async fn an_early_answer_closes_if_much_is_left_and_arrives_all_the_same() {
    let gateway = gateway(LIMITS).await;
    for framing in ["Content-Length: 70000", "Transfer-Encoding: chunked", "Content-Length: 3\r\nExpect: 100-continue"]
    {
        let mut client = gateway.connect().await;
        client.send(format!("POST /early HTTP/1.1\r\nHost: a.example\r\n{framing}\r\n\r\n").as_bytes()).await;
        // Still on its way when the answer is written: a careless close would reset the connection.
        client.send(&b"8000\r\n".repeat(5_000)).await;
        let answer = client.rest().await.to_ascii_lowercase();
        assert!(answer.starts_with("http/1.1 403 ") && answer.contains("connection: close"), "{framing}: {answer}");
        assert!(answer.ends_with("\r\n\r\nno") && answer.matches("http/1.1 ").count() == 1, "{framing}: {answer}");
        stays_open_for_what_is_on_its_way(&mut client).await;
    }
}

/// A socket that is closed for good resets the connection when more arrives, which the next write notices.
async fn stays_open_for_what_is_on_its_way(client: &mut Client) {
    for _ in 0..3 {
        assert!(!client.send_fails(&b"x".repeat(1_000)).await, "a reset");
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_refusal_arrives_though_the_client_still_sends() {
    let gateway = gateway(LIMITS).await;
    let mut client = gateway.connect().await;
    client.send(b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5, 5\r\n\r\n").await;
    assert!(client.rest().await.starts_with("HTTP/1.1 400 "));
    stays_open_for_what_is_on_its_way(&mut client).await;
}

#[tokio::test]
async fn a_broken_chunk_ends_the_request_and_the_connection() {
    let mut gateway = gateway(LIMITS).await;
    for chunks in [
        "3\r\nabcd\r\n0\r\n\r\n",
        "3\nabc\r\n0\r\n\r\n",
        "-1\r\n\r\n",
        "0x1\r\na\r\n0\r\n\r\n",
        "1\r\na\r\n0\r\nbad trailer\r\n\r\n",
    ] {
        let head = "POST /c HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n";
        let answer = gateway.exchange(format!("{head}{chunks}{}", get("/smuggled")).as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{chunks:?}: {answer}");
        assert_eq!(answer.matches("HTTP/1.1").count(), 1, "{chunks:?}: {answer}");
        assert_eq!(gateway.upstream.all(), [], "{chunks:?}");
    }
}

#[tokio::test]
async fn a_body_that_stops_is_cut() {
    let pace = Pace { read_timeout: SHORT, ..Pace::DEFAULT };
    let mut gateway = gateway(IntakeLimits { pace, ..LIMITS }).await;
    let answer = gateway.exchange(b"POST /stop HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nab").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert_eq!(gateway.upstream.all(), []);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let pace = Pace { write_timeout: SHORT, ..Pace::DEFAULT };
    let gateway = gateway(IntakeLimits { pace, ..LIMITS }).await;
    let mut client = gateway.connect().await;
    let start = clock();
    // Requests without end, answers unread: the answers fill all buffers, then the requests do, then the connection ends.
    let requests = get("/early").repeat(1_000);
    while !client.send_fails(requests.as_bytes()).await {
        assert!(start.elapsed() < PATIENCE, "the connection lives on");
    }
}

#[tokio::test]
async fn a_body_that_drips_is_cut() {
    let pace = Pace { grace: SHORT, body_bytes_per_second_min: 1_000_000, ..Pace::DEFAULT };
    let mut gateway = gateway(IntakeLimits { pace, ..LIMITS }).await;
    let mut client = gateway.connect().await;
    client.send(b"POST /slow HTTP/1.1\r\nHost: a.example\r\nContent-Length: 100000\r\n\r\n").await;
    let start = clock();
    let answer = drip(&mut client, b"x").await;
    assert!(answer.starts_with("HTTP/1.1 408 "), "{answer}");
    assert!(start.elapsed() >= SHORT);
    assert_eq!(gateway.upstream.all(), []);
}
