use super::*;
use std::collections::BTreeSet;
use std::time::Duration;

fn text(metrics: &Metrics) -> String {
    String::from_utf8(metrics.encode()).unwrap()
}

#[track_caller]
fn check(metrics: &Metrics, line: &str) {
    let text = text(metrics);
    assert!(text.lines().any(|candidate| candidate == line), "no line `{line}` in\n{text}");
}

/// Every family has a series, so that all of them are encoded.
fn touched() -> Metrics {
    let metrics = Metrics::new("1.2.3").unwrap();
    metrics.route("orders").answered(200, Duration::from_millis(3), Duration::from_micros(40));
    metrics.upstream("orders").succeeded(Duration::from_millis(2));
    metrics.plan("free").quota_used(1, 4, 86_400);
    let keys = metrics.key_set("main");
    keys.ended("changed");
    keys.show(1_700_000_000_123, 2, 5, 3);
    metrics.auth_service("login").answered("allowed", Duration::from_millis(4));
    metrics.password_checked("match");
    metrics.denied("orders", "api_key_invalid", "key_revoked", "orders/apiKey");
    metrics.would_deny("orders", "throttling_limit_reached", "throttling_limit_reached", "burst");
    metrics.deprecated("orders");
    metrics.config_loaded("r1", 1_700_000_000_123);
    metrics.connection_refused("connections_exhausted");
    metrics.show_concurrency([("orders.concurrency", 1)]);
    let store = metrics.store("redis");
    store.answered(Duration::from_micros(200));
    store.bypassed();
    metrics.retried("orders", "looping");
    metrics.retry_storm_began("orders");
    metrics
}

#[test]
fn concurrency_shows_the_limits_that_there_are() {
    let metrics = Metrics::new("1").unwrap();
    let shown = |limits: &[(&str, usize)]| {
        metrics.show_concurrency(limits.iter().copied());
        let text = String::from_utf8(metrics.encode()).unwrap();
        let lines = text.lines().filter(|line| line.starts_with("tollgate_concurrency_in_use{"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let line = |policy: &str, value: usize| format!("tollgate_concurrency_in_use{{policy=\"{policy}\"}} {value}");
    assert_eq!(shown(&[("a", 3), ("b", 0), ("a", 3)]), [line("a", 3), line("b", 0)]);
    assert_eq!(shown(&[("b", 2)]), [line("b", 2)]);
    assert!(shown(&[]).is_empty());
}

#[test]
fn a_shared_store_shows_only_where_there_is_one() {
    let metrics = Metrics::new("1").unwrap();
    assert!(!text(&metrics).contains("tollgate_store_up"));
    let store = metrics.store("redis");
    store.reachable(true);
    store.nodes(4);
    store.failed(StoreFailure::Timeout);
    check(&metrics, r#"tollgate_store_up{store="redis"} 1"#);
    check(&metrics, r#"tollgate_store_nodes{store="redis"} 4"#);
    check(&metrics, r#"tollgate_store_errors_total{error="timeout",store="redis"} 1"#);
    store.reachable(false);
    check(&metrics, r#"tollgate_store_up{store="redis"} 0"#);
}

#[test]
fn a_crowd_is_shown_as_it_is_and_what_was_sketched_adds_up() {
    let metrics = Metrics::new("1").unwrap();
    metrics.show_crowd(100, 3);
    metrics.show_crowd(90, 4);
    check(&metrics, "tollgate_active_keys 90");
    check(&metrics, "tollgate_sketched_requests_total 7");
}

#[test]
fn what_is_encoded_is_what_is_documented() {
    let text = text(&touched());
    let encoded: BTreeSet<String> =
        text.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(str::to_owned).collect();
    let documented: BTreeSet<String> = reference().iter().map(|doc| format!("{} {}", doc.name, doc.kind)).collect();
    assert_eq!(encoded, documented);
}

#[test]
fn every_declaration_is_complete() {
    let reference = reference();
    let names: BTreeSet<&str> = reference.iter().map(|doc| doc.name).collect();
    assert_eq!(names.len(), reference.len(), "a name stands twice");
    for doc in &reference {
        assert!(
            doc.help.ends_with('.') && !doc.help.starts_with(' ') && !doc.help.contains("  "),
            "{}: {:?}",
            doc.name,
            doc.help
        );
        assert_eq!(doc.kind == "counter", doc.name.ends_with("_total"), "{}", doc.name);
        assert_eq!(doc.kind == "histogram", !doc.buckets.is_empty(), "{}", doc.name);
        assert!(doc.buckets.is_sorted(), "{}", doc.name);
    }
}

#[test]
fn every_family_has_the_labels_of_its_declaration() {
    let text = text(&touched());
    for doc in reference() {
        let series = format!("{}{}", doc.name, if doc.kind == "histogram" { "_sum" } else { "" });
        let line = text.lines().find(|line| line.split(['{', ' ']).next() == Some(&series)).unwrap();
        let labels: BTreeSet<&str> = line.split(['{', ',']).filter_map(|part| Some(part.split_once('=')?.0)).collect();
        assert_eq!(labels, doc.labels.iter().copied().collect(), "{line}");
    }
}

#[test]
fn faults_of_the_quota_file_are_there_before_the_first() {
    let metrics = Metrics::new("1").unwrap();
    for error in ["write", "slow", "damaged", "gone"] {
        check(&metrics, &format!("tollgate_store_errors_total{{error=\"{error}\",store=\"file\"}} 0"));
    }
    metrics.store_failed(StoreError::Damaged);
    metrics.quota_counters(12);
    check(&metrics, r#"tollgate_store_errors_total{error="damaged",store="file"} 1"#);
    check(&metrics, "tollgate_quota_counters 12");
}

#[test]
fn requests_are_counted_by_route_and_status() {
    let metrics = Metrics::new("1").unwrap();
    let handle = metrics.route("orders");
    for status in [200, 200, 204, 404, 499, 599, 100, 99, 600, 999, 0] {
        handle.answered(status, Duration::from_millis(7), Duration::from_micros(30));
    }
    metrics.route("orders").answered(200, Duration::ZERO, Duration::ZERO);
    metrics.no_route().answered(404, Duration::ZERO, Duration::ZERO);
    check(&metrics, r#"tollgate_requests_total{route="orders",status="200"} 3"#);
    check(&metrics, r#"tollgate_requests_total{route="orders",status="204"} 1"#);
    check(&metrics, r#"tollgate_requests_total{route="orders",status="404"} 1"#);
    check(&metrics, r#"tollgate_requests_total{route="orders",status="499"} 1"#);
    check(&metrics, r#"tollgate_requests_total{route="orders",status="599"} 1"#);
    check(&metrics, r#"tollgate_requests_total{route="orders",status="100"} 1"#);
    check(&metrics, r#"tollgate_requests_total{route="orders",status="other"} 4"#);
    check(&metrics, r#"tollgate_requests_total{route="-",status="404"} 1"#);
    check(&metrics, r#"tollgate_request_duration_seconds_bucket{route="orders",le="0.005"} 1"#);
    check(&metrics, r#"tollgate_request_duration_seconds_bucket{route="orders",le="0.01"} 12"#);
    check(&metrics, r#"tollgate_gateway_duration_seconds_bucket{route="orders",le="0.00005"} 12"#);
    check(&metrics, r#"tollgate_gateway_duration_seconds_count{route="-"} 1"#);
}

#[test]
fn upstream_attempts_are_counted_by_outcome() {
    let metrics = Metrics::new("1").unwrap();
    let handle = metrics.upstream("orders");
    check(&metrics, r#"tollgate_upstream_requests_total{outcome="success",upstream="orders"} 0"#);
    handle.succeeded(Duration::from_millis(1));
    handle.failed("connection_refused");
    handle.failed("connection_refused");
    check(&metrics, r#"tollgate_upstream_requests_total{outcome="success",upstream="orders"} 1"#);
    check(&metrics, r#"tollgate_upstream_requests_total{outcome="connection_refused",upstream="orders"} 2"#);
    check(&metrics, r#"tollgate_upstream_first_byte_seconds_count{upstream="orders"} 1"#);
}

#[test]
fn the_quota_gauge_shows_the_largest_share_of_the_period() {
    let metrics = Metrics::new("1").unwrap();
    let handle = metrics.plan("free");
    let steps = [
        (50, 100, 10, "0.5"),
        (20, 100, 10, "0.5"),
        (75, 100, 10, "0.75"),
        (1, 100, 20, "0.01"),
        (99, 100, 10, "0.01"),
    ];
    for (used, limit, period, shown) in steps {
        handle.quota_used(used, limit, period);
        check(&metrics, &format!(r#"tollgate_quota_used_ratio{{plan="free"}} {shown}"#));
    }
}

#[test]
fn a_reload_shows_one_revision_and_its_time() {
    let metrics = Metrics::new("1").unwrap();
    metrics.config_loaded("r1", 1_700_000_000_123);
    check(&metrics, r#"tollgate_config_info{revision="r1"} 1"#);
    check(&metrics, "tollgate_config_last_reload_successful 1");
    check(&metrics, "tollgate_config_last_reload_timestamp_seconds 1700000000.123");
    metrics.config_refused(1_700_000_001_000);
    check(&metrics, r#"tollgate_config_info{revision="r1"} 1"#);
    check(&metrics, "tollgate_config_last_reload_successful 0");
    check(&metrics, "tollgate_config_last_reload_timestamp_seconds 1700000001");
    metrics.config_loaded("r2", 1_700_000_002_000);
    metrics.config_loaded("r2", 1_700_000_003_000);
    check(&metrics, r#"tollgate_config_info{revision="r2"} 1"#);
    check(&metrics, "tollgate_config_last_reload_successful 1");
    assert!(!text(&metrics).contains(r#"revision="r1""#));
}

#[test]
fn two_gateways_do_not_share_series() {
    let (one, other) = (Metrics::new("1").unwrap(), Metrics::new("1").unwrap());
    one.route("orders").answered(200, Duration::ZERO, Duration::ZERO);
    assert!(!text(&other).contains("orders"));
}

#[test]
fn names_from_the_config_cannot_break_the_format() {
    let metrics = Metrics::new("1").unwrap();
    metrics.denied("a\"b\\c\nd", "kind", "reason", NONE);
    check(&metrics, r#"tollgate_denials_total{kind="kind",policy="-",reason="reason",route="a\"b\\c\nd"} 1"#);
}

#[test]
fn key_sets_are_shown_as_they_stand_and_counts_never_fall() {
    let metrics = touched();
    let keys = metrics.key_set("main");
    keys.ended("changed");
    keys.show(1_700_000_060_000, 0, 6, 2);
    check(&metrics, r#"tollgate_key_set_fetches_total{outcome="changed",provider="main"} 2"#);
    check(&metrics, r#"tollgate_key_set_fetched_timestamp_seconds{provider="main"} 1700000060"#);
    check(&metrics, r#"tollgate_key_set_keys{provider="main"} 0"#);
    check(&metrics, r#"tollgate_key_set_unknown_keys_total{provider="main"} 6"#);
    check(&metrics, r#"tollgate_key_set_refetches_suppressed_total{provider="main"} 3"#);
}
