//! The upstream's side of a connection: read, record, answer.

use super::gatekeeper::{self, Judgement};
use super::misbehave::{After, Misbehaviour, plain};
use super::record::Received;
use super::{Answer, Behaviour, Shared};
use crate::http1::{self, Fault, Framing, Wire};
use serde_json::json;
use std::net::TcpListener;
use std::sync::Arc;
use tokio::net::TcpStream;

pub(super) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let Ok(listener) = tokio::net::TcpListener::from_std(listener) else { return };
    while let Ok((stream, _)) = listener.accept().await {
        // Fails only on a socket that is gone.
        stream.set_nodelay(true).ok();
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            connection(stream, Arc::clone(&shared)).await;
            shared.record.disconnected();
        });
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let number = shared.record.connected();
    let mut wire = Wire::new(stream);
    for nth in 0_u64.. {
        let Some(received) = receive(&mut wire, number).await else { return };
        let malformed = received.fault.is_some();
        shared.record.push(received.clone());
        if malformed {
            wire.write(&plain(400, "malformed")).await.ok();
            return;
        }
        let after = match behaviour(&received, &shared) {
            Behaviour::Echo => answer(&mut wire, &received, echo(&received)).await,
            Behaviour::Fixed(fixed) => answer(&mut wire, &received, fixed).await,
            Behaviour::ByPath(answers) => {
                let found = answers.into_iter().find(|(path, _)| path == received.path());
                let missing = || Answer { status: 404, headers: Vec::new(), body: b"nothing here".to_vec() };
                answer(&mut wire, &received, found.map_or_else(missing, |(_, answer)| answer)).await
            }
            Behaviour::Gatekeeper => match gatekeeper::judged(&received) {
                Judgement::Answer(judged) => answer(&mut wire, &received, judged).await,
                Judgement::Misbehave(how) => how.act(&mut wire, &received, nth > 0).await,
            },
            Behaviour::Misbehave(how) => how.act(&mut wire, &received, nth > 0).await,
        };
        match after {
            Ok(After::KeepAlive) => {}
            Ok(After::Reset) => {
                wire.reset().ok();
                return;
            }
            Ok(After::Close) | Err(_) => return,
        }
    }
}

/// The next request; none if the connection ended between two.
async fn receive(wire: &mut Wire, connection: u64) -> Option<Received> {
    let read = read(wire, connection).await;
    let raw = wire.take_raw();
    match read {
        Ok(received) => Some(Received { raw, ..received }),
        Err(fault) => {
            wire.give_up();
            let raw = [raw, wire.take_raw()].concat();
            (!raw.is_empty()).then(|| Received {
                connection,
                raw,
                fault: Some(fault.to_string()),
                ..Received::default()
            })
        }
    }
}

async fn read(wire: &mut Wire, connection: u64) -> Result<Received, Fault> {
    let head = wire.head().await?;
    let framing = Framing::of(&head.headers, Framing::Length(0))?;
    let received = Received::new(connection, head);
    if !received.version.starts_with("HTTP/1.") {
        return Err(Fault::Malformed("a request line without a version"));
    }
    if received.header("expect").is_some_and(|value| value.eq_ignore_ascii_case("100-continue")) {
        wire.write(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
    }
    let body = wire.body(framing).await;
    body.fault.map_or(Ok(()), Err)?;
    Ok(Received { body: body.bytes, ..received })
}

fn behaviour(received: &Received, shared: &Shared) -> Behaviour {
    received
        .path()
        .strip_prefix("/__misbehave/")
        .and_then(Misbehaviour::named)
        .map_or_else(|| shared.behaviour(), Behaviour::Misbehave)
}

fn echo(received: &Received) -> Answer {
    let seen = json!({
        "method": received.method,
        "target": received.target,
        "version": received.version,
        "headers": received.headers,
        "body": String::from_utf8_lossy(&received.body),
    });
    let headers = vec![("Content-Type".to_owned(), "application/json".to_owned())];
    Answer { status: 200, headers, body: seen.to_string().into_bytes() }
}

/// Sends a response as it should be.
pub(super) async fn answer(wire: &mut Wire, received: &Received, answer: Answer) -> Result<After, Fault> {
    let after = if keeps_alive(received) { After::KeepAlive } else { After::Close };
    let bodiless = matches!(answer.status, 204 | 304);
    let mut head = format!("HTTP/1.1 {} OK\r\n", answer.status);
    for (name, value) in &answer.headers {
        head.extend([name, ": ", value, "\r\n"]);
    }
    if !bodiless {
        head.extend(["Content-Length: ", &answer.body.len().to_string(), "\r\n"]);
    }
    if after == After::Close {
        head.push_str("Connection: close\r\n");
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    if !bodiless && received.method != "HEAD" {
        bytes.extend_from_slice(&answer.body);
    }
    wire.write(&bytes).await?;
    Ok(after)
}

fn keeps_alive(received: &Received) -> bool {
    let close = http1::header(&received.headers, "connection").is_some_and(|value| value.eq_ignore_ascii_case("close"));
    received.version == "HTTP/1.1" && !close
}
