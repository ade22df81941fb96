//! What operators and disks do to the file, and what the gateway says of it.

use super::{CONFIG, built, call, used};
use crate::program::{BINARY, Ran, eventually, run};
use std::fs;
use std::process::Command;
use testkit::gateway::Gateway;

fn names(gateway: &Gateway) -> Vec<String> {
    let entries = fs::read_dir(gateway.directory().join("state")).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// A second process of the same config, which is expected to end.
fn second(gateway: &Gateway) -> Ran {
    run(Command::new(BINARY).args(["run", "--config", "tollgate.yaml"]).current_dir(gateway.directory()))
}

/// The config with its quotas taken out.
fn without_quotas() -> String {
    let quotas =
        [", quota: { limit: 1000000, per: month }", ", quota: { limit: 3, per: month, key: \"header:X-Tenant\" }"];
    let without = quotas.iter().fold(CONFIG.to_owned(), |config, quota| config.replace(quota, ""));
    assert!(!without.contains("quota"), "{without}");
    without
}

#[tokio::test]
async fn a_config_without_quotas_has_no_file_until_one_with_quotas_comes() {
    let without = without_quotas();
    let gateway = built(&without).start().await;
    assert_eq!(names(&gateway), ["control.sock"]);
    gateway.reload_with(CONFIG).await;
    call(&gateway, "acme", 2).await;
    assert_eq!(names(&gateway), ["control.sock", "quota.lock", "quota.redb"]);
    gateway.reload_with(&without).await;
    call(&gateway, "acme", 2).await;
    gateway.reload_with(CONFIG).await;
    gateway.stop().await;
    gateway.start_again().await;
    assert_eq!(used(&gateway, "acme"), 2, "what was used before the quota was away");
}

#[tokio::test]
async fn a_reload_that_cannot_keep_its_counts_is_refused() {
    let gateway = built(&without_quotas()).start().await;
    fs::create_dir_all(gateway.directory().join("state/quota.redb")).unwrap();
    gateway.reload_refused_with(CONFIG).await;
    assert!(gateway.said().contains("their counts cannot be kept"), "{}", gateway.said());
    gateway.get("/open").header("x-api-key", "key-of-acme").expect(200).await;
}

#[tokio::test]
async fn a_second_process_is_told_that_there_is_a_first() {
    let gateway = built(CONFIG).start().await;
    let ran = second(&gateway).expect(2);
    assert!(ran.stderr.contains("another process keeps its counts in "), "{ran}");
    call(&gateway, "acme", 1).await;
    assert_eq!(used(&gateway, "acme"), 1);
}

#[tokio::test]
async fn a_folder_that_cannot_be_written_is_an_error_at_the_start() {
    let gateway = built(CONFIG).start().await;
    gateway.stop().await;
    let state = gateway.directory().join("state");
    fs::remove_dir_all(&state).unwrap();
    fs::write(&state, "in the way").unwrap();
    let ran = second(&gateway).expect(2);
    assert!(ran.stderr.contains("this config has quotas, and their counts cannot be kept: the folder "), "{ran}");
    assert!(ran.stderr.contains("state cannot be written (server.stateDir)"), "{ran}");
}

#[tokio::test]
async fn a_damaged_file_is_set_aside_loudly() {
    let gateway = built(CONFIG).start().await;
    call(&gateway, "acme", 2).await;
    gateway.stop().await;
    let file = gateway.directory().join("state/quota.redb");
    let half = fs::read(&file).unwrap().len() / 2;
    fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(u64::try_from(half).unwrap()).unwrap();
    gateway.start_again().await;
    assert!(gateway.said().contains("the file of quota counts is damaged: it was set aside"), "{}", gateway.said());
    assert!(gateway.metric("tollgate_store_errors_total", &[("error", "damaged")]).await > 0.0);
    let aside: Vec<_> = names(&gateway).into_iter().filter(|name| name.starts_with("quota.redb.damaged-2")).collect();
    assert_eq!(aside.len(), 1, "{:?}", names(&gateway));
    assert_eq!(fs::metadata(file.with_file_name(&aside[0])).unwrap().len(), u64::try_from(half).unwrap());
    call(&gateway, "acme", 1).await;
    assert_eq!(used(&gateway, "acme"), 1);
}

/// The file goes while the gateway runs, and cannot come back: it serves on, stays ready, says so once, and recovers by itself.
#[tokio::test]
async fn a_file_that_cannot_be_written_costs_no_request_and_no_count() {
    let gateway = built(CONFIG).start().await;
    call(&gateway, "acme", 2).await;
    let file = gateway.directory().join("state/quota.redb");
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    call(&gateway, "acme", 2).await;
    eventually("two failures", async || {
        (gateway.metric("tollgate_store_errors_total", &[("error", "write")]).await > 1.0).then_some(())
    })
    .await;
    call(&gateway, "acme", 2).await;
    let probe = testkit::client::Client::new(gateway.address("telemetry")).get("/readyz").send().await;
    assert_eq!(probe.status, 200);
    assert_eq!(gateway.said().matches("quota counts cannot be written").count(), 1, "{}", gateway.said());
    fs::remove_dir(&file).unwrap();
    eventually("the recovery", async || gateway.said().contains("quota counts are written again").then_some(())).await;
    gateway.kill().await;
    gateway.start_again().await;
    assert_eq!(used(&gateway, "acme"), 6);
}
