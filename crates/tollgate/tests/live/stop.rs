//! TERM drains, INT does not wait.

use crate::program::{BINARY, eventually, run, tollgate};
use limits::clock::now;
use std::process::Command;
use std::time::Duration;
use testkit::client::{Client, Connection};
use testkit::gateway::{Gateway, Signal, gateway};
use testkit::upstream;
use tokio::task::JoinHandle;

fn config(drain: &str) -> String {
    format!(
        "server: {{ drain: {drain} }}\n\
         upstreams: {{ main: {{ endpoints: [\"{{{{upstream}}}}\"] }} }}\n\
         defaults: {{ upstream: main, auth: {{ none: {{}} }} }}\n\
         routes:\n  - {{ name: open, paths: [/open, /__misbehave/*] }}\n"
    )
}

/// Much more than a stop may take on a slow machine, and much less than the drain time of these tests.
const SOON: Duration = Duration::from_secs(20);
const DRAIN: &str = "10m";

async fn started(drain: &str) -> Gateway {
    gateway(BINARY, &config(drain)).upstream(upstream::echo()).start().await
}

async fn refused(gateway: &Gateway) {
    let address = gateway.address("listen");
    eventually("the end of listening", async || Connection::open(address).await.is_err().then_some(())).await;
}

/// 503, or nobody there any more.
async fn unready(gateway: &Gateway) {
    let probe = Client::new(gateway.address("telemetry")).get("/readyz");
    eventually("unreadiness", async || {
        probe.try_send().await.map_or(true, |response| response.status == 503).then_some(())
    })
    .await;
}

#[tokio::test]
async fn terminate_lets_a_request_end_and_nothing_begin() {
    let gateway = started(DRAIN).await;
    let open = gateway.client().get("/open").bytes();
    let mut fresh = gateway.client().connect().await;
    let mut idle = gateway.client().connect().await;
    assert_eq!(idle.send(&open).await.status, 200);
    let slow = ["/__misbehave/delay-head/2000", "/__misbehave/delay-body/2000"];
    let slow = slow.map(|target| tokio::spawn(gateway.client().get(target).send()));
    assert!(gateway.upstream(0).wait_for(3).await);

    let began = now();
    gateway.signal(Signal::SIGTERM);
    assert!(idle.closed().await, "the idle connection stays open");
    assert!(fresh.closed().await, "the connection without a request stays open");
    refused(&gateway).await;
    unready(&gateway).await;
    assert!(!slow.iter().any(JoinHandle::is_finished), "a request was over before the drain: nothing was tested");
    for task in slow {
        let response = task.await.unwrap();
        assert!(response.status == 200 && response.cut.is_none(), "{response}");
        // The other one's head may have gone out before the drain.
        let said = response.header("connection");
        assert!(response.text() != "late" || said == Some("close"), "no word of the connection's end: {response}");
        gateway.log_line(response.header("x-request-id").unwrap()).await;
    }
    let status = gateway.ended().await;
    assert_eq!(status.code(), Some(0), "{}", gateway.said());
    assert!(now().since(began) < SOON, "nothing was left to wait for");
    assert_eq!(gateway.log_lines().len(), 3, "every request is in the log");
}

#[tokio::test]
async fn terminate_with_nothing_under_way_ends_at_once() {
    let gateway = started(DRAIN).await;
    gateway.get("/open").expect(200).await;
    let began = now();
    let status = gateway.stop().await;
    assert_eq!(status.code(), Some(0), "{}", gateway.said());
    assert!(now().since(began) < SOON);
    assert_eq!(gateway.log_lines().len(), 1);
    assert!(!gateway.directory().join("state/control.sock").exists(), "the control socket is left behind");
}

#[tokio::test]
async fn the_drain_time_is_the_longest_wait() {
    let gateway = started("1s").await;
    let never = tokio::spawn({
        let request = gateway.client().get("/__misbehave/never");
        async move { request.try_send().await }
    });
    assert!(gateway.upstream(0).wait_for(1).await);
    let began = now();
    let status = gateway.stop().await;
    assert_eq!(status.code(), Some(0), "{}", gateway.said());
    let took = now().since(began);
    assert!((Duration::from_secs(1)..SOON).contains(&took), "{took:?}");
    assert!(never.await.unwrap().is_err(), "nobody can have answered");
}

#[tokio::test]
async fn interrupt_waits_for_nobody() {
    let gateway = started(DRAIN).await;
    let never = tokio::spawn({
        let request = gateway.client().get("/__misbehave/never");
        async move { request.try_send().await }
    });
    assert!(gateway.upstream(0).wait_for(1).await);
    let began = now();
    gateway.signal(Signal::SIGINT);
    let status = gateway.ended().await;
    assert_eq!(status.code(), Some(0), "{}", gateway.said());
    assert!(now().since(began) < SOON);
    assert!(never.await.unwrap().is_err(), "nobody can have answered");
}

#[tokio::test]
async fn reloads_while_draining_change_nothing() {
    let gateway = started(DRAIN).await;
    let slow = tokio::spawn(gateway.client().get("/__misbehave/delay-head/1500").send());
    assert!(gateway.upstream(0).wait_for(1).await);
    gateway.signal(Signal::SIGTERM);
    refused(&gateway).await;
    for _ in 0..5 {
        gateway.signal(Signal::SIGHUP);
        gateway.signal(Signal::SIGUSR1);
    }
    assert_eq!(slow.await.unwrap().status, 200);
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.said());
}

#[tokio::test]
async fn a_body_that_is_on_its_way_may_arrive() {
    let gateway = started(DRAIN).await;
    let mut connection = gateway.client().connect().await;
    connection.write(b"POST /open HTTP/1.1\r\nHost: a.test\r\nContent-Length: 8\r\n\r\nhalf").await.unwrap();
    eventually("the request's way upstream", async || (gateway.upstream(0).connections() == 1).then_some(())).await;
    gateway.signal(Signal::SIGTERM);
    refused(&gateway).await;
    let response = connection.send(b"rest").await;
    assert!(response.status == 200 && response.json()["body"] == "halfrest", "{response}");
    assert!(connection.closed().await, "the connection stays open");
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.said());
}

#[tokio::test]
async fn interrupt_ends_a_drain() {
    let gateway = started(DRAIN).await;
    gateway.get("/open").expect(200).await;
    let never = tokio::spawn({
        let request = gateway.client().get("/__misbehave/never");
        async move { request.try_send().await }
    });
    assert!(gateway.upstream(0).wait_for(2).await);
    for _ in 0..3 {
        gateway.signal(Signal::SIGTERM);
        refused(&gateway).await;
    }
    unready(&gateway).await;
    let began = now();
    gateway.signal(Signal::SIGINT);
    assert_eq!(gateway.ended().await.code(), Some(0), "{}", gateway.said());
    // The client gives up after ten seconds, which would end the drain as well.
    assert!(now().since(began) < Duration::from_secs(5));
    assert!(never.await.unwrap().is_err(), "nobody can have answered");
    assert_eq!(gateway.log_lines().len(), 1, "the log is written out");
    assert!(!gateway.directory().join("state/control.sock").exists(), "the control socket is left behind");
}

/// Started by mistake beside another: it ends, and the other can be talked to as before.
#[tokio::test]
async fn a_second_gateway_leaves_the_firsts_control_socket_alone() {
    let gateway = started(DRAIN).await;
    let config = gateway.directory().join("tollgate.yaml").display().to_string();
    let (socket, asked) = (gateway.directory().join("state/control.sock"), config.clone());
    let second = tokio::task::spawn_blocking(move || tollgate(&["run", "--config", &config])).await.unwrap().expect(2);
    assert!(second.stderr.contains("cannot listen on"), "{second}");
    assert!(socket.exists(), "{second}");
    tokio::task::spawn_blocking(move || tollgate(&["reload", "--config", &asked, "--wait"])).await.unwrap().expect(0);
}

/// The config has become a pipe that nobody writes to: the reload waits, the signals do not.
#[tokio::test]
async fn a_reload_that_waits_for_its_file_holds_up_no_stop() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let gateway = started(DRAIN).await;
        let config = gateway.directory().join("tollgate.yaml");
        let pipe = gateway.directory().join("pipe");
        let made = pipe.clone();
        tokio::task::spawn_blocking(move || run(Command::new("mkfifo").arg(&made)).expect(0)).await.unwrap();
        std::fs::rename(&pipe, &config).unwrap();
        gateway.signal(Signal::SIGHUP);
        eventually("the reload's wait", async || is_read(&config).then_some(())).await;
        gateway.get("/open").expect(200).await;
        gateway.signal(signal);
        assert_eq!(gateway.ended().await.code(), Some(0), "{signal}: {}", gateway.said());
    }
}

/// Whether somebody has this pipe open to read from it. Whoever does gets no byte by this, and no end while it looks.
fn is_read(pipe: &std::path::Path) -> bool {
    use std::os::unix::fs::OpenOptionsExt as _;
    const O_NONBLOCK: i32 = 0o4000;
    std::fs::OpenOptions::new().write(true).custom_flags(O_NONBLOCK).open(pipe).map(std::mem::forget).is_ok()
}
