//! `tollgate denials` and `tollgate requests` on a running gateway.

use crate::program::{BINARY, Folder, Ran, Running, eventually, tollgate};
use serde_json::{Value, json};
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Duration;
use testkit::gateway::{Gateway, gateway};
use testkit::upstream;

const CONFIG: &str = r#"
upstreams:
  main: { endpoints: ["{{upstream}}"] }
  # Port 1 is below those that tests hand out: another test cannot come to listen there.
  dead: { endpoints: ["127.0.0.1:1"] }
plans: { free: { routes: ["*"] } }
consumers: [{ id: acme, plan: free, apiKeys: [{ value: key-of-acme }] }]
defaults: { upstream: main, auth: { none: {} } }
routes:
  - { name: orders, paths: [/orders/*], auth: { apiKey: {} } }
  - { name: slow, paths: [/slow/*], auth: { apiKey: {} }, rateLimit: { requestsPerSecond: 0.01, burst: 1 } }
  - { name: watched, paths: [/watched], rateLimit: { requestsPerSecond: 0.01, burst: 1, key: route, mode: dryRun } }
  - { name: dead, paths: [/dead], upstream: dead }
"#;

async fn start() -> Gateway {
    gateway(BINARY, CONFIG).upstream(upstream::echo()).start().await
}

fn ask(gateway: &Gateway, command: &str, arguments: &[&str]) -> Ran {
    let config = gateway.directory().join("tollgate.yaml").display().to_string();
    tollgate(&[&[command, "--config", &config], arguments].concat())
}

fn listed(gateway: &Gateway, arguments: &[&str]) -> Vec<Value> {
    let ran = ask(gateway, "denials", &[&["--format", "json"], arguments].concat()).expect(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The ID of a request that got this status. A record is made after the answer, so its log line is waited for: it comes later still.
async fn send(gateway: &Gateway, target: &str, key: &str, status: u16) -> String {
    let response = gateway.get(target).header("x-api-key", key).expect(status).await;
    response.header("x-request-id").unwrap().to_owned()
}

/// Until so many records are kept.
async fn kept(gateway: &Gateway, count: usize) -> Vec<Value> {
    eventually("the records", async || Some(listed(gateway, &[])).filter(|found| found.len() == count)).await
}

fn of<'v>(records: &'v [Value], id: &str) -> &'v Value {
    records.iter().find(|record| record["requestId"] == id).unwrap_or_else(|| panic!("{id} in {records:?}"))
}

#[tokio::test]
async fn each_refusal_and_failure_is_listed_and_nothing_else() {
    let gateway = start().await;
    assert_eq!(
        ask(&gateway, "denials", &[]).expect(0).stderr,
        "nothing was refused and nothing failed since the gateway started\n"
    );
    send(&gateway, "/orders/1", "key-of-acme", 200).await;
    let unknown = send(&gateway, "/orders/2?token=hidden", "wrong", 401).await;
    let lost = send(&gateway, "/nowhere", "", 404).await;
    let dead = send(&gateway, "/dead", "", 502).await;
    send(&gateway, "/watched", "", 200).await;
    let watched = send(&gateway, "/watched", "", 200).await;
    send(&gateway, "/slow/a", "key-of-acme", 200).await;
    let throttled = send(&gateway, "/slow/a", "key-of-acme", 429).await;
    let garbled = gateway.send(b"GET /\x1b HTTP/1.1\r\nHost: a\r\n\r\n").await;
    assert_eq!(garbled.status, 400);
    let records = kept(&gateway, 6).await;
    assert!(records.is_sorted_by_key(|record| record["time"].as_str().unwrap()), "oldest first: {records:?}");
    // With the one that has no ID that a client would know.
    for id in [&unknown, &lost, &dead, &watched, &throttled] {
        of(&records, id);
    }

    let record = of(&records, &unknown);
    let text = record.to_string();
    assert!(!text.contains("hidden") && !text.contains("wrong"), "{text}");
    assert_eq!(record["denied"]["kind"], "api_key_invalid", "{text}");
    assert_eq!(record["denied"]["reason"], "key_unknown", "{text}");
    assert_eq!((&record["path"], &record["route"]), (&json!("/orders/2"), &json!("orders")), "{text}");
    assert_eq!((&record["status"], &record["client"]), (&json!(401), &json!("127.0.0.1")), "{text}");

    let record = of(&records, &throttled);
    assert_eq!((&record["consumer"], &record["plan"]), (&json!("acme"), &json!("free")), "{record}");
    assert_eq!(record["denied"]["policy"], "routes.slow.rateLimit", "{record}");
    assert!(record["denied"]["place"].as_str().unwrap().starts_with("tollgate.yaml:"), "{record}");
    assert_eq!(record["denied"]["retryAfterSeconds"], 100, "{record}");

    let record = of(&records, &watched);
    assert_eq!((&record["status"], &record["denied"]), (&json!(200), &Value::Null), "{record}");
    assert_eq!(record["wouldDeny"][0]["policy"], "routes.watched.rateLimit", "{record}");

    let record = of(&records, &dead);
    assert_eq!(record["denied"]["reason"], "connection_refused", "{record}");
    assert_eq!((&record["upstream"], &record["attempts"]), (&json!("dead"), &json!(1)), "{record}");
    assert!(records.iter().any(|record| record["denied"]["kind"] == "bad_request"), "{records:?}");
}

#[tokio::test]
async fn filters_leave_what_was_asked_for() {
    let gateway = start().await;
    send(&gateway, "/slow/a", "key-of-acme", 200).await;
    send(&gateway, "/slow/a", "key-of-acme", 429).await;
    for _ in 0..2 {
        send(&gateway, "/watched", "", 200).await;
        send(&gateway, "/orders/2", "wrong", 401).await;
    }
    kept(&gateway, 4).await;
    for (arguments, count) in [
        (&["--reason", "throttling_limit_reached"][..], 2),
        (&["--reason", "key_unknown"], 2),
        (&["--reason", "api_key_invalid"], 2),
        (&["--reason", "api_key_invalid", "--limit", "1"], 1),
        (&["--reason", "quota_exceeded"], 0),
        (&["--route", "slow"], 1),
        (&["--consumer", "acme"], 1),
        (&["--consumer", "nobody"], 0),
        (&["--client", "127.0.0.1"], 4),
        (&["--client", "192.0.2.1"], 0),
        (&["--route", "orders", "--consumer", "acme"], 0),
    ] {
        assert_eq!(listed(&gateway, arguments).len(), count, "{arguments:?}");
    }
    let cut = ask(&gateway, "denials", &["--limit", "1"]).expect(0);
    assert_eq!((cut.stdout.lines().count(), &*cut.stderr), (2, "the newest 1 of 4; --limit N shows more\n"), "{cut}");
    let none = ask(&gateway, "denials", &["--route", "orders", "--consumer", "acme"]).expect(0);
    assert_eq!((&*none.stdout, &*none.stderr), ("", "none of the 4 records that are kept fits\n"));
    let route = ask(&gateway, "denials", &["--route", "slo"]).expect(2);
    assert!(route.stderr.contains("the gateway has no route slo; did you mean slow?"), "{route}");
    let reason = ask(&gateway, "denials", &["--reason", "quota_exceded"]).expect(2);
    assert!(reason.stderr.contains("did you mean quota_exceeded?"), "{reason}");
}

/// More than a storm needs: on a busy machine a gap may happen to look like patience.
const MANY: usize = 20;

#[tokio::test]
async fn a_storm_is_one_line_that_says_so() {
    let gateway = start().await;
    send(&gateway, "/orders/2", "wrong", 401).await;
    send(&gateway, "/slow/a", "key-of-acme", 200).await;
    for _ in 0..MANY {
        send(&gateway, "/slow/a", "key-of-acme", 429).await;
    }
    let records = kept(&gateway, MANY + 1).await;
    let looping: Vec<&Value> = records.iter().filter(|record| record["retry"]["habit"] == "looping").collect();
    // Two workers may end two calls in another order than they began.
    let tries: Vec<u64> = looping.iter().map(|record| record["retry"]["tries"].as_u64().unwrap()).collect();
    assert!(tries.len() >= 2 && tries.iter().all(|tries| *tries > 2), "{records:?}");
    let text = ask(&gateway, "denials", &[]).expect(0).stdout;
    let rows: Vec<&str> = text.lines().collect();
    let storms: Vec<&&str> = rows.iter().filter(|row| row.contains("LOOPING")).collect();
    assert_eq!(storms.len(), 1, "{text}");
    let told = tries.iter().any(|tries| storms[0].contains(&format!("LOOPING: {tries} tries in ")));
    assert!(told && storms[0].contains("acme"), "{text}");
    assert_eq!(rows.len(), 1 + records.len() - looping.len() + 1, "{text}");
}

#[tokio::test]
async fn one_request_is_told_in_full() {
    let gateway = start().await;
    let dead = send(&gateway, "/dead", "", 502).await;
    send(&gateway, "/slow/a", "key-of-acme", 200).await;
    let throttled = send(&gateway, "/slow/a", "key-of-acme", 429).await;
    kept(&gateway, 2).await;
    let tail: String = throttled.chars().skip(24).collect();
    for name in [&throttled, &tail] {
        let text = ask(&gateway, "requests", &[name]).expect(0).stdout;
        for line in [
            &*format!("request   {throttled}\n"),
            "route     slow\ncaller    acme, plan free\nanswered  429 throttling_limit_reached, after ",
            "by        routes.slow.rateLimit, tollgate.yaml:",
            "again in  1 min 40 s\nupstream  not turned to\n",
        ] {
            assert!(text.contains(line), "{line:?} in\n{text}");
        }
    }
    let text = ask(&gateway, "requests", &[&dead]).expect(0).stdout;
    assert!(text.contains("502 upstream_connect_failed, because of connection_refused"), "{text}");
    assert!(text.contains("upstream  upstream dead (127.0.0.1:"), "{text}");
    let unknown = ask(&gateway, "requests", &["no-such-request"]).expect(1);
    assert!(unknown.stderr.contains("no record of it"), "{unknown}");
}

#[tokio::test]
async fn who_follows_is_told_of_what_comes_until_the_gateway_ends() {
    let gateway = start().await;
    send(&gateway, "/nowhere/before", "", 404).await;
    kept(&gateway, 1).await;
    let folder = Folder::new();
    let (out, err) = (folder.path.join("out"), folder.path.join("err"));
    let follower = Command::new(BINARY)
        .args(["denials", "--follow", "--reason", "path_unknown", "--config"])
        .arg(gateway.directory().join("tollgate.yaml"))
        .stdin(Stdio::null())
        .stdout(File::create(&out).unwrap())
        .stderr(File::create(&err).unwrap())
        .spawn()
        .unwrap();
    let mut follower = Running(follower);
    let said = |what: &'static str| {
        let out = out.clone();
        eventually(what, async move || fs::read_to_string(&out).ok().filter(|text| text.contains(what)))
    };
    said("/nowhere/before").await;
    send(&gateway, "/orders/2", "wrong", 401).await;
    send(&gateway, "/nowhere/after", "", 404).await;
    let text = said("/nowhere/after").await;
    assert!(text.starts_with("TIME") && text.lines().count() == 3 && !text.contains("key_unknown"), "{text}");
    assert!(gateway.stop().await.success());
    let status = eventually("its end", async || follower.0.try_wait().unwrap()).await;
    assert_eq!((status.code(), fs::read_to_string(&err).unwrap().as_str()), (Some(0), "the gateway has ended\n"));
}

#[tokio::test]
async fn only_so_many_may_follow_and_who_leaves_makes_room() {
    let gateway = start().await;
    let follow = || {
        let mut stream = UnixStream::connect(gateway.directory().join("state/control.sock")).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(b"{\"records\":{\"which\":{},\"limit\":1,\"fold\":true,\"follow\":true}}\n").unwrap();
        let mut line = String::new();
        let mut stream = BufReader::new(stream);
        stream.read_line(&mut line).unwrap();
        (stream, line)
    };
    let mut followers: Vec<_> = (0..8).map(|_| follow()).collect();
    assert!(followers.iter().all(|(_, line)| line.starts_with("{\"end\":")), "{followers:?}");
    assert_eq!(follow().1, "{\"refused\":\"as many follow already as may\"}\n");
    followers.pop();
    eventually("room", async || follow().1.starts_with("{\"end\":").then_some(())).await;
}
