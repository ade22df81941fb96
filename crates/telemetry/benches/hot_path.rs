//! What one request costs in this crate: its line of the access log, its metrics, its IDs. Measured in CPU time of the thread, so
//! that what else runs on the machine matters less.

#![expect(clippy::expect_used, reason = "a bench that cannot begin may panic")]

use criterion::{Criterion, criterion_group, criterion_main};
use prometheus::IntCounter;
use std::fs;
use std::hint::black_box;
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;
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
        consumer: Some("acme"),
        plan: Some("free"),
        status: 200,
        kind: None,
        reason: None,
        policy: None,
        would_deny: &[],
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

/// Time that this thread has spent on a CPU.
fn cpu_time() -> Duration {
    let text = fs::read_to_string("/proc/thread-self/schedstat").expect("Linux's schedstat");
    let nanoseconds = text.split(' ').next().and_then(|field| field.parse().ok()).expect("a number");
    Duration::from_nanos(nanoseconds)
}

fn bench<T>(criterion: &mut Criterion, name: &str, mut run: impl FnMut() -> T) {
    criterion.bench_function(name, |bencher| {
        bencher.iter_custom(|iterations| {
            let before = cpu_time();
            for _ in 0..iterations {
                black_box(run());
            }
            cpu_time().saturating_sub(before)
        });
    });
}

fn access_log(criterion: &mut Criterion) {
    let dropped = IntCounter::new("dropped", "Lines.").expect("a valid name");
    let log = AccessLog::open(Target::File(PathBuf::from("/dev/null")), 1.0, dropped.clone()).expect("a log");
    let plain = entry();
    bench(criterion, "access log line", || log.write(black_box(&plain)));
    let hostile = Entry { path: Some("/v1/\"\\\u{1b}é/\u{9b}".as_bytes()), ..entry() };
    bench(criterion, "access log line, escaped path", || log.write(black_box(&hostile)));
    assert_eq!(dropped.get(), 0, "a dropped line costs nothing and spoils the figure");
}

fn metrics(criterion: &mut Criterion) {
    let metrics = Metrics::new("1").expect("metrics");
    let (route, upstream) = (metrics.route("orders"), metrics.upstream("orders"));
    let (duration, gateway) = (Duration::from_micros(1_234), Duration::from_micros(43));
    bench(criterion, "request metrics", || route.answered(black_box(200), duration, gateway));
    bench(criterion, "upstream metrics", || upstream.succeeded(black_box(duration)));
}

fn ids(criterion: &mut Criterion) {
    bench(criterion, "request id", || RequestId::new(black_box(1_700_000_000_042), random::bits128()));
    let parent = b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".as_slice();
    bench(criterion, "trace carried on", || {
        TraceContext::continue_or_start([black_box(parent)], [], random::bytes()).header()
    });
}

criterion_group!(benches, access_log, metrics, ids);
criterion_main!(benches);
