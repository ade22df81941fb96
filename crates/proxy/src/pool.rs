//! Connections to upstreams that are kept open between requests.
//!
//! Pingora's own pool gives every idle connection a task that watches it, and whoever takes the connection waits for that task to let it
//! go. Here an idle connection is an entry in a table; whether it still lives is asked when it is taken, and once in a while
//! ([`Pool::sweep`]). Pingora keeps what is its own: TLS, the protocol, and the decision whether a connection may serve again
//! ([`checkout`] hears of it). See `docs/decisions/0040-a-pool-of-our-own.md`.

mod checkout;
mod connector;
mod socket;

use foldhash::fast::RandomState;
use limits::clock::Now;
use pingora::protocols::raw_connect::ProxyDigest;
use pingora::upstreams::peer::HttpPeer;
use socket::Socket;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub(crate) use checkout::{Usage, usage};
pub(crate) use connector::{Connector, keep_at_home, make_sure};

/// How often what is idle is looked through. An upstream that closes a connection sees it closed on our side this much later.
pub(crate) const SWEEP_INTERVAL: Duration = Duration::from_secs(1);

/// Two endpoints seldom wait for each other.
const SHARDS: usize = 16;
/// Of one endpoint, under one lock.
const LOOKED_AT_ONCE: usize = 32;
/// Where there are too many.
const CLOSED_AT_ONCE: usize = 64;

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
    fn is_over(&self, now: Now) -> bool {
        Duration::from_nanos(now.monotonic_ns.saturating_sub(self.since_ns)) >= self.kept.idle_timeout
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

#[derive(Debug, Default)]
pub(crate) struct Pool {
    shards: [Shard; SHARDS],
    idle: AtomicUsize,
    idle_max: AtomicUsize,
    /// Somebody closes those too many: the others need not.
    is_making_room: AtomicBool,
}

impl Pool {
    /// How many may be idle, to all endpoints together; none until this is said.
    pub(crate) fn keep_at_most(&self, idle_max: usize) {
        self.idle_max.store(idle_max, Ordering::Relaxed);
    }

    pub(crate) fn idle(&self) -> usize {
        self.idle.load(Ordering::Relaxed)
    }

    fn shard(&self, key: &Key) -> &Shard {
        let address = match key.address.ip() {
            IpAddr::V4(address) => u64::from(u32::from(address)),
            // The part that tells hosts of one network apart.
            IpAddr::V6(address) => address.segments().iter().skip(4).fold(0, |all, part| all << 16 | u64::from(*part)),
        };
        let place = key.group ^ address ^ u64::from(key.address.port());
        let place = usize::try_from(place % SHARDS as u64).unwrap_or_default();
        self.shards.get(place).unwrap_or(&self.shards[0])
    }

    /// A connection that was not idle for longer than this, and no longer than what it was put here with.
    fn take(&self, key: &Key, idle_timeout: Duration, now: Now) -> Option<Kept> {
        loop {
            let mut idle = self.shard(key).stacks().get_mut(key)?.pop()?;
            self.idle.fetch_sub(1, Ordering::Relaxed);
            // A reload may have shortened the time since.
            idle.kept.idle_timeout = idle_timeout.min(idle.kept.idle_timeout);
            if !idle.is_over(now) {
                return Some(Kept { idle_timeout, ..idle.kept });
            }
        }
    }

    fn put(&self, kept: Kept, now: Now) {
        if kept.idle_timeout.is_zero() {
            return;
        }
        if self.idle.fetch_add(1, Ordering::Relaxed) >= self.idle_max.load(Ordering::Relaxed) {
            self.make_room();
        }
        let since_ns = now.monotonic_ns;
        self.shard(&kept.key).stacks().entry(kept.key).or_default().push(Idle { kept, since_ns });
    }

    /// Closes some of those that were used least lately, whoever's they are. Some at once, as it takes a look at all of them.
    fn make_room(&self) {
        if self.is_making_room.swap(true, Ordering::Acquire) {
            return;
        }
        let mut times = Vec::new();
        for shard in &self.shards {
            times.extend(shard.stacks().values().flatten().map(|idle| idle.since_ns));
        }
        let too_many = times.len().saturating_add(1).saturating_sub(self.idle_max.load(Ordering::Relaxed));
        let count = too_many.max(times.len().div_ceil(16).min(CLOSED_AT_ONCE)).min(times.len());
        if let Some(last) = count.checked_sub(1) {
            let (_, since_ns, _) = times.select_nth_unstable(last);
            self.close(|idle| idle.since_ns <= *since_ns);
        }
        self.is_making_room.store(false, Ordering::Release);
    }

    /// Closes what has been idle for too long, and what upstream has closed.
    pub(crate) fn sweep(&self, now: Now) {
        self.close(|idle| idle.is_over(now) || !idle.kept.socket.is_quiet());
    }

    fn close(&self, mut is_over: impl FnMut(&mut Idle) -> bool) {
        for shard in &self.shards {
            let keys: Vec<Key> = shard.stacks().keys().copied().collect();
            for key in keys {
                self.close_some(shard, &key, &mut is_over);
            }
        }
    }

    /// A few at a time: whoever wants a connection meanwhile waits for no more than these.
    fn close_some(&self, shard: &Shard, key: &Key, mut is_over: impl FnMut(&mut Idle) -> bool) {
        let mut begin: usize = 0;
        loop {
            let mut stacks = shard.stacks();
            let Some(stack) = stacks.get_mut(key) else { return };
            let end = begin.saturating_add(LOOKED_AT_ONCE).min(stack.len());
            let closed: Vec<Idle> = stack.extract_if(begin.min(end)..end, &mut is_over).collect();
            self.idle.fetch_sub(closed.len(), Ordering::Relaxed);
            begin = end.saturating_sub(closed.len());
            let is_done = begin >= stack.len();
            if stack.is_empty() {
                stacks.remove(key);
            }
            drop(stacks);
            // Behind the lock: it takes system calls.
            drop(closed);
            if is_done {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests;
