//! A client that does as RFC 9113 says, on the `h2` crate, and takes nothing else from its peer.

#![expect(clippy::panic, reason = "a broken expectation ends the test")]

use super::request::told;
use super::{Code, Fault, Request, within};
use crate::client::Response;
use crate::http1::Headers;
use bytes::Bytes;
use h2::client::{Builder, ResponseFuture, SendRequest};
use h2::{RecvStream, SendStream};
use std::future::{Future, poll_fn};
use std::net::SocketAddr;
use std::panic::Location;
use std::pin::pin;
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// Carries many requests at once. The peer sees its end when it is dropped.
pub struct Connection {
    sender: SendRequest<Bytes>,
    /// Reads and writes; ends with the connection.
    driver: JoinHandle<Result<(), h2::Error>>,
}

impl Connection {
    pub async fn open(address: SocketAddr) -> Result<Self, Fault> {
        Self::opened(address, &Builder::new()).await
    }

    /// Takes no more than so many bytes of each answer before they are read, whatever it takes of the others.
    pub async fn open_with_window(address: SocketAddr, bytes: u32) -> Result<Self, Fault> {
        const OF_ALL: u32 = 16 << 20;
        Self::opened(address, Builder::new().initial_window_size(bytes).initial_connection_window_size(OF_ALL)).await
    }

    async fn opened(address: SocketAddr, options: &Builder) -> Result<Self, Fault> {
        let stream = within(async { Ok(TcpStream::connect(address).await?) }).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = within(async { Ok(options.handshake(stream).await?) }).await?;
        Ok(Self { sender, driver: tokio::spawn(connection) })
    }

    /// Sends a request and reads its answer.
    ///
    /// # Panics
    /// If no answer comes.
    #[track_caller]
    pub fn send(&self, request: &Request) -> impl Future<Output = Response> {
        let caller = Location::caller();
        async move {
            match self.exchange(request).await {
                Ok(response) => response,
                Err(fault) => panic!("{caller}: {request}: no response: {fault}"),
            }
        }
    }

    /// As [`Self::send`], for those who expect it to fail.
    pub async fn exchange(&self, request: &Request) -> Result<Response, Fault> {
        let ends = request.pieces.is_empty();
        let Stream { mut sending, answering } = self.begun(request, ends).await?;
        let mut answer = pin!(answering.read());
        let written = async {
            for (at, piece) in request.pieces.iter().enumerate() {
                sending.write(piece, at.saturating_add(1) == request.pieces.len()).await?;
            }
            Ok(())
        };
        // A peer that refuses early does not take the rest; its answer counts.
        tokio::select! {
            biased;
            response = &mut answer => response,
            written = written => match (answer.await, written) {
                (Err(_), Err(fault)) => Err(fault),
                (read, _) => read,
            },
        }
    }

    /// Sends a head, and leaves the rest to the caller.
    pub async fn begin(&self, request: &Request) -> Result<Stream, Fault> {
        self.begun(request, false).await
    }

    /// Sends a request without a body, and leaves its answer to the caller.
    pub async fn ask(&self, request: &Request) -> Result<Answering, Fault> {
        Ok(self.begun(request, true).await?.answering)
    }

    async fn begun(&self, request: &Request, ends: bool) -> Result<Stream, Fault> {
        let head = request.head().map_err(Fault::Unsendable)?;
        let is_head = head.method() == http::Method::HEAD;
        let mut sender = within(async { Ok(self.sender.clone().ready().await?) }).await?;
        let (answer, sending) = sender.send_request(head, ends)?;
        Ok(Stream {
            sending: Sending { stream: sending },
            answering: Answering { answer, is_head, interim: Vec::new() },
        })
    }

    /// Waits until the peer has ended the connection. A peer that says farewell (GOAWAY with `NO_ERROR`) does so well.
    pub async fn ended(&mut self) -> Result<(), Fault> {
        within(async {
            match (&mut self.driver).await {
                Ok(ended) => Ok(ended?),
                Err(_) => Err(Fault::Closed),
            }
        })
        .await
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// One request and its answer.
pub struct Stream {
    pub sending: Sending,
    pub answering: Answering,
}

/// The body of a request under way.
pub struct Sending {
    stream: SendStream<Bytes>,
}

impl Sending {
    /// As much at a time as the peer has room for; `ends` says that it is the last piece.
    pub async fn write(&mut self, piece: &[u8], ends: bool) -> Result<(), Fault> {
        let mut rest = Bytes::copy_from_slice(piece);
        while !rest.is_empty() {
            self.stream.reserve_capacity(rest.len());
            while self.stream.capacity() == 0 {
                within(async {
                    match poll_fn(|context| self.stream.poll_capacity(context)).await {
                        Some(granted) => Ok(granted?),
                        None => Err(Fault::Closed),
                    }
                })
                .await?;
            }
            let part = rest.split_to(self.stream.capacity().min(rest.len()));
            let last = ends && rest.is_empty();
            self.stream.send_data(part, last)?;
        }
        if piece.is_empty() {
            self.stream.send_data(Bytes::new(), ends)?;
        }
        Ok(())
    }

    /// Ends the request with fields behind its body.
    pub fn trailers(&mut self, fields: &[(&str, &str)]) -> Result<(), Fault> {
        let field = |(name, value): &(&str, &str)| {
            let name = http::HeaderName::from_bytes(name.as_bytes()).ok()?;
            Some((name, http::HeaderValue::from_str(value).ok()?))
        };
        let trailers = fields.iter().map(field).collect::<Option<http::HeaderMap>>();
        let trailers = trailers.ok_or_else(|| Fault::Unsendable(format!("{fields:?}")))?;
        Ok(self.stream.send_trailers(trailers)?)
    }

    /// Gives the request up.
    pub fn reset(&mut self, code: Code) {
        self.stream.send_reset(code);
    }
}

/// The answer to a request.
pub struct Answering {
    answer: ResponseFuture,
    is_head: bool,
    interim: Vec<u16>,
}

impl Answering {
    /// The status of the next interim (1xx) answer; none if the final one comes first.
    pub async fn interim(&mut self) -> Result<Option<u16>, Fault> {
        let next = within(async {
            match poll_fn(|context| self.answer.poll_informational(context)).await {
                Some(head) => Ok(Some(head?.status().as_u16())),
                None => Ok(None),
            }
        });
        let status = next.await?;
        self.interim.extend(status);
        Ok(status)
    }

    /// The whole answer. What ended it early, if so, is said by its `cut`; without a head it is no answer.
    pub async fn read(self) -> Result<Response, Fault> {
        let (mut response, mut body) = self.head().await?;
        response.cut = body.read(&mut response).await.err().map(|fault| fault.to_string());
        Ok(response)
    }

    /// The head of the answer, and what its body is read from.
    pub async fn head(mut self) -> Result<(Response, Body), Fault> {
        while self.interim().await?.is_some() {}
        let (head, body) = within(async { Ok(self.answer.await?) }).await?.into_parts();
        let response = Response {
            status: head.status.as_u16(),
            headers: told(&head.headers),
            body: Vec::new(),
            interim: self.interim,
            cut: None,
            trailers: Headers::new(),
            raw: Vec::new(),
        };
        Ok((response, Body { stream: body, may_come: !self.is_head }))
    }
}

/// The body of an answer. The peer sends no more than there is room for until it is read.
pub struct Body {
    stream: RecvStream,
    /// Not in an answer to HEAD.
    may_come: bool,
}

impl Body {
    /// The next piece, as it comes; none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>, Fault> {
        let piece = within(async { Ok(self.stream.data().await.transpose()?) }).await?;
        if let Some(piece) = &piece {
            self.stream.flow_control().release_capacity(piece.len())?;
            if !self.may_come && !piece.is_empty() {
                return Err(Fault::Violation("a body in an answer to HEAD".to_owned()));
            }
        }
        Ok(piece)
    }

    async fn read(&mut self, response: &mut Response) -> Result<(), Fault> {
        while let Some(piece) = self.next().await? {
            response.body.extend_from_slice(&piece);
        }
        let trailers = within(async { Ok(self.stream.trailers().await?) }).await?;
        response.trailers = trailers.as_ref().map(told).unwrap_or_default();
        Ok(())
    }
}
