//! The scripts alone: what they count, what they give back, what they remember.

use crate::nodes::{Node, is_counted, is_refused, quota, rate, settings};
use engine::chain::SharedAnswer;
use limits::bucket::Take;
use limits::clock::{Now, now};
use limits::shared::{Charge, Sync};
use limits::window::Period;
use std::time::Duration;
use testkit::redis::RedisServer;

const CALENDAR: &str = include_str!("../../src/fleet/calendar.lua");

#[tokio::test]
async fn the_calendar_is_that_of_the_gateway() {
    let server = RedisServer::start().await;
    let script = format!(
        "{CALENDAR}
         local said = {{}}
         for at = tonumber(ARGV[2]), tonumber(ARGV[3]), tonumber(ARGV[4]) do
           local from, to = window(ARGV[1], at)
           said[#said + 1] = string.format('%d %d', from, to)
         end
         return table.concat(said, ';')"
    );
    // Odd steps, so that every hour of the day and every day of a month has its turn: 400 years, and five at close quarters.
    for (first, last, step) in
        [(345_600_u64, 12_700_000_000_u64, 2_777_777_u64), (1_700_000_000, 1_860_000_000, 33_331)]
    {
        for period in Period::ALL {
            let arguments = [first, last, step].map(|number| number.to_string());
            let [first_text, last_text, step_text] = &arguments;
            let said = server.command(&["EVAL", &script, "0", period.name(), first_text, last_text, step_text]).await;
            let said = said.split_once("\r\n").expect("a text").1.trim_end();
            let expected: Vec<String> = (first..=last)
                .step_by(usize::try_from(step).expect("small"))
                .map(|at| {
                    let window = period.window(Now::at_unix_seconds(at));
                    format!("{} {}", window.start_unix_s, window.end_unix_s)
                })
                .collect();
            assert!(said == expected.join(";"), "{}", period.name());
        }
    }
}

async fn granted_of(node: &Node, charge: Charge, requests: usize) -> usize {
    let mut granted = 0;
    for _ in 0..requests {
        granted += usize::from(is_counted(node.take(charge).await));
    }
    granted
}

#[tokio::test]
async fn an_exact_limit_is_exact_and_says_what_is_left() {
    let server = RedisServer::start().await;
    let node = Node::start("a", settings(server.address())).await;
    let slow = rate(1, 1, 5, Sync::Exact);
    let SharedAnswer::Counted(Take::Granted(taken)) = node.take(slow).await else { panic!("refused") };
    assert_eq!((taken.remaining, taken.reset_after.as_secs()), (4, 1_000));
    assert_eq!(granted_of(&node, slow, 10).await, 4);
    let SharedAnswer::Counted(Take::Refused { retry_after }) = node.take(slow).await else { panic!("granted") };
    assert!((998..=1_000).contains(&retry_after.as_secs()), "{retry_after:?}");
    let monthly = quota(2, 7, Sync::Exact);
    let SharedAnswer::Counted(Take::Granted(taken)) = node.take(monthly).await else { panic!("refused") };
    assert_eq!(taken.remaining, 6);
    assert_eq!(granted_of(&node, monthly, 10).await, 6);
    // A changed limit keeps what was consumed.
    assert_eq!(granted_of(&node, quota(2, 9, Sync::Exact), 10).await, 2);
    assert_eq!(granted_of(&node, rate(1, 1, 6, Sync::Exact), 10).await, 1);
    assert!(is_refused(node.take(rate(1, 1, 2, Sync::Exact)).await));
}

#[tokio::test]
async fn a_rate_fills_up_again() {
    let server = RedisServer::start().await;
    let node = Node::start("a", settings(server.address())).await;
    let charge = rate(1, 20_000, 2, Sync::Exact);
    assert!(is_counted(node.take(charge).await));
    let began = now();
    let mut granted = 1_u64;
    let mut refused = 0;
    while now().since(began) < Duration::from_millis(500) {
        match node.take(charge).await {
            SharedAnswer::Counted(Take::Granted(_)) => granted += 1,
            SharedAnswer::Counted(Take::Refused { retry_after }) => {
                assert!(retry_after <= Duration::from_millis(50), "{retry_after:?}");
                refused += 1;
                tokio::time::sleep(retry_after).await;
            }
            other @ (SharedAnswer::Alone(_) | SharedAnswer::Unavailable | SharedAnswer::Void) => panic!("{other:?}"),
        }
    }
    let passed = now().since(began);
    let filled = u64::try_from(passed.as_millis()).expect("short") / 50;
    assert!(refused > 0 && granted <= 2 + filled + 1, "{granted} in {passed:?}");
}

#[tokio::test]
async fn what_is_given_back_can_be_taken_again_once() {
    let server = RedisServer::start().await;
    let node = Node::start("a", settings(server.address())).await;
    for charge in [rate(1, 1, 3, Sync::Exact), quota(2, 3, Sync::Exact), quota(3, 100, Sync::Lease)] {
        let size = usize::try_from(charge.limit.size()).expect("small");
        assert_eq!(granted_of(&node, charge, size + 5).await, size, "{charge:?}");
        let taken = now();
        node.fleet.give_back(charge, taken, taken);
        crate::nodes::until("the place that was given back", async || is_counted(node.take(charge).await)).await;
        assert_eq!(granted_of(&node, charge, 5).await, 0, "{charge:?}");
    }
}

#[tokio::test]
async fn keys_expire_and_begin_with_the_prefix() {
    let server = RedisServer::start().await;
    let node = Node::start("a", settings(server.address())).await;
    node.take(rate(1, 1_000_000, 5, Sync::Exact)).await;
    node.take(quota(2, 5, Sync::Exact)).await;
    for (key, least, most) in [
        ("test:r:{00000000000000000000000000000001}", 1, 1_100),
        ("test:q:{00000000000000000000000000000002}", 1_000, 32 * 86_400_000),
        ("test:{nodes}", 1, 5_000),
    ] {
        let left = server.command(&["PTTL", key]).await;
        let left: i64 = left.trim_start_matches(':').trim_end().parse().expect("a number");
        assert!((least..=most).contains(&left), "{key}: {left}");
    }
}

#[tokio::test]
async fn a_store_that_forgot_the_scripts_is_told_them_again() {
    let server = RedisServer::start().await;
    let node = Node::start("a", settings(server.address())).await;
    let charge = quota(1, 10, Sync::Exact);
    assert!(is_counted(node.take(charge).await));
    server.command(&["SCRIPT", "FLUSH"]).await;
    assert!(is_counted(node.take(charge).await));
    assert!(node.fleet.is_reachable());
}
