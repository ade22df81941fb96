//! HTTP/1.1 messages on a socket, as test clients and test upstreams read them. Simple on purpose: it trusts nobody's library and
//! keeps every byte that it took.

use std::fmt;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

/// No head and no body of a test is larger.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// Why a message could not be read.
#[derive(Debug)]
pub enum Fault {
    /// The peer closed the connection before the message was complete, or before it began.
    Closed,
    /// The peer reset the connection, or another failure of the network.
    Io(io::Error),
    /// What came is no HTTP.
    Malformed(&'static str),
    /// Nothing came before the deadline.
    Timeout,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed => f.write_str("the connection was closed"),
            Self::Io(error) => write!(f, "the connection failed: {error}"),
            Self::Malformed(what) => write!(f, "malformed message: {what}"),
            Self::Timeout => f.write_str("nothing came before the deadline"),
        }
    }
}

impl std::error::Error for Fault {}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Name and value of each header line, in their order; bytes above ASCII as Latin-1.
pub type Headers = Vec<(String, String)>;

/// The first value of a header, whatever its case.
pub(crate) fn header<'a>(headers: &'a Headers, name: &str) -> Option<&'a str> {
    headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

/// A request line or status line with the lines that follow.
#[derive(Clone, Debug)]
pub(crate) struct Head {
    pub(crate) start: String,
    pub(crate) headers: Headers,
}

impl Head {
    fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let text: String = bytes.iter().copied().map(char::from).collect();
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or_default().to_owned();
        let mut headers = Headers::new();
        for line in lines.take_while(|line| !line.is_empty()) {
            let (name, value) = line.split_once(':').ok_or(Fault::Malformed("a header line without a colon"))?;
            headers.push((name.to_owned(), value.trim_matches([' ', '\t']).to_owned()));
        }
        Ok(Self { start, headers })
    }
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Framing {
    /// What the headers say; `otherwise` if they say nothing.
    pub(crate) fn of(headers: &Headers, otherwise: Self) -> Result<Self, Fault> {
        let mut lengths = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let length = lengths.next().map(|(_, value)| value);
        if lengths.next().is_some() {
            return Err(Fault::Malformed("two Content-Length lines"));
        }
        match (header(headers, "transfer-encoding"), length) {
            (Some(_), Some(_)) => Err(Fault::Malformed("Content-Length and Transfer-Encoding")),
            (Some(coding), None) if coding.eq_ignore_ascii_case("chunked") => Ok(Self::Chunked),
            (Some(_), None) => Err(Fault::Malformed("a Transfer-Encoding other than chunked")),
            (None, Some(length)) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                length.parse().map(Self::Length).map_err(|_| Fault::Malformed("Content-Length"))
            }
            (None, Some(_)) => Err(Fault::Malformed("Content-Length")),
            (None, None) => Ok(otherwise),
        }
    }
}

/// A body as far as it came.
#[derive(Debug, Default)]
pub(crate) struct Body {
    pub(crate) bytes: Vec<u8>,
    /// What the body lacks; none if it is whole.
    pub(crate) fault: Option<Fault>,
}

/// A socket with what was read from it.
pub(crate) struct Wire {
    stream: TcpStream,
    /// Came, but not yet taken.
    ahead: Vec<u8>,
    taken: Vec<u8>,
}

impl Wire {
    pub(crate) const fn new(stream: TcpStream) -> Self {
        Self { stream, ahead: Vec::new(), taken: Vec::new() }
    }

    pub(crate) async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.write_all(bytes).await?;
        self.stream.flush().await
    }

    /// Says that nothing more will be sent.
    pub(crate) async fn finish(&mut self) -> io::Result<()> {
        self.stream.shutdown().await
    }

    /// The peer sees a reset instead of an end.
    pub(crate) fn reset(self) -> io::Result<()> {
        self.stream.set_zero_linger()
    }

    /// All bytes since the last call, those included that belong to no message.
    pub(crate) fn take_raw(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.taken)
    }

    /// Moves what came but was not understood to the raw bytes.
    pub(crate) fn give_up(&mut self) {
        self.taken.append(&mut self.ahead);
    }

    /// Whether the peer has ended the connection without another byte. Waits for either.
    pub(crate) async fn ended(&mut self) -> bool {
        self.ahead.is_empty() && !matches!(self.fill().await, Ok(true))
    }

    /// The next head; [`Fault::Closed`] if the connection ends before its first byte too.
    pub(crate) async fn head(&mut self) -> Result<Head, Fault> {
        let mut searched: usize = 0;
        loop {
            let from = searched.saturating_sub(3);
            let rest = self.ahead.get(from..).unwrap_or_default();
            if let Some(at) = rest.windows(4).position(|window| window == b"\r\n\r\n") {
                return Head::parse(&self.advance(from + at + 4));
            }
            searched = self.ahead.len();
            self.fill_or_closed().await?;
        }
    }

    /// The body, or as much of it as came.
    pub(crate) async fn body(&mut self, framing: Framing) -> Body {
        let mut bytes = Vec::new();
        let fault = match framing {
            Framing::Length(length) => self.read_length(length, &mut bytes).await,
            Framing::Chunked => self.read_chunks(&mut bytes).await,
            Framing::UntilClose => self.read_all(&mut bytes).await,
        };
        Body { bytes, fault: fault.err() }
    }

    async fn read_length(&mut self, length: usize, out: &mut Vec<u8>) -> Result<(), Fault> {
        let target = out.len().saturating_add(length);
        loop {
            let part = self.ahead.len().min(target - out.len());
            out.append(&mut self.advance(part));
            if out.len() == target {
                return Ok(());
            }
            self.fill_or_closed().await?;
        }
    }

    async fn read_all(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        loop {
            let all = self.ahead.len();
            out.append(&mut self.advance(all));
            if !self.fill().await? {
                return Ok(());
            }
        }
    }

    async fn read_chunks(&mut self, out: &mut Vec<u8>) -> Result<(), Fault> {
        loop {
            let line = self.line().await?;
            let size = line.split(';').next().unwrap_or_default();
            let size = usize::from_str_radix(size, 16).map_err(|_| Fault::Malformed("chunk size"))?;
            if size == 0 {
                // Trailers, up to the empty line.
                while !self.line().await?.is_empty() {}
                return Ok(());
            }
            self.read_length(size, out).await?;
            if !self.line().await?.is_empty() {
                return Err(Fault::Malformed("chunk data without a line end"));
            }
        }
    }

    /// One line without its end.
    async fn line(&mut self) -> Result<String, Fault> {
        loop {
            if let Some(at) = self.ahead.windows(2).position(|window| window == b"\r\n") {
                let line = self.advance(at + 2);
                return Ok(line.iter().take(at).copied().map(char::from).collect());
            }
            self.fill_or_closed().await?;
        }
    }

    fn advance(&mut self, count: usize) -> Vec<u8> {
        let rest = self.ahead.split_off(count.min(self.ahead.len()));
        let front = std::mem::replace(&mut self.ahead, rest);
        self.taken.extend_from_slice(&front);
        front
    }

    async fn fill_or_closed(&mut self) -> Result<(), Fault> {
        if self.fill().await? { Ok(()) } else { Err(Fault::Closed) }
    }

    /// False at the end of the stream.
    async fn fill(&mut self) -> Result<bool, Fault> {
        if self.taken.len() + self.ahead.len() > BYTES_MAX {
            return Err(Fault::Malformed("a message of more than 64 MiB"));
        }
        self.ahead.reserve(16 * 1024);
        Ok(self.stream.read_buf(&mut self.ahead).await? > 0)
    }
}
