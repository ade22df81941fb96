//! A gateway of one upstream behind a real socket, the upstream that writes down what it gets, and a raw client.

use crate::intake::{Caps, Door, Intake, IntakeLimits, Pace, Refusal, Refuse, body_fault};
use async_trait::async_trait;
use engine::reason::Kind;
use engine::reply::Reply;
use engine::wire::chunked::Chunks;
use engine::wire::{CheckedHead, Framing, HeadEnd, HeadLimits, check_head, head_end};
use http::header::{self, HeaderValue};
use pingora::http::ResponseHeader;
use pingora::protocols::l4::stream::Stream as SocketStream;
use pingora::protocols::{GetSocketDigest, SocketDigest};
use pingora::server::configuration::ServerConf;
use pingora::upstreams::peer::HttpPeer;
use pingora_proxy::{FailToProxy, ProxyHttp, Session, http_proxy};
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::time::timeout;

/// No test waits longer for anything.
pub(in crate::intake) const PATIENCE: Duration = Duration::from_secs(10);

pub(in crate::intake) const LIMITS: IntakeLimits = IntakeLimits {
    head: HeadLimits { head_bytes_max: 32 * 1024, lines_max: 100, uri_bytes_max: 8 * 1024 },
    header_timeout: Duration::from_secs(5),
    idle_timeout: Duration::from_secs(5),
    connections_max: 100,
    connections_per_address_max: 100,
    pace: Pace::DEFAULT,
};

pub(super) struct Gateway {
    address: SocketAddr,
    pub(super) front: Arc<Front>,
    pub(super) upstream: Upstream,
    pub(super) stop: watch::Sender<bool>,
}

/// What the intake asks, with what it refused.
pub(super) struct Front {
    limits: IntakeLimits,
    refused: Mutex<Vec<&'static str>>,
}

impl Front {
    /// The codes of the refusals since the last call.
    pub(super) fn refused(&self) -> Vec<&'static str> {
        std::mem::take(&mut self.refused.lock().unwrap())
    }
}

impl Refuse for Front {
    fn limits(&self) -> IntakeLimits {
        self.limits
    }

    fn revision(&self) -> u64 {
        0
    }

    fn refuse(&self, refusal: Refusal<'_>) -> Reply {
        assert!(refusal.peer.is_some(), "a TCP peer has an address");
        assert!(refusal.started <= limits::clock::now());
        let one_too_many = refusal.denial.kind() == Kind::ConnectionLimitReached;
        assert_eq!(refusal.head.is_empty(), one_too_many, "{}", refusal.head.escape_ascii());
        self.refused.lock().unwrap().push(refusal.denial.reason.code());
        let status = refusal.denial.kind().status();
        let length = (header::CONTENT_LENGTH, HeaderValue::from_static("2"));
        Reply { status, headers: vec![length], body: b"no".into() }
    }
}

struct PassThrough {
    upstream: SocketAddr,
}

#[async_trait]
impl ProxyHttp for PassThrough {
    type CTX = ();

    fn new_ctx(&self) {}

    /// `/early` is answered here, before the body is read.
    async fn request_filter(&self, session: &mut Session, (): &mut ()) -> pingora::Result<bool> {
        if session.req_header().uri.path() != "/early" {
            return Ok(false);
        }
        let mut header = ResponseHeader::build(403, None)?;
        header.insert_header("Content-Length", "2")?;
        session.as_downstream_mut().write_response_header(Box::new(header)).await?;
        session.as_downstream_mut().write_response_body("no".into(), true).await?;
        Ok(true)
    }

    async fn fail_to_proxy(&self, session: &mut Session, error: &pingora::Error, (): &mut ()) -> FailToProxy {
        let status = body_fault(error).map_or(0, |denial| denial.kind().status());
        if status > 0 {
            let mut header = ResponseHeader::build(status, None).unwrap();
            header.insert_header("Content-Length", "0").unwrap();
            session.set_keepalive(None);
            session.as_downstream_mut().write_response_header(Box::new(header)).await.unwrap();
        }
        FailToProxy { error_code: status, can_reuse_downstream: false }
    }

    async fn upstream_peer(&self, _session: &mut Session, (): &mut ()) -> pingora::Result<Box<HttpPeer>> {
        Ok(Box::new(HttpPeer::new(self.upstream, false, String::new())))
    }
}

pub(super) async fn gateway(limits: IntakeLimits) -> Gateway {
    let upstream = Upstream::start().await;
    let mut proxy = http_proxy(&Arc::new(ServerConf::default()), PassThrough { upstream: upstream.address });
    proxy.server_options = None;
    let front = Arc::new(Front { limits, refused: Mutex::default() });
    let proxy = Arc::new(proxy);
    let gateway = Arc::clone(&front) as Arc<dyn Refuse>;
    let door = Arc::new(Door { gateway, caps: Caps::new(), listeners: Box::default() });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (stop, stopping) = watch::channel(false);
    tokio::spawn(async move {
        while let Ok((socket, _)) = listener.accept().await {
            socket.set_nodelay(true).unwrap();
            let mut stream = SocketStream::from(socket);
            let digest = SocketDigest::from_raw_fd(stream.as_raw_fd());
            stream.set_socket_digest(digest);
            let (intake, stopping) = (Intake::new(Arc::clone(&proxy), Arc::clone(&door)), stopping.clone());
            tokio::spawn(async move { intake.take(Box::new(stream), &stopping).await });
        }
    });
    Gateway { address, front, upstream, stop }
}

impl Gateway {
    pub(super) async fn connect(&self) -> Client {
        let socket = TcpStream::connect(self.address).await.unwrap();
        socket.set_nodelay(true).unwrap();
        Client { socket, arrived: Vec::new() }
    }

    /// Sends everything on a connection of its own and reads to the end.
    pub(super) async fn exchange(&self, bytes: &[u8]) -> String {
        let mut client = self.connect().await;
        client.send(bytes).await;
        client.rest().await
    }
}

pub(super) struct Client {
    socket: TcpStream,
    arrived: Vec<u8>,
}

impl Client {
    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.socket.write_all(bytes).await.unwrap();
    }

    /// True if the other side has stopped to listen.
    pub(super) async fn send_fails(&mut self, bytes: &[u8]) -> bool {
        timeout(PATIENCE, self.socket.write_all(bytes)).await.expect("a full connection lives on").is_err()
    }

    /// True if something has arrived, or the end.
    pub(super) fn hears(&mut self) -> bool {
        self.socket.try_read_buf(&mut self.arrived).is_ok()
    }

    /// The status, head and body of one response that has a Content-Length.
    pub(super) async fn response(&mut self) -> String {
        let whole = |arrived: &[u8]| {
            let text = String::from_utf8_lossy(arrived).into_owned();
            let (head, body) = text.split_once("\r\n\r\n")?;
            let length =
                head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ")?.parse().ok());
            (body.len() >= length.unwrap_or(0)).then(|| head.len() + 4 + length.unwrap_or(0))
        };
        loop {
            if let Some(length) = whole(&self.arrived) {
                return String::from_utf8(self.arrived.drain(..length).collect()).unwrap();
            }
            assert!(self.read().await > 0, "the end instead of a response: {}", self.arrived.escape_ascii());
        }
    }

    /// What comes until the connection ends. A reset is no end.
    pub(super) async fn rest(&mut self) -> String {
        while self.read().await > 0 {}
        String::from_utf8(std::mem::take(&mut self.arrived)).unwrap()
    }

    async fn read(&mut self) -> usize {
        let read = timeout(PATIENCE, self.socket.read_buf(&mut self.arrived)).await;
        read.expect("no answer and no end").expect("an orderly end")
    }
}

/// Answers 200 and writes down each request. A path with `hold` in it waits for a [permit](Upstream::go).
pub(super) struct Upstream {
    address: SocketAddr,
    seen: mpsc::UnboundedReceiver<Seen>,
    permits: Arc<Semaphore>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// The request line and the body.
    Request(String, Vec<u8>),
    /// What is no request.
    Malformed(String),
    /// The connection ended where nothing or something was still to come.
    Gone,
}

impl Upstream {
    async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (tell, seen) = mpsc::unbounded_channel();
        let permits = Arc::new(Semaphore::new(0));
        let held = Arc::clone(&permits);
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                tokio::spawn(answer_all(socket, tell.clone(), Arc::clone(&held)));
            }
        });
        Self { address, seen, permits }
    }

    pub(super) async fn next(&mut self) -> Seen {
        timeout(PATIENCE, self.seen.recv()).await.expect("the upstream hears nothing").unwrap()
    }

    /// Everything seen and not yet asked for, ends of connections aside.
    pub(super) fn all(&mut self) -> Vec<Seen> {
        std::iter::from_fn(|| self.seen.try_recv().ok()).filter(|seen| *seen != Seen::Gone).collect()
    }

    pub(super) fn go(&self) {
        self.permits.add_permits(1);
    }
}

async fn answer_all(mut socket: TcpStream, tell: mpsc::UnboundedSender<Seen>, permits: Arc<Semaphore>) {
    let mut arrived = Vec::new();
    loop {
        let seen = next_request(&mut socket, &mut arrived).await;
        let hold = matches!(&seen, Seen::Request(line, _) if line.contains("hold"));
        let over = !matches!(seen, Seen::Request(..));
        tell.send(seen).ok();
        if over {
            return;
        }
        if hold {
            tokio::select! {
                permit = permits.acquire() => permit.unwrap().forget(),
                _ = socket.readable() => {
                    tell.send(Seen::Gone).ok();
                    return;
                }
            }
        }
        if socket.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await.is_err() {
            return;
        }
    }
}

async fn next_request(socket: &mut TcpStream, arrived: &mut Vec<u8>) -> Seen {
    let limits = HeadLimits { head_bytes_max: 1 << 20, lines_max: 256, uri_bytes_max: 1 << 16 };
    loop {
        if let HeadEnd::Found { length } | HeadEnd::Broken { length } = head_end(arrived, 0) {
            let head: Vec<u8> = arrived.drain(..length).collect();
            let Ok(checked) = check_head(&head, &limits) else {
                return Seen::Malformed(head.escape_ascii().to_string());
            };
            let line = String::from_utf8(head.split(|byte| *byte == b'\r').next().unwrap().to_vec()).unwrap();
            return body(socket, arrived, &checked).await.map_or(Seen::Gone, |body| Seen::Request(line, body));
        }
        if !matches!(socket.read_buf(arrived).await, Ok(1..)) {
            return Seen::Gone;
        }
    }
}

/// The body as it was framed.
async fn body(socket: &mut TcpStream, arrived: &mut Vec<u8>, head: &CheckedHead) -> Option<Vec<u8>> {
    let mut chunks = Chunks::new();
    let mut body = Vec::new();
    loop {
        let part = std::mem::take(arrived);
        let count = match head.framing {
            Framing::None => 0,
            Framing::Length(length) => part.len().min(usize::try_from(length).unwrap() - body.len()),
            Framing::Chunked => chunks.follow(&part).unwrap(),
        };
        body.extend_from_slice(&part[..count]);
        arrived.extend_from_slice(&part[count..]);
        match head.framing {
            Framing::Length(length) if body.len() < usize::try_from(length).unwrap() => {}
            Framing::Chunked if !chunks.is_done() => {}
            Framing::None | Framing::Length(_) | Framing::Chunked => return Some(body),
        }
        if !matches!(socket.read_buf(arrived).await, Ok(1..)) {
            return None;
        }
    }
}
