use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

fn least() -> Entry<'static> {
    Entry {
        unix_ms: 1_700_000_000_042,
        request_id: "id-1",
        trace_id: None,
        client: None,
        method: None,
        host: None,
        path: None,
        protocol: "HTTP/1.1",
        route: None,
        deprecated: false,
        consumer: None,
        plan: None,
        status: 400,
        kind: None,
        reason: None,
        policy: None,
        would_deny: &[],
        without_store: false,
        retry: None,
        upstream: None,
        endpoint: None,
        attempts: None,
        upstream_status: None,
        bytes_in: 0,
        bytes_out: 0,
        duration: Duration::ZERO,
        gateway: Duration::ZERO,
        upstream_connect: None,
        upstream_first_byte: None,
        config_revision: "r1",
    }
}

fn full() -> Entry<'static> {
    Entry {
        trace_id: Some("4bf92f3577b34da6a3ce929d0e0e4736"),
        client: Some(IpAddr::from([203, 0, 113, 9])),
        method: Some(b"GET"),
        host: Some(b"api.example.com"),
        path: Some(b"/v1/orders?api_key=secret"),
        route: Some("orders"),
        deprecated: true,
        consumer: Some("acme"),
        plan: Some("free"),
        status: 502,
        kind: Some("upstream_connect_failed"),
        reason: Some("connection_refused"),
        policy: Some("orders"),
        would_deny: &["throttling_limit_reached", "quota_exceeded"],
        without_store: true,
        retry: Some("looping"),
        upstream: Some("orders"),
        endpoint: Some("127.0.0.1:9001"),
        attempts: Some(2),
        upstream_status: Some(503),
        bytes_in: 17,
        bytes_out: 18_446_744_073_709_551_615,
        duration: Duration::from_nanos(12_345_678),
        gateway: Duration::from_micros(7),
        upstream_connect: Some(Duration::from_millis(1_500)),
        upstream_first_byte: Some(Duration::from_micros(90)),
        ..least()
    }
}

fn line(entry: &Entry<'_>) -> String {
    let mut out = Vec::new();
    format(entry, &mut out);
    String::from_utf8(out).unwrap()
}

fn read(entry: &Entry<'_>) -> Value {
    let line = line(entry);
    let object = line.strip_suffix('\n').unwrap();
    assert!(!object.contains('\n'));
    serde_json::from_str(object).unwrap()
}

#[test]
fn a_full_line_has_every_field() {
    let expected = json!({
        "time": "2023-11-14T22:13:20.042Z", "requestId": "id-1", "traceId": "4bf92f3577b34da6a3ce929d0e0e4736",
        "client": "203.0.113.9", "method": "GET", "host": "api.example.com", "path": "/v1/orders", "protocol": "HTTP/1.1",
        "route": "orders", "deprecated": true, "consumer": "acme", "plan": "free", "status": 502, "kind": "upstream_connect_failed",
        "reason": "connection_refused", "policy": "orders", "wouldDeny": ["throttling_limit_reached", "quota_exceeded"],
        "withoutStore": true, "retry": "looping",
        "upstream": "orders", "endpoint": "127.0.0.1:9001", "attempts": 2, "upstreamStatus": 503, "bytesIn": 17,
        "bytesOut": 18_446_744_073_709_551_615_u64, "durationMs": 12.345, "gatewayMs": 0.007, "upstreamConnectMs": 1_500.0,
        "upstreamFirstByteMs": 0.09, "configRevision": "r1",
    });
    assert_eq!(read(&full()), expected);
}

#[test]
fn the_fields_are_the_documented_ones_in_their_order() {
    let line = line(&full());
    let written: Vec<&str> = line
        .split('"')
        .zip(line.split('"').skip(1))
        .filter_map(|(name, after)| after.starts_with(':').then_some(name))
        .collect();
    let documented: Vec<&str> = fields().iter().map(|(name, _)| *name).collect();
    assert_eq!(written, documented);
    assert!(fields().iter().all(|(_, doc)| doc.ends_with('.')));
}

#[test]
fn what_is_absent_is_left_out() {
    let expected = json!({
        "time": "2023-11-14T22:13:20.042Z", "requestId": "id-1", "protocol": "HTTP/1.1", "status": 400, "bytesIn": 0,
        "bytesOut": 0, "durationMs": 0.0, "gatewayMs": 0.0, "configRevision": "r1",
    });
    assert_eq!(read(&least()), expected);
}

#[test]
fn addresses_are_written_as_usual() {
    #[track_caller]
    fn check(address: &str) {
        let entry = Entry { client: Some(address.parse().unwrap()), ..least() };
        assert_eq!(read(&entry)["client"], address);
    }
    check("0.0.0.0");
    check("127.0.0.1");
    check("255.255.255.255");
    check("2001:db8::1");
    check("::ffff:192.0.2.1");
}

#[test]
fn a_hostile_request_stays_within_its_field() {
    let entry = Entry {
        method: Some(b"G\"ET"),
        host: Some(b"a\",\"status\":200,\"x\":\"\r\n{\"time\""),
        path: Some(b"/\xff\x1b[2J\x9b\\"),
        consumer: Some("a\u{85}b\"c"),
        ..full()
    };
    let read = read(&entry);
    assert_eq!(read["method"], "G\"ET");
    assert_eq!(read["host"], "a\",\"status\":200,\"x\":\"\r\n{\"time\"");
    assert_eq!(read["path"], "/\u{fffd}\u{1b}[2J\u{fffd}\\");
    assert_eq!(read["consumer"], "a\u{85}b\"c");
    assert_eq!(read["status"], 502);
    assert_eq!(read.as_object().map(serde_json::Map::len), Some(fields().len()));
}

#[test]
fn no_query_is_ever_written() {
    for path in ["/?secret", "/a?secret=secret", "/#secret", "?secret", "/a?b#secret?secret"] {
        let line = line(&Entry { path: Some(path.as_bytes()), ..full() });
        assert!(!line.contains("secret"), "{line}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn times_are_those_of_the_calendar(unix_ms in 0..253_402_300_800_000_u64) {
        let expected = OffsetDateTime::from_unix_timestamp_nanos(i128::from(unix_ms) * 1_000_000).unwrap();
        let written = read(&Entry { unix_ms, ..least() });
        let written = written["time"].as_str().unwrap();
        prop_assert_eq!(written.len(), "2023-11-14T22:13:20.042Z".len());
        prop_assert_eq!(OffsetDateTime::parse(written, &Rfc3339).unwrap(), expected);
    }

    #[test]
    fn no_client_breaks_a_line(
        method in prop::collection::vec(any::<u8>(), 0..9),
        host in prop::collection::vec(any::<u8>(), 0..40),
        path in prop::collection::vec(any::<u8>(), 0..40),
        trace in "\\PC{0,40}",
    ) {
        let entry = Entry { method: Some(&method), host: Some(&host), path: Some(&path), trace_id: Some(&trace), ..full() };
        prop_assert_eq!(read(&entry).as_object().map(serde_json::Map::len), Some(fields().len()));
    }
}

#[test]
fn calendar_edges() {
    for (days, expected) in [
        (0, (1970, 1, 1)),
        (58, (1970, 2, 28)),
        (59, (1970, 3, 1)),
        (789, (1972, 2, 29)),
        (11_016, (2000, 2, 29)),
        (11_017, (2000, 3, 1)),
        (47_540, (2100, 2, 28)),
        (47_541, (2100, 3, 1)),
    ] {
        assert_eq!(date(days), expected);
    }
}
