//! A raw HTTP/1.1 client: sends exactly the bytes that a test wants to send, reads strictly, waits for nothing longer than ten seconds.
//! Where a test has nothing left to say, it panics with what came instead.

#![expect(clippy::panic, reason = "a broken expectation ends the test")]

pub use crate::http1::{Fault, Headers};

use crate::http1::{self, Framing, Wire};
use serde_json::Value;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::Location;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// The longest wait for anything.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Where to send requests, each on a connection of its own.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// # Panics
    /// If nobody listens.
    pub async fn connect(&self) -> Connection {
        match Connection::open(self.address).await {
            Ok(connection) => connection,
            Err(fault) => panic!("cannot connect to {}: {fault}", self.address),
        }
    }

    /// Sends these bytes as they are.
    ///
    /// # Panics
    /// If no response comes.
    pub async fn send(&self, bytes: &[u8]) -> Response {
        self.connect().await.send(bytes).await
    }

    #[must_use]
    pub fn get(&self, target: &str) -> Request {
        self.request("GET", target)
    }

    #[must_use]
    pub fn post(&self, target: &str, body: impl Into<Vec<u8>>) -> Request {
        self.request("POST", target).body(body)
    }

    #[must_use]
    pub fn request(&self, method: &str, target: &str) -> Request {
        Request {
            address: self.address,
            method: method.to_owned(),
            target: target.to_owned(),
            headers: Headers::new(),
            body: None,
        }
    }
}

/// A well-formed request in the making.
#[derive(Clone, Debug)]
pub struct Request {
    address: SocketAddr,
    method: String,
    target: String,
    headers: Headers,
    body: Option<Vec<u8>>,
}

impl Request {
    /// Adds a line; a `Host` replaces the one that is the address otherwise.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Sent with its `Content-Length`.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// What is sent, for use on a [`Connection`].
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        let host =
            (http1::header(&self.headers, "host").is_none()).then(|| ("Host".to_owned(), self.address.to_string()));
        let length = self.body.as_ref().map(|body| ("Content-Length".to_owned(), body.len().to_string()));
        for (name, value) in host.iter().chain(&self.headers).chain(&length) {
            head.extend([name, ": ", value, "\r\n"]);
        }
        head.push_str("\r\n");
        [head.as_bytes(), self.body.as_deref().unwrap_or_default()].concat()
    }

    pub async fn try_send(&self) -> Result<Response, Fault> {
        Connection::open(self.address).await?.exchange(&self.bytes()).await
    }

    /// # Panics
    /// If no response comes.
    #[track_caller]
    pub fn send(self) -> impl Future<Output = Response> + Send {
        let caller = Location::caller();
        async move {
            match self.try_send().await {
                Ok(response) => response,
                Err(fault) => panic!("{caller}: {self}: no response: {fault}"),
            }
        }
    }

    /// # Panics
    /// If another status comes, or none.
    #[track_caller]
    pub fn expect(self, status: u16) -> impl Future<Output = Response> + Send {
        let caller = Location::caller();
        async move {
            match self.try_send().await {
                Ok(response) if response.status == status => response,
                Ok(response) => panic!("{caller}: {self}: expected {status}, got\n{response}"),
                Err(fault) => panic!("{caller}: {self}: expected {status}, got no response: {fault}"),
            }
        }
    }
}

impl fmt::Display for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.target)
    }
}

/// A connection that can carry several requests.
pub struct Connection {
    wire: Wire,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self, Fault> {
        let stream = within(async { Ok(TcpStream::connect(address).await?) }).await?;
        stream.set_nodelay(true)?;
        Ok(Self { wire: Wire::new(stream) })
    }

    /// Sends these bytes as they are, and reads the response to the method that they begin with.
    ///
    /// # Panics
    /// If no response comes.
    pub async fn send(&mut self, bytes: &[u8]) -> Response {
        match self.exchange(bytes).await {
            Ok(response) => response,
            Err(fault) => panic!("no response: {fault}; sent was\n{}", bytes.escape_ascii()),
        }
    }

    /// As [`Self::send`], for those who expect it to fail.
    pub async fn exchange(&mut self, bytes: &[u8]) -> Result<Response, Fault> {
        // A peer that refuses early may close before all is written; its answer counts.
        let written = self.write(bytes).await;
        let method = bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
        match (self.read(&String::from_utf8_lossy(method)).await, written) {
            (Err(_), Err(fault)) => Err(fault),
            (read, _) => read,
        }
    }

    pub async fn write(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        within(async { Ok(self.wire.write(bytes).await?) }).await
    }

    /// Says that nothing more will be sent.
    pub async fn finish(&mut self) -> Result<(), Fault> {
        within(async { Ok(self.wire.finish().await?) }).await
    }

    /// The next final response; the one to `HEAD` has no body.
    pub async fn read(&mut self, method: &str) -> Result<Response, Fault> {
        within(self.read_response(method)).await
    }

    /// The status of the next response, which has to be an interim one.
    pub async fn interim(&mut self) -> Result<u16, Fault> {
        let status = within(async { status(&self.wire.head().await?.start) }).await?;
        if status < 200 {
            Ok(status)
        } else {
            Err(Fault::Malformed("a final response where an interim one was expected"))
        }
    }

    /// Whether the peer ends the connection without another byte, within the deadline.
    pub async fn closed(&mut self) -> bool {
        timeout(DEADLINE, self.wire.ended()).await.unwrap_or(false)
    }

    async fn read_response(&mut self, method: &str) -> Result<Response, Fault> {
        drop(self.wire.take_raw());
        let mut interim = Vec::new();
        loop {
            let head = self.wire.head().await?;
            let status = status(&head.start)?;
            if matches!(status, 100 | 102..=199) {
                interim.push(status);
                continue;
            }
            let bodiless = method == "HEAD" || matches!(status, 101 | 204 | 304);
            let framing = if bodiless { Framing::Length(0) } else { Framing::of(&head.headers, Framing::UntilClose)? };
            let body = self.wire.body(framing).await;
            return Ok(Response {
                status,
                headers: head.headers,
                body: body.bytes,
                interim,
                cut: body.fault.map(|fault| fault.to_string()),
                trailers: Headers::new(),
                raw: self.wire.take_raw(),
            });
        }
    }
}

async fn within<T>(work: impl Future<Output = Result<T, Fault>>) -> Result<T, Fault> {
    timeout(DEADLINE, work).await.unwrap_or(Err(Fault::Timeout))
}

fn status(line: &str) -> Result<u16, Fault> {
    let rest = line.strip_prefix("HTTP/1.1 ").or_else(|| line.strip_prefix("HTTP/1.0 "));
    let code = rest.and_then(|rest| rest.split(' ').next()).filter(|code| code.len() == 3);
    code.and_then(|code| code.parse().ok()).ok_or(Fault::Malformed("the status line"))
}

/// A final response.
#[derive(Clone, Debug)]
pub struct Response {
    pub status: u16,
    pub headers: Headers,
    /// Without chunk framing.
    pub body: Vec<u8>,
    /// The statuses of 1xx responses ahead of it.
    pub interim: Vec<u16>,
    /// Why the body is not whole; none if it is.
    pub cut: Option<String>,
    /// The fields behind the body; over HTTP/1.1 they are not read.
    pub trailers: Headers,
    /// Every byte as it came, interim responses and framing included; nothing over HTTP/2.
    pub raw: Vec<u8>,
}

impl Response {
    /// The first value of a header, whatever its case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        http1::header(&self.headers, name)
    }

    /// All values of a header, in their order.
    #[must_use]
    pub fn headers(&self, name: &str) -> Vec<&str> {
        let named = self.headers.iter().filter(|(known, _)| known.eq_ignore_ascii_case(name));
        named.map(|(_, value)| value.as_str()).collect()
    }

    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// # Panics
    /// If the body is no JSON.
    #[must_use]
    #[track_caller]
    pub fn json(&self) -> Value {
        match serde_json::from_slice(&self.body) {
            Ok(json) => json,
            Err(error) => panic!("{error} in\n{self}"),
        }
    }
}

impl fmt::Display for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.status)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}: {value}")?;
        }
        write!(f, "\n{}", self.text())?;
        self.cut.as_ref().map_or(Ok(()), |cut| write!(f, "\n[cut: {cut}]"))
    }
}
