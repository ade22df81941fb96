//! What is taken from the pool, and what goes back.

use super::checkout::{Checkout, Usage, usage};
use super::socket::is_silent;
use super::{Connector, Kept, Key, Pool, Socket, make_sure};
use limits::clock::{self, Now};
use pingora::connectors::ConnectorOptions;
use pingora::http::ResponseHeader;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::protocols::{GetProxyDigest as _, Shutdown, Stream};
use pingora::upstreams::peer::HttpPeer;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(10);
const IDLE: Duration = Duration::from_secs(60);
const START: Now = Now::at_unix_seconds(1_000_000);

const fn key(group: u64) -> Key {
    Key { group, address: SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 80) }
}

fn pool(idle_max: usize) -> Arc<Pool> {
    let pool = Arc::<Pool>::default();
    pool.keep_at_most(idle_max);
    pool
}

/// A connection, and its other end.
async fn connection(group: u64) -> (Kept, TcpStream) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let (ours, theirs) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
    let socket = Socket::Plain(ours.unwrap());
    let answer = Box::new(ResponseHeader::build(200, None).unwrap());
    let digest = Arc::new(ProxyDigest::new(answer, Some(Box::new(Usage::default()))));
    (Kept { socket, digest, key: key(group), idle_timeout: IDLE }, theirs.unwrap().0)
}

fn id(kept: &Kept) -> i32 {
    kept.socket.id()
}

/// Until that is so: the other end's doing arrives in its time.
async fn until(mut so: impl FnMut() -> bool) {
    let looked = async {
        while !so() {
            tokio::task::yield_now().await;
        }
    };
    timeout(PATIENCE, looked).await.unwrap();
}

/// The other end sees the end.
async fn is_closed(theirs: &mut TcpStream) {
    assert_eq!(timeout(PATIENCE, theirs.read(&mut [0])).await.unwrap().unwrap(), 0);
}

#[tokio::test]
async fn the_last_to_come_is_the_first_to_go_and_only_to_its_own() {
    let pool = pool(8);
    let ((one, _one), (two, _two), (other, _other)) = (connection(1).await, connection(1).await, connection(2).await);
    let ids = [&one, &two, &other].map(id);
    for kept in [one, two, other] {
        pool.put(kept, START);
    }
    assert_eq!(pool.idle(), 3);
    assert!(pool.take(&key(3), IDLE, START).is_none());
    let elsewhere = Key { address: (Ipv4Addr::LOCALHOST, 81).into(), ..key(1) };
    assert!(pool.take(&elsewhere, IDLE, START).is_none());
    let taken = [1, 1, 2].map(|group| id(&pool.take(&key(group), IDLE, START).unwrap()));
    assert_eq!(taken, [ids[1], ids[0], ids[2]]);
    assert!(pool.take(&key(1), IDLE, START).is_none());
    assert_eq!(pool.idle(), 0);
}

/// Where it has to be sure, whether or not the event loop has heard of it yet: nothing is waited for here.
#[tokio::test]
async fn what_upstream_has_closed_or_talks_on_serves_nobody() {
    let pool = pool(8);
    let connector = Connector::new(ConnectorOptions::new(1), Arc::clone(&pool));
    let mut peer = HttpPeer { group_key: 1, ..HttpPeer::new(key(1).address, false, String::new()) };
    make_sure(&mut peer);
    let ((good, _good), (closed, their_closed), (talking, mut their_talking)) =
        (connection(1).await, connection(1).await, connection(1).await);
    let expected = id(&good);
    for kept in [good, talking, closed] {
        pool.put(kept, clock::now());
    }
    drop(their_closed);
    their_talking.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    assert_eq!(id(&connector.kept(&peer, &key(1)).await.unwrap()), expected);
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn what_was_idle_for_too_long_is_not_taken_and_is_closed() {
    let pool = pool(8);
    let ((kept, mut theirs), (young, _young)) = (connection(1).await, connection(2).await);
    pool.put(kept, START);
    assert!(pool.take(&key(1), IDLE, START.plus(IDLE)).is_none());
    is_closed(&mut theirs).await;

    let (kept, mut theirs) = connection(1).await;
    pool.put(kept, START);
    pool.put(young, START.plus(IDLE));
    pool.sweep(START.plus(IDLE).plus(Duration::from_nanos(1)));
    is_closed(&mut theirs).await;
    assert_eq!(pool.idle(), 1);
    assert!(pool.take(&key(2), IDLE, START.plus(IDLE)).is_some());
}

/// `idleTimeout: 0s`: none is kept, not even until somebody looks.
#[tokio::test]
async fn what_may_not_be_idle_is_closed_at_once() {
    let pool = pool(8);
    let (kept, mut theirs) = connection(1).await;
    pool.put(Kept { idle_timeout: Duration::ZERO, ..kept }, START);
    is_closed(&mut theirs).await;
    assert_eq!(pool.idle(), 0);
}

#[tokio::test]
async fn what_upstream_closes_is_closed_here_by_the_next_sweep() {
    let pool = pool(8);
    let ((kept, theirs), (good, _good)) = (connection(1).await, connection(1).await);
    pool.put(kept, START);
    pool.put(good, START);
    pool.sweep(START);
    assert_eq!(pool.idle(), 2);
    drop(theirs);
    until(|| {
        pool.sweep(START);
        pool.idle() == 1
    })
    .await;
}

/// Whoever's they are, and however long they might still have stayed.
#[tokio::test]
async fn the_ones_too_many_are_those_used_least_lately() {
    let pool = pool(4);
    let mut ends = Vec::new();
    for group in 0..6 {
        let (kept, theirs) = connection(group).await;
        let idle_timeout = if group < 2 { 60 * IDLE } else { IDLE };
        pool.put(Kept { idle_timeout, ..kept }, START.plus(Duration::from_secs(group)));
        ends.push(theirs);
        assert!(pool.idle() <= 4);
    }
    for theirs in &mut ends[..2] {
        is_closed(theirs).await;
    }
    let now = START.plus(Duration::from_secs(6));
    let left: Vec<u64> = (0..6).filter(|group| pool.take(&key(*group), IDLE, now).is_some()).collect();
    assert_eq!(left, [2, 3, 4, 5]);
}

/// What a reload says counts for what is idle already, and for what serves again.
#[tokio::test]
async fn the_newest_idle_time_out_counts() {
    let pool = pool(8);
    let (short, long) = (Duration::from_secs(5), 10 * IDLE);
    let ((kept, _theirs), later) = (connection(1).await, START.plus(short));
    pool.put(kept, START);
    assert!(pool.take(&key(1), short, later).is_none());

    let (kept, mut theirs) = connection(1).await;
    pool.put(kept, START);
    assert!(pool.take(&key(1), long, START.plus(IDLE)).is_none(), "upstream was promised no longer time");
    is_closed(&mut theirs).await;

    let (kept, _theirs) = connection(1).await;
    pool.put(kept, START);
    let kept = pool.take(&key(1), long, START).unwrap();
    pool.put(kept, START);
    assert!(pool.take(&key(1), long, START.plus(IDLE)).is_some());
}

/// One exchange over a connection: what happened before Pingora let go of it, and whether it did.
struct Played {
    answered: bool,
    asked: bool,
    then: Then,
}

enum Then {
    Nothing,
    More,
    Shut,
}

async fn goes_home(played: Played) -> bool {
    let pool = pool(8);
    let (kept, mut theirs) = connection(1).await;
    let mut checkout = Box::new(Checkout::new(kept, &pool, false));
    checkout.write_all(b"a question").await.unwrap();
    checkout.flush().await.unwrap();
    theirs.write_all(b"an answer").await.unwrap();
    timeout(PATIENCE, checkout.read_exact(&mut [0; 9])).await.unwrap().unwrap();
    if played.answered {
        usage(&checkout.get_proxy_digest().unwrap()).unwrap().answered();
    }
    if played.asked {
        let mut stream: Stream = checkout;
        assert_eq!(is_silent(&mut stream), !played.answered, "Pingora is to let go of it");
        checkout = stream.into_any().downcast().unwrap();
    }
    match played.then {
        Then::Nothing => {}
        Then::More => checkout.write_all(b"more").await.unwrap(),
        Then::Shut => Shutdown::shutdown(&mut *checkout).await,
    }
    drop(checkout);
    pool.idle() == 1
}

#[tokio::test]
async fn only_what_pingora_lets_go_of_behind_a_whole_answer_goes_home() {
    let played = |answered, asked, then| goes_home(Played { answered, asked, then });
    assert!(played(true, true, Then::Nothing).await);
    assert!(!played(true, false, Then::Nothing).await, "dropped: of no use");
    assert!(!played(false, true, Then::Nothing).await, "the byte is one of the answer");
    assert!(!played(false, false, Then::Nothing).await);
    assert!(!played(true, true, Then::More).await, "in use again");
    assert!(!played(true, true, Then::Shut).await, "shut down");
}
