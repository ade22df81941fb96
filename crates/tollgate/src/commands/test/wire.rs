//! One test against a running gateway, over plain HTTP/1.1 and with a deadline.

use super::Found;
use crate::commands::Failure;
use config::TestCase;
use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
/// Of an answer; the rest is not read.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

pub(super) fn send(base: &str, test: &TestCase) -> Result<Found, Failure> {
    let answer = exchange(base, test).map_err(|source| Failure::NotRunning { path: base.to_owned(), source })?;
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok());
    let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
    let problem: Option<serde_json::Value> = serde_json::from_str(body).ok();
    let member = |name: &str| problem.as_ref()?.get(name)?.as_str().map(str::to_owned);
    Ok(Found {
        status,
        reason: member("reason").or_else(|| member("code")),
        route: None,
        upstream: None,
        target: None,
        undecided: None,
    })
}

fn exchange(base: &str, test: &TestCase) -> std::io::Result<String> {
    let unfit = |text: String| std::io::Error::new(std::io::ErrorKind::InvalidInput, text);
    let Some(authority) = base.strip_prefix("http://").map(|rest| rest.trim_end_matches('/')) else {
        return Err(unfit(format!("{base}: give the gateway's address as http://HOST:PORT")));
    };
    let authority = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:80") };
    let Some(address) = authority.to_socket_addrs()?.next() else {
        return Err(unfit(format!("{authority} has no address")));
    };
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let (host, target) = crate::offline::split_url(&test.request.url);
    let mut lines = format!("{} {target} HTTP/1.1\r\nConnection: close\r\n", test.request.method);
    let has = |name: &str| test.request.headers.iter().any(|(field, _)| field.eq_ignore_ascii_case(name));
    if !has("host") {
        let _ = write!(lines, "Host: {host}\r\n");
    }
    for (name, value) in &test.request.headers {
        let _ = write!(lines, "{name}: {value}\r\n");
    }
    let body = test.request.body.as_deref().unwrap_or_default();
    if !body.is_empty() && !has("content-length") {
        let _ = write!(lines, "Content-Length: {}\r\n", body.len());
    }
    lines.push_str("\r\n");
    lines.push_str(body);
    stream.write_all(lines.as_bytes())?;
    let mut answer = Vec::new();
    stream.take(ANSWER_BYTES_MAX).read_to_end(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
