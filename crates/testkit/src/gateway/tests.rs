//! The handle, tested on `examples/fake_gateway.rs`, which `cargo test` builds along.

use super::*;
use crate::upstream::echo;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::task::Poll;

fn fake(config: &str) -> Builder {
    let test = std::env::current_exe().unwrap();
    let program = test.ancestors().nth(2).unwrap().join("examples/fake_gateway");
    assert!(program.exists(), "{} is built by `cargo test` and `cargo nextest run`", program.display());
    gateway(program, config)
}

/// Whether a step of a test ends in a panic.
async fn fails(step: impl Future) -> bool {
    let mut step = Box::pin(step);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| step.as_mut().poll(context).is_ready()));
        match polled {
            Ok(true) => Poll::Ready(false),
            Ok(false) => Poll::Pending,
            Err(_) => Poll::Ready(true),
        }
    })
    .await
}

#[tokio::test]
async fn a_gateway_starts_reloads_and_ends() {
    let gate = fake("upstream: {{upstream}}\n").upstream(echo()).file("keys/a.pem", "key").start().await;
    assert_eq!(std::fs::read_to_string(gate.directory().join("keys/a.pem")).unwrap(), "key");
    let config = std::fs::read_to_string(gate.directory().join(config::FILE)).unwrap();
    assert!(config.ends_with(&format!("upstream: {}\n", gate.upstream(0).address())), "{config}");
    gate.reload_with("another: 1\n").await;
    gate.reload_with("another: 1\n").await;
    gate.reload_refused_with("broken: 1\n").await;
    gate.reload_refused_with("broken: 1\n").await;
    assert!((gate.metric("tollgate_config_info", &[("revision", "r3")]).await - 1.0).abs() < 1e-9);
    gate.reload_with("another: 1\n").await;
    assert!(fails(gate.reload_refused_with("another: 1\n")).await);
    assert!(gate.stop().await.success());
}

#[tokio::test]
async fn a_refusal_is_looked_up_in_the_log() {
    let gate = fake("").start().await;
    gate.get("/x").expect(401).await;
    let response = gate.post("/x", "body").header("X-A", "1").expect_denial("api_key_missing").await;
    assert_eq!(response.header("x-request-id"), Some("id-2"));
    assert_eq!(gate.log_lines().len(), 2);
    assert!(fails(gate.get("/x").expect_denial("api_key_invalid")).await);
    assert!(fails(gate.get("/x").expect(200)).await);
}

#[tokio::test]
async fn a_gateway_that_does_not_start_fails_the_test() {
    assert!(fails(fake("broken: 1\n").start()).await);
    assert!(fails(gateway("/does/not/exist", "").start()).await);
}

#[tokio::test]
async fn nothing_is_left_behind() {
    let gate = fake("").start().await;
    let (directory, address) = (gate.directory().to_owned(), gate.address("listen"));
    drop(gate);
    assert!(!directory.exists());
    assert!(std::net::TcpStream::connect(address).is_err());
}
