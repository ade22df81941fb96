//! Nodes that live in this process, and what they are asked.

use engine::chain::SharedAnswer;
use limits::bucket::{Rate, Take};
use limits::clock::now;
use limits::keyed::Key;
use limits::shared::{Charge, Limit, Sync};
use limits::window::Period;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Failed, Fleet, OnFailure, RedisSettings, Watch};
use tokio::task::AbortHandle;

pub fn settings(address: SocketAddr) -> RedisSettings {
    RedisSettings {
        servers: vec![(address.ip().to_string(), address.port())],
        cluster: false,
        tls: None,
        username: None,
        password: None,
        database: 0,
        // Longer than in a gateway: the machine of a test has other things to do.
        timeout: Duration::from_millis(500),
        on_failure: OnFailure::LocalShare,
        prefix: "test".to_owned(),
    }
}

#[derive(Default)]
pub struct Seen {
    pub answered: AtomicU64,
    pub failed: AtomicU64,
    pub alone: AtomicU64,
    pub nodes: AtomicU64,
}

impl Watch for Seen {
    fn answered(&self, _took: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn failed(&self, _why: Failed) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    fn reachable(&self, _yes: bool) {}

    fn nodes(&self, nodes: u64) {
        self.nodes.store(nodes, Ordering::Relaxed);
    }

    fn decided_alone(&self) {
        self.alone.fetch_add(1, Ordering::Relaxed);
    }
}

pub struct Node {
    pub fleet: Arc<Fleet>,
    pub seen: Arc<Seen>,
    background: AbortHandle,
}

impl Node {
    pub async fn start(name: &str, settings: RedisSettings) -> Self {
        let seen = Arc::new(Seen::default());
        let fleet = Arc::new(Fleet::new(settings, name, Arc::clone(&seen) as Arc<dyn Watch>));
        fleet.connect().await;
        let background = tokio::spawn(Arc::clone(&fleet).run()).abort_handle();
        Self { fleet, seen, background }
    }

    pub async fn take(&self, charge: Charge) -> SharedAnswer {
        self.fleet.charge(charge, now()).await
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.background.abort();
    }
}

pub async fn four(settings: &RedisSettings) -> [Node; 4] {
    let node = |name| Node::start(name, settings.clone());
    [node("a").await, node("b").await, node("c").await, node("d").await]
}

pub fn quota(number: u128, limit: u64, sync: Sync) -> Charge {
    // A month: no test runs over the end of more than one in a million.
    Charge { counter: Key::from_u128(number), limit: Limit::Count { limit, period: Period::Month }, sync }
}

pub fn rate(number: u128, milli: u64, burst: u64, sync: Sync) -> Charge {
    let rate = Rate::new(milli, burst).expect("within bounds");
    Charge { counter: Key::from_u128(number), limit: Limit::Rate(rate), sync }
}

/// The n-th request comes to this node: nine, four, two and one in sixteen.
pub fn skewed(nodes: &[Node; 4], number: usize) -> &Node {
    match number.wrapping_mul(7) % 16 {
        0..9 => &nodes[0],
        9..13 => &nodes[1],
        13..15 => &nodes[2],
        _ => &nodes[3],
    }
}

pub fn is_counted(answer: SharedAnswer) -> bool {
    matches!(answer, SharedAnswer::Counted(Take::Granted(_)))
}

pub fn is_refused(answer: SharedAnswer) -> bool {
    matches!(answer, SharedAnswer::Counted(Take::Refused { .. }))
}

/// Looks again and again until it is so.
pub async fn until(what: &str, look: impl AsyncFn() -> bool) {
    let so = async {
        while !look().await {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), so).await.is_ok(), "{what} does not come");
}
