//! Two hundred reloads under load.

use super::config_file;
use crate::program::{BINARY, eventually, tollgate};
use limits::clock::now;
use serde_json::Value;
use std::collections::HashSet;
use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use testkit::client::{Client, Connection};
use testkit::gateway::{Gateway, Signal, gateway};
use testkit::upstream;
use tokio::task::JoinHandle;
use tokio::time::{MissedTickBehavior, interval};

/// `{{spare}}` is what tells the two configs apart: a route, a template, another limit.
const CONFIG: &str = r#"
upstreams: { main: { endpoints: ["{{upstream}}"] } }
apiKeys: { location: { header: x-api-key } }
plans:
  throttled: { routes: ["*"], rateLimit: { requestsPerSecond: 0.001, burst: 9 } }
  metered: { routes: ["*"], quota: { limit: 11, per: month } }
consumers:
  - { id: fast, plan: throttled, apiKeys: [{ value: "${FAST}" }] }
  - { id: often, plan: metered, apiKeys: [{ value: "${OFTEN}" }] }
defaults: { upstream: main, auth: { none: {} } }
routes:
  - { name: open, paths: [/open] }
  - { name: burst, paths: [/burst], rateLimit: { requestsPerSecond: 0.001, burst: 5, key: ip } }
  - { name: month, paths: [/month], quota: { limit: 7, per: month, key: ip } }
  - { name: planned, paths: [/planned], auth: { apiKey: {} } }
"#;
const SPARE: &str = "  - { name: spare, paths: [/spare, /spare/*], methods: [PUT], rateLimit: { requestsPerSecond: 3, burst: 3, key: ip } }\n";

const SIGNALS: usize = 200;
const COMMANDS: usize = 20;
const CONNECTIONS: usize = 6;
/// Between two requests of a connection: a load, not a flood.
const PACE: Duration = Duration::from_millis(5);
/// Between two reloads, at least.
const RELOAD_PACE: Duration = Duration::from_millis(70);

/// What runs beside the reloads.
struct Load {
    over: Arc<AtomicBool>,
    sent: Arc<AtomicU64>,
    slowest_ns: Arc<AtomicU64>,
}

impl Load {
    /// One connection that is kept: the same request again and again, each answered by one of `statuses`. Ends with the number of
    /// those that were admitted.
    async fn connection(
        &self,
        client: Client,
        target: &'static str,
        key: &str,
        statuses: &'static [u16],
    ) -> JoinHandle<u64> {
        let request = client.get(target).header("x-api-key", key).bytes();
        let mut connection = client.connect().await;
        let (over, sent, slowest) = (Arc::clone(&self.over), Arc::clone(&self.sent), Arc::clone(&self.slowest_ns));
        tokio::spawn(async move {
            let mut admitted = 0;
            let mut pace = interval(PACE);
            pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
            while !over.load(Ordering::Relaxed) {
                pace.tick().await;
                let status = exchange(&mut connection, &request, &slowest).await;
                sent.fetch_add(1, Ordering::Relaxed);
                assert!(statuses.contains(&status), "{target}: {status}");
                admitted += u64::from(status == 200);
            }
            admitted
        })
    }
}

async fn exchange(connection: &mut Connection, request: &[u8], slowest_ns: &AtomicU64) -> u16 {
    let began = now();
    let response = connection.exchange(request).await.unwrap_or_else(|fault| panic!("a request failed: {fault}"));
    slowest_ns.fetch_max(u64::try_from(now().since(began).as_nanos()).unwrap(), Ordering::Relaxed);
    assert!(response.cut.is_none() && response.header("connection") != Some("close"), "{response}");
    response.status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_reloads_disturb_nobody_and_refill_nothing() {
    let other = format!("{CONFIG}{SPARE}");
    let gateway = gateway(BINARY, CONFIG).upstream(upstream::echo()).env("FAST", "key-fast").env("OFTEN", "key-often");
    let gateway = gateway.start().await;
    let load = Load { over: Arc::default(), sent: Arc::default(), slowest_ns: Arc::default() };
    let client = gateway.client();
    let mut open = Vec::new();
    for _ in 0..CONNECTIONS {
        open.push(load.connection(client, "/open", "", &[200]).await);
    }
    let limited = [
        ("a bucket by address", 5, load.connection(client, "/burst", "", &[200, 429]).await),
        ("a quota by address", 7, load.connection(client, "/month", "", &[200, 429]).await),
        ("a plan's bucket", 9, load.connection(client, "/planned", "key-fast", &[200, 429]).await),
        ("a plan's quota", 11, load.connection(client, "/planned", "key-often", &[200, 429]).await),
    ];

    let began = now();
    reload_by_signal(&gateway, &other).await;
    let by_signal = now().since(began);
    reload_by_command(&gateway, &other).await;
    let in_all = now().since(began);

    load.over.store(true, Ordering::Relaxed);
    let mut opened = 0;
    for task in open {
        opened += task.await.unwrap();
    }
    for (what, limit, task) in limited {
        assert_eq!(task.await.unwrap(), limit, "{what}");
    }
    let sent = load.sent.load(Ordering::Relaxed);
    assert!(opened > 1_000, "too few requests to speak of a load: {opened}");
    let lines = every_line(&gateway, sent).await;
    let revisions: HashSet<&str> = lines.iter().filter_map(|line| line["configRevision"].as_str()).collect();
    assert_eq!(revisions.len(), 2, "{revisions:?}");
    println!(
        "{SIGNALS} reloads by signal in {by_signal:?}, with {COMMANDS} more by command {in_all:?}; {sent} requests on {} connections, \
         the slowest took {:?}",
        CONNECTIONS + 4,
        Duration::from_nanos(load.slowest_ns.load(Ordering::Relaxed))
    );
}

/// Each is waited for; signals that are not would be merged.
async fn reload_by_signal(gateway: &Gateway, other: &str) {
    let mut pace = interval(RELOAD_PACE);
    pace.set_missed_tick_behavior(MissedTickBehavior::Delay);
    for number in 0..SIGNALS {
        pace.tick().await;
        gateway.reload_with(if number % 2 == 0 { other } else { CONFIG }).await;
    }
}

async fn reload_by_command(gateway: &Gateway, other: &str) {
    let file = config_file(gateway);
    let first = fs::read_to_string(&file).unwrap();
    gateway.reload_with(other).await;
    let second = fs::read_to_string(&file).unwrap();
    let path = file.display().to_string();
    for number in 0..COMMANDS {
        fs::write(&file, if number % 2 == 0 { &first } else { &second }).unwrap();
        let arguments = ["reload", "--config", &path, "--wait"].map(str::to_owned);
        let ran = tokio::task::spawn_blocking(move || tollgate(&arguments)).await.unwrap().expect(0);
        assert!(ran.stdout.starts_with("loaded: revision ") && ran.stderr.is_empty(), "{ran}");
    }
}

/// Every request is in the log, though the log's handle went from snapshot to snapshot.
async fn every_line(gateway: &Gateway, sent: u64) -> Vec<Value> {
    eventually("a log line of each request", async || {
        let lines = gateway.log_lines();
        (lines.len() >= usize::try_from(sent).unwrap()).then_some(lines)
    })
    .await
}

#[tokio::test]
async fn a_signal_during_a_reload_is_not_lost() {
    let gateway = gateway(BINARY, CONFIG).upstream(upstream::echo()).env("FAST", "a").env("OFTEN", "b").start().await;
    let text = fs::read_to_string(config_file(&gateway)).unwrap();
    for round in 0..10 {
        // A burst of signals; the file changes in the middle, so one of the later ones has to see it.
        gateway.signal(Signal::SIGHUP);
        gateway.signal(Signal::SIGHUP);
        fs::write(config_file(&gateway), format!("{text}  - {{ name: round, paths: [/round-{round}] }}\n")).unwrap();
        gateway.signal(Signal::SIGHUP);
        gateway.signal(Signal::SIGHUP);
        let target = format!("/round-{round}");
        eventually("the route of the last file", async || {
            (gateway.get(&target).send().await.status == 200).then_some(())
        })
        .await;
    }
}
