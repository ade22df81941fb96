//! One stream between a client of the library and what answers it here.

use super::answer::Answer;
use crate::connection::Connection;
use crate::hold::Substitute;
use crate::intake::tests::PATIENCE;
use Expect::{Reset, Whole};
use Step::{Abandon, BreakOff, End, Go, Head, Keep, LetGo, Piece, Replace};
use bytes::Bytes;
use h2::Reason;
use h2::client::ResponseFuture;
use http::Request;
use pingora::http::ResponseHeader;
use pingora::{ErrorType, Result};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

#[derive(Clone, Copy, Debug)]
enum Step {
    /// Pingora says.
    Head(u16),
    Piece(&'static str),
    Go,
    End,
    Abandon,
    /// Upstream fails.
    BreakOff,
    /// The request wants.
    Keep,
    LetGo,
    Replace(&'static str),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Expect {
    Whole(u16, &'static str),
    Reset(Reason),
}

const WRITE_TIMEOUT: Duration = Duration::from_millis(20);

/// `window`: what the client takes of a body.
async fn stream(window: u32) -> (ResponseFuture, Answer, Arc<Connection>) {
    let (near, far) = tokio::io::duplex(1 << 20);
    let mut client = h2::client::Builder::new();
    client.initial_window_size(window);
    let (client, server) = tokio::join!(client.handshake::<_, Bytes>(far), h2::server::handshake(near));
    let ((mut requests, client), mut server) = (client.unwrap(), server.unwrap());
    tokio::spawn(client);
    let request = Request::get("http://a.example/").body(()).unwrap();
    let (response, _) = requests.send_request(request, true).unwrap();
    let (_, respond) = server.accept().await.unwrap().unwrap();
    tokio::spawn(async move { while server.accept().await.is_some() {} });
    let connection = Arc::new(Connection::default());
    let answer = Answer::new(respond, false, WRITE_TIMEOUT, Arc::clone(&connection));
    (response, answer, connection)
}

async fn take(answer: &mut Answer, connection: &Connection, step: Step) -> Result<()> {
    match step {
        Head(status) => answer.say_head(Box::new(ResponseHeader::build(status, None)?)),
        Piece(text) => answer.say_piece(text.into(), false).await,
        Go => answer.go().await,
        End => answer.say_end().await,
        Abandon => {
            answer.abandon().await;
            Ok(())
        }
        BreakOff => {
            answer.breaks_off();
            Ok(())
        }
        Keep => {
            connection.hold.keep();
            Ok(())
        }
        LetGo => {
            connection.hold.let_go();
            Ok(())
        }
        Replace(text) => {
            let head = ResponseHeader::build(502, None)?;
            connection.hold.replace(Box::new(Substitute { head, body: text.into() }));
            Ok(())
        }
    }
}

async fn got(response: ResponseFuture) -> std::result::Result<(u16, String), h2::Error> {
    let (head, mut body) = response.await?.into_parts();
    let mut text = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece?;
        body.flow_control().release_capacity(piece.len())?;
        text.extend_from_slice(&piece);
    }
    Ok((head.status.as_u16(), String::from_utf8(text).unwrap()))
}

/// What the client has in the end, once the session is gone.
async fn check(name: &str, steps: &[Step], expected: Expect) {
    let (response, mut answer, connection) = stream(65_535).await;
    for step in steps {
        take(&mut answer, &connection, *step).await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
    drop(answer);
    let found = timeout(PATIENCE, got(response)).await.expect(name);
    match (found, expected) {
        (Ok((status, body)), Whole(expected, text)) => assert_eq!((status, &*body), (expected, text), "{name}"),
        (Err(error), Reset(reason)) => assert_eq!(error.reason(), Some(reason), "{name}"),
        (found, expected) => panic!("{name}: {found:?}, not {expected:?}"),
    }
}

const BROKEN: Expect = Reset(Reason::INTERNAL_ERROR);

#[tokio::test]
async fn an_answer_is_whole_or_none() {
    check("in pieces", &[Head(200), Piece("a"), Piece(""), Piece("b"), End], Whole(200, "ab")).await;
    check("a head alone", &[Head(204), End], Whole(204, "")).await;
    check("a head that nothing follows", &[Head(204)], Whole(204, "")).await;
    check("a head that promises more", &[Head(200)], BROKEN).await;
    check("a body where none may be", &[Head(304), Piece("a"), End], Whole(304, "")).await;
    check("told otherwise when it has gone", &[Head(200), Piece(""), BreakOff, Head(502), End], BROKEN).await;
    check("told otherwise", &[Head(200), BreakOff, Head(502), Piece("no"), End], Whole(502, "no")).await;
    check("an interim one is none", &[Head(103), Head(200), End], Whole(200, "")).await;
    check("of two heads the first", &[Head(200), Head(500), End], Whole(200, "")).await;
    check("no end", &[Head(200), Go, Piece("a")], BROKEN).await;
    check("a head that has gone, and no end", &[Head(200), Go], BROKEN).await;
    check("nothing", &[], BROKEN).await;
    check("given up", &[Head(200), Piece("a"), Abandon], BROKEN).await;
    check("given up behind its end", &[Head(200), Piece("a"), End, Abandon], Whole(200, "a")).await;
}

#[tokio::test]
async fn what_is_kept_goes_or_is_replaced() {
    check("let go", &[Keep, Head(200), Go, Piece("a"), LetGo, Piece("b"), End], Whole(200, "ab")).await;
    check("let go with its end", &[Keep, Head(200), Go, LetGo, End], Whole(200, "")).await;
    check("never let go", &[Keep, Head(200), Go, Piece("a"), End], BROKEN).await;
    check("a head that is never let go", &[Keep, Head(200)], BROKEN).await;
    check("replaced", &[Keep, Head(200), Go, Piece("a"), Replace("no"), Abandon], Whole(502, "no")).await;
    check("replaced without a body", &[Keep, Head(200), Go, Replace(""), Abandon], Whole(502, "")).await;
    check("and nothing after it", &[Keep, Head(200), Replace("no"), Piece("a"), End], Whole(502, "no")).await;
    check("replaced too late", &[Head(200), Piece("a"), Replace("no"), Abandon], BROKEN).await;
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_given_up() {
    let (response, mut answer, _connection) = stream(3).await;
    answer.say_head(Box::new(ResponseHeader::build(200, None).unwrap())).unwrap();
    let said = timeout(PATIENCE, answer.say_piece("abcdef".into(), true)).await.expect("it waits for ever");
    assert_eq!(said.map_err(|error| error.etype().clone()), Err(ErrorType::WriteTimedout));
    assert_eq!(answer.bytes(), 3, "as much as there was room for");
    drop(answer);
    let found = timeout(PATIENCE, got(response)).await.unwrap();
    assert_eq!(found.unwrap_err().reason(), Some(Reason::INTERNAL_ERROR));
}
