use super::Gate;
use crate::intake::tests::{LIMITS, PATIENCE};
use crate::intake::{Caps, Pace};
use engine::wire::Framing;
use limits::clock;
use proptest::prelude::*;
use std::future::poll_fn;
use std::io::ErrorKind;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

const HEAD: &[u8] = b"HEAD";
const AHEAD_MAX: usize = 1_000;

/// How the body is framed, and its bytes on the wire.
fn bodies() -> impl Strategy<Value = (Framing, Vec<u8>)> {
    let length = prop::collection::vec(any::<u8>(), 0..300)
        .prop_map(|body| (Framing::Length(u64::try_from(body.len()).unwrap()), body));
    let chunk = prop::collection::vec(any::<u8>(), 1..60);
    let chunked = prop::collection::vec(chunk, 0..5).prop_map(|chunks| {
        let mut body = Vec::new();
        for chunk in chunks {
            body.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            body.extend_from_slice(&chunk);
            body.extend_from_slice(b"\r\n");
        }
        (Framing::Chunked, [&body, b"0\r\n\r\n".as_slice()].concat())
    });
    prop_oneof![length, chunked, Just((Framing::None, Vec::new()))]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the bytes arrive and are asked for, the body is handed on whole and what is behind it is kept.
    #[test]
    fn the_body_ends_where_it_does(
        (framing, body) in bodies(),
        next in prop::collection::vec(any::<u8>(), 1..200),
        pieces in prop::collection::vec(1..100_usize, 1..10),
        asked in 1..100_usize,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (near, mut far) = tokio::io::duplex(64);
            let bytes = [HEAD, &body, &next].concat();
            let sender = tokio::spawn(async move {
                let mut rest = &bytes[..];
                for piece in pieces.iter().cycle() {
                    let (now, later) = rest.split_at((*piece).min(rest.len()));
                    far.write_all(now).await.unwrap();
                    tokio::task::yield_now().await;
                    rest = later;
                    if rest.is_empty() {
                        break;
                    }
                }
                far
            });
            let mut gate = Gate::new(Box::new(near), Caps::new().admit(None, &LIMITS).unwrap(), None);
            while gate.ahead().len() < HEAD.len() {
                poll_fn(|context| gate.poll_fill(context, AHEAD_MAX)).await.unwrap();
            }
            assert_eq!(gate.open(HEAD.len(), framing, Pace::DEFAULT, AHEAD_MAX), HEAD);

            let mut handed_on = Vec::new();
            let mut buffer = vec![0; asked];
            while !gate.body_is_done() {
                let count = gate.read(&mut buffer).await.unwrap();
                assert!(count > 0, "an end inside the body");
                handed_on.extend_from_slice(&buffer[..count]);
            }
            assert_eq!(handed_on, body);

            // Pingora looks whether the client is still there: it is, and what it sends meanwhile is kept.
            tokio::select! {
                biased;
                read = gate.read(&mut buffer) => panic!("{read:?} behind the body"),
                () = async { while !sender.is_finished() { tokio::task::yield_now().await; } } => {}
            }
            let far = sender.await.unwrap();
            while gate.ahead().len() < next.len() {
                let more = timeout(PATIENCE, poll_fn(|context| gate.poll_fill(context, AHEAD_MAX))).await;
                assert!(more.expect("bytes were lost").unwrap() > 0);
            }
            assert_eq!(gate.ahead(), &next[..]);

            gate.open(next.len(), Framing::None, Pace::DEFAULT, AHEAD_MAX);
            drop(far);
            assert_eq!(gate.read(&mut buffer).await.unwrap(), 0, "the client has gone");
        });
    }
}

/// Nothing else bounds a write to a client: Pingora is given no time-out for it.
#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let (near, far) = tokio::io::duplex(64);
    let mut gate = Gate::new(Box::new(near), Caps::new().admit(None, &LIMITS).unwrap(), None);
    let pace = Pace { write_timeout: Duration::from_millis(20), ..Pace::DEFAULT };
    gate.open(0, Framing::None, pace, AHEAD_MAX);
    let written = timeout(PATIENCE, gate.write_all(&[0; 1_000])).await.expect("the write goes on for ever");
    assert_eq!(written.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
    drop(far);
}

/// While a client does not read, nobody reads what upstream sends either.
#[tokio::test]
async fn what_a_client_takes_to_read_is_not_upstreams_delay() {
    let (near, mut far) = tokio::io::duplex(64);
    let mut gate = Gate::new(Box::new(near), Caps::new().admit(None, &LIMITS).unwrap(), None);
    gate.open(0, Framing::None, Pace::DEFAULT, AHEAD_MAX);
    let connection = gate.connection();
    // Over before the client begins to read.
    let due = clock::now().plus(Duration::from_millis(20)).monotonic_ns;
    connection.deadline.set(due);
    let reader = tokio::spawn(async move {
        while !connection.deadline.passed(clock::now().monotonic_ns) {
            tokio::task::yield_now().await;
        }
        let mut got = vec![0; 1_000];
        far.read_exact(&mut got).await.map(|_| far)
    });
    timeout(PATIENCE, gate.write_all(&[0; 1_000])).await.expect("the write goes on for ever").unwrap();
    let deadline = &gate.connection().deadline;
    assert!(!deadline.passed(due), "the deadline has not moved");
    reader.await.unwrap().unwrap();
}
