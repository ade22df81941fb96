//! Before anything is measured: does each proxy really do the work? A figure for work not done is worse than none.

use crate::case::{Case, Limit, Peer, Work};
use crate::generate::BODY_BYTES;
use crate::http::Answer;
use crate::material::{self, Material, from_address, get, of_tenant, request, route_path, with_token};
use crate::peers::{Limits, Peers};
use crate::ports::Ports;
use crate::process::{Launch, Running};
use anyhow::{Context, Result, bail, ensure};
use memchr::memmem;
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::thread;
use std::time::{Duration, Instant};

const ANSWER_MAX: Duration = Duration::from_secs(5);
const LOG_MAX: Duration = Duration::from_secs(5);
/// What only the upstream's answers carry.
const UPSTREAM_MARK: &[u8] = b"x-upstream: loadtest";

pub(crate) struct Checker<'a> {
    pub(crate) peers: &'a Peers<'a>,
    pub(crate) core: usize,
    pub(crate) stop: &'a AtomicBool,
}

/// A request and the status that it must get.
struct Expectation {
    says: &'static str,
    request: Vec<u8>,
    status: u16,
}

impl Checker<'_> {
    /// All checks of one proxy's configuration. Returns how many requests were checked.
    pub(crate) fn check(&self, case: &Case, ports: &mut Ports) -> Result<usize> {
        let (peer, work) = (case.peer, case.work);
        let shortfall = || format!("{} does not do the work of {work:?}", peer.title());
        let mut checked = self.check_answers(peer, work, ports).with_context(shortfall)?;
        if is_throttled_by_caller(work) {
            checked += self.check_limit(peer, work, Limits::Throttle, ports).with_context(shortfall)?;
        }
        if work == Work::Full {
            checked += self.check_limit(peer, work, Limits::Quota, ports).with_context(shortfall)?;
        }
        Ok(checked)
    }

    fn start(&self, peer: Peer, work: Work, limits: Limits, ports: &mut Ports) -> Result<(Launch, Running)> {
        let launch = self.peers.launch(peer, work, limits, ports)?;
        if let Some(log) = &launch.access_log {
            let _ = fs::remove_file(log);
        }
        let mut running = Running::start(&launch, self.core)?;
        running.wait_for(launch.listen, self.stop)?;
        Ok((launch, running))
    }

    fn check_answers(&self, peer: Peer, work: Work, ports: &mut Ports) -> Result<usize> {
        let (launch, running) = self.start(peer, work, Limits::Open, ports)?;
        let expectations = expectations(work, self.peers.material)?;
        for expectation in &expectations {
            // One connection for all would hang on the first proxy that closes it.
            let mut client = Client::connect(launch.listen)?;
            let status = client.exchange(&expectation.request).with_context(|| expectation.says)?;
            if status != expectation.status {
                let (says, expected) = (expectation.says, expectation.status);
                bail!("{says}: expected {expected}, got {status}. It complains: {}", running.complaint());
            }
        }
        if let Some(refused) = expectations.iter().find(|expectation| expectation.status == 401) {
            let mut client = Client::connect(launch.listen)?;
            for _ in 0..3 {
                ensure!(client.exchange(&refused.request).context("a refusal closes the connection")? == 401);
            }
        }
        if let Some(log) = &launch.access_log {
            check_log(log, expectations.len())?;
        }
        if let Some((address, path)) = launch.metrics {
            ensure!(metrics(address, path)?.starts_with(b"HTTP/1.1 200"), "no metrics at {path}");
        }
        Ok(expectations.len())
    }

    /// A small limit refuses one consumer's calls and leaves the next consumer alone.
    fn check_limit(&self, peer: Peer, work: Work, limits: Limits, ports: &mut Ports) -> Result<usize> {
        const CALLS: usize = 20;
        let (launch, _running) = self.start(peer, work, limits, ports)?;
        let material = self.peers.material;
        let call = |consumer: usize| -> Result<u16> {
            Client::connect(launch.listen)?.exchange(&call_of(work, material, consumer)?)
        };
        let statuses = (0..CALLS).map(|_| call(0)).collect::<Result<Vec<_>>>()?;
        let count = |status| statuses.iter().filter(|got| **got == status).count();
        let (admitted, refused) = (count(200), count(429));
        ensure!(admitted + refused == CALLS, "{limits:?}: neither 200 nor 429 among {statuses:?}");
        // One a second beside five at once: two more if the calls took longer than a second.
        ensure!((5..=7).contains(&admitted), "{limits:?}: {admitted} of {CALLS} calls admitted, five were allowed");
        ensure!(call(1)? == 200, "{limits:?}: one consumer's calls count against another");
        Ok(CALLS + 1)
    }
}

/// Whether each caller has a throttle of its own.
fn is_throttled_by_caller(work: Work) -> bool {
    match work {
        Work::Plain | Work::Routes | Work::Schema => false,
        Work::Key | Work::Token | Work::TokenUncached | Work::Full => true,
        Work::Limit(limit) => {
            !matches!(limit, Limit::Route | Limit::Lease | Limit::Exact | Limit::Concurrency | Limit::AddressList)
        }
    }
}

/// A good call of the n-th caller.
fn call_of(work: Work, material: &Material, caller: usize) -> Result<Vec<u8>> {
    let path = route_path(0);
    Ok(match work {
        Work::Plain | Work::Routes => get(&path, &[]),
        Work::Schema => material::post(&path, &material::order(1024, 1)),
        Work::Key | Work::Limit(Limit::ApiKey) => {
            get(&path, &[("x-api-key", material.api_keys.get(caller).context("no such key")?)])
        }
        Work::Token | Work::TokenUncached | Work::Full | Work::Limit(Limit::Token | Limit::Claim) => {
            with_token(&path, material.tokens.get(caller).context("no such token")?)
        }
        Work::Limit(Limit::Header) => of_tenant(&path, caller),
        Work::Limit(
            Limit::Route
            | Limit::Lease
            | Limit::Exact
            | Limit::Address
            | Limit::Crowd
            | Limit::Concurrency
            | Limit::AddressList,
        ) => from_address(&path, caller),
    })
}

fn expectations(work: Work, material: &Material) -> Result<Vec<Expectation>> {
    let mut all = Vec::new();
    let mut expect = |says, request, status| all.push(Expectation { says, request, status });
    let path = route_path(0);
    let keys = &material.api_keys;
    match work {
        Work::Plain => expect("a call", get(&path, &[]), 200),
        Work::Routes => {
            for number in [0, 1, 17, 499, 998, 999] {
                expect("a known route", get(&route_path(number), &[]), 200);
            }
            expect("an unknown path", get("/v1/service-1000/items", &[]), 404);
            expect("another method", request("DELETE", &path, &[("Content-Length", "0")]), 405);
        }
        Work::Key => {
            for key in [keys.first(), keys.get(keys.len() / 2), keys.last()].into_iter().flatten() {
                expect("a good key", get(&path, &[("x-api-key", key)]), 200);
            }
            expect("no key", get(&path, &[]), 401);
            expect("an unknown key", get(&path, &[("x-api-key", "bench_0123456789abcdef0123456789abcdef")]), 401);
        }
        Work::Schema => {
            expect("an order", material::post(&path, &material::order(1024, 1)), 200);
            expect("a large order", material::post(&path, &material::order(64 * 1024, 1)), 200);
            expect("a quantity of none", material::post(&path, &material::order(64 * 1024, 0)), 422);
            expect("no JSON", material::post(&path, "orderId=A-1001"), 400);
            expect("nothing", material::post(&path, ""), 400);
        }
        Work::Token | Work::TokenUncached => expect_tokens(material, &mut expect)?,
        Work::Full => {
            expect_tokens(material, &mut expect)?;
            let token = material.tokens.last().context("no tokens")?;
            for number in [1, 499, 999] {
                expect("a known route", with_token(&route_path(number), token), 200);
            }
            expect("an unknown path", with_token("/v1/service-1000/items", token), 404);
        }
        Work::Limit(limit) => {
            expect("a call", call_of(work, material, 0)?, 200);
            expect("another caller's", call_of(work, material, 1)?, 200);
            if limit == Limit::AddressList {
                expect("from a denied network", get(&path, &[("X-Forwarded-For", "10.0.2.1")]), 403);
                expect("from no allowed network", get(&path, &[("X-Forwarded-For", "192.0.2.1")]), 403);
            }
        }
    }
    Ok(all)
}

fn expect_tokens(material: &Material, expect: &mut impl FnMut(&'static str, Vec<u8>, u16)) -> Result<()> {
    let path = route_path(0);
    let (signer, consumer) = (&material.signer, material::consumer(0));
    let good = material.claims(&consumer);
    let changed = |name: &str, value: &str| {
        let mut claims = good.clone();
        if let Some(claim) = claims.get_mut(name) {
            *claim = Value::from(value);
        }
        claims
    };
    let token = material.tokens.first().context("no tokens")?;
    let (_, signature) = token.rsplit_once('.').context("a token has three parts")?;
    let other = signer.token(&changed("sub", "client-9999"))?;
    let (unsigned, _) = other.rsplit_once('.').context("a token has three parts")?;
    for token in [material.tokens.first(), material.tokens.last()].into_iter().flatten() {
        expect("a good token", with_token(&path, token), 200);
        expect("the same again", with_token(&path, token), 200);
    }
    expect("no token", get(&path, &[]), 401);
    expect("no token but a word", with_token(&path, "word"), 401);
    expect("another token's signature", with_token(&path, &format!("{unsigned}.{signature}")), 401);
    expect("another issuer's key", with_token(&path, &material.stranger.token(&good)?), 401);
    expect("an expired token", with_token(&path, &signer.token(&material.expired_claims(&consumer))?), 401);
    expect("another issuer", with_token(&path, &signer.token(&changed("iss", "https://other.example/"))?), 401);
    expect("another audience", with_token(&path, &signer.token(&changed("aud", "other-api"))?), 401);
    expect("alg none", with_token(&path, &material::unsigned_token(&good)), 401);
    expect("HS256 with the public key", with_token(&path, &signer.confused_token(&good)?), 401);
    Ok(())
}

/// One JSON object a line, with a status, and the consumer of those that have one.
fn check_log(path: &Path, requests: usize) -> Result<()> {
    let deadline = Instant::now() + LOG_MAX;
    loop {
        let text = fs::read_to_string(path).unwrap_or_default();
        let lines = text.lines().filter(|line| line.starts_with('{')).collect::<Vec<_>>();
        if lines.len() >= requests {
            let entries = lines.iter().map(|line| serde_json::from_str::<Value>(line));
            let entries = entries.collect::<Result<Vec<_>, _>>().context("a log line is not JSON")?;
            let admitted = |entry: &&Value| entry.get("status").and_then(Value::as_u64) == Some(200);
            let entry = entries.iter().find(admitted).context("no line with status 200 in the log")?;
            for field in ["consumer", "route", "requestId", "path"] {
                let value = entry.get(field).and_then(Value::as_str).unwrap_or_default();
                ensure!(!value.is_empty(), "no {field} in the log: {entry}");
            }
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "{} of {requests} requests in the log", lines.len());
        thread::sleep(Duration::from_millis(50));
    }
}

fn metrics(address: SocketAddr, path: &str) -> Result<Vec<u8>> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: metrics\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    Ok(answer)
}

struct Client {
    stream: TcpStream,
}

impl Client {
    fn connect(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(ANSWER_MAX))?;
        Ok(Self { stream })
    }

    /// The answer's status; whether it came from the upstream has to fit it.
    fn exchange(&mut self, request: &[u8]) -> Result<u16> {
        self.stream.write_all(request)?;
        let mut buffer = Vec::new();
        let mut part = [0; 4096];
        let answer = loop {
            let bytes = self.stream.read(&mut part).context("no answer")?;
            ensure!(bytes > 0, "closed without an answer");
            buffer.extend_from_slice(part.get(..bytes).unwrap_or_default());
            if let Some(answer) = Answer::find(&buffer)? {
                break answer;
            }
        };
        let head = buffer.get(..answer.head_bytes).unwrap_or_default().to_ascii_lowercase();
        let is_upstreams = memmem::find(&head, UPSTREAM_MARK).is_some();
        ensure!(is_upstreams == (answer.status == 200), "{} came from the wrong side", answer.status);
        ensure!(answer.status != 200 || answer.body_bytes == BODY_BYTES, "not the upstream's body");
        Ok(answer.status)
    }
}
