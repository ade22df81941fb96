//! Failures of what is behind the gateway, and clients that leave.

use crate::support::{Doing, Scenario, Seen, Steps, gateway, get, play, request};
use engine::reason::Reason;
use testkit::client::Connection;
use testkit::gateway::{Builder, Gateway};
use testkit::ports::BlackHole;
use testkit::upstream::echo;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Nothing listens at `{{listen9}}`. To a broadcast address no system opens a TCP connection, so nothing leaves the machine.
const CONFIG: &str = r#"
upstreams:
  calm: { endpoints: ["{{upstream}}"] }
  hasty: { endpoints: ["{{upstream}}"], timeouts: { firstByte: 200ms, idle: 200ms } }
  brief: { endpoints: ["{{upstream}}"], timeouts: { total: 200ms } }
  nobody: { endpoints: ["{{listen9}}"] }
  resting: { endpoints: [{ address: "{{upstream}}", weight: 0 }] }
  nowhere: { endpoints: ["255.255.255.255:9"] }
  nameless: { endpoints: ["no-such-host.invalid:80"] }
  silent: { endpoints: ["BLACK_HOLE"], timeouts: { connect: 200ms } }
  patient: { endpoints: ["BLACK_HOLE"], timeouts: { connect: 1m, firstByte: 1m, idle: 1m, total: 200ms } }
defaults: { auth: { none: {} } }
routes:
  - { name: calm, host: calm.example, paths: ["/*"], upstream: calm }
  - { name: hasty, host: hasty.example, paths: ["/*"], upstream: hasty }
  - { name: brief, host: brief.example, paths: ["/*"], upstream: brief }
  - { name: nobody, host: nobody.example, paths: ["/*"], upstream: nobody }
  - { name: resting, host: resting.example, paths: ["/*"], upstream: resting }
  - { name: nowhere, host: nowhere.example, paths: ["/*"], upstream: nowhere }
  - { name: nameless, host: nameless.example, paths: ["/*"], upstream: nameless }
  - { name: patient, host: patient.example, paths: ["/*"], upstream: patient }
  - { name: silent, host: silent.example, paths: ["/*"], upstream: silent }
"#;

pub fn scenarios() -> Vec<Scenario> {
    let to = |reason, what, route: &'static str, target: &str| {
        Scenario::new(reason, what, Steps::Send(get(target, &[&format!("Host: {route}.example")]))).on(route)
    };
    let broken = |reason, what, target: &str| to(reason, what, "calm", &format!("/__misbehave/{target}"));
    let protocol = Reason::UpstreamProtocolError;
    let reset = Reason::UpstreamReset;
    vec![
        to(Reason::ConnectionRefused, "nobody listens", "nobody", "/"),
        to(Reason::NoHealthyEndpoint, "every weight is 0", "resting", "/"),
        to(Reason::HostUnreachable, "a broadcast address", "nowhere", "/"),
        to(Reason::DnsFailed, "a name that there is not", "nameless", "/"),
        to(Reason::UpstreamConnectTimeout, "a full backlog", "silent", "/"),
        to(Reason::TotalTimeout, "a full backlog, for as long as there is", "patient", "/"),
        broken(reset, "an end instead of an answer", "close"),
        broken(reset, "a reset instead of an answer", "reset"),
        broken(protocol, "garbage", "garbage"),
        broken(protocol, "a head of 1 MiB", "huge-head"),
        broken(protocol, "two lengths", "two-lengths"),
        broken(protocol, "a protocol that nobody asked for", "switch"),
        to(Reason::FirstByteTimeout, "no answer", "hasty", "/__misbehave/never"),
        Scenario::new(Reason::FirstByteTimeout, "no answer to a body", Steps::Do(no_answer_to_a_body)).on("hasty"),
        to(Reason::TotalTimeout, "a head byte by byte", "brief", "/__misbehave/trickle/5"),
        Scenario::new(Reason::IdleTimeout, "half a body, then nothing", Steps::Do(half_a_body)).on("hasty"),
        Scenario::new(Reason::UpstreamReset, "a reset in the body", Steps::Do(reset_in_body)).on("calm"),
        Scenario::new(Reason::UpstreamReset, "an end before the length", Steps::Do(early_end)).on("calm"),
        Scenario::new(protocol, "a chunk without a size", Steps::Do(bad_chunk)).on("calm"),
        Scenario::new(Reason::ClientClosedRequest, "before the answer", Steps::Do(gone)).on("calm"),
    ]
}

async fn beginning(gateway: &Gateway, host: &str, how: &str) -> Seen {
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let sent = get(&format!("/__misbehave/{how}"), &[&format!("Host: {host}.example")]);
    let response = connection.send(&sent).await;
    assert!(connection.closed().await, "a cut answer must not look whole");
    Seen::Beginning(response)
}

fn half_a_body(gateway: &Gateway) -> Doing<'_> {
    Box::pin(beginning(gateway, "hasty", "delay-body/60000"))
}

fn reset_in_body(gateway: &Gateway) -> Doing<'_> {
    Box::pin(beginning(gateway, "calm", "reset-in-body"))
}

fn early_end(gateway: &Gateway) -> Doing<'_> {
    Box::pin(beginning(gateway, "calm", "length-too-long"))
}

fn bad_chunk(gateway: &Gateway) -> Doing<'_> {
    Box::pin(beginning(gateway, "calm", "bad-chunk"))
}

fn no_answer_to_a_body(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move {
        let sent = request("POST", "/__misbehave/never", &["Host: hasty.example"], "body");
        Seen::Refusal(gateway.send(&sent).await)
    })
}

fn gone(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move {
        let upstream = gateway.upstream(0);
        let before = upstream.count();
        let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
        connection.write(&get("/__misbehave/never", &["Host: calm.example"])).await.unwrap();
        assert!(upstream.wait_for(before + 1).await);
        drop(connection);
        Seen::Nothing
    })
}

/// The black hole is one for as long as it is kept.
pub async fn builder() -> (Builder, BlackHole) {
    let silent = BlackHole::open().await.unwrap();
    let config = CONFIG.replace("BLACK_HOLE", &silent.address().to_string());
    (gateway(&config).upstream(echo()), silent)
}

#[tokio::test]
async fn faults() {
    let (builder, _silent) = builder().await;
    let gateway = builder.start().await;
    play(&gateway, &scenarios()).await;
    for (upstream, outcome) in
        [("nobody", "connection_refused"), ("hasty", "first_byte_timeout"), ("calm", "upstream_reset")]
    {
        let labels = [("upstream", upstream), ("outcome", outcome)];
        assert!(gateway.metric("tollgate_upstream_requests_total", &labels).await > 0.0, "{upstream} {outcome}");
    }
}

/// RFC 9209.
#[tokio::test]
async fn proxy_status_names_the_fault() {
    let (builder, _silent) = builder().await;
    let gateway = builder.start().await;
    for (host, target, expected) in [
        ("nobody", "/", "tollgate; error=connection_refused"),
        ("nameless", "/", "tollgate; error=dns_error"),
        ("silent", "/", "tollgate; error=connection_timeout"),
        ("hasty", "/__misbehave/never", "tollgate; error=http_response_timeout"),
        ("calm", "/__misbehave/garbage", "tollgate; error=http_protocol_error"),
    ] {
        let response = gateway.send(&get(target, &[&format!("Host: {host}.example")])).await;
        assert_eq!(response.header("proxy-status"), Some(expected), "{host}: {response}");
    }
}

/// `firstByte` begins when the request has been sent. The clock here is another request: one that runs into its own 200 ms.
#[tokio::test]
async fn a_slow_upload_is_not_the_upstreams_delay() {
    let (builder, _silent) = builder().await;
    let gateway = builder.start().await;
    for (framing, first, rest, body) in [
        ("Content-Length: 8", "half", "half", "halfhalf"),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\n", "4\r\nhalf\r\n0\r\n\r\n", "halfhalf"),
        ("Transfer-Encoding: chunked", "4\r\nhalf\r\n", "0\r\n\r\n", "half"),
        ("Transfer-Encoding: chunked", "", "0\r\n\r\n", ""),
    ] {
        let mut upload = Connection::open(gateway.address("listen")).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nHost: hasty.example\r\n{framing}\r\n\r\n{first}");
        upload.write(head.as_bytes()).await.unwrap();
        for _ in 0..2 {
            let late = gateway.send(&get("/__misbehave/never", &["Host: hasty.example"])).await;
            assert_eq!(late.status, 504, "{late}");
        }
        let response = upload.send(rest.as_bytes()).await;
        assert_eq!(response.status, 200, "{framing} {first:?} {rest:?}: {response}");
        assert_eq!(response.json()["body"], body, "{framing} {first:?} {rest:?}");
    }
}

/// More than the system keeps of an answer that nobody reads.
const MUCH: usize = 24 << 20;

/// `idle` is about upstream. The clock is another request once more.
#[tokio::test]
async fn a_client_that_reads_slowly_is_not_the_upstreams_delay() {
    let (builder, _silent) = builder().await;
    let gateway = builder.start().await;
    let mut slow = TcpStream::connect(gateway.address("listen")).await.unwrap();
    slow.write_all(&get("/__misbehave/flood", &["Host: hasty.example"])).await.unwrap();
    for _ in 0..3 {
        let late = gateway.send(&get("/__misbehave/never", &["Host: hasty.example"])).await;
        assert_eq!(late.status, 504, "{late}");
    }
    let mut got = 0;
    let mut buffer = vec![0; 256 * 1024];
    while got < MUCH {
        let count = slow.read(&mut buffer).await.unwrap();
        assert!(count > 0, "cut behind {got} bytes");
        got += count;
    }
}
