//! What one request costs in this crate: its line of the access log, its metrics, its IDs.

#![expect(clippy::expect_used, reason = "a bench that cannot begin may panic")]

use criterion::{Criterion, criterion_group, criterion_main};
use prometheus::IntCounter;
use std::hint::black_box;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use telemetry::access_log::{AccessLog, Entry, Target};
use telemetry::metrics::Metrics;
use telemetry::random;
use telemetry::request_id::RequestId;
use telemetry::trace_context::TraceContext;

fn entry() -> Entry<'static> {
    Entry {
        unix_ms: 1_700_000_000_042,
        request_id: "018bcfe5-682a-7cc3-98c4-dc0c0c07398f",
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        client: Some(IpAddr::from([203, 0, 113, 9])),
        method: Some(b"GET"),
        host: Some(b"api.example.com"),
        path: Some(b"/v1/orders/8f14e45f"),
        protocol: "HTTP/1.1",
        route: Some("orders-route"),
        deprecated: false,
        consumer: Some("acme"),
        plan: Some("free"),
        status: 200,
        kind: None,
        reason: None,
        policy: None,
        would_deny: &[],
        without_store: false,
        retry: None,
        upstream: Some("orders"),
        endpoint: Some("127.0.0.1:9001"),
        attempts: Some(1),
        upstream_status: Some(200),
        bytes_in: 0,
        bytes_out: 512,
        duration: Duration::from_micros(1_234),
        gateway: Duration::from_micros(43),
        upstream_connect: None,
        upstream_first_byte: Some(Duration::from_micros(1_100)),
        config_revision: "r-20261121-1",
    }
}

/// Times the writing only: the log is flushed in between, so that no line is dropped, which would be cheaper.
#[expect(clippy::disallowed_methods, reason = "a bench measures time")]
fn lines(log: &AccessLog, entry: &Entry<'_>, count: u64) -> Duration {
    let mut spent = Duration::ZERO;
    let mut left = count;
    while left > 0 {
        assert!(log.flush(), "the log is stuck");
        let lines = left.min(1_000);
        let start = Instant::now();
        for _ in 0..lines {
            log.write(black_box(entry));
        }
        spent += start.elapsed();
        left -= lines;
    }
    spent
}

fn access_log(criterion: &mut Criterion) {
    let dropped = IntCounter::new("dropped", "Lines.").expect("a valid name");
    let log = AccessLog::open(Target::File(PathBuf::from("/dev/null")), 1.0, dropped.clone()).expect("a log");
    let plain = entry();
    criterion.bench_function("access log line", |b| b.iter_custom(|count| lines(&log, &plain, count)));
    let hostile = Entry { path: Some("/v1/\"\\\u{1b}é/\u{9b}".as_bytes()), ..entry() };
    criterion.bench_function("access log line, escaped path", |b| b.iter_custom(|count| lines(&log, &hostile, count)));
    assert_eq!(dropped.get(), 0, "lines were dropped");
}

fn metrics(criterion: &mut Criterion) {
    let metrics = Metrics::new("1").expect("metrics");
    let (route, upstream) = (metrics.route("orders"), metrics.upstream("orders"));
    let (duration, gateway) = (Duration::from_micros(1_234), Duration::from_micros(43));
    criterion.bench_function("request metrics", |b| b.iter(|| route.answered(black_box(200), duration, gateway)));
    criterion.bench_function("upstream metrics", |b| b.iter(|| upstream.succeeded(black_box(duration))));
}

fn ids(criterion: &mut Criterion) {
    criterion
        .bench_function("request id", |b| b.iter(|| RequestId::new(black_box(1_700_000_000_042), random::bits128())));
    let parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".as_slice();
    criterion.bench_function("trace carried on", |b| {
        b.iter(|| TraceContext::continue_or_start([black_box(parent)], [], random::bytes()).header());
    });
}

criterion_group!(benches, access_log, metrics, ids);
criterion_main!(benches);
