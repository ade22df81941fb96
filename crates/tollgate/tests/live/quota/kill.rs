//! `kill -9` under load: at most a second of calls is lost, and no count begins again. The long form, with 200 kills, is
//! `loadtest/src/bin/quota-kill.rs`.

use super::{CONFIG, built, used};
use crate::program::eventually;
use crate::random::Random;
use limits::clock::{Now, now};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use testkit::client::Client;
use tokio::task::JoinSet;

const KILLS: usize = 4;
const CLIENTS: usize = 8;
const SEED: u64 = 0x7011_6a7e;
/// What may be lost.
const SECOND: Duration = Duration::from_secs(1);

/// What the clients have seen of one life of the gateway.
#[derive(Default)]
struct Seen {
    sent: AtomicU64,
    /// When each admitted call was answered.
    admitted: Mutex<Vec<Now>>,
}

/// Calls without a pause until the gateway is gone.
async fn call(client: Client, seen: Arc<Seen>) {
    let mut connection = client.connect().await;
    let request = client.get("/open").header("x-api-key", "key-of-acme").bytes();
    loop {
        seen.sent.fetch_add(1, Ordering::Relaxed);
        match connection.exchange(&request).await {
            Ok(response) if response.status == 200 => seen.admitted.lock().unwrap().push(now()),
            Ok(response) => panic!("{response}"),
            Err(_gone) => return,
        }
    }
}

#[tokio::test]
async fn a_kill_loses_less_than_a_second_of_calls() {
    let mut random = Random::new(SEED);
    let gateway = built(CONFIG).start().await;
    let mut counted = 0;
    for kill in 0..KILLS {
        let seen = Arc::new(Seen::default());
        let mut clients = JoinSet::new();
        for _ in 0..CLIENTS {
            clients.spawn(call(gateway.client(), Arc::clone(&seen)));
        }
        let (began, life) = (now(), SECOND + Duration::from_millis(u64::try_from(random.below(1_000)).unwrap()));
        eventually("the end of a life", async || (now().since(began) > life).then_some(())).await;
        let killed = now();
        gateway.kill().await;
        clients.join_all().await;
        gateway.start_again().await;
        let found = used(&gateway, "acme");
        let admitted = seen.admitted.lock().unwrap();
        let safe = admitted.iter().filter(|answered| killed.since(**answered) >= SECOND).count();
        let (safe, sent) = (u64::try_from(safe).unwrap(), seen.sent.load(Ordering::Relaxed));
        assert!(safe > 0, "kill {kill} of seed {SEED:#x} came before anything was to be kept");
        assert!(
            (counted + safe..=counted + sent).contains(&found),
            "kill {kill} of seed {SEED:#x}: {found} are counted, {counted} were before; then {safe} of {} admitted calls were \
             answered a second before the kill, and {sent} were sent",
            admitted.len()
        );
        counted = found;
    }
}
