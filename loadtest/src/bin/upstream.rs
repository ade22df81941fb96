//! The upstream behind every proxy: a fixed 1 KiB JSON answer to every request, from memory.
//!
//! One thread, one epoll, one receive and one send a request: the load generator shares its core, so every microsecond
//! here is one that the proxies cannot be driven with. It reads heads only, and answers each at once: the bodies
//! of the load test have no empty line.
//! Prints its address as the first line and serves until it is killed.

use anyhow::{Context, Result};
use clap::Parser;
use memchr::memmem::Finder;
use rustix::buffer::spare_capacity;
use rustix::event::epoll;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use std::collections::HashMap;
use std::io::Write;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;

const BODY_BYTES: usize = 1024;
const HEAD_END: &[u8] = b"\r\n\r\n";
const LISTENER: u64 = u64::MAX;

#[derive(Parser)]
struct Options {
    #[arg(long, default_value = "127.0.0.1:0")]
    listen: SocketAddr,
}

/// A proxy's connection and how much of a head's end its last read ended with.
struct Connection {
    stream: TcpStream,
    tail: Vec<u8>,
}

struct Server<'a> {
    epoll: rustix::fd::OwnedFd,
    listener: TcpListener,
    connections: HashMap<u64, Connection>,
    head_end: Finder<'a>,
    answer: Vec<u8>,
}

fn main() -> Result<()> {
    let listener = TcpListener::bind(Options::parse().listen).context("cannot listen")?;
    listener.set_nonblocking(true)?;
    let mut stdout = std::io::stdout().lock();
    writeln!(stdout, "{}", listener.local_addr()?)?;
    stdout.flush()?;
    let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
    epoll::add(&epoll, &listener, epoll::EventData::new_u64(LISTENER), epoll::EventFlags::IN)?;
    let connections = HashMap::new();
    Server { epoll, listener, connections, head_end: Finder::new(HEAD_END), answer: answer() }.serve()
}

impl Server<'_> {
    fn serve(&mut self) -> Result<()> {
        let mut events = Vec::with_capacity(256);
        let mut buffer = Vec::with_capacity(64 * 1024);
        loop {
            events.clear();
            match epoll::wait(&self.epoll, spare_capacity(&mut events), None) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(error) => return Err(error).context("cannot wait for requests"),
            }
            for event in &events {
                let id = event.data.u64();
                if id == LISTENER {
                    self.accept()?;
                } else if self.answer_on(id, &mut buffer).is_err() {
                    self.connections.remove(&id);
                }
            }
        }
    }

    fn accept(&mut self) -> Result<()> {
        while let Ok((stream, _)) = self.listener.accept() {
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            let id = u64::try_from(stream.as_raw_fd())?;
            epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(id), epoll::EventFlags::IN)?;
            self.connections.insert(id, Connection { stream, tail: Vec::new() });
        }
        Ok(())
    }

    /// An error closes the connection.
    fn answer_on(&mut self, id: u64, buffer: &mut Vec<u8>) -> Result<()> {
        let connection = self.connections.get_mut(&id).context("an event of a closed connection")?;
        buffer.clear();
        buffer.append(&mut connection.tail);
        match rustix::net::recv(&connection.stream, spare_capacity(buffer), RecvFlags::empty()) {
            Ok((0, _)) => anyhow::bail!("closed by the proxy"),
            Ok(_) => {}
            Err(Errno::AGAIN) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        let mut rest = buffer.as_slice();
        while let Some(end) = self.head_end.find(rest) {
            rest = rest.get(end + HEAD_END.len()..).unwrap_or_default();
            let sent = rustix::net::send(&connection.stream, &self.answer, SendFlags::NOSIGNAL)?;
            anyhow::ensure!(sent == self.answer.len(), "the proxy does not read its answers");
        }
        // Of a head that goes on, or of a body, no more than can be the beginning of an end.
        let kept = rest.len().saturating_sub(HEAD_END.len() - 1);
        connection.tail.extend_from_slice(rest.get(kept..).unwrap_or_default());
        Ok(())
    }
}

fn answer() -> Vec<u8> {
    let open = r#"{"data":""#;
    let close = r#""}"#;
    let filler = "0123456789abcdef".chars().cycle().take(BODY_BYTES - open.len() - close.len()).collect::<String>();
    format!(
        "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: application/json\r\n\
         Content-Length: {BODY_BYTES}\r\nX-Upstream: loadtest\r\n\r\n{open}{filler}{close}"
    )
    .into_bytes()
}
