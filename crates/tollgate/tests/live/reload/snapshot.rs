//! A request keeps the config it began with; the access log follows the config and the rotation.

use crate::program::{BINARY, eventually};
use serde_json::Value;
use std::fs;
use std::path::Path;
use testkit::gateway::{Gateway, Signal, gateway};
use testkit::upstream;
use tokio::task::JoinHandle;

const CONFIG: &str = r#"
upstreams: { main: { endpoints: ["{{upstream}}"] } }
defaults: { upstream: main, auth: { none: {} } }
routes:
  - { name: open, paths: [/open] }
"#;
const SLOW: &str = "  - { name: slow, paths: [/__misbehave/*] }\n";

#[tokio::test]
async fn a_request_in_flight_keeps_its_snapshot() {
    let gateway = gateway(BINARY, &format!("{CONFIG}{SLOW}")).upstream(upstream::echo()).start().await;
    let old = revision(&gateway).await;
    // Two answers: one whose head is still to come, one whose body is.
    let targets = ["/__misbehave/delay-head/2500", "/__misbehave/delay-body/2500"];
    let under_way = targets.map(|target| tokio::spawn(gateway.client().get(target).send()));
    assert!(gateway.upstream(0).wait_for(3).await);

    gateway.reload_with(CONFIG).await;
    gateway.get("/__misbehave/delay-head/1").expect_denial("path_unknown").await;
    let new = revision(&gateway).await;
    assert_ne!(old, new);

    assert!(!under_way.iter().any(JoinHandle::is_finished), "a request was over before the reload: nothing was tested");
    for (target, task) in targets.into_iter().zip(under_way) {
        let response = task.await.unwrap();
        assert!(response.status == 200 && response.cut.is_none(), "{target}: {response}");
        let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
        assert_eq!((&line["configRevision"], &line["route"]), (&old.clone().into(), &"slow".into()), "{line}");
    }
}

/// The revision that decides on a request now.
async fn revision(gateway: &Gateway) -> String {
    let response = gateway.get("/open").expect(200).await;
    let line = gateway.log_line(response.header("x-request-id").unwrap()).await;
    line["configRevision"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_access_log_moves_with_the_config_and_reopens_on_usr1() {
    let gateway = gateway(BINARY, CONFIG).upstream(upstream::echo()).start().await;
    let folder = gateway.directory().to_owned();
    let [first, second, rotated] = ["access.log", "second.log", "second.log.1"].map(|name| folder.join(name));
    logged(&gateway, &first).await;
    gateway.reload_with(&format!("accessLog: {{ path: \"{{{{dir}}}}/second.log\" }}\n{CONFIG}")).await;
    let in_first = line_count(&first);
    logged(&gateway, &second).await;
    assert_eq!(line_count(&first), in_first, "the old log still grows");

    fs::rename(&second, &rotated).unwrap();
    logged(&gateway, &rotated).await;
    assert!(!second.exists(), "nobody asked for the file to be opened again");
    gateway.signal(Signal::SIGUSR1);
    eventually("the new file", async || second.exists().then_some(())).await;
    let in_rotated = line_count(&rotated);
    logged(&gateway, &second).await;
    assert_eq!(line_count(&rotated), in_rotated, "the renamed log still grows");
    logged(&gateway, &second).await;
}

/// Sends a request and waits until its line is in this file.
async fn logged(gateway: &Gateway, file: &Path) {
    let response = gateway.get("/open").expect(200).await;
    let id = response.header("x-request-id").unwrap();
    let line = eventually(&format!("a line in {}", file.display()), async || {
        let text = fs::read_to_string(file).ok()?;
        text.lines().find(|line| line.contains(id)).map(str::to_owned)
    })
    .await;
    let line: Value = serde_json::from_str(&line).unwrap();
    assert_eq!(line["status"], 200, "{line}");
}

fn line_count(file: &Path) -> usize {
    fs::read_to_string(file).unwrap().lines().count()
}
