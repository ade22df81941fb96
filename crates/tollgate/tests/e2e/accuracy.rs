//! Throttle accuracy on the wire: callers who send at three times their limit for three seconds, each on a connection of its own.
//!
//! When exactly the gateway decides is not seen from here, only that it is after a request was sent and before its answer has come.
//! Between these two lies what may be admitted.

#![expect(clippy::print_stdout, reason = "what was measured is worth reading")]

use crate::support::{gateway, get};
use std::net::SocketAddr;
use std::time::Duration;
use testkit::client::Connection;
use testkit::upstream::echo;
use tokio::time::{Instant, MissedTickBehavior, interval};

const RATE: f64 = 40.0;
const BURST: f64 = 20.0;
const LOAD: Duration = Duration::from_secs(3);

const CONFIG: &str = r#"
upstreams: { echo: { endpoints: ["{{upstream}}"] } }
trustedProxies: [127.0.0.1]
consumers:
  - { id: acme, apiKeys: [{ value: acme }] }
  - { id: globex, apiKeys: [{ value: globex }] }
defaults: { upstream: echo, auth: { none: {} } }
routes:
  - { name: consumer, paths: [/consumer], auth: { apiKey: {} }, rateLimit: { requestsPerSecond: 40, burst: 20, key: consumerId } }
  - { name: ip, paths: [/ip], rateLimit: { requestsPerSecond: 40, burst: 20, key: ip } }
  - { name: header, paths: [/header], rateLimit: { requestsPerSecond: 40, burst: 20, key: "header:X-Tenant" } }
"#;

/// Sends at three times the rate until the time is up and a request has been refused. Whether it was admitted and what bounds the
/// gateway's time of decision, for each request up to that refusal.
async fn load(address: SocketAddr, request: Vec<u8>) -> Vec<(bool, Instant, Instant)> {
    let mut connection = Connection::open(address).await.unwrap();
    let mut beat = interval(Duration::from_secs_f64(1.0 / (3.0 * RATE)));
    beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (began, mut seen) = (Instant::now(), Vec::new());
    loop {
        beat.tick().await;
        let sent = Instant::now();
        let status = connection.send(&request).await.status;
        assert!(matches!(status, 200 | 429), "{status}");
        seen.push((status == 200, sent, Instant::now()));
        if status == 429 && began.elapsed() >= LOAD {
            return seen;
        }
    }
}

/// How much at most a full bucket has dropped, because the machine was busy and nobody asked. What was taken and has not come back is
/// never less than `level`; a refusal says that it is the whole burst but for a part of one.
fn wasted(seen: &[(bool, Instant, Instant)]) -> f64 {
    let (mut level, mut wasted) = (1.0_f64, 0.0);
    for pair in seen.windows(2) {
        let back = RATE * pair[1].2.duration_since(pair[0].1).as_secs_f64();
        wasted += (back - level).max(0.0);
        level = if pair[1].0 { (level - back).max(0.0) + 1.0 } else { BURST - 1.0 };
    }
    wasted
}

/// `burst + rate × time`, and one more or less for what has drained in part.
fn check(what: &str, seen: &[(bool, Instant, Instant)]) {
    let admitted = u32::try_from(seen.iter().filter(|(granted, ..)| *granted).count()).unwrap();
    let ((_, sent_first, got_first), (_, sent_last, got_last)) = (seen[0], seen[seen.len() - 1]);
    let longest = got_last.duration_since(sent_first).as_secs_f64();
    let shortest = sent_last.duration_since(got_first).as_secs_f64();
    let (least, most) = (BURST + RATE * shortest - wasted(seen) - 1.0, BURST + RATE * longest + 1.0);
    println!("{what}: {admitted} of {} admitted in {longest:.3} s, due {least:.1} to {most:.1}", seen.len());
    assert!(f64::from(admitted) <= most, "{what}: {admitted} admitted, {most} at most");
    assert!(f64::from(admitted) >= least, "{what}: {admitted} admitted, {least} at least");
}

#[tokio::test]
async fn three_seconds_at_three_times_the_limit() {
    let gateway = gateway(CONFIG).upstream(echo()).start().await;
    let callers = [
        ("consumer acme", get("/consumer", &["x-api-key: acme"])),
        ("consumer globex", get("/consumer", &["x-api-key: globex"])),
        ("address 192.0.2.1", get("/ip", &["X-Forwarded-For: 192.0.2.1"])),
        ("network 2001:db8::/64", get("/ip", &["X-Forwarded-For: 2001:db8::1"])),
        ("header a", get("/header", &["X-Tenant: a"])),
        ("header b", get("/header", &["X-Tenant: b"])),
    ];
    let loads = callers.map(|(what, request)| (what, tokio::spawn(load(gateway.address("listen"), request))));
    for (what, load) in loads {
        check(what, &load.await.unwrap());
    }
}
