//! A connection on which any frames may be sent, in any order. It reads what comes, and answers nothing but SETTINGS and PING.

use super::frame::{self, HEAD};
use super::{Code, Fault, Flags, Frame, Kind, PREFACE, Request, within};
use serde_json::Value;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Settings of a client that keeps no table of fields, so that every block can be read alone, and wants nothing pushed.
const SETTINGS: [(u16, u32); 2] = [(1, 0), (2, 0)];

/// Larger frames are refused by every peer that was not asked for them (RFC 9113, 4.2).
const FRAME_MAX: usize = 16 * 1024;

pub struct Wire {
    stream: TcpStream,
    /// Came, but is no whole frame yet.
    ahead: Vec<u8>,
    streams: BTreeMap<u32, Progress>,
    goaway: Option<(u32, Code)>,
}

/// What has come of an answer so far.
#[derive(Clone, Debug, Default)]
struct Progress {
    answer: Answer,
    end: Option<Ended>,
}

#[derive(Clone, Copy, Debug)]
enum Ended {
    Whole,
    Reset(Code),
}

/// An answer as far as it can be read without a table: its fields stay packed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    pub status: u16,
    /// The statuses of 1xx answers ahead of it.
    pub interim: Vec<u16>,
    pub body: Vec<u8>,
}

impl Answer {
    /// The body's; null if it is none.
    #[must_use]
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// How a stream ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    Answered(Answer),
    /// With what had come of an answer; its status is 0 if there was none.
    Reset(Code, Answer),
    /// The peer gives the connection up.
    GoAway(Code),
    /// The connection ended without a word.
    Closed,
}

impl Wire {
    /// Connects and greets: the preface and SETTINGS.
    pub async fn open(address: SocketAddr) -> Result<Self, Fault> {
        let mut wire = Self::connect(address).await?;
        wire.write(&[PREFACE, &Frame::settings(&SETTINGS).bytes()].concat()).await?;
        Ok(wire)
    }

    /// Connects and says nothing.
    pub async fn connect(address: SocketAddr) -> Result<Self, Fault> {
        let stream = within(async { Ok(TcpStream::connect(address).await?) }).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, ahead: Vec::new(), streams: BTreeMap::new(), goaway: None })
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        within(async { Ok(self.stream.write_all(bytes).await?) }).await
    }

    pub async fn send(&mut self, frames: &[Frame]) -> Result<(), Fault> {
        let bytes: Vec<u8> = frames.iter().flat_map(Frame::bytes).collect();
        self.write(&bytes).await
    }

    /// A whole request; its head in as many frames as it takes.
    pub async fn request(&mut self, stream: u32, request: &Request) -> Result<(), Fault> {
        let ends = request.pieces.is_empty();
        let block = request.block();
        let mut parts = block.chunks(FRAME_MAX).peekable();
        let first = parts.next().unwrap_or_default();
        let mut frames = match parts.peek() {
            None => vec![Frame::headers(stream, first, ends)],
            Some(_) => vec![Frame::headers_begun(stream, first, ends)],
        };
        while let Some(part) = parts.next() {
            frames.push(Frame::continuation(stream, part, parts.peek().is_none()));
        }
        for (at, piece) in request.pieces.iter().enumerate() {
            let last = at.saturating_add(1) == request.pieces.len();
            let mut parts = piece.chunks(FRAME_MAX).peekable();
            if piece.is_empty() {
                frames.push(Frame::data(stream, b"", last));
            }
            while let Some(part) = parts.next() {
                frames.push(Frame::data(stream, part, last && parts.peek().is_none()));
            }
        }
        self.send(&frames).await
    }

    /// The next frame, whatever it is; none at the end of the connection.
    pub async fn next(&mut self) -> Result<Option<Frame>, Fault> {
        let frame = within(async {
            loop {
                if let Some((frame, length)) = Frame::parse(&self.ahead) {
                    self.ahead.drain(..length);
                    return Ok(Some(frame));
                }
                self.ahead.reserve(HEAD + FRAME_MAX);
                // A reset is an end as well.
                if !matches!(self.stream.read_buf(&mut self.ahead).await, Ok(count) if count > 0) {
                    return if self.ahead.is_empty() { Ok(None) } else { Err(Fault::Closed) };
                }
            }
        });
        let frame = frame.await?;
        if let Some(frame) = &frame {
            self.took(frame).await;
        }
        Ok(frame)
    }

    /// Reads up to the end of a stream. Others may end meanwhile, and are remembered.
    pub async fn end(&mut self, stream: u32) -> Result<End, Fault> {
        loop {
            let known = self.streams.get(&stream).cloned().unwrap_or_default();
            match known.end {
                Some(Ended::Whole) => return Ok(End::Answered(known.answer)),
                Some(Ended::Reset(code)) => return Ok(End::Reset(code, known.answer)),
                None => {}
            }
            if let Some((_, code)) = self.goaway.filter(|(last, _)| *last < stream) {
                return Ok(End::GoAway(code));
            }
            if self.next().await?.is_none() {
                return Ok(self.goaway.map_or(End::Closed, |(_, code)| End::GoAway(code)));
            }
        }
    }

    /// Sends a request on a stream of its own and reads up to its end.
    pub async fn exchange(&mut self, stream: u32, request: &Request) -> Result<End, Fault> {
        // A peer that gives the connection up does not take all of it.
        let written = self.request(stream, request).await;
        match (self.end(stream).await, written) {
            (Err(_), Err(fault)) => Err(fault),
            (end, _) => end,
        }
    }

    /// Reads up to the end of the connection: the last stream that the peer admits to and its code, if it said farewell.
    pub async fn ended(&mut self) -> Result<Option<(u32, Code)>, Fault> {
        while self.next().await?.is_some() {}
        Ok(self.goaway)
    }

    /// Every byte up to the end of the connection, for a peer that may speak something else.
    pub async fn rest(&mut self) -> Result<Vec<u8>, Fault> {
        within(async {
            while matches!(self.stream.read_buf(&mut self.ahead).await, Ok(count) if count > 0) {}
            Ok(std::mem::take(&mut self.ahead))
        })
        .await
    }

    /// The status that has come on a stream, of the frames that were read.
    #[must_use]
    pub fn answered(&self, stream: u32) -> Option<u16> {
        self.streams.get(&stream).map(|progress| progress.answer.status).filter(|status| *status > 0)
    }

    /// What the peer last said in a GOAWAY, of the frames that were read.
    #[must_use]
    pub const fn goaway(&self) -> Option<(u32, Code)> {
        self.goaway
    }

    async fn took(&mut self, frame: &Frame) {
        let number = |at| frame.number(at).unwrap_or_default();
        match frame.kind {
            // A peer that is gone will be noticed when it is read from.
            Kind::SETTINGS | Kind::PING if !frame.has(Flags::ACK) => {
                let payload: &[u8] = if frame.kind == Kind::PING { &frame.payload } else { &[] };
                self.send(&[Frame::new(frame.kind, Flags::ACK, 0, payload)]).await.ok();
            }
            Kind::GOAWAY => self.goaway = Some((number(0) & 0x7fff_ffff, Code::from(number(4)))),
            Kind::HEADERS | Kind::DATA | Kind::RST_STREAM => self.streams.entry(frame.stream).or_default().took(frame),
            _ => {}
        }
    }
}

impl Progress {
    fn took(&mut self, frame: &Frame) {
        if self.end.is_some() {
            return;
        }
        match frame.kind {
            Kind::RST_STREAM => {
                self.end = Some(Ended::Reset(Code::from(frame.number(0).unwrap_or_default())));
                return;
            }
            Kind::DATA => self.answer.body.extend_from_slice(frame.content()),
            // Fields behind a body have no status.
            _ => match frame::status(&frame.payload) {
                Some(interim @ 100..=199) => self.answer.interim.push(interim),
                Some(status) => self.answer.status = status,
                None => {}
            },
        }
        if frame.has(Flags::END_STREAM) {
            self.end = Some(Ended::Whole);
        }
    }
}
