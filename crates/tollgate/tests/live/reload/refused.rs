//! A config that is not taken: the old one serves on, and everybody who could ask is told why.

use super::config_file;
use crate::program::{BINARY, Ran, tollgate};
use std::fs;
use testkit::gateway::{Gateway, gateway};
use testkit::upstream;

const CONFIG: &str = r#"
upstreams: { main: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: main, auth: { none: {} } }
routes:
  - { name: open, paths: [/open] }
"#;

async fn started() -> Gateway {
    gateway(BINARY, CONFIG).upstream(upstream::echo()).start().await
}

async fn reload_and_wait(gateway: &Gateway) -> Ran {
    let path = config_file(gateway).display().to_string();
    let arguments = ["reload", "--config", &path, "--wait"].map(str::to_owned);
    tokio::task::spawn_blocking(move || tollgate(&arguments)).await.unwrap()
}

async fn last_reload_successful(gateway: &Gateway) -> bool {
    gateway.metric("tollgate_config_last_reload_successful", &[]).await > 0.5
}

/// The gateway takes nothing of the config and says `what`, to whoever asks and in its log.
async fn check_refused(gateway: &Gateway, config: &str, what: &str) {
    let said = gateway.said().len();
    gateway.reload_refused_with(config).await;
    let log = gateway.said().split_off(said);
    assert!(log.contains("config not loaded, the old one keeps serving") && log.contains(what), "{what}: {log}");
    let ran = reload_and_wait(gateway).await.expect(1);
    assert!(ran.stdout.starts_with("not loaded: revision ") && ran.stderr.contains(what), "{what}: {ran}");
    assert!(!last_reload_successful(gateway).await, "{what}");
    gateway.get("/open").expect(200).await;
    gateway.get("/new").expect(404).await;
}

#[tokio::test]
async fn a_bad_file_leaves_the_old_one_serving_and_says_why() {
    let gateway = started().await;
    let new = "  - { name: new, paths: [/new] }\n";
    check_refused(&gateway, &format!("{CONFIG}{new}    nonsense: [\n"), "error").await;
    check_refused(&gateway, &format!("{CONFIG}{new}  - {{ name: x, paths: [/x], upstream: nobody }}\n"), "nobody")
        .await;
    check_refused(&gateway, &format!("{CONFIG}{new}unknownKey: 1\n"), "unknownKey").await;
    check_refused(&gateway, &format!("{CONFIG}{new}accessLog: {{ path: /nonexistent/folder/log }}\n"), "access log")
        .await;
    // All mistakes at once.
    let two = format!("{CONFIG}{new}unknownKey: 1\nanotherKey: 2\n");
    check_refused(&gateway, &two, "anotherKey").await;
    gateway.reload_with(&format!("{CONFIG}{new}")).await;
    assert!(last_reload_successful(&gateway).await);
    gateway.get("/new").expect(200).await;
}

#[tokio::test]
async fn what_cannot_change_while_running_is_refused_by_name() {
    let gateway = started().await;
    let new = "  - { name: new, paths: [/new] }\n";
    let check = async |section: &str, what: &str| {
        check_refused(
            &gateway,
            &format!("{section}{CONFIG}{new}"),
            &format!("{what} cannot change while the gateway runs"),
        )
        .await;
    };
    check("listeners: [{ address: \"{{listen2}}\" }]\n", "listeners").await;
    check("listeners: [{ address: \"{{listen}}\" }, { address: \"{{listen2}}\" }]\n", "listeners").await;
    check("telemetry: { address: \"{{telemetry2}}\" }\n", "telemetry.address").await;
    check("server: { threads: 3 }\n", "server.threads").await;
    check("server: { drain: 17s }\n", "server.drain").await;
}

#[tokio::test]
async fn a_file_that_is_gone_is_refused_and_its_return_taken() {
    let gateway = started().await;
    let file = config_file(&gateway);
    let text = fs::read_to_string(&file).unwrap();
    fs::remove_file(&file).unwrap();
    gateway.signal(testkit::gateway::Signal::SIGHUP);
    crate::program::eventually("the refusal", async || (!last_reload_successful(&gateway).await).then_some(())).await;
    gateway.get("/open").expect(200).await;
    fs::write(&file, format!("{text}  - {{ name: new, paths: [/new] }}\n")).unwrap();
    let ran = reload_and_wait(&gateway).await.expect(0);
    assert!(ran.stdout.starts_with("loaded: revision "), "{ran}");
    gateway.get("/new").expect(200).await;
}

#[tokio::test]
async fn without_wait_a_reload_is_only_asked_for() {
    let gateway = started().await;
    let file = config_file(&gateway);
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, format!("{text}  - {{ name: new, paths: [/new] }}\n")).unwrap();
    let path = file.display().to_string();
    let ran = tokio::task::spawn_blocking(move || tollgate(&["reload", "--config", &path])).await.unwrap().expect(0);
    assert!(ran.stdout.contains("reload asked for"), "{ran}");
    crate::program::eventually("the new route", async || {
        (gateway.get("/new").send().await.status == 200).then_some(())
    })
    .await;
    // Somebody who does not wait for the verdict is no trouble.
    assert!(!gateway.said().contains("WARN"), "{}", gateway.said());
}

/// The file is asked of the system after the log is opened, and there cannot be one: its place is taken by a folder.
#[tokio::test]
async fn a_refused_reload_leaves_its_access_log_to_nobody() {
    let gateway = started().await;
    fs::create_dir_all(gateway.directory().join("state/quota.lock")).unwrap();
    let other = gateway.directory().join("other.log");
    let elsewhere = format!("{CONFIG}accessLog: {{ path: {} }}\n", other.display());
    let quota = "    quota: { limit: 5, per: day, key: ip }\n";
    let config = elsewhere
        .replace("  - { name: open, paths: [/open] }\n", &format!("  - name: open\n    paths: [/open]\n{quota}"));
    check_refused(&gateway, &config, "counts cannot be kept").await;
    gateway.reload_with(CONFIG).await;
    let response = gateway.get("/open").expect(200).await;
    gateway.log_line(response.header("x-request-id").unwrap()).await;
    assert_eq!(fs::read_to_string(&other).unwrap_or_default(), "");
}
