//! Connections to upstreams that are kept open between requests.
//!
//! Pingora's own pool gives every idle connection a task that watches it, and whoever takes the connection waits for that task to let it
//! go. Here an idle connection is an entry in a table; whether it still lives is asked when it is taken, and once in a while
//! ([`Pool::sweep`]). Pingora keeps what is its own: TLS, the protocol, and the decision whether a connection may serve again
//! ([`lease`] hears of it). See `docs/decisions/0040-a-pool-of-our-own.md`.

mod connector;
mod lease;
mod socket;

use foldhash::fast::RandomState;
use limits::clock::Now;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::upstreams::peer::HttpPeer;
use socket::Socket;
use std::collections::HashMap;
use std::future::{Future as _, poll_fn};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};
use std::time::Duration;
use tokio::io::{AsyncRead, ReadBuf};
use tokio::task::unconstrained;

pub(crate) use connector::{Connector, keep_at_home};
pub(crate) use lease::{Usage, usage};

/// How often what is idle is looked through. An upstream that closes a connection sees it closed on our side this much later.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Two endpoints seldom wait for each other.
const SHARDS: usize = 16;

/// What has to be the same for a connection to serve another request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Key {
    /// Upstream and TLS settings, as the peer has them.
    group: u64,
    address: SocketAddr,
}

impl Key {
    /// None for a peer that is no Internet address.
    fn of(peer: &HttpPeer) -> Option<Self> {
        Some(Self { group: peer.group_key, address: *peer._address.as_inet()? })
    }
}

/// A connection with what stays the same as long as it lives.
#[derive(Debug)]
struct Kept {
    socket: Socket,
    /// Carries its [`Usage`], where a request finds it.
    digest: Arc<ProxyDigest>,
    key: Key,
    /// Between two requests.
    idle_timeout: Duration,
}

#[derive(Debug)]
struct Idle {
    kept: Kept,
    /// On the monotonic clock.
    since_ns: u64,
}

impl Idle {
    fn is_over(&self, idle_timeout: Duration, now: Now) -> bool {
        Duration::from_nanos(now.monotonic_ns.saturating_sub(self.since_ns)) >= idle_timeout
    }
}

/// The last to come is the first to go, so that those which are too many grow old.
type Stacks = HashMap<Key, Vec<Idle>, RandomState>;

#[repr(align(64))]
#[derive(Debug, Default)]
struct Shard(Mutex<Stacks>);

impl Shard {
    fn stacks(&self) -> MutexGuard<'_, Stacks> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[derive(Debug)]
pub(crate) struct Pool {
    shards: [Shard; SHARDS],
    idle: AtomicUsize,
    idle_max: usize,
}

impl Pool {
    /// Keeps so many idle connections at most, to all endpoints together.
    pub(crate) fn new(idle_max: usize) -> Arc<Self> {
        Arc::new(Self { shards: Default::default(), idle: AtomicUsize::new(0), idle_max })
    }

    fn shard(&self, key: &Key) -> &Shard {
        let place = key.group.wrapping_add(u64::from(key.address.port()));
        let place = usize::try_from(place % SHARDS as u64).unwrap_or_default();
        self.shards.get(place).unwrap_or(&self.shards[0])
    }

    /// A connection over which upstream says nothing, and which may be idle for so long from now on. Those that are of no use any more
    /// are closed on the way.
    fn take(&self, key: &Key, idle_timeout: Duration, now: Now) -> Option<Kept> {
        loop {
            let mut idle = self.shard(key).stacks().get_mut(key)?.pop()?;
            self.idle.fetch_sub(1, Ordering::Relaxed);
            // A reload may have shortened the time that it was put here for.
            idle.kept.idle_timeout = idle_timeout.min(idle.kept.idle_timeout);
            if !idle.is_over(idle.kept.idle_timeout, now) && is_quiet(&mut idle.kept.socket) {
                return Some(Kept { idle_timeout, ..idle.kept });
            }
        }
    }

    fn put(&self, kept: Kept, now: Now) {
        if kept.idle_timeout.is_zero() {
            return;
        }
        if self.idle.fetch_add(1, Ordering::Relaxed) >= self.idle_max {
            self.make_room();
        }
        let since_ns = now.monotonic_ns;
        self.shard(&kept.key).stacks().entry(kept.key).or_default().push(Idle { kept, since_ns });
    }

    /// Closes the sixteenth that was used least lately, whoever's it is.
    fn make_room(&self) {
        let mut times: Vec<u64> = Vec::with_capacity(self.idle_max);
        for shard in &self.shards {
            times.extend(shard.stacks().values().flatten().map(|idle| idle.since_ns));
        }
        let count = self.idle_max.div_ceil(16).min(times.len());
        if let Some(last) = count.checked_sub(1) {
            let (_, since_ns, _) = times.select_nth_unstable(last);
            self.close(|idle| idle.since_ns <= *since_ns);
        }
    }

    /// Closes what has been idle for too long, and what upstream has closed.
    pub(crate) fn sweep(&self, now: Now) {
        self.close(|idle| idle.is_over(idle.kept.idle_timeout, now) || !is_quiet(&mut idle.kept.socket));
    }

    fn close(&self, mut is_over: impl FnMut(&mut Idle) -> bool) {
        for shard in &self.shards {
            let mut closed = Vec::new();
            shard.stacks().retain(|_, stack| {
                closed.extend(stack.extract_if(.., &mut is_over));
                !stack.is_empty()
            });
            self.idle.fetch_sub(closed.len(), Ordering::Relaxed);
            // Closed behind the lock: it takes system calls.
            drop(closed);
        }
    }

    #[cfg(test)]
    fn idle(&self) -> usize {
        self.idle.load(Ordering::Relaxed)
    }
}

/// Whether upstream has nothing to say where nobody has asked. Anything else, the end included, makes a connection useless.
fn is_quiet(stream: &mut (impl AsyncRead + Unpin)) -> bool {
    let mut byte = [0];
    let mut buffer = ReadBuf::new(&mut byte);
    let reading = poll_fn(|context| Pin::new(&mut *stream).poll_read(context, &mut buffer));
    // Unconstrained: a task that has done enough for now would be told that there is nothing.
    pin!(unconstrained(reading)).poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

#[cfg(test)]
mod tests;
