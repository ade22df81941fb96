//! Several gateways, one Redis: what they admit together, and what becomes of them when it goes away.

use crate::support::{gateway, get, until};
use std::cell::Cell;
use std::time::{Duration, Instant};
use testkit::gateway::Gateway;
use testkit::redis::RedisServer;
use testkit::upstream::echo;
use tokio::task::JoinSet;

const CONFIG: &str = r#"
store: { redis: { url: "redis://${STORE}", timeout: 500ms, onFailure: localShare } }
upstreams:
  echo: { endpoints: ["{{upstream}}"] }
  nobody: { endpoints: ["{{listen9}}"] }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - name: exact
    paths: [/exact]
    quota: { limit: 40, per: month, key: route, scope: cluster, sync: exact, headers: { remaining: true } }
  - name: small
    paths: [/small]
    quota: { limit: 7, per: month, key: route, scope: cluster }
  - name: lease
    paths: [/lease]
    quota: { limit: 400, per: month, key: route, scope: cluster }
  - name: pace
    paths: [/pace]
    rateLimit: { requestsPerSecond: 0.001, burst: 100, key: route, scope: cluster }
  - name: dead
    paths: [/dead]
    upstream: nobody
    quota: { limit: 2, per: month, key: route, scope: cluster, sync: exact }
  - name: both
    paths: [/both]
    rateLimit: { requestsPerSecond: 0.001, burst: 2, key: route, scope: cluster, sync: exact }
    quota: { limit: 100, per: month, key: route, scope: cluster, sync: exact, headers: { remaining: true } }
"#;

async fn node(redis: &RedisServer, config: &str) -> Gateway {
    gateway(config).env("STORE", &redis.address().to_string()).upstream(echo()).start().await
}

async fn four(redis: &RedisServer) -> [Gateway; 4] {
    let one = || node(redis, CONFIG);
    let (a, b, c, d) = tokio::join!(one(), one(), one(), one());
    [a, b, c, d]
}

/// So many requests, nine, four, two and one in sixteen to each gateway, 48 at a time; how many got 200. All others got 429.
async fn flood(gateways: &[Gateway; 4], target: &str, requests: usize) -> usize {
    let mut tasks = JoinSet::new();
    let gate = std::sync::Arc::new(tokio::sync::Semaphore::new(48));
    for number in 0..requests {
        let at = match number * 7 % 16 {
            0..9 => 0,
            9..13 => 1,
            13..15 => 2,
            _ => 3,
        };
        let (client, bytes, gate) = (gateways[at].client(), get(target, &[]), gate.clone());
        tasks.spawn(async move {
            let _turn = gate.acquire().await;
            client.send(&bytes).await.status
        });
    }
    let statuses = tasks.join_all().await;
    assert!(statuses.iter().all(|status| matches!(status, 200 | 429)), "{target}: {statuses:?}");
    statuses.into_iter().filter(|status| *status == 200).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_gateways_admit_a_shared_limit_together() {
    let redis = RedisServer::start().await;
    let gateways = four(&redis).await;
    assert_eq!(flood(&gateways, "/exact", 100).await, 40);
    assert_eq!(flood(&gateways, "/small", 40).await, 7, "too small to be leased");
    for (target, limit) in [("/lease", 400), ("/pace", 100)] {
        let admitted = Cell::new(flood(&gateways, target, limit * 2).await);
        // What one holds and does not use comes back to the others.
        until("98 % of the limit", async || {
            let enough = admitted.get() * 100 >= limit * 98;
            if !enough {
                admitted.set(admitted.get() + flood(&gateways, target, 16).await);
            }
            enough.then_some(())
        })
        .await;
        admitted.set(admitted.get() + flood(&gateways, target, 32).await);
        assert!(admitted.get() <= limit, "{target}: {}", admitted.get());
    }
    let refused = gateways[3].get("/exact").expect(429).await;
    assert_eq!(
        (refused.json()["code"].as_str(), refused.header("x-ratelimit-remaining")),
        (Some("quota_exceeded"), Some("0"))
    );
    let refused = gateways[2].get("/pace").expect(429).await;
    assert_eq!(refused.json()["code"], "throttling_limit_reached");
    let wait: u64 = refused.header("retry-after").unwrap_or_default().parse().unwrap();
    assert!((900..=1_000).contains(&wait), "{wait}");
    for gateway in &gateways {
        until("four nodes", async || (gateway.metric("tollgate_store_nodes", &[]).await > 3.5).then_some(())).await;
        assert!(gateway.metric("tollgate_store_bypassed_total", &[]).await < 0.5);
    }
}

#[tokio::test]
async fn what_is_refused_or_not_delivered_is_given_back() {
    let redis = RedisServer::start().await;
    let gateway = node(&redis, CONFIG).await;
    for _ in 0..6 {
        gateway.get("/dead").expect(502).await;
    }
    for remaining in ["99", "98"] {
        let response = gateway.get("/both").expect(200).await;
        assert_eq!(response.header("x-ratelimit-remaining"), Some(remaining));
    }
    for _ in 0..3 {
        let refused = gateway.get("/both").expect(429).await;
        assert_eq!(refused.json()["code"], "throttling_limit_reached");
    }
    // One quota has nothing of six calls that were not delivered, the other the two that were.
    until("what is given back", async || (used(&redis).await == "0 2").then_some(())).await;
}

/// What is used of each quota, in ascending order.
async fn used(redis: &RedisServer) -> String {
    const SCRIPT: &str = "
        local used = {}
        for _, key in ipairs(redis.call('KEYS', 'tollgate:q:*')) do
          table.insert(used, string.match(redis.call('GET', key), '%d+$'))
        end
        table.sort(used)
        return table.concat(used, ' ')";
    let said = redis.command(&["EVAL", SCRIPT, "0"]).await;
    said.split("\r\n").nth(1).unwrap_or_default().to_owned()
}

/// Killed, then halted: every answer is 200 or 429, nobody waits twice, the log and the metrics say what was done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_goes_away_is_not_felt() {
    let mut redis = RedisServer::start().await;
    let gateway = node(&redis, CONFIG).await;
    gateway.get("/exact").expect(200).await;
    redis.kill();
    check_alone(&gateway, 60).await;
    // Once, with where it is.
    let said = gateway.said();
    let told: Vec<&str> = said.lines().filter(|line| line.contains("shared store not")).collect();
    assert!(told.len() == 1 && told[0].contains(&format!("\"{}\"", redis.address())), "{told:?}");
    redis.restart().await;
    until("what passed meanwhile", async || (used(&redis).await == "40").then_some(())).await;
    until("the store again", async || (gateway.metric("tollgate_store_up", &[]).await > 0.5).then_some(())).await;
    let counted = gateway.metric("tollgate_store_call_duration_seconds_count", &[]).await;
    gateway.get("/both").expect(200).await;
    assert!(gateway.metric("tollgate_store_call_duration_seconds_count", &[]).await > counted);
    redis.halt();
    check_alone(&gateway, 60).await;
    assert!(gateway.metric("tollgate_store_errors_total", &[("error", "timeout")]).await > 0.5);
    redis.go_on();
    until("the store again", async || (gateway.metric("tollgate_store_up", &[]).await > 0.5).then_some(())).await;
}

#[expect(clippy::disallowed_methods, reason = "how long the client waits is what is tested")]
async fn check_alone(gateway: &Gateway, requests: u32) {
    let before = gateway.metric("tollgate_store_bypassed_total", &[]).await;
    let began = Instant::now();
    for _ in 0..requests {
        let response = gateway.get("/exact").send().await;
        assert!(matches!(response.status, 200 | 429), "{response}");
        let line = gateway.log_line(response.header("x-request-id").unwrap_or_default()).await;
        assert_eq!(line["withoutStore"], true, "{line}");
    }
    // Were each to wait for the store it would be half a minute.
    assert!(began.elapsed() < Duration::from_millis(500) * (requests / 3), "{:?}", began.elapsed());
    let after = gateway.metric("tollgate_store_bypassed_total", &[]).await;
    assert!((after - before - f64::from(requests)).abs() < 0.5, "{before}, then {after}");
    assert!(gateway.metric("tollgate_store_up", &[]).await < 0.5);
    assert!(gateway.said().contains("shared store not answering, limits are decided without it"));
}

#[tokio::test]
async fn without_the_store_nothing_passes_if_the_operator_wants_it_so() {
    let mut redis = RedisServer::start().await;
    let gateway = node(&redis, &CONFIG.replace("localShare", "deny")).await;
    gateway.get("/pace").expect(200).await;
    redis.kill();
    for (target, policy) in
        [("/exact", "routes.exact.quota"), ("/small", "routes.small.quota"), ("/both", "routes.both.rateLimit")]
    {
        let refused = gateway.get(target).expect(503).await;
        assert_eq!(refused.json()["code"], "quota_store_unavailable", "{refused}");
        let line = gateway.log_line(refused.header("x-request-id").unwrap_or_default()).await;
        assert_eq!((&line["policy"], &line["withoutStore"]), (&policy.into(), &true.into()), "{line}");
    }
}

#[tokio::test]
async fn a_gateway_that_stops_gives_back_what_it_holds() {
    let redis = RedisServer::start().await;
    let gateway = node(&redis, CONFIG).await;
    for _ in 0..30 {
        gateway.get("/lease").expect(200).await;
    }
    assert!(gateway.stop().await.success());
    assert_eq!(used(&redis).await, "30");
    assert_eq!(redis.command(&["ZCARD", "tollgate:{nodes}"]).await, ":0\r\n");
}

#[tokio::test]
async fn a_gateway_starts_without_its_store_and_finds_it_later() {
    let mut redis = RedisServer::start().await;
    redis.kill();
    let gateway = node(&redis, CONFIG).await;
    gateway.get("/exact").expect(200).await;
    redis.restart().await;
    until("the store", async || (gateway.metric("tollgate_store_up", &[]).await > 0.5).then_some(())).await;
    gateway.get("/exact").expect(200).await;
}
