//! The command line, as somebody types it who has to know or to help.

use super::{CONFIG, built, call, quota, used};
use serde_json::Value;

#[tokio::test]
async fn list_names_what_is_counted_and_shows_no_secret() {
    let gateway = built(CONFIG).start().await;
    call(&gateway, "acme", 2).await;
    call(&gateway, "bolt", 1).await;
    gateway.get("/tenant").header("x-tenant", "a secret").expect(200).await;
    let all = quota(&gateway, &["list"]).expect(0);
    let columns = |line: &str| line.split_whitespace().skip(1).map(str::to_owned).collect::<Vec<_>>().join(" ");
    let lines: Vec<String> = all.stdout.lines().map(columns).collect();
    assert_eq!(lines[0], "POLICY PER BY VALUE CONSUMER USED LIMIT ENDS");
    assert!(lines[1].starts_with("plans.free.quota month consumerId acme acme 2 1000000 2"), "{all}");
    assert!(lines[2].starts_with("plans.free.quota month consumerId bolt bolt 1 1000000 2"), "{all}");
    // printf %s 'a secret' | sha256sum | cut -c1-16
    assert!(lines[3].starts_with("routes.tenant.quota month header:x-tenant sha256:984ca5162200734c - 1 3 2"), "{all}");
    assert_eq!(lines.len(), 4, "{all}");
    for filter in [["--consumer", "bolt"], ["--policy", "routes.tenant.quota"]] {
        assert_eq!(quota(&gateway, &["list", filter[0], filter[1]]).expect(0).stdout.lines().count(), 2);
    }
    let none = quota(&gateway, &["list", "--consumer", "nobody"]).expect(0);
    assert_eq!((&*none.stdout, &*none.stderr), ("", "nothing is counted that fits\n"));
}

#[tokio::test]
async fn show_tells_one_counter_in_full() {
    let gateway = built(CONFIG).start().await;
    call(&gateway, "acme", 2).await;
    let shown = quota(&gateway, &["show", "--consumer", "acme", "--format", "json"]).expect(0);
    let counters: Vec<Value> = serde_json::from_str(&shown.stdout).unwrap();
    let id = counters[0]["id"].as_str().unwrap();
    assert_eq!(id.len(), 32);
    let short: String = id.chars().take(10).collect();
    for name in [id, &short, &short.to_uppercase()] {
        let text = quota(&gateway, &["show", name]).expect(0).stdout;
        assert!(text.starts_with(&format!("id        {id}\npolicy    plans.free.quota\n")), "{text}");
        assert!(text.contains("used      2 (2 of 1000000, 999998 left)\nperiod    month, from 2"), "{text}");
    }
    assert_eq!(quota(&gateway, &["show", "zz"]).expect(1).stderr, "no counter fits\n");
    let nothing = quota(&gateway, &["show"]).expect(2);
    assert!(nothing.stderr.contains("Give an ID, --policy or --consumer"), "{nothing}");
}

#[tokio::test]
async fn reset_names_what_it_reset_and_it_stays_reset() {
    let gateway = built(CONFIG).start().await;
    call(&gateway, "acme", 3).await;
    call(&gateway, "bolt", 1).await;
    let reset = quota(&gateway, &["reset", "--consumer", "acme"]).expect(0);
    assert!(reset.stdout.starts_with("reset "), "{reset}");
    assert!(reset.stdout.ends_with(": plans.free.quota of consumerId acme, 3 used this month\n"), "{reset}");
    assert_eq!((reset.stdout.lines().count(), &*reset.stderr), (1, ""));
    assert_eq!((used(&gateway, "acme"), used(&gateway, "bolt")), (0, 1));
    call(&gateway, "acme", 1).await;
    let again = quota(&gateway, &["reset", "--consumer", "acme", "--format", "json"]).expect(0);
    let counters: Vec<Value> = serde_json::from_str(&again.stdout).unwrap();
    assert_eq!((counters.len(), &counters[0]["used"]), (1, &Value::from(1)));
    // Written before the command came back: a crash does not undo it.
    gateway.kill().await;
    gateway.start_again().await;
    assert_eq!((used(&gateway, "acme"), used(&gateway, "bolt")), (0, 1));
    assert_eq!(
        quota(&gateway, &["reset", "--consumer", "acme"]).expect(1).stderr,
        "no counter fits: nothing was reset\n"
    );
    assert!(quota(&gateway, &["reset"]).expect(2).stderr.contains("which counters?"));
    assert_eq!(used(&gateway, "bolt"), 1, "a reset that names nothing resets nothing");
}

#[tokio::test]
async fn a_reset_by_an_id_that_names_several_is_refused() {
    let gateway = built(CONFIG).start().await;
    // Of 17 IDs two begin with the same digit.
    for number in 0..17 {
        gateway.get("/tenant").header("x-tenant", &number.to_string()).expect(200).await;
    }
    let exported = quota(&gateway, &["export"]).expect(0).stdout;
    let rows: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let count = |digit: char| rows.iter().filter(|row| row["id"].as_str().unwrap().starts_with(digit)).count();
    let twice = ('0'..='9').chain('a'..='f').find(|digit| count(*digit) > 1).unwrap();
    let refused = quota(&gateway, &["reset", &twice.to_string()]).expect(2);
    assert!(refused.stderr.contains(&format!("counters have an id that begins with {twice}")), "{refused}");
    assert_eq!(quota(&gateway, &["export"]).expect(0).stdout, exported);
}

#[tokio::test]
async fn export_is_one_object_a_line() {
    let gateway = built(CONFIG).start().await;
    call(&gateway, "acme", 2).await;
    call(&gateway, "bolt", 1).await;
    let exported = quota(&gateway, &["export"]).expect(0).stdout;
    let rows: Vec<Value> = exported.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let told: Vec<_> =
        rows.iter().map(|row| (row["consumer"].as_str().unwrap(), row["used"].as_u64().unwrap())).collect();
    assert_eq!(told, [("acme", 2), ("bolt", 1)]);
    let mut keys: Vec<&str> = rows[0].as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["by", "consumer", "ends", "id", "limit", "per", "policy", "starts", "used", "value"]);
}

#[tokio::test]
async fn without_a_gateway_there_is_nobody_to_ask() {
    let gateway = built(CONFIG).start().await;
    gateway.stop().await;
    for command in [&["list"][..], &["export"], &["show", "0"], &["reset", "0"]] {
        let ran = quota(&gateway, command).expect(2);
        assert!(ran.stderr.contains("no gateway answers at "), "{ran}");
    }
}
