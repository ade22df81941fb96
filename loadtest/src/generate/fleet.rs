//! The generator's connections: each has at most one request out.

use super::Load;
use crate::http::Answer;
use anyhow::{Context, Result, bail, ensure};
use rustix::buffer::spare_capacity;
use rustix::event::{Timespec, epoll};
use rustix::fd::OwnedFd;
use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags};
use rustix::thread::sched_yield;
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// The upstream's body, which every 200 carries.
pub(crate) const BODY_BYTES: usize = 1024;
const BUFFER_BYTES: usize = 64 * 1024;
const SEND_BYTES: usize = 256 * 1024;

pub(crate) struct Fleet<'a> {
    load: Load<'a>,
    epoll: OwnedFd,
    connections: Vec<Connection>,
    /// The request that is sent next.
    turn: usize,
    waiting: usize,
    events: Vec<epoll::Event>,
    buffer: Vec<u8>,
    done: Vec<Done>,
}

struct Connection {
    stream: TcpStream,
    /// Of an answer that has not arrived as a whole.
    partial: Vec<u8>,
    /// When the request that is out was due.
    since: Option<Instant>,
}

/// An answered request.
#[derive(Copy, Clone)]
pub(crate) struct Done {
    pub(crate) index: usize,
    pub(crate) since: Instant,
    pub(crate) at: Instant,
}

impl<'a> Fleet<'a> {
    pub(crate) fn connect(load: &Load<'a>) -> Result<Self> {
        ensure!(!load.requests.is_empty(), "no requests");
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let mut connections = Vec::with_capacity(load.connections);
        for index in 0..load.connections {
            let stream = TcpStream::connect(load.target).context("cannot connect to the proxy")?;
            stream.set_nonblocking(true)?;
            stream.set_nodelay(true)?;
            // The largest request has to fit at once.
            rustix::net::sockopt::set_socket_send_buffer_size(&stream, SEND_BYTES)?;
            epoll::add(&epoll, &stream, epoll::EventData::new_u64(u64::try_from(index)?), epoll::EventFlags::IN)?;
            connections.push(Connection { stream, partial: Vec::new(), since: None });
        }
        Ok(Self {
            load: *load,
            epoll,
            connections,
            turn: 0,
            waiting: 0,
            events: Vec::with_capacity(load.connections),
            buffer: Vec::with_capacity(BUFFER_BYTES),
            done: Vec::with_capacity(load.connections),
        })
    }

    /// What the last `wait` brought.
    pub(crate) fn done(&self) -> &[Done] {
        &self.done
    }

    /// How many requests are out.
    pub(crate) const fn waiting(&self) -> usize {
        self.waiting
    }

    /// Sends the request whose turn it is.
    pub(crate) fn send(&mut self, index: usize, since: Instant) -> Result<()> {
        let request = self.load.requests.get(self.turn).context("no such request")?;
        self.turn = (self.turn + 1) % self.load.requests.len();
        let connection = self.connections.get_mut(index).context("no such connection")?;
        let sent = rustix::net::send(&connection.stream, request, SendFlags::NOSIGNAL).context("cannot send")?;
        ensure!(sent == request.len(), "the proxy does not read its requests");
        connection.since = Some(since);
        self.waiting += 1;
        Ok(())
    }

    /// A new request on every connection that the last `wait` found answered.
    pub(crate) fn send_again(&mut self, since: Instant) -> Result<()> {
        let done = std::mem::take(&mut self.done);
        for answered in &done {
            self.send(answered.index, since)?;
        }
        self.done = done;
        Ok(())
    }

    /// Waits for answers, at most this long.
    pub(crate) fn wait(&mut self, timeout: Duration) -> Result<()> {
        self.done.clear();
        self.poll(Timespec::try_from(timeout).context("too long a wait")?)?;
        self.receive_all()
    }

    /// The same without sleeping: a core that sleeps has to be woken by whoever sends to it, and in a virtual machine
    /// that costs the proxy as much as a small request. The upstream gets its turn by yielding.
    pub(crate) fn wait_awake(&mut self, timeout: Duration) -> Result<()> {
        let deadline = Instant::now() + timeout;
        self.done.clear();
        loop {
            self.poll(Timespec { tv_sec: 0, tv_nsec: 0 })?;
            if !self.events.is_empty() || Instant::now() >= deadline {
                return self.receive_all();
            }
            sched_yield();
        }
    }

    fn poll(&mut self, timeout: Timespec) -> Result<()> {
        self.events.clear();
        match epoll::wait(&self.epoll, spare_capacity(&mut self.events), Some(&timeout)) {
            Ok(_) | Err(Errno::INTR) => Ok(()),
            Err(error) => Err(error).context("cannot wait for answers"),
        }
    }

    fn receive_all(&mut self) -> Result<()> {
        for position in 0..self.events.len() {
            let Some(event) = self.events.get(position) else { break };
            let index = usize::try_from(event.data.u64())?;
            self.receive(index)?;
        }
        Ok(())
    }

    fn receive(&mut self, index: usize) -> Result<()> {
        let connection = self.connections.get_mut(index).context("no such connection")?;
        self.buffer.clear();
        self.buffer.append(&mut connection.partial);
        match rustix::net::recv(&connection.stream, spare_capacity(&mut self.buffer), RecvFlags::empty()) {
            Ok((0, _)) => bail!("the proxy closed a connection"),
            Ok(_) | Err(Errno::AGAIN) => {}
            Err(error) => return Err(error).context("cannot receive"),
        }
        let Some(answer) = Answer::find(&self.buffer)? else {
            connection.partial.extend_from_slice(&self.buffer);
            return Ok(());
        };
        let since = connection.since.take().context("an answer that nobody asked for")?;
        ensure!(answer.bytes() == self.buffer.len(), "more than one answer to a request");
        if answer.status != self.load.status || (answer.status == 200 && answer.body_bytes != BODY_BYTES) {
            bail!("expected {}, got: {}", self.load.status, String::from_utf8_lossy(&self.buffer));
        }
        self.waiting -= 1;
        self.done.push(Done { index, since, at: Instant::now() });
        Ok(())
    }
}
