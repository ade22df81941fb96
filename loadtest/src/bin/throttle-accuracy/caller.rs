//! One caller: calls at an even pace, whatever it is answered, and notes what it got and when.

use crate::gateway::key;
use anyhow::{Context, Result, bail};
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// No answer takes so long.
const PATIENCE: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 8 * 1024;

/// One request.
#[derive(Clone, Copy)]
pub(crate) struct Call {
    pub(crate) sent: Instant,
    pub(crate) answered: Instant,
    pub(crate) admitted: bool,
}

/// What a caller has to do.
#[derive(Clone, Copy)]
pub(crate) struct Task {
    pub(crate) consumer: usize,
    pub(crate) first: Instant,
    pub(crate) every: Duration,
    pub(crate) lasting: Duration,
}

/// Calls the gateways in turn: of sixteen calls nine, four, two and one, if there are four.
pub(crate) fn call(gateways: &[SocketAddr], task: Task) -> Result<Vec<Call>> {
    let Task { consumer, first, every, lasting } = task;
    let mut connections = Vec::new();
    for gateway in gateways {
        let stream = TcpStream::connect(gateway)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        connections.push(stream);
    }
    let request = format!("GET / HTTP/1.1\r\nHost: a\r\nx-api-key: {}\r\n\r\n", key(consumer));
    let mut calls = Vec::new();
    let mut due = first;
    for number in 0_usize.. {
        if due.saturating_duration_since(first) >= lasting {
            break;
        }
        // Whoever is late makes up for it.
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let at = skewed(number).checked_rem(connections.len()).unwrap_or(0);
        let connection = connections.get_mut(at).context("no gateway")?;
        let sent = Instant::now();
        connection.write_all(request.as_bytes())?;
        let admitted = read_answer(connection)?;
        calls.push(Call { sent, answered: Instant::now(), admitted });
        due += every;
    }
    Ok(calls)
}

const fn skewed(number: usize) -> usize {
    match number.wrapping_mul(7) % 16 {
        0..9 => 0,
        9..13 => 1,
        13..15 => 2,
        _ => 3,
    }
}

/// Whether it is a 200; else it has to be a 429.
fn read_answer(stream: &mut TcpStream) -> Result<bool> {
    let (mut bytes, mut buffer) = (Vec::new(), [0; 2048]);
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 || bytes.len() > ANSWER_BYTES_MAX {
            bail!("the gateway closed the connection, or does not stop");
        }
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head
            .lines()
            .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        return match head.get(..12) {
            Some("HTTP/1.1 200") => Ok(true),
            Some("HTTP/1.1 429") => Ok(false),
            other => bail!("answered {other:?}"),
        };
    }
}
