//! Names against a resolver that answers when the test lets it.

use super::{ANSWER_TIMEOUT, Desk, Inquiry, RETRY_INTERVAL, Resolved, Resolver};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::Instant;

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(600);

/// A name server under the test's hand.
#[derive(Default)]
struct Server {
    state: Mutex<State>,
    change: Condvar,
}

#[derive(Default)]
struct State {
    asked: u32,
    waiting: usize,
    most_waiting: usize,
    answer: Says,
}

#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Says {
    #[default]
    Nothing,
    NoSuchName,
    Is(SocketAddr),
}
use Says::{Is, NoSuchName, Nothing};

impl Server {
    fn answer(&self, answer: Says) {
        self.state.lock().unwrap().answer = answer;
        self.change.notify_all();
    }

    fn asked(&self) -> u32 {
        self.state.lock().unwrap().asked
    }

    fn serve(&self) -> io::Result<Vec<SocketAddr>> {
        let mut state = self.state.lock().unwrap();
        state.asked += 1;
        state.waiting += 1;
        state.most_waiting = state.most_waiting.max(state.waiting);
        self.change.notify_all();
        let silent = |state: &mut State| state.answer == Nothing;
        let (mut state, _) = self.change.wait_timeout_while(state, Duration::from_secs(30), silent).unwrap();
        state.waiting -= 1;
        match state.answer {
            Is(address) => Ok(vec![address]),
            NoSuchName | Nothing => Err(io::Error::other("no such name")),
        }
    }

    /// Until so many questions have come.
    async fn wait_for(self: &Arc<Self>, questions: u32) {
        let server = Arc::clone(self);
        let waiting = tokio::task::spawn_blocking(move || {
            let state = server.state.lock().unwrap();
            drop(server.change.wait_while(state, |state| state.asked < questions).unwrap());
        });
        waiting.await.unwrap();
    }
}

fn resolver(server: &Arc<Server>, turns: usize, patience: Duration) -> Resolver {
    let server = Arc::clone(server);
    let ask = move |_: &str, _: u16| server.serve();
    Resolver::new(Desk { ask: Box::new(ask), turns: Arc::new(Semaphore::new(turns)), patience })
}

fn address(last: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, last], 80))
}

/// Until the question that is under way has ended.
async fn settled(name: &Resolved) {
    while name.inquiry().is_under_way {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_system_is_asked_on_demand() {
    let resolver = Resolver::default();
    let first = resolver.name(&"localhost".into(), 80);
    assert!(Arc::ptr_eq(&first, &resolver.name(&"localhost".into(), 80)));
    assert!(first.address(ANSWER_TIMEOUT).await.is_some_and(|address| address.ip().is_loopback()));
    let dead = resolver.name(&"no-such-host.invalid".into(), 80);
    assert_eq!(dead.address(ANSWER_TIMEOUT).await, None);
}

#[tokio::test]
async fn many_requests_are_one_question() {
    let server = Arc::new(Server::default());
    let resolver = resolver(&server, 16, LONG);
    let name = resolver.name(&"a.example".into(), 80);
    let mut requests = JoinSet::new();
    for _ in 0..100 {
        let name = Arc::clone(&name);
        requests.spawn(async move { name.address(LONG).await });
    }
    server.wait_for(1).await;
    server.answer(Is(address(1)));
    assert_eq!(requests.join_all().await, [Some(address(1)); 100]);
    assert_eq!(server.asked(), 1);
}

#[tokio::test]
async fn where_a_name_has_failed_nobody_waits_and_only_the_keeper_asks() {
    let server = Arc::new(Server::default());
    server.answer(NoSuchName);
    let resolver = resolver(&server, 16, LONG);
    let name = resolver.name(&"a.example".into(), 80);
    assert_eq!(name.address(LONG).await, None);
    settled(&name).await;
    server.answer(Nothing);
    for _ in 0..10 {
        assert_eq!(name.address(LONG).await, None);
    }
    resolver.look(Instant::now());
    assert_eq!(server.asked(), 1, "it is not due yet");
    resolver.look(Instant::now() + RETRY_INTERVAL);
    server.wait_for(2).await;
    assert_eq!(name.address(LONG).await, None, "a question under way is not waited for either");
    server.answer(Is(address(1)));
    settled(&name).await;
    assert_eq!(name.address(LONG).await, Some(address(1)));
}

/// What a change at the name server, or its outage, does to requests.
#[tokio::test]
async fn an_answer_is_asked_for_again_and_outlives_failures() {
    let server = Arc::new(Server::default());
    server.answer(Is(address(1)));
    let resolver = resolver(&server, 16, LONG);
    let name = resolver.name(&"a.example".into(), 80);
    let mut later = Instant::now();
    for (answer, expected) in [
        (Is(address(1)), address(1)),
        (Is(address(2)), address(2)),
        (NoSuchName, address(2)),
        (NoSuchName, address(2)),
        (Is(address(3)), address(3)),
    ] {
        server.answer(answer);
        resolver.look(later);
        settled(&name).await;
        assert_eq!(name.address(LONG).await, Some(expected));
        later += LONG;
    }
    assert_eq!(server.asked(), 5);
}

#[tokio::test]
async fn a_silent_server_takes_few_threads_and_no_more_patience_than_there_is() {
    let server = Arc::new(Server::default());
    let resolver = resolver(&server, 2, Duration::ZERO);
    let names: Vec<_> = (0..5).map(|at| resolver.name(&format!("{at}.example").into(), 80)).collect();
    for name in &names {
        assert_eq!(name.address(LONG).await, None);
    }
    server.wait_for(2).await;
    // Each is still being asked for.
    resolver.look(Instant::now() + LONG);
    server.answer(Is(address(1)));
    for name in &names {
        settled(name).await;
        assert_eq!(name.address(LONG).await, Some(address(1)), "an answer that comes late is one");
    }
    assert_eq!((server.asked(), server.state.lock().unwrap().most_waiting), (5, 2));
}

#[tokio::test]
async fn a_request_with_little_time_waits_no_longer() {
    let server = Arc::new(Server::default());
    let resolver = resolver(&server, 16, LONG);
    let name = resolver.name(&"a.example".into(), 80);
    assert_eq!(name.address(Duration::ZERO).await, None);
    server.answer(Is(address(1)));
}

#[test]
fn the_log_is_told_of_changes() {
    let now = Instant::now();
    let mut inquiry = Inquiry { is_under_way: false, due: now, failures: 0, complaint: None };
    assert!(!inquiry.came(now), "nothing was wrong");
    assert!(inquiry.failed("no such name", now));
    assert!(!inquiry.failed("no such name", now));
    assert!(inquiry.failed("no answer", now));
    let wait = |inquiry: &Inquiry| inquiry.due.duration_since(now).as_secs();
    assert_eq!(wait(&inquiry), 4);
    for _ in 0..100 {
        assert!(!inquiry.failed("no answer", now));
    }
    assert_eq!(wait(&inquiry), 10);
    assert!(inquiry.came(now));
    assert!(!inquiry.came(now));
    assert!(inquiry.failed("no answer", now));
    assert_eq!(wait(&inquiry), 1);
}
