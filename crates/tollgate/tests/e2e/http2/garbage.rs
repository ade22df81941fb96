//! Whatever comes behind the preface, the process lives and goes on serving, and nothing is left behind.

use super::{OPEN, get, post, with_echo};
use crate::support::until;
use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use testkit::http2::{Code, Connection, End, Frame, Kind, PREFACE, Stream, Wire};

const CONNECTIONS: usize = 2_000;
/// Connections that are open at once.
const AT_ONCE: usize = 500;

/// Frames that mean something and frames that mean nothing, in an order that means nothing; always the same for the same number.
fn frames(number: usize) -> Vec<u8> {
    let random = BuildHasherDefault::<DefaultHasher>::default();
    let mut bytes = if number.is_multiple_of(10) { PREFACE[..number % 24].to_vec() } else { PREFACE.to_vec() };
    for step in 0..20_u64 {
        let value = random.hash_one((number, step));
        let stream = u32::try_from(value >> 8 & 0xf).unwrap_or_default();
        let noise = value.to_be_bytes();
        let frame = match value % 14 {
            0 => break,
            1 => Frame::new(Kind(noise[0]), noise[1], stream, noise),
            2 => Frame::settings(&[(u16::from(noise[0] & 7), u32::from_be_bytes([0, noise[1], noise[2], noise[3]]))]),
            3 => Frame::headers(stream | 1, &get("/", &[]).block(), true),
            4 => Frame::headers(stream | 1, &post("/", &["Content-Length: 8"]).block(), false),
            5 => Frame::headers_begun(stream | 1, &get("/", &[]).block()[..noise[2].min(20).into()], noise[1] & 1 == 0),
            6 => Frame::continuation(stream | 1, &noise, noise[0] & 1 == 0),
            7 => Frame::data(stream, &noise, noise[0] & 1 == 0),
            8 => Frame::padded_data(stream, &noise, noise[1], noise[0] & 1 == 0),
            9 => Frame::reset(stream | 1, Code::from(u32::from(noise[3] & 0xf))),
            10 => Frame::window_update(stream, u32::from_be_bytes([noise[0] & 0x7f, noise[1], noise[2], noise[3]])),
            11 => Frame::goaway(stream, Code::NO_ERROR),
            12 => Frame::headers(stream | 1, &noise, noise[0] & 1 == 0),
            _ => Frame::ping(noise),
        };
        let whole = frame.bytes();
        // Now and then one breaks off.
        let length = if noise[4] < 8 { usize::from(noise[5]) % whole.len() } else { whole.len() };
        bytes.extend_from_slice(&whole[..length]);
    }
    bytes
}

#[tokio::test]
async fn two_thousand_connections_of_nonsense() {
    let gateway =
        with_echo(&format!("limits: {{ headerTimeout: 100ms, idleTimeout: 1s, bodyTimeout: 200ms }}\n{OPEN}")).await;
    for batch in 0..CONNECTIONS / AT_ONCE {
        let mut open = tokio::task::JoinSet::new();
        for number in 0..AT_ONCE {
            let (bytes, address) = (frames(batch * AT_ONCE + number), gateway.address("listen"));
            open.spawn(async move {
                let mut wire = Wire::connect(address).await.unwrap();
                // Half of them leave at once, the others wait for the end.
                if wire.write(&bytes).await.is_ok() && number.is_multiple_of(2) {
                    wire.rest().await.unwrap();
                }
            });
        }
        while let Some(ended) = open.join_next().await {
            ended.unwrap();
        }
    }
    let response = gateway.http2().await.send(&get("/alive", &[])).await;
    assert_eq!((response.status, &response.json()["target"]), (200, &"/alive".into()));
    let said = gateway.said();
    assert!(!said.contains("panicked"), "{said}");
    let counted = gateway.metric("tollgate_denials_total", &[("reason", "internal_error")]).await;
    assert!(counted.abs() < 1e-9, "{counted} internal errors");
    let open = async || (gateway.metric("tollgate_connections_open", &[]).await < 1.0).then_some(());
    until("the end of all connections", open).await;
    assert!(gateway.stop().await.success());
}

/// Rapid reset (CVE-2023-44487): streams that are given up as soon as they are opened cost the client its connection, or nothing.
#[tokio::test]
async fn streams_that_are_reset_at_once_leave_nothing_behind() {
    const STREAMS: u32 = 2_000;
    let config = OPEN.replace("auth:", "concurrency: { max: 20 }, auth:");
    let gateway = with_echo(&config).await;
    let head = get("/__misbehave/never", &[]).block();
    for _ in 0..3 {
        let mut wire = gateway.http2_wire().await;
        let pairs = (0..STREAMS).map(|number| number * 2 + 1);
        let frames: Vec<Frame> = pairs
            .flat_map(|stream| [Frame::headers(stream, &head, true), Frame::reset(stream, Code::CANCEL)])
            .collect();
        // The peer may have had enough.
        wire.send(&frames).await.ok();
        let end = wire.exchange(STREAMS * 2 + 1, &get("/", &[])).await;
        let fine = matches!(&end, Ok(End::Answered(_) | End::GoAway(Code::ENHANCE_YOUR_CALM) | End::Closed) | Err(_));
        assert!(fine, "{end:?}");
    }
    let free = async || {
        let response = gateway.http2().await.exchange(&get("/", &[])).await.ok()?;
        (response.status == 200).then_some(())
    };
    until("a free slot", free).await;
    let in_use = async || (gateway.metric("tollgate_concurrency_in_use", &[]).await < 1.0).then_some(());
    until("the end of all requests", in_use).await;
    let counted = gateway.metric("tollgate_denials_total", &[("reason", "internal_error")]).await;
    assert!(counted.abs() < 1e-9, "{counted} internal errors");
}

/// At whatever point a client gives a request up: its slot, its memory and its connection come back, and it is logged once.
#[tokio::test]
async fn what_is_given_up_is_given_back() {
    const BATCHES: u64 = 20;
    const STREAMS: u64 = 30;
    let body = "body: { schema: { type: object } }, concurrency: { max: 1000 }";
    let held = format!("routes: [{{ name: held, paths: [/held], upstream: echo, auth: {{ none: {{}} }}, {body} }}, ");
    let config = OPEN.replace("routes: [", &held).replace("name: all,", "name: all, concurrency: { max: 1000 },");
    let gateway = with_echo(&config).await;
    let count = |lines: usize| f64::from(u32::try_from(lines).unwrap());
    let random = BuildHasherDefault::<DefaultHasher>::default();
    for batch in 0..BATCHES {
        // Answers that nobody reads keep no others from coming.
        let connection = Connection::open_with_window(gateway.address("listen"), 10_000).await.unwrap();
        let mut open = Vec::new();
        for number in 0..STREAMS {
            let value = random.hash_one((batch, number));
            let target =
                ["/held", "/", "/__misbehave/delay-head/20", "/__misbehave/flood"][usize::try_from(value % 4).unwrap()];
            let Stream { mut sending, answering } = connection.begin(&post(target, &[])).await.unwrap();
            // The server may have reset it by itself.
            let step = value >> 8 & 7;
            if step > 0 {
                sending.write(b"{\"half\":", step == 1).await.ok();
            }
            if step > 3 {
                sending.write(b"1}", true).await.ok();
            }
            match step {
                0..=2 | 4 => sending.reset(Code::CANCEL),
                5 => drop(answering.head().await),
                6 if !target.ends_with("flood") => drop(answering.read().await),
                _ => open.push((sending, answering)),
            }
        }
        // Those that are left end with their connection.
        drop(connection);
        drop(open);
    }
    for name in ["tollgate_connections_open", "tollgate_concurrency_in_use", "tollgate_held_body_bytes"] {
        until(name, async || (gateway.metric(name, &[]).await < 1.0).then_some(())).await;
    }
    let counted = gateway.metric("tollgate_requests_total", &[]).await;
    let all = async || {
        let lines = gateway.log_lines();
        (count(lines.len()) >= counted).then_some(lines)
    };
    let lines = until("all lines of the log", all).await;
    let ids: HashSet<_> = lines.iter().map(|line| line["requestId"].to_string()).collect();
    assert!(ids.len() == lines.len() && lines.len() <= usize::try_from(BATCHES * STREAMS).unwrap(), "{}", lines.len());
    assert!((count(lines.len()) - counted).abs() < 1e-9, "{} of {counted}", lines.len());
    let faults = gateway.metric("tollgate_denials_total", &[("reason", "internal_error")]).await;
    assert!(faults.abs() < 1e-9, "{faults} internal errors");
}

/// RFC 7541, 7.3: one field that is packed into a byte a thousand times is four million bytes.
#[tokio::test]
async fn a_head_that_unpacks_to_millions_is_refused() {
    let gateway = with_echo(OPEN).await;
    // With indexing, so that the next byte can name it again.
    let mut block = get("/", &[]).block();
    block.extend([0x40, 1, b'x', 0x7f, 0xa1, 0x1e]);
    block.extend([b'y'; 4_000]);
    block.extend([0xbe; 1_000]);
    let mut wire = gateway.http2_wire().await;
    wire.send(&[Frame::headers(1, &block, true)]).await.unwrap();
    let end = wire.end(1).await.unwrap();
    let fine = matches!(&end, End::GoAway(Code::ENHANCE_YOUR_CALM));
    assert!(fine || matches!(&end, End::Answered(answer) if answer.status == 431), "{end:?}");
    assert_eq!(gateway.upstream(0).connections(), 0);
}

/// No end of CONTINUATION (CVE-2024-24549 and its kin): a head has a bound, however it comes.
#[tokio::test]
async fn a_head_without_an_end_is_not_collected() {
    let gateway = with_echo(OPEN).await;
    for part in [[0, 1, b'x', 1, b'y'].repeat(2_000), Vec::new(), vec![0x20]] {
        let mut wire = gateway.http2_wire().await;
        wire.send(&[Frame::headers_begun(1, &get("/", &[]).block(), true)]).await.unwrap();
        let more: Vec<u8> = (0..2_000).flat_map(|_| Frame::continuation(1, &part, false).bytes()).collect();
        // Ends in the middle, when the peer has had enough.
        wire.write(&more).await.ok();
        assert!(wire.rest().await.is_ok(), "{} bytes at a time", part.len());
    }
    assert_eq!(gateway.upstream(0).connections(), 0);
    assert_eq!(gateway.http2().await.send(&get("/", &[])).await.status, 200);
}
