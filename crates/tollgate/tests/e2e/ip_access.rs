//! From where: networks that may call and that may not, by the address that trusted proxies give.

use crate::support::{Scenario, Steps, get, play, request, with_echo};
use engine::reason::Reason;

pub const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
trustedProxies: [127.0.0.1, 10.0.0.0/8]
consumers: [{ id: acme, apiKeys: [{ value: good }] }]
defaults: { upstream: echo, auth: { none: {} }, ipAccess: { deny: [198.51.100.0/24] } }
routes:
  - { name: open, paths: [/open] }
  - name: office
    paths: [/office]
    auth: { apiKey: {} }
    rateLimit: { requestsPerSecond: 0.001, burst: 1, key: ip }
    ipAccess: { allow: [203.0.113.0/24, "2001:db8::/32"], deny: [203.0.113.66, "2001:db8:bad::/48"] }
  - { name: home, paths: [/home], ipAccess: { deny: [127.0.0.0/8] } }
  - { name: trial, paths: [/trial], ipAccess: { allow: [203.0.113.0/24], mode: dryRun } }
  - { name: all, paths: [/all], ipAccess: { deny: [127.0.0.0/8], mode: off } }
"#;

pub fn scenarios() -> Vec<Scenario> {
    let denied = |route: &'static str, what, policy| {
        Scenario::new(Reason::IpDenied, what, Steps::Send(get(&format!("/{route}"), &[]))).on(route).by(policy)
    };
    vec![
        denied("office", "in no allowed network, and without a key", "routes.office.ipAccess"),
        denied("home", "in a denied network", "routes.home.ipAccess"),
    ]
}

#[tokio::test]
async fn refusals() {
    let gateway = with_echo(CONFIG).await;
    play(&gateway, &scenarios()).await;
    assert_eq!(gateway.upstream(0).count(), 0);
}

#[tokio::test]
async fn the_address_is_the_one_that_trusted_proxies_give() {
    let gateway = with_echo(CONFIG).await;
    let key = "x-api-key: good";
    for (target, forwarded, status) in [
        ("/open", "203.0.113.1", 200),
        ("/open", "198.51.100.7", 403),
        ("/open", "::ffff:198.51.100.7", 403),
        ("/open", "192.0.2.1, 198.51.100.7, 10.0.0.9", 403),
        // What a client writes to the left of its own address counts for nothing.
        ("/open", "198.51.100.7, 192.0.2.1", 200),
        ("/office", "203.0.113.1", 200),
        ("/office", "203.0.113.1, 198.51.100.7", 403),
        ("/office", "2001:db8::1", 200),
        ("/office", "2001:db8:bad::1", 403),
        ("/office", "203.0.113.66", 403),
        ("/office", "[2001:db8:1::5]:4711", 200),
        ("/all", "192.0.2.1", 200),
    ] {
        let line = format!("X-Forwarded-For: {forwarded}");
        let response = gateway.send(&get(target, &[&line, key])).await;
        assert_eq!(response.status, status, "{target} {forwarded}: {response}");
    }
}

/// It stands before everything else: whoever is refused takes no token of the throttle by address, and no key is looked at.
#[tokio::test]
async fn a_refusal_costs_nobody_anything() {
    let gateway = with_echo(CONFIG).await;
    for _ in 0..3 {
        let response = gateway.send(&get("/office", &["X-Forwarded-For: 203.0.113.66", "x-api-key: bad"])).await;
        assert_eq!((response.status, &response.json()["code"]), (403, &"ip_denied".into()), "{response}");
        assert_eq!(response.header("retry-after"), None, "waiting does not help: {response}");
    }
    let good = ["X-Forwarded-For: 203.0.113.5", "x-api-key: good"];
    assert_eq!(gateway.send(&get("/office", &good)).await.status, 200);
    assert_eq!(gateway.send(&get("/office", &good)).await.status, 429);
    // Another address of the same office is another bucket.
    let other = ["X-Forwarded-For: 203.0.113.6", "x-api-key: good"];
    assert_eq!(gateway.send(&get("/office", &other)).await.status, 200);
}

#[tokio::test]
async fn in_dry_run_it_only_reports() {
    let gateway = with_echo(CONFIG).await;
    for (forwarded, would_deny) in [("203.0.113.1", "null"), ("192.0.2.1", r#"["ip_denied"]"#)] {
        let line = format!("X-Forwarded-For: {forwarded}");
        let response = gateway.send(&request("POST", "/trial", &[&line], "body")).await;
        assert_eq!(response.status, 200, "{response}");
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert_eq!(line["wouldDeny"].to_string(), would_deny, "{line}");
    }
}

#[tokio::test]
async fn a_reload_changes_who_may_call() {
    let gateway = with_echo(CONFIG).await;
    gateway.get("/open").expect(200).await;
    gateway.reload_with(&CONFIG.replace("deny: [198.51.100.0/24]", "deny: [198.51.100.0/24, 127.0.0.1]")).await;
    gateway.get("/open").expect_denial("ip_denied").await;
    gateway.reload_with(CONFIG).await;
    gateway.get("/open").expect(200).await;
}
