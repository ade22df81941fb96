//! What was used up stays used up: the same limit keeps its state, a changed one keeps what was consumed.

use crate::program::BINARY;
use testkit::gateway::{Gateway, gateway};
use testkit::upstream;

fn config(burst: u32, quota: u32) -> String {
    format!(
        r#"
upstreams: {{ main: {{ endpoints: ["{{{{upstream}}}}"] }} }}
throttles:
  - {{ name: named, when: {{ routes: [named] }}, rateLimit: {{ requestsPerSecond: 0.001, burst: {burst}, key: ip }} }}
defaults: {{ upstream: main, auth: {{ none: {{}} }} }}
routes:
  - {{ name: named, paths: [/named] }}
  - {{ name: burst, paths: [/burst], rateLimit: {{ requestsPerSecond: 0.001, burst: {burst}, key: ip }} }}
  - {{ name: month, paths: [/month], quota: {{ limit: {quota}, per: month, key: ip, headers: {{ remaining: true }} }} }}
"#
    )
}

const LIMITED: [&str; 3] = ["/named", "/burst", "/month"];

/// How many of these requests are admitted, one after the other.
async fn admitted(gateway: &Gateway, target: &str, tries: u32) -> u32 {
    let mut admitted = 0;
    for _ in 0..tries {
        let status = gateway.get(target).send().await.status;
        assert!(matches!(status, 200 | 429), "{target}: {status}");
        admitted += u32::from(status == 200);
    }
    admitted
}

#[tokio::test]
async fn a_changed_limit_keeps_what_was_consumed() {
    let gateway = gateway(BINARY, &config(5, 5)).upstream(upstream::echo()).start().await;
    for target in LIMITED {
        assert_eq!(admitted(&gateway, target, 3).await, 3, "{target}: three of five");
    }
    gateway.reload_with(&config(9, 9)).await;
    for target in LIMITED {
        assert_eq!(admitted(&gateway, target, 8).await, 6, "{target}: three were consumed, six of nine are left");
    }
    gateway.reload_with(&config(4, 4)).await;
    for target in LIMITED {
        assert_eq!(admitted(&gateway, target, 3).await, 0, "{target}: more than four were consumed");
    }
    gateway.reload_with(&config(12, 12)).await;
    assert_eq!(admitted(&gateway, "/month", 8).await, 3, "nine were consumed, three of twelve are left");
}

#[tokio::test]
async fn a_limit_that_was_away_for_a_while_is_not_full_again() {
    let gateway = gateway(BINARY, &config(5, 5)).upstream(upstream::echo()).start().await;
    for target in LIMITED {
        assert_eq!(admitted(&gateway, target, 4).await, 4, "{target}");
    }
    let whole = config(5, 5);
    let kept = whole.lines().filter(|line| !line.contains("name: burst") && !line.contains("name: month"));
    let without: String = kept.flat_map(|line| [line, "\n"]).collect();
    gateway.reload_with(&without).await;
    gateway.get("/month").expect(404).await;
    gateway.reload_with(&config(5, 5)).await;
    for target in LIMITED {
        assert_eq!(admitted(&gateway, target, 3).await, 1, "{target}: one of five is left");
    }
}
