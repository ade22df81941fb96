//! Clients that call without a pause and remember what they were answered.

use crate::gateway::key;
use anyhow::{Result, bail};
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// No answer takes so long.
const PATIENCE: Duration = Duration::from_secs(10);

/// What one consumer's calls came to in one life, in the order of their answers.
#[derive(Clone, Debug, Default)]
pub(crate) struct Calls {
    pub(crate) sent: u64,
    /// When each admitted call was answered.
    pub(crate) answered: Vec<Instant>,
}

pub(crate) struct Seen {
    pub(crate) consumers: Vec<Calls>,
}

/// Clients at work.
pub(crate) struct Life {
    clients: Vec<JoinHandle<Result<Vec<Calls>>>>,
    consumers: usize,
}

impl Life {
    pub(crate) fn begin(gateway: SocketAddr, connections: usize, consumers: usize) -> Self {
        let clients = (0..connections).map(|number| thread::spawn(move || call(gateway, number, consumers))).collect();
        Self { clients, consumers }
    }

    /// Waits until every client has found the gateway gone.
    pub(crate) fn ended(self) -> Result<Seen> {
        let mut consumers = vec![Calls::default(); self.consumers];
        for client in self.clients {
            let calls = client.join().map_err(|_panic| anyhow::anyhow!("a client failed"))??;
            for (all, one) in consumers.iter_mut().zip(calls) {
                all.sent += one.sent;
                all.answered.extend(one.answered);
            }
        }
        for calls in &mut consumers {
            calls.answered.sort_unstable();
        }
        Ok(Seen { consumers })
    }
}

/// One connection, each call by the next consumer.
fn call(gateway: SocketAddr, number: usize, consumers: usize) -> Result<Vec<Calls>> {
    let mut calls = vec![Calls::default(); consumers];
    // A gateway that is killed at once may not have accepted.
    let Ok(mut stream) = TcpStream::connect(gateway) else { return Ok(calls) };
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    for turn in 0.. {
        let consumer = (number + turn) % consumers;
        let Some(slot) = calls.get_mut(consumer) else { bail!("no consumers") };
        let request = format!("GET / HTTP/1.1\r\nHost: a\r\nx-api-key: {}\r\n\r\n", key(consumer));
        slot.sent += 1;
        if stream.write_all(request.as_bytes()).is_err() {
            break;
        }
        match read_until(&mut stream, |bytes| bytes.ends_with(b"\r\n\r\nok")) {
            Ok(answer) if answer.starts_with(b"HTTP/1.1 200") => slot.answered.push(Instant::now()),
            Ok(answer) => bail!("refused: {}", String::from_utf8_lossy(&answer)),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => return Err(error.into()),
            Err(_gone) => break,
        }
    }
    Ok(calls)
}

fn read_until(stream: &mut TcpStream, whole: impl Fn(&[u8]) -> bool) -> io::Result<Vec<u8>> {
    const BYTES_MAX: usize = 8 * 1024;
    let mut bytes = Vec::new();
    let mut buffer = [0; 2048];
    loop {
        let count = stream.read(&mut buffer)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend_from_slice(buffer.get(..count).unwrap_or_default());
        if whole(&bytes) {
            return Ok(bytes);
        }
        // Also an answer of the gateway's own, such as a refusal: nothing here expects one.
        if bytes.len() > BYTES_MAX || bytes.starts_with(b"HTTP/1.1 4") || bytes.starts_with(b"HTTP/1.1 5") {
            return Err(io::Error::new(io::ErrorKind::InvalidData, String::from_utf8_lossy(&bytes).into_owned()));
        }
    }
}
