//! Bodies that are longer than what Pingora replays, read or only passed on.

use crate::reading::chunked;
use crate::support::{gateway, request, until, with_echo};
use serde_json::json;
use testkit::client::Connection;
use testkit::gateway::Gateway;
use testkit::upstream::fixed;

/// What Pingora keeps of a body to send it again.
const REPLAYED: usize = 64 * 1024;

const CONFIG: &str = r#"
limits: { bodyTimeout: 500ms }
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: echo, auth: { none: {} } }
routes: [{ name: large, paths: [/large], body: { bytesMax: 300KiB, schema: { required: [id] } } }]
"#;

/// A body of this length, good or bad at its very end.
pub fn body(length: usize, is_good: bool) -> Vec<u8> {
    let end: &[u8] = if is_good { br#","id":1}"# } else { br#","di":1}"# };
    let mut body = br#"{"text":""#.to_vec();
    body.resize(length - end.len() - 1, b'x');
    body.push(b'"');
    body.extend_from_slice(end);
    body
}

fn sized(body: &[u8]) -> Vec<u8> {
    let mut bytes = request("POST", "/large", &[&format!("Content-Length: {}", body.len())], "");
    bytes.extend_from_slice(body);
    bytes
}

/// Nobody got a whole request, and nobody any of a body.
fn nothing_of_it_arrived(gateway: &Gateway) {
    for received in gateway.upstream(0).received() {
        assert!(received.fault.is_some() && received.body.is_empty(), "{received:?}");
    }
}

#[tokio::test]
async fn nothing_of_a_bad_body_reaches_upstream() {
    let gateway = with_echo(CONFIG).await;
    for length in [1_000, REPLAYED - 1, REPLAYED, REPLAYED + 1, 100_000, 250_000] {
        let bad = body(length, false);
        let response = gateway.send(&sized(&bad)).await;
        assert_eq!(response.status, 422, "{length}: {response}");
        for size in [777, REPLAYED, 90_000] {
            let response = gateway.send(&chunked("/large", &[], &bad, size)).await;
            assert_eq!(response.status, 422, "{length} in chunks of {size}: {response}");
        }
    }
    nothing_of_it_arrived(&gateway);
    let failures = gateway.metric("tollgate_upstream_failures_total", &[("upstream", "echo")]).await;
    assert!(failures.abs() < 1e-9, "the endpoint has done nothing wrong: {failures}");
}

#[tokio::test]
async fn a_good_body_arrives_whole() {
    let gateway = with_echo(CONFIG).await;
    for length in [REPLAYED - 1, REPLAYED, REPLAYED + 1, 70_000, 2 * REPLAYED, 2 * REPLAYED + 1, 300 * 1024] {
        let good = body(length, true);
        let mut ways = vec![sized(&good)];
        ways.extend(
            [777, REPLAYED - 1, REPLAYED, REPLAYED + 1, 100_000].map(|size| chunked("/large", &[], &good, size)),
        );
        for bytes in ways {
            let response = gateway.send(&bytes).await;
            assert_eq!(response.status, 200, "{length}: {response}");
            let received = gateway.upstream(0).received().pop().unwrap();
            assert!(received.body == good, "{length}: {} bytes arrived", received.body.len());
        }
    }
}

#[tokio::test]
async fn too_much_is_refused_wherever_it_is_noticed() {
    let gateway = with_echo(CONFIG).await;
    let long = body(300 * 1024 + 1, true);
    assert_eq!(gateway.send(&sized(&long)).await.status, 413);
    assert_eq!(gateway.upstream(0).connections(), 0, "by its length");
    for size in [1_000, 100_000] {
        assert_eq!(gateway.send(&chunked("/large", &[], &long, size)).await.status, 413, "by count");
    }
    nothing_of_it_arrived(&gateway);
}

/// Upstream has had the head by then, and nothing else.
#[tokio::test]
async fn one_that_stops_is_given_up() {
    let gateway = with_echo(CONFIG).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let bytes = sized(&body(200_000, true));
    connection.write(&bytes[..150_000]).await.unwrap();
    let response = connection.read("POST").await.unwrap();
    assert_eq!(response.status, 408, "{response}");
    nothing_of_it_arrived(&gateway);
    until("all is given back", async || {
        let held = gateway.metric("tollgate_held_body_bytes", &[]).await;
        (held == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn a_large_body_is_asked_for_by_the_gateway() {
    let gateway = with_echo(CONFIG).await;
    let good = body(200_000, true);
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let head = request("POST", "/large", &["Content-Length: 200000", "Expect: 100-continue"], "");
    connection.write(&head).await.unwrap();
    assert_eq!(connection.interim().await.unwrap(), 100);
    connection.write(&good).await.unwrap();
    let response = connection.read("POST").await.unwrap();
    assert_eq!(response.status, 200, "{response}");
    let received = gateway.upstream(0).received().pop().unwrap();
    assert_eq!((received.body.len(), received.header("expect")), (200_000, None));
}

const STREAM: &str = r#"
upstreams: { sink: { endpoints: ["{{upstream}}"] } }
routes: [{ name: stream, paths: [/stream], upstream: sink, auth: { none: {} }, body: { bytesMax: 1GiB } }]
"#;

/// The short form of `tollgate-loadtest stream`, which sends a gibibyte.
#[tokio::test]
async fn a_body_that_nobody_reads_is_not_kept() {
    const MIB: usize = 1024 * 1024;
    let gateway = gateway(STREAM).upstream(fixed(200, &[], &json!({}).to_string().into_bytes())).start().await;
    let resident = async || gateway.metric("process_resident_memory_bytes", &[]).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let length = 64 * MIB;
    connection.write(&request("POST", "/stream", &[&format!("Content-Length: {length}")], "")).await.unwrap();
    let piece = vec![b'x'; MIB];
    connection.write(&piece).await.unwrap();
    let before = resident().await;
    for _ in 1..64 {
        connection.write(&piece).await.unwrap();
    }
    let grown = resident().await - before;
    assert_eq!(connection.read("POST").await.unwrap().status, 200);
    // A gateway that keeps it would grow by all of it. The allocator gives pages back with a delay, so the bound is half.
    assert!(grown < 32.0 * 1024.0 * 1024.0, "{grown} bytes more");
}
