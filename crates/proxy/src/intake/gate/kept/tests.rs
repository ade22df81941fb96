use super::KEPT_BYTES_MAX;
use crate::hold::Substitute;
use crate::intake::gate::Gate;
use crate::intake::tests::{LIMITS, PATIENCE};
use crate::intake::{Caps, Pace};
use Step::{Flush, Keep, LetGo, Next, Out, Replace, Shutdown, Write, WriteParts};
use bytes::Bytes;
use engine::wire::Framing;
use pingora::http::ResponseHeader;
use std::io::{ErrorKind, IoSlice};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::time::timeout;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Pingora writes.
    Write(&'static str),
    WriteParts(&'static [&'static str]),
    Flush,
    Shutdown,
    /// The request wants.
    Keep,
    LetGo,
    Replace(&'static str),
    /// Another request begins.
    Next,
    /// The client has got so much in all, and no more.
    Out(&'static str),
}

/// What `Replace("no")` comes to.
const NO: &str = "HTTP/1.1 502 Bad Gateway\r\n\r\nno";

fn substitute(body: &str) -> Box<Substitute> {
    let head = ResponseHeader::build(502, None).unwrap();
    Box::new(Substitute { head, body: Bytes::copy_from_slice(body.as_bytes()) })
}

fn gate(room: usize, pace: Pace) -> (Box<Gate>, DuplexStream) {
    let (near, far) = tokio::io::duplex(room);
    let mut gate = Gate::new(Box::new(near), Caps::new().admit(None, &LIMITS).unwrap(), None);
    gate.open(0, Framing::None, pace, 0);
    (gate, far)
}

async fn take(gate: &mut Gate, step: Step) {
    match step {
        Write(text) => gate.write_all(text.as_bytes()).await.unwrap(),
        WriteParts(texts) => {
            let mut parts: Vec<IoSlice<'_>> = texts.iter().map(|text| IoSlice::new(text.as_bytes())).collect();
            let mut left = parts.as_mut_slice();
            while left.iter().any(|part| !part.is_empty()) {
                let count = gate.write_vectored(left).await.unwrap();
                IoSlice::advance_slices(&mut left, count);
            }
        }
        Flush => gate.flush().await.unwrap(),
        Shutdown => gate.shutdown().await.unwrap(),
        Keep => gate.connection().hold.keep(),
        LetGo => gate.connection().hold.let_go(),
        Replace(text) => gate.connection().hold.replace(substitute(text)),
        Next => drop(gate.open(0, Framing::None, Pace::DEFAULT, 0)),
        Out(_) => {}
    }
}

/// What has come so far.
async fn arrived(far: &mut DuplexStream, mut before: Vec<u8>) -> Vec<u8> {
    loop {
        tokio::select! {
            biased;
            read = far.read_buf(&mut before) => if read.unwrap() == 0 { return before },
            () = std::future::ready(()) => return before,
        }
    }
}

/// With room for everything; and with room for so little that each write goes out in many.
async fn check(name: &str, steps: &[Step]) {
    let (mut all, mut far) = gate(1 << 20, Pace::DEFAULT);
    let mut seen = Vec::new();
    for step in steps {
        take(&mut all, *step).await;
        if let Out(expected) = step {
            seen = arrived(&mut far, seen).await;
            assert_eq!(String::from_utf8_lossy(&seen), *expected, "{name}");
        }
    }
    let Some(Out(expected)) = steps.last() else { panic!("{name}: what has the client got in the end?") };
    for room in [1, 5] {
        let (mut all, mut far) = gate(room, Pace::DEFAULT);
        let reader = tokio::spawn(async move {
            let mut seen = String::new();
            far.read_to_string(&mut seen).await.unwrap();
            seen
        });
        let stepping = async {
            for step in steps {
                take(&mut all, *step).await;
            }
            drop(all);
            reader.await.unwrap()
        };
        assert_eq!(timeout(PATIENCE, stepping).await.expect(name), *expected, "{name}, {room} bytes at a time");
    }
}

const EARLY: &str = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
const HEAD: &str = "HTTP/1.1 200 OK\r\nx: 1\r\n\r\n";

#[tokio::test]
async fn what_is_written_goes_out_or_waits() {
    check("nobody asks for anything", &[Write("a"), Out("a"), Flush, WriteParts(&["b", "", "cd"]), Out("abcd")]).await;
    check("kept", &[Keep, Write("a"), Flush, WriteParts(&["", "b", "c"]), Flush, Out("")]).await;
    check("kept to the end", &[Keep, Write("a"), Shutdown, Out("")]).await;
    check("goes with a write", &[Keep, Write("a"), Write("b"), LetGo, Out(""), Write("c"), Out("abc")]).await;
    check("goes with parts", &[Keep, Write("a"), LetGo, WriteParts(&["", "b", "c"]), Out("abc")]).await;
    check("goes with a flush", &[Keep, Write("a"), LetGo, Flush, Out("a"), Write("b"), Out("ab")]).await;
    check("goes with the end", &[Keep, Write("ab"), LetGo, Shutdown, Out("ab")]).await;
    check("what went before stays", &[Write("a"), Keep, Write("b"), Out("a"), LetGo, Flush, Out("ab")]).await;
    check("nothing was kept", &[Keep, LetGo, Write("a"), Out("a")]).await;
    check("nothing is to be let go", &[LetGo, Write("a"), Out("a")]).await;
    check("kept twice", &[Keep, Write("a"), LetGo, Write("b"), Keep, Write("c"), Out("ab"), LetGo, Flush, Out("abc")])
        .await;
}

#[tokio::test]
async fn something_else_goes_out() {
    check("with the end", &[Keep, Write(HEAD), Flush, Replace("no"), Out(""), Shutdown, Out(NO)]).await;
    check("with a flush", &[Keep, Write(HEAD), Replace("no"), Flush, Out(NO), Flush, Shutdown, Out(NO)]).await;
    check("and nothing after it", &[Keep, Write("a"), Replace("no"), Write("b"), Out(NO), Write("c"), Out(NO)]).await;
    check("in parts", &[Keep, Write("a"), Replace("no"), WriteParts(&["b", "c"]), Shutdown, Out(NO)]).await;
    check(
        "behind what has gone",
        &[Write("a"), Keep, Write("b"), Replace("no"), Flush, Out(concat!("a", "HTTP/1.1 502 Bad Gateway\r\n\r\nno"))],
    )
    .await;
}

#[tokio::test]
async fn an_interim_head_is_not_kept() {
    check("goes at once", &[Keep, Write(EARLY), Flush, Out(EARLY)]).await;
    let refused = "HTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\nHTTP/1.1 502 Bad Gateway\r\n\r\nno";
    let steps = [Keep, Write(EARLY), Flush, Write(HEAD), Flush, Out(EARLY), Replace("no"), Shutdown, Out(refused)];
    check("ahead of a refusal", &steps).await;
    let twice = "HTTP/1.0 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: </x>\r\n\r\n";
    let steps = [Keep, Write("HTTP/1.0 100 Continue\r\n\r\n"), Write(EARLY), Write(HEAD), Flush, Out(twice)];
    check("two, and what is none", &steps).await;
    check("half of one", &[Keep, Write("HTTP/1.1 103 Early"), Flush, Out("")]).await;
    check("in a body", &[Keep, Write("x"), Write(EARLY), Flush, Out("")]).await;
}

#[tokio::test]
async fn a_connection_that_lives_on_begins_anew() {
    check("kept", &[Keep, Write("a"), Next, Write("b"), Flush, Out("b")]).await;
    check(
        "replaced",
        &[
            Keep,
            Write("a"),
            Replace("no"),
            Flush,
            Next,
            Write("b"),
            Flush,
            Out(concat!("HTTP/1.1 502 Bad Gateway\r\n\r\nno", "b")),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let (mut gate, mut far) = gate(4 * KEPT_BYTES_MAX, Pace::DEFAULT);
    gate.connection().hold.keep();
    gate.write_all(&vec![b'a'; KEPT_BYTES_MAX]).await.unwrap();
    assert_eq!(arrived(&mut far, Vec::new()).await.len(), 0);
    gate.write_all(b"b").await.unwrap();
    assert_eq!(arrived(&mut far, Vec::new()).await.len(), KEPT_BYTES_MAX + 1);
    assert!(!gate.connection().hold.keeps(), "a refusal comes too late, and has to know it");
}

/// Neither what was let go nor what took its place waits for ever.
#[tokio::test]
async fn a_client_that_does_not_read_is_given_up() {
    let pace = Pace { write_timeout: Duration::from_millis(20), ..Pace::DEFAULT };
    for refused in [false, true] {
        let (mut gate, far) = gate(64, pace);
        let hold = &gate.connection().hold;
        hold.keep();
        gate.write_all(&[b'a'; 1_000]).await.unwrap();
        if refused {
            hold.replace(substitute(&"b".repeat(1_000)));
        } else {
            hold.let_go();
        }
        let ended = timeout(PATIENCE, gate.shutdown()).await.expect("the write goes on for ever");
        assert_eq!(ended.map_err(|error| error.kind()), Err(ErrorKind::TimedOut));
        drop(far);
    }
}

#[tokio::test]
async fn a_client_that_has_gone_is_no_wait() {
    let (mut gate, far) = gate(64, Pace::DEFAULT);
    gate.connection().hold.keep();
    gate.write_all(b"a").await.unwrap();
    drop(far);
    gate.connection().hold.let_go();
    assert_eq!(gate.flush().await.map_err(|error| error.kind()), Err(ErrorKind::BrokenPipe));
}
