//! A store that is away: nobody waits twice, nobody gets everything, and it is noticed when it is back.

use crate::nodes::{Node, four, is_counted, quota, rate, settings, until};
use engine::chain::SharedAnswer;
use limits::bucket::Take;
use limits::clock::now;
use limits::shared::{Charge, Sync};
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{OnFailure, RedisSettings};
use testkit::ports::BlackHole;
use testkit::redis::RedisServer;

const TIMEOUT: Duration = Duration::from_millis(100);

fn with(on_failure: OnFailure, server: &RedisServer) -> RedisSettings {
    RedisSettings { on_failure, timeout: TIMEOUT, ..settings(server.address()) }
}

fn is_alone(answer: SharedAnswer) -> bool {
    matches!(answer, SharedAnswer::Alone(Take::Granted(_)))
}

async fn timed(node: &Node, charge: Charge) -> (SharedAnswer, Duration) {
    let began = now();
    (node.take(charge).await, now().since(began))
}

#[tokio::test]
async fn a_halted_store_costs_one_time_out_and_then_nothing() {
    for sync in [Sync::Exact, Sync::Lease] {
        let server = RedisServer::start().await;
        let node = Node::start("a", with(OnFailure::LocalShare, &server)).await;
        assert!(is_counted(node.take(quota(1, 1_000, sync)).await));
        server.halt();
        // Another counter: of the first one a leased node may hold a part, which is as good as ever.
        let (answer, took) = timed(&node, quota(2, 1_000, sync)).await;
        assert!(is_alone(answer) && took >= TIMEOUT / 2 && took < TIMEOUT * 5, "{sync:?}: {answer:?} after {took:?}");
        let began = now();
        for number in 0..1_000 {
            assert!(is_alone(node.take(quota(3 + number, 1_000, sync)).await));
        }
        assert!(now().since(began) < TIMEOUT, "{sync:?}: a thousand took {:?}", now().since(began));
        server.go_on();
        until("the store again", async || is_counted(node.take(quota(4, 1_000_000, sync)).await)).await;
    }
}

#[tokio::test]
async fn a_killed_store_is_found_again_and_what_was_held_is_used_up_first() {
    let mut server = RedisServer::start().await;
    let nodes = four(&with(OnFailure::LocalShare, &server)).await;
    until("four nodes", async || nodes.iter().all(|node| node.seen.nodes.load(Ordering::Relaxed) == 4)).await;
    server.kill();
    // Each of the four grants its quarter.
    let charge = quota(1, 400, Sync::Exact);
    for node in &nodes {
        let mut granted = 0;
        for _ in 0..150 {
            granted += usize::from(is_alone(node.take(charge).await));
        }
        assert_eq!(granted, 100);
        assert!(node.seen.alone.load(Ordering::Relaxed) >= 150);
    }
    server.restart().await;
    for node in &nodes {
        until("the store again", async || is_counted(node.take(charge).await)).await;
    }
}

#[tokio::test]
async fn without_a_store_the_operator_decides() {
    let mut server = RedisServer::start().await;
    for (on_failure, expected) in [(OnFailure::Allow, true), (OnFailure::Deny, false)] {
        server.restart().await;
        let node = Node::start("a", with(on_failure, &server)).await;
        server.kill();
        for charge in [quota(1, 2, Sync::Exact), rate(2, 1, 2, Sync::Exact), quota(3, 100, Sync::Lease)] {
            for _ in 0..5 {
                let answer = node.take(charge).await;
                assert_eq!(is_alone(answer), expected, "{on_failure:?}: {answer:?}");
                assert_eq!(answer == SharedAnswer::Unavailable, !expected, "{on_failure:?}: {answer:?}");
            }
        }
    }
}

#[tokio::test]
async fn a_store_that_was_never_there_holds_nobody_up() {
    let hole = BlackHole::open().await.expect("a black hole");
    let began = now();
    let node = Node::start("a", RedisSettings { timeout: TIMEOUT, ..settings(hole.address()) }).await;
    assert!(now().since(began) < Duration::from_secs(3), "the first contact has a deadline");
    let (answer, took) = timed(&node, quota(1, 100, Sync::Lease)).await;
    assert!(is_alone(answer) && took < TIMEOUT, "{answer:?} after {took:?}");
    assert!(!node.fleet.is_reachable());
}

async fn stored(server: &RedisServer) -> String {
    let stored = server.command(&["GET", "test:q:{00000000000000000000000000000001}"]).await;
    stored.trim_end().rsplit(' ').next().unwrap_or_default().to_owned()
}

/// Also what a store forgot: it knows afterwards what passed while it was gone.
#[tokio::test]
async fn what_quotas_let_through_meanwhile_is_told_afterwards() {
    for on_failure in [OnFailure::LocalShare, OnFailure::Allow] {
        let mut server = RedisServer::start().await;
        let nodes =
            [Node::start("a", with(on_failure, &server)).await, Node::start("b", with(on_failure, &server)).await];
        until("two nodes", async || nodes.iter().all(|node| node.seen.nodes.load(Ordering::Relaxed) == 2)).await;
        server.kill();
        let charge = quota(1, 60, Sync::Exact);
        for node in &nodes {
            // The first one finds out, and finds nothing counted by a store that is gone.
            for _ in 0..20 {
                assert!(is_alone(node.take(charge).await), "{on_failure:?}");
            }
        }
        // Two come to nothing behind the gateway: they are not owed.
        let taken = now();
        for _ in 0..2 {
            nodes[0].fleet.give_back_alone(charge, taken, now());
        }
        server.restart().await;
        until("what is owed", async || stored(&server).await == "38").await;
        let mut granted = 0;
        for _ in 0..30 {
            granted += usize::from(is_counted(nodes[1].take(charge).await));
        }
        assert_eq!(granted, 22, "{on_failure:?}");
        // It is told once.
        assert_eq!(stored(&server).await, "60");
    }
}

/// Two nodes let through a whole limit between them, and the store had counted some before: it does not count beyond the limit.
#[tokio::test]
async fn no_more_than_the_limit_is_counted_afterwards() {
    let server = RedisServer::start().await;
    let node = Node::start("a", with(OnFailure::LocalShare, &server)).await;
    let charge = quota(1, 50, Sync::Exact);
    for _ in 0..30 {
        assert!(is_counted(node.take(charge).await));
    }
    server.halt();
    let mut granted = 0;
    for _ in 0..60 {
        granted += usize::from(is_alone(node.take(charge).await));
    }
    assert_eq!(granted, 50);
    server.go_on();
    until("what is owed", async || stored(&server).await == "50").await;
    until("the store again", async || node.fleet.is_reachable()).await;
    assert!(matches!(node.take(charge).await, SharedAnswer::Counted(Take::Refused { .. })));
}
