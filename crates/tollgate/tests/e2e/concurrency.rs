//! How many at once: slots that are taken, and given back exactly once however a request ends.

use crate::support::{Doing, Scenario, Seen, Steps, gateway, get, play, request, until, with_echo};
use engine::reason::Reason;
use testkit::client::Connection;
use testkit::gateway::Gateway;
use testkit::upstream::echo;

pub const CONFIG: &str = r#"
upstreams:
  echo: { endpoints: ["{{upstream}}"], timeouts: { firstByte: 60s } }
  hasty: { endpoints: ["{{upstream}}"], timeouts: { firstByte: 100ms, idle: 100ms } }
  nobody: { endpoints: ["{{listen9}}"] }
plans:
  small: { routes: ["*"], concurrency: { max: 2, key: consumerId } }
consumers:
  - { id: acme, apiKeys: [{ value: acme }] }
  - { id: globex, apiKeys: [{ value: globex }] }
  - { id: planned, plan: small, apiKeys: [{ value: planned }] }
throttles:
  - { name: exports, when: { routes: [export] }, concurrency: { max: 1, key: route }, error: { status: 503, contentType: text/plain, body: busy } }
defaults: { upstream: echo, auth: { apiKey: {} } }
routes:
  - { name: held, host: held.example, paths: ["/*"], concurrency: { max: 2, key: consumerId } }
  - { name: one, host: one.example, paths: ["/*"], auth: { none: {} }, concurrency: { max: 1, key: ip } }
  - { name: free, host: free.example, paths: ["/*"] }
  - { name: export, host: export.example, paths: ["/*"] }
  - { name: trial, host: trial.example, paths: ["/*"], concurrency: { max: 1, mode: dryRun } }
  - { name: hasty, host: hasty.example, paths: ["/*"], upstream: hasty, concurrency: { max: 1 } }
  - { name: dead, host: dead.example, paths: ["/*"], upstream: nobody, concurrency: { max: 1 } }
  - { name: small, host: small.example, paths: ["/*"], concurrency: { max: 1 }, body: { bytesMax: 4B } }
  - { name: slow, host: slow.example, paths: ["/*"], concurrency: { max: 1 }, rateLimit: { requestsPerSecond: 0.001, burst: 1 } }
  - { name: paid, host: paid.example, paths: ["/*"], concurrency: { max: 1 }, quota: { limit: 1, per: month } }
"#;

fn to(host: &str, key: &str, target: &str) -> Vec<u8> {
    get(target, &[&format!("Host: {host}.example"), &format!("x-api-key: {key}")])
}

/// A request that is in flight until the connection is dropped.
async fn hold(gateway: &Gateway, host: &str, key: &str) -> Connection {
    let upstream = gateway.upstream(0);
    let before = upstream.count();
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    connection.write(&to(host, key, "/__misbehave/never")).await.unwrap();
    assert!(upstream.wait_for(before + 1).await, "{host}: the request did not come through");
    connection
}

async fn in_use(gateway: &Gateway, policy: &str) -> f64 {
    gateway.metric("tollgate_concurrency_in_use", &[("policy", policy)]).await
}

/// Waits until so many requests are in flight under a limit.
async fn until_in_use(gateway: &Gateway, policy: &str, expected: u32) {
    let what = format!("{expected} in use of {policy}");
    until(&what, async || ((in_use(gateway, policy).await - f64::from(expected)).abs() < 1e-9).then_some(())).await;
}

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario::new(Reason::ConcurrencyLimitReached, "two in flight", Steps::Do(third))
            .on("held")
            .by("routes.held.concurrency"),
        Scenario::new(Reason::ConcurrencyLimitReached, "by address, of a stranger", Steps::Do(second_of_an_address))
            .on("one")
            .by("routes.one.concurrency"),
    ]
}

fn third(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move {
        let _held = [hold(gateway, "held", "acme").await, hold(gateway, "held", "acme").await];
        Seen::Refusal(gateway.send(&to("held", "acme", "/")).await)
    })
}

fn second_of_an_address(gateway: &Gateway) -> Doing<'_> {
    Box::pin(async move {
        let _held = hold(gateway, "one", "acme").await;
        Seen::Refusal(gateway.send(&to("one", "globex", "/")).await)
    })
}

#[tokio::test]
async fn refusals() {
    let gateway = with_echo(CONFIG).await;
    play(&gateway, &scenarios()).await;
}

#[tokio::test]
async fn each_key_has_its_own_slots_and_leaving_makes_room() {
    let gateway = with_echo(CONFIG).await;
    let first = hold(&gateway, "held", "acme").await;
    let _second = hold(&gateway, "held", "acme").await;
    let refused = gateway.send(&to("held", "acme", "/")).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("1")), "{refused}");
    assert!(refused.headers("ratelimit").is_empty() && refused.headers("ratelimit-policy").is_empty(), "{refused}");
    let _other = hold(&gateway, "held", "globex").await;
    assert_eq!(gateway.send(&to("held", "globex", "/")).await.status, 200);
    until_in_use(&gateway, "routes.held.concurrency", 3).await;
    drop(first);
    until_in_use(&gateway, "routes.held.concurrency", 2).await;
    assert_eq!(gateway.send(&to("held", "acme", "/")).await.status, 200);
    until_in_use(&gateway, "routes.held.concurrency", 2).await;
}

#[tokio::test]
async fn a_plans_slots_count_over_all_routes_and_beside_the_routes_own() {
    let gateway = with_echo(CONFIG).await;
    let _first = hold(&gateway, "held", "planned").await;
    let _second = hold(&gateway, "free", "planned").await;
    for host in ["held", "free", "trial"] {
        let refused = gateway.send(&to(host, "planned", "/")).await;
        assert_eq!(refused.status, 429, "{host}: {refused}");
        let line = gateway.log_line(refused.header("x-request-id").unwrap()).await;
        assert_eq!(line["policy"], "plans.small.concurrency", "{line}");
    }
    // What the plan refused left no slot of the route's behind.
    until_in_use(&gateway, "routes.held.concurrency", 1).await;
    assert_eq!(gateway.send(&to("held", "acme", "/")).await.status, 200);
}

#[tokio::test]
async fn a_named_one_has_its_own_error() {
    let gateway = with_echo(CONFIG).await;
    let _held = hold(&gateway, "export", "acme").await;
    let refused = gateway.send(&to("export", "globex", "/")).await;
    assert_eq!((refused.status, refused.text().as_str()), (503, "busy"), "{refused}");
    let line = gateway.log_line(refused.header("x-request-id").unwrap()).await;
    assert_eq!((&line["reason"], &line["policy"]), (&"concurrency_limit_reached".into(), &"exports".into()), "{line}");
}

#[tokio::test]
async fn in_dry_run_it_only_reports() {
    let gateway = with_echo(CONFIG).await;
    let _held = hold(&gateway, "trial", "acme").await;
    let response = gateway.send(&to("trial", "acme", "/")).await;
    assert_eq!(response.status, 200, "{response}");
    let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!(line["wouldDeny"].to_string(), r#"["concurrency_limit_reached"]"#, "{line}");
}

/// With one slot, one that is not given back is noticed at once; and one that was given back twice would make the gauge wrong.
#[tokio::test]
async fn a_slot_is_given_back_however_a_request_ends() {
    let gateway = with_echo(CONFIG).await;
    let chunked = [
        request("POST", "/", &["Host: small.example", "x-api-key: acme", "Transfer-Encoding: chunked"], ""),
        b"5\r\n12345\r\n0\r\n\r\n".to_vec(),
    ];
    for (host, what, bytes, statuses) in [
        ("held", "an answer", to("held", "acme", "/"), [200, 200, 200]),
        ("held", "a reset instead of an answer", to("held", "acme", "/__misbehave/reset"), [502, 502, 502]),
        ("held", "garbage", to("held", "acme", "/__misbehave/garbage"), [502, 502, 502]),
        ("held", "a reset in the body", to("held", "acme", "/__misbehave/reset-in-body"), [200, 200, 200]),
        ("hasty", "no answer in time", to("hasty", "acme", "/__misbehave/never"), [504, 504, 504]),
        ("hasty", "half a body in time", to("hasty", "acme", "/__misbehave/delay-body/60000"), [200, 200, 200]),
        ("dead", "nobody listens", to("dead", "acme", "/"), [502, 502, 502]),
        ("small", "a body that turns out too large", chunked.concat(), [413, 413, 413]),
        ("slow", "a throttle that stands behind it", to("slow", "acme", "/"), [200, 429, 429]),
        ("paid", "a quota that stands behind it", to("paid", "acme", "/"), [200, 429, 429]),
    ] {
        for status in statuses {
            let response = gateway.send(&bytes).await;
            assert_eq!(response.status, status, "{what}: {response}");
            assert!(!response.text().contains("concurrency_limit_reached"), "{what}: {response}");
            until_in_use(&gateway, &format!("routes.{host}.concurrency"), 0).await;
        }
    }
    // A client that leaves: before the answer, and in the middle of its own body.
    drop(hold(&gateway, "held", "acme").await);
    until_in_use(&gateway, "routes.held.concurrency", 0).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    let announced = ["Host: held.example", "x-api-key: acme", "Content-Length: 1000"];
    connection.write(&[request("POST", "/", &announced, ""), b"half".to_vec()].concat()).await.unwrap();
    until_in_use(&gateway, "routes.held.concurrency", 1).await;
    drop(connection);
    until_in_use(&gateway, "routes.held.concurrency", 0).await;
}

/// On one connection: a slot belongs to a request, not to the connection.
#[tokio::test]
async fn a_kept_connection_holds_no_slot() {
    let gateway = with_echo(CONFIG).await;
    let mut connection = Connection::open(gateway.address("listen")).await.unwrap();
    for _ in 0..5 {
        assert_eq!(connection.send(&to("one", "acme", "/")).await.status, 200);
        until_in_use(&gateway, "routes.one.concurrency", 0).await;
    }
}

/// The end of the line of one route.
const HELD: &str = "host: held.example, paths: [\"/*\"], concurrency: { max: 2, key: consumerId } }";

#[tokio::test]
async fn those_in_flight_count_over_a_reload() {
    let gateway = gateway(CONFIG).upstream(echo()).start().await;
    assert!(CONFIG.contains(HELD));
    let limit = |max: u32| CONFIG.replace(HELD, &HELD.replace("max: 2", &format!("max: {max}")));
    let first = hold(&gateway, "held", "acme").await;
    let second = hold(&gateway, "held", "acme").await;
    gateway.reload_with(&limit(3)).await;
    until_in_use(&gateway, "routes.held.concurrency", 2).await;
    let third = hold(&gateway, "held", "acme").await;
    assert_eq!(gateway.send(&to("held", "acme", "/")).await.status, 429);
    gateway.reload_with(&limit(1)).await;
    drop((first, second));
    until_in_use(&gateway, "routes.held.concurrency", 1).await;
    assert_eq!(gateway.send(&to("held", "acme", "/")).await.status, 429, "one is in, one is allowed");
    // Without the limit nobody counts; its series goes.
    gateway.reload_with(&CONFIG.replace(HELD, "host: held.example, paths: [\"/*\"] }")).await;
    assert_eq!(gateway.send(&to("held", "acme", "/")).await.status, 200);
    assert!(!gateway.metrics_text().await.contains("routes.held.concurrency\"} "), "a series of a limit that is gone");
    gateway.reload_with(&limit(1)).await;
    assert_eq!(gateway.send(&to("held", "acme", "/")).await.status, 429, "the one from before is still in");
    drop(third);
    until_in_use(&gateway, "routes.held.concurrency", 0).await;
    assert_eq!(gateway.send(&to("held", "acme", "/")).await.status, 200);
}
