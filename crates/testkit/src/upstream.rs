//! A test upstream on raw sockets: it keeps what it received, byte for byte, and misbehaves on demand. Runs on a thread and a runtime
//! of its own, so that it answers whatever the test is waiting for.

mod gatekeeper;
mod misbehave;
mod record;
mod serve;

pub use misbehave::Misbehaviour;
pub use record::Received;

use crate::http1::Headers;
use record::Record;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use tokio::runtime;
use tokio::sync::oneshot;
use tokio::time::timeout;

/// How long [`Upstream::wait_for`] waits.
const DEADLINE: Duration = Duration::from_secs(10);

/// What the upstream does with a request. A path `/__misbehave/NAME` or `/__misbehave/NAME/MILLISECONDS` overrides it for one request
/// (see [`Misbehaviour::named`]).
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// Answers 200 and, as JSON, what it received: `method`, `target`, `version`, `headers` (pairs in their order), `body`.
    Echo,
    /// The same answer to everything.
    Fixed(Answer),
    /// An answer for each path, and 404 for others.
    ByPath(Vec<(String, Answer)>),
    Misbehave(Misbehaviour),
    /// An auth service: what it answers is in the credential that it is shown, see [`gatekeeper`].
    Gatekeeper,
}

/// A response. `Content-Length` is added.
#[derive(Clone, Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: Headers,
    pub body: Vec<u8>,
}

/// A running upstream; it ends when dropped.
pub struct Upstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Dropped first: it tells the thread to end.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    record: Record,
}

impl Shared {
    fn behaviour(&self) -> Behaviour {
        self.behaviour.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// An upstream that echoes.
///
/// # Panics
/// If no socket or thread can be had.
#[must_use]
pub fn echo() -> Upstream {
    started(Behaviour::Echo)
}

/// An upstream that always answers the same.
///
/// # Panics
/// If no socket or thread can be had.
#[must_use]
pub fn fixed(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Upstream {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    started(Behaviour::Fixed(Answer { status, headers, body: body.to_vec() }))
}

/// An auth service that does what the bearer token says: `allow/NAME` lets in and names the consumer, `plan/NAME` names it and a plan,
/// `deny` is 403 with a page, `move` a redirect, `bare/STATUS` that status and nothing else, and the name of a [`Misbehaviour`] is
/// one. Anything else, and nothing at all, is 401 with a page, a challenge and a cookie.
///
/// # Panics
/// If no socket or thread can be had.
#[must_use]
pub fn gatekeeper() -> Upstream {
    started(Behaviour::Gatekeeper)
}

/// An upstream that always misbehaves in one way.
///
/// # Panics
/// If no socket or thread can be had.
#[must_use]
pub fn misbehaving(how: Misbehaviour) -> Upstream {
    started(Behaviour::Misbehave(how))
}

#[expect(clippy::expect_used, reason = "without an upstream the test is over")]
fn started(behaviour: Behaviour) -> Upstream {
    Upstream::start(behaviour).expect("cannot start a test upstream")
}

impl Upstream {
    /// On a loopback port that the system chooses.
    pub fn start(behaviour: Behaviour) -> io::Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into(), behaviour)
    }

    pub fn start_at(address: SocketAddr, behaviour: Behaviour) -> io::Result<Self> {
        let listener = TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { behaviour: Mutex::new(behaviour), record: Record::default() });
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let theirs = Arc::clone(&shared);
        let thread = thread::Builder::new().name("upstream".to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve::accept(listener, theirs) => {}
                    _ = stopped => {}
                }
            });
            // Does not wait for connections that misbehave for a long time.
            runtime.shutdown_background();
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Holds from the next request on.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    /// Everything that came so far, in the order of arrival; the oldest is forgotten beyond 64 MiB.
    #[must_use]
    pub fn received(&self) -> Vec<Received> {
        self.shared.record.all()
    }

    /// How many well-formed requests came so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.shared.record.count()
    }

    /// How many connections it has closed so far: the other side has its end, looked for or not.
    #[must_use]
    pub fn closed(&self) -> u64 {
        self.shared.record.closed()
    }

    /// How many connections were opened so far.
    #[must_use]
    pub fn connections(&self) -> u64 {
        self.shared.record.connections()
    }

    /// Waits until `count` well-formed requests have come; false if they do not within ten seconds.
    pub async fn wait_for(&self, count: u64) -> bool {
        timeout(DEADLINE, self.shared.record.wait_for(count)).await.is_ok()
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic in it has been reported already.
            thread.join().ok();
        }
    }
}

#[cfg(test)]
mod tests;
