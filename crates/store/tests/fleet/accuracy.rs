//! How much four nodes admit under skewed load.

#![expect(clippy::cast_precision_loss, reason = "figures")]

use crate::nodes::{Node, four, is_counted, quota, rate, settings, skewed, until};
use limits::bucket::{Meter, Take};
use limits::clock::now;
use limits::shared::{Charge, Limit, Sync};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use testkit::redis::RedisServer;
use tokio::task::JoinSet;

/// All at once, over all nodes.
async fn flood(nodes: &[Node; 4], charge: Charge, requests: usize) -> usize {
    let mut tasks = JoinSet::new();
    for number in 0..requests {
        let fleet = Arc::clone(&skewed(nodes, number).fleet);
        tasks.spawn(async move { is_counted(fleet.charge(charge, now()).await) });
    }
    tasks.join_all().await.into_iter().filter(|granted| *granted).count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_nodes_grant_exactly_an_exact_limit() {
    let server = RedisServer::start().await;
    let nodes = four(&settings(server.address())).await;
    assert_eq!(flood(&nodes, quota(1, 700, Sync::Exact), 3_000).await, 700);
    assert_eq!(flood(&nodes, rate(2, 1, 700, Sync::Exact), 3_000).await, 700);
    assert_eq!(nodes.iter().map(|node| node.seen.alone.load(Ordering::Relaxed)).sum::<u64>(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn four_nodes_never_grant_more_than_a_leased_limit_and_in_the_end_all_of_it() {
    let server = RedisServer::start().await;
    let nodes = four(&settings(server.address())).await;
    for charge in [quota(1, 2_000, Sync::Lease), rate(2, 1, 2_000, Sync::Lease)] {
        let granted = Cell::new(flood(&nodes, charge, 6_000).await);
        // What one holds and does not use comes back to the others.
        until("98 % of the limit", async || {
            granted.set(granted.get() + flood(&nodes, charge, 100).await);
            granted.get() >= 1_960
        })
        .await;
        granted.set(granted.get() + flood(&nodes, charge, 500).await);
        assert!(granted.get() <= 2_000, "{charge:?}: {}", granted.get());
    }
}

/// So many requests a second for so long, one after the other by the clock; how many were admitted, and how many one meter for all
/// would have admitted at the same instants.
async fn paced(nodes: &[Node; 4], charge: Charge, per_second: u64, lasting: Duration) -> (u64, u64) {
    let Limit::Rate(rate) = charge.limit else { panic!("no rate") };
    let (mut meter, mut ideal, mut sent) = (Meter::default(), 0, 0);
    let admitted = Arc::new(AtomicU64::new(0));
    let mut tasks = JoinSet::new();
    let began = now();
    let mut ticks = tokio::time::interval(Duration::from_millis(1));
    loop {
        ticks.tick().await;
        let at = now();
        let passed = at.since(began);
        if passed > lasting {
            break;
        }
        let due = per_second * u64::try_from(passed.as_micros()).expect("short") / 1_000_000;
        while sent < due {
            ideal += u64::from(matches!(meter.take(rate, at.monotonic_ns), Take::Granted(_)));
            let fleet = Arc::clone(&skewed(nodes, usize::try_from(sent).expect("few")).fleet);
            let admitted = Arc::clone(&admitted);
            tasks.spawn(async move {
                admitted.fetch_add(u64::from(is_counted(fleet.charge(charge, at).await)), Ordering::Relaxed);
            });
            sent += 1;
        }
        while tasks.try_join_next().is_some() {}
    }
    tasks.join_all().await;
    (admitted.load(Ordering::Relaxed), ideal)
}

async fn accuracy(sync: Sync, per_second: u64) {
    let server = RedisServer::start().await;
    let nodes = four(&settings(server.address())).await;
    let charge = rate(1, 1_000_000, 1_000, sync);
    let (admitted, ideal) = paced(&nodes, charge, per_second, Duration::from_secs(2)).await;
    let share = admitted as f64 / ideal as f64;
    // Exact, but for what the clocks of two processes do not agree on.
    let within = match sync {
        Sync::Lease => 0.02,
        Sync::Exact => 0.01,
    };
    assert!((share - 1.0).abs() <= within, "{sync:?} at {per_second}/s: {admitted} of {ideal}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn leased_below_the_limit() {
    accuracy(Sync::Lease, 900).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn leased_above_the_limit() {
    accuracy(Sync::Lease, 3_000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exact_below_the_limit() {
    accuracy(Sync::Exact, 900).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn exact_above_the_limit() {
    accuracy(Sync::Exact, 3_000).await;
}

#[tokio::test]
async fn a_leased_request_makes_no_call_of_its_own() {
    let server = RedisServer::start().await;
    let nodes = four(&settings(server.address())).await;
    let charge = rate(1, 1_000_000, 1_000, Sync::Lease);
    let (admitted, _) = paced(&nodes, charge, 800, Duration::from_secs(1)).await;
    let calls: u64 = nodes.iter().map(|node| node.seen.answered.load(Ordering::Relaxed)).sum();
    assert!(calls * 3 < admitted, "{calls} calls for {admitted} requests");
}

#[tokio::test]
async fn a_node_that_stops_gives_back_what_it_holds() {
    let server = RedisServer::start().await;
    let nodes = four(&settings(server.address())).await;
    let charge = quota(1, 1_000, Sync::Lease);
    let used = flood(&nodes, charge, 400).await;
    for node in &nodes {
        Arc::clone(&node.fleet).stop().await;
    }
    let stored = server.command(&["GET", "test:q:{00000000000000000000000000000001}"]).await;
    assert!(stored.trim_end().ends_with(&format!(" {used}")), "{used} used, stored {stored}");
    assert_eq!(server.command(&["ZCARD", "test:{nodes}"]).await, ":0\r\n");
}

#[tokio::test]
async fn what_is_not_used_comes_back_by_itself() {
    let server = RedisServer::start().await;
    let nodes = four(&settings(server.address())).await;
    let used = flood(&nodes, quota(1, 1_000, Sync::Lease), 400).await;
    until("all that is held", async || {
        let stored = server.command(&["GET", "test:q:{00000000000000000000000000000001}"]).await;
        stored.trim_end().ends_with(&format!(" {used}"))
    })
    .await;
}
